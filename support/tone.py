"""Words we never say. Every text of the bot is held to this, and agents' drafts get a hint."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Objection:
    """A phrase that should not be said."""

    phrase: str  # as it stands in the text
    why: str  # what to do instead, one sentence


_RULES: tuple[tuple[str, str], ...] = (
    (r"!", "Leave out exclamation marks."),
    (r"sorry (?:that )?you feel", "Say sorry for what happened, not for the feeling."),
    (
        r"(?:know|understand) (?:exactly )?how you(?:'re| are)? feel(?:ing)?",
        "Nobody knows how somebody else feels; name what happened to them.",
    ),
    (r"calm down", "Say what happens next instead."),
    (r"you(?:'re| are) wrong", "Show what is on record and ask what to correct."),
    (r"you should(?:n't| not)? have", "Say how to put it right instead."),
    (
        r"(?:it's|it is|that's|that is) (?:just |simply )?our policy",
        "Give the reason, and what is possible.",
    ),
    (
        r"\basap\b|\bshortly\b|(?<!as )\bsoon\b|as soon as possible|\bin a moment\b|\bright away\b",
        "Say when, from a schedule, or leave the time out.",
    ),
    (r"\bguaranteed\b", "Say what has been done, not how it will end."),
    (
        r"you(?:'ll| will) (?:get|receive|have) (?:your|a|the) (?:refund|money)",
        "Say that the request was recorded, and by which rule it is decided.",
    ),
    (r"are you (?:really )?sure", "Ask what should be corrected."),
    (r"glad (?:i|we) could help|happy (?:i|we) could help", "Ask whether it works now."),
    (
        r"\bunfortunately\b.*\bdenied\b|\bdenied\b|\brejected\b",
        "Say what is possible and who decides.",
    ),
    (r"\bi(?:'m| am) (?:a |an )?(?:human|real person|person)\b", "Never pretend to be a person."),
    (r"\bobviously\b|\bas i said\b|\bsimply put\b", "This sounds like blame; leave it out."),
)
_COMPILED = tuple((re.compile(pattern, re.IGNORECASE), why) for pattern, why in _RULES)


def objections(text: str) -> list[Objection]:
    """What should not be said so, in the order of the text; empty when there is nothing."""
    plain = text.replace("’", "'")
    found = [
        (match.start(), Objection(match.group(), why))
        for pattern, why in _COMPILED
        for match in pattern.finditer(plain)
    ]
    return [objection for _, objection in sorted(found, key=lambda pair: pair[0])]
