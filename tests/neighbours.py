"""Real neighbours for the tests: servers on free loopback ports."""

import asyncio
import socket
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

T = TypeVar("T")

Wire = Sequence[Mapping[str, Any]]  # messages, as the turn channel returns them


@contextmanager
def serve(app: Any, port: int = 0, graceful_seconds: int = 1) -> Iterator[str]:
    """Serve an ASGI application in a thread of its own, for as long as the block lasts.

    Args:
        port: 0 takes a free one.
        graceful_seconds: How long requests in flight may take when the block ends; 0 cuts them off.

    Yields:
        Its address, e.g. "http://127.0.0.1:40213".
    """
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=graceful_seconds or None,
            ws_max_size=16 * 1024,
        )
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + 20
        while not server.started:
            if not thread.is_alive() or time.monotonic() > deadline:
                raise AssertionError("the server did not start")
            time.sleep(0.005)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        server.force_exit = graceful_seconds == 0
        thread.join(20)
        listening.close()
        if thread.is_alive():
            raise AssertionError("the server did not stop")


def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class ScriptedRasa:
    """Rasa's turn channel with its lines written beforehand.

    Like the real one it runs a turn once and replays it when it is sent again, takes the turns of
    one conversation one after the other, and finishes a turn whose caller has hung up.
    """

    def __init__(self, secret: str) -> None:
        self.port = free_port()
        # By the customer's words or payload; anything else is echoed.
        self.script: dict[str, Wire] = {}
        self.hanging: set[str] = set()  # turns with these words wait until `release`
        self.refusing: dict[str, list[tuple[int, str]]] = {}  # words -> (status, code), one a call
        self.broken: tuple[int, str] | None = None  # every turn is answered like this
        self.calls: list[dict[str, str]] = []  # bodies of the turns, repetitions among them
        self.runs: Counter[str] = Counter()  # turn id -> how often it was run
        self.events: list[tuple[str, str]] = []  # ("reset" | "turn", conversation), as they came
        self._answers: dict[str, dict[str, Any]] = {}
        self._released: set[str] = set()
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._secret = secret
        self._serving: AbstractContextManager[str] | None = None

    def start(self) -> None:
        """Listen, on the same port each time."""
        self._locks.clear()  # they belong to the loop that died
        self._serving = serve(self._app(), self.port, graceful_seconds=0)
        self._serving.__enter__()

    def die(self) -> None:
        """Stop listening and cut off every call."""
        if self._serving is not None:
            serving, self._serving = self._serving, None
            serving.__exit__(None, None, None)

    def release(self, words: str) -> None:
        """Let hanging turns with these words go on."""
        self._released.add(words)

    def said(self, conversation: str) -> list[str]:
        """The words and payloads of the turns run in a conversation, in order, each once."""
        turns = {c["turn"]: c for c in self.calls if c["conversation"] == conversation}
        return [c.get("text") or c["payload"] for t, c in turns.items() if self.runs[t]]

    def _app(self) -> FastAPI:
        app = FastAPI()

        def trusted(request: Request) -> bool:
            return request.headers.get("authorization") == f"Bearer {self._secret}"

        @app.post("/dialogue/turns")
        async def turns(request: Request) -> Response:
            if not trusted(request):
                return _error(401, "unauthorised")
            call = await request.json()
            self.calls.append(call)
            words = call.get("text") or call["payload"]
            if self.broken is not None:
                return _error(*self.broken)
            if self.refusing.get(words):
                return _error(*self.refusing[words].pop(0))
            async with self._locks[call["conversation"]]:
                return JSONResponse(await self._turn(call, words))

        @app.post("/dialogue/conversations/{conversation}/reset")
        async def reset(conversation: str, request: Request) -> Response:
            if not trusted(request):
                return _error(401, "unauthorised")
            if self.broken is not None:
                return _error(*self.broken)
            self.events.append(("reset", conversation))
            return JSONResponse({"conversation": conversation})

        @app.get("/dialogue/health")
        async def health() -> Response:
            if self.broken is not None:
                return _error(*self.broken)
            return JSONResponse({"status": "ok", "model": "scripted"})

        return app

    async def _turn(self, call: Mapping[str, str], words: str) -> dict[str, Any]:
        turn = call["turn"]
        if turn in self._answers:
            return self._answers[turn] | {"replayed": True}
        for _ in range(20_000):
            if words not in self.hanging or words in self._released:
                break
            await asyncio.sleep(0.01)
        self.runs[turn] += 1
        self.events.append(("turn", call["conversation"]))
        self._answers[turn] = {
            "turn": turn,
            "replayed": False,
            "messages": list(self.script.get(words, [{"text": f"About “{words}”."}])),
            "intent": {"name": "inform", "confidence": 1.0},
            "entities": [],
            "loop": None,
            "requested_slot": None,
        }
        return self._answers[turn]


def _error(status: int, code: str) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": "Scripted."}}, status)


async def eventually(look: Callable[[], Awaitable[T]], seconds: float = 10.0) -> T:
    """What `look` sees, as soon as it is something; an error if it stays nothing."""
    deadline = time.monotonic() + seconds
    while not (seen := await look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not seen within {seconds} seconds; at the end: {seen!r}")
        await asyncio.sleep(0.02)
    return seen
