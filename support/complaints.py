"""Complaints: what one is about, and a neutral way to say it back."""

import re
from collections.abc import Mapping
from enum import StrEnum


class Category(StrEnum):
    """What a complaint is about."""

    PROMISE = "broken promise"
    STAFF = "staff"
    BILLING = "billing"
    DELAY = "delay"
    PRODUCT = "product"
    SERVICE = "service"


# The first category whose words are found counts, so the more telling ones come first.
_WORDS: Mapping[Category, str] = {
    Category.PROMISE: r"promis|said (you|he|she|they|someone|somebody)( would|'d)|"
    r"call(ed)? me back|never call|nobody call|no one call|callback",
    Category.STAFF: r"rude|unfriendly|engineer|technician|driver|courier|agent|colleague|staff|"
    r"employee|shouted|insult|behav",
    Category.DELAY: r"\blate\b|delay|wait(ed|ing)|weeks?\b|still not (here|arrived)|"
    r"nothing arrived|never arrived|too long|how long",
    Category.BILLING: r"charg|invoice|bill(ed|ing)?\b|overpaid|paid twice|money|refund|"
    r"price|fee\b",
    Category.PRODUCT: r"broke|broken|fault|defect|quality|leak|noise|stopped|does(n't| not) work|"
    r"machine|dishwasher|washer|appliance|product|repair",
}

_PHRASES: Mapping[Category, str] = {
    Category.PROMISE: "something you were promised that has not happened",
    Category.STAFF: "how somebody acted",
    Category.BILLING: "money: a charge, a bill or a refund",
    Category.DELAY: "how long something is taking",
    Category.PRODUCT: "a product",
    Category.SERVICE: "our service",
}


def category_of(text: str) -> Category:
    """What a complaint is about, by its words; SERVICE where none of them tells more."""
    plain = text.casefold().replace("’", "'")
    return next(
        (kind for kind, words in _WORDS.items() if re.search(words, plain)), Category.SERVICE
    )


def says_complaint(text: str) -> bool:
    """Whether somebody says in so many words that this is a complaint."""
    return re.search(r"\bcomplain(?:t|ts|ing)?\b", text, re.IGNORECASE) is not None


def restated(category: Category) -> str:
    """The complaint's subject without a judgement, to go after "It is about "."""
    return _PHRASES[category]
