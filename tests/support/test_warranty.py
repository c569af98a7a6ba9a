from dataclasses import replace
from datetime import date

import pytest

from support.warranty import Cover, WarrantyPolicy, position, read_policy, reason
from tests.support.purchases import DISHWASHER

POLICY = WarrantyPolicy({"dishwasher": 24})


@pytest.mark.parametrize(
    ("on", "cover"),
    [
        (date(2025, 5, 4), Cover.COVERED),
        (date(2027, 5, 4), Cover.COVERED),  # the last day counts
        (date(2027, 5, 5), Cover.ENDED),
    ],
)
def test_cover_ends_after_its_last_day(on: date, cover: Cover) -> None:
    assert position(DISHWASHER, POLICY, on).cover is cover


def test_the_reason_names_delivery_and_term() -> None:
    """Customers get a date with its grounds, never a bare verdict."""
    covered = position(DISHWASHER, POLICY, date(2026, 1, 1))
    assert reason(covered) == (
        "is covered until 4 May 2027, because it was delivered on 4 May 2025 "
        "and the commercial warranty is 24 months"
    )
    ended = position(DISHWASHER, POLICY, date(2028, 1, 1))
    assert reason(ended).startswith("was covered until 4 May 2027, because")


def test_without_delivery_the_missing_proof_is_named() -> None:
    undelivered = position(replace(DISHWASHER, delivered_on=None), POLICY, date(2026, 1, 1))
    assert undelivered.cover is Cover.NOT_DELIVERED
    assert "no day of delivery on record" in reason(undelivered)


def test_a_product_without_a_term_is_not_guessed() -> None:
    other = replace(DISHWASHER, product="coffee_machine")
    assert position(other, POLICY, date(2026, 1, 1)).cover is Cover.NO_TERM


@pytest.mark.parametrize(
    "values", [{}, {"months": {}}, {"months": {"dishwasher": 0}}, {"months": {"dishwasher": "24"}},
               {"months": {"dishwasher": True}}],
)  # fmt: skip
def test_a_policy_that_cannot_be_meant_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"warranty\.toml"):
        read_policy(values)
