"""The path of a customer's message: kept once, handled in order, answered whatever breaks."""

import asyncio
import itertools
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import sqlalchemy as sa

from gateway.settings import Settings
from store import conversations
from store.database import Database
from tests.gateway.conftest import ASKS, Desk, Start, Visitor, visiting
from tests.neighbours import ScriptedRasa, eventually, free_port

ROOT = Path(__file__).parents[2]
DONE = [
    {
        "text": "Your return is RMA-000017.",
        "custom": {"case": {"number": "RMA-000017", "kind": "return"}},
    }
]


async def test_a_message_is_answered(visitor: Visitor, rasa: ScriptedRasa) -> None:
    """The shortest path there is."""
    message = await visitor.say("My dishwasher does not drain")
    [answer] = await visitor.answer_to(message)

    assert answer["text"] == "About “My dishwasher does not drain”."
    assert answer["name"] == "Automated assistant"
    assert [m["seq"] for m in await visitor.messages()] == [1, 2]
    assert (await visitor.messages("customer"))[0]["state"] == "seen"


async def test_the_same_message_a_hundred_times_at_once(
    visitor: Visitor, rasa: ScriptedRasa
) -> None:
    """A page on a bad line repeats what it got no answer to: one message, one turn, one reply."""
    key = str(uuid4())
    responses = await asyncio.gather(*(visitor.post({"text": "It leaks"}, key) for _ in range(100)))

    assert sorted(r.status_code for r in responses) == [200] * 99 + [201]
    assert len({r.json()["message"]["id"] for r in responses}) == 1
    await visitor.answer_to(responses[0].json()["message"])
    kept = [m["text"] for m in await visitor.messages() if m["kind"] != "notice"]
    assert kept == ["It leaks", "About “It leaks”."]
    assert list(rasa.runs.values()) == [1]


async def test_messages_posted_at_once_are_handled_in_the_order_kept(
    visitor: Visitor, rasa: ScriptedRasa
) -> None:
    """The bot must hear what the transcript shows, in that order, each exactly once."""
    sent = await asyncio.gather(*(visitor.say(f"Part {n}") for n in range(15)))
    for message in sent:
        await visitor.answer_to(message, seconds=20)

    kept = await visitor.texts("customer")
    assert sorted(kept) == sorted(f"Part {n}" for n in range(15))
    assert rasa.said(visitor.conversation) == kept
    assert set(rasa.runs.values()) == {1}
    answered = [m["in_reply_to"] for m in await visitor.messages("bot") if m["kind"] == "text"]
    assert answered == [m["id"] for m in await visitor.messages("customer")]


async def test_a_conversation_does_not_wait_for_another(
    gateway: str, visitor: Visitor, rasa: ScriptedRasa
) -> None:
    """One customer's slow turn is not everybody's."""
    rasa.hanging.add("slow")
    await visitor.say("slow")
    async with visiting(gateway) as other:
        started = time.monotonic()
        await other.ask("quick")
        assert time.monotonic() - started < 1


async def test_whoever_waits_to_try_again_holds_up_nobody(start: Start, rasa: ScriptedRasa) -> None:
    """Between two attempts the few turns that Rasa computes at a time are free for others."""
    rasa.refusing["unlucky"] = [(503, "actions_unreachable")] * 100
    with start(turns_in_flight=1, bot_patience_seconds=20) as url:
        async with visiting(url) as unlucky, visiting(url) as other:
            await unlucky.say("unlucky")
            [answer] = await other.answer_to(await other.say("quick"), seconds=5)
            assert answer["kind"] == "text"
            assert await unlucky.status() == "bot"


async def test_waiting_for_a_free_turn_has_an_end(start: Start, rasa: ScriptedRasa) -> None:
    """When Rasa is held by others for too long, a person is asked instead."""
    rasa.hanging.add("slow")
    with start(turns_in_flight=1, turn_timeout_seconds=6) as url:
        async with visiting(url) as slow, visiting(url) as other:
            await slow.say("slow")
            [told] = await other.answer_to(await other.say("quick"), seconds=5)
            assert told["kind"] == "handoff"


async def test_a_notice_comes_in_time_and_the_answer_after_it(
    visitor: Visitor, rasa: ScriptedRasa
) -> None:
    """No dead air: an honest line while Rasa thinks, and then what it has thought."""
    rasa.hanging.add("hard question")
    message = await visitor.say("hard question")

    async def notices() -> list[dict[str, Any]]:
        return [m for m in await visitor.messages("bot") if m["kind"] == "notice"]

    [notice] = await eventually(notices, seconds=2)
    assert "taking longer" in notice["text"]
    assert (await visitor.read())["typing"] == "bot"
    rasa.release("hard question")
    await visitor.answer_to(message)
    assert [m["kind"] for m in await visitor.messages("bot")] == ["notice", "text"]
    assert (await visitor.read())["typing"] is None


async def test_two_waiting_messages_get_different_notices(
    visitor: Visitor, rasa: ScriptedRasa
) -> None:
    """The same sentence twice running sounds like a machine that does not listen."""
    rasa.hanging.add("one")
    sent = [await visitor.say(text) for text in ("one", "two", "three")]

    async def three() -> bool:
        return len(await visitor.texts("bot")) == 3

    await eventually(three, seconds=3)
    notices = await visitor.texts("bot")
    assert len(set(notices)) == 3
    rasa.release("one")
    for message in sent:
        await visitor.answer_to(message)
    assert len(await visitor.texts("bot")) == 6


async def test_a_quick_answer_brings_no_notice(start: Start) -> None:
    """Nobody is told of a delay that there is not."""
    with start(notice_after_seconds=1.2) as url:
        async with visiting(url) as visitor:
            await visitor.ask("hello")
            await asyncio.sleep(1.3)  # past the time of the notice
            assert await visitor.texts("bot") == ["About “hello”."]


async def test_a_turn_that_outlasts_one_attempt_is_not_run_twice(
    visitor: Visitor, rasa: ScriptedRasa
) -> None:
    """Rasa goes on when the gateway hangs up; asking again yields that turn's answer."""
    rasa.hanging.add("slow")
    message = await visitor.say("slow")

    async def asked_again() -> bool:
        return len(rasa.calls) >= 2

    await eventually(asked_again)
    rasa.release("slow")
    await visitor.answer_to(message)
    assert rasa.runs[message["id"]] == 1


async def test_rasa_is_restarted_in_the_middle(visitor: Visitor, rasa: ScriptedRasa) -> None:
    """Its death costs the customer a few seconds and nothing else."""
    rasa.die()
    message = await visitor.say("Are you there")
    await asyncio.sleep(0.5)
    rasa.start()

    assert [m["kind"] for m in await visitor.answer_to(message)] == ["text"]
    assert await visitor.status() == "bot"


async def test_rasa_stays_down(visitor: Visitor, rasa: ScriptedRasa) -> None:
    """A person gets it, the customer is told so, and nothing pretends to be an answer."""
    rasa.die()
    message = await visitor.say("My order A-10482 is late")
    [told] = await visitor.answer_to(message)

    assert told["kind"] == "handoff"
    assert told["text"].startswith("I'm sorry, the assistant cannot answer at the moment.")
    found = await visitor.read()
    assert found["status"] == {"state": "queued", "agent": None, "reference": "H-000001"}
    assert [m["kind"] for m in found["messages"]] == ["text", "notice", "handoff"]


async def test_an_action_goes_on_failing(
    visitor: Visitor, rasa: ScriptedRasa, settings: Settings
) -> None:
    """Of a failed turn nothing may be shown: no "it is done" for what was not done."""
    rasa.script["Send it back"] = DONE
    rasa.refusing["Send it back"] = [(502, "action_failed")] * settings.failed_turn_attempts
    message = await visitor.say("Send it back")
    [told] = await visitor.answer_to(message)

    assert told["kind"] == "handoff"
    assert len(rasa.calls) == settings.failed_turn_attempts
    assert not any("RMA" in text for text in await visitor.texts("bot"))


async def test_an_action_fails_once(visitor: Visitor, rasa: ScriptedRasa) -> None:
    """What a second attempt mends is no reason to call a person."""
    rasa.script["Send it back"] = DONE
    rasa.refusing["Send it back"] = [(502, "action_failed"), (503, "store_unavailable")]
    [answer] = await visitor.ask("Send it back")

    assert answer["case"] == {"number": "RMA-000017", "kind": "return"}


async def test_silence_is_a_failure(visitor: Visitor, rasa: ScriptedRasa) -> None:
    """An empty answer must not end in an empty screen."""
    rasa.script["anything"] = []
    assert [m["kind"] for m in await visitor.ask("anything")] == ["handoff"]


async def test_an_answer_in_another_form_is_a_failure(visitor: Visitor, rasa: ScriptedRasa) -> None:
    """A reply that cannot be read whole is not shown in half."""
    rasa.script["one"] = [{"text": "The money is on its way."}, {"custom": {"kind": "no such"}}]
    rasa.script["two"] = [{"text": ["The money", "is on its way."]}]
    assert [m["kind"] for m in await visitor.ask("one")] == ["handoff"]
    assert "money" not in " ".join(await visitor.texts("bot"))


async def test_what_cannot_be_stored_ends_with_a_person(
    visitor: Visitor, rasa: ScriptedRasa
) -> None:
    """A reply that breaks the store must not be tried for ever while the customer waits."""
    rasa.script["odd"] = [{"text": "Half a letter: \ud800"}]
    assert [m["kind"] for m in await visitor.ask("odd")] == ["handoff"]


async def test_no_text_of_the_bot_comes_twice_running(visitor: Visitor, rasa: ScriptedRasa) -> None:
    """Also within one reply, and also when the bot has nothing else to say."""
    rasa.script["what"] = [{"text": "Which product is it?"}, {"text": "Which product is it?"}]
    for _ in range(4):
        await visitor.ask("what")
    texts = await visitor.texts("bot")

    assert len(texts) == 8
    assert all(one != next_ for one, next_ in itertools.pairwise(texts))
    assert texts[1] == "To say it once more: Which product is it?"


async def test_typed_commands_are_words(visitor: Visitor, rasa: ScriptedRasa) -> None:
    """Only a stored quick reply is a payload, whatever somebody types."""
    for text in ("/restart", '/inform{"order_number": "A-10482"}', " \t/session_start"):
        await visitor.ask(text)

    assert all("payload" not in call for call in rasa.calls)
    assert next(call["text"] for call in rasa.calls) == "/restart"


async def test_a_pressed_button_is_its_payload(visitor: Visitor, rasa: ScriptedRasa) -> None:
    """The page sends an index; what it means was never on the page."""
    rasa.script["start"] = [
        {
            "text": "Is that right?",
            "buttons": [
                {"title": "Yes", "payload": "/affirm"},
                {"title": "No", "payload": "/deny"},
            ],
        }
    ]
    [question] = await visitor.ask("start")
    response = await visitor.press(question, 1)
    assert response.json()["message"]["text"] == "No"
    await visitor.answer_to(response.json()["message"])

    assert question["buttons"] == [{"title": "Yes"}, {"title": "No"}]
    assert rasa.calls[-1]["payload"] == "/deny"
    assert "payload" not in str(await visitor.messages())


async def test_a_message_left_by_a_stopped_gateway_is_taken_up(
    start: Start, rasa: ScriptedRasa
) -> None:
    """Stopped between the turn and its commit: the turn is replayed, the customer hears one."""
    rasa.hanging.add("My washer leaks")
    with start(turn_timeout_seconds=30) as url:
        async with visiting(url) as before:
            message = await before.say("My washer leaks")

            async def at_rasa() -> bool:
                return bool(rasa.calls)

            await eventually(at_rasa)
    rasa.release("My washer leaks")
    with start() as url:
        async with visiting(url) as after:
            after.http.headers["Authorization"] = f"Bearer {before.token}"
            await after.answer_to(message)
            assert [m["kind"] for m in await after.messages("bot")].count("text") == 1
            assert rasa.runs[message["id"]] == 1


async def test_everything_left_behind_gets_its_notice(start: Start, rasa: ScriptedRasa) -> None:
    """After a crash Rasa may be gone too: those who wait are told, each of them."""
    rasa.hanging.add("one")
    with start(notice_after_seconds=60, turn_timeout_seconds=30) as url:
        async with visiting(url) as before:
            await before.say("one")
            await before.say("two")
    with start(turn_timeout_seconds=30) as url:
        async with visiting(url) as after:
            after.http.headers["Authorization"] = f"Bearer {before.token}"

            async def told() -> bool:
                return [m["kind"] for m in await after.messages("bot")] == ["notice"] * 2

            await eventually(told, seconds=3)
            rasa.release("one")


async def test_the_gateway_is_killed(settings: Settings, start: Start, rasa: ScriptedRasa) -> None:
    """Killed without warning in mid-turn: what it acknowledged is there, answered, and once."""
    names = {"secret_key", "turn_secret", "rasa_port", "database_url", "knowledge_folder"}
    port = free_port()
    environment = os.environ | {
        f"AFTERCARE_{name.upper()}": str(getattr(settings, name)) for name in names
    }
    rasa.hanging.add("It smells of old water")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway",
        cwd=ROOT,
        env=environment | {"AFTERCARE_GATEWAY_PORT": str(port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    url = f"http://127.0.0.1:{port}"

    async def alive() -> bool:
        try:
            async with httpx.AsyncClient(trust_env=False) as http:
                return (await http.get(f"{url}/health/live")).status_code == 200
        except httpx.TransportError:
            return False

    async def at_rasa() -> bool:
        return bool(rasa.calls)

    try:
        await eventually(alive, seconds=90)
        async with visiting(url) as before:
            message = await before.say("It smells of old water")
            await eventually(at_rasa)
    finally:
        process.kill()
        output = (await process.communicate())[0]
    rasa.release("It smells of old water")
    with start() as url:
        async with visiting(url) as after:
            after.http.headers["Authorization"] = f"Bearer {before.token}"
            await after.answer_to(message)
            kinds = [m["kind"] for m in await after.messages("bot")]

    assert kinds.count("text") == 1
    assert rasa.runs[message["id"]] == 1
    assert b"gateway started" in output
    assert b"old water" not in output, "the log holds a customer's words"


async def test_the_store_is_busy(visitor: Visitor, database: Database, rasa: ScriptedRasa) -> None:
    """Another process writes for a while: the message waits, and is kept."""
    async with database.begin() as tx:
        await tx.execute(sa.text("UPDATE conversations SET last_seq = last_seq"))
        sending = asyncio.create_task(visitor.say("Is anybody there"))
        await asyncio.sleep(1)
        assert not sending.done()
    await visitor.answer_to(await sending)


async def test_a_handoff_can_come_with_an_answer(visitor: Visitor, rasa: ScriptedRasa) -> None:
    """The action's statement of fact first, then the sentence about the person."""
    rasa.script["person"] = [{"text": "Your return is RMA-000017."}, *ASKS]
    said = await visitor.ask("person")
    await visitor.until("queued")

    assert [m["kind"] for m in await visitor.messages("bot")] == ["text", "handoff"]
    assert said[0]["text"] == "Your return is RMA-000017."


async def test_writing_after_the_end_is_for_the_bot_again(
    queued: Visitor, mira: Desk, rasa: ScriptedRasa
) -> None:
    """Whoever comes back is not left in a closed room, and no half-filled form awaits them."""
    await mira.done(queued.conversation, "claim")
    await mira.done(queued.conversation, "resolve", {"outcome": "solved"})
    assert await queued.status() == "resolved"
    await queued.ask("One more thing")

    assert await queued.status() == "bot"
    assert rasa.events[-2:] == [("reset", queued.conversation), ("turn", queued.conversation)]


async def test_the_reset_comes_before_the_next_turn_even_if_rasa_is_down(
    queued: Visitor, mira: Desk, rasa: ScriptedRasa
) -> None:
    """A reset that was not possible is owed until it is."""
    await mira.done(queued.conversation, "claim")
    rasa.die()
    await mira.done(queued.conversation, "return")
    message = await queued.say("Back again")
    await asyncio.sleep(0.4)
    rasa.start()
    await queued.answer_to(message)
    await queued.ask("And once more")

    assert [kind for kind, _ in rasa.events[-3:]] == ["reset", "turn", "turn"]


async def test_a_cancelled_transaction_ends_as_cancelled(database: Database) -> None:
    """An error of the store in its place would be tried again, and nothing would ever stop."""
    chance = random.Random(5)

    async def work() -> None:
        async with database.begin() as tx:
            await tx.execute(sa.text("UPDATE conversations SET last_seq = last_seq"))
        async with database.read() as tx:
            await conversations.with_unhandled(tx)

    ends = set()
    for _ in range(80):
        task = asyncio.create_task(work())
        await asyncio.sleep(chance.uniform(0, 0.008))
        task.cancel()
        [end] = await asyncio.gather(task, return_exceptions=True)
        ends.add(type(end))
    assert asyncio.CancelledError in ends
    assert ends <= {asyncio.CancelledError, type(None)}


async def test_an_erased_conversation_stops_its_work(
    visitor: Visitor, database: Database, rasa: ScriptedRasa
) -> None:
    """Erasing must not leave a worker that tries for ever."""
    rasa.hanging.add("forget me")
    await visitor.say("forget me")
    async with database.begin() as tx:
        await tx.execute(
            sa.text("DELETE FROM conversations WHERE id = :id"), {"id": visitor.conversation}
        )
    rasa.release("forget me")

    async def idle() -> bool:
        figures = (await visitor.http.get("/metrics")).text
        return "aftercare_unhandled_conversations 0.0" in figures

    await eventually(idle)
    async with database.read() as tx:
        assert await conversations.with_unhandled(tx) == []
    assert (await visitor.http.get("/widget/messages")).status_code == 404
