"""Verdicts: one for each message, one for each visitor of a page and day, counted by version."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import sqlalchemy as sa

from store import feedback, ledger
from store.database import Database
from store.schema import feedback as table
from store.schema import page_verdicts
from support.feedback import Count
from support.procedure import Outcome
from tests.store.conftest import NOON
from tests.store.test_ledger import SHOWN


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


async def test_a_visitor_judges_a_page_once_a_day(database: Database, neighbour: Database) -> None:
    """A button pressed again and again is one opinion; the next visitor's is another."""

    async def judge(process: Database, mark: str, helped: bool) -> None:
        async with process.begin() as tx:
            await feedback.add_for_page(tx, "add-salt", "v1", helped, mark, NOON)

    await judge(database, "first", False)
    await asyncio.gather(*(judge(process, "first", True) for process in [database, neighbour] * 5))
    await judge(neighbour, "second", True)

    async with database.read() as tx:
        assert await feedback.counts(tx) == [Count("add-salt", "", "v1", 1, 1)]


async def test_yesterdays_visitors_cannot_be_told_apart(database: Database) -> None:
    """Their verdicts stay, and nothing that leads to them; today's are still one each."""
    yesterday = NOON - timedelta(days=1)
    async with database.begin() as tx:
        await feedback.add_for_page(tx, "add-salt", "v1", True, "old", yesterday)
        await feedback.add_for_page(tx, "descale", "v1", True, "old too", yesterday)
        await feedback.add_for_page(tx, "add-salt", "v1", True, "new", NOON)
        await feedback.forget_marks(tx, NOON.replace(hour=0))
        marks = (await tx.execute(sa.select(page_verdicts.c.mark))).scalars().all()
        assert sum(count.helped for count in await feedback.counts(tx)) == 3
    assert sorted(marks, key=str) == [None, None, "new"]


async def test_every_kind_of_verdict_is_counted(database: Database, conversation: str) -> None:
    """Answers, pages and steps in one table; what says nothing about a text is left out."""
    async with database.begin() as tx:
        for number, (section, version, helped) in enumerate(
            [("fill", "v1", False), ("fill", "v1", True), ("fill", "v2", False), ("", None, False)]
        ):
            await feedback.add(
                tx, conversation, f"m-{number}", NOON,
                article="add-salt", section=section, version=version, helped=helped,
            )  # fmt: skip
        await feedback.add(tx, conversation, "m-9", NOON, text="Thank you")
        await feedback.add_for_page(tx, "add-salt", "v2", True, "a", NOON)
        for step, outcome in {
            "filter": Outcome.DID_NOT_HELP,
            "hose": Outcome.HELPED,
            "pump": Outcome.COULD_NOT,
            "sink": Outcome.ALREADY_TRIED,
            "reset": Outcome.SHOWN,
        }.items():
            await ledger.add(tx, conversation, replace(SHOWN, step=step, outcome=outcome))
        counted = await feedback.counts(tx)

    assert set(counted) == {
        Count("add-salt", "", None, 0, 1),
        Count("add-salt", "", "v2", 1, 0),
        Count("add-salt", "fill", "v1", 1, 1),
        Count("add-salt", "fill", "v2", 0, 1),
        Count(SHOWN.article, "filter", SHOWN.version, 0, 1),
        Count(SHOWN.article, "hose", SHOWN.version, 1, 0),
    }
    assert len(counted) == 6
