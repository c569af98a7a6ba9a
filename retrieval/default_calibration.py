"""The calibration that ships with this room: for a knowledge base that nobody labelled yet.

It is fitted on several collections at once, each counting alike. Every question is put three ways:
as it is; with the documents that answer it taken away, which is the hard case, an article missing
in the middle of a familiar topic; and to the other collections, which have nothing on it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from retrieval.articles import Article
from retrieval.decision import Calibration, Evidence, fit, weigh
from retrieval.encoder import Encoder
from retrieval.index import Index
from retrieval.ranking import search

_ANSWERABLE, _TAKEN_AWAY, _ELSEWHERE = 3.0, 1.0, 1.0
"""What the three ways count: of five questions to a help centre, three are taken to have an answer
there, as of the sample shop's."""
_QUESTIONS = 300  # of each collection, at most
_SEED = 1


@dataclass(frozen=True, slots=True)
class Collection:
    """Documents, questions, and which documents answer which question."""

    name: str
    documents: tuple[Article, ...]
    questions: tuple[tuple[str, frozenset[str]], ...]  # (text, ids of documents)


def fit_default(
    collections: Sequence[Collection],
    encoder: Encoder,
    progress: Callable[[str], None] = lambda line: None,
) -> Calibration:
    """Fit on at least two collections.

    Raises:
        ValueError: Fewer than two, or nothing to tell right from wrong by.
    """
    if len(collections) < 2:
        raise ValueError("name at least two collections: one cannot say what is foreign to it")
    chance = random.Random(_SEED)  # noqa: S311  a sample, not a secret
    asked = [
        chance.sample(one.questions, min(_QUESTIONS, len(one.questions))) for one in collections
    ]
    evidence: list[Evidence] = []
    right: list[bool] = []
    weights: list[float] = []
    for here, collection in enumerate(collections):
        index = Index.build(collection.documents, encoder)
        own: list[tuple[Evidence, bool]] = []
        without: list[Evidence] = []
        for text, answers in asked[here]:
            if ranked := search(index, encoder, text):
                own.append((weigh(index, ranked, text), ranked[0].article_id in answers))
            if left := [one for one in ranked if one.article_id not in answers]:
                without.append(weigh(index, left, text))
        foreign = [
            weigh(index, ranked, text)
            for other in range(len(collections))
            if other != here
            for text, _ in asked[other][: _QUESTIONS // (len(collections) - 1)]
            if (ranked := search(index, encoder, text))
        ]
        for found, share in ((own, _ANSWERABLE), (_wrong(without), _TAKEN_AWAY),
                             (_wrong(foreign), _ELSEWHERE)):  # fmt: skip
            evidence += [one for one, _ in found]
            right += [is_right for _, is_right in found]
            weights += [share / len(found) for _ in found]
        progress(f"{collection.name}: {len(own)} questions, weight of meaning {index.balance}")
    return fit(evidence, right, weights=weights)


def _wrong(evidence: Sequence[Evidence]) -> list[tuple[Evidence, bool]]:
    return [(one, False) for one in evidence]
