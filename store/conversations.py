"""Conversations and their messages. The messages table is the transcript and the work queue."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from store.schema import conversations, customers, messages
from support.conversation import Author, Channel, Conversation, Kind, Message, Status
from support.errors import NotFound, TransitionRefused


async def open_conversation(
    tx: AsyncConnection, channel: Channel, address: str, at: datetime
) -> Conversation:
    """Start a conversation with a new customer, known to the channel by that address."""
    customer, conversation = uuid4().hex, uuid4().hex
    await tx.execute(
        sa.insert(customers).values(id=customer, channel=channel, address=address, created_at=at)
    )
    await tx.execute(
        sa.insert(conversations).values(
            id=conversation, channel=channel, customer=customer, status=Status.BOT, started_at=at
        )
    )
    return Conversation(conversation, channel, customer, Status.BOT, None, at)


async def get(tx: AsyncConnection, conversation: str) -> Conversation:
    """That conversation.

    Raises:
        NotFound: There is none.
    """
    row = (
        await tx.execute(sa.select(conversations).where(conversations.c.id == conversation))
    ).one_or_none()
    if row is None:
        raise NotFound("conversation")
    return _conversation(row)


async def lock(tx: AsyncConnection, conversation: str) -> None:
    """Have this conversation to oneself until the transaction ends.

    On SQLite the transaction has the whole database to itself already.

    Raises:
        NotFound: There is none.
    """
    row = sa.select(conversations.c.id).where(conversations.c.id == conversation)
    if await tx.scalar(row.with_for_update()) is None:
        raise NotFound("conversation")


async def recent(
    tx: AsyncConnection, status: Status, limit: int = 50
) -> Sequence[tuple[Conversation, Message]]:
    """The conversations of that status that were written in last, with their last message."""
    rows = await tx.execute(
        sa.select(conversations, messages)
        .join(
            messages,
            (messages.c.conversation == conversations.c.id)
            & (messages.c.seq == conversations.c.last_seq),
        )
        .where(conversations.c.status == status)
        .order_by(messages.c.at.desc())
        .limit(limit)
        .set_label_style(sa.LABEL_STYLE_TABLENAME_PLUS_COL)
    )
    found = []
    for row in rows.mappings():
        conversation = {k.removeprefix("conversations_"): v for k, v in row.items()}
        message = {k.removeprefix("messages_"): v for k, v in row.items() if "messages_" in k}
        found.append((_conversation_from(conversation), _message_from(message)))
    return found


async def move(
    tx: AsyncConnection,
    conversation: str,
    allowed: Sequence[Status],
    wanted: Status,
    agent: str | None = None,
    reset_dialogue: bool = False,
) -> None:
    """Change who answers, if the conversation is still in one of the allowed statuses.

    Raises:
        TransitionRefused: It is in another status now.
    """
    values: dict[str, Any] = {"status": wanted, "agent": agent}
    if reset_dialogue:
        values["reset_due"] = True
    changed = await tx.execute(
        sa.update(conversations)
        .where(conversations.c.id == conversation, conversations.c.status.in_(allowed))
        .values(values)
    )
    if changed.rowcount != 1:
        now = (await get(tx, conversation)).status
        raise TransitionRefused("The conversation", now, wanted)


async def reset_is_due(tx: AsyncConnection, conversation: str) -> bool:
    """Whether the dialogue's short memory has to be cleared before the next turn."""
    return bool(
        await tx.scalar(
            sa.select(conversations.c.reset_due).where(conversations.c.id == conversation)
        )
    )


async def reset_done(tx: AsyncConnection, conversation: str) -> None:
    """Remember that the dialogue's short memory was cleared."""
    await tx.execute(
        sa.update(conversations).where(conversations.c.id == conversation).values(reset_due=False)
    )


async def latest(tx: AsyncConnection, ids: Sequence[str]) -> dict[str, Message]:
    """The newest message of each of these conversations."""
    rows = await tx.execute(
        sa.select(messages)
        .join(
            conversations,
            (conversations.c.id == messages.c.conversation)
            & (conversations.c.last_seq == messages.c.seq),
        )
        .where(conversations.c.id.in_(ids))
    )
    return {row.conversation: _message(row) for row in rows}


async def unread(tx: AsyncConnection, ids: Sequence[str]) -> dict[str, int]:
    """How many of the customer's messages no agent has seen, for each of these conversations."""
    rows = await tx.execute(
        sa.select(messages.c.conversation, sa.func.count().label("unread"))
        .where(
            messages.c.conversation.in_(ids),
            messages.c.author == Author.CUSTOMER,
            messages.c.seen_at.is_(None),
        )
        .group_by(messages.c.conversation)
    )
    return {row.conversation: row.unread for row in rows}


async def add_message(
    tx: AsyncConnection,
    conversation: str,
    author: Author,
    text: str,
    at: datetime,
    *,
    kind: Kind = Kind.TEXT,
    agent: str | None = None,
    key: str | None = None,
    in_reply_to: str | None = None,
    part: int | None = None,
    payload: Mapping[str, Any] | None = None,
) -> tuple[Message, bool]:
    """Append a message, once.

    A message of the same author with the same key, or the same part of a reply to the same
    message, is already there: it comes back unchanged.

    Returns:
        The message, and whether it is new.

    Raises:
        NotFound: There is no such conversation.
    """
    # Whoever writes the same message at the same time waits here, and then finds it.
    await lock(tx, conversation)
    if key is not None:
        same = (messages.c.author == author) & (messages.c.key == key)
        if (known := await _one_message(tx, conversation, same)) is not None:
            return known, False
    if in_reply_to is not None and part is not None:
        same = (
            (messages.c.in_reply_to == in_reply_to)
            & (messages.c.kind == kind)
            & (messages.c.part == part)
        )
        if (known := await _one_message(tx, conversation, same)) is not None:
            return known, False
    seq = (
        await tx.execute(
            sa.update(conversations)
            .where(conversations.c.id == conversation)
            .values(last_seq=conversations.c.last_seq + 1)
            .returning(conversations.c.last_seq)
        )
    ).scalar_one()
    message = Message(
        id=uuid4().hex,
        conversation=conversation,
        seq=seq,
        author=author,
        agent=agent,
        kind=kind,
        text=text,
        at=at,
        key=key,
        in_reply_to=in_reply_to,
        payload=dict(payload or {}),
    )
    await tx.execute(
        sa.insert(messages).values(
            id=message.id,
            conversation=conversation,
            seq=seq,
            author=author,
            agent=agent,
            kind=kind,
            text=text,
            at=at,
            key=key,
            in_reply_to=in_reply_to,
            part=part,
            payload=dict(message.payload),
        )
    )
    return message, True


async def message(tx: AsyncConnection, conversation: str, message_id: str) -> Message:
    """One message of that conversation.

    Raises:
        NotFound: The conversation has no such message.
    """
    found = await _one_message(tx, conversation, messages.c.id == message_id)
    if found is None:
        raise NotFound("message")
    return found


async def transcript(
    tx: AsyncConnection, conversation: str, after: int = 0, limit: int | None = None
) -> list[Message]:
    """The messages with a higher seq than `after`, notes among them, in order."""
    query = (
        sa.select(messages)
        .where(messages.c.conversation == conversation, messages.c.seq > after)
        .order_by(messages.c.seq)
    )
    if limit is not None:
        query = query.limit(limit)
    return [_message(row) for row in await tx.execute(query)]


async def last_message(tx: AsyncConnection, conversation: str, author: Author) -> Message | None:
    """The newest message of that author, if there is one."""
    row = (
        await tx.execute(
            sa.select(messages)
            .where(messages.c.conversation == conversation, messages.c.author == author)
            .order_by(messages.c.seq.desc())
            .limit(1)
        )
    ).one_or_none()
    return None if row is None else _message(row)


# The author as a literal: an index with a condition serves no query that has a parameter there.
_unhandled = (
    messages.c.author == sa.literal_column(f"'{Author.CUSTOMER}'")
) & messages.c.handled_at.is_(None)


async def next_unhandled(tx: AsyncConnection, conversation: str) -> Message | None:
    """The oldest message of the customer that nobody has dealt with."""
    row = (
        await tx.execute(
            sa.select(messages)
            .where(messages.c.conversation == conversation, _unhandled)
            .order_by(messages.c.seq)
            .limit(1)
        )
    ).one_or_none()
    return None if row is None else _message(row)


async def unhandled(tx: AsyncConnection, conversation: str) -> list[Message]:
    """The messages of the customer that nobody has dealt with, oldest first."""
    query = sa.select(messages).where(messages.c.conversation == conversation, _unhandled)
    return [_message(row) for row in await tx.execute(query.order_by(messages.c.seq))]


async def with_unhandled(tx: AsyncConnection) -> list[str]:
    """The conversations in which a message waits: what a crash left behind."""
    # Without DISTINCT, for which SQLite would walk through another index, over every message.
    rows = await tx.execute(sa.select(messages.c.conversation).where(_unhandled))
    return list(dict.fromkeys(rows.scalars()))


async def mark_handled(
    tx: AsyncConnection, message_id: str, at: datetime, *, seen: bool = True
) -> bool:
    """Take a message off the work queue; False if it was off already.

    Args:
        seen: Whether whoever answers has it; False while it waits for a person.
    """
    values: dict[str, Any] = {"handled_at": at}
    if seen:
        values["seen_at"] = sa.func.coalesce(messages.c.seen_at, at)
    changed = await tx.execute(
        sa.update(messages)
        .where(messages.c.id == message_id, messages.c.handled_at.is_(None))
        .values(values)
    )
    return changed.rowcount == 1


async def leave_to_person(tx: AsyncConnection, conversation: str, at: datetime) -> None:
    """Take everything off the work queue: whoever just took the conversation answers it."""
    await tx.execute(
        sa.update(messages)
        .where(messages.c.conversation == conversation, _unhandled)
        .values(handled_at=at)
    )


async def mark_seen(
    tx: AsyncConnection, conversation: str, authors: Sequence[Author], up_to: int, at: datetime
) -> int:
    """Note that these authors' messages, up to that seq, were seen; how many were new."""
    changed = await tx.execute(
        sa.update(messages)
        .where(
            messages.c.conversation == conversation,
            messages.c.author.in_(authors),
            messages.c.seq <= up_to,
            messages.c.seen_at.is_(None),
        )
        .values(seen_at=at)
    )
    return changed.rowcount


async def _one_message(
    tx: AsyncConnection, conversation: str, same: sa.ColumnElement[bool]
) -> Message | None:
    row = (
        await tx.execute(sa.select(messages).where(messages.c.conversation == conversation, same))
    ).one_or_none()
    return None if row is None else _message(row)


def _conversation(row: sa.Row[Any]) -> Conversation:
    return _conversation_from(dict(row._mapping))


def _conversation_from(row: Mapping[str, Any]) -> Conversation:
    return Conversation(
        id=row["id"],
        channel=Channel(row["channel"]),
        customer=row["customer"],
        status=Status(row["status"]),
        agent=row["agent"],
        started_at=row["started_at"],
    )


def _message(row: sa.Row[Any]) -> Message:
    return _message_from(dict(row._mapping))


def _message_from(row: Mapping[str, Any]) -> Message:
    return Message(
        id=row["id"],
        conversation=row["conversation"],
        seq=row["seq"],
        author=Author(row["author"]),
        agent=row["agent"],
        kind=Kind(row["kind"]),
        text=row["text"],
        at=row["at"],
        key=row["key"],
        in_reply_to=row["in_reply_to"],
        handled_at=row["handled_at"],
        seen_at=row["seen_at"],
        payload=row["payload"],
    )
