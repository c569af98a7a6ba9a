"""A collection says itself whether words or meaning find what is in it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from retrieval.articles import Article, Section, load_articles
from retrieval.balance import EVEN, MEANING, WORDS, measured_balance
from retrieval.building import Sources
from retrieval.encoder import HashingEncoder, OnnxEncoder
from retrieval.index import Index
from tests.retrieval.conftest import TODAY

THINGS = [f"{a}{b}" for a in ("bolt", "ring", "seal", "lamp", "pump") for b in "abcdefgh"]


def article(number: int, title: str, text: str, questions: tuple[str, ...] = ()) -> Article:
    return Article(
        id=f"a{number}",
        title=title,
        kind="how-to",
        products=("all",),
        symptoms=(),
        audience="customer",
        owner="team",
        review_by=TODAY,
        version="",
        path=f"a{number}.md",
        sections=(Section("", "", text, 1),),
        questions={"": questions} if questions else {},
    )


class Understanding(HashingEncoder):
    """Takes words for the same that differ in their first letter only; to words they are strange
    to each other."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return super().encode([text.split()[-1][1:] for text in texts])


class Blind(HashingEncoder):
    """Every text is the same to it."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return super().encode(["same"] * len(texts))


def in_terms() -> list[Article]:
    return [
        article(n, f"The {thing}", f"Fit the {thing} with a key. Turn the {thing} to the left.")
        for n, thing in enumerate(THINGS)
    ]


def in_words_of_their_own() -> list[Article]:
    names = [f"q{a}{b}" for a in "bdfgk" for b in "lmnprtvx"]
    return [
        article(n, f"t{name}", f"u{name}", (f"v{name}", f"w{name}")) for n, name in enumerate(names)
    ]


def test_where_words_find_it_words_weigh_more() -> None:
    balance = measured_balance(in_terms(), Blind())

    assert WORDS <= balance < EVEN


def test_where_only_meaning_finds_it_meaning_weighs_more() -> None:
    balance = measured_balance(in_words_of_their_own(), Understanding())

    assert EVEN < balance <= MEANING


def test_little_to_go_by_changes_little() -> None:
    """Five articles are chance; the weight stays near the middle."""
    few = measured_balance(in_terms()[:5], Blind())
    many = measured_balance(in_terms(), Blind())

    assert abs(few - EVEN) < abs(many - EVEN)
    assert WORDS <= few < EVEN


@pytest.mark.parametrize("total", [0, 1])
def test_nothing_to_compare(total: int) -> None:
    assert measured_balance(in_terms()[:total], Blind()) == EVEN


def test_texts_without_a_word_that_counts() -> None:
    silent = [article(n, "", "?! ...") for n in range(4)]

    assert measured_balance(silent, HashingEncoder()) == EVEN


def test_the_order_of_the_articles_does_not_matter() -> None:
    """Else the same folder could rank differently on another file system."""
    articles = in_terms()

    assert measured_balance(articles, HashingEncoder()) == measured_balance(
        articles[::-1], HashingEncoder()
    )


def test_a_sentence_does_not_find_itself() -> None:
    """The window that holds it is left out, else every sentence would be found by its words."""
    long = [
        article(
            n,
            "",
            f"Alpha{n} beta{n} gamma{n} delta{n} eps{n}. "
            + f"One{n} two{n} three{n} four{n} five{n}. "
            + f"Red{n} blue{n} green{n} white{n} black{n}.",
        )
        for n in range(40)
    ]

    # No part of a section shares a word with another: neither search finds anything.
    leads_nowhere = measured_balance(long, Blind())
    assert leads_nowhere == pytest.approx(
        EVEN + 40 / 70 * (WORDS - EVEN), abs=1e-4
    )  # no lead of meaning at all: words, as far as forty questions can be trusted


def test_an_index_has_the_balance_of_its_articles(sources: Sources, encoder: OnnxEncoder) -> None:
    articles = load_articles(sources.articles, TODAY)
    index = Index.build(articles, encoder)

    assert index.balance == measured_balance(articles, encoder)
    assert WORDS <= index.balance <= MEANING
