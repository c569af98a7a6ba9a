"""Measures whose values are known by hand, on a corpus small enough to see through."""

from __future__ import annotations

import json
from dataclasses import replace
from math import log2
from pathlib import Path

import pytest

from retrieval.benchmark import Outcome, benchmark
from retrieval.corpus import read_corpus
from retrieval.decision import FEATURES, Calibration
from retrieval.encoder import HashingEncoder
from retrieval.ranking import Ranked
from tests.retrieval.conftest import TODAY

DOCUMENTS = 12
QUESTIONS = {"q1": "one", "q2": "two", "q3": "three", "q4": "four"}
# What the ranking below says, best first, for every question; d2 has two sections in it.
RANKED = ["d1", "d2", "d3", "d2", *(f"d{n}" for n in range(4, DOCUMENTS + 1))]
ANSWERS = {
    "q1": frozenset({"d1"}),  # in place 1
    "q2": frozenset({"d3", "d5"}),  # in places 3 and 5
    "q3": frozenset({"d11"}),  # in place 11: behind all that counts
    "q4": frozenset({"d4", "gone"}),  # in place 4; one is not in the corpus
}


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    file = tmp_path / "corpus.jsonl"
    rows = ({"id": f"d{n}", "text": f"word{n} stands here"} for n in range(1, DOCUMENTS + 1))
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def calibration(weights: dict[str, float], bias: float) -> Calibration:
    return replace(
        Calibration.default(),
        weights=tuple(weights.get(name, 0.0) for name in FEATURES),
        bias=bias,
    )


ALWAYS = calibration({}, 60.0)


@pytest.fixture
def fixed(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    """Measured on a ranking that is the same for every question."""

    def ranked(*_: object) -> list[Ranked]:
        return [
            Ranked(name, "", 0, 1 - place / 100, 0.5, 0.5, int(name[1:]) - 1, 0.2)
            for place, name in enumerate(RANKED)
        ]

    monkeypatch.setattr("retrieval.benchmark.search", ranked)
    return benchmark(read_corpus(corpus), QUESTIONS, ANSWERS, {}, HashingEncoder(), ALWAYS)


def test_hits(fixed: Outcome) -> None:
    assert fixed.hit == {1: 1 / 4, 3: 2 / 4, 5: 3 / 4, 10: 3 / 4}


def test_reciprocal_rank(fixed: Outcome) -> None:
    assert fixed.mrr == pytest.approx((1 + 1 / 3 + 0 + 1 / 4) / 4)


def test_discounted_gain(fixed: Outcome) -> None:
    best_of_two = 1 + 1 / log2(3)
    second = (1 / log2(4) + 1 / log2(6)) / best_of_two
    fourth = (1 / log2(5)) / best_of_two  # what cannot be found is missed, too

    assert fixed.ndcg == pytest.approx((1 + second + 0 + fourth) / 4)


def test_a_document_stands_where_its_best_section_stands(fixed: Outcome) -> None:
    assert fixed.ranked["q1"] == [f"d{n}" for n in range(1, 11)]


def test_gains_agree_with_scikit_learn(fixed: Outcome) -> None:
    from sklearn.metrics import ndcg_score

    names = list(dict.fromkeys(RANKED))
    scores = [[float(-place) for place in range(len(names))]] * 3
    right = [[float(name in ANSWERS[q]) for name in names] for q in ("q1", "q2", "q3")]
    ours = fixed.ndcg * 4 - (1 / log2(5)) / (1 + 1 / log2(3))

    assert ours / 3 == pytest.approx(ndcg_score(right, scores, k=10))


def test_without_questions_that_have_no_answer_nothing_is_said_of_decisions(
    fixed: Outcome,
) -> None:
    assert fixed.decisions is None
    assert "AUROC" not in str(fixed)
    assert fixed.to_json()["decisions"] is None


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    file = tmp_path / "tiny.jsonl"
    rows = (
        {"id": "reset", "title": "Reset the router", "text": "Hold the small button."},
        {"id": "lamp", "title": "The lamp blinks", "text": "Wait until the lamp is green."},
        {"id": "wall", "title": "Fix it to a wall", "text": "Drill two holes for the screws."},
    )
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def measured(file: Path, judged: Calibration) -> Outcome:
    """Two questions with the right document first, one with a wrong one first, two without."""
    return benchmark(
        read_corpus(file),
        {
            "q1": "how do i reset the router",
            "q2": "the lamp blinks",
            "q3": "drill holes for screws",
            "q4": "nobody knows",  # no document is said to answer it: left out
        },
        {"q1": frozenset({"reset"}), "q2": frozenset({"lamp"}), "q3": frozenset({"reset"})},
        {"n1": "zebra giraffe", "n2": "okapi"},
        HashingEncoder(),
        judged,
    )


def test_decisions(tiny: Path) -> None:
    """Judged by coverage alone: what shares no word with its document is not answered."""
    outcome = measured(tiny, calibration({"coverage": 40.0}, -12.0))
    assert outcome.decisions is not None

    assert outcome.questions == 3
    assert outcome.without_answer == 2
    assert outcome.hit[1] == pytest.approx(2 / 3)
    assert outcome.decisions.answered == 1
    assert outcome.decisions.right == pytest.approx(2 / 3)
    assert outcome.decisions.answered_without == 0
    assert outcome.decisions.auroc == 1
    assert set(outcome.ranked) == {"q1", "q2", "q3"}


def test_a_threshold_that_is_never_or_always_reached(tiny: Path) -> None:
    always = measured(tiny, ALWAYS).decisions
    never = measured(tiny, calibration({}, -60.0)).decisions
    assert always is not None
    assert never is not None

    assert (always.answered, always.answered_without) == (1, 1)
    assert (never.answered, never.right, never.answered_without) == (0, 0, 0)
    assert always.auroc == never.auroc == 0.5  # all are alike


def test_a_judgement_upside_down_shows(tiny: Path) -> None:
    """The measure must be able to fail."""
    outcome = measured(tiny, calibration({"coverage": -40.0}, 30.0))
    assert outcome.decisions is not None

    assert outcome.decisions.auroc == 0
    assert outcome.decisions.answered_without == 1


def test_what_is_told(tiny: Path) -> None:
    outcome = measured(tiny, ALWAYS)
    value = json.loads(json.dumps(outcome.to_json()))

    assert value["hit"]["1"] == outcome.hit[1]
    assert value["decisions"]["answered"] == 1
    assert value["documents"] == 3
    assert value["ranked"]["q1"][0] == "reset"
    shown = str(outcome)
    assert shown.startswith("3 documents, ")
    assert "3 questions, 2 more without an answer" in shown
    assert "answered 100.0%, rightly 66.7% of those" in shown
    assert 0 < outcome.ms_p50 <= outcome.ms_p95
    assert outcome.resident_mb > 10


def test_the_same_corpus_gives_the_same_figures(tiny: Path) -> None:
    first, again = measured(tiny, ALWAYS), measured(tiny, ALWAYS)

    assert (first.hit, first.mrr, first.ndcg, first.decisions, first.ranked) == (
        again.hit,
        again.mrr,
        again.ndcg,
        again.decisions,
        again.ranked,
    )
    assert read_corpus(tiny)[0].review_by > TODAY  # a document is never past review
