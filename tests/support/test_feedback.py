"""What customers' verdicts come to: nothing from a few, something from many."""

from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import tomllib
from hypothesis import given
from hypothesis import strategies as st

from support.feedback import (
    Bar,
    Count,
    FeedbackPolicy,
    due_for_review,
    findings,
    lower_bound,
    penalties,
    read_policy,
)

POLICY = FeedbackPolicy(Bar(8, 0.5), Bar(20, 0.8), 0.2, 30)
SHIPPED = tomllib.loads(
    (Path(__file__).parents[2] / "policies" / "feedback.toml").read_text("utf-8")
)


@dataclass(frozen=True)
class Section:
    anchor: str
    title: str
    branches: tuple[str, ...] = ()


@dataclass(frozen=True)
class Article:
    id: str = "drain"
    title: str = "It does not drain"
    kind: str = "procedure"
    audience: str = "customer"
    owner: str = "kitchen-team"
    version: str = "v2"
    path: str = "dishwasher/drain.md"
    review_by: date = date(2027, 1, 31)
    sections: tuple[Section, ...] = (
        Section("", ""),
        Section("filter", "Clean the filter"),
        Section("hum", "Listen to the pump", ("yes", "no")),
    )
    steps: tuple[Section, ...] = field(default=())


PROCEDURE = Article(steps=Article.sections[1:])
HOW_TO = Article(id="salt", title="Add salt", kind="how-to")


def found(article: Any, section: str, helped: int, did_not: int, version: str | None = "v2") -> Any:
    return findings([article], [Count(article.id, section, version, helped, did_not)], POLICY)


@pytest.mark.parametrize(
    ("count", "of", "bound"),
    [(0, 0, 0.0), (0, 10, 0.0), (10, 10, 0.7225), (5, 10, 0.2366), (81, 263, 0.2553)],
)
def test_the_bound_is_wilsons(count: int, of: int, bound: float) -> None:
    """Figures of R's prop.test without correction, and of Newcombe's example 81 of 263 (1998)."""
    assert lower_bound(count, of) == pytest.approx(bound, abs=5e-5)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_bound_is_below_the_share(one: tuple[int, int]) -> None:
    """And comes nearer to it the more verdicts there are."""
    count, of = one
    assert 0 <= lower_bound(count, of) <= count / of + 1e-12
    assert lower_bound(count, of) <= lower_bound(10 * count, 10 * of) + 1e-12


def test_a_few_bad_verdicts_are_chance_and_many_are_not() -> None:
    assert found(HOW_TO, "filter", 0, 7) == []  # too few to say anything
    assert found(HOW_TO, "filter", 3, 6) == []  # two thirds of nine may be chance
    [bad] = found(HOW_TO, "filter", 4, 20)
    assert (bad.reference, bad.owner, bad.section_title) == (
        "salt#filter", "kitchen-team", "Clean the filter",
    )  # fmt: skip
    assert 0.5 < bad.bound < 20 / 24
    assert penalties([bad]) == {"salt#filter": pytest.approx(0.2 * (bad.bound - 0.5) / 0.5, 1e-3)}


def test_a_step_is_judged_less_strictly_and_a_question_not_at_all() -> None:
    """Most steps do not help, and one that asks something only finds out where to go on."""
    assert found(PROCEDURE, "filter", 5, 25) == []
    [step] = found(PROCEDURE, "filter", 0, 40)
    assert step.is_step
    assert found(PROCEDURE, "hum", 0, 400) == []


def test_a_new_version_begins_anew() -> None:
    """Whoever mends a text must not be punished for the old one; unknown versions still count."""
    assert found(HOW_TO, "filter", 0, 50, "v1") == []
    assert len(found(HOW_TO, "filter", 0, 50, None)) == 1
    split = [Count("salt", "filter", "v1", 0, 50), Count("salt", "filter", "v2", 0, 3)]
    assert findings([HOW_TO], split, POLICY) == []
    split[1] = Count("salt", "filter", None, 0, 4)
    assert findings([HOW_TO], [*split, Count("salt", "filter", "v2", 0, 5)], POLICY) != []


def test_what_is_gone_is_no_finding() -> None:
    assert found(HOW_TO, "no-such-section", 0, 50) == []
    assert findings([], [Count("salt", "filter", "v2", 0, 50)], POLICY) == []


def test_a_warning_is_listed_and_never_demoted() -> None:
    """It has to be found whether or not it is liked."""
    [bad] = found(replace(HOW_TO, kind="hazard"), "", 0, 50)
    assert bad.reference == "salt"
    assert penalties([bad]) == {}


def test_the_worst_comes_first() -> None:
    counts = [
        Count("salt", "filter", "v2", 2, 18),
        Count("salt", "", "v2", 0, 90),
        Count("salt", "hum", "v2", 0, 12),
    ]
    listed = findings([HOW_TO], counts, POLICY)
    assert [f.section for f in listed] == ["", "hum", "filter"]
    assert [f.bound for f in listed] == sorted((f.bound for f in listed), reverse=True)


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_a_penalty_stays_within_the_policy(helped: int, did_not: int) -> None:
    for finding in found(HOW_TO, "filter", helped, did_not):
        assert 0 <= finding.penalty <= POLICY.most_penalty


def test_reviews_are_due_from_thirty_days_before() -> None:
    late, near, far = (
        replace(HOW_TO, id=str(day), review_by=day)
        for day in (date(2026, 11, 1), date(2026, 12, 22), date(2026, 12, 23))
    )
    due = due_for_review([far, near, late], date(2026, 11, 22), POLICY)
    assert [article for _, article in due] == [late, near]


def test_the_shipped_policy_is_read() -> None:
    policy = read_policy(SHIPPED)
    assert policy.answers.not_helped_above < policy.steps.not_helped_above
    assert 0 < policy.most_penalty <= 0.3


@pytest.mark.parametrize(
    ("table", "key", "value"),
    [
        ("answers", "least_verdicts", 0),
        ("answers", "not_helped_above", 1),
        ("steps", "least_verdicts", 2.5),
        ("steps", "not_helped_above", "half"),
        ("penalty", "most", 0.31),
        ("review", "days_before", -1),
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused(table: str, key: str, value: Any) -> None:
    wrong = SHIPPED | {table: SHIPPED[table] | {key: value}}
    with pytest.raises(ValueError, match=rf"{table}\.{key}"):
        read_policy(wrong)
    with pytest.raises(ValueError, match=table):
        read_policy({name: values for name, values in SHIPPED.items() if name != table})
