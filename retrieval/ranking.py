"""Passages ranked against a question, and each section by its best passage.

Meaning (cosine) and words (BM25 over the question's idf) are added on one scale, which is the same
for every question and collection, so that a threshold on it means something. How much each counts
depends on the collection, `balance`, and on the question. Measured against reciprocal rank and
min-max fusion in docs/decisions/0004-ranking.md.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from retrieval.encoder import Encoder
from retrieval.index import Index
from retrieval.passages import Passage
from retrieval.words import terms

PROCEDURES = frozenset({"procedure"})  # for `search` and `Index.rows`: faults only
DEPTH = 100  # sections that a ranking holds at most
OVERVIEW_LEAD = 0.1
"""By how much more than its best section an article's overview must match to be quoted itself.
Titles stand for the overview, and an overview says a little of everything: it matches most
questions about the article and answers few."""

_LEXICAL_PULL = 2.0
_USUAL_LEXICAL = 0.4
"""Where one passage holds nearly all that a question says, words are trusted more, and where no
passage holds much of it, less: the balance moves, as log odds, by `_LEXICAL_PULL` for each unit by
which the best lexical score differs from the usual one."""

_COMPANY = 5  # passages nearest in meaning that are asked which article they are of
_SHARPNESS = 25.0  # of the smooth maximum over a section's phrases; infinite would be the maximum


@dataclass(frozen=True, slots=True)
class Ranked:
    """A section and why it stands where it does."""

    article_id: str
    anchor: str
    start: int  # where in the section its best passage begins, in words
    score: float  # cosine and lexical score, each times its weight
    cosine: float  # of the best passage, -1 to 1
    lexical: float  # of the best passage, 0 to 1
    row: int  # of the best passage
    company: float
    """Share of the passages nearest in meaning that are of the same article, times the share of all
    passages that are not: where there is little else, being among one's own says nothing."""


def weight_of_meaning(balance: float, best_lexical: float) -> float:
    """What the cosine counts for one question, 0 to 1; the lexical score counts the rest.

    Args:
        balance: Of the collection, above 0 and below 1.
        best_lexical: The highest lexical score of any passage, 0 to 1.
    """
    odds = math.log(balance / (1 - balance)) - _LEXICAL_PULL * (best_lexical - _USUAL_LEXICAL)
    return 1 / (1 + math.exp(-odds))


def rank(
    index: Index,
    vector: NDArray[np.float32],
    question: Sequence[str],
    rows: NDArray[np.intp],
) -> list[Ranked]:
    """The best sections with an allowed passage, best first, equal ones in the articles' order.

    Args:
        index: What is searched.
        vector: The question's, from the encoder that built the index, shape (dim,).
        question: The question's words from `words.terms`.
        rows: Passages that may be shown, from `Index.rows`. The rest is not ranked at all.

    Returns:
        At most `DEPTH`.
    """
    if not len(rows):
        return []
    lexical = index.words.scores(question)
    allowed = len(rows)
    rows = index.candidates(vector, lexical, rows)
    cosine, lexical = index.vectors.cosines(vector, rows), lexical[rows]
    weight = weight_of_meaning(index.balance, float(lexical.max()))
    fused = weight * cosine + (1 - weight) * lexical
    sections = index.section_of[rows]
    begins = np.flatnonzero(np.r_[True, sections[1:] != sections[:-1]])
    scores = _of_sections(fused, index.short[rows], begins)
    ends = np.r_[begins[1:], len(rows)]
    nearest = rows[np.argsort(-cosine, kind="stable")[:_COMPANY]]
    company = Counter(index.passages[row].article_id for row in nearest)
    ranked = []
    for place in np.argsort(-scores, kind="stable")[:DEPTH]:
        at = begins[place] + int(np.argmax(fused[begins[place] : ends[place]]))
        passage = index.passages[rows[at]]
        ranked.append(
            Ranked(
                passage.article_id,
                passage.anchor,
                passage.start,
                float(scores[place]),
                float(cosine[at]),
                float(lexical[at]),
                int(rows[at]),
                company[passage.article_id] / len(nearest) * _others(index, passage, allowed),
            )
        )
    return sections_before_overviews(index, ranked)


def _others(index: Index, passage: Passage, allowed: int) -> float:
    """The share of the allowed passages that are of other articles than one of them."""
    begin, end = index.spans[passage.article_id]
    return 1 - (end - begin) / allowed


def _of_sections(
    fused: NDArray[np.float32], short: NDArray[np.bool_], begins: NDArray[np.intp]
) -> NDArray[np.float32]:
    """The score of each section: its best passage's, and a little for phrases that agree with it.

    A smooth maximum (log-sum-exp) over the section's best window of text and all of its titles,
    symptoms and customers' questions. Over all windows it would prefer long sections.

    Args:
        fused: Of the passages, shape (n,), those of a section side by side.
        short: Which of them are phrases, shape (n,).
        begins: The first passage of each section, shape (sections,).
    """
    best = np.maximum.reduceat(fused, begins)
    window = np.maximum.reduceat(np.where(short, -np.inf, fused), begins)
    behind = fused - np.repeat(best, np.diff(begins, append=len(fused)))
    phrases = np.add.reduceat(np.where(short, np.exp(_SHARPNESS * behind), 0), begins)
    total = phrases + np.exp(_SHARPNESS * (window - best))
    scores: NDArray[np.float32] = best + np.log(total) / _SHARPNESS
    return scores


def sections_before_overviews(index: Index, ranked: Sequence[Ranked]) -> list[Ranked]:
    """Let a section change places with its article's overview when it matches nearly as well.

    It takes over the overview's scores, which are the article's. Not in procedures: their overview
    names the cause, and their sections are steps that one does in order.
    """
    result = list(ranked)
    for place, overview in enumerate(ranked):
        if overview.anchor or index.articles[overview.article_id].kind == "procedure":
            continue
        for later in range(place + 1, len(ranked)):
            section = ranked[later]
            if section.score < overview.score - OVERVIEW_LEAD:
                break
            if section.article_id == overview.article_id:
                result[place] = replace(
                    overview, anchor=section.anchor, start=section.start, row=section.row
                )
                result[later] = replace(
                    section, anchor=overview.anchor, start=overview.start, row=overview.row
                )
                break
    return result


def search(
    index: Index,
    encoder: Encoder,
    question: str,
    product: str | None = None,
    audience: str = "customer",
    kinds: frozenset[str] | None = None,
) -> list[Ranked]:
    """`rank` for a question in the customer's words; what may not be shown is not ranked."""
    rows = index.rows(product, audience, kinds)
    if not len(rows) or not question.strip():
        return []
    written = index.spelling.mended(question, encoder.words)
    return rank(index, encoder.encode([written])[0], terms(written), rows)
