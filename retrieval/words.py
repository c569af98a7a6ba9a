"""The words that lexical search counts: stemmed, without function words, error codes kept whole."""

from __future__ import annotations

import re
import threading
import unicodedata

import Stemmer

# English function words and the small talk of support chats. They say nothing about which article
# is meant, and in a small collection their rarity would pass for meaning.
STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
a about after again all also am an and any anybody anyone anything are aren as at be because been
before being both but by came can cannot come could couldn did didn do does doesn doing don done
dont each else even ever every for from get gets getting give go goes going good got had hadn has
hasn have haven having he hello help her here hey hi him his how however i if im in into is isn it
its itself ive just keep keeps know let like lot make makes many may maybe me might more most much
must my myself need needs no nor not now of off on once one only or other our out over own please
put said same say says see seem seems shall she should shouldn since so some somebody someone
something sorry still such sure take tell than thank thanks that the their them then there these
they thing things this those though to too tried try trying until up upon us use used using very
want wants was wasn way we well went were weren what when where whether which while who whom whose
why will with without won would wouldn yes yet you your yours
""",
    )
)

# Stems that British and American spelling keep apart, and customers write both.
_SPELLINGS = {
    "programm": "program",
    "litr": "liter",
    "metr": "meter",
    "fibr": "fiber",
    "colour": "color",
    "odour": "odor",
    "mould": "mold",
    "mouldi": "moldi",
    "grey": "gray",
    "centr": "center",
    "aluminium": "aluminum",
    "tyre": "tire",
    "analys": "analyz",
    "licenc": "licens",
}

_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "`": "'", "´": "'"})
_CLITIC = re.compile(r"'(?:s|t|re|ve|ll|d|m)\b")
_WORD = re.compile(r"[^\W_]+")
# E24, e-24, E 24. "a 30 day" and "i 5" are words before a number, so a blank is taken for part of
# a code only after the letters that displays show.
_CODE = re.compile(r"\b(?:([a-z])-?(\d{1,3})|([cefhp]) (\d{1,3}))\b")
_POINTS_BACK = re.compile(
    r"^\W*(?:and|or|also|but|then|what about|how about|how|why|when|where|which)\b"
    r"|\b(?:it|its|this|that|these|those|them|there|one|ones)\b"
)
_local = threading.local()


def terms(text: str) -> list[str]:
    """The words of a text that count, in order, repeats kept.

    Stemmed by Snowball's English stemmer, except those with a digit: codes and model numbers are
    compared letter by letter, "E-24" and "E 24" as "e24".
    """
    return [
        word if any(map(str.isdigit, word)) else _stem(word)
        for word in _WORD.findall(_normal(text))
        if word not in STOP_WORDS
    ]


def codes(text: str) -> frozenset[str]:
    """The error codes that a text names, as `terms` writes them: frozenset({"e24"})."""
    return frozenset(
        letter + number
        for letter, number in ((a or c, b or d) for a, b, c, d in _CODE.findall(_lower(text)))
    )


def in_common(question: str, text: str) -> tuple[str, ...]:
    """The question's words and codes that stand in a text in any form, each once, in order."""
    said = set(terms(text))
    normal = _WORD.findall(_normal(question))
    return tuple(
        dict.fromkeys(word for word in normal if (own := terms(word)) and said.issuperset(own))
    )


def leans_on_what_went_before(question: str) -> bool:
    """Whether a question is too short to mean anything by itself, and points back: "how often?",
    "and what does it cost", "can I do that myself".
    """
    return len(set(terms(question))) <= 2 and _POINTS_BACK.search(_lower(question)) is not None


def _lower(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower().translate(_APOSTROPHES)


def _normal(text: str) -> str:
    joined = _CODE.sub(lambda m: (m[1] or m[3]) + (m[2] or m[4]), _lower(text))
    return _CLITIC.sub(" ", joined)


def _stem(word: str) -> str:
    # A Stemmer keeps state and must not be shared between threads.
    if (stemmer := getattr(_local, "stemmer", None)) is None:
        stemmer = _local.stemmer = Stemmer.Stemmer("english")
    stem = str(stemmer.stemWord(word))
    return _SPELLINGS.get(stem, stem)
