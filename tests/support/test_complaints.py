import pytest

from support.complaints import Category, category_of, restated
from support.tone import objections


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("the engineer was rude to my wife", Category.STAFF),
        ("you said someone would call me back and nobody did", Category.PROMISE),
        ("I was charged twice", Category.BILLING),
        ("I've been waiting for three weeks", Category.DELAY),
        ("third dishwasher that broke", Category.PRODUCT),
        ("worst company ever", Category.SERVICE),
        ("", Category.SERVICE),
    ],
)
def test_category_by_words(text: str, category: Category) -> None:
    assert category_of(text) is category


@pytest.mark.parametrize("category", list(Category))
def test_what_is_said_back_is_neutral(category: Category) -> None:
    assert objections(restated(category)) == []
