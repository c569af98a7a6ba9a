"""What is known in a conversation, with how it is known and the message it comes from."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class FactStatus(StrEnum):
    """How a fact is known."""

    VERIFIED = "verified"  # it matched a purchase
    CUSTOMER_SAYS = "customer says"
    INFERRED = "inferred"
    UNKNOWN = "unknown"  # asked, and the customer does not know or does not have it


# The facts that flows keep, with the label agents read.
LABELS: dict[str, str] = {
    "product_type": "Product",
    "product_model": "Model",
    "serial_number": "Serial number",
    "order_number": "Order number",
    "symptom": "Fault",
    "error_code": "Error code",
    "email": "E-mail",
    "postcode": "Postcode",
    "phone_number": "Phone",
    "return_reason": "Reason for the return",
    "item_condition": "Condition of the item",
    "remedy": "Wanted remedy",
    "complaint": "Complaint",
    "date": "Date mentioned",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing known: the latest of its name counts."""

    name: str  # a key of LABELS
    value: str
    status: FactStatus
    message: str  # id of the customer's message it comes from
    at: datetime  # aware, UTC
