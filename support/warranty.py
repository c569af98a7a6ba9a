"""Until when the warranty covers a purchase, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from support.dates import add_months, spoken
from support.purchase import Purchase


@dataclass(frozen=True, slots=True)
class WarrantyPolicy:
    """The commercial warranty, as `policies/warranty.toml` states it."""

    months: Mapping[str, int]  # by product, counted from the day of delivery


class Cover(StrEnum):
    """Where a purchase stands."""

    COVERED = "covered"
    ENDED = "ended"
    NOT_DELIVERED = "not delivered"  # no day of delivery on record, so nothing to count from
    NO_TERM = "no term"  # the policy says nothing about that product


@dataclass(frozen=True, slots=True)
class Position:
    """What can be said about the warranty of one purchase on one day."""

    cover: Cover
    months: int | None = None
    delivered_on: date | None = None
    until: date | None = None  # the last covered day


def read_policy(values: Mapping[str, Any]) -> WarrantyPolicy:
    """The policy in the values of `policies/warranty.toml`.

    Raises:
        ValueError: A term is missing or no whole number of months above zero.
    """
    months = values.get("months")
    if not isinstance(months, Mapping) or not months:
        raise ValueError("warranty.toml needs a table [months] with a term for each product")
    for product, term in months.items():
        if type(term) is not int or term <= 0:
            raise ValueError(f"warranty.toml: months.{product} must be a whole number above 0")
    return WarrantyPolicy(dict(months))


def position(purchase: Purchase, policy: WarrantyPolicy, on: date) -> Position:
    """Where the purchase stands on that day; the last covered day counts as covered."""
    months = policy.months.get(purchase.product)
    if months is None:
        return Position(Cover.NO_TERM, delivered_on=purchase.delivered_on)
    if purchase.delivered_on is None:
        return Position(Cover.NOT_DELIVERED, months)
    until = add_months(purchase.delivered_on, months)
    cover = Cover.COVERED if on <= until else Cover.ENDED
    return Position(cover, months, purchase.delivered_on, until)


def reason(where: Position) -> str:
    """The position with its grounds, to go after "The dishwasher of order A-10482 "."""
    if where.delivered_on is None:
        return "has no day of delivery on record, so the start of the warranty is not proved yet"
    if where.until is None:
        return "has no warranty term on record"
    verb = "is" if where.cover is Cover.COVERED else "was"
    return (
        f"{verb} covered until {spoken(where.until)}, because it was delivered on "
        f"{spoken(where.delivered_on)} and the commercial warranty is {where.months} months"
    )
