"""What the owners of articles should look at."""

import asyncio
from datetime import date
from pathlib import Path

import tomllib

from operate.steps import ROOT, StepFailed
from retrieval.articles import Article
from retrieval.errors import IndexDamaged
from retrieval.published import published_articles, published_release
from store import feedback
from store.database import Database
from support.dates import spoken
from support.feedback import Count, Finding, due_for_review, findings, read_policy

POLICY = ROOT / "policies" / "feedback.toml"


def to_look_at(database_url: str, knowledge: Path, gateway_url: str, today: date) -> str:
    """The list as it is printed: texts that do not help, worst first, then reviews that are due.

    Raises:
        StepFailed: There are no articles yet, or they or their policy cannot be read.
    """
    try:
        policy = read_policy(
            tomllib.loads((ROOT / "policies" / "feedback.toml").read_text("utf-8"))
        )
        release = published_release(knowledge)
        articles = {} if release is None else published_articles(knowledge, release)
    except (OSError, ValueError, IndexDamaged) as error:
        raise StepFailed(str(error)) from error
    if not articles:
        raise StepFailed("There are no articles yet: run `make index` first.")
    counts = asyncio.run(_counts(database_url))
    found = findings(articles.values(), counts, policy)
    lines = ["Texts that probably do not help, worst first:"]
    lines += [_finding(one, articles[one.article], gateway_url) for one in found] or ["  none"]
    lines += ["", f"Articles whose last day comes within {policy.review_days_before} days:"]
    lines += [
        f"  {spoken(day)}  {article.owner}  {article.title}  ({article.path})"
        for day, article in due_for_review(articles.values(), today, policy)
    ] or ["  none"]
    return "\n".join(lines)


def _finding(found: Finding, article: Article, gateway_url: str) -> str:
    what = f"{found.title} › {found.section_title}" if found.section_title else found.title
    kind = "step" if found.is_step else "text"
    told = found.helped + found.did_not_help
    return (
        f"  {found.owner}  {kind}: {what}\n"
        f"      did not help {found.did_not_help} of {told}, which is at least {found.bound:.0%} of"
        " all (95 % confidence)\n"
        f"      {article.path}  {gateway_url}/help/{found.reference}"
    )


async def _counts(database_url: str) -> list[Count]:
    database = Database(database_url)
    try:
        async with database.read() as tx:
            return await feedback.counts(tx)
    finally:
        await database.close()
