"""When to answer, when to ask back, when to say that nothing is known."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from retrieval.articles import load_articles
from retrieval.building import Sources
from retrieval.decision import (
    DEFAULT_CALIBRATION,
    FEATURES,
    Abstention,
    Answer,
    Calibration,
    Clarify,
    Costs,
    Evidence,
    decide,
    fit,
    weigh,
)
from retrieval.encoder import OnnxEncoder
from retrieval.index import Index
from retrieval.ranking import search
from retrieval.words import terms
from tests.retrieval.conftest import CATALOGUE, TODAY, Write


@pytest.fixture
def index(sources: Sources, encoder: OnnxEncoder) -> Index:
    return Index.build(load_articles(sources.articles, TODAY), encoder, CATALOGUE)


def ask(
    index: Index,
    encoder: OnnxEncoder,
    question: str,
    product: str | None = None,
    calibration: Calibration | None = None,
) -> Answer | Clarify | Abstention:
    ranked = search(index, encoder, question, product)
    return decide(index, ranked, question, product, calibration or Calibration.default(), "r-1")


def certain(probability: str) -> Calibration:
    """A calibration that finds everything certain, or nothing."""
    bias = {"always": 60.0, "never": -60.0, "even": 0.0}[probability]
    return replace(Calibration.default(), weights=(0.0,) * len(FEATURES), bias=bias)


def test_a_plain_question_is_answered_with_its_source(index: Index, encoder: OnnxEncoder) -> None:
    answer = ask(index, encoder, "which salt should I use in the dishwasher", "dishwasher")

    assert isinstance(answer, Answer)
    source = answer.source
    assert (source.article_id, source.anchor) == ("dishwasher-add-salt", "which")
    assert (source.title, source.section_title) == ("Add dishwasher salt", "Which salt")
    assert source.version == index.articles["dishwasher-add-salt"].version
    assert source.quote.startswith("Use coarse dishwasher salt only, see how to fill it")
    assert answer.release == "r-1"
    assert 0.8 <= answer.probability <= 1
    assert len(answer.sources) <= 5


@pytest.mark.parametrize(
    "question", ["what is the capital of France", "sing me a song", "asdf qwer yxcv"]
)
def test_far_questions_are_not_answered(index: Index, encoder: OnnxEncoder, question: str) -> None:
    assert not isinstance(ask(index, encoder, question), Answer)


def test_an_unknown_code_is_never_answered(index: Index, encoder: OnnxEncoder) -> None:
    """The article on E24 resembles a question on E77 in everything but the point."""
    asked = "the dishwasher does not drain and shows E77"
    result = ask(index, encoder, asked, "dishwasher", certain("always"))

    assert isinstance(result, Abstention)
    assert result.reason == "unknown_code"
    assert result.sources


def test_a_code_that_another_article_explains_is_asked_about(
    index: Index, encoder: OnnxEncoder
) -> None:
    asked = "dishwasher tub full of standing water, filter, hose, plug, pump. E09"
    result = ask(index, encoder, asked, None, certain("always"))

    assert isinstance(result, Clarify)
    assert result.reason == "code_elsewhere"
    assert result.sources[0].article_id == "coffee-machine-descale"


def test_a_model_number_is_no_code(index: Index, encoder: OnnxEncoder) -> None:
    """HM-D450 ends in what looks like a code that no article explains."""
    asked = "which salt for the HM-D450"

    assert isinstance(ask(index, encoder, asked, "dishwasher", certain("always")), Answer)


def test_a_question_that_fits_two_products_is_asked_back(
    write: Write, encoder: OnnxEncoder
) -> None:
    body = "## Open the door {#open}\nPull the emergency release below the door.\n"
    write("dishwasher-door", body, title="Open a stuck door")
    file = write(
        "washing-machine-door", body, title="Open a stuck door", products=["washing_machine"]
    )
    index = Index.build(load_articles(file.parent, TODAY), encoder, CATALOGUE)

    result = ask(index, encoder, "the door is stuck", None, certain("always"))
    assert isinstance(result, Clarify)
    assert result.reason == "which_product"
    assert {s.article_id for s in result.sources} == {"dishwasher-door", "washing-machine-door"}
    assert isinstance(
        ask(index, encoder, "the door is stuck", "washing_machine", certain("always")), Answer
    )


def test_the_thresholds_part_the_three(index: Index, encoder: OnnxEncoder) -> None:
    asked = "which salt"

    assert isinstance(ask(index, encoder, asked, None, certain("always")), Answer)
    asked_back = ask(index, encoder, asked, None, certain("even"))
    assert isinstance(asked_back, Clarify)
    assert asked_back.reason == "weak_evidence"
    assert len({s.article_id for s in asked_back.sources}) == len(asked_back.sources) == 2
    nothing = ask(index, encoder, asked, None, certain("never"))
    assert isinstance(nothing, Abstention)
    assert nothing.reason == "no_evidence"


def test_nothing_asked_and_nothing_to_search(index: Index, encoder: OnnxEncoder) -> None:
    empty = ask(index, encoder, " \n")
    assert isinstance(empty, Abstention)
    assert (empty.reason, empty.probability) == ("empty_question", 0.0)
    result = decide(index, [], "salt", None, Calibration.default(), "r-1")
    assert isinstance(result, Abstention)
    assert result.reason == "nothing_to_search"


def test_the_evidence(index: Index, encoder: OnnxEncoder) -> None:
    asked = "coarse salt zebra"
    ranked = search(index, encoder, asked)
    evidence = weigh(index, ranked, asked)

    assert evidence.cosine == ranked[0].cosine
    rival = next(r for r in ranked if r.article_id != ranked[0].article_id)
    assert evidence.margin == pytest.approx(ranked[0].score - rival.score)
    assert evidence.company == ranked[0].company
    idf = index.words.idf
    known = idf("coars") + idf("salt")
    assert evidence.coverage == pytest.approx(known / (known + idf("zebra")))
    assert evidence.values == tuple(getattr(evidence, name) for name in FEATURES)


def test_a_passage_may_say_less_than_its_article(index: Index, encoder: OnnxEncoder) -> None:
    asked = "rinse the filter, straighten the hose"
    drain = "dishwasher-does-not-drain"
    ranked = [one for one in search(index, encoder, asked) if one.article_id == drain]
    evidence = weigh(index, ranked, asked)
    passage = set(terms(index.passages[ranked[0].row].text))
    words = set(terms(asked))

    assert evidence.coverage == pytest.approx(1)  # both sections together say all of it
    said = sum(index.words.idf(word) for word in words & passage)
    assert evidence.quoted == pytest.approx(said / sum(map(index.words.idf, words)))
    assert 0 < evidence.quoted < 1


def test_a_question_of_small_words_has_no_coverage(index: Index, encoder: OnnxEncoder) -> None:
    ranked = search(index, encoder, "what is it")
    evidence = weigh(index, ranked, "what is it")

    assert (evidence.coverage, evidence.quoted) == (0, 0)


def test_long_questions_are_told_from_short_ones(index: Index, encoder: OnnxEncoder) -> None:
    def length(asked: str) -> float:
        return weigh(index, search(index, encoder, asked), asked).length

    assert 0 < length("which salt") < length("which salt do I put in my dishwasher") < 1
    assert length("salt " * 200) == length("salt " * 2000) == 1


def test_a_source_says_what_fitted(index: Index, encoder: OnnxEncoder) -> None:
    asked = "Salts! Which salts, and an E24?"
    result = ask(index, encoder, "which salts do I use", "dishwasher", certain("always"))
    assert isinstance(result, Answer)
    source = result.source

    assert source.words == ("salts",)  # as it was asked, though the text says "salt"
    assert source.matched in {p.text for p in index.passages}
    assert source.probability is None  # which `find` alone gives
    for one in decide(
        index, search(index, encoder, asked), asked, None, certain("always"), "r-1"
    ).sources:
        assert set(one.words) <= {"salts", "e24"}
        for word in one.words:
            assert set(terms(word)) <= set(terms(one.matched))


def test_costs_set_the_thresholds() -> None:
    assert Costs(wrong_answer=4, missed_answer=1).answer_at == 0.8
    assert Costs(wrong_answer=9, missed_answer=1).answer_at == 0.9
    assert Costs(needless_question=1, missed_answer=1).clarify_at == 0.5
    assert Costs(wrong_procedure=3, missed_answer=1).procedure_at == 0.75


def test_fitting_tells_right_from_wrong() -> None:
    good, bad = Evidence(0.8, 0.9, 1.0, 0.4, 0.8, 0.2), Evidence(0.2, 0.3, 0.2, 0.0, 0.2, 0.2)
    evidence, right = [good, bad] * 40, [True, False] * 40
    calibration = fit(evidence, right)

    assert calibration.probability(good) > 0.95
    assert calibration.probability(bad) < 0.05
    assert calibration == fit(evidence, right)
    assert Calibration.from_json(calibration.to_json()) == calibration
    with pytest.raises(ValueError, match="right and answers that are wrong"):
        fit([good, good], [True, True])


def test_what_counts_more_weighs_more() -> None:
    """The same evidence, right as often as wrong: weights alone decide what is likelier."""
    same, other = Evidence(0.5, 0.5, 0.5, 0.1, 0.4, 0.2), Evidence(0.4, 0.4, 0.4, 0.1, 0.4, 0.2)
    evidence, right = [same, same, other, other] * 20, [True, False] * 40

    def probability(weights: list[float] | None) -> float:
        return fit(evidence, right, weights=weights).probability(same)

    assert probability(None) == pytest.approx(0.5, abs=0.01)
    assert probability([3.0, 1.0] * 40) == pytest.approx(0.75, abs=0.01)
    assert probability([30.0, 10.0] * 40) == pytest.approx(probability([3.0, 1.0] * 40))


def test_the_shipped_calibration_is_usable() -> None:
    calibration = Calibration.default()

    assert set(json.loads(DEFAULT_CALIBRATION.read_text())["weights"]) == set(FEATURES)
    assert all(weight > 0 for weight in calibration.weights)
    assert 0 < calibration.clarify_at < calibration.answer_at < 1
    assert calibration.procedure_at == pytest.approx(Costs().procedure_at, abs=1e-4)
    assert calibration.questions >= 100
    assert calibration.answer_at == pytest.approx(Costs().answer_at, abs=1e-4)
    assert calibration.clarify_at == pytest.approx(Costs().clarify_at, abs=1e-4)
