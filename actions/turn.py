"""One customer's message, as the action that deals with it sees it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rasa_sdk.events import ActiveLoop, EventType, FollowupAction, SlotSet
from rasa_sdk.interfaces import Tracker
from sqlalchemy.ext.asyncio import AsyncConnection

from actions.wording import filled, freshest
from store import facts as fact_store
from support.facts import Fact, FactStatus
from support.handoff import HandoffRequest, Trigger
from support.purchase import Purchase
from support.reply import Button, Extras

LISTEN = "action_listen"
TALK_TO_A_PERSON = Button("Talk to a person", "/request_human")
WHAT_I_DO = (
    Button("Something does not work", '/inform{"choice": "fault"}'),
    Button("Check my warranty", "/ask_warranty"),
    Button("Send something back", "/request_return"),
    TALK_TO_A_PERSON,
)
# What a form holds between its questions; cleared when it ends. None of it proves anything.
FORM_SLOTS = (
    "order_number", "second_fact", "return_reason", "item_condition", "return_wish",
    "claim_fault", "wanted_remedy", "fault_product", "confirmed",
)  # fmt: skip


_RECENT_MESSAGES = 6  # of the customer's, in which the same words count as said again


@dataclass(slots=True)
class Said:
    """An utterance that waits for the transaction to commit."""

    text: str
    buttons: Sequence[Button]
    extras: Extras


@dataclass
class Turn:
    """What came in, what is known, and what will go out."""

    tracker: Tracker
    responses: Mapping[str, Sequence[Mapping[str, Any]]]  # the domain's
    conversation: str
    message: str  # id of the customer's message: the idempotency key
    text: str  # "" when a button was pressed
    intent: str
    confidence: float
    now: datetime
    tx: AsyncConnection = field(repr=False, default=None)  # type: ignore[assignment]
    facts: dict[str, Fact] = field(default_factory=dict)
    purchase: Purchase | None = None  # whose ownership was proved in this conversation
    said: list[Said] = field(default_factory=list)
    events: list[EventType] = field(default_factory=list)
    slots: dict[str, Any] = field(default_factory=dict)
    next_question: dict[str, Any] | None = None  # what a bare "yes" would answer

    found: Any = None  # what the articles said, see SupportAction.consult

    @property
    def loop(self) -> str | None:
        """The form that is active."""
        return self.tracker.active_loop_name

    @property
    def question(self) -> dict[str, Any]:
        """What the bot asked last, outside forms; {} when nothing is open."""
        return self.slots.get("open_question") or {}

    def entity(self, name: str) -> str | None:
        """The last value of an entity in the message: what is said last corrects the rest."""
        values = [one.get("value") for one in self.entities if one.get("entity") == name]
        return str(values[-1]) if values else None

    @property
    def entities(self) -> list[dict[str, Any]]:
        """As Rasa found them, or as the pressed button named them."""
        return self.tracker.latest_message.get("entities") or []

    def fact(self, name: str) -> str | None:
        """The value of a fact that is known."""
        fact = self.facts.get(name)
        return None if fact is None or fact.status is FactStatus.UNKNOWN else fact.value

    async def note(
        self, name: str, value: str, status: FactStatus = FactStatus.CUSTOMER_SAYS
    ) -> None:
        """Keep a fact that this message told."""
        await fact_store.note(
            self.tx, self.conversation, name, value, status, self.message, self.now
        )
        self.facts[name] = Fact(name, value, status, self.message, self.now)

    def set(self, slot: str, value: Any) -> None:
        """Set a slot."""
        self.slots[slot] = value
        self.events.append(SlotSet(slot, value))

    def say(
        self,
        response: str,
        *,
        buttons: Sequence[Button] = (),
        extras: Extras | None = None,
        values: Mapping[str, str] | None = None,
        **more: str,
    ) -> None:
        """Say one of the wordings that the domain has for a response, a fresh one.

        Rasa would choose by chance, and so would sometimes say the same twice running.
        """
        places = {**(values or {}), **more}
        wordings = [filled(str(one["text"]), places) for one in self.responses[response]]
        self.quote(freshest(wordings, self.heard), buttons=buttons, extras=extras)

    def quote(
        self, text: str, *, buttons: Sequence[Button] = (), extras: Extras | None = None
    ) -> None:
        """Say a text as it is; with a word before it if it was the last thing said."""
        heard = self.heard
        if heard and heard[-1] == text:
            text = filled(str(self.responses["utter_once_more"][0]["text"]), {"text": text})
        self.said.append(Said(text, buttons, extras or Extras()))

    def hand_over(self, trigger: Trigger, rule: str, incident: bool = False) -> None:
        """Ask for a person. Whatever form was active ends."""
        self.leave_form()
        request = HandoffRequest(trigger, rule[:200], self.problem(), incident)
        self.said.append(Said("", (), Extras(handoff=request)))

    def problem(self) -> str:
        """The matter in a few words that the customer can check; "" when nothing is known."""
        product = (self.fact("product_type") or "").replace("_", " ")
        symptom = self.fact("symptom") or ""
        return "; ".join(part for part in (product, symptom[:120]) if part)

    @property
    def heard(self) -> list[str]:
        """Every text of the bot in this conversation, oldest first, this turn's among them."""
        before = [e.get("text") for e in self.tracker.events if e.get("event") == "bot"]
        return [text for text in before if text] + [one.text for one in self.said if one.text]

    @property
    def previous(self) -> str | None:
        """What the customer wrote before this message, if it was no pressed button."""
        said = [e.get("text") or "" for e in self.tracker.events if e.get("event") == "user"]
        return said[-2] if len(said) > 1 and not said[-2].startswith("/") else None

    def asked_before(self) -> bool:
        """Whether the customer wrote the same words in one of the last messages."""
        events = self.tracker.events
        said = [_words(e.get("text") or "") for e in events if e.get("event") == "user"]
        words = _words(self.text)
        return len(words) >= 3 and words in said[-1 - _RECENT_MESSAGES : -1]

    def start_form(self, form: str, **slots: str | None) -> None:
        """Begin a form with what is known already; another one that is active ends."""
        for slot in FORM_SLOTS:
            if self.slots.get(slot) is not None or slots.get(slot) is not None:
                self.set(slot, slots.get(slot))
        self.set("invalid_answers", 0)
        if self.loop is not None:
            self.events += [ActiveLoop(None), SlotSet("requested_slot", None)]
        self.events.append(FollowupAction(form))

    def leave_form(self) -> None:
        """End the active form, if there is one, without a trace of what it held."""
        for slot in FORM_SLOTS:
            if self.slots.get(slot) is not None:
                self.set(slot, None)
        if self.loop is not None:
            self.set("requested_slot", None)
            self.set("invalid_answers", 0)
            self.events.append(ActiveLoop(None))

    def ask(self, kind: str, **what: Any) -> None:
        """Remember what was asked, so that "yes" and "no" find their question."""
        self.next_question = {"kind": kind, **what}


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())
