"""Returns and exchanges: proof, window, reason, condition, confirmation, and a number."""

from collections.abc import Mapping

from actions.base import SupportAction
from actions.complaint import OpenComplaint
from actions.forms import UNKNOWN, Question, yes_or_no
from actions.proof import DETAIL, GIVEN, ORDER, ProvingForm, order_in, order_told_before
from actions.turn import TALK_TO_A_PERSON, Turn
from store import cases
from support.case import CaseKind
from support.complaints import says_complaint
from support.dates import spoken
from support.handoff import Trigger
from support.purchase import Purchase
from support.reply import Button, Extras
from support.returns import (
    Condition,
    Reason,
    Window,
    condition_in,
    last_day,
    needs_a_check,
    reason_in,
    window,
)


def _chosen_or_read(turn: Turn, values: type[Reason] | type[Condition]) -> str | None:
    choice = turn.entity("choice")
    if choice in list(values):
        return choice
    if not turn.text:
        return None
    return reason_in(turn.text) if values is Reason else condition_in(turn.text)


def _choices(*pairs: tuple[str, str]) -> tuple[Button, ...]:
    return tuple(Button(title, f'/inform{{"choice": "{value}"}}') for title, value in pairs)


REASON = Question(
    read=lambda turn: _chosen_or_read(turn, Reason),
    buttons=_choices(
        ("It arrived damaged", Reason.DAMAGED), ("It does not work", Reason.FAULTY),
        ("Wrong item", Reason.WRONG_ITEM), ("It does not suit me", Reason.NOT_SUITABLE),
        ("I changed my mind", Reason.CHANGED_MIND),
    ),
    free_text=True,
    unknown=Reason.OTHER,
)  # fmt: skip
CONDITION = Question(
    read=lambda turn: _chosen_or_read(turn, Condition),
    buttons=_choices(
        ("Unopened", Condition.UNOPENED), ("Opened, not used", Condition.OPENED),
        ("Used", Condition.USED), ("Damaged or faulty", Condition.DAMAGED),
    ),
    unknown=Condition.UNKNOWN,
)  # fmt: skip


class Returning(SupportAction):
    """What the actions of this flow share."""

    async def may_go_back(self, turn: Turn, purchase: Purchase) -> bool:
        """Whether a return may be asked for; if not, the reason and what is possible is said."""
        policy = self.tools.policies.returns
        order = purchase.order_number
        name = self.tools.policies.products.name(purchase.product)
        known = await cases.open_return(turn.tx, order)
        if known is not None and known.message != turn.message:
            turn.say("utter_return_exists", number=known.number, order=order,
                     extras=Extras(case=(known.number, CaseKind.RETURN)))  # fmt: skip
            return False
        match window(purchase, policy, turn.now.date()):
            case Window.OPEN:
                return True
            case Window.NOT_DELIVERED:
                turn.say("utter_return_not_delivered", product=name, order=order,
                         buttons=(TALK_TO_A_PERSON,))  # fmt: skip
            case Window.CLOSED:
                last, delivered = last_day(purchase, policy), purchase.delivered_on
                turn.say(
                    "utter_return_too_late", product=name, days=str(policy.window_days),
                    delivered=spoken(delivered) if delivered else "",
                    last=spoken(last) if last else "",
                    buttons=(
                        Button("Check my warranty", "/ask_warranty"),
                        Button("Ask for a repair", "/request_repair"),
                        TALK_TO_A_PERSON,
                    ),
                )  # fmt: skip
        return False


class StartReturn(Returning):
    """Something is to go back."""

    action_name = "action_start_return"
    wish = "return"

    async def act(self, turn: Turn) -> None:
        if says_complaint(turn.text):  # with a refund as the wish: the complaint comes first
            await OpenComplaint(self.tools).act(turn)
            return
        if turn.loop == "return_form":
            turn.set("return_wish", self.wish)
            turn.say("utter_return_goes_on")
            return
        if turn.loop is not None:
            turn.say("utter_other_form_left")
        slots: dict[str, str | None] = {"return_wish": self.wish}
        told = order_in(turn)
        if turn.purchase is not None and told in (None, turn.purchase.order_number):
            if not await self.may_go_back(turn, turn.purchase):
                turn.leave_form()
                return
            slots |= {"order_number": turn.purchase.order_number, "second_fact": GIVEN}
        else:
            slots["order_number"] = told or await order_told_before(turn)
            if turn.loop is None:
                turn.say("utter_return_starts")
        turn.start_form("return_form", **slots)


class StartExchange(StartReturn):
    """Something is to be swapped: a return with another wish."""

    action_name = "action_start_exchange"
    wish = "exchange"


class ValidateReturn(ProvingForm, Returning):
    """The questions of a return."""

    form = "return_form"
    questions: Mapping[str, Question] = {  # type: ignore[misc]
        "order_number": ORDER,
        "second_fact": DETAIL,
        "return_reason": REASON,
        "item_condition": CONDITION,
        "confirmed": Question(
            read=yes_or_no,
            buttons=(Button("Yes, do it", "/affirm"), Button("No", "/deny")),
            response="utter_confirm_return",
        ),
    }

    async def proved(self, turn: Turn, purchase: Purchase) -> bool:
        if await self.may_go_back(turn, purchase):
            return True
        self.finish(turn)
        return False

    async def answered(self, turn: Turn, slot: str, value: str) -> bool:
        if slot == "return_reason":
            await turn.note("return_reason", value)
        elif slot == "item_condition":
            await turn.note("item_condition", value)
            return self._policy_decides(turn, Condition(value))
        elif slot == "confirmed" and value == "no":
            turn.say("utter_return_not_opened", buttons=(TALK_TO_A_PERSON,))
            self.finish(turn)
            return False
        return True

    def _policy_decides(self, turn: Turn, condition: Condition) -> bool:
        if turn.purchase is None:
            return True
        why = reason_of(str(turn.slots["return_reason"]))
        because = needs_a_check(turn.purchase, condition, why, self.tools.policies.returns)
        if because is None:
            return True
        turn.say("utter_return_needs_a_check", because=because)
        turn.hand_over(Trigger.POLICY_LIMIT, f"Return of {turn.purchase.order_number}: {because}.")
        self.finish(turn)
        return False

    async def question_values(self, turn: Turn, slot: str) -> Mapping[str, str]:
        order = str(turn.slots.get("order_number") or "")
        if slot == "second_fact":
            return {"order": order}
        if slot == "confirmed" and turn.purchase is not None:
            wish = str(turn.slots.get("return_wish") or "return")
            policy = self.tools.policies.returns
            return {
                "wish": wish,
                "a_wish": "an exchange" if wish == "exchange" else "a return",
                "product": self.tools.policies.products.name(turn.purchase.product),
                "model": turn.purchase.model,
                "order": turn.purchase.order_number,
                "reason": str(turn.slots["return_reason"]),
                "condition": _CONDITIONS[Condition(str(turn.slots["item_condition"]))],
                "payment": turn.purchase.payment_method,
                "days": str(policy.refund_days),
            }
        return {}


class SubmitReturn(Returning):
    """Open the return. Ownership and window are checked again: a slot proves nothing."""

    action_name = "action_open_return"

    async def act(self, turn: Turn) -> None:
        slots, purchase = turn.slots, turn.purchase
        complete = slots.get("confirmed") == "yes" and slots.get("return_reason")
        if purchase is None or purchase.order_number != slots.get("order_number") or not complete:
            turn.leave_form()
            turn.say("utter_return_not_opened", buttons=(TALK_TO_A_PERSON,))
            return
        if not await self.may_go_back(turn, purchase):
            turn.leave_form()
            return
        wish = str(slots.get("return_wish") or "return")
        case = await cases.open_case(
            turn.tx, CaseKind.RETURN, turn.conversation, turn.message, turn.now,
            order_number=purchase.order_number,
            details={
                "wish": wish,
                "reason": slots["return_reason"],
                "condition": slots.get("item_condition") or UNKNOWN,
                "product": purchase.product,
                "model": purchase.model,
            },
        )  # fmt: skip
        policy = self.tools.policies.returns
        turn.say(
            "utter_return_opened" if wish == "return" else "utter_exchange_opened",
            number=case.number, way=policy.way.get(purchase.product, ""),
            days=str(policy.refund_days), payment=purchase.payment_method,
            buttons=(TALK_TO_A_PERSON,) if wish == "return" else (),
            extras=Extras(case=(case.number, CaseKind.RETURN)),
        )  # fmt: skip
        turn.leave_form()
        if wish == "exchange":
            turn.hand_over(Trigger.POLICY_LIMIT, f"Exchange {case.number}: which product instead?")


def reason_of(told: str) -> Reason:
    """The reason in what the slot holds: a choice, or the customer's own words."""
    if told in list(Reason):
        return Reason(told)
    return reason_in(told) or Reason.OTHER


_CONDITIONS: Mapping[Condition, str] = {
    Condition.UNOPENED: "unopened",
    Condition.OPENED: "opened, not used",
    Condition.USED: "used",
    Condition.DAMAGED: "damaged or faulty",
    Condition.UNKNOWN: "not known",
}
