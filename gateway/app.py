"""Everything of the gateway is wired here."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
import tomllib
from fastapi import FastAPI

from gateway import guards
from gateway.auth import AgentSessions, Passers, Visitors
from gateway.desk import Desk
from gateway.dialogue import Dialogue
from gateway.inbox import Inbox
from gateway.library import Library
from gateway.live import Live
from gateway.outbox import Outbox
from gateway.routes.console import console
from gateway.routes.health import health
from gateway.routes.help import help_pages
from gateway.routes.pages import assets, pages
from gateway.routes.widget import widget
from gateway.search import Search
from gateway.settings import Settings
from gateway.timers import forget_passers, run_timers
from gateway.wording import load_wording
from store.database import Database
from support import feedback, warranty
from support.conversation import Clock, utcnow
from support.purchase import Purchase
from support.schedule import read_opening_hours

ROOT = Path(__file__).parent.parent

log = structlog.get_logger()


def create_app(settings: Settings, now: Clock = utcnow) -> FastAPI:
    """The gateway, ready to be served; it connects when it starts.

    Raises:
        ValueError: A policy or a sentence is missing or cannot be understood.
    """
    service = _toml("service_hours")
    wording = load_wording(ROOT / "wording", read_opening_hours(service))
    warranty_policy = warranty.read_policy(_toml("warranty"))
    feedback_policy = feedback.read_policy(_toml("feedback"))
    library = Library(settings.knowledge_folder)

    def warranty_sentence(purchase: Purchase, at: datetime) -> str:
        where = warranty.position(purchase, warranty_policy, at.date())
        return f"{purchase.model} {warranty.reason(where)}."

    def release() -> Mapping[str, str]:
        return {"knowledge": library.release or "none"}

    database = Database(settings.database_url)
    live = Live()
    limiter = guards.Limiter()
    outbox = Outbox(wording)
    desk = Desk(database, outbox, live, wording, now, warranty_sentence, release)
    dialogue = Dialogue(settings.rasa_url, settings.turn_secret, settings.turn_timeout_seconds)
    inbox = Inbox(database, dialogue, desk, outbox, live, wording, now, settings)
    search = Search(settings.actions_url)
    visitors = Visitors(settings.secret_key)
    sessions = AgentSessions(database, now, timedelta(hours=settings.session_hours))

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with dialogue, search:
            await inbox.start()
            told_after = timedelta(minutes=service["told_after_minutes"])
            timers = [
                asyncio.create_task(run_timers(desk, now, told_after)),
                asyncio.create_task(forget_passers(database, now)),
            ]
            log.info("gateway started")
            yield
            for timer in timers:
                timer.cancel()
            await asyncio.gather(*timers, return_exceptions=True)
            await inbox.stop()
            await database.close()
            log.info("gateway stopped")

    app = FastAPI(
        title="Aftercare",
        summary="After-sales support: the widget's, the console's and the operator's API.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    guards.install(app)
    app.include_router(widget(database, inbox, live, visitors, limiter, wording, now, settings))
    app.include_router(
        console(
            database,
            desk,
            live,
            sessions,
            limiter,
            search,
            library,
            feedback_policy,
            now,
            settings,
        )
    )
    app.include_router(health(database, dialogue, settings))
    passers = Passers(settings.secret_key)
    app.include_router(pages(settings, ROOT / "web"))
    app.include_router(
        help_pages(
            database, library, search, limiter, passers, wording, now, settings, ROOT / "web"
        )
    )
    app.router.routes.extend(assets(ROOT / "web"))
    return app


def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / "policies" / f"{name}.toml").read_text(encoding="utf-8"))
