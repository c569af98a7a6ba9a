"""Work that outlives the conversation it came from."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class CaseKind(StrEnum):
    """What a case is about; its value is the prefix's key in NUMBER_PREFIX."""

    RETURN = "return"
    COMPLAINT = "complaint"
    WARRANTY = "warranty"


class CaseStatus(StrEnum):
    """Where a case is on its way."""

    OPEN = "open"
    CLOSED = "closed"


NUMBER_PREFIX: Mapping[CaseKind, str] = {
    CaseKind.RETURN: "RMA",
    CaseKind.COMPLAINT: "C",
    CaseKind.WARRANTY: "W",
}


@dataclass(frozen=True, slots=True)
class Case:
    """A return, a complaint or a warranty claim."""

    number: str  # what the customer is told, e.g. "RMA-000017"
    kind: CaseKind
    status: CaseStatus
    conversation: str
    order_number: str | None
    details: Mapping[str, Any]
    message: str  # id of the customer's message that opened it
    opened_at: datetime  # aware, UTC
