"""Cases and their numbers: one for each message, none given out twice."""

import asyncio

from store import cases, conversations, counters
from store.database import Database
from support.case import Case, CaseKind, CaseStatus
from support.conversation import Channel
from tests.store.conftest import NOON, minutes


async def _open(
    database: Database, conversation: str, message: str, kind: CaseKind = CaseKind.RETURN
) -> Case:
    async with database.begin() as tx:
        return await cases.open_case(
            tx,
            kind,
            conversation,
            message,
            NOON,
            order_number="A-10482",
            details={"reason": "zu groß"},
        )


async def test_one_message_opens_one_case(
    database: Database, neighbour: Database, conversation: str
) -> None:
    """An action runs again after a kill, perhaps beside the run that was thought dead."""
    opened = await asyncio.gather(
        *(_open(process, conversation, "m-1") for process in [database, neighbour] * 10)
    )

    assert {case.number for case in opened} == {"RMA-000001"}
    async with database.read() as view:
        assert await cases.of_conversation(view, conversation) == [opened[0]]


async def test_numbers_are_unique_and_without_holes(
    database: Database, neighbour: Database
) -> None:
    """Forty customers at once, in two processes."""
    async with database.begin() as tx:
        ids = [
            (await conversations.open_conversation(tx, Channel.WEB, f"v-{n}", NOON)).id
            for n in range(40)
        ]
    opened = await asyncio.gather(
        *(_open((database, neighbour)[n % 2], id_, f"m-{n}") for n, id_ in enumerate(ids))
    )

    assert sorted(c.number for c in opened) == [f"RMA-{n:06d}" for n in range(1, 41)]


async def test_each_kind_counts_for_itself(database: Database, conversation: str) -> None:
    """A message may open a complaint and a return."""
    kinds = [CaseKind.RETURN, CaseKind.COMPLAINT, CaseKind.WARRANTY]
    opened = [await _open(database, conversation, "m-1", kind) for kind in kinds]

    assert [c.number for c in opened] == ["RMA-000001", "C-000001", "W-000001"]
    assert {c.status for c in opened} == {CaseStatus.OPEN}


async def test_a_seventh_digit(database: Database) -> None:
    """The millionth case is a case, too."""
    async with database.begin() as tx:
        for _ in range(2):
            await counters.next_number(tx, "C")
        await tx.exec_driver_sql("UPDATE counters SET value = 999999")
        assert await counters.next_number(tx, "C") == "C-1000000"


async def test_the_open_return_of_an_order(database: Database, conversation: str) -> None:
    """A second return of the same order is the first one, asked about again."""
    async with database.begin() as tx:
        assert await cases.open_return(tx, "A-10482") is None
    await _open(database, conversation, "m-1", CaseKind.COMPLAINT)
    opened = await _open(database, conversation, "m-2")
    async with database.begin() as tx:
        assert await cases.open_return(tx, "A-10482") == opened
        assert opened.details == {"reason": "zu groß"}
        assert opened.opened_at == NOON
        await tx.exec_driver_sql("UPDATE cases SET status = 'closed'")
        assert await cases.open_return(tx, "A-10482") is None


async def test_cases_come_in_the_order_they_were_opened(
    database: Database, conversation: str
) -> None:
    """The agent reads the oldest first."""
    async with database.begin() as tx:
        for minute in (2, 1, 3):
            await cases.open_case(
                tx, CaseKind.COMPLAINT, conversation, f"m-{minute}", minutes(minute)
            )
        found = await cases.of_conversation(tx, conversation)

    assert [case.message for case in found] == ["m-1", "m-2", "m-3"]
