"""A turn that fails is thrown away whole, says so, and can be taken again."""

from __future__ import annotations

import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bot.neighbours import Line, RunningRasa, ScriptedActions, says


def raises(call: dict[str, Any]) -> tuple[int, Any]:
    return 500, {"error": "boom", "action_name": call["next_action"]}


def hangs(call: dict[str, Any]) -> tuple[int, Any]:
    time.sleep(4)
    return 200, {"events": [], "responses": []}


FAILURES: dict[str, tuple[Line, int, str]] = {
    "raises": (raises, 502, "action_failed"),
    "unknown": (lambda call: (404, {"error": "no such action"}), 502, "action_failed"),
    "not json": (lambda call: (200, b"<html>"), 502, "action_failed"),
    "null": (lambda call: (200, None), 502, "action_failed"),
    "no events": (lambda call: (200, {"events": "none", "responses": []}), 502, "action_failed"),
    "unknown event": (
        lambda call: (200, {"events": [{"event": "party"}], "responses": []}),
        502,
        "action_failed",
    ),
    "responses": (lambda call: (200, {"events": [], "responses": {}}), 502, "action_failed"),
    "unknown response": (
        lambda call: (
            200,
            {"events": [], "responses": [{"response": "utter_nothing_of_the_kind"}]},
        ),
        502,
        "action_failed",
    ),
    "bad rejection": (lambda call: (400, b"?"), 502, "action_failed"),
    "hangs": (hangs, 503, "actions_unreachable"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failed_action_leaves_no_trace_and_no_next_step(
    rasa: RunningRasa, actions: ScriptedActions, failure: str
) -> None:
    """Rasa alone would utter "The refund was sent." although the refund action failed."""
    line, status, code = FAILURES[failure]
    conversation = "failed-" + failure.replace(" ", "-")
    rasa.say(conversation, "t1", "good morning")
    before = rasa.events(conversation)
    usual, actions.script["action_refund"] = actions.script["action_refund"], line

    response = rasa.say(conversation, "t2", "where is my refund")

    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (status, code)
    assert error["action"] == "action_refund"
    assert rasa.events(conversation) == before

    actions.script["action_refund"] = usual
    answer = rasa.say(conversation, "t2", "where is my refund").json()
    assert answer["replayed"] is False
    assert [m["text"] for m in answer["messages"]] == ["Found your refund.", "The refund was sent."]


def test_a_failed_first_turn_leaves_no_conversation(
    rasa: RunningRasa, actions: ScriptedActions
) -> None:
    """Not even the session start is stored."""
    actions.script["action_refund"] = raises

    assert rasa.say("failed-first", "t1", "where is my refund").status_code == 502
    assert rasa.events("failed-first") == []


def test_a_failed_form_validation_fails_the_turn(
    rasa: RunningRasa, actions: ScriptedActions
) -> None:
    """Validation is called from within the form, by another road than a rule's actions."""
    rasa.say("failed-form", "t1", "I want to return my order")
    before = rasa.events("failed-form")
    usual, actions.script["validate_return_form"] = actions.script["validate_return_form"], raises

    response = rasa.say("failed-form", "t2", "A-10482")
    assert response.json()["error"]["action"] == "validate_return_form"
    assert rasa.events("failed-form") == before

    actions.script["validate_return_form"] = usual
    assert rasa.say("failed-form", "t2", "A-10482").json()["requested_slot"] == "reason"


def test_a_rejected_form_is_no_failure(rasa: RunningRasa, actions: ScriptedActions) -> None:
    """ "I would like to know your policy" is no order number: the form steps aside, by design."""
    rasa.say("digression", "t1", "I want to return my order")
    answer = rasa.say("digression", "t2", "what is your return policy").json()

    assert answer["messages"][0]["text"] == "Thirty days from delivery."
    assert answer["messages"][1]["text"] == "What is the order number?"
    assert answer["loop"] == "return_form"


@pytest.mark.parametrize(("conversation", "opened"), [("no-rule", False), ("no-rule-form", True)])
def test_where_no_rule_fits_the_fallback_action_runs_once(
    rasa: RunningRasa, actions: ScriptedActions, conversation: str, opened: bool
) -> None:
    """Needs the rule that ends a turn after the fallback action; a form then asks again."""
    if opened:
        rasa.say(conversation, "t1", "I want to return my order")
    payload = "/request_return" if opened else "/deny"
    answer = rasa.press(conversation, "t2", payload).json()

    assert [m["text"] for m in answer["messages"]] == (
        ["I did not understand that."] + ["What is the order number?"] * opened
    )
    assert len(actions.named("action_not_understood")) == 1


def test_silence_is_a_failure(rasa: RunningRasa, actions: ScriptedActions) -> None:
    """A turn without a word must not pass for a reply, and may be taken again."""
    actions.script["action_answer"] = lambda call: (200, {"events": [], "responses": []})
    response = rasa.say("silent", "t1", "what is your return policy")

    assert (response.status_code, response.json()["error"]["code"]) == (502, "silent")
    assert rasa.events("silent") == []


def test_a_turn_that_does_not_end_is_a_failure(rasa: RunningRasa, actions: ScriptedActions) -> None:
    """Rasa stops after ten actions, with a warning, and would send all ten utterances."""
    actions.script["action_answer"] = says("Again.", {"event": "followup", "name": "action_answer"})
    response = rasa.say("runaway", "t1", "what is your return policy")

    assert (response.status_code, response.json()["error"]["code"]) == (502, "runaway")
    assert rasa.events("runaway") == []


def test_a_database_that_cannot_be_written_fails_the_turn(rasa: RunningRasa) -> None:
    """Rasa alone goes on in memory and answers 200; after a restart the form is forgotten."""
    rasa.say("locked", "t1", "good morning")
    before = rasa.events("locked")
    with sqlite3.connect(rasa.database, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        response = rasa.say("locked", "t2", "I want to return my order")
        took = time.monotonic() - started
        other.execute("ROLLBACK")

    assert (response.status_code, response.json()["error"]["code"]) == (503, "store_unavailable")
    assert took < 3  # a stalled event loop stalls every customer
    assert rasa.events("locked") == before
    assert rasa.say("locked", "t2", "I want to return my order").json()["replayed"] is False


def test_a_database_that_cannot_be_read_fails_the_turn(rasa: RunningRasa) -> None:
    """Rasa alone takes the customer for a new one."""
    rasa.say("unreadable", "t1", "good morning")
    with sqlite3.connect(rasa.database) as other:
        other.execute("ALTER TABLE events RENAME TO events_away")
    try:
        response = rasa.say("unreadable", "t2", "good morning")
        health = rasa.http.get(f"{rasa.url}/health", timeout=20)
    finally:
        with sqlite3.connect(rasa.database) as other:
            other.execute("ALTER TABLE events_away RENAME TO events")

    for answer in (response, health):
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "store_unavailable")
    assert rasa.say("unreadable", "t1", "good morning").json()["replayed"] is True


def test_a_damaged_row_fails_its_own_conversation_only(rasa: RunningRasa) -> None:
    """Rasa's own store ends the whole process when a row is not JSON."""
    rasa.say("damaged", "t1", "good morning")
    with sqlite3.connect(rasa.database) as other:
        other.execute("UPDATE events SET data = '{' WHERE sender_id = 'damaged'")

    assert rasa.say("damaged", "t2", "hello").json()["error"]["code"] == "store_unavailable"
    assert rasa.say("undamaged", "t1", "good morning").status_code == 200


@pytest.fixture
def second(
    model: Path, actions: ScriptedActions, tmp_path: Path
) -> Iterator[tuple[RunningRasa, ScriptedActions]]:
    """A Rasa that may be killed, with an action server of its own that may go away."""
    own = ScriptedActions()
    own.script = actions.script
    rasa = RunningRasa(model, own.url, tmp_path)
    rasa.start()
    yield rasa, own
    rasa.kill(signal.SIGTERM)
    own.stop()


def test_killed_processes_cost_nothing_but_time(
    second: tuple[RunningRasa, ScriptedActions],
) -> None:
    """kill -9 in mid-turn, then the same turn again: one stored turn. No action server: 503."""
    rasa, own = second
    arrived, usual = threading.Event(), own.script["action_answer"]

    def stuck(call: dict[str, Any]) -> tuple[int, Any]:
        arrived.set()
        time.sleep(1.5)
        return usual(call)

    own.script["action_answer"] = stuck
    lost = threading.Thread(target=_expect_no_answer, args=(rasa,))
    lost.start()
    assert arrived.wait(30)
    rasa.kill()
    lost.join(30)
    assert rasa.events("killed") == []

    own.script["action_answer"] = usual
    rasa.start()
    assert rasa.say("killed", "t1", "what is your return policy").json()["replayed"] is False
    assert rasa.say("killed", "t1", "what is your return policy").json()["replayed"] is True
    assert len([e for e in rasa.events("killed") if e["event"] == "user"]) == 1
    assert [message for _, message in own.named("action_answer")] == ["t1", "t1"]

    own.stop()
    response = rasa.say("killed", "t2", "what is your return policy")
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (503, "actions_unreachable")
    assert error["action"] == "action_answer"

    back = ScriptedActions(own.port)
    back.script = own.script
    assert rasa.say("killed", "t2", "what is your return policy").status_code == 200
    back.stop()


def _expect_no_answer(rasa: RunningRasa) -> None:
    import requests

    with pytest.raises(requests.ConnectionError):
        rasa.say("killed", "t1", "what is your return policy")


def test_without_a_model_no_turn_is_taken(action_server: ScriptedActions, tmp_path: Path) -> None:
    """With a damaged model file Rasa starts all the same; it must say that it cannot serve."""
    model = tmp_path / "damaged.tar.gz"
    model.write_bytes(b"not a model")
    rasa = RunningRasa(model, action_server.url, tmp_path)
    rasa.start(ready=503)
    try:
        answers = [
            rasa.http.get(f"{rasa.url}/health", timeout=20),
            rasa.say("none", "t1", "hello"),
            rasa.press("none", "t1", "/greet"),
            rasa.http.post(f"{rasa.url}/conversations/none/reset", timeout=20),
        ]
        for answer in answers:
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "not_ready")
    finally:
        rasa.kill(signal.SIGTERM)


@pytest.mark.parametrize(
    ("tracker_store", "complaint"),
    [
        ("{type: bot.tracker_store.ConversationStore, url: trackers.db}", "AFTERCARE_TRACKER_DB"),
        ("{type: bot.no_such_module.Store, url: 'sqlite:///x.db'}", "InMemoryTrackerStore"),
    ],
)
def test_no_conversation_is_ever_kept_in_memory(
    action_server: ScriptedActions, model: Path, tmp_path: Path, tracker_store: str, complaint: str
) -> None:
    """Rasa takes a store in memory, with a mere warning, where it cannot have the one named."""
    endpoints = tmp_path / "endpoints.yml"
    endpoints.write_text(
        f"action_endpoint: {{url: '{action_server.url}'}}\ntracker_store: {tracker_store}\n"
    )
    rasa = RunningRasa(model, action_server.url, tmp_path, str(endpoints))
    with pytest.raises(AssertionError, match="did not start"):
        rasa.start()

    assert rasa.process is not None
    assert rasa.process.returncode != 0
    assert complaint in rasa.log.read_text()
