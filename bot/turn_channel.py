"""The one way into Rasa: a turn is idempotent, and says when it failed.

POST   /dialogue/turns                       {conversation, turn, text} or {..., payload}
POST   /dialogue/conversations/<id>/reset    ends the active form, keeps what is known
DELETE /dialogue/conversations/<id>          erases the conversation
GET    /dialogue/health                      200 when turns can be taken

Every call carries `Authorization: Bearer <secret>`. Errors are
`{"error": {"code": ..., "message": ...}}`; `bot.errors` has the codes of failed turns. A turn
goes on when its caller hangs up, so that sending it again yields its answer instead of a second
run.
"""

from __future__ import annotations

import asyncio
import functools
import hmac
import json
import logging
import re
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from rasa.core.channels.channel import InputChannel, UserMessage
from rasa.shared.exceptions import RasaException
from sanic import Blueprint, Sanic
from sanic.exceptions import SanicException
from sanic.request import Request
from sanic.response import HTTPResponse
from sanic.response import json as json_response

from bot import action_calls
from bot.customer_words import PayloadRefused, neutralised, understood
from bot.errors import TurnAborted
from bot.tracker_store import store_of
from bot.turns import Unsent, ready, reset, take_turn

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 64 * 1024
MAX_TEXT_CHARACTERS = 4000
MIN_SECRET_CHARACTERS = 16
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_CODES = {404: "not_found", 405: "method_not_allowed", 413: "too_large", 503: "timeout"}

T = TypeVar("T")
Handler = Callable[..., Awaitable[HTTPResponse]]


class Refused(Exception):
    """A call that is not obeyed, with its HTTP status."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class TurnChannel(InputChannel):
    """Rasa's input channel for the gateway; named in `credentials.yml`."""

    def __init__(self, secret: str, action_timeout_seconds: float = 15.0) -> None:
        """Check the settings and make custom action calls strict.

        Args:
            secret: What callers prove to know; at least 16 characters.
            action_timeout_seconds: Longest time one custom action may take.

        Raises:
            RasaException: A setting cannot be used. Rasa then does not start.
        """
        if not isinstance(secret, str) or len(secret.strip()) < MIN_SECRET_CHARACTERS:
            raise RasaException(
                "The turn channel needs a secret of at least "
                f"{MIN_SECRET_CHARACTERS} characters: set AFTERCARE_TURN_SECRET."
            )
        if not isinstance(action_timeout_seconds, (int, float)) or action_timeout_seconds <= 0:
            raise RasaException("action_timeout_seconds must be a number above zero.")
        self._authorization = f"Bearer {secret}".encode()
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._running: set[asyncio.Task[Any]] = set()
        action_calls.install(action_timeout_seconds)

    @classmethod
    def name(cls) -> str:
        """What the tracker records as the input channel."""
        return "dialogue"

    @classmethod
    def from_credentials(cls, credentials: dict[str, Any] | None) -> TurnChannel:
        """Make the channel from its section of `credentials.yml`."""
        known = {"secret", "action_timeout_seconds"}
        if credentials is None or "secret" not in credentials or set(credentials) - known:
            raise RasaException(
                "credentials.yml: the turn channel takes secret and action_timeout_seconds."
            )
        return cls(**credentials)

    def url_prefix(self) -> str:
        """An absolute path, which Rasa joins to `/webhooks/` by dropping the latter."""
        return "/dialogue"

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        """The routes. Rasa's own way in, `on_new_message`, hides failures and is not used."""
        routes = Blueprint("dialogue")

        @routes.listener("before_server_start")
        async def prepare(app: Sanic, _: Any) -> None:
            app.config.REQUEST_MAX_SIZE = MAX_BODY_BYTES
            app.error_handler.add(SanicException, _say_refused)
            app.error_handler.add(Exception, _say_broken)

        @routes.listener("after_server_start")
        async def check_store(app: Sanic, _: Any) -> None:
            store_of(app.ctx.agent.tracker_store)

        @routes.post("/turns")
        @self._guarded
        async def turns(request: Request) -> HTTPResponse:
            call = _read_turn(request.body)
            agent = request.app.ctx.agent
            domain = ready(agent).domain
            store_of(agent.tracker_store)
            try:
                parse_data = understood(call["payload"], domain) if "payload" in call else None
            except PayloadRefused as refused:
                raise Refused(400, "bad_request", str(refused)) from refused
            message = UserMessage(
                text=neutralised(call["text"]) if "text" in call else call["payload"],
                output_channel=Unsent(),
                sender_id=call["conversation"],
                parse_data=parse_data,
                input_channel=self.name(),
                message_id=call["turn"],
            )
            turn = await self._alone(message.sender_id, lambda: take_turn(agent, message))
            return json_response(asdict(turn))

        @routes.post("/conversations/<conversation>/reset")
        @self._guarded
        async def reset_conversation(request: Request, conversation: str) -> HTTPResponse:
            _check_id("conversation", conversation)
            agent = request.app.ctx.agent
            await self._alone(conversation, lambda: reset(agent, conversation))
            return json_response({"conversation": conversation})

        @routes.delete("/conversations/<conversation>")
        @self._guarded
        async def erase_conversation(request: Request, conversation: str) -> HTTPResponse:
            _check_id("conversation", conversation)
            store = store_of(request.app.ctx.agent.tracker_store)
            await self._alone(conversation, lambda: store.erase(conversation))
            return HTTPResponse(status=204)

        @routes.get("/health")
        @self._guarded
        async def health(request: Request) -> HTTPResponse:
            agent = request.app.ctx.agent
            ready(agent)
            store_of(agent.tracker_store).check()
            return json_response({"status": "ok", "model": agent.model_name})

        return routes

    def _guarded(self, handler: Handler) -> Handler:
        """Answer only those who know the secret, and turn every failure into its JSON."""

        @functools.wraps(handler)
        async def guarded(request: Request, **ids: str) -> HTTPResponse:
            given = request.headers.get("authorization", "").encode("utf-8", "surrogateescape")
            try:
                if not hmac.compare_digest(given, self._authorization):
                    raise Refused(401, "unauthorised", "The secret is missing or wrong.")
                return await handler(request, **ids)
            except Refused as refused:
                return _error(refused.status, refused.code, str(refused))
            except TurnAborted as aborted:
                log.error("turn aborted code=%s path=%s", aborted.code, request.path)
                action = getattr(aborted, "action", None)
                extra = {} if action is None else {"action": action}
                return _error(aborted.status, aborted.code, str(aborted), **extra)

        return guarded

    async def _alone(self, conversation: str, work: Callable[[], Awaitable[T]]) -> T:
        """Run `work` while nothing else touches the conversation, in the order of arrival.

        Rasa's own lock polls once a second and lets a second turn in after a minute. The work is
        not cancelled when the caller hangs up.
        """
        lock = self._locks.setdefault(conversation, asyncio.Lock())

        async def locked() -> T:
            async with lock:
                return await work()

        task = asyncio.ensure_future(locked())
        self._running.add(task)
        task.add_done_callback(self._finished)
        return await asyncio.shield(task)

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, so that asyncio does not report it when nobody waits


def _read_turn(body: bytes) -> dict[str, str]:
    try:
        call = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refused(400, "bad_request", "The body is not JSON.") from error
    if not isinstance(call, dict):
        raise Refused(400, "bad_request", "The body must be a JSON object.")
    said = [key for key in ("text", "payload") if key in call]
    if len(said) != 1:
        raise Refused(400, "bad_request", "The body must have either text or payload.")
    for key in ("conversation", "turn", said[0]):
        if not isinstance(call.get(key), str):
            raise Refused(400, "bad_request", f"{key} is missing or not a text.")
    if set(call) - {"conversation", "turn", said[0]}:
        raise Refused(400, "bad_request", "The body has keys that no turn has.")
    _check_id("conversation", call["conversation"])
    _check_id("turn", call["turn"])
    if not 1 <= len(call[said[0]]) <= MAX_TEXT_CHARACTERS:
        raise Refused(
            400, "bad_request", f"{said[0]} must have 1 to {MAX_TEXT_CHARACTERS} characters."
        )
    return call


def _check_id(name: str, value: str) -> None:
    if not _ID.fullmatch(value):
        raise Refused(400, "bad_request", f"{name} must be 1 to 64 of A-Z a-z 0-9 _ -.")


def _error(status: int, code: str, message: str, **more: str) -> HTTPResponse:
    return json_response({"error": {"code": code, "message": message, **more}}, status=status)


def _say_refused(_: Request, error: SanicException) -> HTTPResponse:
    status = error.status_code
    return _error(
        status,
        _CODES.get(status, "bad_request" if status < 500 else "internal"),
        "The call cannot be served.",
    )


def _say_broken(request: Request, error: Exception) -> HTTPResponse:
    # Frames only: the message of an unforeseen error may quote the customer.
    frames = "".join(traceback.format_tb(error.__traceback__))
    log.error("turn broke error=%s path=%s\n%s", type(error).__name__, request.path, frames)
    return _error(500, "internal", "An unforeseen error; nothing was stored.")
