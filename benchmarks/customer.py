"""A customer as the widget is one: keys, retries, a cursor; and the agent on the other side."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx
import websockets
from websockets.exceptions import WebSocketException
from websockets.typing import Origin

RETRY_SECONDS = 0.2


class NoReply(AssertionError):
    """What was waited for did not come; says what was there instead."""


@dataclass
class Customer:
    """One visitor. Every send is retried with its key until it is acknowledged."""

    base_url: str
    token: str = ""
    conversation: str = ""
    sent: dict[str, str] = field(default_factory=dict)  # key -> text, acknowledged ones only
    _http: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        self._http = httpx.AsyncClient(base_url=self.base_url, timeout=30, trust_env=False)

    async def __aenter__(self) -> Self:
        started = await self._insist("POST", "/widget/conversations", json={})
        self.token, self.conversation = started["token"], started["conversation"]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.aclose()

    async def say(self, text: str, key: str | None = None) -> dict[str, Any]:
        """Send words; the stored message."""
        return await self._send({"text": text}, text, key or uuid4().hex)

    async def press(self, title: str) -> dict[str, Any]:
        """Press the newest quick reply of that title; the stored message."""
        for message in reversed((await self.read())["messages"]):
            for index, button in enumerate(message["buttons"]):
                if button["title"] == title:
                    pressed = {"button": {"message": message["id"], "index": index}}
                    return await self._send(pressed, title, uuid4().hex)
        raise NoReply(f"no quick reply {title!r}")

    async def _send(self, body: Mapping[str, Any], text: str, key: str) -> dict[str, Any]:
        headers = self._headers | {"Idempotency-Key": key}
        answer = await self._insist("POST", "/widget/messages", json=body, headers=headers)
        self.sent[key] = text
        message: dict[str, Any] = answer["message"]
        return message

    async def read(self, after: int = 0, wait: int = 0) -> dict[str, Any]:
        """Messages and status, as the long-poll gives them."""
        return await self._insist(
            "GET",
            "/widget/messages",
            params={"after": after, "wait": wait},
            headers=self._headers,
        )

    async def replies_to(self, message: Mapping[str, Any], seconds: float) -> list[dict[str, Any]]:
        """What the bot said to a message, once it has dealt with it.

        Raises:
            NoReply: It has not, in that time.
        """
        until = time.monotonic() + seconds
        cursor = message["seq"] - 1
        while True:
            found = await self.read(after=cursor, wait=1)
            own = [m for m in found["messages"] if m["id"] == message["id"]]
            replies = [
                m
                for m in found["messages"]
                if m["in_reply_to"] == message["id"]
                and (m["kind"] != "notice" or m["case"] or "112" in m["text"])
            ]
            if replies or (own and own[0]["state"] == "seen"):
                return replies
            if time.monotonic() > until:
                raise NoReply(f"nothing in {seconds} s; there is {found['messages']}")
            await asyncio.sleep(0.02)

    async def ask(self, text: str, seconds: float = 60) -> list[dict[str, Any]]:
        """Say something and wait for what the bot says to it."""
        return await self.replies_to(await self.say(text), seconds)

    async def listen(self, received: list[dict[str, Any]]) -> None:
        """Collect messages by WebSocket, reconnecting with the cursor, until cancelled."""
        address = self.base_url.replace("http", "ws", 1) + "/widget/live"
        cursor = 0
        while True:
            try:
                async with websockets.connect(address, open_timeout=5, proxy=None) as socket:
                    await socket.send(json.dumps({"token": self.token, "after": cursor}))
                    async for text in socket:
                        frame = json.loads(text)
                        for message in frame.get("messages", ()):
                            received.append(message)
                            cursor = max(cursor, message["seq"])
            except (OSError, TimeoutError, WebSocketException):
                await asyncio.sleep(RETRY_SECONDS)

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    async def _insist(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        return await insist(self._http, method, path, **options)


@dataclass
class ConsoleAgent:
    """An agent, signed in."""

    base_url: str
    email: str
    password: str
    _http: httpx.AsyncClient = field(init=False)

    async def __aenter__(self) -> Self:
        self._http = httpx.AsyncClient(
            base_url=self.base_url,
            timeout=30,
            trust_env=False,
            headers={"X-Aftercare": "console"},
        )
        await insist(
            self._http,
            "POST",
            "/console/session",
            json={"email": self.email, "password": self.password},
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def next_queue(self, conversation: str, ask: Awaitable[Any]) -> float:
        """Do `ask`, and wait until the conversation is in the queue, told by the socket.

        Returns:
            Seconds from the end of `ask` until it was there.
        """
        address = self.base_url.replace("http", "ws", 1) + "/console/live"
        headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in self._http.cookies.items())}
        async with websockets.connect(
            address, origin=Origin(self.base_url), additional_headers=headers, proxy=None
        ) as socket:
            await ask
            asked = time.perf_counter()
            while True:
                queue = await self.get("queue")
                if any(item["conversation"] == conversation for item in queue["all"]):
                    return time.perf_counter() - asked
                await asyncio.wait_for(socket.recv(), 30)

    async def get(self, path: str) -> dict[str, Any]:
        """Read something of the console's API."""
        return await insist(self._http, "GET", f"/console/{path}")

    async def do(self, conversation: str, what: str, **body: Any) -> dict[str, Any]:
        """Claim, take, messages, notes, return or resolve."""
        return await insist(
            self._http,
            "POST",
            f"/console/conversations/{conversation}/{what}",
            json=body,
            headers={"Idempotency-Key": uuid4().hex},
        )


async def insist(http: httpx.AsyncClient, method: str, path: str, **options: Any) -> dict[str, Any]:
    """A request, repeated while the server cannot be reached or asks to come back later.

    Raises:
        httpx.HTTPStatusError: The server refused it.
    """
    while True:
        try:
            response = await http.request(method, path, **options)
        except httpx.TransportError:
            await asyncio.sleep(RETRY_SECONDS)
            continue
        if response.status_code in (429, 503):
            await asyncio.sleep(RETRY_SECONDS)
            continue
        response.raise_for_status()
        answer: dict[str, Any] = response.json()
        return answer


async def until(what: Callable[[], Any], seconds: float, why: str, pause: float = 0.05) -> Any:
    """Wait for something to become true; what it became.

    Raises:
        NoReply: It did not, in that time.
    """
    end = time.monotonic() + seconds
    while True:
        found = what()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        if time.monotonic() > end:
            raise NoReply(f"{why}: not within {seconds} s")
        await asyncio.sleep(pause)
