"""Passages ranked against a question, and each section by its best passage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from retrieval.encoder import Encoder
from retrieval.index import Index
from retrieval.words import terms

PROCEDURES = frozenset({"procedure"})  # for `search` and `Index.rows`: faults only
COSINE_WEIGHT = 0.5
OVERVIEW_LEAD = 0.08
"""By how much more than its best section an article's overview must match to be quoted itself.

Titles stand for the overview, and an overview says a little of everything: it matches most
questions about the article and answers few. On the tuning questions this raised the right
sections from 61 to 67 of 86.
"""


@dataclass(frozen=True, slots=True)
class Ranked:
    """A section and why it stands where it does."""

    article_id: str
    anchor: str
    start: int  # where in the section its best passage begins, in words
    score: float  # COSINE_WEIGHT * cosine + (1 - COSINE_WEIGHT) * lexical
    cosine: float  # of the best passage, -1 to 1
    lexical: float  # of the best passage, 0 to 1


def fuse(cosine: NDArray[np.float32], lexical: NDArray[np.float32]) -> NDArray[np.float32]:
    """Meaning and words on one scale, which is the same for every question and collection, so that
    a threshold on it means something. Shapes (n,) and (n,) to (n,), each at most 1.

    Source: measured against reciprocal rank and min-max fusion, docs/decisions/0003-retrieval.md.
    """
    fused: NDArray[np.float32] = COSINE_WEIGHT * cosine + (1 - COSINE_WEIGHT) * lexical
    return fused


def rank(
    index: Index, vector: NDArray[np.float32], question: Sequence[str], rows: NDArray[np.intp]
) -> list[Ranked]:
    """All sections with an allowed passage, best first, equal ones in the articles' order.

    Args:
        index: What is searched.
        vector: The question's, from the encoder that built the index, shape (dim,).
        question: The question's words from `words.terms`.
        rows: Passages that may be shown, from `Index.rows`. The rest is not ranked at all.
    """
    if not len(rows):
        return []
    cosine, lexical = index.cosines(vector)[rows], index.lexical(question)[rows]
    fused = fuse(cosine, lexical)
    best: dict[tuple[str, str], Ranked] = {}
    for place in np.argsort(-fused, kind="stable"):
        passage = index.passages[rows[place]]
        key = (passage.article_id, passage.anchor)
        if key not in best:
            best[key] = Ranked(
                *key,
                passage.start,
                float(fused[place]),
                float(cosine[place]),
                float(lexical[place]),
            )
    return sections_before_overviews(index, list(best.values()))


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
                result[place] = replace(overview, anchor=section.anchor, start=section.start)
                result[later] = replace(section, anchor=overview.anchor, start=overview.start)
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
    return rank(index, encoder.encode([question])[0], terms(question), rows)
