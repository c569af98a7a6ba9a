"""The arithmetic of the comparison, against values worked out by hand."""

import numpy as np
import pytest

from evaluation.peers.compare import figures, lead, ndcg, reciprocal_rank
from evaluation.peers.own import reciprocal_rank_fusion
from retrieval.articles import Article
from retrieval.benchmark import benchmark
from retrieval.corpus import read_corpus
from retrieval.decision import Calibration
from retrieval.encoder import HashingEncoder


def test_fusion_adds_the_reciprocal_places_and_keeps_what_only_one_ranking_found() -> None:
    """With k = 1: a 1/2 + 1/4, b 1/3 + 1/2, c 1/4, d 1/3."""
    assert reciprocal_rank_fusion([["a", "b", "c"], ["b", "d", "a"]], k=1) == ["b", "a", "d", "c"]


def test_measures_of_a_ranking_with_two_right_documents() -> None:
    """Places 2 and 4: 1/log2(3) + 1/log2(5) of 1 + 1/log2(3)."""
    ranked, right = ["x", "a", "y", "b"], frozenset({"a", "b"})
    assert reciprocal_rank(ranked, right) == 0.5
    assert ndcg(ranked, right) == pytest.approx((0.63093 + 0.43068) / (1 + 0.63093), abs=1e-5)


def test_the_eleventh_place_does_not_count() -> None:
    ranked = [*"abcdefghij", "right"]
    assert reciprocal_rank(ranked, frozenset({"right"})) == 0
    assert ndcg(ranked, frozenset({"right"})) == 0


def test_figures_are_means_over_all_questions_those_without_a_find_included() -> None:
    ranked = {"q1": ["a", "b"], "q2": ["b", "x", "a"], "q3": [], "q4": ["b", "a"]}
    answers = dict.fromkeys(ranked, frozenset({"a"}))
    result = figures(ranked, answers, 1.0, 2.0)
    assert result.hit == {1: 0.25, 3: 0.75, 5: 0.75, 10: 0.75}
    assert result.mrr == pytest.approx((1 + 1 / 3 + 0 + 1 / 2) / 4)


def test_a_constant_lead_has_no_spread_and_no_lead_is_never_better() -> None:
    assert lead([np.full(20, 0.25)], resamples=50).better == 1
    assert lead([np.full(20, 0.25)], resamples=50).low == pytest.approx(0.25)
    assert lead([np.zeros(20)], resamples=50).better == 0


def test_the_interval_is_that_of_the_binomial_for_differences_of_nought_and_one() -> None:
    """The mean of 400 fair coins: 0.5, and 1.96 times 0.025 to either side."""
    result = lead([np.repeat([0.0, 1.0], 200)], resamples=4000)
    assert result.difference == 0.5
    assert result.low == pytest.approx(0.451, abs=0.006)
    assert result.high == pytest.approx(0.549, abs=0.006)


def test_every_dataset_counts_the_same_however_many_questions_it_has() -> None:
    result = lead([np.full(1000, 0.1), np.full(10, -0.3)], resamples=20)
    assert result.difference == pytest.approx(-0.1)
    assert (result.low, result.high) == pytest.approx((-0.1, -0.1))


def test_our_figures_are_those_of_the_benchmark_command(tmp_path) -> None:
    """Two commands that call different numbers MRR would settle nothing."""
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text(
        '{"id": "a", "title": "Reset the router", "text": "Hold the small button at the back."}\n'
        '{"id": "b", "title": "Pay a bill", "text": "Open your account and choose a bill."}\n'
        '{"id": "c", "title": "Router lights", "text": "A red light at the back: reset it."}\n',
        "utf-8",
    )
    documents: tuple[Article, ...] = read_corpus(corpus)
    questions = {"q1": "reset router", "q2": "the red button", "q3": "router at the back"}
    answers = {"q1": frozenset({"a", "c"}), "q2": frozenset({"a"}), "q3": frozenset({"b"})}
    outcome = benchmark(documents, questions, answers, {}, HashingEncoder(), Calibration.default())
    result = figures(outcome.ranked, answers, outcome.build_seconds, outcome.ms_p50)
    assert result.hit == pytest.approx(outcome.hit)
    assert result.mrr == pytest.approx(outcome.mrr)
    assert result.ndcg == pytest.approx(outcome.ndcg)
