"""Real FAISS and real BM25 over five small articles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from retrieval.articles import load_articles
from retrieval.building import Sources
from retrieval.encoder import HashingEncoder
from retrieval.index import Index
from retrieval.words import terms
from tests.retrieval.conftest import CATALOGUE, TODAY


@pytest.fixture
def index(sources: Sources, hashing: HashingEncoder) -> Index:
    return Index.build(load_articles(sources.articles, TODAY), hashing, CATALOGUE)


def articles_in(index: Index, rows: np.ndarray) -> set[str]:
    return {index.passages[row].article_id for row in rows}


@pytest.mark.parametrize(
    ("product", "audience", "expected"),
    [
        (
            None,
            "customer",
            {
                "dishwasher-does-not-drain",
                "dishwasher-add-salt",
                "coffee-machine-descale",
                "returns",
            },
        ),
        ("dishwasher", "customer", {"dishwasher-does-not-drain", "dishwasher-add-salt", "returns"}),
        ("HM-D450", "customer", {"dishwasher-does-not-drain", "dishwasher-add-salt", "returns"}),
        ("hm-c200", "customer", {"coffee-machine-descale", "returns"}),
        ("coffee_machine", "customer", {"coffee-machine-descale", "returns"}),
        ("HM-C350", "customer", {"returns"}),  # the article is for the other model
        ("toaster", "customer", {"returns"}),
        ("toaster", "agent", {"returns", "goodwill"}),
    ],
)
def test_what_may_be_shown(
    index: Index, product: str | None, audience: str, expected: set[str]
) -> None:
    assert articles_in(index, index.rows(product, audience)) == expected


def test_kinds_may_be_chosen(index: Index) -> None:
    rows = index.rows(None, "customer", frozenset({"procedure"}))

    assert articles_in(index, rows) == {"dishwasher-does-not-drain"}


def test_cosines_are_exact(index: Index, hashing: HashingEncoder) -> None:
    vector = hashing.encode(["the pump needs a technician"])[0]
    expected = hashing.encode([p.text for p in index.passages]) @ vector

    assert index.cosines(vector) == pytest.approx(expected, abs=1e-6)


def test_lexical_scores(index: Index) -> None:
    scores = index.lexical(terms("the error E24 in the tub"))

    best = index.passages[int(scores.argmax())]
    assert best.text.endswith("error E24")
    assert scores.min() == 0
    assert 0.3 < scores.max() < 1
    assert not index.lexical(["zzz"]).any()
    assert not index.lexical([]).any()


def test_unknown_words_lower_a_match(index: Index) -> None:
    """Half of what was asked is not in the articles, so half is the most that may match."""
    assert 0 < index.lexical(["e24", "qqq"]).max() < 0.5 * index.lexical(["e24"]).max()


def test_repeating_a_word_changes_nothing(index: Index) -> None:
    once, often = index.lexical(["salt", "tub"]), index.lexical(["salt"] * 50 + ["tub"])

    assert np.array_equal(once, often)


def test_rare_words_weigh_more(index: Index) -> None:
    assert index.idf("nowher") > index.idf("e24") > index.idf("dishwash") > 0


def test_written_and_read_again(index: Index, hashing: HashingEncoder, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    folder.mkdir()
    index.write(folder)
    again = Index.read(folder, hashing.fingerprint)

    assert again.articles == index.articles
    assert again.passages == index.passages
    assert again.catalogue["dishwasher"] == ["HM-D450", "HM-D620"]
    vector = hashing.encode(["coarse salt"])[0]
    assert np.array_equal(again.cosines(vector), index.cosines(vector))
    words = terms("coarse salt in the tub")
    assert np.array_equal(again.lexical(words), index.lexical(words))
    for file in folder.rglob("*"):  # a pickle would run code when it is loaded
        assert file.suffix in {"", ".json", ".faiss", ".npy"}
        if file.suffix == ".npy":
            np.load(file, allow_pickle=False)


def test_known_vectors_are_taken_over(
    index: Index, sources: Sources, hashing: HashingEncoder
) -> None:
    class Refusing(HashingEncoder):
        def encode(self, texts: object) -> np.ndarray:
            raise AssertionError("nothing is new")

    again = Index.build(index.articles.values(), Refusing(), CATALOGUE, index.known_vectors())
    vector = hashing.encode(["hose"])[0]
    assert np.array_equal(again.cosines(vector), index.cosines(vector))
