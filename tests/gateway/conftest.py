"""The gateway as it is served: real sockets, a real SQLite file, and a Rasa with written lines."""

import asyncio
import hashlib
import json
import secrets
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from argon2 import PasswordHasher
from websockets.asyncio.client import ClientConnection, connect

from gateway.app import create_app
from gateway.routes.console import COOKIE
from gateway.settings import Settings
from store import agents
from store.database import Database
from store.schema import metadata
from support.agent import Agent
from support.conversation import Clock, utcnow
from tests.gateway.articles import ScriptedSearch
from tests.neighbours import ScriptedRasa, eventually, free_port, serve

SECRET = "a turn secret for tests, and for nothing else"
PASSWORD = " correct horse battery staple "  # its blanks belong to it
Messages = list[dict[str, Any]]


@pytest.fixture
def rasa() -> Iterator[ScriptedRasa]:
    """Rasa's turn channel, listening."""
    scripted = ScriptedRasa(SECRET)
    scripted.start()
    yield scripted
    scripted.die()


@pytest.fixture
def search() -> Iterator[ScriptedSearch]:
    """The action server's search, listening."""
    scripted = ScriptedSearch()
    scripted.start()
    yield scripted
    scripted.die()


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with every table and no rows, to be copied."""
    path = tmp_path_factory.mktemp("empty") / "aftercare.db"

    async def make() -> None:
        database = Database(f"sqlite+aiosqlite:///{path}")
        async with database.begin() as tx:
            await tx.run_sync(metadata.create_all)
        await database.close()

    asyncio.run(make())
    return path


@pytest.fixture
def database_url(empty_database: Path, tmp_path: Path) -> str:
    """The address of this test's database."""
    shutil.copy(empty_database, tmp_path / "aftercare.db")
    return f"sqlite+aiosqlite:///{tmp_path / 'aftercare.db'}"


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The gateway's database, as a second process has it open."""
    opened = Database(database_url)
    yield opened
    await opened.close()


@pytest.fixture
def settings(rasa: ScriptedRasa, database_url: str, tmp_path: Path) -> Settings:
    """A gateway that loses patience early."""
    return Settings(
        secret_key="a secret key for tests, and for nothing else",
        turn_secret=SECRET,
        rasa_port=rasa.port,
        actions_port=free_port(),
        database_url=database_url,
        knowledge_folder=tmp_path / "knowledge",
        notice_after_seconds=0.3,
        bot_patience_seconds=1.5,
        turn_timeout_seconds=1.0,
        messages_per_minute=1000,
        conversations_per_minute=1000,
        sign_ins_per_minute=1000,
        help_searches_per_minute=1000,
        page_verdicts_per_minute=1000,
    )


Start = Callable[..., AbstractContextManager[str]]


@pytest.fixture
def start(settings: Settings) -> Start:
    """Serves a gateway for as long as a block lasts: `with start(notice_after_seconds=5) as url`.

    Two such blocks, one after the other, are a restart on the same database.
    """

    def started(now: Clock = utcnow, **other: Any) -> AbstractContextManager[str]:
        return serve(create_app(settings.model_copy(update=other), now))

    return started


@pytest.fixture
def gateway(start: Start) -> Iterator[str]:
    """The address of a running gateway."""
    with start() as url:
        yield url


@dataclass
class Visitor:
    """A customer's page."""

    url: str
    conversation: str
    token: str
    http: httpx.AsyncClient
    seen: Messages = field(default_factory=list)

    async def post(self, body: dict[str, Any], key: str | None = None) -> httpx.Response:
        """Send something, as the widget does."""
        headers = {"Idempotency-Key": key or str(uuid4())}
        return await self.http.post("/widget/messages", json=body, headers=headers)

    async def say(self, text: str, key: str | None = None) -> dict[str, Any]:
        """Send words that have to be taken; the stored message."""
        response = await self.post({"text": text}, key)
        assert response.status_code in (200, 201), response.text
        message: dict[str, Any] = response.json()["message"]
        return message

    async def press(self, message: dict[str, Any], index: int) -> httpx.Response:
        """Press a quick reply."""
        return await self.post({"button": {"message": message["id"], "index": index}})

    async def read(self, after: int = 0, wait: int = 0) -> dict[str, Any]:
        """What the page gets: messages, status, typing."""
        params = {"after": after, "wait": wait}
        response = await self.http.get("/widget/messages", params=params)
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return found

    async def messages(self, *authors: str) -> Messages:
        """The transcript, or what these authors wrote in it."""
        found: Messages = (await self.read())["messages"]
        return [m for m in found if not authors or m["author"] in authors]

    async def texts(self, *authors: str) -> list[str]:
        """The words of `messages`."""
        return [m["text"] for m in await self.messages(*authors)]

    async def answer_to(self, message: dict[str, Any], seconds: float = 10.0) -> Messages:
        """Wait for what answers a message and is no mere notice."""

        async def answers() -> Messages:
            return [
                m
                for m in await self.messages("bot")
                if m["in_reply_to"] == message["id"] and m["kind"] != "notice"
            ]

        return await eventually(answers, seconds)

    async def ask(self, text: str) -> Messages:
        """Say something and wait for the answer."""
        return await self.answer_to(await self.say(text))

    async def status(self) -> str:
        """Who answers now."""
        state: str = (await self.read())["status"]["state"]
        return state

    async def until(self, state: str) -> None:
        """Wait until that state is reached."""

        async def reached() -> bool:
            return await self.status() == state

        await eventually(reached)

    @asynccontextmanager
    async def live(self, after: int = 0) -> AsyncIterator[ClientConnection]:
        """The page's socket."""
        address = self.url.replace("http", "ws") + "/widget/live"
        async with connect(address, proxy=None) as socket:
            await socket.send(json.dumps({"token": self.token, "after": after}))
            yield socket


@asynccontextmanager
async def visiting(url: str) -> AsyncIterator[Visitor]:
    """A customer with a new conversation."""
    async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as http:
        response = await http.post("/widget/conversations", json={})
        assert response.status_code == 201, response.text
        begun = response.json()
        http.headers["Authorization"] = f"Bearer {begun['token']}"
        yield Visitor(url, begun["conversation"], begun["token"], http)


@pytest_asyncio.fixture
async def visitor(gateway: str) -> AsyncIterator[Visitor]:
    """A customer of the running gateway."""
    async with visiting(gateway) as one:
        yield one


@dataclass
class Desk:
    """An agent's page, signed in."""

    url: str
    agent: Agent
    cookie: str
    http: httpx.AsyncClient

    async def post(self, conversation: str, what: str, body: Any = None) -> httpx.Response:
        """Do something with a conversation."""
        return await self.http.post(
            f"/console/conversations/{conversation}/{what}",
            json=body if body is not None else {},
            headers={"Idempotency-Key": str(uuid4())},
        )

    async def done(self, conversation: str, what: str, body: Any = None) -> dict[str, Any]:
        """Do something that has to be possible."""
        response = await self.post(conversation, what, body)
        assert response.status_code in (200, 201), response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def open(self, conversation: str) -> dict[str, Any]:
        """A conversation as the console shows it."""
        response = await self.http.get(f"/console/conversations/{conversation}")
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return found

    async def queue(self) -> dict[str, Messages]:
        """The queues."""
        response = await self.http.get("/console/queue")
        assert response.status_code == 200, response.text
        found: dict[str, Messages] = response.json()
        return found

    @asynccontextmanager
    async def live(self) -> AsyncIterator[ClientConnection]:
        """The console's socket."""
        address = self.url.replace("http", "ws") + "/console/live"
        cookie = {"Cookie": f"{COOKIE}={self.cookie}"}
        async with connect(
            address, origin=self.url, additional_headers=cookie, proxy=None
        ) as socket:
            yield socket


async def add_agent(database: Database, name: str) -> Agent:
    """An agent who signs in with PASSWORD; its hash is a cheap one."""
    hashed = PasswordHasher(time_cost=1, memory_cost=64).hash(PASSWORD)
    async with database.begin() as tx:
        return await agents.add(tx, f"{name.lower()}@example.org", name, hashed, utcnow())


@asynccontextmanager
async def signed_in(url: str, database: Database, name: str) -> AsyncIterator[Desk]:
    """A new agent with an open session."""
    agent = await add_agent(database, name)
    token = secrets.token_urlsafe(32)
    hashed = hashlib.sha256(token.encode()).hexdigest()
    async with database.begin() as tx:
        await agents.open_session(
            tx, agent.id, hashed, utcnow(), datetime.now(UTC) + timedelta(days=400)
        )
    async with httpx.AsyncClient(
        base_url=url,
        cookies={COOKIE: token},
        headers={"X-Aftercare": "console"},
        timeout=30,
        trust_env=False,
    ) as http:
        yield Desk(url, agent, token, http)


@pytest_asyncio.fixture
async def mira(gateway: str, database: Database) -> AsyncIterator[Desk]:
    """Mira, signed in at the running gateway."""
    async with signed_in(gateway, database, "Mira") as desk:
        yield desk


@pytest_asyncio.fixture
async def jan(gateway: str, database: Database) -> AsyncIterator[Desk]:
    """Jan, signed in at the running gateway."""
    async with signed_in(gateway, database, "Jan") as desk:
        yield desk


ASKS = [
    {
        "text": "",
        "custom": {
            "kind": "text",
            "handoff": {"trigger": "customer_asked", "rule": "The customer asked for a person."},
        },
    }
]


@pytest_asyncio.fixture
async def queued(visitor: Visitor, rasa: ScriptedRasa) -> Visitor:
    """A customer who asked for a person and waits."""
    rasa.script["I want to talk to a person"] = ASKS
    await visitor.ask("I want to talk to a person")
    return visitor


async def frame_of(socket: ClientConnection, kind: str, seconds: float = 5.0) -> dict[str, Any]:
    """The next frame of that kind; others are skipped."""
    async with asyncio.timeout(seconds):
        while True:
            frame: dict[str, Any] = json.loads(await socket.recv())
            if frame["type"] == kind:
                return frame
