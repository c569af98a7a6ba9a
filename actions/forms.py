"""Forms: whether a message answers the question that was asked is decided here, for all of them.

Rasa runs the active form first on every message. If `validate_<form>` takes nothing from it, Rasa
rejects the form for this message, the rules answer the digression, and the form asks again.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import ClassVar

from rasa_sdk.events import FollowupAction

from actions.base import SupportAction, answers_directly
from actions.turn import LISTEN, TALK_TO_A_PERSON, Turn
from support.facts import LABELS, FactStatus
from support.handoff import Trigger
from support.reply import Button

# These mean the same everywhere, whatever was asked.
CONTROL = frozenset({"request_human", "cancel", "start_over", "repeat", "correct_that"})
# These may be said instead of an answer, and also answer nothing that is asked in free words.
QUESTIONS = frozenset({
    "ask_how_to", "ask_policy", "ask_product_info", "ask_warranty", "ask_refund_status",
    "ask_maintenance", "ask_pre_installation", "ask_order_status", "ask_case_status",
    "ask_what_you_can_do", "bot_challenge", "out_of_scope", "make_complaint",
    "request_data_export", "request_data_erasure",
})  # fmt: skip
# These never lead away from a question: they are poor answers to it, or good ones.
PLAIN = frozenset({
    "inform", "affirm", "deny", "nlu_fallback", "problem_not_solved", "already_tried",
})  # fmt: skip
# Said in the place of free words these are no answer, if they are clear enough.
SOCIAL = frozenset({"greet", "goodbye", "thank", "problem_solved"})
WISHES = frozenset({
    "request_return", "request_exchange", "claim_warranty", "request_repair", "make_complaint",
    "register_product", "order_part", "request_installation", "request_training",
})  # fmt: skip
_ASKS = re.compile(
    r"^(?:what|how|when|where|why|who|which|is|are|can|could|do|does|did|will|would)\b|\?\s*$",
    re.IGNORECASE,
)
_OTHER_QUESTION = re.compile(
    r"^(?:what|how|when|where|who|which|can|could|do|will|would)\b.*\?\s*$",
    re.IGNORECASE | re.DOTALL,
)
NAME_WORDS = 4  # the longest name or address that is taken for one
CLEARLY = 0.5  # confidence from which another intent than an answer is believed
ASKED = 0.6  # and for a question in the place of free words
CERTAINLY = 0.85  # and for another wish there
LEAVE_IT = Button("Leave it", "/cancel")
UNKNOWN = "unknown"


class Heard(Enum):
    """What a message is to the question that was asked."""

    VALUE = auto()
    UNKNOWN = auto()  # "I don't know"
    INVALID = auto()
    ELSEWHERE = auto()  # something else: the rules deal with it


@dataclass(frozen=True, slots=True)
class Question:
    """One question of a form."""

    read: Callable[[Turn], str | None]  # the answer in the message, if one is recognised
    buttons: tuple[Button, ...] = ()
    free_text: bool = False  # any words that are no question are an answer
    name: bool = False  # a few words are an answer whatever they resemble, "Rossi" for one
    mentioned: bool = False  # a clear question that merely mentions an answer is a question
    response: str | None = None  # the question, if it is not `utter_question_<slot>`
    unknown: str | None = None  # the value that "I don't know" means; None: it has to be settled


def hear(turn: Turn, question: Question) -> tuple[Heard, str]:
    """Whether the message answers the question, and the answer."""
    clear = turn.confidence >= CLEARLY
    value = question.read(turn)
    # "Sorry, I meant A-10483" answers the question for the order number, and corrects it. "I don't
    # need it any more" sounds like leaving, and is a reason for a return: only a person is brought
    # on less than certainty.
    answers = value is not None and (
        turn.intent == "correct_that"
        or (turn.intent != "request_human" and turn.confidence < CERTAINLY)
        or value.casefold() == turn.text.casefold()  # nothing but the answer, an address for one
    )
    if turn.intent in CONTROL and clear and not answers:
        return Heard.ELSEWHERE, ""
    if "#" in (turn.entity("choice") or ""):  # a title that was offered, not an answer
        return Heard.ELSEWHERE, ""
    asked = turn.intent in QUESTIONS and (
        turn.confidence >= ASKED or (clear and turn.text.endswith("?"))
    )
    if value is not None and not (asked and (question.free_text or question.mentioned)):
        return Heard.VALUE, value
    if turn.intent in ("dont_know", "cannot_do_step") and clear:
        return Heard.UNKNOWN, ""
    certain = turn.confidence >= CERTAINLY
    if question.free_text and certain and turn.intent in SOCIAL | WISHES:
        return Heard.ELSEWHERE, ""
    short = len(turn.text.split()) <= NAME_WORDS and not _ASKS.search(turn.text)
    if asked and not (question.name and short):
        return Heard.ELSEWHERE, ""
    if question.free_text and not question.name and _OTHER_QUESTION.search(turn.text):
        return (Heard.INVALID if turn.intent in PLAIN else Heard.ELSEWHERE), ""
    if question.free_text and turn.text:
        return Heard.VALUE, turn.text
    if turn.intent in PLAIN or not clear:
        return Heard.INVALID, ""
    return Heard.ELSEWHERE, ""


class ValidateForm(SupportAction):
    """Takes the answers of one form and asks its questions."""

    form: ClassVar[str]
    questions: ClassVar[Mapping[str, Question]]  # by slot, in the order in which they are asked
    counts = frozenset({"misunderstood", "abstentions"})
    keeps_question = True

    def name(self) -> str:
        """`validate_<form>`, which Rasa calls by itself."""
        return f"validate_{self.form}"

    async def act(self, turn: Turn) -> None:
        if not answers_directly(turn.tracker):
            # The form begins, or goes on after a digression: there is no answer to read.
            await self.ask_next(turn)
            return
        slot = str(turn.slots.get("requested_slot"))
        if slot not in self.questions:
            await self.ask_next(turn)
            return
        heard, value = hear(turn, self.questions[slot])
        if heard is Heard.UNKNOWN and (unknown := self.questions[slot].unknown) is not None:
            heard, value = Heard.VALUE, unknown
        match heard:
            case Heard.ELSEWHERE:
                return  # nothing is set, so Rasa rejects the form for this message
            case Heard.VALUE:
                turn.set("invalid_answers", 0)
                turn.set(slot, value)
                if await self.accepted(turn, slot, value):
                    await self.ask_next(turn)
            case Heard.UNKNOWN | Heard.INVALID:
                await self._no_answer(turn, slot, heard)

    async def accepted(self, turn: Turn, slot: str, value: str) -> bool:
        """Deal with an answer; False if the form does not go on, see `finish`."""
        return True

    async def question_values(self, turn: Turn, slot: str) -> Mapping[str, str]:
        """What the wording of a question has to be filled with."""
        return {}

    async def ask_next(self, turn: Turn) -> None:
        """Ask what is missing first; the form is complete when nothing is."""
        for slot in self.questions:
            if turn.slots.get(slot) is None:
                turn.set("requested_slot", slot)
                await self._ask(turn, slot)
                return
        turn.set("requested_slot", None)

    def finish(self, turn: Turn) -> None:
        """End the form before it is complete; what was to be said has been said."""
        turn.leave_form()
        turn.set("requested_slot", None)
        turn.events.append(FollowupAction(LISTEN))

    async def _ask(self, turn: Turn, slot: str) -> None:
        values = await self.question_values(turn, slot)
        buttons = list(self.questions[slot].buttons)
        tries = int(turn.slots.get("invalid_answers") or 0)
        if tries >= self.tools.policies.dialogue.invalid_answers_before_offer:
            buttons += [TALK_TO_A_PERSON, LEAVE_IT]
        response = self.questions[slot].response or f"utter_question_{slot}"
        turn.say(response, buttons=buttons, values=values)

    async def _no_answer(self, turn: Turn, slot: str, heard: Heard) -> None:
        count = int(turn.slots.get("invalid_answers") or 0) + 1
        turn.set("invalid_answers", count)
        turn.set(slot, None)
        if heard is Heard.UNKNOWN and slot in LABELS:
            await turn.note(slot, UNKNOWN, FactStatus.UNKNOWN)
        if count >= self.tools.policies.dialogue.invalid_answers_before_person:
            turn.say("utter_person_is_better")
            turn.hand_over(
                Trigger.INVALID_ANSWERS, f"{count} answers running did not fit: {_ASKED_FOR[slot]}."
            )
            self.finish(turn)
            return
        offer = count >= self.tools.policies.dialogue.invalid_answers_before_offer
        if heard is Heard.UNKNOWN:
            turn.set("requested_slot", slot)
            turn.say(f"utter_unknown_{slot}", buttons=(TALK_TO_A_PERSON, LEAVE_IT))
            return
        turn.say("utter_invalid_offer" if offer else f"utter_invalid_{slot}")
        turn.set("requested_slot", slot)
        await self._ask(turn, slot)


_ASKED_FOR = {
    "order_number": "order number",
    "second_fact": "second detail of the order",
    "fault_product": "product",
    "return_reason": "reason for the return",
    "item_condition": "condition of the item",
    "claim_fault": "fault",
    "wanted_remedy": "wanted remedy",
    "confirmed": "confirmation",
}


def yes_or_no(turn: Turn) -> str | None:
    """The answer to a confirmation. Only a clear one counts: what follows cannot be undone."""
    if turn.intent in ("affirm", "deny") and turn.confidence >= CLEARLY:
        return "yes" if turn.intent == "affirm" else "no"
    return None


def remedy_in(turn: Turn) -> str | None:
    """The remedy that the message names and wants."""
    return turn.entity("remedy") if turn.fact("remedy") == turn.entity("remedy") else None


def any_words(turn: Turn) -> str | None:
    """Nothing by itself: free words are taken by `hear` when they are no question."""
    return None
