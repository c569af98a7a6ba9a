"""Customers' verdicts on answers and conversations."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from store.database import insert
from store.schema import feedback


async def add(
    tx: AsyncConnection,
    conversation: str,
    message: str,
    at: datetime,
    *,
    article: str | None = None,
    section: str | None = None,
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
            helped=helped,
            text=text,
            message=message,
            at=at,
        )
        .on_conflict_do_nothing(index_elements=[feedback.c.message])
    )
