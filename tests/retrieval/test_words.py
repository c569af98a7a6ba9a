"""What counts as a word decides what lexical search can find."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from retrieval.words import codes, in_common, leans_on_what_went_before, terms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It doesn’t drain, the drains are blocked!", ["drain", "drain", "block"]),
        ("Error E24 / e-24 / E 24", ["error", "e24", "e24", "e24"]),
        ("HM-D450 hm d450", ["hm", "d450", "hm", "d450"]),
        ("the programme, my program", ["program", "program"]),
        ("a 30 day window", ["30", "day", "window"]),
        ("Ｅ２４", ["e24"]),  # full-width letters, as some keyboards type them
        ("snake_case", ["snake", "case"]),
        ("is it what the", []),
        ("", []),
    ],
)
def test_terms(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("it shows E24 and e-25", {"e24", "e25"}),
        ("F 05?", {"f05"}),
        ("I have a 30 day old one, order A-10482", set()),
        ("H0", {"h0"}),
    ],
)
def test_codes(text: str, expected: set[str]) -> None:
    assert codes(text) == expected


@pytest.mark.parametrize(
    ("question", "text", "expected"),
    [
        ("Which salts, and which SALT?", "Use coarse salt.", ("salts", "salt")),
        ("it shows E-24", "error E 24", ("e24",)),
        ("my programme is slow", "The program runs.", ("programme",)),
        ("what is it", "what it is", ()),  # words that say nothing are no reason
        ("salt salt", "salt", ("salt",)),
        ("grit", "salt", ()),
    ],
)
def test_words_in_common(question: str, text: str, expected: tuple[str, ...]) -> None:
    assert in_common(question, text) == expected


@pytest.mark.parametrize(
    ("question", "leans"),
    [
        ("how often?", True),
        ("and what does it cost", True),
        ("can I do that myself", True),
        ("What about the filter?", True),
        ("… and then", True),
        ("the dishwasher does not drain and leaves water in the tub", False),
        ("how do I descale the coffee machine tank", False),  # enough by itself
        ("E24", False),  # short, and points nowhere
        ("salt", False),
        ("", False),
    ],
)
def test_questions_that_lean_on_what_went_before(question: str, leans: bool) -> None:
    assert leans_on_what_went_before(question) == leans


def test_stemming_from_many_threads() -> None:
    """A shared Snowball stemmer mixes up the words of threads that use it together."""
    words = [
        f"{stem}{ending}"
        for stem in ("drain", "clean", "wash", "leak")
        for ending in ("", "s", "ed", "ing")
    ] * 200
    alone = [terms(word) for word in words]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(terms, words)) == alone
