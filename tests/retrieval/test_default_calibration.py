"""The calibration for knowledge bases without labels: fitted on several, to hold on any."""

from __future__ import annotations

from datetime import date

import pytest

from retrieval import default_calibration
from retrieval.articles import Article, Section
from retrieval.decision import Calibration, Evidence, weigh
from retrieval.default_calibration import Collection, fit_default
from retrieval.encoder import HashingEncoder
from retrieval.index import Index
from retrieval.ranking import search

ENCODER = HashingEncoder()


def collection(name: str, things: tuple[str, ...], mislabelled: bool = False) -> Collection:
    documents = tuple(
        Article(
            id=thing,
            title=f"Clean the {thing}",
            kind="how-to",
            products=("all",),
            symptoms=(),
            audience="customer",
            owner="",
            review_by=date.max,
            version="",
            path=thing,
            sections=(Section("", "", f"Wipe the {thing} with a {name} cloth.", 1),),
        )
        for thing in things
    )
    answers = [frozenset({thing}) for thing in things]
    if mislabelled:
        answers = [frozenset({"none"}) for _ in things]
    asked = (f"how do I clean my {thing}" for thing in things)
    return Collection(name, documents, tuple(zip(asked, answers, strict=True)))


KITCHEN = collection("kitchen", ("kettle", "toaster", "blender", "freezer", "oven", "grill"))
GARDEN = collection("garden", ("mower", "hose", "rake", "ladder", "spade", "shears"))


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What `fit` is given."""
    given: dict[str, object] = {}
    fit = default_calibration.fit

    def watched(evidence: list[Evidence], right: list[bool], weights: list[float]) -> Calibration:
        given.update(evidence=evidence, right=right, weights=weights)
        return fit(evidence, right, weights=weights)

    monkeypatch.setattr(default_calibration, "fit", watched)
    return given


def test_it_tells_an_answer_from_its_absence() -> None:
    calibration = fit_default([KITCHEN, GARDEN], ENCODER)
    index = Index.build(KITCHEN.documents, ENCODER)

    def probability(asked: str, without: str = "") -> float:
        ranked = [r for r in search(index, ENCODER, asked) if r.article_id != without]
        return calibration.probability(weigh(index, ranked, asked))

    assert probability("how do I clean my toaster") > 0.8
    assert probability("how do I clean my toaster", without="toaster") < 0.4
    assert probability("how do I clean my mower") < 0.4


def test_every_question_is_put_three_ways(fitted: dict[str, object]) -> None:
    fit_default([KITCHEN, GARDEN], ENCODER)
    right, weights = fitted["right"], fitted["weights"]
    assert isinstance(right, list)
    assert isinstance(weights, list)

    assert right == ([True] * 6 + [False] * 12) * 2
    assert weights == pytest.approx(([3 / 6] * 6 + [1 / 6] * 12) * 2)


def test_collections_count_alike_whatever_their_size(fitted: dict[str, object]) -> None:
    small = collection("small", ("vase", "clock"))
    fit_default([KITCHEN, small], ENCODER)
    weights = fitted["weights"]
    assert isinstance(weights, list)

    assert len(weights) == (6 + 6 + 2) + (2 + 2 + 6)
    assert sum(weights[:14]) == pytest.approx(sum(weights[14:])) == pytest.approx(5)


def test_equal_names_are_not_mixed_up(fitted: dict[str, object]) -> None:
    """Two folders may both be called "test"; each is asked its own questions."""
    same = Collection(KITCHEN.name, GARDEN.documents, GARDEN.questions)
    fit_default([KITCHEN, same], ENCODER)

    assert fitted["right"] == ([True] * 6 + [False] * 12) * 2


def test_wrong_first_documents_are_wrong(fitted: dict[str, object]) -> None:
    fit_default([KITCHEN, collection("garden", ("mower", "hose"), mislabelled=True)], ENCODER)
    right = fitted["right"]
    assert isinstance(right, list)

    assert sum(right) == 6  # none of the mislabelled ones


def test_a_sample_is_taken_and_always_the_same(
    fitted: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(default_calibration, "_QUESTIONS", 4)
    told: list[str] = []
    first = fit_default([KITCHEN, GARDEN], ENCODER, told.append)
    assert first.questions == 2 * (4 + 4 + 4)
    assert [line.partition(",")[0] for line in told] == [
        "kitchen: 4 questions",
        "garden: 4 questions",
    ]

    assert fit_default([KITCHEN, GARDEN], ENCODER) == first


def test_one_collection_is_not_enough() -> None:
    with pytest.raises(ValueError, match="at least two collections"):
        fit_default([KITCHEN], ENCODER)


def test_nothing_to_learn_from() -> None:
    with pytest.raises(ValueError, match="right and answers that are wrong"):
        fit_default([collection("a", ("x1", "x2"), True), collection("b", ("y1",), True)], ENCODER)


def test_a_collection_without_questions_is_only_foreign(fitted: dict[str, object]) -> None:
    silent = Collection("silent", GARDEN.documents, ())
    fit_default([KITCHEN, silent], ENCODER)

    assert fitted["right"] == [True] * 6 + [False] * 6 + [False] * 6
