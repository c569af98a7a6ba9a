"""When a person takes over, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class Trigger(StrEnum):
    """What made a person necessary."""

    CUSTOMER_ASKED = "customer_asked"
    HAZARD = "hazard"
    COMPLAINT = "complaint"
    NO_ANSWER = "no_answer"  # two abstentions running
    OUT_OF_STEPS = "out_of_steps"
    INVALID_ANSWERS = "invalid_answers"  # two running
    REPEATED_QUESTION = "repeated_question"
    FRUSTRATION = "frustration"
    POLICY_LIMIT = "policy_limit"
    LEGAL_RIGHT = "legal_right"
    BOT_FAILED = "bot_failed"
    AGENT_TOOK = "agent_took"


class Urgency(StrEnum):
    """How early in the queue; the order of definition is the order of the queue, last first."""

    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


class HandoffState(StrEnum):
    """Where a handoff is on its way."""

    QUEUED = "queued"
    ACCEPTED = "accepted"  # an agent has it and has not answered yet
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"


# (urgency, why). A trigger says it alone; what the packet finds may raise it.
URGENCY: Mapping[Trigger, tuple[Urgency, str]] = {
    Trigger.HAZARD: (Urgency.URGENT, "Somebody may be in danger."),
    Trigger.LEGAL_RIGHT: (Urgency.HIGH, "The customer invoked a legal right."),
    Trigger.COMPLAINT: (Urgency.HIGH, "The customer made a complaint."),
    Trigger.FRUSTRATION: (Urgency.HIGH, "The customer is getting nowhere and says so."),
    Trigger.BOT_FAILED: (Urgency.HIGH, "The bot could not answer at all."),
}


@dataclass(frozen=True, slots=True)
class HandoffRequest:
    """What a turn says when it wants a person: an action asks, only the gateway opens."""

    trigger: Trigger
    rule: str  # one plain sentence for the agent: which rule fired
    restated: str = ""  # the problem in words the customer can check, for the sentence they hear
    incident: bool = False


@dataclass(frozen=True, slots=True)
class Handoff:
    """A conversation waiting for a person, or held by one."""

    id: str
    reference: str  # what the customer is told, e.g. "H-000012"
    conversation: str
    state: HandoffState
    trigger: Trigger
    rule: str
    urgency: Urgency
    incident: bool
    message: str | None  # the customer's message that set it off
    packet: Mapping[str, Any]
    agent: str | None
    requested_at: datetime
    waiting_told_at: datetime | None
    accepted_at: datetime | None
    first_answer_at: datetime | None
    ended_at: datetime | None
    outcome: str | None


def urgency_of(trigger: Trigger) -> tuple[Urgency, str]:
    """How urgent a handoff of that trigger is, and the reason shown to agents."""
    return URGENCY.get(trigger, (Urgency.NORMAL, "Nothing says that this cannot wait its turn."))
