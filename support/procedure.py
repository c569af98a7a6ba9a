"""Troubleshooting: which step is next, and the ledger of what was tried."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Outcome(StrEnum):
    """What became of a step."""

    SHOWN = "shown"  # proposed; nothing heard yet
    HELPED = "helped"
    DID_NOT_HELP = "did not help"
    COULD_NOT = "could not"
    ALREADY_TRIED = "already tried"


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One step of one article in one conversation."""

    article: str  # article id
    version: str
    article_title: str
    step: str  # the section's anchor
    title: str
    outcome: Outcome
    shown_by: str  # id of the customer's message that it answered
    decided_by: str | None  # id of the customer's message that told the outcome
    at: datetime  # aware, UTC


@dataclass(frozen=True, slots=True)
class Step:
    """A step as a flow sees it."""

    anchor: str
    title: str
    branches: Mapping[str, str]  # the customer's answer -> anchor; empty: runs in order
    is_end: bool


def next_step(
    steps: Sequence[Step], tried: Sequence[LedgerEntry], article: str, jump: str | None = None
) -> Step | None:
    """The step to propose now, never one that the ledger already holds.

    Args:
        steps: The article's steps, in order, ends among them; may be empty.
        tried: The conversation's ledger, oldest first, any articles.
        article: Id of the article that `steps` belong to.
        jump: Anchor that the customer's answer to the last step named, if it named one.

    Returns:
        A step that is no end, or None when the article has nothing left to try.
    """
    met = {entry.step for entry in tried if entry.article == article}
    order = list(steps)
    start = 0
    if jump is not None:
        start = next((i for i, step in enumerate(order) if step.anchor == jump), len(order))
    else:
        last = next((e.step for e in reversed(tried) if e.article == article), None)
        for index, step in enumerate(order):
            if step.anchor == last:
                start = index + 1
    for step in order[start:]:
        if step.is_end:
            return None
        if step.anchor not in met:
            return step
    return None


_TRIED = re.compile(
    r"\b(?:already|tried|did|done|(?:i|we)(?:'ve| have)|after (?:i|we)?)\b", re.IGNORECASE
)
_STILL = re.compile(
    r"\b(?:still|again|same|no change|no difference|yet|continues?|keeps?)\b", re.IGNORECASE
)
_SMALL_WORDS = frozenset({
    "a", "an", "and", "at", "by", "for", "from", "if", "in", "into", "is", "it", "its", "of", "off",
    "on", "or", "out", "the", "to", "under", "up", "with", "your",
})  # fmt: skip


def says_still(text: str) -> bool:
    """Whether a fault that is told again is told as one that has not gone away."""
    return _STILL.search(text) is not None


def mentioned_steps(text: str, steps: Sequence[Step]) -> list[str]:
    """The steps that a text says were done already, as anchors in the order of the steps.

    Only clauses that speak of something done count: "it does not drain, I already cleaned the
    filter" means the step "Clean the filter" and not the one about the drain hose. Two words of
    the step's title have to be there, or its only one.
    """
    done = [
        {word[:5] for word in re.findall(r"[a-z]+", clause.casefold())}
        for clause in re.split(r"[.,;!?\n]|\bbut\b", text.replace("’", "'"))
        if _TRIED.search(clause)
    ]
    found = []
    for step in steps:
        words = set(re.findall(r"[a-z]+", step.title.casefold())) - _SMALL_WORDS
        wanted = {word[:5] for word in words}
        if not step.is_end and any(len(wanted & clause) >= min(2, len(wanted)) for clause in done):
            found.append(step.anchor)
    return found
