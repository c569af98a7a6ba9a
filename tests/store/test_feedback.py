"""Verdicts: one for each message."""

import asyncio

import sqlalchemy as sa

from store import feedback
from store.database import Database
from store.schema import feedback as table
from tests.store.conftest import NOON


async def test_a_verdict_counts_once(
    database: Database, neighbour: Database, conversation: str
) -> None:
    """A button pressed twice, or a turn repeated, is one customer with one opinion."""

    async def judge(process: Database) -> None:
        async with process.begin() as tx:
            await feedback.add(tx, conversation, "m-1", NOON, article="does-not-drain", helped=True)

    await asyncio.gather(*(judge(process) for process in [database, neighbour] * 5))

    async with database.begin() as tx:
        await feedback.add(tx, conversation, "m-2", NOON, text="Thank you 🙂")
        rows = (await tx.execute(sa.select(table).order_by(table.c.message))).all()
    assert [(r.article, r.helped, r.text) for r in rows] == [
        ("does-not-drain", True, None),
        (None, None, "Thank you 🙂"),
    ]
