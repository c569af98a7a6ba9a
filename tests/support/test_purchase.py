"""Order numbers as people type them, and the second fact that proves an order."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.purchase import Purchase, canonical_order_number, proves_ownership

BOUGHT = Purchase(
    order_number="A-10482",
    product="dishwasher",
    model="HM-D450",
    serial_number="HM-D450-2207-00318",
    customer_name="Anna Maria von Berg",
    email="Anna.Berg@example.org",
    postcode="10 115",
    phone_number=None,
    country="DE",
    ordered_on=date(2026, 10, 1),
    delivered_on=date(2026, 10, 9),
    price_cents=64900,
    currency="EUR",
    payment_method="card",
)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("A-10482", "A-10482"),
        ("a-10482", "A-10482"),
        ("a 10482", "A-10482"),
        ("A10482", "A-10482"),
        ("10482", "A-10482"),
        ("My order is A-10482, thanks", "A-10482"),
        ("order number:10482.", "A-10482"),
        ("10482?", "A-10482"),
        ("A-1048", None),
        ("A-104822", None),
        ("104822", None),
        ("HM-D450-2207-00318", None),
        ("RMA-000017", None),
        ("", None),
        ("no idea", None),
        ("2026-11-22", None),
    ],
)
def test_an_order_number_is_found(text: str, number: str | None) -> None:
    """However it is typed; parts of other numbers are none."""
    assert canonical_order_number(text) == number


@given(st.integers(0, 99_999))
def test_every_order_number_is_found(number: int) -> None:
    """Leading zeros among them, and in its own written form."""
    written = f"A-{number:05d}"
    assert canonical_order_number(written) == written
    assert canonical_order_number(f"it is {written.lower().replace('-', ' ')} I think") == written


@pytest.mark.parametrize(
    "told",
    [
        "anna.berg@example.org",
        "ANNA.BERG@EXAMPLE.ORG ",
        "10115",
        "10 115",
        "hm-d450-2207-00318",
        "HM D450 2207 00318",
        "Berg",
        "berg.",
        "Anna Maria von Berg",
        "anna maria von berg",
    ],
)
def test_the_owner_is_known(told: str) -> None:
    """By any of the facts on the invoice, however they are spaced."""
    assert proves_ownership(BOUGHT, told)


@pytest.mark.parametrize(
    "told",
    [
        "",
        " ",
        "-",
        ".",
        "Anna",
        "example.org",
        "anna",
        "1011",
        "101155",
        "A-10482",
        "HM-D450",
        "00318",
        "dishwasher",
        "card",
        "DE",
        "berg@example.org",
        "%",
        "*",
        "Bergmann",
    ],
)
def test_nobody_else_is(told: str) -> None:
    """Neither a part of a fact, nor the order number again, nor nothing."""
    assert not proves_ownership(BOUGHT, told)


def test_an_empty_fact_proves_nothing() -> None:
    """An import without postcodes or names must not open every order."""
    bare = replace(BOUGHT, postcode="", customer_name=" ", email="")
    assert not proves_ownership(bare, "")
    assert not proves_ownership(bare, " - ")
    assert proves_ownership(bare, BOUGHT.serial_number)
