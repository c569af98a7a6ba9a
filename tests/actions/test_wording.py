import pytest

from actions.wording import filled, freshest


def test_the_wording_not_said_for_longest_is_said() -> None:
    said: list[str] = []
    for _ in range(7):
        said.append(freshest(["a", "b", "c"], said))
    assert said == ["a", "b", "c", "a", "b", "c", "a"]


def test_an_unfilled_place_is_an_error() -> None:
    """A customer must never read "{number}"."""
    assert filled("Number {number}.", {"number": "C-1 {x}"}) == "Number C-1 {x}."
    with pytest.raises(KeyError):
        filled("Number {number}.", {})
