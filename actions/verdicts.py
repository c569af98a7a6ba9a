"""What customers said of the articles, brought to the search: in the background, every few minutes.

A turn never waits for it: the counts are one grouped query, and the search keeps the penalties.
"""

import asyncio

import structlog
from sqlalchemy.exc import SQLAlchemyError

from actions.base import Tools
from store import feedback
from support.feedback import findings, penalties

log = structlog.get_logger(__name__)

EVERY_SECONDS = 300.0


async def take_up(tools: Tools) -> None:
    """Let the search know of every verdict there is.

    Raises:
        SQLAlchemyError: The store did not answer; the search goes on with what it knew.
    """
    async with tools.database.read() as tx:
        counts = await feedback.counts(tx)
    found = findings(tools.knowledge.articles(), counts, tools.policies.feedback)
    tools.knowledge.demote(penalties(found))


async def keep_taking_up(tools: Tools, every_seconds: float = EVERY_SECONDS) -> None:
    """`take_up` now and again and again, for as long as the task lives."""
    while True:
        try:
            await take_up(tools)
        except SQLAlchemyError as error:
            # Answers come as before; the next round tries again.
            log.error("verdicts not read", error=type(error).__name__)
        await asyncio.sleep(every_seconds)
