"""Stores what we say. Pages read it from the store, by their cursor: nothing is lost on the way."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway import metrics
from gateway.wording import Wording
from store import conversations
from support.conversation import Author, Kind, Message
from support.reply import ReplyMessage


class Outbox:
    """The one way in which bot, agents and the gateway itself speak to a customer."""

    def __init__(self, wording: Wording) -> None:
        self._wording = wording

    async def say(
        self,
        tx: AsyncConnection,
        conversation: str,
        text: str,
        at: datetime,
        *,
        kind: Kind = Kind.TEXT,
        in_reply_to: str | None = None,
        part: int | None = None,
        payload: Mapping[str, Any] | None = None,
    ) -> Message:
        """Store one message of the bot; the same part of the same reply is stored once.

        A text that equals the bot's last one is said in other words: a customer who reads the
        same sentence twice running rightly feels unheard.
        """
        last = await conversations.last_message(tx, conversation, Author.BOT)
        if last is not None and last.text == text:
            text = self._wording.once_more(text)
        message, new = await conversations.add_message(
            tx,
            conversation,
            Author.BOT,
            text,
            at,
            kind=kind,
            in_reply_to=in_reply_to,
            part=part,
            payload=payload,
        )
        if new:
            metrics.MESSAGES.labels(author="bot").inc()
        return message

    async def reply(
        self,
        tx: AsyncConnection,
        conversation: str,
        messages: Sequence[ReplyMessage],
        to: Message,
        at: datetime,
    ) -> None:
        """Store what a turn of the bot produced, in answer to a customer's message."""
        for part, message in enumerate(messages):
            if message.text:
                await self.say(
                    tx,
                    conversation,
                    message.text,
                    at,
                    kind=message.extras.kind,
                    in_reply_to=to.id,
                    part=part,
                    payload=_payload(message),
                )

    async def notice(
        self, tx: AsyncConnection, conversation: str, to: Message, at: datetime
    ) -> bool:
        """Tell the customer, once for each message, that the answer takes longer.

        Returns:
            Whether it was new.
        """
        transcript = await conversations.transcript(tx, conversation)
        told = 0
        for said in reversed(transcript):
            if said.author in (Author.BOT, Author.AGENT):
                if said.kind is not Kind.NOTICE:
                    break
                told += 1
        _, new = await conversations.add_message(
            tx,
            conversation,
            Author.BOT,
            self._wording.delayed(told),
            at,
            kind=Kind.NOTICE,
            in_reply_to=to.id,
            part=0,
        )
        if new:
            metrics.NOTICES.inc()
            metrics.MESSAGES.labels(author="bot").inc()
        return new


def _payload(message: ReplyMessage) -> dict[str, Any]:
    wire = message.extras.to_wire()
    payload: dict[str, Any] = {
        key: wire[key] for key in ("citations", "step", "case") if key in wire
    }
    if message.buttons:
        payload["buttons"] = [{"title": b.title, "payload": b.payload} for b in message.buttons]
    return payload
