"""What stands in front of every route: limits, headers, and the one table from error to status."""

from collections.abc import Awaitable, Callable

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from support.errors import (
    AlreadyClaimed,
    BadRequest,
    NotFound,
    NotSignedIn,
    NotYours,
    SlowDown,
    SupportError,
    TransitionRefused,
    Unavailable,
)

log = structlog.get_logger()

MAX_BODY_BYTES = 64 * 1024

STATUS: dict[type[SupportError], int] = {
    BadRequest: 400,
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
        self._window = MovingWindowRateLimiter(MemoryStorage())

    def check(self, kind: str, who: str, per_minute: int) -> None:
        """Count an attempt.

        Raises:
            SlowDown: There were too many in the last minute.
        """
        if not self._window.hit(RateLimitItemPerMinute(per_minute), kind, who):
            raise SlowDown(retry_after_seconds=10)


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
        log.error("store failed", error=type(error).__name__)
        return JSONResponse(error_body("unavailable", "This could not be stored. Try again."), 503)

    @app.middleware("http")
    async def guard(
        request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        length = request.headers.get("content-length")
        chunked = request.method in ("POST", "PUT", "PATCH") and length is None
        if chunked or (
            length is not None and not (length.isdigit() and int(length) <= MAX_BODY_BYTES)
        ):
            return JSONResponse(
                error_body("too_large", f"Send at most {MAX_BODY_BYTES} bytes, with their length."),
                413,
            )
        response = await call_next(request)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "no-referrer")
        response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        if request.url.path.startswith(("/widget/", "/console/")):
            response.headers.setdefault("Cache-Control", "no-store")
        return response
