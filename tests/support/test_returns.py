from dataclasses import replace
from datetime import date

import pytest

from support.returns import (
    Condition,
    Reason,
    ReturnPolicy,
    Window,
    condition_in,
    last_day,
    needs_a_check,
    read_policy,
    reason_in,
    window,
)
from tests.support.purchases import DISHWASHER

POLICY = ReturnPolicy(30, 14, {}, {("dishwasher", Condition.USED): "hygiene"})


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        (date(2025, 5, 4), Window.OPEN),
        (date(2025, 6, 3), Window.OPEN),  # the thirtieth day after delivery
        (date(2025, 6, 4), Window.CLOSED),
    ],
)
def test_the_window_is_counted_from_delivery(on: date, expected: Window) -> None:
    """Not from the order: a slow parcel must not cost the customer days."""
    assert window(DISHWASHER, POLICY, on) is expected


def test_nothing_delivered_nothing_to_count() -> None:
    undelivered = replace(DISHWASHER, delivered_on=None)
    assert window(undelivered, POLICY, date(2025, 5, 4)) is Window.NOT_DELIVERED
    assert last_day(undelivered, POLICY) is None


def test_a_check_is_waived_for_what_arrived_damaged() -> None:
    assert needs_a_check(DISHWASHER, Condition.USED, Reason.CHANGED_MIND, POLICY) == "hygiene"
    assert needs_a_check(DISHWASHER, Condition.USED, Reason.DAMAGED, POLICY) is None
    assert needs_a_check(DISHWASHER, Condition.UNOPENED, Reason.CHANGED_MIND, POLICY) is None


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("opened but never used", Condition.OPENED),
        ("it's unopened", Condition.UNOPENED),
        ("still in the original packaging", Condition.UNOPENED),
        ("used it twice", Condition.USED),
        ("there's a big dent in the door", Condition.DAMAGED),
        ("purple", None),
    ],
)
def test_conditions_in_customers_words(text: str, condition: Condition | None) -> None:
    assert condition_in(text) is condition


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("damaged when it arrived", Reason.DAMAGED),
        ("it’s too loud for my flat", Reason.NOT_SUITABLE),
        ("it doesn’t work", Reason.FAULTY),
        ("wrong model", Reason.WRONG_ITEM),
        ("found it cheaper somewhere else", Reason.CHANGED_MIND),
        ("because", None),
    ],
)
def test_reasons_in_customers_words(text: str, reason: Reason | None) -> None:
    assert reason_in(text) is reason


@pytest.mark.parametrize(
    "change",
    [{"window_days": 0}, {"refund_days": "14"}, {"way": None},
     {"check_first": [{"product": "dishwasher", "condition": "eaten", "because": "x"}]}],
)  # fmt: skip
def test_a_policy_that_cannot_be_meant_is_refused(change: dict[str, object]) -> None:
    sound = {"window_days": 30, "refund_days": 14, "way": {"dishwasher": "Collected."}}
    assert read_policy(sound).window_days == 30
    with pytest.raises(ValueError, match=r"returns\.toml"):
        read_policy(sound | change)
