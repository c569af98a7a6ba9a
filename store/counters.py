"""Numbers that people are told: rising, one sequence for each kind."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from store.database import insert
from store.schema import counters


async def next_number(tx: AsyncConnection, prefix: str) -> str:
    """The next number of that prefix, e.g. "RMA-000017"; none is given out twice."""
    value = await tx.scalar(
        insert(tx, counters)
        .values(name=prefix, value=1)
        .on_conflict_do_update(
            index_elements=[counters.c.name], set_={"value": counters.c.value + 1}
        )
        .returning(sa.column("value"))
    )
    return f"{prefix}-{value:06d}"
