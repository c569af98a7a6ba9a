"""Ranking and deciding measured on anybody's documents, by the shipped way with shipped settings.

Everything is at document level: a document stands where its best section stands.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.articles import Article
from retrieval.decision import Answer, Calibration, decide
from retrieval.encoder import Encoder
from retrieval.evaluation import auroc
from retrieval.index import Index
from retrieval.ranking import search

DEPTHS = (1, 3, 5, 10)
_LAST = 10  # place that counts for MRR and nDCG


@dataclass(frozen=True, slots=True)
class Decisions:
    """How well the probability parts questions with an answer from those without."""

    auroc: float
    answered: float  # of the questions with an answer, at the shipped threshold
    right: float  # of those answers, the share from a document that answers
    answered_without: float  # of the questions without an answer


@dataclass(frozen=True, slots=True)
class Outcome:
    """Measured on one collection. Shares are 0 to 1."""

    documents: int
    passages: int
    questions: int
    without_answer: int
    balance: float  # the weight of meaning that the collection got
    hit: Mapping[int, float]  # by depth: a right document among the first so many
    mrr: float  # at 10
    ndcg: float  # at 10
    decisions: Decisions | None  # None without questions that have no answer
    build_seconds: float
    ms_p50: float  # of one question, from text to decision
    ms_p95: float
    resident_mb: float  # the process's largest
    ranked: Mapping[str, Sequence[str]] = field(repr=False)  # the first ten documents, by question

    def to_json(self) -> dict[str, Any]:
        value = asdict(self)
        value["hit"] = {str(depth): share for depth, share in self.hit.items()}
        return value

    def __str__(self) -> str:
        lines = [
            f"{self.documents} documents, {self.passages} passages, {self.questions} questions, "
            f"{self.without_answer} more without an answer",
            "hit  " + "  ".join(f"@{depth} {share:.3f}" for depth, share in self.hit.items()),
            f"MRR@10 {self.mrr:.3f}   nDCG@10 {self.ndcg:.3f}   weight of meaning {self.balance}",
        ]
        if self.decisions is not None:
            lines.append(
                f"AUROC {self.decisions.auroc:.3f}   answered {self.decisions.answered:.1%}, "
                f"rightly {self.decisions.right:.1%} of those; "
                f"answered without an answer {self.decisions.answered_without:.1%}"
            )
        lines.append(
            f"built in {self.build_seconds:.1f} s; a question takes {self.ms_p50:.1f} ms (p50), "
            f"{self.ms_p95:.1f} ms (p95); {self.resident_mb:.0f} MB"
        )
        return "\n".join(lines)


def benchmark(
    documents: Sequence[Article],
    questions: Mapping[str, str],
    answers: Mapping[str, frozenset[str]],
    without: Mapping[str, str],
    encoder: Encoder,
    calibration: Calibration,
    progress: Callable[[str], None] = lambda line: None,
) -> Outcome:
    """Build an index and put every question to it, one after the other.

    Args:
        documents: See `corpus.read_corpus`.
        questions: By id. Those that no document answers are left out; one must remain.
        answers: Documents by question.
        without: Questions that no document answers, by id.
        encoder: For documents and questions.
        calibration: That probabilities and the threshold come from.
        progress: Told in one line what is being done.
    """
    asked = {name: text for name, text in questions.items() if answers.get(name)}
    progress(f"{len(documents)} documents read, {len(asked)} questions with an answer")
    began = time.perf_counter()
    index = Index.build(documents, encoder)
    build_seconds = time.perf_counter() - began
    progress(f"{len(index.passages)} passages indexed")
    taken: list[float] = []
    probabilities: list[float] = []
    ranked: dict[str, list[str]] = {}
    answered: dict[str, bool] = {}
    for name, text in [*asked.items(), *without.items()]:
        started = time.perf_counter()
        text = index.spelling.mended(text, encoder.words)
        found = search(index, encoder, text)
        result = decide(index, found, text, None, calibration, "")
        taken.append(1000 * (time.perf_counter() - started))
        probabilities.append(result.probability)
        ranked[name] = list(dict.fromkeys(one.article_id for one in found))[:_LAST]
        answered[name] = isinstance(result, Answer)
    places = np.array([_place(ranked[name], answers[name]) for name in asked])
    decisions = None
    if without:
        given = [name for name in asked if answered[name]]
        decisions = Decisions(
            auroc=auroc(probabilities, [True] * len(asked) + [False] * len(without)),
            answered=len(given) / len(asked),
            right=_mean([ranked[name][0] in answers[name] for name in given]),
            answered_without=_mean([answered[name] for name in without]),
        )
    return Outcome(
        documents=len(documents),
        passages=len(index.passages),
        questions=len(asked),
        without_answer=len(without),
        balance=index.balance,
        hit={depth: _mean(places <= depth) for depth in DEPTHS},
        mrr=_mean(np.where(places <= _LAST, 1 / places, 0)),
        ndcg=_mean([_ndcg(ranked[name], answers[name]) for name in asked]),
        decisions=decisions,
        build_seconds=build_seconds,
        ms_p50=float(np.percentile(taken, 50)),
        ms_p95=float(np.percentile(taken, 95)),
        resident_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        ranked={name: ranked[name] for name in asked},
    )


def _place(ranked: Sequence[str], right: frozenset[str]) -> float:
    """Of the first right document, from 1; infinite when there is none."""
    return next((i for i, name in enumerate(ranked, 1) if name in right), float("inf"))


def _ndcg(ranked: Sequence[str], right: frozenset[str]) -> float:
    """Normalised discounted cumulative gain of the first ten, every right document counting one.

    Source: Järvelin and Kekäläinen, ACM TOIS 2002.
    """
    gained = sum(1 / np.log2(i + 1) for i, name in enumerate(ranked, 1) if name in right)
    best = sum(1 / np.log2(i + 1) for i in range(1, 1 + min(_LAST, len(right))))
    return float(gained / best)


def _mean(values: Sequence[float] | Sequence[bool] | NDArray[np.generic]) -> float:
    return float(np.mean(np.asarray(values, dtype=float))) if len(values) else 0.0
