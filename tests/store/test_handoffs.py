"""Handoffs: one open at a time, one agent each."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
import sqlalchemy as sa

from store import agents, conversations, handoffs
from store.database import Database
from support.conversation import Channel
from support.errors import NotFound
from support.handoff import Handoff, HandoffState, Trigger, Urgency
from tests.store.conftest import NOON, minutes


async def _queue(
    database: Database,
    conversation: str,
    urgency: Urgency = Urgency.NORMAL,
    minute: float = 0,
    packet: Mapping[str, Any] | None = None,
) -> Handoff:
    async with database.begin() as tx:
        return await handoffs.add(
            tx,
            conversation,
            await handoffs.next_reference(tx),
            Trigger.CUSTOMER_ASKED,
            "The customer asked for a person.",
            urgency,
            None,
            packet or {"version": 1},
            minutes(minute),
        )


async def test_a_conversation_has_one_open_handoff(
    database: Database, neighbour: Database, conversation: str
) -> None:
    """The inbox, a timer and an agent may ask for one at the same moment."""
    results = await asyncio.gather(
        *(_queue(process, conversation) for process in [database, neighbour] * 10),
        return_exceptions=True,
    )

    opened = [r for r in results if isinstance(r, Handoff)]
    assert [type(r) for r in results].count(sa.exc.IntegrityError) == 19
    async with database.read() as view:
        assert await handoffs.all_open(view) == opened
    # What failed took its reference back: customers are told numbers without holes.
    assert opened[0].reference == "H-000001"


async def test_after_it_ended_another_may_be_opened(database: Database, conversation: str) -> None:
    """Customers come back."""
    first = await _queue(database, conversation)
    async with database.begin() as tx:
        await handoffs.end(tx, first.id, HandoffState.COMPLETED, "solved", minutes(1))
        assert await handoffs.open_of(tx, conversation) is None
    second = await _queue(database, conversation, minute=2)

    async with database.begin() as tx:
        assert await handoffs.open_of(tx, conversation) == second
        ended, still_open = await handoffs.of_conversation(tx, conversation)
    assert (ended.state, ended.outcome, ended.ended_at) == (
        HandoffState.COMPLETED,
        "solved",
        minutes(1),
    )
    assert still_open == second
    assert second.reference == "H-000002"


async def test_twenty_agents_claim_one_handoff(
    database: Database, neighbour: Database, conversation: str
) -> None:
    """Of all who click together one gets it, and the others are told who did."""
    handoff = await _queue(database, conversation)
    async with database.begin() as tx:
        crew = [
            (await agents.add(tx, f"agent-{n}@example.org", f"Agent {n}", "hash", NOON)).id
            for n in range(20)
        ]

    async def claim(number: int) -> bool:
        async with (database, neighbour)[number % 2].begin() as tx:
            return await handoffs.claim(tx, handoff.id, crew[number], minutes(1))

    got_it = await asyncio.gather(*(claim(number) for number in range(20)))

    assert got_it.count(True) == 1
    async with database.read() as view:
        claimed = await handoffs.get(view, handoff.id)
    assert claimed.agent == crew[got_it.index(True)]
    assert (claimed.state, claimed.accepted_at) == (HandoffState.ACCEPTED, minutes(1))


async def test_what_ended_cannot_be_claimed_or_ended_again(
    database: Database, conversation: str, mira: str
) -> None:
    """An agent's page may show a queue of a minute ago."""
    handoff = await _queue(database, conversation)
    async with database.begin() as tx:
        await handoffs.end(tx, handoff.id, HandoffState.EXPIRED, "nobody", minutes(1))
        assert await handoffs.claim(tx, handoff.id, mira, minutes(2)) is False
        await handoffs.end(tx, handoff.id, HandoffState.COMPLETED, "solved", minutes(3))
        ended = await handoffs.get(tx, handoff.id)

    assert (ended.state, ended.outcome) == (HandoffState.EXPIRED, "nobody")


async def test_only_the_first_answer_counts(
    database: Database, conversation: str, mira: str
) -> None:
    """The time to a person is a measure: a second answer must not move it."""
    handoff = await _queue(database, conversation)
    async with database.begin() as tx:
        await handoffs.claim(tx, handoff.id, mira, minutes(1))
        await handoffs.answered(tx, handoff.id, minutes(2))
        await handoffs.answered(tx, handoff.id, minutes(3))
        answered = await handoffs.get(tx, handoff.id)

    assert (answered.state, answered.first_answer_at) == (HandoffState.IN_PROGRESS, minutes(2))


async def test_the_queue_is_by_urgency_then_by_waiting_time(database: Database) -> None:
    """Smoke goes before a question that came earlier."""
    wanted = [
        (Urgency.URGENT, 3),
        (Urgency.HIGH, 1),
        (Urgency.HIGH, 4),
        (Urgency.NORMAL, 0),
        (Urgency.NORMAL, 2),
    ]
    for urgency, minute in sorted(wanted, key=lambda entry: entry[1]):
        async with database.begin() as tx:
            opened = await conversations.open_conversation(tx, Channel.WEB, f"v-{minute}", NOON)
        await _queue(database, opened.id, urgency, minute)
    async with database.read() as view:
        queue = await handoffs.all_open(view)

    assert [(h.urgency, h.requested_at) for h in queue] == [(u, minutes(m)) for u, m in wanted]


async def test_who_waits_too_long_is_told_once(database: Database, conversation: str) -> None:
    """No dead air, and no nagging either."""
    handoff = await _queue(database, conversation, minute=0)
    async with database.begin() as tx:
        assert await handoffs.waiting_untold(tx, before=minutes(-1)) == []
        assert [h.id for h in await handoffs.waiting_untold(tx, before=minutes(5))] == [handoff.id]
        await handoffs.waiting_told(tx, handoff.id, minutes(5))
        assert await handoffs.waiting_untold(tx, before=minutes(9)) == []


async def test_the_packet_is_kept_whole(database: Database, conversation: str) -> None:
    """It is what the agent reads first; what was said while waiting replaces it."""
    packet = {
        "version": 1,
        "headline": {"text": "Läuft aus 💧", "messages": ["m-1"]},
        "n": [1, None],
    }
    handoff = await _queue(database, conversation, packet=packet)
    assert handoff.packet == packet

    async with database.begin() as tx:
        await handoffs.keep_packet(tx, handoff.id, {**packet, "version": 2})
        assert (await handoffs.get(tx, handoff.id)).packet["version"] == 2
        with pytest.raises(NotFound):
            await handoffs.get(tx, "nothing")
