"""Who says what to whom: channels, conversations and their messages."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

Clock = Callable[[], datetime]


class Channel(StrEnum):
    """Where a customer writes."""

    WEB = "web"


class Status(StrEnum):
    """Who answers a conversation now."""

    BOT = "bot"  # the bot
    QUEUED = "queued"  # nobody yet: it waits for a person
    AGENT = "agent"  # a person
    RESOLVED = "resolved"  # nobody: it is done, until the customer writes again


class Author(StrEnum):
    """Who wrote a message."""

    CUSTOMER = "customer"
    BOT = "bot"
    AGENT = "agent"
    NOTE = "note"  # an agent, to other agents


class Kind(StrEnum):
    """What a message is, for whoever shows it."""

    TEXT = "text"
    ANSWER = "answer"  # quoted from an article
    STEP = "step"  # a troubleshooting step
    NOTICE = "notice"  # an honest "this takes longer"
    HANDOFF = "handoff"  # a person was asked for
    EVENT = "event"  # "Mira joined"


@dataclass(frozen=True, slots=True)
class Conversation:
    """Everything said with one customer on one channel."""

    id: str
    channel: Channel
    customer: str  # id of the customer
    status: Status
    agent: str | None  # id of the agent who has it, in AGENT
    started_at: datetime  # aware, UTC


@dataclass(frozen=True, slots=True)
class Message:
    """One thing said; or an agent's private note."""

    id: str
    conversation: str
    seq: int  # 1, 2, 3 ... within the conversation, without gaps
    author: Author
    agent: str | None  # id of the agent who wrote it
    kind: Kind
    text: str
    at: datetime  # aware, UTC
    key: str | None = None  # the channel's own id of a customer's message
    in_reply_to: str | None = None  # id of the customer's message it answers
    handled_at: datetime | None = None  # when the bot had dealt with a customer's message
    seen_at: datetime | None = None  # when the other side had it
    payload: Mapping[str, Any] = field(default_factory=dict)  # buttons, citations, step, case


def utcnow() -> datetime:
    """The clock of production: aware, UTC."""
    return datetime.now(UTC)
