"""What is known in a conversation. A later fact of the same name takes the earlier one's place."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from store.database import insert
from store.schema import facts
from support.facts import Fact, FactStatus


async def note(
    tx: AsyncConnection,
    conversation: str,
    name: str,
    value: str,
    status: FactStatus,
    message: str,
    at: datetime,
) -> None:
    """Keep a fact. The same message telling it again changes what it told."""
    await tx.execute(
        insert(tx, facts)
        .values(
            conversation=conversation,
            name=name,
            value=value,
            status=status,
            message=message,
            at=at,
        )
        .on_conflict_do_update(
            index_elements=[facts.c.conversation, facts.c.name, facts.c.message],
            set_={"value": value, "status": status},
        )
    )


async def known(tx: AsyncConnection, conversation: str) -> dict[str, Fact]:
    """The latest fact of each name, in the order in which the names were first told."""
    rows = await tx.execute(
        sa.select(facts).where(facts.c.conversation == conversation).order_by(facts.c.id)
    )
    return {
        row.name: Fact(row.name, row.value, FactStatus(row.status), row.message, row.at)
        for row in rows
    }
