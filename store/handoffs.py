"""Conversations waiting for a person, or held by one. The gateway writes them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from store.counters import next_number
from store.schema import handoffs
from support.errors import NotFound
from support.handoff import Handoff, HandoffState, Trigger, Urgency


async def next_reference(tx: AsyncConnection) -> str:
    """The number that the customer of the next handoff is told."""
    return await next_number(tx, "H")


async def add(
    tx: AsyncConnection,
    conversation: str,
    reference: str,
    trigger: Trigger,
    rule: str,
    urgency: Urgency,
    message: str | None,
    packet: Mapping[str, Any],
    at: datetime,
    *,
    incident: bool = False,
) -> Handoff:
    """Queue a conversation.

    Raises:
        sqlalchemy.exc.IntegrityError: It has an open handoff already.
    """
    handoff_id = uuid4().hex
    await tx.execute(
        sa.insert(handoffs).values(
            id=handoff_id,
            reference=reference,
            conversation=conversation,
            state=HandoffState.QUEUED,
            trigger=trigger,
            rule=_clipped(rule),
            urgency=urgency,
            incident=incident,
            message=message,
            packet=dict(packet),
            requested_at=at,
        )
    )
    return await get(tx, handoff_id)


async def get(tx: AsyncConnection, handoff: str) -> Handoff:
    """That handoff.

    Raises:
        NotFound: There is none.
    """
    row = (await tx.execute(sa.select(handoffs).where(handoffs.c.id == handoff))).one_or_none()
    if row is None:
        raise NotFound("handoff")
    return _handoff(row)


async def open_of(tx: AsyncConnection, conversation: str) -> Handoff | None:
    """The open handoff of a conversation, if it has one."""
    row = (
        await tx.execute(
            sa.select(handoffs).where(
                handoffs.c.conversation == conversation, handoffs.c.ended_at.is_(None)
            )
        )
    ).one_or_none()
    return None if row is None else _handoff(row)


async def all_open(tx: AsyncConnection) -> list[Handoff]:
    """Every open handoff: most urgent first, and of the same urgency the longest waiting."""
    rank = sa.case(
        {urgency: index for index, urgency in enumerate(Urgency)}, value=handoffs.c.urgency
    )
    rows = await tx.execute(
        sa.select(handoffs)
        .where(handoffs.c.ended_at.is_(None))
        .order_by(rank.desc(), handoffs.c.requested_at)
    )
    return [_handoff(row) for row in rows]


async def of_conversation(tx: AsyncConnection, conversation: str) -> list[Handoff]:
    """Every handoff a conversation ever had, oldest first."""
    rows = await tx.execute(
        sa.select(handoffs)
        .where(handoffs.c.conversation == conversation)
        .order_by(handoffs.c.requested_at)
    )
    return [_handoff(row) for row in rows]


async def claim(tx: AsyncConnection, handoff: str, agent: str, at: datetime) -> bool:
    """Give a queued handoff to an agent; of two who try at once, one hears True."""
    changed = await tx.execute(
        sa.update(handoffs)
        .where(handoffs.c.id == handoff, handoffs.c.state == HandoffState.QUEUED)
        .values(state=HandoffState.ACCEPTED, agent=agent, accepted_at=at)
    )
    return changed.rowcount == 1


async def answered(tx: AsyncConnection, handoff: str, at: datetime) -> None:
    """Note the agent's first answer; later ones change nothing."""
    await tx.execute(
        sa.update(handoffs)
        .where(handoffs.c.id == handoff, handoffs.c.state == HandoffState.ACCEPTED)
        .values(state=HandoffState.IN_PROGRESS, first_answer_at=at)
    )


async def end(
    tx: AsyncConnection, handoff: str, state: HandoffState, outcome: str, at: datetime
) -> None:
    """Close a handoff with its outcome."""
    await tx.execute(
        sa.update(handoffs)
        .where(handoffs.c.id == handoff, handoffs.c.ended_at.is_(None))
        .values(state=state, outcome=outcome, ended_at=at)
    )


async def waiting_untold(tx: AsyncConnection, before: datetime) -> Sequence[Handoff]:
    """Queued since before that time, the customer not yet told that nobody was free."""
    rows = await tx.execute(
        sa.select(handoffs).where(
            handoffs.c.state == HandoffState.QUEUED,
            handoffs.c.requested_at <= before,
            handoffs.c.waiting_told_at.is_(None),
        )
    )
    return [_handoff(row) for row in rows]


async def waiting_told(tx: AsyncConnection, handoff: str, at: datetime) -> None:
    """Remember that the customer was told."""
    await tx.execute(sa.update(handoffs).where(handoffs.c.id == handoff).values(waiting_told_at=at))


async def keep_packet(tx: AsyncConnection, handoff: str, packet: Mapping[str, Any]) -> None:
    """Replace the packet of an open handoff: more was said while it waited."""
    await tx.execute(
        sa.update(handoffs).where(handoffs.c.id == handoff).values(packet=dict(packet))
    )


async def raise_to_incident(tx: AsyncConnection, handoff: str, rule: str) -> None:
    """Put an open handoff to the head of the queue: somebody may be in danger."""
    await tx.execute(
        sa.update(handoffs)
        .where(handoffs.c.id == handoff)
        .values(urgency=Urgency.URGENT, incident=True, rule=_clipped(rule))
    )


def _clipped(rule: str) -> str:
    # It may quote a stranger, at any length, and PostgreSQL insists on the column's.
    kind = handoffs.c.rule.type
    longest = kind.length if isinstance(kind, sa.String) else None
    return rule if longest is None or len(rule) <= longest else rule[: longest - 1] + "…"


def _handoff(row: sa.Row[Any]) -> Handoff:
    return Handoff(
        id=row.id,
        reference=row.reference,
        conversation=row.conversation,
        state=HandoffState(row.state),
        trigger=Trigger(row.trigger),
        rule=row.rule,
        urgency=Urgency(row.urgency),
        incident=row.incident,
        message=row.message,
        packet=row.packet,
        agent=row.agent,
        requested_at=row.requested_at,
        waiting_told_at=row.waiting_told_at,
        accepted_at=row.accepted_at,
        first_answer_at=row.first_answer_at,
        ended_at=row.ended_at,
        outcome=row.outcome,
    )
