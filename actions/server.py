"""The HTTP server that Rasa calls. Rasa's own protocol, without the SDK's server.

The SDK's server logs a failed call with its exception and sends the whole request back: both hold
what customers wrote. It also answers other origins, and warns on every call that its version is not
Rasa's; `tests/dialogue` holds the two to each other.
"""

import asyncio
import json
import traceback
from dataclasses import asdict
from typing import Annotated, Any, Literal

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from rasa_sdk.executor import ActionExecutor
from rasa_sdk.interfaces import ActionExecutionRejection, ActionNotFoundException
from sanic import Request, Sanic
from sanic.exceptions import SanicException
from sanic.response import HTTPResponse
from sanic.response import json as json_response

from actions.base import Tools
from actions.metrics import KNOWLEDGE_DEGRADED

log = structlog.get_logger(__name__)

MAX_BODY_BYTES = 64 * 1024 * 1024  # a tracker with all its events, and the domain
MAX_SEARCH_BYTES = 16 * 1024


class Search(BaseModel):
    """What the gateway asks the articles, for its help pages and its agents."""

    model_config = ConfigDict(extra="forbid")

    question: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)
    ]
    product: str | None = Field(default=None, max_length=64)
    audience: Literal["customer", "agent"] = "customer"
    limit: int = Field(default=5, ge=1, le=20)


def create_app(executor: ActionExecutor, tools: Tools) -> Sanic[Any, Any]:
    """The application: `POST /webhook` runs an action, `POST /search` asks the articles,
    `GET /health` tells how it is.
    """
    app = Sanic("aftercare_actions", configure_logging=False)
    app.config.REQUEST_MAX_SIZE = MAX_BODY_BYTES
    app.config.ACCESS_LOG = False

    @app.get("/health")
    async def health(_: Request) -> HTTPResponse:
        """200 while actions can be run; `status` says whether something is amiss."""
        async with tools.database.read() as tx:
            await tx.exec_driver_sql("SELECT 1")
        await asyncio.to_thread(tools.knowledge.reload_if_changed)
        fault = tools.knowledge.degraded
        status = {"status": "ok" if fault is None else "degraded",
                  "knowledge": tools.knowledge.release}  # fmt: skip
        return json_response(status if fault is None else status | {"reason": fault})

    @app.get("/metrics")
    async def figures(_: Request) -> HTTPResponse:
        """Prometheus figures of this process; loopback only, like everything here."""
        await asyncio.to_thread(tools.knowledge.reload_if_changed)
        KNOWLEDGE_DEGRADED.set(tools.knowledge.degraded is not None)
        return HTTPResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)

    @app.post("/webhook")
    async def webhook(request: Request) -> HTTPResponse:
        """Run the action that the body names, and answer with its events and responses."""
        try:
            call: dict[str, Any] = json.loads(request.body)
            name = call["next_action"]
        except (ValueError, KeyError, TypeError):
            return _error(400, "bad_request", "The body is no call of an action.")
        try:
            result = await executor.run(call)
        except ActionExecutionRejection as rejection:
            return json_response(
                {"error": str(rejection), "action_name": rejection.action_name}, status=400
            )
        except ActionNotFoundException:
            return _error(404, "not_found", "There is no such action.", action_name=str(name))
        return json_response(result.model_dump() if result is not None else None)

    @app.post("/search")
    async def search(request: Request) -> HTTPResponse:
        """The best sections for a question, with their scores and reasons."""
        if len(request.body) > MAX_SEARCH_BYTES:
            return _error(413, "too_large", f"Send at most {MAX_SEARCH_BYTES} bytes.")
        try:
            asked = Search.model_validate_json(request.body)
        except ValidationError as error:
            # The place and not the value: that is somebody's question.
            where = ".".join(str(part) for part in error.errors()[0]["loc"]) or "the body"
            return _error(400, "bad_request", f"{where}: {error.errors()[0]['type']}")
        await asyncio.to_thread(tools.knowledge.reload_if_changed)
        found = await asyncio.to_thread(
            tools.knowledge.find, asked.question, asked.product, asked.audience, asked.limit
        )
        return json_response(
            {"release": tools.knowledge.release, "results": [asdict(source) for source in found]}
        )

    @app.exception(Exception)
    async def failed(request: Request, error: Exception) -> HTTPResponse:
        """Answer 5xx, so that Rasa's turn fails as a whole."""
        if isinstance(error, SanicException):
            return _error(error.status_code, "refused", "The call cannot be served.")
        # Frames only: the message of an error may quote the customer.
        frames = traceback.format_tb(error.__traceback__)
        log.error("action failed", error=type(error).__name__, path=request.path,
                  frames="".join(frames))  # fmt: skip
        return _error(500, "action_failed", "The action failed; nothing was kept.")

    return app


def _error(status: int, code: str, message: str, **more: str) -> HTTPResponse:
    return json_response({"error": {"code": code, "message": message}, **more}, status=status)
