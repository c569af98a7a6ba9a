"""Small talk, control, and what was not understood."""

from typing import ClassVar

from actions.base import SupportAction, Tools
from actions.complaint import add_words
from actions.knowledge import Result
from actions.troubleshooting import Guiding
from actions.turn import FORM_SLOTS, TALK_TO_A_PERSON, WHAT_I_DO, Said, Turn
from store import feedback
from support.handoff import Trigger
from support.procedure import Outcome
from support.purchase import canonical_order_number, is_order_number
from support.reply import Button, Extras, read_reply


class Reply(SupportAction):
    """Say one response: for what needs no more than a fitting word."""

    keeps_question = True

    def __init__(self, tools: Tools, name: str, response: str, menu: bool = False) -> None:
        super().__init__(tools)
        self._name, self._response, self._menu = name, response, menu

    def name(self) -> str:
        """What the domain and the rules call it."""
        return self._name

    async def act(self, turn: Turn) -> None:
        # Inside a form the form asks its question right after this; a menu would lead away from it.
        turn.say(self._response, buttons=WHAT_I_DO if self._menu and turn.loop is None else ())


class Thank(SupportAction):
    """Thanks: a "no" after it means that there is nothing else."""

    action_name = "action_thank"
    keeps_question = True

    async def act(self, turn: Turn) -> None:
        if turn.loop is None:
            turn.ask("anything_else")
        turn.say("utter_thank")


class OffSubject(Guiding):
    """What has nothing to do with the products: said so, and after a while a person reads it.

    Other languages and typing at random also arrive here, so it counts as not understood.
    """

    counts = frozenset({"misunderstood"})
    keeps_question = True

    def __init__(self, tools: Tools, name: str, response: str, counting: bool) -> None:
        super().__init__(tools)
        self._name, self._response, self._counting = name, response, counting

    def name(self) -> str:
        """What the domain and the rules call it."""
        return self._name

    async def act(self, turn: Turn) -> None:
        wordless = bool(turn.text) and not any(c.isalnum() for c in turn.text)
        if turn.loop is not None or not (self._counting or wordless):
            if turn.loop is None:
                turn.set("misunderstood", 0)
            turn.say(self._response, buttons=WHAT_I_DO if turn.loop is None else ())
            return
        count = int(turn.slots.get("misunderstood") or 0) + 1
        if wordless or count >= self.tools.policies.dialogue.misunderstood_before_person:
            await self.not_understood(turn)
            return
        turn.set("misunderstood", count)
        turn.say(self._response, buttons=WHAT_I_DO)


class RequestHuman(SupportAction):
    """Asked for a person: whatever was going on ends here."""

    action_name = "action_request_human"

    async def act(self, turn: Turn) -> None:
        turn.hand_over(Trigger.CUSTOMER_ASKED, "The customer asked for a person.")


class Cancel(SupportAction):
    """Leave what was begun, without half-done work."""

    action_name = "action_cancel"

    async def act(self, turn: Turn) -> None:
        if turn.loop is not None:
            turn.leave_form()
            turn.say("utter_form_cancelled")
        else:
            turn.say("utter_nothing_to_cancel", buttons=WHAT_I_DO)


class StartOver(SupportAction):
    """Forget the question at hand; what is known and what was tried stays."""

    action_name = "action_start_over"

    async def act(self, turn: Turn) -> None:
        turn.leave_form()
        turn.say("utter_started_over", buttons=WHAT_I_DO)


class Repeat(SupportAction):
    """Say the last thing again, with a word before it."""

    action_name = "action_repeat"
    keeps_question = True

    async def act(self, turn: Turn) -> None:
        if turn.loop is not None:
            turn.say("utter_repeat_question")  # the form asks its question again after this
            return
        said = _last_reply(turn)
        if not said:
            turn.say("utter_nothing_to_repeat", buttons=WHAT_I_DO)
            return
        turn.say("utter_repeat")
        turn.said += said


class Correct(Guiding):
    """Put right what was said before: the later word counts."""

    action_name = "action_correct"
    consults = True

    async def consult(self, turn: Turn) -> None:
        product, symptom = turn.entity("product_type"), turn.fact("symptom")
        if turn.loop is None and product and symptom and product != turn.fact("product_type"):
            turn.found = await self.fault(turn, symptom, product)

    async def act(self, turn: Turn) -> None:
        slots = turn.slots
        wrong = turn.entity("choice")
        order = canonical_order_number(turn.text) if turn.text else None
        if turn.loop == "complaint_form":
            await add_words(turn)
            turn.say("utter_complaint_added")
            return
        if turn.loop is None:
            # The facts were noted already, with the later one counting.
            turn.say("utter_corrected" if turn.entities else "utter_correct_what")
            if turn.found is not None and turn.found.useful:
                await self.begin(turn, turn.found)
            return
        if order is not None and slots.get("order_number"):
            turn.set("order_number", order)
            turn.set("second_fact", None)
            turn.set("confirmed", None)
            turn.say("utter_corrected_to", value=order)
        elif wrong in FORM_SLOTS and slots.get(wrong):
            turn.set(wrong, None)
            if wrong == "order_number":
                turn.set("second_fact", None)
            turn.say("utter_corrected")
        else:
            given = [s for s in FORM_SLOTS if slots.get(s) and s in _CORRECTABLE]
            turn.say(
                "utter_correct_what",
                buttons=[
                    Button(_CORRECTABLE[s], f'/correct_that{{"choice": "{s}"}}') for s in given
                ],
            )


_CORRECTABLE = {
    "order_number": "The order number",
    "return_reason": "The reason",
    "item_condition": "The condition",
    "claim_fault": "The fault",
    "wanted_remedy": "What I want",
}


class Affirm(Guiding):
    """A bare "yes": it answers what was asked last."""

    action_name = "action_affirm"
    yes: ClassVar[bool] = True

    async def act(self, turn: Turn) -> None:
        question = turn.question
        match question.get("kind"):
            case "answer":
                await feedback.add(
                    turn.tx, turn.conversation, turn.message, turn.now,
                    article=question["article"], section=question["section"],
                    version=question.get("version"), helped=self.yes,
                )  # fmt: skip
                if self.yes:
                    turn.say("utter_answer_helped")
                else:
                    turn.set("abstentions", 1)  # the next one that fails brings a person
                    turn.say("utter_answer_did_not_help", buttons=(TALK_TO_A_PERSON,))
            case "titles" | "which_product" if not self.yes:
                await self.nothing_found(turn, ())
            case "works" if self.yes:
                await self.solved(turn)
            case "solved" if not self.yes:  # "no it doesn't", after all
                await self.decided(turn, Outcome.DID_NOT_HELP)
            case "anything_else" if not self.yes:
                turn.say("utter_goodbye")
            case "anything_else":
                turn.say("utter_yes_to_what", buttons=WHAT_I_DO)
            case "person" if self.yes:
                turn.hand_over(Trigger.CUSTOMER_ASKED, "The customer agreed to talk to a person.")
            case _:
                await self._about_a_step(turn)

    async def _about_a_step(self, turn: Turn) -> None:
        shown = await self.shown_step(turn)
        if shown is None:
            turn.say("utter_yes_to_what" if self.yes else "utter_no_to_what", buttons=WHAT_I_DO)
            return
        branch = self.branch_of(shown, "yes" if self.yes else "no")
        if branch is not None:
            await self.decided(turn, Outcome.DID_NOT_HELP, jump=branch)
        elif self.yes:
            turn.ask("works")
            turn.say("utter_is_it_working", buttons=(
                Button("It works now", "/problem_solved"),
                Button("Still the same", "/problem_not_solved"),
            ))  # fmt: skip
        else:
            await self.decided(turn, Outcome.DID_NOT_HELP)


class Deny(Affirm):
    """A bare "no"."""

    action_name = "action_deny"
    yes = False


class DontKnow(Guiding):
    """ "I don't know", outside forms: about a step it means that it cannot be done."""

    action_name = "action_dont_know"

    async def act(self, turn: Turn) -> None:
        if await self.shown_step(turn) is not None and not turn.question:
            await self.decided(turn, Outcome.COULD_NOT)
            return
        turn.ask("person")
        turn.say("utter_not_knowing_is_fine", buttons=(*WHAT_I_DO[:1], TALK_TO_A_PERSON))


# A product named now completes the question.
_QUESTIONS_OPEN = ("which_product", "titles", "nothing_found")


class Inform(Guiding):
    """A fact without a wish: it answers what was asked last, or starts with the fault."""

    action_name = "action_inform"
    consults = True

    async def consult(self, turn: Turn) -> None:
        question, choice = turn.question, turn.entity("choice")
        product = turn.entity("product_type")
        if question.get("kind") in _QUESTIONS_OPEN and product:
            turn.found = await self.answer(question["question"], product)
        elif turn.text and choice is None and turn.loop is None:
            turn.found = await self.fault(turn, turn.text)

    async def act(self, turn: Turn) -> None:
        choice = turn.entity("choice")
        if choice == "fault":
            await self.ask_for_fault(turn)
        elif choice is not None and "#" in choice:
            await self.chosen(turn, choice)
        elif choice is not None and await self.shown_step(turn) is not None:
            await self.decided(turn, Outcome.DID_NOT_HELP, jump=choice)
        elif turn.question.get("kind") in _QUESTIONS_OPEN and isinstance(turn.found, Result):
            await self.respond(turn, turn.found, turn.question["question"])
        elif is_order_number(turn.text):
            turn.say("utter_fact_noted", buttons=WHAT_I_DO)
        elif turn.entity("product_type") and turn.fact("symptom") is None:
            await self.ask_for_fault(turn)
        elif turn.found is not None and turn.found.useful:
            await turn.note("symptom", turn.found.symptom)
            await self.begin(turn, turn.found)
        elif turn.entities:
            turn.say("utter_fact_noted", buttons=WHAT_I_DO)
        else:
            await self.not_understood(turn)


class NotUnderstood(Guiding):
    """A message that no intent fits: perhaps a fault or a question in unusual words.

    The articles are asked first. If they know nothing, the first reply asks for other words, the
    second offers choices, the third brings a person.
    """

    action_name = "action_not_understood"
    consults = True
    counts = frozenset({"misunderstood"})

    async def consult(self, turn: Turn) -> None:
        if turn.text and turn.loop is None:
            turn.found = await self.fault(turn, turn.text)

    async def act(self, turn: Turn) -> None:
        if turn.loop is not None:
            turn.say("utter_not_understood_in_form")
            return
        if is_order_number(turn.text):
            turn.say("utter_fact_noted", buttons=WHAT_I_DO)
            return
        if turn.found is not None and turn.found.useful:
            turn.set("misunderstood", 0)
            if turn.found.procedure is not None:
                await turn.note("symptom", turn.found.symptom)
            await self.begin(turn, turn.found)
            return
        await self.not_understood(turn)


def _last_reply(turn: Turn) -> list[Said]:
    """What the bot said in answer to the message before this one, as it was said."""
    lead_ins = {one["text"] for one in turn.responses["utter_repeat"]}
    said: list[Said] = []
    customers = 0
    for event in reversed(turn.tracker.events):
        if event.get("event") == "user":
            customers += 1
            if customers == 2:
                break
        elif event.get("event") == "bot" and customers == 1 and event.get("text"):
            if event["text"] in lead_ins:
                continue
            data = event.get("data") or {}
            custom = data.get("custom") or {}
            said.append(
                Said(
                    event["text"],
                    [Button(b["title"], b["payload"]) for b in data.get("buttons") or ()],
                    Extras() if not custom else _extras(custom),
                )
            )
    steps = [one for one in said if one.extras.step is not None]
    return steps or said[::-1]


def _extras(custom: dict[str, object]) -> Extras:
    extras = read_reply([{"text": "-", "custom": custom}]).messages[0].extras
    return Extras(kind=extras.kind, citations=extras.citations, step=extras.step)
