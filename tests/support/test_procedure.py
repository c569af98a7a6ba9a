"""The next step is never one that was met, and there is always an end."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.procedure import (
    LedgerEntry,
    Outcome,
    Step,
    mentioned_steps,
    next_step,
    says_still,
)

ARTICLE = "does-not-drain"
AT = datetime(2026, 11, 22, tzinfo=UTC)


def step(anchor: str, title: str = "", **branches: str) -> Step:
    """A step; anchors that begin with "end" are ends."""
    return Step(anchor, title or anchor, branches, anchor.startswith("end"))


def met(
    anchor: str, outcome: Outcome = Outcome.DID_NOT_HELP, article: str = ARTICLE
) -> LedgerEntry:
    """A line of the ledger."""
    return LedgerEntry(article, "1a2b3c4d", "Title", anchor, anchor, outcome, "m1", "m2", AT)


STEPS = [step("power"), step("filter"), step("hose"), step("pump"), step("end"), step("secret")]


def test_steps_run_in_order_to_the_end() -> None:
    """What stands behind an end is reached by a branch only."""
    tried: list[LedgerEntry] = []
    shown = []
    while (now := next_step(STEPS, tried, ARTICLE)) is not None:
        shown.append(now.anchor)
        tried.append(met(now.anchor))
    assert shown == ["power", "filter", "hose", "pump"]


def test_a_branch_leads_where_it_says() -> None:
    """And from there on in order."""
    tried = [met("power")]
    jumped = next_step(STEPS, tried, ARTICLE, jump="hose")
    assert jumped is not None
    assert jumped.anchor == "hose"
    after = next_step(STEPS, [*tried, met("hose")], ARTICLE)
    assert after is not None
    assert after.anchor == "pump"
    assert next_step(STEPS, tried, ARTICLE, jump="end") is None
    assert next_step(STEPS, tried, ARTICLE, jump="no-such-step") is None


def test_a_branch_to_a_step_that_was_met_goes_past_it() -> None:
    """Also when somebody said at the start that they had done it."""
    tried = [met("hose", Outcome.ALREADY_TRIED), met("power")]
    jumped = next_step(STEPS, tried, ARTICLE, jump="hose")
    assert jumped is not None
    assert jumped.anchor == "pump"


def test_another_articles_steps_do_not_count() -> None:
    """Two articles may both have a step named filter."""
    now = next_step(STEPS, [met("power"), met("filter", article="leaks")], ARTICLE)
    assert now is not None
    assert now.anchor == "filter"


def test_an_article_without_steps_has_none() -> None:
    """It is a how-to, or it was emptied."""
    assert next_step([], [], ARTICLE) is None
    assert next_step([step("end")], [], ARTICLE) is None


anchors = st.lists(
    st.sampled_from("abcdefgh") | st.sampled_from(["end", "end-2"]), unique=True, max_size=8
)


@given(anchors, st.data())
def test_no_step_twice_and_always_an_end(names: list[str], data: st.DataObject) -> None:
    """Whatever customers answer, whatever was met before, in whatever article."""
    steps = [step(name) for name in names]
    tried = [
        met(
            data.draw(st.sampled_from("abcdefgh")),
            data.draw(st.sampled_from(Outcome)),
            data.draw(st.sampled_from([ARTICLE, "another"])),
        )
        for _ in range(data.draw(st.integers(0, 4)))
    ]
    for _ in range(len(steps) + 1):
        jump = data.draw(st.none() | st.sampled_from([*names, "gone"]))
        now = next_step(steps, tried, ARTICLE, jump)
        if now is None:
            break
        assert not now.is_end
        assert now.anchor not in {e.step for e in tried if e.article == ARTICLE}
        tried.append(met(now.anchor))
    else:
        pytest.fail("it never ends")


NAMED = [
    step("filter", "Clean the filter"),
    step("hose", "Check the drain hose"),
    step("pump", "Listen to the pump"),
    step("restart", "Restart"),
    step("end", "Clean the end"),
]


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("I already cleaned the filter", ["filter"]),
        ("it does not drain, I already cleaned the filter", ["filter"]),
        ("I’ve checked the drain hose and cleaned the filter", ["filter", "hose"]),
        ("we have restarted it", ["restart"]),
        ("tried cleaning the filter; tried listening to the pump", ["filter", "pump"]),
        ("it does not drain", []),
        ("how do I clean the filter", []),
        ("the hose is long", []),
        ("I did nothing", []),
        ("", []),
    ],
)
def test_what_was_done_already(text: str, steps: list[str]) -> None:
    """Only what is told as done; the fault itself names no step."""
    assert mentioned_steps(text, NAMED) == steps


@pytest.mark.parametrize(
    ("text", "still"),
    [
        ("it still leaks", True),
        ("same problem", True),
        ("it keeps stopping", True),
        ("it leaks", False),
        ("", False),
    ],
)
def test_a_fault_that_has_not_gone_away(text: str, still: bool) -> None:
    """Told again, it is not a new one."""
    assert says_still(text) is still
