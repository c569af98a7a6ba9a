"""What was bought, and who has proved that it is theirs. The import command writes purchases."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from store.database import insert
from store.schema import proofs, purchases
from support.purchase import Purchase


async def by_order_number(tx: AsyncConnection, order_number: str) -> Purchase | None:
    """The purchase of that order number, if there is one."""
    row = (
        await tx.execute(sa.select(purchases).where(purchases.c.order_number == order_number))
    ).one_or_none()
    return None if row is None else Purchase(**row._mapping)


async def by_serial_number(tx: AsyncConnection, serial_number: str) -> Purchase | None:
    """The purchase of the appliance with that serial number, if there is one."""
    row = (
        await tx.execute(sa.select(purchases).where(purchases.c.serial_number == serial_number))
    ).one_or_none()
    return None if row is None else Purchase(**row._mapping)


async def save(tx: AsyncConnection, bought: Iterable[Purchase]) -> int:
    """Insert purchases, or replace those of the same order number; how many were given."""
    rows = [asdict(purchase) for purchase in bought]
    for row in rows:
        await tx.execute(
            insert(tx, purchases)
            .values(row)
            .on_conflict_do_update(index_elements=[purchases.c.order_number], set_=row)
        )
    return len(rows)


async def note_proof(
    tx: AsyncConnection,
    conversation: str,
    order_number: str,
    held: bool,
    message: str,
    at: datetime,
) -> None:
    """Keep the outcome of one attempt to prove ownership; the same message counts once."""
    await tx.execute(
        insert(tx, proofs)
        .values(
            conversation=conversation,
            # What a stranger typed may be of any length, and PostgreSQL insists on the column's.
            order_number=order_number[: _longest(proofs.c.order_number)],
            held=held,
            message=message,
            at=at,
        )
        .on_conflict_do_nothing(index_elements=[proofs.c.conversation, proofs.c.message])
    )


async def proved(tx: AsyncConnection, conversation: str) -> Purchase | None:
    """The purchase whose ownership was proved last in that conversation."""
    order_number = await tx.scalar(
        sa.select(proofs.c.order_number)
        .where(proofs.c.conversation == conversation, proofs.c.held)
        .order_by(proofs.c.id.desc())
        .limit(1)
    )
    return None if order_number is None else await by_order_number(tx, order_number)


async def failed_proofs(tx: AsyncConnection, conversation: str) -> int:
    """How often ownership was not proved in that conversation."""
    count = await tx.scalar(
        sa.select(sa.func.count()).where(
            proofs.c.conversation == conversation, sa.not_(proofs.c.held)
        )
    )
    return int(count or 0)


def _longest(column: sa.Column[str]) -> int | None:
    return column.type.length if isinstance(column.type, sa.String) else None
