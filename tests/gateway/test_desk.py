"""The path of a handoff: asked for, claimed by one, answered, given back or closed."""

import asyncio
import itertools
from datetime import timedelta
from typing import Any

from store import facts, ledger
from store.database import Database
from support.conversation import utcnow
from support.facts import FactStatus
from support.procedure import LedgerEntry, Outcome
from tests.gateway.conftest import (
    ASKS,
    Desk,
    Start,
    Visitor,
    frame_of,
    signed_in,
    visiting,
)
from tests.neighbours import ScriptedRasa, eventually


async def test_asking_for_a_person(queued: Visitor, mira: Desk) -> None:
    """The customer learns what happens next; the agent sees who waits and why."""
    [handoff] = [m for m in await queued.messages("bot") if m["kind"] == "handoff"]
    assert "Your reference is H-000001" in handoff["text"]
    assert handoff["case"] == {"number": "H-000001", "kind": "handoff"}

    queue = await mira.queue()
    [item] = queue["unassigned"]
    assert queue["mine"] == []
    assert queue["all"] == [item]
    assert item["conversation"] == queued.conversation
    assert (item["reference"], item["trigger"], item["state"]) == (
        "H-000001",
        "customer_asked",
        "queued",
    )
    found = await mira.open(queued.conversation)
    assert found["packet"]["version"] == 1
    assert all(s["messages"] for s in found["packet"]["summary"])


async def test_twenty_agents_claim_at_once(
    queued: Visitor, gateway: str, database: Database
) -> None:
    """One gets it, nineteen hear who did, and the customer reads one name."""
    names = [f"Agent{n:02}" for n in range(20)]
    desks = [signed_in(gateway, database, name) for name in names]
    opened = [await desk.__aenter__() for desk in desks]
    try:
        answers = await asyncio.gather(*(d.post(queued.conversation, "claim") for d in opened))
    finally:
        for desk in desks:
            await desk.__aexit__(None, None, None)

    assert sorted(a.status_code for a in answers) == [200] + [409] * 19
    [winner] = [n for n, a in zip(names, answers, strict=True) if a.status_code == 200]
    refusals = {str(a.json()) for a in answers if a.status_code == 409}
    assert refusals == {
        str({"error": {"code": "already_claimed", "message": f"{winner} has this conversation."}})
    }
    assert await queued.texts("agent") == [f"{winner} has joined the conversation."]
    assert (await queued.read())["status"]["agent"] == winner


async def test_claiming_twice_changes_nothing(queued: Visitor, mira: Desk) -> None:
    """A doubled click is no second agent."""
    await mira.done(queued.conversation, "claim")
    await mira.done(queued.conversation, "claim")
    assert len(await queued.texts("agent")) == 1


async def test_only_the_holder_writes(queued: Visitor, mira: Desk, jan: Desk) -> None:
    """Two people answering at once contradict each other in front of the customer."""
    early = await mira.post(queued.conversation, "messages", {"text": "Hello"})
    assert early.json()["error"]["code"] == "not_yours"
    await mira.done(queued.conversation, "claim")
    for what, body in (
        ("messages", {"text": "Hello"}),
        ("return", {}),
        ("resolve", {"outcome": "solved"}),
    ):
        refused = await jan.post(queued.conversation, what, body)
        assert refused.status_code == 409
        assert refused.json()["error"]["code"] == "not_yours"
    assert (await jan.post(queued.conversation, "claim")).status_code == 409
    assert (await jan.post(queued.conversation, "take")).status_code == 409

    await mira.done(queued.conversation, "messages", {"text": "Hello, I am here."})
    last = (await queued.messages())[-1]
    assert (last["author"], last["name"], last["text"]) == ("agent", "Mira", "Hello, I am here.")


async def test_an_answer_sent_twice_is_said_once(queued: Visitor, mira: Desk) -> None:
    """The console repeats what it got no answer to."""
    await mira.done(queued.conversation, "claim")
    path = f"/console/conversations/{queued.conversation}/messages"
    headers = {"Idempotency-Key": "the-same-key"}
    answers = await asyncio.gather(
        *(mira.http.post(path, json={"text": "Hello"}, headers=headers) for _ in range(10))
    )
    assert sorted(a.status_code for a in answers) == [200] * 9 + [201]
    assert (await queued.texts("agent")).count("Hello") == 1


async def test_the_bot_is_silent_when_an_agent_takes_over_in_mid_turn(
    visitor: Visitor, mira: Desk, rasa: ScriptedRasa
) -> None:
    """Checked when a message is sent, not only when it is produced."""
    rasa.hanging.add("What now")
    message = await visitor.say("What now")

    async def at_rasa() -> bool:
        return bool(rasa.calls)

    await eventually(at_rasa)
    await mira.done(visitor.conversation, "take")
    assert (await visitor.read())["typing"] is None
    rasa.release("What now")
    await asyncio.sleep(0.5)

    assert [m["kind"] for m in await visitor.messages("bot")] in ([], ["notice"])
    assert (await mira.open(visitor.conversation))["messages"][0]["id"] == message["id"]
    [item] = (await mira.queue())["mine"]
    assert item["unread"] == 1  # nobody has answered it: it must not look read


async def test_a_turn_from_before_the_agent_is_not_said_after(
    visitor: Visitor, mira: Desk, rasa: ScriptedRasa
) -> None:
    """Taken and given back while the bot was still thinking: the old thought is not spoken."""
    rasa.hanging.add("Old question")
    await visitor.say("Old question")

    async def at_rasa() -> bool:
        return bool(rasa.calls)

    await eventually(at_rasa)
    await mira.done(visitor.conversation, "take")
    await mira.done(visitor.conversation, "messages", {"text": "It is answered."})
    await mira.done(visitor.conversation, "return")
    rasa.release("Old question")
    [answer] = await visitor.ask("New question")

    assert answer["text"] == "About “New question”."
    assert "About “Old question”." not in await visitor.texts("bot")
    assert ("reset", visitor.conversation) in rasa.events


async def test_what_is_written_while_waiting(queued: Visitor, mira: Desk) -> None:
    """Each addition is acknowledged, never twice in the same words, and reaches the agent."""
    for number in range(5):
        await queued.ask(f"Also, number {number}")
        await mira.done(queued.conversation, "notes", {"text": "Seen."})
    events = [m["text"] for m in await queued.messages("bot") if m["kind"] == "event"]

    assert len(events) == 5
    assert all("H-000001" in text for text in events)
    assert all(one != next_ for one, next_ in itertools.pairwise(events))
    [item] = (await mira.queue())["unassigned"]
    assert item["unread"] == 5
    await mira.done(queued.conversation, "claim")
    message = await queued.say("Are you there")
    await asyncio.sleep(0.5)
    answers = [m for m in await queued.messages("bot") if m["in_reply_to"] == message["id"]]
    assert answers == []


async def test_notes_never_reach_the_customer(gateway: str, queued: Visitor, mira: Desk) -> None:
    """Not by page, poll or socket, and not as a number of anything."""
    await mira.done(queued.conversation, "claim")
    async with queued.live() as socket:
        await frame_of(socket, "messages")
        polling = asyncio.create_task(queued.read(after=1000, wait=1))
        await mira.done(queued.conversation, "notes", {"text": "He sounds like a fraud"})
        await mira.done(queued.conversation, "return", {"note": "Watch out for this one"})
        frames = [await frame_of(socket, "messages")]
        polled = await polling
    seen = str(frames) + str(polled) + str(await queued.read())

    assert "fraud" not in seen
    assert "Watch out" not in seen
    assert "note" not in seen
    shown = (await mira.open(queued.conversation))["messages"]
    assert [m["text"] for m in shown if m["author"] == "note"] == [
        "He sounds like a fraud",
        "Watch out for this one",
    ]


async def test_giving_back_keeps_what_was_told_and_tried(
    queued: Visitor, mira: Desk, database: Database, rasa: ScriptedRasa
) -> None:
    """The form is gone, the facts are not: nothing is asked twice."""
    [asked] = await queued.messages("customer")
    entry = LedgerEntry(
        "does-not-drain",
        "1a2b3c4d",
        "It does not drain",
        "filter",
        "Clean the filter",
        Outcome.DID_NOT_HELP,
        asked["id"],
        asked["id"],
        utcnow(),
    )
    async with database.begin() as tx:
        await facts.note(
            tx,
            queued.conversation,
            "symptom",
            "no water",
            FactStatus.CUSTOMER_SAYS,
            asked["id"],
            utcnow(),
        )
        await ledger.add(tx, queued.conversation, entry)
    await mira.done(queued.conversation, "claim")
    answer = await mira.done(queued.conversation, "return", {"note": ""})
    assert answer == {"status": {"state": "bot", "agent": None, "reference": None}}
    rasa.script["Again please"] = ASKS
    await queued.ask("Again please")

    assert rasa.events[-2][0] == "reset"
    packet = (await mira.open(queued.conversation))["packet"]
    assert [f["value"] for f in packet["facts"]] == ["no water"]
    assert [t["outcome"] for t in packet["tried"]] == ["did not help"]
    assert packet["reference"] == "H-000002"
    assert packet["customer"]["earlier_cases"] == ["H-000001"]
    last = (await queued.messages("bot"))[-1]["text"]
    assert "“no water”; tried: Clean the filter" in last


async def test_agents_hear_of_a_handoff_within_a_second(
    visitor: Visitor, mira: Desk, rasa: ScriptedRasa
) -> None:
    """They look at the page, not at a reload button."""
    rasa.script["person"] = ASKS
    async with mira.live() as socket:
        await visitor.ask("person")
        await frame_of(socket, "queue", seconds=1)
        assert len((await mira.queue())["unassigned"]) == 1


async def test_whoever_waits_too_long_is_told_once(
    start: Start, rasa: ScriptedRasa, database: Database
) -> None:
    """Nobody was free: the customer hears it, and that the request stays open."""
    rasa.script["person"] = ASKS
    with start() as url:
        async with visiting(url) as before:
            await before.ask("person")
    for _ in range(2):
        with start(now=lambda: utcnow() + timedelta(minutes=11)) as url:
            async with visiting(url) as after:
                after.http.headers["Authorization"] = f"Bearer {before.token}"

                async def told(page: Visitor = after) -> list[dict[str, Any]]:
                    return [m for m in await page.messages("bot") if m["kind"] == "notice"]

                notices = await eventually(told)
                assert len(notices) == 1
    assert "Your request H-000001 stays open" in notices[0]["text"]


async def test_the_queue_is_in_order_of_urgency(
    gateway: str, mira: Desk, rasa: ScriptedRasa
) -> None:
    """Danger first, then what cannot wait, then the longest waiting."""
    rasa.script["person"] = ASKS
    rasa.script["complaint"] = [
        {"custom": {"handoff": {"trigger": "complaint", "rule": "A complaint."}}}
    ]
    for text in ("person", "complaint", "My machine is on fire"):
        async with visiting(gateway) as one:
            await one.ask(text)

    queue = await mira.queue()
    assert [i["trigger"] for i in queue["all"]] == ["hazard", "complaint", "customer_asked"]
    assert [i["urgency"] for i in queue["urgent"]] == ["urgent"]


async def test_an_agent_can_take_what_the_bot_has(visitor: Visitor, mira: Desk, jan: Desk) -> None:
    """Without a request: it is in the list, then it is Mira's, then Jan is told so."""
    await visitor.ask("hello")
    listed = (await mira.http.get("/console/bot-conversations")).json()["conversations"]
    assert [c["conversation"] for c in listed] == [visitor.conversation]
    await mira.done(visitor.conversation, "take")

    assert await visitor.status() == "agent"
    refused = await jan.post(visitor.conversation, "take")
    assert refused.json()["error"]["message"] == "Mira has this conversation."
    assert [m["kind"] for m in await visitor.messages("bot")] == ["text"]  # no handoff sentence
    assert (await mira.post("f" * 32, "take")).status_code == 404


async def test_typing_shows_and_ends_with_the_answer(queued: Visitor, mira: Desk) -> None:
    """Only the holder's typing shows."""
    assert (await mira.post(queued.conversation, "typing")).status_code == 204
    assert (await queued.read())["typing"] is None
    await mira.done(queued.conversation, "claim")
    await mira.post(queued.conversation, "typing")
    assert (await queued.read())["typing"] == "agent"
    await mira.done(queued.conversation, "messages", {"text": "Here I am."})
    assert (await queued.read())["typing"] is None
