"""Whether each part works, and the figures of this process."""

import asyncio
import secrets
from typing import Annotated, Any

import httpx
import sqlalchemy as sa
from fastapi import APIRouter, Header, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy.exc import SQLAlchemyError

from gateway.dialogue import Dialogue
from gateway.settings import Settings
from store.database import Database
from support.errors import NotFound, SupportError

CHECK_SECONDS = 3.0


def health(database: Database, dialogue: Dialogue, settings: Settings) -> APIRouter:
    """The routes for whoever runs the installation."""
    router = APIRouter(tags=["operator"])

    async def store() -> dict[str, Any]:
        try:
            async with database.read() as tx:
                await tx.execute(sa.text("SELECT 1"))
        except SQLAlchemyError as error:
            return {"status": "down", "reason": type(error).__name__}
        return {"status": "ok"}

    async def rasa() -> dict[str, Any]:
        try:
            answer = await asyncio.wait_for(dialogue.health(), CHECK_SECONDS)
        except TimeoutError:
            return {"status": "down", "reason": "no answer in time"}
        except SupportError as error:
            return {"status": "down", "reason": str(error)}
        return dict(answer)

    async def actions() -> dict[str, Any]:
        try:
            async with httpx.AsyncClient(timeout=CHECK_SECONDS, trust_env=False) as http:
                answer = (await http.get(f"{settings.actions_url}/health")).json()
        except (httpx.HTTPError, ValueError) as error:
            return {"status": "down", "reason": type(error).__name__}
        return dict(answer) if isinstance(answer, dict) else {"status": "down"}

    @router.get("/health")
    async def all_parts(response: Response) -> dict[str, Any]:
        """The state of every part. 200 if messages can be taken, 503 if not."""
        found = await asyncio.gather(store(), rasa(), actions())
        parts = dict(zip(("store", "rasa", "actions"), found, strict=True))
        if parts["store"].get("status") != "ok":
            response.status_code = 503
        well = all(part.get("status") == "ok" for part in parts.values())
        return {"status": "ok" if well else "degraded", "gateway": {"status": "ok"}, **parts}

    @router.get("/health/live")
    async def alive() -> dict[str, str]:
        """Whether this process answers at all."""
        return {"status": "ok"}

    @router.get("/metrics", response_class=Response)
    async def metrics(request: Request, authorization: Annotated[str, Header()] = "") -> Response:
        """Prometheus figures, for this machine or whoever has the token."""
        if settings.metrics_token is not None:
            given = authorization.removeprefix("Bearer ")
            allowed = secrets.compare_digest(given.encode(), settings.metrics_token.encode())
        else:
            # A reverse proxy on this machine speaks for strangers: it says so in this header.
            here = request.client is not None and request.client.host in ("127.0.0.1", "::1")
            allowed = here and "x-forwarded-for" not in request.headers
        if not allowed:
            raise NotFound("page")
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return router
