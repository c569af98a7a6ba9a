"""Speaks to Rasa's turn channel (`bot/turn_channel.py`)."""

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from gateway import metrics
from support.errors import TurnFailed, Unavailable
from support.reply import Reply, read_reply

# What the turn channel says when the turn itself failed; a repetition may go the same way.
_FAILED = frozenset({"action_failed", "silent", "runaway"})


class Dialogue:
    """A pool of connections to Rasa."""

    def __init__(self, url: str, secret: str, timeout_seconds: float) -> None:
        self._http = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {secret}"},
            timeout=httpx.Timeout(timeout_seconds, connect=2.0),
            limits=httpx.Limits(max_connections=32, max_keepalive_connections=16),
            trust_env=False,  # Rasa is on loopback: no proxy has a say
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def take_turn(
        self, conversation: str, turn: str, text: str, payload: str | None = None
    ) -> Reply:
        """Let the bot answer one message. The same turn may be repeated: Rasa runs it once.

        Args:
            turn: The id of the customer's message.
            text: What the customer typed; the turn channel neutralises it.
            payload: What a pressed button means, e.g. "/affirm"; instead of the text.

        Raises:
            TurnFailed: Rasa ran the turn and it failed: nothing of it may be shown.
            Unavailable: Rasa or the action server did not answer.
        """
        body = {"conversation": conversation, "turn": turn}
        body |= {"payload": payload} if payload else {"text": text}
        started = time.perf_counter()
        answer = await self._call("POST", "/dialogue/turns", body)
        metrics.RASA_SECONDS.observe(time.perf_counter() - started)
        return read_reply(answer.get("messages", ()))

    async def reset(self, conversation: str) -> None:
        """End the active form; slots stay.

        Raises:
            Unavailable: Rasa did not answer.
        """
        await self._call("POST", f"/dialogue/conversations/{conversation}/reset", {})

    async def health(self) -> Mapping[str, Any]:
        """Rasa's own account of itself.

        Raises:
            Unavailable: Rasa did not answer, or has no model.
        """
        return await self._call("GET", "/dialogue/health", None)

    async def _call(
        self, method: str, path: str, body: Mapping[str, Any] | None
    ) -> Mapping[str, Any]:
        try:
            response = await self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise Unavailable("rasa", f"did not answer ({type(error).__name__})") from error
        try:
            answer = response.json() if response.content else {}
        except ValueError as error:
            raise Unavailable("rasa", "answered with something that is not JSON") from error
        if response.is_success and isinstance(answer, dict):
            return answer
        error_part = answer.get("error") if isinstance(answer, dict) else None
        code = error_part.get("code", "") if isinstance(error_part, dict) else ""
        reason = f"answered {response.status_code} {code}".strip()
        if code in _FAILED or response.is_client_error:
            raise TurnFailed(reason)
        raise Unavailable("rasa", reason)
