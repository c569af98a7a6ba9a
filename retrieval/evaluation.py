"""Labelled questions: what a release is calibrated on, and measured with.

A file is a list of `{question, product, answers}`. `answers` are `article-id#anchor`, or
`article-id` where any section will do; an empty list says that the knowledge base has no answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from retrieval import yaml_text
from retrieval.articles import reference
from retrieval.decision import (
    Answer,
    Calibration,
    Clarify,
    Costs,
    Evidence,
    choose_procedure,
    decide,
    fit,
    weigh,
)
from retrieval.encoder import Encoder
from retrieval.errors import QuestionsRefused
from retrieval.index import Index
from retrieval.ranking import PROCEDURES, Ranked, search

_WIDTH = 25  # letters of a full bar


@dataclass(frozen=True, slots=True)
class Question:
    """What a customer may ask, and where the answer stands."""

    text: str
    product: str | None
    answers: frozenset[str]  # references; empty: there is none

    def is_answered_by(self, ranked: Ranked) -> bool:
        """Whether that very section answers, or its article does where any section will do."""
        return not self.answers.isdisjoint(
            {ranked.article_id, reference(ranked.article_id, ranked.anchor)}
        )

    @property
    def articles(self) -> frozenset[str]:
        return frozenset(answer.partition("#")[0] for answer in self.answers)


@dataclass(frozen=True, slots=True)
class Bin:
    """Questions whose probability lies in one tenth."""

    begin: float
    end: float
    questions: int
    said: float  # their probability, on average
    right: float  # the share whose first article was right


@dataclass(frozen=True, slots=True)
class Report:
    """Measured on labelled questions. Rates are 0 to 1; "answerable" are those with an answer."""

    questions: int
    answerable: int
    recall_at_1: float  # over answerable ones, of sections, whatever was decided
    recall_at_3: float
    recall_at_5: float
    mrr: float
    article_at_1: float  # the first section is of a right article
    coverage: float  # answered, over answerable
    wrong_answer_rate: float  # answered wrongly, over answered; the article counts as right
    wrong_section_rate: float  # answered with another section than the labelled one, over answered
    answered_without: float  # answered although there is no answer, over those without
    answered_when_removed: float  # answered after the right articles were taken away
    clarify_rate: float  # asked back, over all
    clarify_helpful: float  # a right article among the titles offered, over asked back
    procedure_right: float  # of questions that a procedure answers, proposed a right one
    procedure_wrong: float  # of those, proposed a wrong one
    procedure_without: float  # of questions without an answer, proposed one at all
    auroc: float  # probability of a right first article above that of a wrong one
    ece: float  # expected calibration error, ten bins of equal width
    reliability: tuple[Bin, ...]  # what was said against what held, for the diagram

    def to_json(self) -> dict[str, Any]:
        value = asdict(self)
        bins = value.pop("reliability")
        return {
            **{key: round(number, 4) for key, number in value.items()},
            "reliability": [{k: round(n, 4) for k, n in one.items()} for one in bins],
        }

    def __str__(self) -> str:
        figures = asdict(self)
        del figures["reliability"]
        lines = [
            f"{key.replace('_', ' '):<24}"
            + (f"{value:>8}" if isinstance(value, int) else f"{value:>8.3f}")
            for key, value in figures.items()
        ]
        return "\n".join([*lines, "", reliability_diagram(self.reliability)])


def reliability_diagram(bins: Sequence[Bin]) -> str:
    """Stated probability against the share that was right, as text: the closer the bar's end (#)
    is to the mark (|), the more a probability means what it says.
    """
    lines = ["probability   questions   said   right   0% .................. 100%"]
    for one in bins:
        bar = ["#" if place < round(one.right * _WIDTH) else " " for place in range(_WIDTH + 1)]
        bar[round(one.said * _WIDTH)] = "|"
        lines.append(
            f"{one.begin:.1f} to {one.end:.1f}    {one.questions:>9}   {one.said:>4.2f}   "
            f"{one.right:>5.2f}   {''.join(bar).rstrip()}"
        )
    return "\n".join(lines)


def load_questions(file: Path, index: Index | None = None) -> tuple[Question, ...]:
    """Read labelled questions.

    Args:
        file: YAML, see the top of this module.
        index: When given, answers must name articles and sections that it holds.

    Raises:
        QuestionsRefused: The file is missing, not of that form, or names what is not there.
    """
    try:
        rows = yaml_text.load(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise QuestionsRefused(file, f"cannot be read ({error})") from error
    if not isinstance(rows, list) or not rows:
        raise QuestionsRefused(file, "is not a list of questions")
    known = (
        None
        if index is None
        else {
            ref
            for a in index.articles.values()
            for ref in (a.id, *(reference(a.id, s.anchor) for s in a.sections))
        }
    )
    found = []
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict) or set(row) - {"question", "product", "answers"}:
            raise QuestionsRefused(file, f"entry {number} is not {{question, product, answers}}")
        text, product, answers = row.get("question"), row.get("product"), row.get("answers")
        if (
            not isinstance(text, str)
            or not isinstance(product, str | None)
            or not isinstance(answers, list)
            or not all(isinstance(a, str) for a in answers)
        ):
            raise QuestionsRefused(file, f"entry {number} has a value of the wrong kind")
        if known is not None and (missing := set(answers) - known):
            raise QuestionsRefused(file, f"entry {number} names {sorted(missing)}, not there")
        found.append(Question(text, product, frozenset(answers)))
    return tuple(found)


def calibrate(
    index: Index, encoder: Encoder, questions: Sequence[Question], costs: Costs | None = None
) -> Calibration:
    """Fit the probability and the thresholds on labelled questions.

    Right is a first section of a right article: its source link leads there. The thresholds hold
    for questions in the proportions of the file, with and without an answer.

    Raises:
        ValueError: All first sections are right, or none is.
    """
    evidence: list[Evidence] = []
    right: list[bool] = []
    for question in questions:
        text = index.spelling.mended(question.text, encoder.words)
        if ranked := search(index, encoder, text, question.product):
            evidence.append(weigh(index, ranked, text))
            right.append(ranked[0].article_id in question.articles)
    return fit(evidence, right, costs)


def evaluate(
    index: Index, encoder: Encoder, calibration: Calibration, questions: Sequence[Question]
) -> Report:
    """Measure ranking and decisions on labelled questions, of which there is at least one."""
    ranks: list[float] = []  # of the first right section, from 1; infinite when there is none
    article_first: list[bool] = []
    probabilities: list[float] = []
    right: list[bool] = []
    answered: list[tuple[Question, Ranked]] = []
    offered: list[bool] = []  # whether a right article was, when asking back
    answered_when_removed = 0
    faults: list[tuple[Question, str | None]] = []
    without: list[str | None] = []  # procedures proposed where there is no answer
    for question in questions:
        text = index.spelling.mended(question.text, encoder.words)
        ranked = search(index, encoder, text, question.product)
        result = decide(index, ranked, text, question.product, calibration, "")
        if ranked:
            probabilities.append(result.probability)
            right.append(ranked[0].article_id in question.articles)
        if isinstance(result, Answer):
            answered.append((question, ranked[0]))
        if isinstance(result, Clarify):
            offered.append(any(s.article_id in question.articles for s in result.sources))
        procedures = search(index, encoder, text, question.product, kinds=PROCEDURES)
        chosen = choose_procedure(index, procedures, text, calibration)
        if not question.answers:
            without.append(chosen)
            continue
        if any(index.articles[article].kind in PROCEDURES for article in question.articles):
            faults.append((question, chosen))
        ranks.append(
            next((i for i, r in enumerate(ranked, 1) if question.is_answered_by(r)), np.inf)
        )
        article_first.append(bool(ranked) and ranked[0].article_id in question.articles)
        left = [r for r in ranked if r.article_id not in question.articles]
        again = decide(index, left, text, question.product, calibration, "")
        answered_when_removed += isinstance(again, Answer)
    positions = np.array(ranks)
    bins = reliability(probabilities, right)
    return Report(
        questions=len(questions),
        answerable=len(ranks),
        recall_at_1=_share(positions <= 1),
        recall_at_3=_share(positions <= 3),
        recall_at_5=_share(positions <= 5),
        mrr=_share(1 / positions),
        article_at_1=_share(article_first),
        coverage=sum(bool(q.answers) for q, _ in answered) / max(1, len(ranks)),
        wrong_answer_rate=_share([r.article_id not in q.articles for q, r in answered]),
        wrong_section_rate=_share([not q.is_answered_by(r) for q, r in answered]),
        answered_without=sum(not q.answers for q, _ in answered) / max(1, len(without)),
        answered_when_removed=answered_when_removed / max(1, len(ranks)),
        clarify_rate=len(offered) / len(questions),
        clarify_helpful=_share(offered),
        procedure_right=_share([chosen in q.articles for q, chosen in faults]),
        procedure_wrong=_share([chosen not in (None, *q.articles) for q, chosen in faults]),
        procedure_without=_share([chosen is not None for chosen in without]),
        auroc=auroc(probabilities, right),
        ece=expected_calibration_error(bins),
        reliability=bins,
    )


def auroc(scores: Sequence[float], right: Sequence[bool]) -> float:
    """The chance that a right one scores above a wrong one, ties counting half; 0.5 when there
    are only right or only wrong ones. Scores and labels of shape (n,).
    """
    values, labels = np.asarray(scores, dtype=float), np.asarray(right, dtype=bool)
    if labels.all() or not labels.any():
        return 0.5
    difference = values[labels][:, None] - values[~labels][None, :]
    return float((difference > 0).mean() + (difference == 0).mean() / 2)


def reliability(
    probabilities: Sequence[float], right: Sequence[bool], bins: int = 10
) -> tuple[Bin, ...]:
    """What was said against what held, in bins of equal width; empty ones are left out.
    Shapes (n,) and (n,).
    """
    values, labels = np.asarray(probabilities, dtype=float), np.asarray(right, dtype=float)
    place = np.minimum((values * bins).astype(int), bins - 1)
    return tuple(
        Bin(
            one / bins,
            (one + 1) / bins,
            int(inside.sum()),
            float(values[inside].mean()),
            float(labels[inside].mean()),
        )
        for one in range(bins)
        if (inside := place == one).any()
    )


def expected_calibration_error(bins: Sequence[Bin]) -> float:
    """How far the stated probability is from the share that was right, averaged over bins by
    their size; 0 without any.

    Source: Naeini, Cooper and Hauskrecht, AAAI 2015.
    """
    total = sum(one.questions for one in bins)
    gaps = sum(abs(one.said - one.right) * one.questions for one in bins)
    return gaps / total if total else 0.0


def _share(values: Sequence[float] | Sequence[bool] | NDArray[np.generic]) -> float:
    return float(np.mean(np.asarray(values, dtype=float))) if len(values) else 0.0
