"""Proving that an order is the customer's: the order number, and one more detail of it.

An order that does not exist and a detail that does not fit are answered alike, after the same
number of questions: whoever asks about somebody else's order learns nothing.
"""

import re

from actions.base import answers_directly
from actions.forms import Question, ValidateForm
from actions.turn import Turn
from store import purchases
from support.facts import FactStatus
from support.handoff import Trigger
from support.purchase import Purchase, canonical_order_number, proves_ownership

_SERIAL = re.compile(r"\b[A-Z]{2}-?[A-Z]\d{3}-?\d{4}-?\d{5}\b", re.IGNORECASE)
# Words around a detail: "the postcode is 10115", "my name is Maria Lopez".
_LEAD_IN = re.compile(
    r"^(?:(?:it'?s|it is|that'?s|that would be|ok|sure|yes|here|sorry)\b[,:]?\s*)*"
    r"(?:(?:my|the|our)\s+)?"
    r"(?:(?:e-?mail(?:\s+address)?|address|post\s?code|postal code|zip(?:\s+code)?|"
    r"plz|serial(?:\s+number)?|(?:family|last|sur|full)?\s?name)\b\s*(?:is|:|=)?\s*)?",
    re.IGNORECASE,
)
_ORDER = re.compile(r"\bA[\s-]?\d{5}\b", re.IGNORECASE)
GIVEN = "given"  # what the slot holds: never the detail itself, and no proof


def order_in(turn: Turn) -> str | None:
    """The order number or serial number in the message."""
    if turn.text:
        serial = _SERIAL.search(turn.text)
        return serial[0].upper() if serial else canonical_order_number(turn.text)
    return None


def detail_in(turn: Turn) -> str | None:
    """A second detail that the message surely holds: an entity, or its own last words."""
    order = order_in(turn) or ""
    for name in ("email", "postcode", "serial_number"):
        value = turn.entity(name)
        # "10482" of A-10482 also looks like a postcode; it is no second detail.
        if value is not None and (name != "postcode" or value not in order):
            return value
    return None


async def order_told_before(turn: Turn) -> str | None:
    """The order that was named earlier, as long as no attempt to prove one has failed."""
    if await purchases.failed_proofs(turn.tx, turn.conversation):
        return None
    return turn.fact("order_number")


ORDER = Question(read=order_in)
DETAIL = Question(read=detail_in, free_text=True, name=True)


class ProvingForm(ValidateForm):
    """A form that needs a proved purchase before it goes on."""

    async def accepted(self, turn: Turn, slot: str, value: str) -> bool:
        if slot == "order_number":
            await turn.note("order_number", value)
            # Both in one message: the detail need not be asked for.
            detail = detail_in(turn)
            if detail is None or _SERIAL.fullmatch(detail):
                return True
            turn.set("second_fact", GIVEN)
            return await self._prove(turn, detail)
        if slot == "second_fact":
            other = _ORDER.search(value)
            if other is not None and detail_in(turn) is None:  # the order was meant otherwise
                turn.set("order_number", canonical_order_number(value))
                turn.set("second_fact", None)
                turn.say("utter_corrected_to", value=str(turn.slots["order_number"]))
                return True
            turn.set("second_fact", GIVEN)
            return await self._prove(turn, value)
        return await self.answered(turn, slot, value)

    async def ask_next(self, turn: Turn) -> None:
        """Ask what is missing; a detail that came with the wish itself is not asked for again."""
        detail = detail_in(turn)
        told = turn.slots.get("order_number") and turn.slots.get("second_fact") is None
        if told and detail and not _SERIAL.fullmatch(detail) and not answers_directly(turn.tracker):
            turn.set("second_fact", GIVEN)
            if not await self._prove(turn, detail):
                return
        await super().ask_next(turn)

    async def answered(self, turn: Turn, slot: str, value: str) -> bool:
        """Deal with an answer to one of the form's own questions."""
        return True

    async def proved(self, turn: Turn, purchase: Purchase) -> bool:
        """Go on with a proved purchase; False if the form ends here."""
        return True

    async def _prove(self, turn: Turn, detail: str) -> bool:
        told = str(turn.slots["order_number"])
        by_serial = _SERIAL.fullmatch(told) is not None
        purchase = (
            await purchases.by_serial_number(turn.tx, told)
            if by_serial
            else await purchases.by_order_number(turn.tx, told)
        )
        held = purchase is not None and _belongs(purchase, detail, by_serial)
        order = purchase.order_number if purchase is not None and held else told
        await purchases.note_proof(turn.tx, turn.conversation, order, held, turn.message, turn.now)
        if purchase is not None and held:
            turn.purchase = purchase
            turn.set("order_number", purchase.order_number)
            await turn.note("order_number", purchase.order_number, FactStatus.VERIFIED)
            await turn.note("product_type", purchase.product, FactStatus.VERIFIED)
            await turn.note("product_model", purchase.model, FactStatus.VERIFIED)
            await turn.note("serial_number", purchase.serial_number, FactStatus.VERIFIED)
            return await self.proved(turn, purchase)
        failed = await purchases.failed_proofs(turn.tx, turn.conversation)
        if failed >= self.tools.policies.dialogue.failed_proofs_before_person:
            turn.say("utter_proof_needs_person")
            turn.hand_over(
                Trigger.POLICY_LIMIT, f"Ownership of an order was not proved in {failed} attempts."
            )
            self.finish(turn)
            return False
        turn.set("order_number", None)
        turn.set("second_fact", None)
        turn.say("utter_proof_failed")
        return True


def _belongs(purchase: Purchase, detail: str, by_serial: bool) -> bool:
    told = [detail, _LEAD_IN.sub("", detail, count=1)]
    return any(
        proves_ownership(purchase, one)
        # Whoever named the appliance by its serial number has to know something else of it.
        and not (by_serial and _SERIAL.search(one))
        for one in told
    )
