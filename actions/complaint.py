"""Complaints: a number before any question, then the wish, then somebody not involved."""

from collections.abc import Mapping

from actions.base import SupportAction
from actions.forms import Question, ValidateForm, remedy_in
from actions.turn import Turn
from actions.warranty import REMEDIES
from store import cases
from support.case import CaseKind
from support.complaints import category_of, restated
from support.handoff import Trigger
from support.reply import Button, Extras


class OpenComplaint(SupportAction):
    """Give the complaint its number at once and say back what it is about."""

    action_name = "action_open_complaint"

    async def act(self, turn: Turn) -> None:
        if turn.loop == "complaint_form":
            await self._more(turn)
            return
        category = category_of(turn.text)
        case = await cases.open_case(
            turn.tx, CaseKind.COMPLAINT, turn.conversation, turn.message, turn.now,
            order_number=turn.purchase.order_number if turn.purchase else None,
            details={"category": category, "words": turn.text, "remedy": turn.fact("remedy")},
        )  # fmt: skip
        await turn.note("complaint", turn.text or "made a complaint")
        turn.say("utter_complaint_logged", number=case.number,
                 extras=Extras(case=(case.number, CaseKind.COMPLAINT)))  # fmt: skip
        turn.say("utter_complaint_restated", about=restated(category))
        remedy = turn.fact("remedy") if turn.entity("remedy") else None
        turn.start_form("complaint_form", wanted_remedy=remedy)

    async def _more(self, turn: Turn) -> None:
        number = await add_words(turn)
        count = int(turn.slots.get("invalid_answers") or 0) + 1
        if count >= self.tools.policies.dialogue.invalid_answers_before_offer:
            # Said twice instead of a wish: enough is known for a person to begin.
            turn.say("utter_complaint_passed_on", number=number)
            turn.hand_over(
                Trigger.COMPLAINT, f"Complaint {number}: somebody not involved has to look at it."
            )
            return
        turn.set("invalid_answers", count)
        turn.say("utter_complaint_added")


class ValidateComplaint(ValidateForm):
    """The one question of a complaint: what would put it right."""

    form = "complaint_form"
    questions: Mapping[str, Question] = {  # type: ignore[misc]
        "wanted_remedy": Question(
            read=remedy_in,
            buttons=(
                *REMEDIES,
                Button("An apology", '/inform{"remedy": "apology"}'),
                Button("An explanation", '/inform{"remedy": "information"}'),
            ),
            free_text=True,
            unknown="not decided",
        ),
    }

    async def accepted(self, turn: Turn, slot: str, value: str) -> bool:
        if turn.intent in ("deny", "correct_that"):
            # "No, it is about the driver": a correction of what was said back, not a wish.
            await add_words(turn)
            turn.set(slot, None)
            turn.say("utter_complaint_added")
            return True
        await turn.note("remedy", value)
        return True


class SubmitComplaint(SupportAction):
    """Keep the wish with the complaint, and bring a person who was not involved."""

    action_name = "action_pass_on_complaint"

    async def act(self, turn: Turn) -> None:
        number = await add_words(turn, remedy=str(turn.slots.get("wanted_remedy") or ""))
        turn.say("utter_complaint_passed_on", number=number)
        turn.hand_over(
            Trigger.COMPLAINT,
            f"Complaint {number}: somebody not involved has to look at it.",
        )


class ChasePromise(SupportAction):
    """Something that was promised has not happened: find the cases, and bring a person."""

    action_name = "action_chase_promise"

    async def act(self, turn: Turn) -> None:
        found = await cases.of_conversation(turn.tx, turn.conversation)
        numbers = [case.number for case in found]
        if named := turn.entity("case_number"):
            numbers = list(dict.fromkeys([named.upper(), *numbers]))
        if numbers:
            turn.say("utter_promise_cases", numbers=", ".join(numbers))
        else:
            turn.say("utter_promise_unknown")
        turn.hand_over(
            Trigger.POLICY_LIMIT,
            "The customer waits for something they were told."
            + (f" Cases: {', '.join(numbers)}." if numbers else " No case in this conversation."),
        )


async def add_words(turn: Turn, remedy: str | None = None) -> str:
    """Add what the message says to the latest complaint of the conversation; its number."""
    found = await cases.of_conversation(turn.tx, turn.conversation)
    case = [one for one in found if one.kind is CaseKind.COMPLAINT][-1]
    added = dict(case.details)
    if remedy is not None:
        added["remedy"] = remedy
    elif turn.text and turn.text not in added.get("corrections", ()):
        added["corrections"] = [*added.get("corrections", ()), turn.text]
    await cases.replace_details(turn.tx, case.number, added)
    return case.number
