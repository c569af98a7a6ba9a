"""What is mended, and, as often, what is left alone."""

from __future__ import annotations

import pytest

from retrieval.encoder import HashingEncoder, OnnxEncoder
from retrieval.spelling import Spelling

SPELLING = Spelling.of(
    [
        "The dishwasher does not drain. Clean the filter of the dishwasher.",
        "Descale the coffee machine: vouchers, hinge, hinges, display, E24.",
        "Straße größe",
    ]
)
KNOWN = frozenset({"trains", "coffin", "return", "brain"})


@pytest.mark.parametrize(
    ("written", "mended"),
    [
        ("my dishwsher doesnt drian", "my dishwasher doesnt drain"),  # swapped letters are one
        ("DISHWASER!", "dishwasher!"),
        ("the fliter, please", "the filter, please"),
        ("filtre", "filter"),
        ("cofee machin", "coffee machine"),
        ("dishwahsre", "dishwasher"),  # two mistakes in a long word
        ("Stra\u00dfen", "straße"),
        ("größer", "größe"),
    ],
)
def test_mistyped_words_are_mended(written: str, mended: str) -> None:
    assert SPELLING.mended(written, KNOWN) == mended


@pytest.mark.parametrize(
    "written",
    [
        "",
        "dishwasher drain filter",  # right
        "Dishwasher",  # in capitals: left as it was written
        "fltre",  # two mistakes in a short word: who knows
        "grain",  # one letter from "drain", but it begins with another
        "trains",  # a word, though in no article
        "coffins returned returning",  # forms of words that the encoder was taught
        "clen",  # too short to tell
        "E25 HM-D450 12345",  # codes are compared letter by letter
        "zzzzzzzz",
    ],
)
def test_what_may_be_meant_is_left_alone(written: str) -> None:
    assert SPELLING.mended(written, KNOWN) == written


def test_of_equally_near_words_the_more_frequent_is_taken() -> None:
    spelling = Spelling.of(["table table tables cable", "tablet"])

    assert spelling.mended("tablx", frozenset()) == "table"
    assert Spelling({"tablet": 1, "tabled": 1}).mended("tablex", frozenset()) == "tabled"
    # The nearer one before the more frequent one.
    assert Spelling({"dishwashers": 9, "dishwasher": 1}).mended("dishwashe", frozenset()) == (
        "dishwasher"
    )


def test_words_are_counted() -> None:
    assert Spelling.of(["Salt, salt", "SALT e24"]).counts == {"salt": 3, "e": 1}


def test_the_encoder_says_which_words_there_are(encoder: OnnxEncoder) -> None:
    """It was taught tens of thousands; without them every word of a customer's would be bent to
    the nearest one of a small help centre."""
    asked = "the filler of my aquarium trains the water"
    assert Spelling.of(["filter drain tub"]).mended(asked, encoder.words) == asked
    assert HashingEncoder().words == frozenset()


def test_a_text_of_unknown_words_is_looked_up_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look-up walks through the articles' words; a customer decides how many there are."""
    looked_up = []
    nearest = Spelling._nearest

    def counting(self: Spelling, written: str) -> str:
        looked_up.append(written)
        return nearest(self, written)

    monkeypatch.setattr(Spelling, "_nearest", counting)
    words = [f"drian{a}{b}" for a in "qxzwk" for b in "qxzwkjvyghb"]
    Spelling.of(["drain the dishwasher"]).mended(" ".join(words * 20), frozenset())

    assert looked_up == words[:20]
