import pytest

from support.wishes import unwanted


@pytest.mark.parametrize(
    ("text", "word", "denied"),
    [
        ("I don't want a refund", "refund", True),
        ("I don’t want a refund, I want a replacement", "replacement", False),
        ("a repair, not a refund", "refund", True),
        ("a repair, not a refund", "repair", False),
        ("no refund please", "refund", True),
        ("I want a replacement instead of a repair", "repair", True),
        ("It does not work. Refund please", "refund", False),
    ],
)
def test_a_denied_remedy_is_no_wish(text: str, word: str, denied: bool) -> None:
    assert unwanted(text, text.casefold().index(word)) is denied
