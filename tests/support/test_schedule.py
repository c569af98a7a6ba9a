"""The only ground on which a customer is told a time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.schedule import OpeningHours, read_opening_hours

TABLE: dict[str, Any] = {
    "time_zone": "Europe/Berlin",
    "place": "Berlin time",
    "hours": {
        "monday": ["08:00", "18:00"],
        "tuesday": ["08:00", "18:00"],
        "wednesday": ["08:00", "18:00"],
        "thursday": ["08:00", "18:00"],
        "friday": ["08:00", "18:00"],
        "saturday": ["09:00", "14:00"],
    },
}
HOURS: OpeningHours = read_opening_hours(TABLE)


@pytest.mark.parametrize(
    ("at", "sentence"),
    [
        # UTC; Berlin is one hour ahead in winter and two in summer.
        ((2026, 11, 23, 9), "The team is here today until 18:00 (Berlin time)."),
        ((2026, 11, 23, 7), "The team is here today until 18:00 (Berlin time)."),
        ((2026, 11, 23, 6, 59), "The team is back today at 08:00 (Berlin time)."),
        ((2026, 11, 23, 16, 59), "The team is here today until 18:00 (Berlin time)."),
        ((2026, 11, 23, 17), "The team is back tomorrow at 08:00 (Berlin time)."),
        ((2026, 11, 27, 23, 30), "The team is back today at 09:00 (Berlin time)."),
        ((2026, 11, 28, 13), "The team is back on Monday at 08:00 (Berlin time)."),
        ((2026, 11, 22, 12), "The team is back tomorrow at 08:00 (Berlin time)."),
        ((2026, 7, 6, 6), "The team is here today until 18:00 (Berlin time)."),
        ((2026, 7, 6, 5, 59), "The team is back today at 08:00 (Berlin time)."),
        # The night in which the clocks change is an hour longer.
        ((2026, 10, 24, 22, 30), "The team is back tomorrow at 08:00 (Berlin time)."),
    ],
)
def test_what_is_said_when(at: tuple[int, ...], sentence: str) -> None:
    """To the minute, over weekends and through both halves of the year."""
    assert HOURS.say(datetime(*at, tzinfo=UTC)) == sentence


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)))
def test_a_promise_is_one_that_is_kept(at: datetime) -> None:
    """Whatever is said, somebody is there then."""
    closes = HOURS.closes(at)
    if closes is not None:
        assert at < closes
        assert HOURS.closes(closes - timedelta(minutes=1)) == closes
    else:
        opens = HOURS.opens_next(at)
        assert at < opens <= at + timedelta(days=3)
        assert HOURS.closes(opens) is not None
        assert HOURS.closes(opens - timedelta(minutes=1)) is None


def test_one_day_a_week_is_enough() -> None:
    """Also on that day itself, after hours: the next one is a week away."""
    hours = read_opening_hours(TABLE | {"hours": {"friday": ["08:00", "12:00"]}})
    after = datetime(2026, 11, 27, 15, tzinfo=UTC)
    assert hours.opens_next(after).date() == datetime(2026, 12, 4).date()
    assert hours.say(after) == "The team is back on Friday at 08:00 (Berlin time)."


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"hours": {}}, "at least one day"),
        ({"hours": {"mondy": ["08:00", "18:00"]}}, "mondy"),
        ({"hours": {"monday": ["18:00", "08:00"]}}, "monday"),
        ({"hours": {"monday": ["08:00", "08:00"]}}, "monday"),
        ({"hours": {"monday": ["08:00"]}}, "monday"),
        ({"hours": {"monday": ["8", "25:00"]}}, "monday"),
        ({"hours": {"monday": 8}}, "monday"),
        ({"time_zone": "Europe/Berln"}, "Europe/Berln"),
    ],
)
def test_a_wrong_table_is_named(change: dict[str, Any], named: str) -> None:
    """At the start, with the word to look for."""
    with pytest.raises(ValueError, match=named):
        read_opening_hours(TABLE | change)


@pytest.mark.parametrize("key", ["hours", "time_zone", "place"])
def test_a_missing_key_is_named(key: str) -> None:
    """The same for what is not there."""
    with pytest.raises(ValueError, match=key):
        read_opening_hours({k: v for k, v in TABLE.items() if k != key})
