"""Transactions: all or nothing, one view while reading, no lock left behind."""

import asyncio
import gc
import random
from datetime import datetime, timedelta, timezone

import pytest
import sqlalchemy as sa

from store import agents, conversations, counters
from store.database import Database
from store.schema import metadata
from support.conversation import Author, Channel
from tests.store.conftest import NOON, minutes


async def test_an_error_takes_everything_back(database: Database) -> None:
    """Half an action is worse than none."""

    async def fail_late() -> None:
        async with database.begin() as tx:
            await agents.add(tx, "mira@example.org", "Mira", "hash", NOON)
            assert await counters.next_number(tx, "RMA") == "RMA-000001"
            raise RuntimeError("late")

    with pytest.raises(RuntimeError, match="late"):
        await fail_late()

    async with database.begin() as tx:
        assert await agents.names(tx) == {}
        assert await counters.next_number(tx, "RMA") == "RMA-000001"


async def test_an_error_of_the_database_does_too(database: Database, conversation: str) -> None:
    """PostgreSQL goes on refusing in a failed transaction; the next one must be whole again."""

    async def fail_late() -> None:
        async with database.begin() as tx:
            await conversations.add_message(tx, conversation, Author.CUSTOMER, "Hello", NOON)
            await conversations.open_conversation(tx, Channel.WEB, "visitor-1", NOON)

    with pytest.raises(sa.exc.IntegrityError):
        await fail_late()

    async with database.begin() as tx:
        message, _ = await conversations.add_message(
            tx, conversation, Author.CUSTOMER, "Hello", NOON
        )
    assert message.seq == 1


async def test_a_reader_sees_one_moment(
    database: Database, neighbour: Database, conversation: str
) -> None:
    """A packet is read in many queries; what arrives meanwhile must not be in half of them."""
    async with database.read() as view:
        before = await conversations.transcript(view, conversation)
        async with neighbour.begin() as tx:
            await conversations.add_message(tx, conversation, Author.CUSTOMER, "Hello", NOON)
        after = await conversations.transcript(view, conversation)

    assert before == after == []


async def test_readers_do_not_wait_for_a_writer(database: Database, conversation: str) -> None:
    """The console keeps showing what is known while an action works."""
    async with database.begin() as tx:
        await conversations.add_message(tx, conversation, Author.CUSTOMER, "Hello", NOON)
        async with asyncio.timeout(2), database.read() as view:
            assert await conversations.transcript(view, conversation) == []


async def test_two_processes_write_at_once(
    database: Database, neighbour: Database, conversation: str
) -> None:
    """The gateway and the actions share the database: neither may hear "database is locked"."""

    async def write(process: Database) -> int:
        async with process.begin() as tx:
            message, _ = await conversations.add_message(
                tx, conversation, Author.BOT, "Hello", NOON
            )
        return message.seq

    seqs = await asyncio.gather(*(write(p) for p in [database, neighbour] * 25))

    assert sorted(seqs) == list(range(1, 51))


async def test_writers_cancelled_anywhere_leave_no_lock(
    database: Database, neighbour: Database, conversation: str, request: pytest.FixtureRequest
) -> None:
    """A customer who closes the page cancels the request; the next write must not wait for it."""
    chance = random.Random(7)
    # The collector may or may not come by and free what a cancelled query held.
    request.addfinalizer(gc.enable)
    gc.disable()

    async def write() -> None:
        async with database.begin() as tx:
            await conversations.add_message(tx, conversation, Author.CUSTOMER, "Hello", NOON)
            await asyncio.sleep(0)
            await conversations.mark_seen(tx, conversation, [Author.CUSTOMER], 1, NOON)

    for _ in range(60):
        task = asyncio.create_task(write())
        await asyncio.sleep(chance.uniform(0, 0.02))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    for process in (database, neighbour):
        async with asyncio.timeout(4), process.begin() as tx:
            await conversations.add_message(tx, conversation, Author.BOT, "Hello", NOON)
    async with database.read() as view:
        messages = await conversations.transcript(view, conversation)
    assert [m.seq for m in messages] == list(range(1, len(messages) + 1))


async def test_times_come_back_aware_and_in_utc(database: Database) -> None:
    """SQLite keeps no zone, PostgreSQL answers in the server's."""
    berlin = timezone(timedelta(hours=1))
    async with database.begin() as tx:
        opened = await conversations.open_conversation(
            tx, Channel.WEB, "visitor-1", NOON.astimezone(berlin)
        )
        stored = await conversations.get(tx, opened.id)

    assert stored.started_at == NOON
    assert stored.started_at.utcoffset() == timedelta(0)


async def test_a_naive_time_is_refused(database: Database) -> None:
    """It could be any zone's."""
    naive = datetime(2026, 11, 22, 12)
    async with database.begin() as tx:
        with pytest.raises(sa.exc.StatementError, match="naive"):
            await conversations.open_conversation(tx, Channel.WEB, "visitor-1", naive)


async def test_erasing_a_conversation_leaves_nothing_of_it(
    database: Database, conversation: str, mira: str
) -> None:
    """Every table that belongs to a conversation goes with it, whatever is added later."""
    owned = [t for t in metadata.sorted_tables if "conversation" in t.c]
    async with database.begin() as tx:
        for table in owned:
            await tx.execute(sa.insert(table).values(_some_values(table, conversation, mira)))
    async with database.begin() as tx:
        conversations_table = metadata.tables["conversations"]
        await tx.execute(
            sa.delete(conversations_table).where(conversations_table.c.id == conversation)
        )
        left = {
            table.name: await tx.scalar(sa.select(sa.func.count()).select_from(table))
            for table in owned
        }

    assert left == dict.fromkeys(left, 0)
    assert len(left) >= 7


def _some_values(table: sa.Table, conversation: str, agent: str) -> dict[str, object]:
    known = {"conversation": conversation, "agent": agent}
    samples = {bool: True, int: 1, str: "x", dict: {}, datetime: minutes(1)}
    values: dict[str, object] = {}
    for column in table.c:
        if column.name in known:
            values[column.name] = known[column.name]
        elif not column.nullable:
            values[column.name] = samples[_python_type(column)]
    return values


def _python_type(column: sa.Column[object]) -> type:
    # Our own type of times and SQL's JSON do not tell theirs.
    if isinstance(column.type, sa.JSON):
        return dict
    if isinstance(column.type, sa.types.TypeDecorator):
        return datetime
    return column.type.python_type
