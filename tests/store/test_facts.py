"""Facts: the latest of a name counts, and telling twice is telling once."""

from store import facts
from store.database import Database
from support.facts import Fact, FactStatus
from tests.store.conftest import NOON, minutes


async def test_the_latest_of_a_name_counts(database: Database, conversation: str) -> None:
    """Customers correct themselves; what they said first keeps its place in the list."""
    says, verified = FactStatus.CUSTOMER_SAYS, FactStatus.VERIFIED
    async with database.begin() as tx:
        await facts.note(tx, conversation, "symptom", "leaks", says, "m-1", NOON)
        await facts.note(tx, conversation, "order_number", "A-10482", says, "m-2", minutes(1))
        await facts.note(tx, conversation, "symptom", "does not drain", says, "m-3", minutes(2))
        await facts.note(tx, conversation, "order_number", "A-10482", verified, "m-2", minutes(3))
        known = await facts.known(tx, conversation)

    assert list(known.values()) == [
        Fact("symptom", "does not drain", says, "m-3", minutes(2)),
        Fact("order_number", "A-10482", verified, "m-2", minutes(1)),
    ]


async def test_a_repeated_turn_does_not_overrule_a_later_one(
    database: Database, conversation: str
) -> None:
    """The first message, handled again after a crash, is still the earlier one."""
    says = FactStatus.CUSTOMER_SAYS
    async with database.begin() as tx:
        await facts.note(tx, conversation, "postcode", "10115", says, "m-1", NOON)
        await facts.note(tx, conversation, "postcode", "10117", says, "m-2", minutes(1))
        await facts.note(tx, conversation, "postcode", "10115", says, "m-1", minutes(2))
        known = await facts.known(tx, conversation)

    assert known["postcode"].value == "10117"
