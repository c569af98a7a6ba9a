"""Numbers in a text that commit to something `states:` commits to as well.

Made to raise no false alarm: a sentence counts only if a trigger of the value stands in it close to
a number with the right unit, and if nothing in it says that the number is about another matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_NUMBERS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "twelve": 12, "fourteen": 14, "fifteen": 15, "twenty": 20,
    "twenty-one": 21, "twenty-eight": 28, "thirty": 30, "forty": 40, "forty-five": 45,
    "sixty": 60, "ninety": 90,
}  # fmt: skip
_AMOUNT = re.compile(
    r"(?<![\w.,-])(?P<number>\d{1,3}|"
    + "|".join(sorted(_NUMBERS, key=len, reverse=True))
    + r")(?:\s+|-)(?P<unit>days?|weeks?|months?|years?)\b"
    + r"(?!\s+(?:old|later|ago|(?:a|per)\s+(?:week|month|year)))",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?<=[.?!:])\s+|\n\s*\n|\n(?=\s*[-*+#]\s)|\n(?=#)")
_CLOSE = 60  # characters between trigger and number


@dataclass(frozen=True, slots=True)
class _Commitment:
    """How a value is spoken of."""

    triggers: re.Pattern[str]
    units: Mapping[str, int]  # what one of each is worth in the unit of the value
    not_about: re.Pattern[str]  # words that make it the number of another matter


@dataclass(frozen=True, slots=True)
class Said:
    """A number that a sentence commits to."""

    keys: tuple[str, ...]  # the values it may be about
    value: int  # in the unit of those
    words: str  # "14 days"
    line: int  # of the text, counted from 0


def _words(*alternatives: str) -> re.Pattern[str]:
    return re.compile(r"\b(?:" + "|".join(alternatives) + r")\b", re.IGNORECASE)


# What the goods do between shop and customer, and what recurs or belongs to a household.
_OTHER_MATTERS = (
    r"every", r"collect\w*", r"pick\w* up", r"label", r"parcel", r"visit\w*", r"repl(?:y|ies)",
    r"bank", r"courier", r"older than", r"statutory", r"legal\w*", r"law", r"clean\w*",
    r"descal\w*", r"filter", r"fault (?:returns|comes back)", r"voucher", r"pieces?",
)  # fmt: skip
_DAYS = {"day": 1, "week": 7}
_COMMITMENTS = {
    "return_window_days": _Commitment(
        _words(
            r"(?:send|sends|sending|sent|give|giving)\s+(?:[\w-]+\s+){0,4}?back",
            r"(?:a|the|your|any|each|ask for|right of|free) return",
            r"return (?:window|period)",
            r"returns? (?:is|are) (?:possible|accepted|free)",
            r"(?:can|may|to|must|could) return (?:it|them|a|an|the|your|this|any|most)",
        ),
        _DAYS,
        _words(*_OTHER_MATTERS, r"exchang\w* took", r"return to", r"return of the"),
    ),
    "refund_days": _Commitment(
        _words(r"refund(?:s|ed|ing)?", r"money back", r"money (?:comes|goes|is sent)"),
        _DAYS,
        _words(*_OTHER_MATTERS, r"not possible", r"cannot", r"no refund"),
    ),
    "warranty_months": _Commitment(
        _words(r"warrant(?:y|ies)", r"guarantees?"),
        {"month": 1, "year": 12},
        _words(*_OTHER_MATTERS, r"exten\w+", r"register\w*", r"registration", r"old"),
    ),
}


def said_values(text: str) -> Iterator[Said]:
    """The numbers in a text, as written in the file, that commit to a value of `states:`."""
    for start, sentence in _sentences(text):
        if not (amounts := list(_AMOUNT.finditer(sentence))):
            continue
        triggered = {
            key: [found.span() for found in commitment.triggers.finditer(sentence)]
            for key, commitment in _COMMITMENTS.items()
            if not commitment.not_about.search(sentence)
        }
        for amount in amounts:
            unit = amount["unit"].lower().rstrip("s")
            keys = tuple(
                key
                for key, spans in triggered.items()
                if unit in _COMMITMENTS[key].units
                and any(_distance(span, amount.span()) <= _CLOSE for span in spans)
            )
            if keys:
                written = amount["number"].lower()
                number = int(written) if written.isdigit() else _NUMBERS[written]
                yield Said(
                    keys,
                    number * _COMMITMENTS[keys[0]].units[unit],
                    " ".join(amount[0].split()),
                    text.count("\n", 0, start + amount.start()),
                )


def _sentences(text: str) -> Iterator[tuple[int, str]]:
    """Each sentence with where it begins."""
    start = 0
    for end in _SENTENCE_END.finditer(text):
        yield start, text[start : end.start()]
        start = end.end()
    yield start, text[start:]


def _distance(one: tuple[int, int], other: tuple[int, int]) -> int:
    """Characters between two spans of a sentence."""
    return max(one[0], other[0]) - min(one[1], other[1])
