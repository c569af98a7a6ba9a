"""Returns, complaints and warranty claims. Actions open them; agents move them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from store.conversations import lock
from store.counters import next_number
from store.schema import cases
from support.case import NUMBER_PREFIX, Case, CaseKind, CaseStatus


async def open_case(
    tx: AsyncConnection,
    kind: CaseKind,
    conversation: str,
    message: str,
    at: datetime,
    *,
    order_number: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> Case:
    """Open a case, or give back the one that the same message has opened before.

    Args:
        message: Id of the customer's message. An action can run twice for one message (its
            process was killed and the turn repeated); it must not open two cases.
    """
    # Two runs at once: the second waits here, and then finds the case.
    await lock(tx, conversation)
    row = (
        await tx.execute(sa.select(cases).where(cases.c.message == message, cases.c.kind == kind))
    ).one_or_none()
    if row is not None:
        return _case(row)
    number = await next_number(tx, NUMBER_PREFIX[kind])
    case = Case(
        number, kind, CaseStatus.OPEN, conversation, order_number, dict(details or {}), message, at
    )
    await tx.execute(
        sa.insert(cases).values(
            number=number,
            kind=kind,
            status=case.status,
            conversation=conversation,
            order_number=order_number,
            details=dict(case.details),
            message=message,
            opened_at=at,
        )
    )
    return case


async def of_conversation(tx: AsyncConnection, conversation: str) -> list[Case]:
    """The cases opened in that conversation, oldest first."""
    rows = await tx.execute(
        sa.select(cases).where(cases.c.conversation == conversation).order_by(cases.c.opened_at)
    )
    return [_case(row) for row in rows]


async def open_return(tx: AsyncConnection, order_number: str) -> Case | None:
    """The return that is open for that order, if there is one."""
    row = (
        await tx.execute(
            sa.select(cases).where(
                cases.c.order_number == order_number,
                cases.c.kind == CaseKind.RETURN,
                cases.c.status == CaseStatus.OPEN,
            )
        )
    ).first()
    return None if row is None else _case(row)


async def replace_details(tx: AsyncConnection, number: str, details: Mapping[str, Any]) -> None:
    """Keep a case's details as they are known now."""
    await tx.execute(sa.update(cases).where(cases.c.number == number).values(details=dict(details)))


def _case(row: sa.Row[Any]) -> Case:
    return Case(
        number=row.number,
        kind=CaseKind(row.kind),
        status=CaseStatus(row.status),
        conversation=row.conversation,
        order_number=row.order_number,
        details=row.details,
        message=row.message,
        opened_at=row.opened_at,
    )
