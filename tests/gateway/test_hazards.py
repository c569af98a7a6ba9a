"""Danger comes first: before Rasa, the queue, and whoever has the conversation."""

import asyncio
import itertools
from typing import Any

import pytest

from tests.gateway.conftest import Desk, Visitor
from tests.neighbours import ScriptedRasa, eventually

FIRE = "Smoke is coming out of my dishwasher"
STOP = "Please stop using the appliance now."


async def warnings(visitor: Visitor) -> list[dict[str, Any]]:
    """The approved texts that were said."""
    return [m for m in await visitor.messages("bot") if STOP in m["text"]]


async def test_the_warning_is_there_when_the_message_is(
    visitor: Visitor, mira: Desk, rasa: ScriptedRasa
) -> None:
    """Committed together: whoever reads that it was sent reads the warning too."""
    message = await visitor.say(FIRE)
    said = await visitor.messages("bot")

    assert [m["kind"] for m in said] == ["notice", "handoff"]
    assert said[0]["text"].startswith(STOP)
    assert said[0]["in_reply_to"] == message["id"]
    assert rasa.calls == []
    [item] = (await mira.queue())["urgent"]
    assert item["incident"] is True
    packet = (await mira.open(visitor.conversation))["packet"]
    assert packet["incident"] is True
    assert packet["trigger"]["quote"] == FIRE


async def test_a_hanging_turn_does_not_hold_it_up(visitor: Visitor, rasa: ScriptedRasa) -> None:
    """What waits before it may take a minute. A fire does not."""
    rasa.hanging.add("How do I descale it")
    await visitor.say("How do I descale it")
    await visitor.say(FIRE)
    assert len(await warnings(visitor)) == 1
    rasa.release("How do I descale it")
    await asyncio.sleep(0.5)
    assert not any("descale" in text for text in await visitor.texts("bot"))


async def test_it_warns_with_rasa_down(visitor: Visitor, rasa: ScriptedRasa) -> None:
    """No engine stands between a danger and the warning."""
    rasa.die()
    await visitor.say(FIRE)
    assert len(await warnings(visitor)) == 1


async def test_in_the_queue_it_goes_to_the_head(queued: Visitor, mira: Desk) -> None:
    """The request that waits already becomes urgent; there is no second one."""
    await queued.say(FIRE)
    assert len(await warnings(queued)) == 1
    [item] = (await mira.queue())["all"]
    assert (item["reference"], item["urgency"], item["incident"]) == ("H-000001", "urgent", True)
    packet = (await mira.open(queued.conversation))["packet"]
    assert packet["urgency"]["level"] == "urgent"
    assert packet["incident"] is True


async def test_with_an_agent_it_warns_as_well(queued: Visitor, mira: Desk) -> None:
    """The one thing the bot says while a person has the conversation."""
    await mira.done(queued.conversation, "claim")
    await queued.say(FIRE)
    assert len(await warnings(queued)) == 1
    assert await queued.status() == "agent"
    assert (await mira.queue())["mine"][0]["incident"] is True


async def test_said_again_it_warns_again(visitor: Visitor) -> None:
    """Each time, and never twice running in the same words."""
    for _ in range(3):
        await visitor.say(FIRE)
    texts = await visitor.texts("bot")
    assert len(await warnings(visitor)) == 3
    assert all(one != next_ for one, next_ in itertools.pairwise(texts))


async def test_once_resolved_it_opens_a_new_request(queued: Visitor, mira: Desk) -> None:
    """A closed conversation is no reason to be silent."""
    await mira.done(queued.conversation, "claim")
    await mira.done(queued.conversation, "resolve", {"outcome": "solved"})
    await queued.say(FIRE)
    assert await queued.status() == "queued"
    assert (await queued.read())["status"]["reference"] == "H-000002"


async def test_sent_twice_it_is_one_incident(visitor: Visitor) -> None:
    """A repeated post is the same message."""
    await asyncio.gather(*(visitor.say(FIRE, key="the-same-key") for _ in range(10)))
    assert [m["kind"] for m in await visitor.messages()] == ["text", "notice", "handoff"]


@pytest.mark.parametrize("words", ["burning " + "plastic" * 500 + " smell", "SMOKE " * 600])
async def test_of_any_length(visitor: Visitor, mira: Desk, words: str) -> None:
    """What is kept about it is cut, the message and the warning are not."""
    await visitor.say(words)
    assert len(await warnings(visitor)) == 1
    packet = (await mira.open(visitor.conversation))["packet"]
    assert len(packet["trigger"]["rule"]) <= 200


async def test_the_customer_asks_on(visitor: Visitor, rasa: ScriptedRasa) -> None:
    """Afterwards a person has it: the bot does not chat about descaling."""
    await visitor.say(FIRE)
    message = await visitor.say("How do I descale it")

    async def told() -> bool:
        return any(m["in_reply_to"] == message["id"] for m in await visitor.messages("bot"))

    await eventually(told)
    assert rasa.calls == []
