"""
The one path a customer's message takes.

Received: stored and committed before anybody is told that it was. Handled: one message of a
conversation at a time, in order, by the bot, or left to the person who has the conversation. A
stored message without `handled_at` is the work queue, and what a crash left there is taken up
at the next start.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway import metrics
from gateway.desk import Desk
from gateway.dialogue import Dialogue
from gateway.live import Live
from gateway.logs import describe
from gateway.outbox import Outbox
from gateway.settings import Settings
from gateway.wording import Wording
from store import conversations
from store.database import Database
from support.conversation import Author, Clock, Kind, Message, Status
from support.errors import NotFound, TurnFailed, Unavailable
from support.handoff import HandoffRequest, Trigger
from support.hazards import Hazard, find_hazard
from support.reply import Reply

log = structlog.get_logger()

RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0)  # between attempts; the last one again and again
# A message that could not be dealt with so often, by a fault of ours or of the store, is a
# person's. Until that is stored, it is tried again and again.
FAULTS_BEFORE_PERSON = 4
NOTICE_ATTEMPTS = 5  # to store one, when the store fails


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
        self._notices: dict[str, asyncio.Task[None]] = {}  # by message
        self._turns = asyncio.Semaphore(settings.turns_in_flight)

    async def start(self) -> None:
        """Take up what a crash left behind."""
        async with self._database.read() as tx:
            left = await conversations.with_unhandled(tx)
            waiting = [m for c in left for m in await conversations.unhandled(tx, c)]
        for message in waiting:
            self._promise_notice(message)
        for conversation in left:
            self._wake(conversation)
        if left:
            log.info("taking up unhandled conversations", count=len(left))

    async def stop(self) -> None:
        """Stop working; what is unfinished stays in the store."""
        tasks = [*self._workers.values(), *self._notices.values()]
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
                        await self._handle(message, given_up=failures >= FAULTS_BEFORE_PERSON)
                except NotFound:
                    return  # the conversation was erased meanwhile
                except Exception as error:
                    # The store is busy or gone, or the fault is ours. Nothing is lost: the message
                    # is still in the store, and whoever wrote it waits.
                    log.error("message not handled", conversation=conversation, **describe(error))
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

    async def _handle(self, message: Message, given_up: bool) -> None:
        started = time.perf_counter()
        if not await self._bot_has(message):
            return
        self._live.typing(message.conversation, "bot")
        try:
            if given_up:
                result: Reply | HandoffRequest = HandoffRequest(
                    Trigger.BOT_FAILED, "The bot's answer could not be dealt with."
                )
            else:
                result = await self._turn(message)
            await self._finish(message, result)
        finally:
            if self._live.who_types(message.conversation) == "bot":
                self._live.typing(message.conversation, None)
        metrics.TURN_SECONDS.observe(time.perf_counter() - started)

    async def _bot_has(self, message: Message) -> bool:
        """Whether the bot is to answer; if a person is, the message is theirs from here on."""
        async with self._database.begin() as tx:
            await conversations.lock(tx, message.conversation)
            status = (await conversations.get(tx, message.conversation)).status
            if status is Status.RESOLVED:
                await conversations.move(tx, message.conversation, [status], Status.BOT)
                return True
            if status is Status.BOT:
                return True
            at = self._now()
            await conversations.mark_handled(tx, message.id, at, seen=False)
            await self._desk.more_was_said(tx, message, status, at)
        self._settled(message)
        self._desk.announce(message.conversation)
        return False

    async def _turn(self, message: Message) -> Reply | HandoffRequest:
        """The bot's reply; or, when it cannot be had, the request for a person."""
        give_up = time.monotonic() + self._settings.bot_patience_seconds
        failed = attempt = 0
        while True:
            try:
                async with self._slot(give_up):
                    reply = await self._attempt(message)
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

    @asynccontextmanager
    async def _slot(self, give_up: float) -> AsyncIterator[None]:
        """One of the few turns that Rasa computes at a time; held for one attempt, not between.

        Raises:
            Unavailable: None came free in time.
        """
        try:
            async with asyncio.timeout(max(0.05, give_up - time.monotonic())):
                await self._turns.acquire()
        except TimeoutError:
            raise Unavailable("rasa", "had no time for this turn") from None
        try:
            yield
        finally:
            self._turns.release()

    async def _attempt(self, message: Message) -> Reply:
        """One attempt at a turn. An empty reply if the message is not the bot's any more."""
        async with self._database.read() as tx:
            status = (await conversations.get(tx, message.conversation)).status
            waiting = await conversations.message(tx, message.conversation, message.id)
            reset = await conversations.reset_is_due(tx, message.conversation)
        if status is not Status.BOT or waiting.handled_at is not None:
            return Reply(())  # a person took it
        if reset:
            await self._dialogue.reset(message.conversation)
            async with self._database.begin() as tx:
                await conversations.reset_done(tx, message.conversation)
        return await self._dialogue.take_turn(
            message.conversation, message.id, message.text, message.payload.get("payload")
        )

    async def _finish(self, message: Message, result: Reply | HandoffRequest) -> None:
        request = result.handoff if isinstance(result, Reply) else result
        at = self._now()
        async with self._database.begin() as tx:
            await conversations.lock(tx, message.conversation)
            status = (await conversations.get(tx, message.conversation)).status
            ours = status is Status.BOT
            handled = await conversations.mark_handled(tx, message.id, at, seen=ours)
            answered = ours and handled
            if answered:
                # Somebody may have taken over while the bot was thinking: then it stays silent.
                if isinstance(result, Reply):
                    await self._outbox.reply(tx, message.conversation, result.messages, message, at)
                if request is not None:
                    await self._desk.open(tx, message.conversation, request, message, at)
            elif handled:
                await self._desk.refresh_packet(tx, message.conversation)
        self._settled(message)
        if not answered or request is not None:
            self._desk.announce(message.conversation)
        if answered:
            self._live.seen(message.conversation, message.seq)
        self._live.changed(message.conversation)

    def _promise_notice(self, message: Message) -> None:
        """See to it that the customer hears something within 8 seconds, whatever is down."""
        task = asyncio.create_task(self._notice(message))
        self._notices[message.id] = task
        task.add_done_callback(lambda _: self._notices.pop(message.id, None))

    def _settled(self, message: Message) -> None:
        """The message is dealt with: no notice is due any more."""
        if (task := self._notices.get(message.id)) is not None:
            task.cancel()

    async def _notice(self, message: Message) -> None:
        due = message.at + timedelta(seconds=self._settings.notice_after_seconds)
        await asyncio.sleep(max(0.0, (due - self._now()).total_seconds()))
        for attempt in range(NOTICE_ATTEMPTS):
            try:
                told = await self._tell_delay(message)
            except NotFound:
                return  # the conversation was erased meanwhile
            except SQLAlchemyError as error:
                log.error("notice not stored", message=message.id, **describe(error))
                await asyncio.sleep(_pause(attempt))
                continue
            if told:
                log.info("notice", conversation=message.conversation, message=message.id)
                self._live.changed(message.conversation)
            return

    async def _tell_delay(self, message: Message) -> bool:
        async with self._database.begin() as tx:
            await conversations.lock(tx, message.conversation)
            conversation = await conversations.get(tx, message.conversation)
            waiting = await conversations.message(tx, message.conversation, message.id)
            if waiting.handled_at is not None or conversation.status is not Status.BOT:
                return False
            return await self._outbox.notice(tx, message.conversation, message, self._now())


def _pause(attempt: int, seconds: tuple[float, ...] = RETRY_SECONDS) -> float:
    return seconds[min(attempt, len(seconds) - 1)]
