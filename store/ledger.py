"""Which troubleshooting steps a conversation has met, and what became of them."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from store.schema import ledger
from support.procedure import LedgerEntry, Outcome


async def entries(tx: AsyncConnection, conversation: str) -> list[LedgerEntry]:
    """Every step met so far, oldest first."""
    rows = await tx.execute(
        sa.select(ledger).where(ledger.c.conversation == conversation).order_by(ledger.c.id)
    )
    return [
        LedgerEntry(
            article=row.article,
            version=row.version,
            article_title=row.article_title,
            step=row.step,
            title=row.title,
            outcome=Outcome(row.outcome),
            shown_by=row.shown_by,
            decided_by=row.decided_by,
            at=row.at,
        )
        for row in rows
    ]


async def add(tx: AsyncConnection, conversation: str, entry: LedgerEntry) -> None:
    """Append a step that the conversation has not met yet.

    Raises:
        sqlalchemy.exc.IntegrityError: The step is in the ledger already.
    """
    await tx.execute(
        sa.insert(ledger).values(
            conversation=conversation,
            article=entry.article,
            version=entry.version,
            article_title=entry.article_title,
            step=entry.step,
            title=entry.title,
            outcome=entry.outcome,
            shown_by=entry.shown_by,
            decided_by=entry.decided_by,
            at=entry.at,
        )
    )


async def decide(
    tx: AsyncConnection, conversation: str, article: str, step: str, outcome: Outcome, message: str
) -> None:
    """Note what became of a step, and which message told it."""
    await tx.execute(
        sa.update(ledger)
        .where(
            ledger.c.conversation == conversation,
            ledger.c.article == article,
            ledger.c.step == step,
        )
        .values(outcome=outcome, decided_by=message)
    )
