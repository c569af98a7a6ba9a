"""What happens because time has passed."""

import asyncio
from datetime import UTC, timedelta

import structlog

from gateway.desk import Desk
from gateway.logs import describe
from store import feedback
from store.database import Database
from support.conversation import Clock

log = structlog.get_logger()

TICK_SECONDS = 5.0
FORGET_SECONDS = 3600.0


async def run_timers(desk: Desk, now: Clock, told_after: timedelta) -> None:
    """Tell customers whom nobody has answered in time, for as long as the task lives."""
    while True:
        try:
            told = await desk.tell_waiting(now() - told_after)
            if told:
                log.info("told waiting customers", count=told)
        except Exception as error:  # whatever it is: the other customers wait too
            log.error("timer failed", **describe(error))  # tried again at the next tick
        await asyncio.sleep(TICK_SECONDS)


async def forget_passers(database: Database, now: Clock) -> None:
    """Take out what tells earlier days' visitors of the help pages apart, for ever."""
    while True:
        try:
            today = now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
            async with database.begin() as tx:
                await feedback.forget_marks(tx, today)
        except Exception as error:  # whatever it is: the marks have to go
            log.error("timer failed", **describe(error))  # tried again at the next tick
        await asyncio.sleep(FORGET_SECONDS)
