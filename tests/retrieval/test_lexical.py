"""Real BM25 held against its formula."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from retrieval.lexical import Lexical
from retrieval.words import terms

TEXTS = (
    "The dishwasher shows the error E24",
    "The dishwasher needs coarse salt. Salt softens water",
    "Rinse the filter of the dishwasher",
    "what is it",  # nothing but words that do not count
    "Descale the coffee machine when E09 is shown in the display and the water is slow",
)


@pytest.fixture
def lexical() -> Lexical:
    return Lexical.build(TEXTS)


def bm25(question: list[str]) -> list[float]:
    """Robertson and Zaragoza (2009), Lucene's variant, written down again."""
    counted = [Counter(terms(text) or [""]) for text in TEXTS]
    average = sum(map(Counter.total, counted)) / len(counted)
    found = []
    for document in counted:
        total = 0.0
        for term in set(question):
            frequency = sum(term in other for other in counted)
            idf = math.log(1 + (len(TEXTS) - frequency + 0.5) / (frequency + 0.5))
            length = 1.5 * (1 - 0.75 + 0.75 * document.total() / average)
            total += idf * document[term] / (document[term] + length) if document[term] else 0
        found.append(total)
    return found


@pytest.mark.parametrize("question", ["the error E24", "salt in the dishwasher water", "filter"])
def test_scores_are_bm25_over_the_idf_of_the_question(lexical: Lexical, question: str) -> None:
    asked = terms(question)
    most = sum(map(lexical.idf, set(asked)))

    assert lexical.scores(asked) == pytest.approx(np.array(bm25(asked)) / most, abs=1e-6)


def test_scores(lexical: Lexical) -> None:
    scores = lexical.scores(terms("the error E24 in the dishwasher"))

    assert scores.dtype == np.float32
    assert int(scores.argmax()) == 0
    assert scores.min() == 0
    assert 0.3 < scores.max() < 1
    assert not lexical.scores(["zzz"]).any()
    assert not lexical.scores([]).any()
    assert lexical.scores([]).shape == lexical.scores(["zzz"]).shape == (len(TEXTS),)


def test_unknown_words_lower_a_match(lexical: Lexical) -> None:
    """Half of what was asked is not in the articles, so half is the most that may match."""
    assert 0 < lexical.scores(["e24", "qqq"]).max() < 0.5 * lexical.scores(["e24"]).max()


def test_repeating_a_word_changes_nothing(lexical: Lexical) -> None:
    once, often = lexical.scores(["salt", "e24"]), lexical.scores(["salt"] * 50 + ["e24"])

    assert np.array_equal(once, often)


def test_rare_words_weigh_more(lexical: Lexical) -> None:
    assert lexical.idf("nowher") > lexical.idf("e24") > lexical.idf("dishwash") > 0
    assert lexical.idf("dishwash") == pytest.approx(math.log(1 + 2.5 / 3.5))


def test_who_says_a_word(lexical: Lexical) -> None:
    assert lexical.saying("dishwash").tolist() == [0, 1, 2]  # ascending, each once
    assert lexical.saying("salt").tolist() == [1]
    assert lexical.saying("nowher").tolist() == []


def test_texts_without_a_word_that_counts() -> None:
    lexical = Lexical.build(["what is it", ""])

    assert not lexical.scores(terms("salt")).any()
    assert lexical.saying("salt").tolist() == []


def test_written_and_read_again(lexical: Lexical, tmp_path: Path) -> None:
    lexical.write(tmp_path / "bm25")
    again = Lexical.read(tmp_path / "bm25", len(TEXTS))

    for question in ("the error E24", "salt", "nothing known"):
        assert np.array_equal(again.scores(terms(question)), lexical.scores(terms(question)))
    assert again.saying("dishwash").tolist() == [0, 1, 2]
    for file in (tmp_path / "bm25").iterdir():  # a pickle would run code when it is loaded
        if file.suffix == ".npy":
            np.load(file, allow_pickle=False)
