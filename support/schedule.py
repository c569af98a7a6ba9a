"""When people are there: the only ground on which a customer is told a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """The hours of the service team, one span a day."""

    zone: ZoneInfo
    place: str  # how the time zone is said to customers, e.g. "Berlin time"
    spans: Mapping[int, tuple[time, time]]  # weekday (0 is Monday) -> opens, closes

    def closes(self, at: datetime) -> datetime | None:
        """When the team leaves, if it is there at that moment."""
        local = at.astimezone(self.zone)
        span = self.spans.get(local.weekday())
        if span is None or not span[0] <= local.time() < span[1]:
            return None
        return datetime.combine(local.date(), span[1], self.zone)

    def opens_next(self, at: datetime) -> datetime:
        """When the team is back, seen from a moment at which it is not there."""
        local = at.astimezone(self.zone)
        for days in range(8):
            day = local.date() + timedelta(days=days)
            if (span := self.spans.get(day.weekday())) is not None:
                opening = datetime.combine(day, span[0], self.zone)
                if opening > local:
                    return opening
        raise ValueError("the team is never there: the opening hours name no day")

    def say(self, at: datetime) -> str:
        """One sentence that says when somebody is there."""
        if (closing := self.closes(at)) is not None:
            return f"The team is here today until {closing:%H:%M} ({self.place})."
        opening = self.opens_next(at)
        days = (opening.date() - at.astimezone(self.zone).date()).days
        day = {0: "today", 1: "tomorrow"}.get(
            days, f"on {WEEKDAYS[opening.weekday()].capitalize()}"
        )
        return f"The team is back {day} at {opening:%H:%M} ({self.place})."


def read_opening_hours(table: Mapping[str, Any]) -> OpeningHours:
    """Read the table of `policies/service_hours.toml`.

    Raises:
        ValueError: A day or an hour cannot be understood; the sentence names it.
    """
    for key in ("hours", "time_zone", "place"):
        if key not in table:
            raise ValueError(f"service_hours.toml: {key} is missing")
    spans: dict[int, tuple[time, time]] = {}
    for day, span in table["hours"].items():
        if day not in WEEKDAYS:
            raise ValueError(f"service_hours.toml: {day!r} is no weekday")
        try:
            opens, closes = (time.fromisoformat(hour) for hour in span)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f'service_hours.toml: {day} needs two hours like ["08:00", "18:00"]'
            ) from error
        if opens >= closes:
            raise ValueError(f"service_hours.toml: on {day} the team leaves before it comes")
        spans[WEEKDAYS.index(day)] = (opens, closes)
    if not spans:
        raise ValueError("service_hours.toml: name at least one day under [hours]")
    try:
        zone = ZoneInfo(table["time_zone"])
    except ZoneInfoNotFoundError as error:
        raise ValueError(f"service_hours.toml: no time zone {table['time_zone']!r}") from error
    return OpeningHours(zone, table["place"], spans)
