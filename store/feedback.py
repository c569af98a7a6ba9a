"""Customers' verdicts on answers, help pages and conversations."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from store.database import insert
from store.schema import feedback, ledger, page_verdicts
from support.feedback import Count
from support.procedure import Outcome


async def add(
    tx: AsyncConnection,
    conversation: str,
    message: str,
    at: datetime,
    *,
    article: str | None = None,
    section: str | None = None,
    version: str | None = None,
    helped: bool | None = None,
    text: str | None = None,
) -> None:
    """Keep a verdict; the same message gives one."""
    await tx.execute(
        insert(tx, feedback)
        .values(
            conversation=conversation,
            article=article,
            section=section,
            version=version,
            helped=helped,
            text=text,
            message=message,
            at=at,
        )
        .on_conflict_do_nothing(index_elements=[feedback.c.message])
    )


async def add_for_page(
    tx: AsyncConnection, article: str, version: str, helped: bool, mark: str, at: datetime
) -> None:
    """Keep a visitor's verdict on a help page; a second one of that day changes nothing.

    Args:
        mark: The same for one visitor, article and day, and no other; nothing can be read from it.
    """
    await tx.execute(
        insert(tx, page_verdicts)
        .values(article=article, version=version, helped=helped, mark=mark, at=at)
        .on_conflict_do_nothing(index_elements=[page_verdicts.c.mark])
    )


async def forget_marks(tx: AsyncConnection, before: datetime) -> None:
    """Take out what told the visitors of earlier days apart; their verdicts stay."""
    await tx.execute(
        sa.update(page_verdicts)
        .where(page_verdicts.c.mark.is_not(None), page_verdicts.c.at < before)
        .values(mark=None)
    )


async def counts(tx: AsyncConnection) -> list[Count]:
    """How often each section, step and page helped and did not, by version.

    A step that was tried before or could not be done says nothing about its article.
    """
    chat = sa.select(
        feedback.c.article,
        sa.func.coalesce(feedback.c.section, "").label("section"),
        feedback.c.version,
        feedback.c.helped,
    ).where(feedback.c.article.is_not(None), feedback.c.helped.is_not(None))
    pages = sa.select(
        page_verdicts.c.article,
        sa.literal("").label("section"),
        page_verdicts.c.version,
        page_verdicts.c.helped,
    )
    steps = sa.select(
        ledger.c.article,
        ledger.c.step.label("section"),
        ledger.c.version,
        (ledger.c.outcome == Outcome.HELPED).label("helped"),
    ).where(ledger.c.outcome.in_((Outcome.HELPED, Outcome.DID_NOT_HELP)))
    every = sa.union_all(chat, pages, steps).subquery()
    helped = sa.func.sum(sa.case((every.c.helped, 1), else_=0))
    rows = await tx.execute(
        sa.select(
            every.c.article,
            every.c.section,
            every.c.version,
            helped.label("helped"),
            sa.func.count().label("told"),
        )
        .group_by(every.c.article, every.c.section, every.c.version)
        .order_by(every.c.article, every.c.section, every.c.version)
    )
    return [
        Count(row.article, row.section, row.version, row.helped, row.told - row.helped)
        for row in rows
    ]
