"""The one path a handoff takes: requested, claimed, answered, given back or closed."""

from collections.abc import Callable, Mapping
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway import metrics
from gateway.live import Live
from gateway.outbox import Outbox
from gateway.wording import Wording
from store import agents, cases, conversations, facts, handoffs, ledger, purchases
from store.database import Database
from support.agent import Agent
from support.conversation import Author, Clock, Kind, Message, Status
from support.errors import AlreadyClaimed, NotFound, NotYours
from support.handoff import Handoff, HandoffRequest, HandoffState, Trigger, Urgency
from support.purchase import Purchase
from support.summary import Known, make_packet, restated, without_notes

log = structlog.get_logger()

# One sentence about the warranty of a purchase on a day; the rule lives in `support`.
WarrantySentence = Callable[[Purchase, datetime], str]


class Desk:
    """Where conversations wait for people."""

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        live: Live,
        wording: Wording,
        now: Clock,
        warranty: WarrantySentence,
        release: Callable[[], Mapping[str, str]],
    ) -> None:
        self._database, self._outbox, self._live = database, outbox, live
        self._wording, self._now = wording, now
        self._warranty, self._release = warranty, release

    async def open(
        self,
        tx: AsyncConnection,
        conversation: str,
        request: HandoffRequest,
        message: Message | None,
        at: datetime,
    ) -> Handoff:
        """Queue a conversation for a person and tell the customer, in the caller's transaction.

        The packet is stored before the customer is told; agents learn of it when the caller has
        committed and calls `announce`. A conversation that waits already stays as it is, but a
        danger puts it to the head of the queue.
        """
        waiting = await handoffs.open_of(tx, conversation)
        if waiting is not None:
            if request.trigger is Trigger.HAZARD and not waiting.incident:
                await handoffs.raise_to_incident(tx, waiting.id, request.rule)
            await self.refresh_packet(tx, conversation)
            return await handoffs.get(tx, waiting.id)
        reference = await handoffs.next_reference(tx)
        known = await self._known(tx, conversation)
        packet = make_packet(known, request, message, reference, at)
        await conversations.move(tx, conversation, [Status.BOT, Status.RESOLVED], Status.QUEUED)
        handoff = await handoffs.add(
            tx,
            conversation,
            reference,
            request.trigger,
            request.rule,
            Urgency(packet["urgency"]["level"]),
            message.id if message else None,
            packet,
            at,
            incident=request.incident,
        )
        if request.trigger is not Trigger.AGENT_TOOK:
            await self._outbox.say(
                tx,
                conversation,
                self._wording.handing_over(
                    request.trigger, request.restated or restated(known), reference, at
                ),
                at,
                kind=Kind.HANDOFF,
                in_reply_to=message.id if message else None,
                part=0,
                payload={"case": {"number": reference, "kind": "handoff"}},
            )
        metrics.HANDOFFS.labels(trigger=request.trigger.value).inc()
        log.info(
            "handoff opened",
            conversation=conversation,
            handoff=handoff.id,
            trigger=request.trigger.value,
        )
        return handoff

    async def more_was_said(
        self, tx: AsyncConnection, message: Message, status: Status, at: datetime
    ) -> None:
        """Add what a customer wrote to their request; while nobody has it yet, tell them so."""
        handoff = await self.refresh_packet(tx, message.conversation)
        if handoff is None or status is not Status.QUEUED:
            return
        text = self._wording.added(handoff.reference, message.seq)
        last = await conversations.last_message(tx, message.conversation, Author.BOT)
        if last is not None and last.text == text:
            text = self._wording.added(handoff.reference, message.seq + 1)
        await conversations.add_message(
            tx,
            message.conversation,
            Author.BOT,
            text,
            at,
            kind=Kind.EVENT,
            in_reply_to=message.id,
            part=0,
        )

    async def refresh_packet(self, tx: AsyncConnection, conversation: str) -> Handoff | None:
        """Make the packet of the open handoff anew, if there is one: more was said."""
        handoff = await handoffs.open_of(tx, conversation)
        if handoff is None:
            return None
        message = (
            await conversations.message(tx, conversation, handoff.message)
            if handoff.message
            else None
        )
        request = HandoffRequest(handoff.trigger, handoff.rule, incident=handoff.incident)
        packet = make_packet(
            await self._known(tx, conversation),
            request,
            message,
            handoff.reference,
            handoff.requested_at,
        )
        if handoff.incident:
            packet["urgency"] = {"level": Urgency.URGENT.value, "reason": handoff.rule}
        await handoffs.keep_packet(tx, handoff.id, packet)
        return handoff

    def announce(self, conversation: str) -> None:
        """Tell agents and the customer's pages that the queue and the conversation changed."""
        self._live.queue_changed()
        self._live.changed(conversation)

    async def claim(self, conversation: str, agent: Agent) -> Handoff:
        """Give a waiting conversation to an agent.

        Raises:
            NotFound: Nothing waits there.
            AlreadyClaimed: Somebody else has it.
        """
        async with self._database.begin() as tx:
            await conversations.lock(tx, conversation)
            handoff = await handoffs.open_of(tx, conversation)
            if handoff is None:
                raise NotFound("waiting conversation")
            handoff = await self._give_to(tx, handoff, agent)
        self._given(conversation)
        return handoff

    async def take(self, conversation: str, agent: Agent) -> Handoff:
        """Let an agent take a conversation that the bot has, or that waits.

        Raises:
            NotFound: There is no such conversation.
            AlreadyClaimed: Somebody else has it.
        """
        async with self._database.begin() as tx:
            request = HandoffRequest(Trigger.AGENT_TOOK, f"{agent.name} took over from the bot.")
            await conversations.lock(tx, conversation)
            handoff = await self.open(tx, conversation, request, None, self._now())
            handoff = await self._give_to(tx, handoff, agent)
        self._given(conversation)
        return handoff

    def _given(self, conversation: str) -> None:
        if self._live.who_types(conversation) == "bot":
            self._live.typing(conversation, None)  # whatever it still thinks of is not said
        self.announce(conversation)

    async def _give_to(self, tx: AsyncConnection, handoff: Handoff, agent: Agent) -> Handoff:
        if handoff.agent == agent.id:
            return handoff  # pressed twice
        at = self._now()
        if not await handoffs.claim(tx, handoff.id, agent.id, at):
            holder = (await handoffs.get(tx, handoff.id)).agent
            raise AlreadyClaimed((await agents.names(tx)).get(holder or "", "Somebody else"))
        await conversations.move(
            tx, handoff.conversation, [Status.QUEUED], Status.AGENT, agent=agent.id
        )
        # What the bot has not answered yet is the agent's. Left on the queue, a turn still under
        # way could speak up after the agent has given the conversation back.
        await conversations.leave_to_person(tx, handoff.conversation, at)
        await conversations.add_message(
            tx,
            handoff.conversation,
            Author.AGENT,
            self._wording.event("joined", agent.name),
            at,
            kind=Kind.EVENT,
            agent=agent.id,
        )
        log.info("handoff claimed", handoff=handoff.id, agent=agent.id)
        return await handoffs.get(tx, handoff.id)

    async def answer(
        self, conversation: str, agent: Agent, key: str, text: str
    ) -> tuple[Message, bool]:
        """Store an agent's reply, once for each key; and whether it is new.

        Raises:
            NotYours: The agent does not hold this conversation.
        """
        async with self._database.begin() as tx:
            await conversations.lock(tx, conversation)
            handoff = await self._held(tx, conversation, agent)
            at = self._now()
            message, new = await conversations.add_message(
                tx, conversation, Author.AGENT, text, at, agent=agent.id, key=key
            )
            await handoffs.answered(tx, handoff.id, at)
        if new:
            metrics.MESSAGES.labels(author="agent").inc()
            self._live.typing(conversation, None)
            self.announce(conversation)
        return message, new

    async def note(
        self, conversation: str, agent: Agent, key: str, text: str
    ) -> tuple[Message, bool]:
        """Store a note for other agents, once for each key; and whether it is new."""
        async with self._database.begin() as tx:
            message, new = await conversations.add_message(
                tx, conversation, Author.NOTE, text, self._now(), agent=agent.id, key=key
            )
        if new:
            self._live.changed(conversation)
        return message, new

    async def give_back(self, conversation: str, agent: Agent, note: str) -> None:
        """Return a conversation to the bot. Its form is reset; facts and ledger stay.

        Raises:
            NotYours: The agent does not hold this conversation.
        """
        await self._finish(conversation, agent, Status.BOT, "returned_to_bot", "back_to_bot", note)

    async def resolve(self, conversation: str, agent: Agent, outcome: str, note: str) -> None:
        """Close a conversation. Whoever writes again is with the bot.

        Raises:
            NotYours: The agent does not hold this conversation.
        """
        await self._finish(conversation, agent, Status.RESOLVED, outcome, "resolved", note)

    async def _finish(
        self, conversation: str, agent: Agent, to: Status, outcome: str, event: str, note: str
    ) -> None:
        async with self._database.begin() as tx:
            await conversations.lock(tx, conversation)
            handoff = await self._held(tx, conversation, agent)
            at = self._now()
            if note:
                await conversations.add_message(
                    tx, conversation, Author.NOTE, note, at, agent=agent.id
                )
            await handoffs.end(tx, handoff.id, HandoffState.COMPLETED, outcome, at)
            await conversations.move(tx, conversation, [Status.AGENT], to, reset_dialogue=True)
            await conversations.add_message(
                tx,
                conversation,
                Author.AGENT,
                self._wording.event(event, agent.name),
                at,
                kind=Kind.EVENT,
                agent=agent.id,
            )
        log.info("handoff ended", handoff=handoff.id, agent=agent.id, outcome=outcome)
        self.announce(conversation)

    async def _held(self, tx: AsyncConnection, conversation: str, agent: Agent) -> Handoff:
        handoff = await handoffs.open_of(tx, conversation)
        if handoff is None or handoff.agent != agent.id:
            raise NotYours
        return handoff

    async def tell_waiting(self, before: datetime) -> int:
        """Tell, once, those who have waited since before that time; how many there were."""
        async with self._database.read() as tx:
            waiting = await handoffs.waiting_untold(tx, before)
        for handoff in waiting:
            async with self._database.begin() as tx:
                await conversations.lock(tx, handoff.conversation)
                now = await handoffs.get(tx, handoff.id)
                if now.state is HandoffState.QUEUED and now.waiting_told_at is None:
                    await self._tell_waiting(tx, now)
            self.announce(handoff.conversation)
        return len(waiting)

    async def _tell_waiting(self, tx: AsyncConnection, handoff: Handoff) -> None:
        at = self._now()
        await self._outbox.say(
            tx,
            handoff.conversation,
            self._wording.still_waiting(handoff.reference, at),
            at,
            kind=Kind.NOTICE,
        )
        await handoffs.waiting_told(tx, handoff.id, at)

    async def _known(self, tx: AsyncConnection, conversation: str) -> Known:
        purchase = await purchases.proved(tx, conversation)
        return Known(
            conversation=await conversations.get(tx, conversation),
            transcript=without_notes(await conversations.transcript(tx, conversation)),
            facts=await facts.known(tx, conversation),
            ledger=await ledger.entries(tx, conversation),
            cases=await cases.of_conversation(tx, conversation),
            purchase=purchase,
            warranty=self._warranty(purchase, self._now()) if purchase else None,
            earlier=[
                h
                for h in await handoffs.of_conversation(tx, conversation)
                if h.ended_at is not None
            ],
            customer_name=purchase.customer_name if purchase else None,
            release=self._release(),
        )
