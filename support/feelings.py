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

# Said of what the customer does or will do; "what are my statutory rights?" is a question.
_INVOKED = re.compile(
    r"""
      \b(?:talk|speak|call|contact|consult|hear|see|involve|hire|instruct|bring|get|turn|go|went|spoke
        |write|pass|hand|give|send|refer)\w*\s+(?:\w+\s+){0,3}?
        (?:(?:my|our|a|the)\s+)?(?:lawyer|solicitor|attorney|legal\s+team|ombudsman|trading\s+standards)\b
    | \b(?:my|our)\s+(?:lawyer|solicitor|attorney|legal\s+team)\s+
        (?:will|'ll|shall|is\s+going|says?|said|told|advis\w+|writes|has|can|knows)\b
    | \b(?:take|taking|start|begin|consider|threaten)\w*\s+(?:\w+\s+){0,2}legal\s+
        (?:action|steps|proceedings)\b
    | \b(?:take|taking|see|sue)\s+(?:you|this|it|them|the\s+\w+)\s+
        (?:all\s+)?(?:to|in)\s+(?:\w+\s+){0,2}court\b
    | \b(?:go|going)\s+to\s+(?:court|small\s+claims)\b | \bsmall\s+claims\s+court\b
    | \b(?:i|we)(?:\s+(?:will|shall|can|could|may|might|want\s+to|am\s+going\s+to|are\s+going\s+to)
        |'ll|'m\s+going\s+to|'re\s+going\s+to|'m\s+gonna)\s+sue\b
    | \bsu(?:e|ing)\s+(?:you|your|the\s+(?:shop|company|maker|seller))\b
    | \b(?:exercise|invoke|insist\s+on|enforce|assert|demand|claim|know|use|stand\s+on)\s+
        (?:my|our)\s+(?:(?:statutory|consumer|legal)\s+)*rights\b
    | \b(?:file|open|start|request|do|make|issue|raise)\w*\s+a\s+charge\s?back\b
    | ^\W*(?:my\s+)?(?:lawyer|solicitor|attorney)s?\W*$
    """,
    re.IGNORECASE | re.VERBOSE,
)
_NOT_MEANT = re.compile(
    r"(?:n't|\bnot|\bnever|\bwithout|\bno need to|\brather than)"
    r"(?:\s+(?:want|wish|plan|intend|mean|going|have|having|need))?(?:\s+to)?\s*$",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"\S+@\S+")


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


def strong_words(text: str) -> bool:
    """Whether a text says in strong words that patience is gone."""
    return _WORDS.search(text) is not None


def invokes_legal_right(text: str) -> bool:
    """Whether somebody says that they use, or will use, the law: "I will talk to my lawyer".

    Who merely asks about rights, or says that they do not mean to go that far, does not.
    """
    plain = _ADDRESS.sub(" ", text.replace("’", "'"))
    return any(
        _NOT_MEANT.search(plain[: match.start()]) is None for match in _INVOKED.finditer(plain)
    )


def _around(text: str, match: re.Match[str], reach: int = 40) -> str:
    start, end = max(0, match.start() - reach), min(len(text), match.end() + reach)
    before = "…" if start else ""
    after = "…" if end < len(text) else ""
    return f"{before}{text[start:end].strip()}{after}"
