from datetime import date, timedelta
from pathlib import Path

import pytest

from support.purchase_csv import COLUMNS, PurchasesRefused, read_purchases

TODAY = date(2026, 11, 22)
HEADER = ",".join(COLUMNS)
ROW = ("A-10482,dishwasher,HM-D450,HM-D450-2207-00318,Maria Lopez,maria@example.com,10115,,DE,"
       "2026-11-01,-12d,54900,EUR,card")  # fmt: skip
SAMPLE = Path(__file__).parents[2] / "sample/purchases.csv"


def test_the_sample_can_be_read_and_has_what_the_flows_need() -> None:
    """Deliveries inside and outside of both terms, and some that have not come."""
    purchases = read_purchases(SAMPLE.read_text("utf-8"), TODAY)
    ages = {p.delivered_on and (TODAY - p.delivered_on).days for p in purchases}
    assert len(purchases) == 15
    assert None in ages
    numbers = {age for age in ages if age is not None}
    assert {29, 31} <= numbers  # both sides of the return window
    assert any(age > 731 for age in numbers)


def test_days_may_be_relative_and_columns_in_any_order() -> None:
    purchase = read_purchases(f"{HEADER}\n{ROW}\n", TODAY)[0]
    assert purchase.delivered_on == TODAY - timedelta(days=12)
    assert purchase.ordered_on == date(2026, 11, 1)
    assert purchase.phone_number is None
    turned = "\n".join(",".join(reversed(line.split(","))) for line in (HEADER, ROW))
    assert read_purchases("\ufeff" + turned, TODAY) == [purchase]


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        (HEADER.replace("email,", "") + "\n", 1, "email is missing"),
        (HEADER + ",shoe_size\n", 1, "shoe_size"),
        (f"{HEADER}\n{ROW.replace('A-10482', '10482')}\n", 2, "order_number '10482'"),
        (f"{HEADER}\n{ROW.replace('2026-11-01', '1.11.2026')}\n", 2, "ordered_on"),
        (f"{HEADER}\n{ROW.replace('Maria Lopez', '')}\n", 2, "customer_name is empty"),
        (f"{HEADER}\n{ROW},too much\n", 2, "more values"),
        (f"{HEADER}\n{ROW}\n{ROW}\n", 3, "A-10482 stands in line 2"),
        (f"{HEADER}\n{ROW.replace('54900', '549.00')}\n", 2, "price_cents"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, line: int, what: str) -> None:
    with pytest.raises(PurchasesRefused, match=what) as refused:
        read_purchases(text, TODAY)
    assert refused.value.line == line
    assert refused.value.cure
