"""
The one path a customer's message takes.

Received: stored and committed before anybody is told that it was. Handled: one message of a
conversation at a time, in order, by the bot, or left to the person who has the conversation. A
stored message without `handled_at` is the work queue, and what a crash left there is taken up
at the next start.
"""

import asyncio
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway import metrics
from gateway.desk import Desk
from gateway.dialogue import Dialogue
from gateway.live import Live
from gateway.outbox import Outbox
from gateway.settings import Settings
from gateway.wording import Wording
from store import conversations
from store.database import Database
from support.conversation import Author, Clock, Kind, Message, Status
from support.errors import TurnFailed, Unavailable
from support.handoff import HandoffRequest, Trigger
from support.hazards import Hazard, find_hazard
from support.reply import Reply

log = structlog.get_logger()

RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0)  # between attempts; the last one again and again


class Inbox:
    """Receives, and sees to it that every message is dealt with."""

    def __init__(
        self,
        database: Database,
        dialogue: Dialogue,
        desk: Desk,
        outbox: Outbox,
        live: Live,
        wording: Wording,
        now: Clock,
        settings: Settings,
    ) -> None:
        self._database, self._dialogue, self._desk = database, dialogue, desk
        self._outbox, self._live, self._wording = outbox, live, wording
        self._now, self._settings = now, settings
        self._workers: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._notices: set[asyncio.Task[None]] = set()
        self._turns = asyncio.Semaphore(settings.turns_in_flight)

    async def start(self) -> None:
        """Take up what a crash left behind."""
        async with self._database.read() as tx:
            left = await conversations.with_unhandled(tx)
            waiting = [(c, await conversations.next_unhandled(tx, c)) for c in left]
        for conversation, message in waiting:
            if message is not None:
                self._promise_notice(message)
            self._wake(conversation)
        if left:
            log.info("taking up unhandled conversations", count=len(left))

    async def stop(self) -> None:
        """Stop working; what is unfinished stays in the store."""
        tasks = [*self._workers.values(), *self._notices]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def receive(
        self, conversation: str, key: str, text: str, payload: Mapping[str, Any] | None = None
    ) -> tuple[Message, bool]:
        """Store a customer's message, once for each key. When this returns, it is on the disk.

        Returns:
            The message, and whether it is new.

        Raises:
            NotFound: There is no such conversation.
        """
        at = self._now()
        hazard = None if payload else find_hazard(text)
        async with self._database.begin() as tx:
            message, new = await conversations.add_message(
                tx, conversation, Author.CUSTOMER, text, at, key=key, payload=payload
            )
            if new and hazard is not None:
                await self._warn(tx, message, hazard, at)
        if not new:
            return message, new
        metrics.MESSAGES.labels(author="customer").inc()
        if hazard is not None:
            log.warning("hazard", conversation=conversation, message=message.id, kind=hazard.kind)
            self._desk.announce(conversation)
            self._live.seen(conversation, message.seq)
        else:
            self._live.changed(conversation)
            self._promise_notice(message)
            self._wake(conversation)
        return message, new

    async def _warn(
        self, tx: AsyncConnection, message: Message, hazard: Hazard, at: datetime
    ) -> None:
        """Safety first, whoever has the conversation and whatever waits before this message.

        The approved text and the handoff are committed together with the message itself: no
        queue, no engine and no crash stands between a danger and the warning.
        """
        await self._outbox.say(
            tx,
            message.conversation,
            self._wording.safety(hazard.kind),
            at,
            kind=Kind.NOTICE,
            in_reply_to=message.id,
            part=1,
        )
        request = HandoffRequest(
            Trigger.HAZARD,
            f"Words that speak of {hazard.kind.value}: “{hazard.words}”.",
            incident=True,
        )
        await self._desk.open(tx, message.conversation, request, message, at)
        await conversations.mark_handled(tx, message.id, at)

    def _wake(self, conversation: str) -> None:
        if conversation in self._workers:
            self._again.add(conversation)
        else:
            self._workers[conversation] = asyncio.create_task(self._work(conversation))
            metrics.UNHANDLED.set(len(self._workers))

    async def _work(self, conversation: str) -> None:
        failures = 0
        try:
            while True:
                self._again.discard(conversation)
                try:
                    async with self._database.read() as tx:
                        message = await conversations.next_unhandled(tx, conversation)
                    if message is not None:
                        await self._handle(message)
                except SQLAlchemyError as error:
                    # The store is busy or gone. Nothing is lost: the message is still in it.
                    log.error("store failed", conversation=conversation, error=type(error).__name__)
                    await asyncio.sleep(_pause(failures))
                    failures += 1
                    continue
                failures = 0
                if message is None and conversation not in self._again:
                    return
        finally:
            # No await between the last look and this: a message stored in between wakes anew.
            del self._workers[conversation]
            metrics.UNHANDLED.set(len(self._workers))

    async def _handle(self, message: Message) -> None:
        started = time.perf_counter()
        if not await self._bot_has(message):
            return
        self._live.typing(message.conversation, "bot")
        try:
            async with self._turns:
                result = await self._turn(message)
            await self._finish(message, result)
        finally:
            if self._live.who_types(message.conversation) == "bot":
                self._live.typing(message.conversation, None)
        metrics.TURN_SECONDS.observe(time.perf_counter() - started)

    async def _bot_has(self, message: Message) -> bool:
        """Whether the bot is to answer; if a person is, the message is theirs from here on."""
        async with self._database.begin() as tx:
            status = (await conversations.get(tx, message.conversation)).status
            if status is Status.RESOLVED:
                await conversations.move(tx, message.conversation, [status], Status.BOT)
                return True
            if status is Status.BOT:
                return True
            at = self._now()
            await conversations.mark_handled(tx, message.id, at, seen=False)
            await self._desk.more_was_said(tx, message, status, at)
        self._desk.announce(message.conversation)
        return False

    async def _turn(self, message: Message) -> Reply | HandoffRequest:
        """The bot's reply; or, when it cannot be had, the request for a person."""
        give_up = time.monotonic() + self._settings.bot_patience_seconds
        failed = attempt = 0
        while True:
            try:
                async with self._database.read() as tx:
                    status = (await conversations.get(tx, message.conversation)).status
                    reset = await conversations.reset_is_due(tx, message.conversation)
                if status is not Status.BOT:
                    return Reply(())  # a person has it now; nothing is left to say
                if reset:
                    await self._dialogue.reset(message.conversation)
                    async with self._database.begin() as tx:
                        await conversations.reset_done(tx, message.conversation)
                reply = await self._dialogue.take_turn(
                    message.conversation, message.id, message.text, message.payload.get("payload")
                )
            except TurnFailed as error:
                failed += 1
                metrics.TURNS.labels(outcome="failed").inc()
                log.error("turn failed", message=message.id, reason=error.reason, attempt=failed)
                if failed >= self._settings.failed_turn_attempts:
                    return HandoffRequest(Trigger.BOT_FAILED, f"The bot failed: {error}")
            except Unavailable as error:
                metrics.TURNS.labels(outcome="unavailable").inc()
                log.warning("turn not possible", message=message.id, reason=error.reason)
                if time.monotonic() >= give_up:
                    return HandoffRequest(Trigger.BOT_FAILED, f"The bot is down: {error}")
            else:
                metrics.TURNS.labels(outcome="answered").inc()
                return reply
            await asyncio.sleep(_pause(attempt))
            attempt += 1

    async def _finish(self, message: Message, result: Reply | HandoffRequest) -> None:
        request = result.handoff if isinstance(result, Reply) else result
        at = self._now()
        async with self._database.begin() as tx:
            status = (await conversations.get(tx, message.conversation)).status
            if await conversations.mark_handled(tx, message.id, at) and status is Status.BOT:
                # Somebody may have taken over while the bot was thinking: then it stays silent.
                if isinstance(result, Reply):
                    await self._outbox.reply(tx, message.conversation, result.messages, message, at)
                if request is not None:
                    await self._desk.open(tx, message.conversation, request, message, at)
        if request is not None:
            self._desk.announce(message.conversation)
        self._live.seen(message.conversation, message.seq)
        self._live.changed(message.conversation)

    def _promise_notice(self, message: Message) -> None:
        """See to it that the customer hears something within 8 seconds, whatever is down."""
        task = asyncio.create_task(self._notice(message))
        self._notices.add(task)
        task.add_done_callback(self._notices.discard)

    async def _notice(self, message: Message) -> None:
        due = message.at + timedelta(seconds=self._settings.notice_after_seconds)
        await asyncio.sleep(max(0.0, (due - self._now()).total_seconds()))
        async with self._database.begin() as tx:
            conversation = await conversations.get(tx, message.conversation)
            waiting = await conversations.message(tx, message.conversation, message.id)
            if waiting.handled_at is not None or conversation.status is not Status.BOT:
                return
            await self._outbox.notice(tx, message.conversation, message, self._now())
        log.info("notice", conversation=message.conversation, message=message.id)
        self._live.changed(message.conversation)


def _pause(attempt: int, seconds: tuple[float, ...] = RETRY_SECONDS) -> float:
    return seconds[min(attempt, len(seconds) - 1)]
