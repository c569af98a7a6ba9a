"""Sections in the right order, and only those that may be shown."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.articles import load_articles
from retrieval.building import Sources
from retrieval.encoder import HashingEncoder, OnnxEncoder
from retrieval.index import Index
from retrieval.ranking import Ranked, fuse, search, sections_before_overviews
from tests.retrieval.conftest import TODAY, Write


@pytest.fixture
def index(sources: Sources, encoder: OnnxEncoder) -> Index:
    return Index.build(load_articles(sources.articles, TODAY), encoder)


def test_fusion_weighs_both_alike() -> None:
    cosine = np.array([1.0, 0.5, -0.2], dtype=np.float32)
    lexical = np.array([0.0, 0.5, 0.4], dtype=np.float32)

    assert fuse(cosine, lexical) == pytest.approx([0.5, 0.5, 0.1])


@pytest.mark.parametrize(
    ("question", "section"),
    [
        ("my dishwasher leaves a puddle of water standing in it", "dishwasher-does-not-drain"),
        ("E24", "dishwasher-does-not-drain"),
        ("which salt do I use", "dishwasher-add-salt#which"),
        ("how do I descale my espresso maker", "coffee-machine-descale#descale"),
        ("how many days do I have to return it", "returns#window"),
        ("may I send it back", "returns"),
    ],
)
def test_the_right_section_comes_first(
    index: Index, encoder: OnnxEncoder, question: str, section: str
) -> None:
    ranked = search(index, encoder, question)
    article, _, anchor = section.partition("#")

    assert ranked[0].article_id == article
    assert ranked[0].anchor == anchor


def test_each_section_once_best_first(index: Index, encoder: OnnxEncoder) -> None:
    ranked = search(index, encoder, "how much salt goes into the container")
    keys = [(r.article_id, r.anchor) for r in ranked]

    assert len(set(keys)) == len(keys)
    assert [r.score for r in ranked] == sorted((r.score for r in ranked), reverse=True)
    for r in ranked:
        assert r.score == pytest.approx(0.5 * r.cosine + 0.5 * r.lexical, abs=1e-6)


@pytest.mark.parametrize(
    ("article", "behind", "first"),
    [
        ("returns", 0.07, "window"),  # nearly as good: the section is quoted
        ("returns", 0.09, ""),  # clearly worse: the overview is
        ("dishwasher-does-not-drain", 0.07, ""),  # a procedure's sections are steps, not answers
    ],
)
def test_a_section_goes_before_its_overview(
    index: Index, article: str, behind: float, first: str
) -> None:
    """Titles stand for the overview, which matches most questions and answers few."""
    anchor = "window" if article == "returns" else "filter"
    ranked = [
        Ranked(article, "", 0, 0.5, 0.6, 0.4),
        Ranked("dishwasher-add-salt", "fill", 0, 0.49, 0.5, 0.48),
        Ranked(article, anchor, 7, 0.5 - behind, 0.4, 0.4),
    ]
    result = sections_before_overviews(index, ranked)

    assert result[0].anchor == first
    assert [r.score for r in result] == [r.score for r in ranked]  # the article's place stays
    assert result[1] == ranked[1]
    assert sorted((r.anchor, r.start) for r in result) == sorted(
        (r.anchor, r.start) for r in ranked
    )


def test_what_may_not_be_shown_is_not_ranked(index: Index, encoder: OnnxEncoder) -> None:
    """Filtering comes before ranking: the best hit of another product must not take a place."""
    asked = "approval for goodwill vouchers"
    assert "goodwill" not in {r.article_id for r in search(index, encoder, asked)}
    assert search(index, encoder, asked, audience="agent")[0].article_id == "goodwill"
    ranked = search(index, encoder, "standing water", product="coffee_machine")
    assert {r.article_id for r in ranked} == {"returns"}


def test_an_exact_code_beats_similar_ones(write: Write, encoder: OnnxEncoder) -> None:
    """To the encoder E24 and E25 are nearly the same; to the customer they are not."""
    for code, text in (
        ("E24", "Clean the filter."),
        ("E25", "Free the pump."),
        ("E15", "Close the tap."),
    ):
        file = write(
            f"code-{code.lower()}",
            f"## Code {code} {{#code}}\n{text}\n",
            title=f"What {code} means",
        )
    index = Index.build(load_articles(file.parent, TODAY), encoder)

    for asked, expected in (
        ("it says E25", "code-e25"),
        ("error e-15!!", "code-e15"),
        ("display shows E 24", "code-e24"),
    ):
        assert search(index, encoder, asked)[0].article_id == expected


def test_nothing_to_rank(index: Index, encoder: OnnxEncoder) -> None:
    assert search(index, encoder, "salt", kinds=frozenset({"lesson"})) == []
    assert search(index, encoder, "  ") == []


def test_equal_scores_keep_the_articles_order(sources: Sources) -> None:
    """The same question must not be answered differently from one run to the next."""
    encoder = HashingEncoder()
    index = Index.build(load_articles(sources.articles, TODAY), encoder)

    first = search(index, encoder, "qqq www")
    assert first == search(index, encoder, "qqq www")
