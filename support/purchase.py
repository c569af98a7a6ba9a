"""What somebody bought, and the proof that they did."""

import re
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Purchase:
    """One sold appliance."""

    order_number: str  # "A-10482"
    product: str  # "dishwasher"
    model: str  # "HM-D450"
    serial_number: str  # "HM-D450-2207-00318"
    customer_name: str
    email: str
    postcode: str
    phone_number: str | None
    country: str  # ISO 3166, e.g. "DE"
    ordered_on: date
    delivered_on: date | None  # None: not delivered yet
    price_cents: int
    currency: str  # ISO 4217
    payment_method: str  # where a refund would go, e.g. "card"


def canonical_order_number(text: str) -> str | None:
    """The order number in a text, in its written form ("a 10482" is "A-10482"), or None."""
    found = re.search(r"\bA[\s-]?(\d{5})\b", text, re.IGNORECASE) or re.search(
        r"(?<![\d-])(\d{5})(?![\d-])", text
    )
    return None if found is None else f"A-{found.group(1)}"


def proves_ownership(purchase: Purchase, second_fact: str) -> bool:
    """Whether a second fact, besides the order number, belongs to the purchase.

    E-mail address, postcode, serial number or family name count, whatever their case and spacing.
    """
    told = _squeezed(second_fact)
    if not told:
        return False
    family_name = "".join(purchase.customer_name.split()[-1:])
    return told in {
        _squeezed(known)
        for known in (
            purchase.email,
            purchase.postcode,
            purchase.serial_number,
            purchase.customer_name,
            family_name,
        )
    }


def _squeezed(text: str) -> str:
    return re.sub(r"[^\w@.+]", "", text).casefold().strip(".")


def is_order_number(text: str) -> bool:
    """Whether a text is an order number and nothing else."""
    return re.fullmatch(r"\W*A[\s-]?\d{5}\W*", text, re.IGNORECASE) is not None
