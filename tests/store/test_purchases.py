"""Purchases and the proof that somebody made one."""

import asyncio
from dataclasses import replace
from datetime import date

import pytest
import sqlalchemy as sa

from store import purchases
from store.database import Database
from support.purchase import Purchase
from tests.store.conftest import NOON

BOUGHT = Purchase(
    order_number="A-10482",
    product="dishwasher",
    model="HM-D450",
    serial_number="HM-D450-2207-00318",
    customer_name="Zoë Müller",
    email="zoe@example.org",
    postcode="10115",
    phone_number=None,
    country="DE",
    ordered_on=date(2026, 11, 1),
    delivered_on=None,
    price_cents=49_900,
    currency="EUR",
    payment_method="card",
)


async def test_an_import_may_be_repeated(database: Database) -> None:
    """A later file brings the delivery date; everything else is there already."""
    delivered = replace(BOUGHT, delivered_on=date(2026, 11, 9), phone_number="+49 30 1234")
    async with database.begin() as tx:
        assert await purchases.save(tx, [BOUGHT]) == 1
        assert await purchases.by_order_number(tx, "A-10482") == BOUGHT
        assert await purchases.save(tx, [delivered]) == 1
        assert await purchases.by_order_number(tx, "A-10482") == delivered
        assert await purchases.by_order_number(tx, "A-10483") is None


async def test_a_serial_number_belongs_to_one_order(database: Database) -> None:
    """Two orders with one serial number: one of them would prove the other's ownership."""

    async def save_both() -> None:
        async with database.begin() as tx:
            await purchases.save(tx, [BOUGHT, replace(BOUGHT, order_number="A-10483")])

    with pytest.raises(sa.exc.IntegrityError):
        await save_both()
    async with database.read() as view:
        assert await purchases.by_order_number(view, "A-10482") is None


async def test_failed_proofs_are_counted_once_for_each_message(
    database: Database, neighbour: Database, conversation: str
) -> None:
    """Guessing is limited by this number: a turn that is repeated must not count twice."""

    async def fail(process: Database, message: str) -> None:
        async with process.begin() as tx:
            await purchases.note_proof(tx, conversation, "A-10482", False, message, NOON)

    messages = ["m-1", "m-2", "m-3"]
    await asyncio.gather(*(fail(p, m) for p in [database, neighbour] * 4 for m in messages))

    async with database.read() as view:
        assert await purchases.failed_proofs(view, conversation) == 3
        assert await purchases.proved(view, conversation) is None


async def test_the_purchase_proved_last_counts(database: Database, conversation: str) -> None:
    """Customers own more than one appliance."""
    second = replace(BOUGHT, order_number="A-10483", serial_number="HM-D450-2207-00319")
    async with database.begin() as tx:
        await purchases.save(tx, [BOUGHT, second])
        await purchases.note_proof(tx, conversation, "A-10483", True, "m-1", NOON)
        await purchases.note_proof(tx, conversation, "A-10482", True, "m-2", NOON)
        await purchases.note_proof(tx, conversation, "A-10483", False, "m-3", NOON)
        assert await purchases.proved(tx, conversation) == BOUGHT


async def test_an_order_number_of_any_length_counts_as_a_failure(
    database: Database, conversation: str
) -> None:
    """It is kept as it was typed, and PostgreSQL insists on the column's length."""
    async with database.begin() as tx:
        await purchases.note_proof(tx, conversation, "A-" + "1" * 4000, False, "m-1", NOON)
        assert await purchases.failed_proofs(tx, conversation) == 1
