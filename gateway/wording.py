"""The gateway's own sentences, read from `wording/*.yml`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from support.handoff import Trigger
from support.hazards import HazardKind
from support.schedule import OpeningHours

MAX_HANDOFF_WORDS = 60
MAX_RESTATED_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Wording:
    """Every sentence that customers hear from the gateway itself."""

    handoff: Mapping[str, Any]
    notices: Mapping[str, Any]
    hazards: Mapping[str, str]
    widget: Mapping[str, Any]
    hours: OpeningHours

    def handing_over(self, trigger: Trigger, facts: str, reference: str, at: datetime) -> str:
        """What the customer hears when a person is asked for: at most 60 words.

        Args:
            facts: What was understood, short; "" if nothing was.
        """
        opening = self.handoff["opening"][trigger.value]
        # Facts are often customers' own words; said back to them they are not shouted.
        facts = " ".join(facts.replace("!", "").split())
        rest = [
            self.handoff["next"],
            self.hours.say(at),
            self.handoff["reference"].format(reference=reference),
        ]
        # Too much to be said back is said in part: what comes first in it matters most.
        parts = facts.split("; ")
        for kept in range(len(parts), 0, -1):
            restated = self.handoff["restated"].format(facts="; ".join(parts[:kept]))
            text = " ".join(part for part in (opening, restated, *rest) if part)
            if (
                facts
                and len(text.split()) <= MAX_HANDOFF_WORDS
                and len(restated) <= MAX_RESTATED_CHARACTERS
            ):
                return text
        return " ".join(part for part in (opening, *rest) if part)

    def still_waiting(self, reference: str, at: datetime) -> str:
        """What a queued customer hears, once, when nobody was free yet."""
        text: str = self.handoff["still_waiting"]
        return text.format(reference=reference, when=self.hours.say(at))

    def added(self, reference: str, number: int) -> str:
        """The quiet line for what a queued customer adds; the next one in turn."""
        lines: list[str] = self.handoff["added"]
        return lines[number % len(lines)].format(reference=reference)

    def event(self, name: str, agent_name: str) -> str:
        """A quiet line: "joined", "back_to_bot" or "resolved"."""
        line: str = self.handoff[name]
        return line.format(name=agent_name)

    def delayed(self, told: int) -> str:
        """The notice for somebody who was told `told` times since the last reply."""
        notices: list[str] = self.notices["delayed"]
        return notices[told % len(notices)]

    def once_more(self, text: str) -> str:
        """A text that would otherwise repeat the one before it word for word."""
        again: str = self.notices["once_more"]
        return again.format(text=text)

    def safety(self, kind: HazardKind) -> str:
        """The approved text for a danger."""
        return self.hazards[kind.value]


def load_wording(folder: Path, hours: OpeningHours) -> Wording:
    """Read the sentences and check that none is missing.

    Raises:
        ValueError: A sentence is missing; names the file and the key.
    """
    tables = {
        name: yaml.safe_load((folder / f"{name}.yml").read_text(encoding="utf-8"))
        for name in ("handoff", "notices", "hazards", "widget")
    }
    for trigger in Trigger:
        if trigger.value not in tables["handoff"]["opening"]:
            raise ValueError(f"wording/handoff.yml: opening has no {trigger.value}")
    for kind in HazardKind:
        if kind.value not in tables["hazards"]:
            raise ValueError(f"wording/hazards.yml has no {kind.value}")
    return Wording(**tables, hours=hours)
