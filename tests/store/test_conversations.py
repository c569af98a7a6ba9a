"""The transcript: nothing doubled, nothing lost, one order."""

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from store import conversations
from store.database import Database
from support.conversation import Author, Channel, Kind, Message, Status
from support.errors import NotFound, TransitionRefused
from tests.store.conftest import NOON, minutes


async def _post(database: Database, conversation: str, key: str) -> tuple[Message, bool]:
    async with database.begin() as tx:
        return await conversations.add_message(
            tx, conversation, Author.CUSTOMER, "It leaks", NOON, key=key
        )


async def test_one_message_posted_fifty_times_at_once(
    database: Database, neighbour: Database, conversation: str
) -> None:
    """Channels and browsers retry while the first attempt is still running."""
    answers = await asyncio.gather(
        *(_post(process, conversation, "k-1") for process in [database, neighbour] * 25)
    )

    assert [is_new for _, is_new in answers].count(True) == 1
    assert len({message.id for message, _ in answers}) == 1
    async with database.read() as view:
        assert [m.seq for m in await conversations.transcript(view, conversation)] == [1]


async def test_a_reply_worked_out_by_two_turns_at_once(
    database: Database, neighbour: Database, conversation: str
) -> None:
    """A turn is repeated after a kill, perhaps while the first one still stores its parts."""
    asked, _ = await _post(database, conversation, "k-1")

    async def reply(process: Database) -> list[tuple[Message, bool]]:
        async with process.begin() as tx:
            return [
                await conversations.add_message(
                    tx,
                    conversation,
                    Author.BOT,
                    f"Part {part}",
                    NOON,
                    kind=Kind.ANSWER,
                    in_reply_to=asked.id,
                    part=part,
                )
                for part in range(3)
            ]

    both = await asyncio.gather(*(reply(process) for process in [database, neighbour] * 5))

    assert len({tuple(message.id for message, _ in parts) for parts in both}) == 1
    async with database.read() as view:
        texts = [m.text for m in await conversations.transcript(view, conversation, after=1)]
    assert texts == ["Part 0", "Part 1", "Part 2"]


async def test_seq_has_no_gaps_when_many_write_and_some_fail(
    database: Database, neighbour: Database, conversation: str
) -> None:
    """A reader asks for "after 7"; a gap would look like a message that is still to come."""

    async def write(number: int) -> None:
        process = (database, neighbour)[number % 2]
        async with process.begin() as tx:
            await conversations.add_message(
                tx, conversation, Author.CUSTOMER, str(number), NOON, key=str(number)
            )
            if number % 5 == 0:
                raise RuntimeError("failed after the insert")

    results = await asyncio.gather(*(write(n) for n in range(50)), return_exceptions=True)

    assert [type(r) for r in results].count(RuntimeError) == 10
    async with database.read() as view:
        messages = await conversations.transcript(view, conversation)
    assert [m.seq for m in messages] == list(range(1, 41))
    assert {m.text for m in messages} == {str(n) for n in range(50) if n % 5}


async def test_the_same_key_is_another_message_elsewhere(
    database: Database, conversation: str
) -> None:
    """A key is its sender's own: others may have the same one."""
    async with database.begin() as tx:
        other = await conversations.open_conversation(tx, Channel.WEB, "visitor-2", NOON)
        for where, author in [
            (conversation, Author.CUSTOMER),
            (conversation, Author.AGENT),
            (other.id, Author.CUSTOMER),
        ]:
            _, is_new = await conversations.add_message(tx, where, author, "Hi", NOON, key="k-1")
            assert is_new


async def test_a_message_comes_back_as_it_was(database: Database, conversation: str) -> None:
    """Customers write in every script, and the payload carries what the page shows."""
    payload = {"buttons": [{"title": "Still the same — 😐"}], "step": None}
    async with database.begin() as tx:
        written, _ = await conversations.add_message(
            tx,
            conversation,
            Author.BOT,
            "Größe? ‏مرحبا\n<b>😀</b> '; DROP TABLE messages; --",
            minutes(1),
            kind=Kind.STEP,
            payload=payload,
        )
        assert await conversations.message(tx, conversation, written.id) == written
        assert await conversations.last_message(tx, conversation, Author.BOT) == written
        assert await conversations.last_message(tx, conversation, Author.AGENT) is None


async def test_nothing_is_found_where_nothing_is(database: Database, conversation: str) -> None:
    """An id of another conversation proves nothing."""
    message, _ = await _post(database, conversation, "k-1")
    async with database.begin() as tx:
        other = await conversations.open_conversation(tx, Channel.WEB, "visitor-2", NOON)
        with pytest.raises(NotFound):
            await conversations.message(tx, other.id, message.id)
        with pytest.raises(NotFound):
            await conversations.get(tx, "nobody")
        with pytest.raises(NotFound):
            await conversations.add_message(tx, "nobody", Author.CUSTOMER, "Hi", NOON, key="k-1")
        with pytest.raises(NotFound):
            await conversations.move(tx, "nobody", [Status.BOT], Status.QUEUED)


async def test_the_transcript_goes_on_after_a_cursor(database: Database, conversation: str) -> None:
    """A widget that was offline asks for what it has not seen."""
    for number in range(1, 6):
        await _post(database, conversation, f"k-{number}")
    async with database.read() as view:
        later = await conversations.transcript(view, conversation, after=2, limit=2)

    assert [m.seq for m in later] == [3, 4]


async def test_the_work_queue(database: Database, conversation: str) -> None:
    """What a crash left unhandled is found again, oldest first, and leaves the queue once."""
    first, _ = await _post(database, conversation, "k-1")
    second, _ = await _post(database, conversation, "k-2")
    async with database.begin() as tx:
        await conversations.add_message(tx, conversation, Author.BOT, "Not work", NOON)
        assert await conversations.with_unhandled(tx) == [conversation]
        assert await conversations.next_unhandled(tx, conversation) == first
        assert await conversations.mark_handled(tx, first.id, minutes(1)) is True
        assert await conversations.mark_handled(tx, first.id, minutes(2)) is False
        assert await conversations.next_unhandled(tx, conversation) == second
        assert await conversations.mark_handled(tx, second.id, minutes(2)) is True
        assert await conversations.next_unhandled(tx, conversation) is None
        assert await conversations.with_unhandled(tx) == []
        handled = await conversations.message(tx, conversation, first.id)

    assert (handled.handled_at, handled.seen_at) == (minutes(1), minutes(1))


async def test_the_work_queue_is_read_from_its_index(database: Database, conversation: str) -> None:
    """At every start; it must not take longer with every message ever written."""
    async with database.begin() as tx:
        for number in range(200):
            message, _ = await conversations.add_message(
                tx, conversation, Author.CUSTOMER, "Hello", NOON, key=str(number)
            )
            await conversations.mark_handled(tx, message.id, NOON)
    sent: list[tuple[str, Any]] = []

    def keep(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        sent.append((statement, parameters))

    async with database.begin() as tx:
        if not database.is_sqlite:
            await tx.exec_driver_sql("SET LOCAL enable_seqscan = off")
        sa.event.listen(database.engine.sync_engine, "before_cursor_execute", keep)
        await conversations.with_unhandled(tx)
        [(statement, parameters)] = sent
        explain = "EXPLAIN QUERY PLAN " if database.is_sqlite else "EXPLAIN "
        plan = (await tx.exec_driver_sql(explain + statement, parameters)).all()

    assert "ix_messages_unhandled" in str(plan)


async def test_seen_is_noted_once_and_only_for_these_authors(
    database: Database, conversation: str
) -> None:
    """An agent who opens a conversation has seen the customer's messages, not the bot's."""
    await _post(database, conversation, "k-1")
    await _post(database, conversation, "k-2")
    async with database.begin() as tx:
        await conversations.add_message(tx, conversation, Author.BOT, "Hello", NOON)
        authors = [Author.CUSTOMER]
        assert await conversations.mark_seen(tx, conversation, authors, 1, minutes(1)) == 1
        assert await conversations.mark_seen(tx, conversation, authors, 9, minutes(2)) == 1
        assert await conversations.mark_seen(tx, conversation, authors, 9, minutes(3)) == 0
        seen = [m.seen_at for m in await conversations.transcript(tx, conversation)]

    assert seen == [minutes(1), minutes(2), None]


async def test_of_many_who_move_a_conversation_one_does(
    database: Database, neighbour: Database, conversation: str, mira: str
) -> None:
    """A take-over and a request for a person at the same moment."""

    async def move(process: Database) -> None:
        async with process.begin() as tx:
            await conversations.move(tx, conversation, [Status.BOT], Status.AGENT, agent=mira)

    results = await asyncio.gather(
        *(move(process) for process in [database, neighbour] * 10), return_exceptions=True
    )

    assert results.count(None) == 1
    refused = [r for r in results if isinstance(r, TransitionRefused)]
    assert len(refused) == 19
    assert (refused[0].now, refused[0].wanted) == (Status.AGENT, Status.AGENT)
    async with database.read() as view:
        assert (await conversations.get(view, conversation)).agent == mira


async def test_the_dialogue_is_reset_once(database: Database, conversation: str) -> None:
    """Rasa may be down when an agent returns a conversation: the reset waits for the next turn."""
    async with database.begin() as tx:
        assert await conversations.reset_is_due(tx, conversation) is False
        await conversations.move(
            tx, conversation, [Status.BOT], Status.RESOLVED, reset_dialogue=True
        )
        await conversations.move(tx, conversation, [Status.RESOLVED], Status.BOT)
        assert await conversations.reset_is_due(tx, conversation) is True
        await conversations.reset_done(tx, conversation)
        assert await conversations.reset_is_due(tx, conversation) is False


async def test_recent_conversations_come_with_their_last_message(database: Database) -> None:
    """The console lists what the bot has, so that an agent can take one over."""
    opened = []
    async with database.begin() as tx:
        for number in range(4):
            conversation = await conversations.open_conversation(
                tx, Channel.WEB, f"visitor-{number}", NOON
            )
            opened.append(conversation)
            for part in range(2):
                await conversations.add_message(
                    tx, conversation.id, Author.CUSTOMER, f"{number}-{part}", minutes(number)
                )
        await conversations.move(tx, opened[3].id, [Status.BOT], Status.QUEUED)
        await conversations.open_conversation(tx, Channel.WEB, "silent", NOON)
    async with database.read() as view:
        found = await conversations.recent(view, Status.BOT, limit=2)

    assert [(c, m.text) for c, m in found] == [(opened[2], "2-1"), (opened[1], "1-1")]
