"""What stands in front of every route: limits, headers, and the one table from error to status."""

import math
import time
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.logs import describe
from support.errors import (
    AlreadyClaimed,
    BadRequest,
    NotFound,
    NotSignedIn,
    NotYours,
    SlowDown,
    SupportError,
    TooLong,
    TransitionRefused,
    Unavailable,
)

log = structlog.get_logger()

MAX_BODY_BYTES = 64 * 1024
INTERNAL_ERROR = 1011  # WebSocket close code

STATUS: dict[type[SupportError], int] = {
    BadRequest: 400,
    TooLong: 413,
    NotSignedIn: 401,
    NotFound: 404,
    AlreadyClaimed: 409,
    NotYours: 409,
    TransitionRefused: 409,
    SlowDown: 429,
    Unavailable: 503,
}

_PLAIN_CODES = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}

# Pages are ours alone: no foreign script, style, frame or connection.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; font-src 'self'; base-uri 'none'; form-action 'self'; "
)


def page_headers(frame_ancestors: str = "'none'", frame_src: str = "'none'") -> dict[str, str]:
    """The headers of an HTML page.

    Args:
        frame_ancestors: Who may show the page in a frame, as CSP writes it.
        frame_src: What the page may show in a frame.
    """
    return {
        "Content-Security-Policy": f"{CONTENT_SECURITY_POLICY}frame-src {frame_src}; "
        f"frame-ancestors {frame_ancestors}",
        "Cache-Control": "no-cache",
    }


class Limiter:
    """At most so many attempts a minute, for each kind of attempt and each who."""

    def __init__(self) -> None:
        # Two counters for each who, dropped when they are over; the exact kind keeps an entry of
        # everybody for ever.
        self._window = SlidingWindowCounterRateLimiter(MemoryStorage())

    def check(self, kind: str, who: str, per_minute: int) -> None:
        """Count an attempt.

        Raises:
            SlowDown: There were too many in the last minute.
        """
        item = RateLimitItemPerMinute(per_minute)
        if not self._window.hit(item, kind, who):
            again_at = self._window.get_window_stats(item, kind, who).reset_time
            raise SlowDown(max(1, math.ceil(again_at - time.time())))


def error_body(code: str, message: str) -> dict[str, dict[str, str]]:
    """The one form in which every error is told."""
    return {"error": {"code": code, "message": message}}


def install(app: FastAPI) -> None:
    """Add the error table, the size limit and the headers to an app."""

    @app.exception_handler(SupportError)
    async def refused(_request: Request, error: SupportError) -> JSONResponse:
        status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)
        headers = (
            {"Retry-After": str(error.retry_after_seconds)} if isinstance(error, SlowDown) else None
        )
        return JSONResponse(error_body(error.code, str(error)), status, headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part != "body")
        return JSONResponse(error_body("bad_request", f"{where}: {first['msg']}".strip(": ")), 422)

    @app.exception_handler(HTTPException)
    async def plain(_request: Request, error: HTTPException) -> JSONResponse:
        code = _PLAIN_CODES.get(error.status_code, "error")
        return JSONResponse(error_body(code, str(error.detail)), error.status_code, error.headers)

    @app.exception_handler(SQLAlchemyError)
    async def store_failed(_request: Request, error: SQLAlchemyError) -> JSONResponse:
        log.error("store failed", **describe(error))
        return JSONResponse(error_body("unavailable", "This could not be stored. Try again."), 503)

    app.add_middleware(Guard)


class Guard:
    """The outermost layer: refuses what is too large, adds headers, and survives our own faults.

    Plain ASGI, so that sockets pass through it and nothing is copied on the way.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or socket."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def answer(message: MutableMapping[str, Any]) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                _add_headers(MutableHeaders(scope=message), scope["path"])
            await send(message)

        refused = _size_problem(scope["method"], Headers(scope=scope))
        if refused is not None:
            await refused(scope, receive, answer)
            return
        try:
            await self._app(scope, receive, answer)
        except Exception as error:
            # Here and not in the server, which would log the error's sentence.
            log.error("request failed", path=_route(scope), **describe(error))
            if started:
                return  # the server notices that the answer is not whole, and hangs up
            body = error_body("internal", "Something went wrong here. Try again.")
            await JSONResponse(body, 500)(scope, receive, answer)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        closed = False

        async def answer(message: MutableMapping[str, Any]) -> None:
            nonlocal closed
            closed = closed or message["type"] == "websocket.close"
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except Exception as error:
            log.error("socket failed", path=scope["path"], **describe(error))
            if not closed:
                with suppress(RuntimeError, OSError):  # the page may be gone as well
                    await send({"type": "websocket.close", "code": INTERNAL_ERROR})


def _size_problem(method: str, headers: Headers) -> JSONResponse | None:
    length = headers.get("content-length")
    if length is None:
        # Without a length only the whole body would tell; and only these methods bring one.
        if method in ("GET", "HEAD", "OPTIONS", "DELETE") and "transfer-encoding" not in headers:
            return None
        return JSONResponse(error_body("length_required", "Send the body with its length."), 411)
    if length.isdigit() and int(length) <= MAX_BODY_BYTES:
        return None
    return JSONResponse(error_body("too_large", f"Send at most {MAX_BODY_BYTES} bytes."), 413)


def _add_headers(headers: MutableHeaders, path: str) -> None:
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "no-referrer")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    # Pages bring a policy of their own; nothing else of ours may run or be framed.
    headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    if "/assets/" in path or path.startswith("/shop/"):
        headers.setdefault("Cache-Control", "no-cache")  # asked again, by ETag
    elif path.startswith(("/widget/", "/console/")):
        headers.setdefault("Cache-Control", "no-store")


def _route(scope: Scope) -> str:
    route = scope.get("route")
    return str(getattr(route, "path", "unknown"))
