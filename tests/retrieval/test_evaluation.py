"""Measures that are themselves measured: on rankings whose figures are known by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from retrieval.articles import load_articles
from retrieval.building import Sources
from retrieval.decision import FEATURES, Calibration
from retrieval.encoder import OnnxEncoder
from retrieval.errors import QuestionsRefused
from retrieval.evaluation import (
    Bin,
    Question,
    auroc,
    calibrate,
    evaluate,
    expected_calibration_error,
    load_questions,
    reliability,
    reliability_diagram,
)
from retrieval.index import Index
from retrieval.ranking import Ranked
from tests.retrieval.conftest import CATALOGUE, TODAY

QUESTIONS = """\
- {question: my dishwasher leaves standing water, product: dishwasher,
   answers: [dishwasher-does-not-drain]}
- {question: which salt do I use, product: dishwasher, answers: [dishwasher-add-salt#which]}
- {question: how to fill in the salt, product: dishwasher, answers: ["dishwasher-add-salt#fill"]}
- {question: how do I descale the coffee machine, product: null,
   answers: [coffee-machine-descale#descale]}
- {question: how many days do I have to send it back, product: null, answers: [returns#window]}
- {question: who won the football match, product: null, answers: []}
- {question: how loud is the thing in decibels, product: dishwasher, answers: []}
- {question: does it have bluetooth, product: null, answers: []}
"""


@pytest.fixture
def index(sources: Sources, encoder: OnnxEncoder) -> Index:
    return Index.build(load_articles(sources.articles, TODAY), encoder, CATALOGUE)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "questions.yml"
    file.write_text(QUESTIONS)
    return file


def test_questions_are_read(file: Path, index: Index) -> None:
    questions = load_questions(file, index)

    assert len(questions) == 8
    assert questions[1] == Question(
        "which salt do I use", "dishwasher", frozenset({"dishwasher-add-salt#which"})
    )
    assert questions[1].articles == {"dishwasher-add-salt"}
    assert not questions[5].answers


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{}", "not a list"),
        ("[]", "not a list"),
        ("- [", "cannot be read"),
        ("- {question: a, answers: [], extra: 1}", "entry 1 is not"),
        ("- {question: 1, answers: []}", "wrong kind"),
        ("- {question: a, answers: returns}", "wrong kind"),
        ("- {question: a, product: null, answers: [returns#gone]}", "['returns#gone'], not there"),
    ],
)
def test_wrong_questions_are_refused(tmp_path: Path, index: Index, text: str, what: str) -> None:
    """A label that names a deleted section would count every right answer as wrong."""
    file = tmp_path / "questions.yml"
    file.write_text(text)
    with pytest.raises(QuestionsRefused) as refused:
        load_questions(file, index)
    assert what in str(refused.value)
    with pytest.raises(QuestionsRefused):
        load_questions(tmp_path / "none.yml")


def test_a_label_without_section_takes_any() -> None:
    ranked = Ranked("returns", "window", 0, 0.5, 0.5, 0.5, 0, 0.2)

    assert Question("q", None, frozenset({"returns"})).is_answered_by(ranked)
    assert Question("q", None, frozenset({"returns#window"})).is_answered_by(ranked)
    assert not Question("q", None, frozenset({"returns#other"})).is_answered_by(ranked)
    assert not Question("q", None, frozenset()).is_answered_by(ranked)


def test_calibrated_and_measured(file: Path, index: Index, encoder: OnnxEncoder) -> None:
    questions = load_questions(file, index)
    calibration = calibrate(index, encoder, questions)
    report = evaluate(index, encoder, calibration, questions)

    assert calibration == calibrate(index, encoder, questions)
    assert calibration.questions == 8
    assert (report.questions, report.answerable) == (8, 5)
    assert report.recall_at_1 == report.article_at_1 == report.mrr == 1
    assert report.auroc == 1
    assert report.answered_without == report.wrong_answer_rate == 0
    assert (report.procedure_right, report.procedure_wrong) == (1, 0)
    assert 0 <= report.ece <= 1
    assert set(report.to_json()) >= {"coverage", "clarify_helpful", "answered_when_removed"}
    assert "recall at 1" in str(report)
    assert sum(one.questions for one in report.reliability) == 8
    assert report.ece == expected_calibration_error(report.reliability)
    assert str(report).endswith(reliability_diagram(report.reliability))
    assert json.loads(json.dumps(report.to_json()))["reliability"][0]["begin"] == 0


def test_misplaced_labels_show_in_the_figures(index: Index, encoder: OnnxEncoder) -> None:
    """The measure must be able to fail: the same rankings against labels that are wrong."""
    questions = [
        Question("my dishwasher leaves standing water", "dishwasher", frozenset({"returns"})),
        Question("which salt do I use", "dishwasher", frozenset({"dishwasher-add-salt#fill"})),
    ]
    always = Calibration((0.0,) * len(FEATURES), 60.0, 0.8, 0.4, 0.4, 0)
    report = evaluate(index, encoder, always, questions)

    assert report.recall_at_1 == 0
    assert report.article_at_1 == 0.5
    assert 0 < report.mrr < 1
    assert report.coverage == 1
    assert report.wrong_answer_rate == 0.5
    assert report.wrong_section_rate == 1
    assert report.answered_when_removed == 1
    assert report.ece == pytest.approx(0.5)


def test_auroc() -> None:
    assert auroc([0.9, 0.8, 0.3, 0.1], [True, True, False, False]) == 1
    assert auroc([0.9, 0.8, 0.3, 0.1], [False, False, True, True]) == 0
    assert auroc([0.5, 0.5], [True, False]) == 0.5
    assert auroc([0.9, 0.4, 0.6, 0.1], [True, True, False, False]) == 0.75
    assert auroc([0.9], [True]) == 0.5


def test_auroc_agrees_with_scikit_learn() -> None:
    from sklearn.metrics import roc_auc_score

    random = np.random.default_rng(3)
    scores, labels = random.random(200).round(1), random.random(200) > 0.6
    assert auroc(list(scores), list(labels)) == pytest.approx(roc_auc_score(labels, scores))


def test_expected_calibration_error() -> None:
    def error(probabilities: list[float], right: list[bool]) -> float:
        return expected_calibration_error(reliability(probabilities, right))

    assert error([1.0, 1.0, 0.0], [True, True, False]) == 0
    assert error([0.95] * 10, [True] * 5 + [False] * 5) == pytest.approx(0.45)
    assert error([0.05] * 2 + [0.95] * 2, [True] * 4) == pytest.approx(0.5)
    assert error([], []) == 0


def test_probabilities_fall_into_tenths() -> None:
    bins = reliability([0.0, 0.04, 0.1, 0.19, 0.95, 1.0], [False, True, True, False, True, True])

    assert [(one.begin, one.end, one.questions) for one in bins] == [
        (0.0, 0.1, 2),
        (0.1, 0.2, 2),
        (0.9, 1.0, 2),  # 1 is in the last tenth, and empty tenths are left out
    ]
    assert [one.said for one in bins] == pytest.approx([0.02, 0.145, 0.975])
    assert [one.right for one in bins] == [0.5, 0.5, 1.0]
    assert [one.questions for one in reliability([0.1, 0.3], [True, False], bins=2)] == [2]
    assert reliability([], []) == ()


def test_the_reliability_diagram() -> None:
    bins = (Bin(0.2, 0.3, 3, 0.24, 0.8), Bin(0.9, 1.0, 12, 1.0, 0.4), Bin(0.0, 0.1, 1, 0.0, 0.0))
    heading, over, under, nothing = reliability_diagram(bins).splitlines()

    assert heading.startswith("probability   questions   said   right   0% ...")
    assert over == "0.2 to 0.3            3   0.24    0.80   ######|#############"
    assert under == "0.9 to 1.0           12   1.00    0.40   " + "#" * 10 + " " * 15 + "|"
    assert nothing == "0.0 to 0.1            1   0.00    0.00   |"
    assert len(heading) == len(under)  # the scale ends where a full bar does
