"""Frustration as evidence: what was written, never a label on the person who wrote it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from support.conversation import Author, Message

_WORDS = re.compile(
    r"\b(?:ridiculous|unacceptable|useless|terrible|awful|worst|joke|fed up|sick of|angry|furious|"
    r"annoy\w+|frustrat\w+|disappoint\w+|disgrace\w*|waste of (?:time|money)|had enough|"
    r"upset|pathetic|rubbish|appalling|disgusted|scam|never again)\b",
    re.IGNORECASE,
)
_AGAIN = re.compile(
    r"\b(?:(?:second|third|fourth|fifth|2nd|3rd|4th|5th) (?:time|contact|call|email|message)|"
    r"(?:two|three|four|five|several|many|\d+) times|how many times|again and again|yet again|"
    r"keep (?:calling|writing|asking|repeating)|already (?:told|said|explained|wrote|called))\b",
    re.IGNORECASE,
)
_LEGAL = re.compile(
    r"\b(?:lawyer|solicitor|attorney|legal action|small claims|(?:to|in|go|see you in) court|"
    r"(?:will|shall|can|could|going to|gonna|to|'ll) sue|trading standards|"
    r"ombudsman|consumer (?:protection|rights?|law|centre|center)|statutory (?:rights?|guarantee)|"
    r"my rights|chargeback|withdraw(?:al)? (?:from|right)|right of withdrawal)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Something the customer wrote that an agent should know before answering."""

    text: str  # what can be observed, e.g. "Wrote in capitals"
    quote: str  # the words themselves
    message: str  # id of the message


def evidence(transcript: Sequence[Message]) -> list[Evidence]:
    """What in the customer's own messages speaks of their patience, oldest first."""
    found: list[Evidence] = []
    for message in transcript:
        if message.author is not Author.CUSTOMER:
            continue
        if match := _WORDS.search(message.text):
            found.append(Evidence("Strong words", _around(message.text, match), message.id))
        if match := _AGAIN.search(message.text):
            found.append(Evidence("Repeated contact", _around(message.text, match), message.id))
        if match := _LEGAL.search(message.text):
            found.append(
                Evidence("Speaks of legal rights", _around(message.text, match), message.id)
            )
        letters = [c for c in message.text if c.isalpha()]
        if len(letters) >= 8 and sum(c.isupper() for c in letters) / len(letters) > 0.8:
            found.append(Evidence("Wrote in capitals", message.text[:80], message.id))
    return found


def _around(text: str, match: re.Match[str], reach: int = 40) -> str:
    start, end = max(0, match.start() - reach), min(len(text), match.end() + reach)
    before = "…" if start else ""
    after = "…" if end < len(text) else ""
    return f"{before}{text[start:end].strip()}{after}"
