"""Sections in the right order, and only those that may be shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from retrieval.articles import load_articles
from retrieval.building import Sources
from retrieval.encoder import HashingEncoder, OnnxEncoder
from retrieval.index import Index
from retrieval.ranking import (
    DEPTH,
    OVERVIEW_LEAD,
    Ranked,
    rank,
    search,
    sections_before_overviews,
    weight_of_meaning,
)
from retrieval.words import terms
from tests.retrieval.conftest import CATALOGUE, TODAY, Write


@pytest.fixture
def index(sources: Sources, encoder: OnnxEncoder) -> Index:
    return Index.build(load_articles(sources.articles, TODAY), encoder)


def test_the_weight_of_meaning_follows_collection_and_question() -> None:
    assert weight_of_meaning(0.5, 0.4) == pytest.approx(0.5)  # the usual match: the balance itself
    assert weight_of_meaning(0.75, 0.4) == pytest.approx(0.75)
    assert weight_of_meaning(0.5, 0.9) == pytest.approx(1 / (1 + np.exp(1.0)))  # words say it all
    assert weight_of_meaning(0.5, 0.0) == pytest.approx(1 / (1 + np.exp(-0.8)))  # they say nothing
    for balance in (0.35, 0.75):
        weights = [weight_of_meaning(balance, best) for best in np.linspace(0, 1, 11)]
        assert weights == sorted(weights, reverse=True)
        assert 0 < weights[-1] < weights[0] < 1


def phrases(index: Index, article: str, *texts: str) -> Index:
    """The same article with other customers' questions for its overview."""
    changed = replace(index.articles[article], questions={"": texts})
    return Index.build([changed], HashingEncoder())


def test_phrases_that_agree_lift_a_section(index: Index) -> None:
    """Two of a customers' phrases that fit say more than one; a smooth maximum adds a little."""
    encoder = HashingEncoder()
    asked = "where does grit go"
    one = replace(phrases(index, "returns", "where does grit go"), balance=0.5)
    vector, words = encoder.encode([asked])[0], terms(asked)

    def score(of: Index) -> float:
        return next(
            r.score for r in rank(of, vector, words, of.rows(None, "customer")) if not r.anchor
        )

    def fused(of: Index) -> list[float]:
        lexical = of.words.scores(words)
        weight = weight_of_meaning(of.balance, float(lexical.max()))
        cosines = of.vectors.cosines(vector, np.arange(len(of.passages)))
        both = weight * cosines + (1 - weight) * lexical
        rows = [row for row, p in enumerate(of.passages) if not p.anchor]
        short = [float(both[row]) for row in rows if of.short[row]]
        return [*short, max(float(both[row]) for row in rows if not of.short[row])]

    for made in (one, phrases(index, "returns", asked, "does grit go here", "grit")):
        values = np.array(fused(made))
        expected = np.log(np.exp(25 * values).sum()) / 25
        assert score(made) == pytest.approx(expected, abs=1e-5)
    assert score(made) > values.max() + 0.003


def test_long_texts_are_not_lifted(write: Write) -> None:
    """Of a section's windows only the best counts, else long sections would come first."""
    window = "The grit goes below the lid. " * 10  # 60 words, so that each repeat is a window
    write("short-one", window + "\n", title="A")
    file = write("tall-one", window * 6 + "\n", title="B")
    index = Index.build(load_articles(file.parent, TODAY), HashingEncoder())
    scores = {
        r.article_id: r.score for r in search(index, HashingEncoder(), "grit goes below the lid")
    }

    assert len([p for p in index.passages if p.article_id == "tall-one"]) == 7
    assert scores["tall-one"] == pytest.approx(scores["short-one"], abs=0.01)


def test_company_is_the_share_of_the_nearest_passages(index: Index, encoder: OnnxEncoder) -> None:
    asked = "water stands in the tub"
    ranked = search(index, encoder, asked)
    rows = index.rows(None, "customer")
    cosine = index.vectors.cosines(encoder.encode([asked])[0], rows)
    nearest = [index.passages[row].article_id for row in rows[np.argsort(-cosine)[:5]]]

    assert ranked[0].company > 0
    for one in ranked:
        own = sum(passage.article_id == one.article_id for passage in index.passages)
        others = 1 - own / len(rows)  # an article that is half of all is often among its own
        assert one.company == pytest.approx(nearest.count(one.article_id) / 5 * others)


def test_a_ranking_is_not_longer_than_its_depth(write: Write) -> None:
    body = "".join(f"## Part {n} {{#part-{n}}}\nTurn screw{n}.\n\n" for n in range(DEPTH + 20))
    index = Index.build(load_articles(write("parts", body).parent, TODAY), HashingEncoder())

    assert len(search(index, HashingEncoder(), "which part has screw7")) == DEPTH


def test_mistyped_words_are_found(index: Index, encoder: OnnxEncoder) -> None:
    """No article says "saltt", and to the encoder it is a string of fragments."""
    assert search(index, encoder, "whitch saltt for the dishwashre")[0].article_id == (
        "dishwasher-add-salt"
    )
    assert search(index, encoder, "Goodwil voucers", audience="agent") == search(
        index, encoder, "Goodwill vouchers", audience="agent"
    )


def test_a_model_finds_what_is_for_its_product(sources: Sources, encoder: OnnxEncoder) -> None:
    index = Index.build(load_articles(sources.articles, TODAY), encoder, CATALOGUE)
    ranked = search(index, encoder, "standing water", product="HM-D450")

    assert ranked[0].article_id == "dishwasher-does-not-drain"
    assert "coffee-machine-descale" not in {r.article_id for r in ranked}


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
    rows = index.rows(None, "customer")
    best = float(index.words.scores(terms("how much salt goes into the container"))[rows].max())
    weight = weight_of_meaning(index.balance, best)
    for r in ranked:
        fused = weight * r.cosine + (1 - weight) * r.lexical
        # The best passage's, and at most what as many phrases as the section has can add.
        phrases = [
            p for p in index.passages if (p.article_id, p.anchor) == (r.article_id, r.anchor)
        ]
        assert fused - 1e-6 <= r.score + OVERVIEW_LEAD
        assert r.score <= fused + OVERVIEW_LEAD + np.log(len(phrases)) / 25
        assert (index.passages[r.row].article_id, index.passages[r.row].anchor) == (
            r.article_id,
            r.anchor,
        )
        assert index.passages[r.row].start == r.start


@pytest.mark.parametrize(
    ("article", "behind", "first"),
    [
        ("returns", 0.09, "window"),  # nearly as good: the section is quoted
        ("returns", 0.11, ""),  # clearly worse: the overview is
        ("dishwasher-does-not-drain", 0.09, ""),  # a procedure's sections are steps, not answers
    ],
)
def test_a_section_goes_before_its_overview(
    index: Index, article: str, behind: float, first: str
) -> None:
    """Titles stand for the overview, which matches most questions and answers few."""
    anchor = "window" if article == "returns" else "filter"
    ranked = [
        Ranked(article, "", 0, 0.5, 0.6, 0.4, 3, 0.4),
        Ranked("dishwasher-add-salt", "fill", 0, 0.49, 0.5, 0.48, 5, 0.2),
        Ranked(article, anchor, 7, 0.5 - behind, 0.4, 0.4, 8, 0.4),
    ]
    result = sections_before_overviews(index, ranked)

    assert result[0].anchor == first
    assert [r.score for r in result] == [r.score for r in ranked]  # the article's place stays
    assert result[1] == ranked[1]
    assert sorted((r.anchor, r.start, r.row) for r in result) == sorted(
        (r.anchor, r.start, r.row) for r in ranked
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
