"""What happens because time has passed."""

import asyncio
from datetime import timedelta

import structlog

from gateway.desk import Desk
from gateway.logs import describe
from support.conversation import Clock

log = structlog.get_logger()

TICK_SECONDS = 5.0


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
