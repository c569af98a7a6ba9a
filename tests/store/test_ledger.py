"""The ledger: every step once, with what became of it."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from store import ledger
from store.database import Database
from support.procedure import LedgerEntry, Outcome
from tests.store.conftest import NOON

SHOWN = LedgerEntry(
    article="dishwasher-does-not-drain",
    version="1a2b3c4d",
    article_title="The dishwasher does not drain",
    step="filter",
    title="Clean the filter",
    outcome=Outcome.SHOWN,
    shown_by="m-1",
    decided_by=None,
    at=NOON,
)


async def test_steps_keep_their_order_and_their_outcome(
    database: Database, conversation: str
) -> None:
    """The agent reads what was tried, in the order in which it was tried."""
    hose = replace(SHOWN, step="hose", title="Check the drain hose", shown_by="m-2")
    async with database.begin() as tx:
        await ledger.add(tx, conversation, SHOWN)
        await ledger.add(tx, conversation, hose)
        await ledger.decide(tx, conversation, SHOWN.article, "filter", Outcome.COULD_NOT, "m-2")
        entries = await ledger.entries(tx, conversation)

    assert entries == [replace(SHOWN, outcome=Outcome.COULD_NOT, decided_by="m-2"), hose]


async def test_a_step_is_proposed_once(database: Database, conversation: str) -> None:
    """Nothing is asked twice, whichever process believes that it is the first."""
    async with database.begin() as tx:
        await ledger.add(tx, conversation, SHOWN)

    async def again() -> None:
        async with database.begin() as tx:
            await ledger.add(tx, conversation, replace(SHOWN, shown_by="m-9"))

    with pytest.raises(sa.exc.IntegrityError):
        await again()
    async with database.read() as view:
        assert await ledger.entries(view, conversation) == [SHOWN]
