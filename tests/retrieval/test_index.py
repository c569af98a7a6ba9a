"""Real FAISS and real BM25 over five small articles."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from retrieval.articles import load_articles
from retrieval.building import Sources
from retrieval.encoder import HashingEncoder
from retrieval.index import Index
from retrieval.ranking import search
from retrieval.words import terms
from tests.retrieval.conftest import CATALOGUE, TODAY, Write


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

    everything = np.arange(len(index.passages))
    assert index.vectors.cosines(vector, everything) == pytest.approx(expected, abs=1e-6)


def test_words_count_by_passage(index: Index) -> None:
    scores = index.words.scores(terms("the error E24 in the tub"))

    assert scores.shape == (len(index.passages),)
    assert index.passages[int(scores.argmax())].text.endswith("error E24")


def test_an_article_says_what_any_of_its_passages_says(index: Index) -> None:
    """What decides whether an error code is known must not see the articles beside it."""
    for name in index.articles:
        said = {t for p in index.passages if p.article_id == name for t in terms(p.text)}
        for term in {"e24", "e09", "salt", "goodwil", "dishwash", "nowher", *said}:
            assert index.says(name, term) == (term in said), (name, term)


def test_sections_and_articles_lie_side_by_side(index: Index) -> None:
    keys = [(p.article_id, p.anchor) for p in index.passages]
    numbers = dict(zip(keys, index.section_of.tolist(), strict=True))

    assert index.section_of.tolist() == [numbers[key] for key in keys]
    assert sorted(numbers.values()) == list(range(len(set(keys))))
    for name, (begin, end) in index.spans.items():
        assert {p.article_id for p in index.passages[begin:end]} == {name}
    assert sum(end - begin for begin, end in index.spans.values()) == len(index.passages)


def test_a_language_may_be_chosen(index: Index) -> None:
    german = replace(index.articles["returns"], id="rueckgabe", language="de")
    both = Index.build([*index.articles.values(), german], HashingEncoder(), CATALOGUE)

    assert articles_in(both, both.rows(None, "customer", None, "de")) == {"rueckgabe"}
    assert "rueckgabe" not in articles_in(both, both.rows("dishwasher", "customer", None, "en"))
    assert {"rueckgabe", "returns"} <= articles_in(both, both.rows("dishwasher", "customer"))


def test_made_up_products_are_not_remembered(index: Index) -> None:
    """Products come from customers' pages: each name kept would be memory anybody can fill."""
    for number in range(500):
        index.rows(f"product {number}", "customer")

    assert len(index._rows) == 1


def test_the_same_rows_are_not_looked_up_twice(index: Index) -> None:
    assert index.rows("HM-D450", "customer") is index.rows("hm-d450", "customer")
    assert index.rows("HM-D450", "customer") is not index.rows("HM-D450", "agent")


def many(write: Write, total: int) -> Path:
    """Articles on numbered parts, each its own product but for a shared word."""
    for number in range(total):
        text = f"Part {number} is blue{number}. It is held by screw{number} in the frame. "
        file = write(
            f"part-{number:03}",
            f"{text}\n\n## Fit it {{#fit}}\nTurn screw{number} until part {number} sits.\n",
            products=["dishwasher" if number % 2 else "coffee_machine"],
        )
    return file.parent


def test_an_approximate_index_finds_the_same(write: Write, hashing: HashingEncoder) -> None:
    """Above `flat_up_to` only the sections near in meaning or words are compared."""
    articles = load_articles(many(write, 120), TODAY)
    exact = Index.build(articles, hashing, CATALOGUE)
    near = Index.build(articles, hashing, CATALOGUE, flat_up_to=100)
    assert (exact.vectors.kind, near.vectors.kind) == ("flat", "ivf")

    for number in (0, 7, 64, 119):
        asked = f"where is screw{number} of part {number}"
        rows = near.rows(None, "customer")
        lexical = near.words.scores(terms(asked))
        some = near.candidates(hashing.encode([asked])[0], lexical, rows)
        assert len(some) < len(rows)
        sections = set(near.section_of[some].tolist())  # whole ones, so that they score alike
        assert some.tolist() == np.flatnonzero(np.isin(near.section_of, list(sections))).tolist()
        first, expected = search(near, hashing, asked)[0], search(exact, hashing, asked)[0]
        assert (first.article_id, first.anchor) == (expected.article_id, expected.anchor)
        assert first.score == pytest.approx(expected.score, abs=0.02)


def test_an_approximate_index_shows_only_what_may_be_shown(
    write: Write, hashing: HashingEncoder
) -> None:
    articles = load_articles(many(write, 120), TODAY)
    index = Index.build(articles, hashing, CATALOGUE, flat_up_to=100)
    allowed = index.rows("dishwasher", "customer")
    assert len(allowed) > 200  # else all of them are compared

    found = search(index, hashing, "where is screw4 of part 4", "dishwasher")
    assert found
    assert {one.row for one in found} <= set(allowed.tolist())


def test_written_and_read_again(index: Index, hashing: HashingEncoder, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    folder.mkdir()
    index.write(folder)
    again = Index.read(folder, hashing.fingerprint)

    assert again.articles == index.articles
    assert again.passages == index.passages
    assert again.catalogue["dishwasher"] == ["HM-D450", "HM-D620"]
    vector = hashing.encode(["coarse salt"])[0]
    everything = np.arange(len(index.passages))
    assert np.array_equal(
        again.vectors.cosines(vector, everything), index.vectors.cosines(vector, everything)
    )
    words = terms("coarse salt in the tub")
    assert np.array_equal(again.words.scores(words), index.words.scores(words))
    assert again.spelling == index.spelling
    assert again.balance == index.balance
    assert np.array_equal(again.section_of, index.section_of)
    assert np.array_equal(again.short, index.short)
    assert again.spans == index.spans
    asked = "how much coarse salt goes into the tub"
    assert search(again, hashing, asked) == search(index, hashing, asked)
    for file in folder.rglob("*"):  # a pickle would run code when it is loaded
        assert file.suffix in {"", ".json", ".faiss", ".npy"}
        if file.suffix == ".npy":
            np.load(file, allow_pickle=False)
