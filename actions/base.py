"""What all actions share: the order of their work, their neighbours, and what they keep."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import structlog
from rasa_sdk.events import EventType
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.interfaces import Action, Tracker
from rasa_sdk.types import DomainDict

from actions import metrics
from actions.limits import person_due
from actions.policies import Policies, Products
from actions.turn import LISTEN, Turn
from retrieval.knowledge_base import KnowledgeBase
from store import facts as fact_store
from store import purchases
from store.database import Database
from support.conversation import Clock
from support.facts import LABELS, FactStatus
from support.purchase import canonical_order_number
from support.wishes import unwanted

log = structlog.get_logger(__name__)

_RECENT = 60  # events: more than one turn ever has
_ABOUT = frozenset({"product_type", "product_model"})
ASIDE = frozenset({
    "ask_how_to", "ask_policy", "ask_product_info", "ask_maintenance", "ask_pre_installation",
})  # fmt: skip
COUNTERS = ("misunderstood", "abstentions")


@dataclass(frozen=True, slots=True)
class Tools:
    """The neighbours that actions work with."""

    database: Database
    now: Clock
    knowledge: KnowledgeBase
    policies: Policies


class SupportAction(Action):
    """One thing the bot does. Subclasses write `act`, and `consult` if they need the articles.

    Order of a run: read what is known; consult the articles, with no transaction open; do the
    work in one transaction; speak after it has committed. An exception leaves through the server
    as a failed turn: nothing is stored and nothing is said.
    """

    action_name: ClassVar[str]
    consults: ClassVar[bool] = False
    keeps_question: ClassVar[bool] = False  # a word in between leaves the open question open
    counts: ClassVar[frozenset[str]] = frozenset()  # COUNTERS that this action goes on counting

    def __init__(self, tools: Tools) -> None:
        self.tools = tools

    def name(self) -> str:
        """What the domain and the rules call it."""
        return self.action_name

    async def consult(self, turn: Turn) -> None:
        """Ask the articles; what they say is kept for `act` under `turn.found`."""

    async def act(self, turn: Turn) -> None:
        """Do the work inside the open transaction."""
        raise NotImplementedError

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> list[EventType]:
        """Deal with the latest message. See the class for the order of things."""
        started = time.perf_counter()
        turn = self._turn(tracker, domain)
        if self.consults:
            async with self.tools.database.read() as tx:
                turn.facts = await fact_store.known(tx, turn.conversation)
            await asyncio.to_thread(self.tools.knowledge.reload_if_changed)
            await self.consult(turn)
        async with self.tools.database.begin() as tx:
            turn.tx = tx
            turn.facts = await fact_store.known(tx, turn.conversation)
            turn.purchase = await purchases.proved(tx, turn.conversation)
            direct = answers_directly(tracker)
            if direct:
                await note_facts(turn, self.tools.policies.products)
            if not (direct and await person_due(turn)):
                await self.act(turn)
        self.settle(turn)
        for one in turn.said:
            dispatcher.utter_message(
                text=one.text,
                buttons=[{"title": b.title, "payload": b.payload} for b in one.buttons],
                json_message=one.extras.to_wire(),
            )
        metrics.ACTION_SECONDS.labels(action=self.name()).observe(time.perf_counter() - started)
        log.info(
            "action done", action=self.name(), conversation=turn.conversation,
            message=turn.message, intent=turn.intent, uttered=len(turn.said),
            milliseconds=round((time.perf_counter() - started) * 1000, 1),
        )  # fmt: skip
        return turn.events

    def settle(self, turn: Turn) -> None:
        """Bring the short memory up to date: open question and counters."""
        keeps = self.keeps_question and turn.next_question is None
        if not keeps and turn.next_question != turn.slots.get("open_question"):
            turn.set("open_question", turn.next_question)
        touched = self.counts | {event.get("name") for event in turn.events}
        for counter in COUNTERS:
            if counter not in touched and turn.slots.get(counter):
                turn.set(counter, 0)

    def _turn(self, tracker: Tracker, domain: DomainDict) -> Turn:
        latest = tracker.latest_message
        text = str(latest.get("text") or "")
        return Turn(
            tracker=tracker,
            responses=cast(Mapping[str, Any], domain)["responses"],
            conversation=tracker.sender_id,
            message=message_id(tracker),
            text="" if text.startswith("/") else text.strip(),
            intent=str((latest.get("intent") or {}).get("name") or ""),
            confidence=float((latest.get("intent") or {}).get("confidence") or 0.0),
            now=self.tools.now(),
            slots=dict(tracker.slots),
        )


def answers_directly(tracker: Tracker) -> bool:
    """Whether this action is the first to deal with the message.

    Rasa puts the form's own name behind the events before it calls `validate_<form>`, so that
    the latest action's name says nothing there.
    """
    actions = [e.get("name") for e in tracker.events[-_RECENT:] if e.get("event") == "action"]
    if actions and tracker.active_loop_name is not None and actions[-1] == tracker.active_loop_name:
        actions.pop()
    return not actions or actions[-1] == LISTEN


def message_id(tracker: Tracker) -> str:
    """The id of the customer's message that is being dealt with.

    Raises:
        LookupError: Nothing has come from the customer. Rasa calls no action of ours then.
    """
    for event in reversed(tracker.events):
        if event.get("event") == "user" and event.get("message_id"):
            return str(event["message_id"])
    raise LookupError("no message of the customer in the tracker")


async def note_facts(turn: Turn, products: Products) -> None:
    """Keep what the message says about product, numbers and wishes.

    A remedy that somebody says they do not want is no wish for it. Faults are kept by the actions
    that deal with them, in the customer's words: "too loud" may as well be why something goes back.
    """
    for found in turn.entities:
        name, value = str(found.get("entity")), str(found.get("value") or "").strip()
        if name not in LABELS or name == "symptom" or not value:
            continue
        if name in _ABOUT and name in turn.facts and turn.intent in ASIDE:
            continue  # a question about another product does not change what the fault is about
        start = found.get("start")
        if name == "remedy" and isinstance(start, int) and unwanted(turn.text, start):
            continue
        if name == "order_number":
            value = canonical_order_number(value) or value
        if name in ("serial_number", "product_model", "error_code"):
            value = value.upper()
        known = turn.facts.get(name)
        if known is not None and known.value == value:
            continue
        await turn.note(name, value)
        product = products.models.get(value) if name == "product_model" else None
        if product is not None and turn.entity("product_type") is None:
            await turn.note("product_type", product, FactStatus.INFERRED)
