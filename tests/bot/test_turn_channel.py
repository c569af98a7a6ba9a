"""The turn channel against a running Rasa, a real action server and a real database."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from rasa.shared.exceptions import RasaException

from bot.turn_channel import TurnChannel
from tests.bot.neighbours import SECRET, RunningRasa, ScriptedActions


def test_a_turn_answers_with_what_it_uttered(rasa: RunningRasa) -> None:
    """The whole answer: messages with buttons, intent, entities, form, all under one turn id."""
    answer = rasa.say("plain", "t1", "good morning").json()

    (message,) = answer["messages"]
    assert message["text"] == "Good morning. What can I do for you?"
    assert message["buttons"] == [{"title": "Return something", "payload": "/request_return"}]
    assert (answer["turn"], answer["replayed"], answer["loop"]) == ("t1", False, None)
    assert answer["intent"]["name"] == "greet"
    assert 0 < answer["intent"]["confidence"] <= 1


def test_what_an_action_sends_beside_text_comes_through(rasa: RunningRasa) -> None:
    """Citations and tickets travel in `custom`."""
    (message,) = rasa.say("custom", "t1", "what is your return policy").json()["messages"]

    assert message["custom"] == {"kind": "answer", "citations": ["returns"]}


def test_a_form_runs_over_several_turns(rasa: RunningRasa) -> None:
    """Loop, requested slot and entities are what the gateway shows to agents."""
    first = rasa.say("form", "t1", "I want to return my order").json()
    second = rasa.say("form", "t2", "it is a-10482, I think").json()
    third = rasa.say("form", "t3", "far too loud").json()

    assert (first["loop"], first["requested_slot"]) == ("return_form", "order_number")
    assert (second["loop"], second["requested_slot"]) == ("return_form", "reason")
    assert [e["value"].upper() for e in second["entities"]] == ["A-10482"]
    assert (third["loop"], third["requested_slot"]) == (None, None)
    assert third["messages"][0]["text"] == "Your return has the number RMA-000017."


def test_a_repeated_turn_is_replayed_not_run(rasa: RunningRasa, actions: ScriptedActions) -> None:
    """A retry must get the same answer, to the last key, and do nothing, however late it comes."""
    first = rasa.say("again", "t1", "I want to return my order").json()
    answer = rasa.say("again", "t2", "A-10482").json()
    rasa.say("again", "t3", "too loud")
    before, calls = rasa.events("again"), list(actions.calls)

    for body, turn in ((first, "t1"), (answer, "t2")):
        again = rasa.say("again", turn, "whatever is said now").json()
        assert again == {**body, "replayed": True}

    assert rasa.events("again") == before
    assert actions.calls == calls


def test_twenty_posts_of_one_turn_run_once(rasa: RunningRasa, actions: ScriptedActions) -> None:
    """A gateway that retries too eagerly must not open twenty returns."""
    with ThreadPoolExecutor(20) as pool:
        answers = list(
            pool.map(
                lambda _: rasa.say("burst", "t1", "what is your return policy").json(), range(20)
            )
        )

    assert sum(not answer["replayed"] for answer in answers) == 1
    assert len({json.dumps(answer["messages"]) for answer in answers}) == 1
    assert len(actions.named("action_answer")) == 1
    assert len([e for e in rasa.events("burst") if e["event"] == "user"]) == 1


def test_a_turn_goes_on_when_its_caller_hangs_up(
    rasa: RunningRasa, actions: ScriptedActions
) -> None:
    """Else an action slower than the gateway's patience would be run again and again."""
    usual = actions.script["action_answer"]

    def slow(call: dict[str, Any]) -> tuple[int, Any]:
        time.sleep(1)
        return usual(call)

    actions.script["action_answer"] = slow
    with pytest.raises(requests.ReadTimeout):
        rasa.say("impatient", "t1", "what is your return policy", timeout=0.5)

    answer = rasa.say("impatient", "t1", "what is your return policy").json()
    assert answer["replayed"] is True
    assert len(actions.named("action_answer")) == 1


def test_a_pressed_button_is_obeyed(rasa: RunningRasa) -> None:
    """A payload fills slots through its entities; its intent is certain."""
    payload = '/request_return{"order_number": "A-10482"}'
    answer = rasa.press("button", "t1", payload).json()

    assert answer["intent"] == {"name": "request_return", "confidence": 1.0}
    assert answer["requested_slot"] == "reason"
    assert rasa.slots("button")["order_number"] == "A-10482"


@pytest.mark.parametrize(
    "payload",
    [
        "greet",
        "/",
        "//greet",
        "/Greet",
        "/greet{",
        '/greet{"order_number"}',
        "/greet[]",
        '/greet{"order_number": {"a": 1}}',
        '/greet{"order_number": null}',
        '/greet{"reason": "x"}',
        '/greet{"order_number": "A-1"} ',
        " /greet",
        "/greet@1.0",
        "/no_such_intent",
        "/restart",
        "/back",
        "/session_start",
        "/nlu_fallback",
        "/greet{}x",
        "/greet\n",
        "/greet" + '{"order_number":' * 200,
    ],
)
def test_a_payload_outside_the_domain_is_refused(rasa: RunningRasa, payload: str) -> None:
    """What no button of this assistant holds is a mistake or an attack."""
    response = rasa.press("payload", "t1", payload)

    assert (response.status_code, response.json()["error"]["code"]) == (400, "bad_request")
    assert rasa.events("payload") == []


GOOD = {"conversation": "body", "turn": "t1", "text": "hello"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"[" * 5000,
        json.dumps({**GOOD, "extra": 1}).encode(),
        json.dumps({**GOOD, "payload": "/greet"}).encode(),
        *(json.dumps({k: v for k, v in GOOD.items() if k != key}).encode() for key in GOOD),
        *(
            json.dumps({**GOOD, key: bad}).encode()
            for key in GOOD
            for bad in (None, 7, True, [], {}, "")
        ),
        *(
            json.dumps({**GOOD, key: bad}).encode()
            for key in ("conversation", "turn")
            for bad in ("a b", "ä", "a/b", "x" * 65, "a\n")
        ),
        json.dumps({**GOOD, "text": "x" * 4001}).encode(),
    ],
)
def test_a_malformed_call_is_refused(rasa: RunningRasa, body: bytes) -> None:
    """Rasa's own channel answers 200 [] here, or puts the message into a shared conversation."""
    response = rasa.http.post(f"{rasa.url}/turns", data=body, timeout=20)

    assert (response.status_code, response.json()["error"]["code"]) == (400, "bad_request")
    assert rasa.events("body") == []


def test_the_longest_text_is_taken(rasa: RunningRasa) -> None:
    """4000 characters outside the basic plane, escaped, are 48 KB: still a turn."""
    assert rasa.say("long", "t1", "😀" * 4000).status_code == 200


@pytest.mark.parametrize("size", [65 * 1024, 3 * 1024 * 1024])
def test_a_body_beyond_64_kb_is_refused(rasa: RunningRasa, size: int) -> None:
    """Before it is read as JSON, however it was announced."""
    body = json.dumps({**GOOD, "text": "x" * size}).encode()
    try:
        response = requests.post(
            f"{rasa.url}/turns",
            data=body,
            timeout=20,
            headers={"authorization": f"Bearer {SECRET}"},
        )
    except requests.ConnectionError:
        # The server hangs up while we are still sending: refused as well, but the answer is lost.
        assert size > 1024 * 1024
    else:
        assert (response.status_code, response.json()["error"]["code"]) == (413, "too_large")
    assert rasa.events("body") == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/turns"),
        ("POST", "/conversations/a/reset"),
        ("DELETE", "/conversations/a"),
        ("GET", "/health"),
    ],
)
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"authorization": "Bearer"},
        {"authorization": SECRET},
        {"authorization": f"Bearer {SECRET}x"},
        {"authorization": f"Bearer {SECRET[:-1]}"},
        {"authorization": f"bearer {SECRET}"},
        {"authorization": "Bearer é".encode("latin-1")},
    ],
)
def test_without_the_secret_nothing_is_served(
    rasa: RunningRasa, method: str, path: str, given: dict[str, str]
) -> None:
    """Anybody on the machine can reach the port; only the gateway knows the secret."""
    response = requests.request(method, rasa.url + path, headers=given, json=GOOD, timeout=20)

    assert (response.status_code, response.json()["error"]["code"]) == (401, "unauthorised")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/turns", 405, "method_not_allowed"),
        ("POST", "/conversations/a%20b/reset", 400, "bad_request"),
        ("DELETE", "/conversations/" + "x" * 65, 400, "bad_request"),
    ],
)
def test_other_errors_are_json_too(
    rasa: RunningRasa, method: str, path: str, status: int, code: str
) -> None:
    """The gateway reads one form of error."""
    response = rasa.http.request(method, rasa.url + path, timeout=20)

    assert (response.status_code, response.json()["error"]["code"]) == (status, code)


def test_rasas_own_channels_are_closed(rasa: RunningRasa) -> None:
    """An open `rest` channel would obey anybody; the HTTP API would load any model."""
    root = rasa.url.removesuffix("/dialogue")
    for path in (
        "/webhooks/rest/webhook",
        "/webhooks/dialogue/turns",
        "/model/parse",
        "/conversations/a/tracker",
    ):
        assert (
            requests.post(
                root + path, json={"sender": "a", "message": "hi"}, timeout=20
            ).status_code
            == 404
        )


def test_reset_ends_the_form_and_keeps_what_is_known(rasa: RunningRasa) -> None:
    """After a handoff the bot must not go on with a question asked an hour ago."""
    rasa.say("reset", "t1", "I want to return my order")
    rasa.say("reset", "t2", "A-10482")
    response = rasa.http.post(f"{rasa.url}/conversations/reset/reset", timeout=20)
    after = rasa.say("reset", "t3", "good morning").json()
    again = rasa.say("reset", "t4", "I want to return my order").json()

    assert (response.status_code, response.json()) == (200, {"conversation": "reset"})
    assert (after["loop"], after["requested_slot"]) == (None, None)
    assert after["messages"][0]["utter_action"] == "utter_greet"
    assert again["requested_slot"] == "reason"  # the order number was not asked again


def test_reset_leaves_the_stored_turn_replayable(rasa: RunningRasa) -> None:
    """A retry that arrives after the reset still gets the turn's own answer."""
    first = rasa.say("reset-replay", "t1", "I want to return my order").json()
    rasa.http.post(f"{rasa.url}/conversations/reset-replay/reset", timeout=20)

    assert rasa.say("reset-replay", "t1", "x").json() == {**first, "replayed": True}


def test_reset_of_an_unknown_conversation_stores_nothing(rasa: RunningRasa) -> None:
    """The gateway resets whatever an agent returns, whether the bot ever spoke in it or not."""
    response = rasa.http.post(f"{rasa.url}/conversations/unheard-of/reset", timeout=20)

    assert response.status_code == 200
    assert rasa.events("unheard-of") == []


def test_erasing_leaves_no_trace_in_the_file(rasa: RunningRasa) -> None:
    """A customer's words must be gone from the database file, not only from its tables."""
    rasa.say("erased", "t1", "my dishwasher leaks xylophonically")
    files = list(rasa.database.parent.glob("trackers.db*"))
    assert any(b"xylophonically" in file.read_bytes() for file in files)

    for _ in range(2):  # erasing twice is no error
        response = rasa.http.delete(f"{rasa.url}/conversations/erased", timeout=20)
        assert (response.status_code, response.content) == (204, b"")

    assert rasa.events("erased") == []
    assert not any(b"xylophonically" in file.read_bytes() for file in files if file.exists())


def test_health_names_the_model(rasa: RunningRasa) -> None:
    """The operator sees which release answers."""
    health = rasa.http.get(f"{rasa.url}/health", timeout=20).json()

    assert health["status"] == "ok"
    assert health["model"].endswith(".tar.gz")


def test_the_log_never_holds_the_customers_words(
    rasa: RunningRasa, actions: ScriptedActions
) -> None:
    """In turns that succeed, fail and are refused; at the level the service runs with."""
    word = "quixotically"
    rasa.say("log", "t1", f"my dishwasher leaks {word}")
    rasa.say("log", "t2", f"/restart {word} " + '{"x": 1')
    rasa.press("log", "t3", '/inform{"order_number": "' + word + '"}')
    rasa.press("log", "t4", "/" + word)
    actions.script["action_report"] = lambda call: (500, call)
    rasa.say("log", "t5", f"my dishwasher leaks {word}")
    actions.script["action_report"] = lambda call: (200, {"events": word, "responses": word})
    rasa.say("log", "t6", f"my dishwasher leaks {word}")

    log = rasa.log.read_text()
    assert "action call failed" in log
    assert word not in log


@pytest.mark.parametrize(
    "credentials",
    [
        None,
        {},
        {"secret": ""},
        {"secret": "short"},
        {"secret": " " * 20},
        {"secret": 10**16},
        {"secret": SECRET, "unknown": 1},
        {"secret": SECRET, "action_timeout_seconds": 0},
    ],
)
def test_bad_credentials_stop_the_start(credentials: dict[str, Any] | None) -> None:
    """A guessable or missing secret must be noticed by the operator, not by an attacker."""
    with pytest.raises(RasaException, match=r"secret|action_timeout_seconds"):
        TurnChannel.from_credentials(credentials)
