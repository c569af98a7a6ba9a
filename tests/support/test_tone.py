from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.tone import objections

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry you feel that way.", "I know exactly how you feel.", "Calm down.",
        "You’re wrong.", "You should have cleaned it.", "It's our policy.",
        "We answer ASAP.", "Somebody writes shortly.", "You hear from us soon.",
        "You will get your refund.", "That is guaranteed.", "Are you sure?",
        "Glad I could help", "Thanks!", "Your claim was denied.",
    ],
)  # fmt: skip
def test_what_we_never_say_is_objected_to(text: str) -> None:
    found = objections(text)
    assert found, text
    assert all(one.phrase in text.replace("’", "'") and one.why for one in found)


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry this happened.", "Here is what I have on record. What should I correct?",
        "I've sent your refund request to be reviewed.", "Is it working now?",
        "I can tell you as soon as the order is proved to be yours.",
    ],
)  # fmt: skip
def test_what_we_do_say_is_not(text: str) -> None:
    assert objections(text) == []


def _texts(value: Any, where: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _texts(one, f"{where}.{key}")
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from _texts(one, f"{where}[{index}]")


def _all_texts() -> list[Any]:
    domain = yaml.safe_load((ROOT / "domain.yml").read_text("utf-8"))
    found = list(_texts(domain["responses"], "domain"))
    for file in sorted((ROOT / "wording").glob("*.yml")):
        found += _texts(yaml.safe_load(file.read_text("utf-8")), file.stem)
    return [pytest.param(text, id=where) for where, text in found if text]


@pytest.mark.parametrize("text", _all_texts())
def test_every_text_of_the_bot_keeps_the_tone(text: str) -> None:
    """PRODUCT section 8, held to every sentence that customers can hear from the bot."""
    assert objections(text) == []
    assert len(text.split()) <= 60
