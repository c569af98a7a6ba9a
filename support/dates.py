"""Days as customers read them, and counting in months."""

from calendar import monthrange
from datetime import date


def spoken(day: date) -> str:
    """A day in words: "4 May 2027"."""
    return f"{day.day} {day:%B %Y}"


def add_months(day: date, months: int) -> date:
    """The same day of the month, that many months later.

    A month without that day gives its last one: 31 August 2025 and 6 months are 28 February 2026.
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
