"""Customers' verdicts: which texts probably do not help, and what that costs them in search.

One unlucky customer must not sink an article, and a hundred must not be overlooked. So what counts
is not the share whom a text did not help, but the lower end of its 95 % confidence interval.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Protocol

Z_95 = 1.959963984540054  # standard normal quantile: 95 % of the mass lies within plus or minus
MOST_PENALTY = 0.3  # what search takes from a score at most


class _Section(Protocol):
    @property
    def anchor(self) -> str: ...
    @property
    def title(self) -> str: ...


class _Step(_Section, Protocol):
    @property
    def branches(self) -> Sequence[Any]: ...


class Article(Protocol):
    """What has to be known of an article; `retrieval.articles.Article` is one."""

    @property
    def id(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def audience(self) -> str: ...
    @property
    def owner(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def review_by(self) -> date: ...
    @property
    def path(self) -> str: ...
    @property
    def sections(self) -> Sequence[_Section]: ...
    @property
    def steps(self) -> Sequence[_Step]: ...


@dataclass(frozen=True, slots=True)
class Count:
    """How often one version of a text helped."""

    article: str
    section: str  # its anchor; "" for the article as a whole
    version: str | None  # None: told before versions were kept
    helped: int
    did_not_help: int


@dataclass(frozen=True, slots=True)
class Bar:
    """From when on verdicts count."""

    least_verdicts: int
    not_helped_above: float  # share of the customers, 0 to 1


@dataclass(frozen=True, slots=True)
class FeedbackPolicy:
    """What `policies/feedback.toml` states."""

    answers: Bar
    steps: Bar
    most_penalty: float  # at a share of 1
    review_days_before: int


@dataclass(frozen=True, slots=True)
class Finding:
    """A text that probably does not help those who read it."""

    article: str
    title: str
    owner: str
    section: str  # anchor; "" for the article as a whole
    section_title: str
    is_step: bool
    helped: int
    did_not_help: int
    bound: float  # the share it did not help is at least this, with 95 % confidence
    penalty: float  # taken from its score in search

    @property
    def reference(self) -> str:
        """`article#anchor`, or the article's id."""
        return f"{self.article}#{self.section}" if self.section else self.article


def read_policy(values: Mapping[str, Any]) -> FeedbackPolicy:
    """The policy in the values of `policies/feedback.toml`.

    Raises:
        ValueError: Something is missing, or cannot be meant.
    """
    most = values.get("penalty", {}).get("most")
    if not isinstance(most, (int, float)) or not 0 <= most <= MOST_PENALTY:
        raise ValueError(f"feedback.toml: penalty.most must be from 0 to {MOST_PENALTY}")
    days = values.get("review", {}).get("days_before")
    if type(days) is not int or days < 0:
        raise ValueError("feedback.toml: review.days_before must be a whole number")
    return FeedbackPolicy(_bar(values, "answers"), _bar(values, "steps"), float(most), days)


def lower_bound(count: int, of: int, z: float = Z_95) -> float:
    """The lower end of the Wilson score interval of a share.

        (p + z²/2n - z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n),  p = count / n

    Unlike p minus a multiple of its standard error it holds for few verdicts and for shares near
    0 and 1.

    Args:
        count: How many of them, 0 to `of`.
        of: n, the number of verdicts.
        z: Quantile of the standard normal distribution; the usual one leaves out 2.5 % below.

    Returns:
        0 to 1; 0 without verdicts.

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference,
    Journal of the American Statistical Association 22 (1927), pages 209-212.
    """
    if of == 0:
        return 0.0
    share = count / of
    centre = share + z * z / (2 * of)
    spread = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return max(0.0, (centre - spread) / (1 + z * z / of))


def findings(
    articles: Iterable[Article], counts: Iterable[Count], policy: FeedbackPolicy
) -> list[Finding]:
    """The texts whose bound is above the policy's share, worst first.

    Left out: verdicts on another version than the one served, sections that are no longer there,
    and steps that ask a question, which only find out where to go on.
    """
    served = {article.id: article for article in articles}
    told: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for count in counts:
        article = served.get(count.article)
        if article is not None and count.version in (None, article.version):
            told[count.article, count.section][0] += count.helped
            told[count.article, count.section][1] += count.did_not_help
    found = [
        finding
        for (article_id, section), (helped, did_not) in told.items()
        if (finding := _judged(served[article_id], section, helped, did_not, policy)) is not None
    ]
    return sorted(found, key=lambda f: (-f.bound, f.reference))


def penalties(found: Iterable[Finding]) -> dict[str, float]:
    """What is taken from scores in search, by reference."""
    return {finding.reference: finding.penalty for finding in found if finding.penalty > 0}


def due_for_review(
    articles: Iterable[Article], on: date, policy: FeedbackPolicy
) -> list[tuple[date, Article]]:
    """Articles whose last day is near or past, the nearest first."""
    until = on + timedelta(days=policy.review_days_before)
    due = [(article.review_by, article) for article in articles if article.review_by <= until]
    return sorted(due, key=lambda one: (one[0], one[1].id))


def _judged(
    article: Article, anchor: str, helped: int, did_not_help: int, policy: FeedbackPolicy
) -> Finding | None:
    section = next((s for s in article.sections if s.anchor == anchor), None)
    step = next((s for s in article.steps if s.anchor == anchor), None)
    if (anchor and section is None) or (step is not None and step.branches):
        return None
    bar = policy.answers if step is None else policy.steps
    bound = lower_bound(did_not_help, helped + did_not_help)
    if helped + did_not_help < bar.least_verdicts or bound <= bar.not_helped_above:
        return None
    steepness = (bound - bar.not_helped_above) / (1 - bar.not_helped_above)
    # A warning has to be found, whether or not it is liked.
    penalty = 0.0 if article.kind == "hazard" else round(policy.most_penalty * steepness, 4)
    return Finding(
        article=article.id,
        title=article.title,
        owner=article.owner,
        section=anchor,
        section_title=section.title if section is not None else "",
        is_step=step is not None,
        helped=helped,
        did_not_help=did_not_help,
        bound=bound,
        penalty=penalty,
    )


def _bar(values: Mapping[str, Any], name: str) -> Bar:
    table = values.get(name, {})
    least, above = table.get("least_verdicts"), table.get("not_helped_above")
    if type(least) is not int or least < 1:
        raise ValueError(f"feedback.toml: {name}.least_verdicts must be a whole number above 0")
    if not isinstance(above, (int, float)) or not 0 <= above < 1:
        raise ValueError(f"feedback.toml: {name}.not_helped_above must be from 0 to below 1")
    return Bar(least, float(above))
