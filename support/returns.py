"""Whether something may go back, and what happens then."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from support.purchase import Purchase

_Kind = TypeVar("_Kind", bound=StrEnum)


class Condition(StrEnum):
    """What the customer says about the item."""

    UNOPENED = "unopened"
    OPENED = "opened"  # and not used
    USED = "used"
    DAMAGED = "damaged"  # or faulty on arrival
    UNKNOWN = "unknown"


class Reason(StrEnum):
    """Why it goes back."""

    DAMAGED = "damaged"
    FAULTY = "faulty"
    WRONG_ITEM = "wrong item"
    NOT_SUITABLE = "not suitable"
    CHANGED_MIND = "changed mind"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class ReturnPolicy:
    """The rules, as `policies/returns.toml` states them."""

    window_days: int  # counted from delivery; the day after delivery is day one
    refund_days: int  # counted from the day on which the goods arrive
    way: Mapping[str, str]  # by product: how it travels, one sentence
    check_first: Mapping[tuple[str, Condition], str]  # (product, condition) -> why a person decides


class Window(StrEnum):
    """Where a purchase stands."""

    OPEN = "open"
    CLOSED = "closed"
    NOT_DELIVERED = "not delivered"


_CONDITION_WORDS: Mapping[Condition, tuple[str, ...]] = {
    Condition.DAMAGED: (
        "damag",
        "broken",
        "fault",
        "defect",
        "dent",
        "scratch",
        "crack",
        "leak",
        "doesn't work",
        "does not work",
        "not working",
    ),
    Condition.UNOPENED: (
        "unopened",
        "not opened",
        "never opened",
        "sealed",
        "haven't opened",
        "not been opened",
        "still in the box",
        "original packaging",
    ),
    Condition.OPENED: (
        "never used",
        "not used",
        "unused",
        "opened",
        "haven't used",
        "only unpacked",
        "unpacked",
        "like new",
    ),
    Condition.USED: ("used", "installed", "connected", "tried it", "once", "twice"),
}  # in this order: "opened but never used" must not be read as used

_REASON_WORDS: Mapping[Reason, tuple[str, ...]] = {
    Reason.DAMAGED: (
        "damag",
        "dent",
        "scratch",
        "crack",
        "smashed",
        "broken when",
        "arrived broken",
    ),
    Reason.FAULTY: (
        "fault",
        "defect",
        "broken",
        "doesn't work",
        "does not work",
        "not working",
        "stopped",
        "leak",
        "error",
        "won't",
    ),
    Reason.WRONG_ITEM: (
        "wrong item",
        "wrong model",
        "wrong product",
        "wrong one",
        "not what i",
        "different model",
        "wrong colour",
        "wrong machine",
    ),
    Reason.NOT_SUITABLE: (
        "doesn't fit",
        "does not fit",
        "too big",
        "too small",
        "too loud",
        "size",
        "loud",
        "noisy",
        "not suitable",
    ),
    Reason.CHANGED_MIND: (
        "changed my mind",
        "change of mind",
        "don't need",
        "no longer",
        "cheaper",
        "don't want",
        "don't like",
        "mistake",
    ),
}


def read_policy(values: Mapping[str, Any]) -> ReturnPolicy:
    """The policy in the values of `policies/returns.toml`.

    Raises:
        ValueError: Something is missing or not of its kind; says what.
    """
    for key in ("window_days", "refund_days"):
        if type(values.get(key)) is not int or values[key] <= 0:
            raise ValueError(f"returns.toml: {key} must be a whole number above 0")
    way = values.get("way")
    if not isinstance(way, Mapping) or not all(isinstance(text, str) for text in way.values()):
        raise ValueError("returns.toml needs a table [way] with a sentence for each product")
    check_first: dict[tuple[str, Condition], str] = {}
    for rule in values.get("check_first", ()):
        try:
            check_first[rule["product"], Condition(rule["condition"])] = str(rule["because"])
        except (KeyError, ValueError) as error:
            raise ValueError(
                "returns.toml: each [[check_first]] needs product, a known condition and because"
            ) from error
    return ReturnPolicy(values["window_days"], values["refund_days"], dict(way), check_first)


def last_day(purchase: Purchase, policy: ReturnPolicy) -> date | None:
    """The last day on which a return may be asked for; None while nothing was delivered."""
    if purchase.delivered_on is None:
        return None
    return purchase.delivered_on + timedelta(days=policy.window_days)


def window(purchase: Purchase, policy: ReturnPolicy, on: date) -> Window:
    """Whether a return may be asked for on that day, the last day included."""
    last = last_day(purchase, policy)
    if last is None:
        return Window.NOT_DELIVERED
    return Window.OPEN if on <= last else Window.CLOSED


def needs_a_check(
    purchase: Purchase, condition: Condition, why: Reason, policy: ReturnPolicy
) -> str | None:
    """Why a person has to decide on this return, or None when the policy decides alone.

    What arrived damaged or faulty goes back in whatever condition it is.
    """
    if why in (Reason.DAMAGED, Reason.FAULTY, Reason.WRONG_ITEM):
        return None
    return policy.check_first.get((purchase.product, condition))


def condition_in(text: str) -> Condition | None:
    """The condition that a text speaks of, by its words; None when it names none."""
    return _first_match(text, _CONDITION_WORDS)


def reason_in(text: str) -> Reason | None:
    """The reason that a text speaks of, by its words; None when it names none."""
    return _first_match(text, _REASON_WORDS)


def _first_match(text: str, words: Mapping[_Kind, tuple[str, ...]]) -> _Kind | None:
    plain = text.casefold().replace("’", "'")
    return next((kind for kind, some in words.items() if any(w in plain for w in some)), None)
