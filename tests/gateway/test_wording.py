"""The gateway's own sentences, held to the rules of the product's language."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import tomllib
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gateway.wording import MAX_HANDOFF_WORDS, Wording, load_wording
from support.handoff import Trigger
from support.hazards import HazardKind
from support.schedule import OpeningHours, read_opening_hours
from support.tone import objections

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "wording"
# A week in steps of six hours: open, closed, the day before a closed one.
MOMENTS = [datetime(2026, 11, 22, tzinfo=UTC) + timedelta(hours=6 * n) for n in range(28)]
FACTS = (
    "",
    "dishwasher; “water left in the tub”; tried: Clean the filter",
    "washing machine; “it is broken again!!! I have had enough!”; tried: Check the drain hose, "
    "Clean the filter and 3 more",
    "word " * 100,
    "x" * 4000,
)


def opening_hours() -> OpeningHours:
    """Those of the sample shop."""
    return read_opening_hours(
        tomllib.loads((ROOT / "policies/service_hours.toml").read_text("utf-8"))
    )


@pytest.fixture(scope="module")
def wording() -> Wording:
    """The sentences that customers get."""
    return load_wording(FOLDER, opening_hours())


@pytest.mark.parametrize("trigger", [t for t in Trigger if t is not Trigger.AGENT_TOOK])
@pytest.mark.parametrize("facts", FACTS, ids=["none", "some", "shouted", "many", "endless"])
def test_a_handoff_is_said_in_sixty_words(wording: Wording, trigger: Trigger, facts: str) -> None:
    """Whatever is known, whenever it happens: short, calm, with a number and a time."""
    for at in MOMENTS:
        text = wording.handing_over(trigger, facts, "H-000012", at)
        assert len(text.split()) <= MAX_HANDOFF_WORDS
        assert len(text) < 700
        assert "!" not in text
        assert "H-000012" in text
        assert "Berlin time" in text
        assert objections(text) == []


def test_what_was_understood_is_said_back(wording: Wording) -> None:
    """So that it can be corrected; of too much, what comes first."""
    for trigger in Trigger:
        text = wording.handing_over(trigger, FACTS[1], "H-000012", MOMENTS[0])
        assert "I have noted: dishwasher" in text, trigger
    short = wording.handing_over(Trigger.CUSTOMER_ASKED, "dishwasher; E24", "H-000012", MOMENTS[0])
    assert short.count("I have noted: dishwasher; E24. Please correct what is wrong.") == 1


@given(st.text(max_size=500))
def test_no_facts_break_the_sentence(facts: str) -> None:
    """They are a stranger's words: braces, blanks and shouting among them."""
    text = SHARED.handing_over(Trigger.COMPLAINT, facts, "H-000012", MOMENTS[3])
    assert len(text.split()) <= MAX_HANDOFF_WORDS
    assert "!" not in text
    assert "H-000012" in text


SHARED = load_wording(FOLDER, opening_hours())


def test_every_sentence_keeps_to_the_rules(wording: Wording) -> None:
    """The tone check finds nothing in any of them."""
    texts = [
        *(wording.safety(kind) for kind in HazardKind),
        *(wording.delayed(n) for n in range(5)),
        *(wording.added("H-000012", n) for n in range(5)),
        *(wording.still_waiting("H-000012", at) for at in MOMENTS),
        *(wording.event(name, "Mira") for name in ("joined", "back_to_bot", "resolved")),
        wording.once_more("Which product is it?"),
        wording.widget["disclosure"],
        *wording.widget["suggestions"],
    ]
    assert {text: found for text in texts if (found := objections(text))} == {}
    assert all("{" not in text for text in texts)


def test_quiet_lines_do_not_repeat(wording: Wording) -> None:
    """The next one in turn is another one."""
    for line in (wording.delayed, lambda n: wording.added("H-000012", n)):
        assert all(line(n) != line(n + 1) for n in range(10))


@pytest.mark.parametrize(("file", "key"), [("handoff.yml", "legal_right"), ("hazards.yml", "gas")])
def test_a_missing_sentence_is_named(tmp_path: Path, file: str, key: str) -> None:
    """At the start, not when somebody smells gas."""
    shutil.copytree(FOLDER, tmp_path / "wording")
    table = yaml.safe_load((tmp_path / "wording" / file).read_text("utf-8"))
    (table["opening"] if file == "handoff.yml" else table).pop(key)
    (tmp_path / "wording" / file).write_text(yaml.safe_dump(table), "utf-8")
    with pytest.raises(ValueError, match=rf"{file}.*{key}"):
        load_wording(tmp_path / "wording", opening_hours())
