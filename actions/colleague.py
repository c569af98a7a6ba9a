"""What only a colleague can do: the wish is recorded and a person comes. Never a dead end."""

from dataclasses import dataclass

from actions.base import SupportAction, Tools
from actions.turn import TALK_TO_A_PERSON, Turn
from store import cases, feedback
from support.dates import spoken
from support.handoff import Trigger


@dataclass(frozen=True, slots=True)
class Errand:
    """A wish that the bot passes on."""

    action: str
    response: str  # what is said before the handoff
    rule: str  # for the agent


ERRANDS = (
    Errand("action_request_repair", "utter_errand_repair", "The customer wants a repair."),
    Errand("action_reschedule_visit", "utter_errand_reschedule",
           "The customer wants to move a technician's visit."),
    Errand("action_cancel_visit", "utter_errand_cancel_visit",
           "The customer wants to cancel a technician's visit."),
    Errand("action_request_installation", "utter_errand_installation",
           "The customer wants an installation."),
    Errand("action_request_training", "utter_errand_training",
           "The customer wants a training session."),
    Errand("action_order_part", "utter_errand_part", "The customer wants a spare part."),
    Errand("action_register_product", "utter_errand_register",
           "The customer wants to register a product."),
    Errand("action_export_data", "utter_errand_export",
           "The customer asks for a copy of their data."),
    Errand("action_erase_data", "utter_errand_erase",
           "The customer asks for their data to be erased."),
    Errand("action_order_status", "utter_errand_order_status",
           "The customer asks where an order is."),
)  # fmt: skip

_RIGHTS = {"action_export_data", "action_erase_data"}


class PassOn(SupportAction):
    """Say what a colleague can do, and bring one."""

    def __init__(self, tools: Tools, errand: Errand) -> None:
        super().__init__(tools)
        self._errand = errand

    def name(self) -> str:
        """What the domain and the rules call it."""
        return self._errand.action

    async def act(self, turn: Turn) -> None:
        turn.say(self._errand.response)
        right = self._errand.action in _RIGHTS
        turn.hand_over(Trigger.LEGAL_RIGHT if right else Trigger.POLICY_LIMIT, self._errand.rule)


class CaseStatusAsked(SupportAction):
    """Where a case is: those of this conversation are told, for others a person is needed."""

    action_name = "action_case_status"

    async def act(self, turn: Turn) -> None:
        found = await cases.of_conversation(turn.tx, turn.conversation)
        named = (turn.entity("case_number") or "").upper()
        if named:
            found = [case for case in found if case.number == named]
        if not found:
            # Whether a number of somebody else's exists is told to nobody.
            turn.say("utter_case_not_here")
            turn.hand_over(
                Trigger.POLICY_LIMIT, "The customer asks about a case not opened in this chat."
            )
            return
        for case in found:
            turn.say("utter_case_status", number=case.number, kind=_KINDS[case.kind.value],
                     status=case.status.value, day=spoken(case.opened_at.date()))  # fmt: skip
        if turn.loop is None:
            turn.ask("person")
            turn.say("utter_case_more", buttons=(TALK_TO_A_PERSON,))


class TakeFeedback(SupportAction):
    """Praise or criticism that asks for nothing: kept, with thanks."""

    def __init__(self, tools: Tools, name: str, response: str) -> None:
        super().__init__(tools)
        self._name, self._response = name, response

    def name(self) -> str:
        """What the domain and the rules call it."""
        return self._name

    async def act(self, turn: Turn) -> None:
        await feedback.add(
            turn.tx, turn.conversation, turn.message, turn.now, text=turn.text or None
        )
        turn.say(self._response)


_KINDS = {"return": "Return", "complaint": "Complaint", "warranty": "Warranty claim"}
