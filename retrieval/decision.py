"""Ranked sections to an Answer, a Clarify or an Abstention.

A logistic function of six signals gives the probability that the first section is of an article
that answers the question. Thresholds follow from what mistakes cost (`Costs`), not from taste.
Beyond them, two rules: an error code that the article does not mention is never answered, and a
question that fits several products equally is asked back.

A release is calibrated when it is built, on the labelled questions in
`evaluation/retrieval/tuning.yml`. Without such a file it takes `retrieval/calibration.json`, which
ships with this room and was fitted on several public collections, so as to hold on one that it has
never seen.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from retrieval.articles import ALL_PRODUCTS
from retrieval.index import Index
from retrieval.passages import quote
from retrieval.ranking import Ranked
from retrieval.words import codes, in_common, terms

DEFAULT_CALIBRATION = Path(__file__).with_name("calibration.json")
FEATURES = ("cosine", "coverage", "quoted", "margin", "company", "length")
_CLEAR = 0.2  # a larger lead says nothing more: where there is little else, everything leads
_LONG = 30  # words; the longer a question, the less like any one passage it can be
_SAME_SCORE = 0.03  # two products whose best sections are this close fit a question equally


@dataclass(frozen=True, slots=True)
class Costs:
    """What a mistake costs, in missed answers: an answer that was there and was not given sends
    the customer to a person, which is the unit.
    """

    wrong_answer: float = 4.0  # misleads, and then needs the person too
    missed_answer: float = 1.0
    needless_question: float = 0.6  # a turn lost on titles that do not fit, then the person
    wrong_procedure: float = 1.0  # a step that does not fit the fault; its title showed that

    @property
    def answer_at(self) -> float:
        """The probability from which answering costs less, on average, than not answering."""
        return self.wrong_answer / (self.wrong_answer + self.missed_answer)

    @property
    def clarify_at(self) -> float:
        """The probability from which asking back costs less, on average, than giving up."""
        return self.needless_question / (self.needless_question + self.missed_answer)

    @property
    def procedure_at(self) -> float:
        """The probability from which a procedure is proposed for a fault."""
        return self.wrong_procedure / (self.wrong_procedure + self.missed_answer)


@dataclass(frozen=True, slots=True)
class Evidence:
    """The signals for the first section of a ranking."""

    cosine: float  # of its best passage, -1 to 1
    coverage: float  # share of the question's words, weighed by rarity, that its article says
    quoted: float  # share of them that its best passage says
    margin: float  # score above the best section of any other article, at most `_CLEAR`
    company: float  # share of the passages nearest in meaning that are of its article
    length: float  # of the question, as a share of a long one, at most 1

    @property
    def values(self) -> tuple[float, ...]:
        return tuple(getattr(self, name) for name in FEATURES)


@dataclass(frozen=True, slots=True)
class Calibration:
    """What turns evidence into a probability, and the thresholds on it."""

    weights: tuple[float, ...]  # per FEATURES, on the signals as they are
    bias: float
    answer_at: float
    clarify_at: float
    procedure_at: float
    questions: int  # that it was fitted on

    def probability(self, evidence: Evidence) -> float:
        """That the section is of an article that answers the question, 0 to 1."""
        pairs = zip(self.weights, evidence.values, strict=True)
        activation = self.bias + sum(weight * value for weight, value in pairs)
        return 1 / (1 + math.exp(-max(-50.0, min(50.0, activation))))

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"weights": dict(zip(FEATURES, self.weights, strict=True))}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Calibration:
        return cls(**{**value, "weights": tuple(value["weights"][name] for name in FEATURES)})

    @classmethod
    def default(cls) -> Calibration:
        """The one that ships with this room."""
        return cls.from_json(json.loads(DEFAULT_CALIBRATION.read_text("utf-8")))


@dataclass(frozen=True, slots=True)
class Source:
    """A section as it is quoted and cited."""

    article_id: str
    title: str
    kind: str
    anchor: str  # "" for what stands before the first heading
    section_title: str  # "" likewise
    version: str
    quote: str  # at most about 130 words, "…" where something was left out
    score: float
    cosine: float
    lexical: float
    matched: str  # the passage, or the customers' phrase, that fitted best
    words: tuple[str, ...]  # the question's words that stand in it
    probability: float | None = None  # that its article answers; None where nobody asked


@dataclass(frozen=True, slots=True)
class Answer:
    """The first source's article answers the question with that probability."""

    probability: float
    sources: tuple[Source, ...]  # at least one, best first
    release: str

    @property
    def source(self) -> Source:
        return self.sources[0]


@dataclass(frozen=True, slots=True)
class Clarify:
    """Too little for an answer, enough to ask: offer the titles, or ask for the product."""

    probability: float
    reason: Literal["weak_evidence", "which_product", "code_elsewhere"]
    sources: tuple[Source, ...]  # at most two, of different articles, to choose from
    release: str


@dataclass(frozen=True, slots=True)
class Abstention:
    """Nothing that may be said. `sources` are what was considered: for a person, not to quote."""

    probability: float
    reason: Literal["no_evidence", "unknown_code", "nothing_to_search", "empty_question"]
    sources: tuple[Source, ...]
    release: str


def weigh(index: Index, ranked: Sequence[Ranked], question: str) -> Evidence:
    """The evidence for the first of some ranked sections, of which there is at least one."""
    first = ranked[0]
    rivals = [r.score for r in ranked if r.article_id != first.article_id]
    weights = {term: index.words.idf(term) for term in sorted(set(terms(question)))}
    total = sum(weights.values())
    passage = set(terms(index.passages[first.row].text))

    def share(said: Callable[[str], bool]) -> float:
        return sum(w for term, w in weights.items() if said(term)) / total if total else 0.0

    return Evidence(
        cosine=first.cosine,
        coverage=share(lambda term: index.says(first.article_id, term)),
        quoted=share(lambda term: term in passage),
        margin=min(_CLEAR, first.score - (rivals[0] if rivals else 0.0)),
        company=first.company,
        length=min(1.0, len(question.split()) / _LONG),
    )


def decide(
    index: Index,
    ranked: Sequence[Ranked],
    question: str,
    product: str | None,
    calibration: Calibration,
    release: str,
    limit: int = 5,
) -> Answer | Clarify | Abstention:
    """Whether to answer, to ask back, or to say that nothing is known. Equal input, equal result.

    Args:
        index: Where the sections are quoted from.
        ranked: From `ranking.rank` for this question.
        question: In the customer's words.
        product: What the ranking was restricted to, if anything.
        calibration: Of the release.
        release: Its id.
        limit: The most sources an answer or an abstention carries.
    """
    if not question.strip():
        return Abstention(0.0, "empty_question", (), release)
    if not ranked:
        return Abstention(0.0, "nothing_to_search", (), release)
    probability = calibration.probability(weigh(index, ranked, question))
    sources = tuple(source(index, r, question) for r in ranked[:limit])
    if asked := _codes(index, question):
        mentioning = [r for r in ranked if all(index.says(r.article_id, code) for code in asked)]
        if not mentioning:
            return Abstention(probability, "unknown_code", sources, release)
        if mentioning[0].article_id != ranked[0].article_id:
            return Clarify(
                probability, "code_elsewhere", _choice(index, mentioning, question), release
            )
    if probability < calibration.clarify_at:
        return Abstention(probability, "no_evidence", sources, release)
    if product is None and _fits_several_products(index, ranked):
        return Clarify(probability, "which_product", _choice(index, ranked, question), release)
    if probability < calibration.answer_at:
        return Clarify(probability, "weak_evidence", _choice(index, ranked, question), release)
    return Answer(probability, sources, release)


def choose_procedure(
    index: Index, ranked: Sequence[Ranked], symptom: str, calibration: Calibration
) -> str | None:
    """The id of the procedure to propose for a fault, if one fits well enough.

    Args:
        index: Where the procedures are.
        ranked: Sections of procedures only, from `ranking.rank`.
        symptom: In the customer's words. An error code in it must stand in the procedure.
        calibration: Of the release.
    """
    asked = _codes(index, symptom)
    fitting = [r for r in ranked if all(index.says(r.article_id, code) for code in asked)]
    if not fitting:
        return None
    if calibration.probability(weigh(index, fitting, symptom)) < calibration.procedure_at:
        return None
    return fitting[0].article_id


def source(index: Index, ranked: Ranked, question: str) -> Source:
    """A ranked section, quoted, with what fitted the question."""
    article = index.articles[ranked.article_id]
    section = article.section(ranked.anchor)
    if section is None:
        raise KeyError(f"{ranked.article_id}#{ranked.anchor}")
    matched = index.passages[ranked.row].text
    return Source(
        article_id=article.id,
        title=article.title,
        kind=article.kind,
        anchor=section.anchor,
        section_title=section.title,
        version=article.version,
        quote=quote(section, ranked.start),
        score=ranked.score,
        cosine=ranked.cosine,
        lexical=ranked.lexical,
        matched=matched,
        words=in_common(question, matched),
    )


def fit(
    evidence: Sequence[Evidence],
    right: Sequence[bool],
    costs: Costs | None = None,
    weights: Sequence[float] | None = None,
) -> Calibration:
    """Fit the probability on labelled questions.

    Args:
        evidence: For the first section of each question's ranking, shape (n,).
        right: Whether its article answers the question, shape (n,); both must occur.
        costs: Of mistakes; None for the usual ones.
        weights: How much each question counts, shape (n,); None for alike.

    Raises:
        ValueError: All answers are right, or none is: nothing can be learnt from that.
    """
    signals = np.array([one.values for one in evidence], dtype=np.float64).reshape(
        -1, len(FEATURES)
    )
    mean, scale = signals.mean(axis=0), signals.std(axis=0) + 1e-9
    labels = np.array(right, dtype=np.float64)
    if labels.all() or not labels.any():
        raise ValueError("answers that are right and answers that are wrong are needed")
    counts = np.ones(len(labels)) if weights is None else np.asarray(weights, dtype=np.float64)
    slopes, intercept = logistic_regression(
        (signals - mean) / scale, labels, counts * len(labels) / counts.sum()
    )
    slopes = slopes / scale
    costs = costs or Costs()
    return Calibration(
        weights=tuple(round(float(slope), 6) for slope in slopes),
        bias=round(float(intercept - slopes @ mean), 6),
        answer_at=round(costs.answer_at, 4),
        clarify_at=round(costs.clarify_at, 4),
        procedure_at=round(costs.procedure_at, 4),
        questions=len(right),
    )


def logistic_regression(
    signals: NDArray[np.float64], labels: NDArray[np.float64], counts: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Slopes, shape (features,), and intercept that make the labels likeliest, by Newton's method.

    What scikit-learn's LogisticRegression minimises with C=1: half the sum of the squared slopes,
    and the logarithmic loss of each label. To import that takes longer than all else in a build.

    Args:
        signals: Shape (n, features), each of mean 0 and deviation 1 or so.
        labels: 0 or 1, shape (n,).
        counts: How much each counts, shape (n,).

    Source: Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, 4.4.1.
    """
    columns = np.hstack([signals, np.ones((len(signals), 1))])
    penalty = np.diag([1.0] * signals.shape[1] + [0.0])  # the intercept is free
    values = np.zeros(columns.shape[1])

    def loss(at: NDArray[np.float64]) -> float:
        activation = columns @ at
        losses = np.logaddexp(0, activation) - labels * activation
        return float(counts @ losses + at @ penalty @ at / 2)

    for _ in range(100):
        likely = 1 / (1 + np.exp(-np.clip(columns @ values, -50, 50)))
        gradient = columns.T @ (counts * (likely - labels)) + penalty @ values
        curvature = (columns.T * (counts * likely * (1 - likely))) @ columns + penalty
        step = np.linalg.solve(curvature, gradient)
        size = 1.0
        while size > 1e-6 and loss(values - size * step) > loss(values):  # it went too far
            size /= 2
        values = values - size * step
        if np.abs(size * step).max() < 1e-9:
            break
    return values[:-1], float(values[-1])


def _codes(index: Index, text: str) -> frozenset[str]:
    """The error codes in a text. "HM-D450" ends like one; models are words like others."""
    models = " ".join(model for models in index.catalogue.values() for model in models)
    return codes(text) - codes(models)


def _choice(index: Index, ranked: Sequence[Ranked], question: str) -> tuple[Source, ...]:
    """The best section of each of the two best articles."""
    first = ranked[0]
    second = next((r for r in ranked if r.article_id != first.article_id), None)
    return tuple(source(index, r, question) for r in (first, second) if r is not None)


def _fits_several_products(index: Index, ranked: Sequence[Ranked]) -> bool:
    """Whether an article for other products ranks as high as the first."""
    first = set(index.articles[ranked[0].article_id].products)
    for rival in ranked[1:]:
        if rival.score < ranked[0].score - _SAME_SCORE:
            return False
        products = index.articles[rival.article_id].products
        if first.isdisjoint(products) and ALL_PRODUCTS not in {*products, *first}:
            return True
    return False
