from datetime import date

import pytest

from support.dates import add_months, spoken


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        (date(2025, 5, 4), 24, date(2027, 5, 4)),
        (date(2025, 8, 31), 6, date(2026, 2, 28)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2025, 12, 15), 1, date(2026, 1, 15)),
        (date(2025, 12, 31), 0, date(2025, 12, 31)),
    ],
)
def test_months_are_counted_by_the_calendar(day: date, months: int, later: date) -> None:
    """A term in months ends on the same day of the month, or on the month's last."""
    assert add_months(day, months) == later


def test_a_day_is_spoken_without_a_leading_zero() -> None:
    assert spoken(date(2027, 5, 4)) == "4 May 2027"
