"""Warranty: until when something is covered and why, and claims."""

from collections.abc import Mapping

from actions.base import SupportAction
from actions.forms import Question, any_words, remedy_in, yes_or_no
from actions.proof import DETAIL, GIVEN, ORDER, ProvingForm, order_in, order_told_before
from actions.turn import TALK_TO_A_PERSON, Turn
from store import cases
from store import ledger as ledger_store
from support.case import CaseKind, CaseStatus
from support.handoff import Trigger
from support.purchase import Purchase
from support.reply import Button, Extras
from support.warranty import Cover, position, reason

ASK_FOR_REPAIR = Button("Ask for a repair", "/request_repair")
REMEDIES = (
    Button("Repair", '/inform{"remedy": "repair"}'),
    Button("Replacement", '/inform{"remedy": "replacement"}'),
    Button("Refund", '/inform{"remedy": "refund"}'),
)


class Covering(SupportAction):
    """What the actions of this flow share."""

    def say_position(self, turn: Turn, purchase: Purchase) -> Cover:
        """Say where the purchase stands, and what is possible."""
        where = position(purchase, self.tools.policies.warranty, turn.now.date())
        values = {
            "product": self.tools.policies.products.name(purchase.product),
            "order": purchase.order_number,
            "reason": reason(where),
        }
        match where.cover:
            case Cover.COVERED:
                turn.say("utter_warranty_position", values=values)
            case Cover.ENDED:
                turn.say("utter_warranty_ended", buttons=(ASK_FOR_REPAIR, TALK_TO_A_PERSON),
                         values=values)  # fmt: skip
            case _:
                turn.say("utter_warranty_open", buttons=(TALK_TO_A_PERSON,), values=values)
        return where.cover

    async def claim_exists(self, turn: Turn, purchase: Purchase) -> bool:
        """Whether a claim for the order is open in this conversation; says its number then."""
        for case in await cases.of_conversation(turn.tx, turn.conversation):
            mine = case.kind is CaseKind.WARRANTY and case.order_number == purchase.order_number
            if mine and case.status is CaseStatus.OPEN and case.message != turn.message:
                turn.say("utter_claim_exists", number=case.number, order=purchase.order_number,
                         buttons=(TALK_TO_A_PERSON,),
                         extras=Extras(case=(case.number, CaseKind.WARRANTY)))  # fmt: skip
                return True
        return False

    async def begin(self, turn: Turn, form: str) -> None:
        """Start a form of this flow with what is known."""
        if turn.loop is not None:
            turn.say("utter_other_form_left")
        told = order_in(turn)
        slots: dict[str, str | None] = {"order_number": told or await order_told_before(turn)}
        if turn.purchase is not None and told in (None, turn.purchase.order_number):
            slots = {"order_number": turn.purchase.order_number, "second_fact": GIVEN}
        elif turn.loop is None:
            turn.say("utter_warranty_starts" if form == "warranty_form" else "utter_claim_starts")
        if form == "claim_form":
            slots |= {"claim_fault": turn.fact("symptom"), "wanted_remedy": turn.fact("remedy")}
        turn.start_form(form, **slots)


class CheckWarranty(Covering):
    """Is it still covered?"""

    action_name = "action_check_warranty"

    async def act(self, turn: Turn) -> None:
        told = order_in(turn)
        if turn.purchase is not None and told in (None, turn.purchase.order_number):
            # Asked in the middle of something else: answered, and that goes on.
            self.say_position(turn, turn.purchase)
        elif turn.loop in ("warranty_form", "claim_form", "return_form"):
            turn.say("utter_warranty_needs_order")
        else:
            await self.begin(turn, "warranty_form")


class ValidateWarranty(ProvingForm):
    """The questions before the warranty of an order is told."""

    form = "warranty_form"
    questions: Mapping[str, Question] = {  # type: ignore[misc]
        "order_number": ORDER, "second_fact": DETAIL,
    }  # fmt: skip

    async def question_values(self, turn: Turn, slot: str) -> Mapping[str, str]:
        return {"order": str(turn.slots.get("order_number") or "")}


class SubmitWarranty(Covering):
    """Tell the warranty of the order whose ownership the store says was proved."""

    action_name = "action_tell_warranty"

    async def act(self, turn: Turn) -> None:
        purchase = turn.purchase
        if purchase is None or purchase.order_number != turn.slots.get("order_number"):
            turn.say("utter_warranty_needs_order", buttons=(TALK_TO_A_PERSON,))
        elif self.say_position(turn, purchase) is Cover.COVERED:
            turn.say("utter_claim_possible", buttons=(
                Button("Make a warranty claim", "/claim_warranty"), TALK_TO_A_PERSON,
            ))  # fmt: skip
        turn.leave_form()


class StartClaim(Covering):
    """A claim under the warranty."""

    action_name = "action_start_claim"

    async def act(self, turn: Turn) -> None:
        if turn.loop == "claim_form":
            turn.say("utter_claim_goes_on")
            return
        told = order_in(turn)
        purchase = turn.purchase
        this_one = purchase is not None and told in (None, purchase.order_number)
        if (
            purchase
            and this_one
            and (
                await self.claim_exists(turn, purchase)
                or self.say_position(turn, purchase) is not Cover.COVERED
            )
        ):
            turn.leave_form()
            return
        await self.begin(turn, "claim_form")


class ValidateClaim(ProvingForm, Covering):
    """The questions of a claim."""

    form = "claim_form"
    questions: Mapping[str, Question] = {  # type: ignore[misc]
        "order_number": ORDER,
        "second_fact": DETAIL,
        "claim_fault": Question(read=any_words, free_text=True),
        "wanted_remedy": Question(read=remedy_in, buttons=REMEDIES, unknown="not decided"),
        "confirmed": Question(
            read=yes_or_no,
            buttons=(Button("Yes, open it", "/affirm"), Button("No", "/deny")),
            response="utter_confirm_claim",
        ),
    }

    async def proved(self, turn: Turn, purchase: Purchase) -> bool:
        if await self.claim_exists(turn, purchase):
            self.finish(turn)
            return False
        if self.say_position(turn, purchase) is Cover.COVERED:
            return True
        self.finish(turn)
        return False

    async def answered(self, turn: Turn, slot: str, value: str) -> bool:
        if slot == "claim_fault":
            await turn.note("symptom", value)
        elif slot == "wanted_remedy":
            await turn.note("remedy", value)
        elif slot == "confirmed" and value == "no":
            turn.say("utter_claim_not_opened", buttons=(TALK_TO_A_PERSON,))
            self.finish(turn)
            return False
        return True

    async def question_values(self, turn: Turn, slot: str) -> Mapping[str, str]:
        values = {"order": str(turn.slots.get("order_number") or "")}
        if slot == "confirmed" and turn.purchase is not None:
            values |= {
                "product": self.tools.policies.products.name(turn.purchase.product),
                "model": turn.purchase.model,
                "fault": str(turn.slots["claim_fault"])[:200],
                "remedy": str(turn.slots["wanted_remedy"]),
            }
        return values


class SubmitClaim(Covering):
    """Open the claim, if the store says that ownership was proved and it is covered."""

    action_name = "action_open_claim"

    async def act(self, turn: Turn) -> None:
        slots, purchase = turn.slots, turn.purchase
        if (
            purchase is None
            or purchase.order_number != slots.get("order_number")
            or slots.get("confirmed") != "yes"
        ):
            turn.leave_form()
            turn.say("utter_claim_not_opened", buttons=(TALK_TO_A_PERSON,))
            return
        where = position(purchase, self.tools.policies.warranty, turn.now.date())
        if where.cover is not Cover.COVERED:
            turn.leave_form()
            self.say_position(turn, purchase)
            return
        entries = await ledger_store.entries(turn.tx, turn.conversation)
        case = await cases.open_case(
            turn.tx, CaseKind.WARRANTY, turn.conversation, turn.message, turn.now,
            order_number=purchase.order_number,
            details={
                "fault": slots.get("claim_fault"),
                "remedy": slots.get("wanted_remedy"),
                "product": purchase.product,
                "model": purchase.model,
                "covered_until": where.until.isoformat() if where.until else None,
                "tried": [f"{e.title}: {e.outcome}" for e in entries],
            },
        )  # fmt: skip
        turn.say("utter_claim_opened", number=case.number,
                 extras=Extras(case=(case.number, CaseKind.WARRANTY)))  # fmt: skip
        turn.hand_over(Trigger.POLICY_LIMIT, f"A person decides on warranty claim {case.number}.")
