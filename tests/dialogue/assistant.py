"""The whole assistant for tests: the trained model in Rasa, the action server, a store, articles.

Everything is real and listens on free loopback ports. The model is trained when a file that it
depends on has changed since the last time.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from operate import prepare
from operate.settings import read_settings
from store import cases as case_store
from store import conversations, ledger, purchases
from store import facts as fact_store
from store.database import Database
from store.schema import metadata
from support.conversation import Channel
from support.purchase_csv import read_purchases

ROOT = Path(__file__).parents[2]
SECRET = "a-secret-for-tests-only"
RASA = ROOT / ".venvs/rasa/bin/rasa"
START_SECONDS = 180


def trained_model() -> Path:
    """The model of the project's own training files, trained if they have changed."""
    prepare.make_settings()
    prepare.train(read_settings())
    return max((ROOT / "models").glob("*.tar.gz"), key=lambda model: model.stat().st_mtime)


class Assistant:
    """The running processes, and the store to look into."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database_url = f"sqlite+aiosqlite:///{folder / 'aftercare.db'}"
        self.knowledge = ROOT / "var/knowledge"
        self.actions_port, self.rasa_port = _free_port(), _free_port()
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{self.rasa_port}/dialogue",
            headers={"authorization": f"Bearer {SECRET}"}, timeout=60,
        )  # fmt: skip
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Prepare store and articles, then start both processes and wait until they answer."""
        model = trained_model()
        prepare.build_index(read_settings())
        asyncio.run(self._prepare_store())
        self._run("actions", [sys.executable, "-m", "actions"])
        self._run("rasa", [
            str(RASA), "run", "-i", "127.0.0.1", "-p", str(self.rasa_port), "-m", str(model),
            "--endpoints", "endpoints.yml", "--credentials", "credentials.yml",
        ])  # fmt: skip
        self._wait(f"http://127.0.0.1:{self.actions_port}/health")
        self._wait(f"http://127.0.0.1:{self.rasa_port}/dialogue/health")

    def stop(self) -> None:
        """Stop both processes."""
        self.http.close()
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()

    def open_conversation(self) -> str:
        """A new conversation in the store."""

        async def work() -> str:
            async with self._database() as database, database.begin() as tx:
                opened = await conversations.open_conversation(
                    tx, Channel.WEB, uuid4().hex, datetime.now(UTC)
                )
                return opened.id

        return asyncio.run(work())

    def take_turn(self, conversation: str, **said: str) -> dict[str, Any]:
        """Post one turn, `text` or `payload`, with an id of its own unless `turn` names one."""
        body = {"conversation": conversation, "turn": uuid4().hex, **said}
        response = self.http.post("/turns", json=body)
        assert response.status_code == 200, (response.text, self.log("actions")[-800:])
        answer: dict[str, Any] = response.json()
        return answer

    def reset(self, conversation: str) -> None:
        """What the gateway does when a person hands back to the bot."""
        self.http.post(f"/conversations/{conversation}/reset").raise_for_status()

    def kept(self, conversation: str) -> dict[str, Any]:
        """What the store has of a conversation: cases, facts, ledger."""

        async def work() -> dict[str, Any]:
            async with self._database() as database, database.read() as tx:
                return {
                    "cases": await case_store.of_conversation(tx, conversation),
                    "facts": await fact_store.known(tx, conversation),
                    "ledger": await ledger.entries(tx, conversation),
                }

        return asyncio.run(work())

    def log(self, name: str) -> str:
        """What a process has written."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    @contextmanager
    def _logged(self, name: str) -> Iterator[Any]:
        with (self.folder / f"{name}.log").open("ab") as log:
            yield log

    def _run(self, name: str, command: list[str]) -> None:
        environment = _environment({
            "AFTERCARE_TURN_SECRET": SECRET,
            "AFTERCARE_DATABASE_URL": self.database_url,
            "AFTERCARE_TRACKER_DB": f"sqlite:///{self.folder / 'trackers.db'}",
            "AFTERCARE_ACTIONS_PORT": str(self.actions_port),
            "AFTERCARE_ACTIONS_URL": f"http://127.0.0.1:{self.actions_port}/webhook",
            "AFTERCARE_KNOWLEDGE_FOLDER": str(self.knowledge),
        })  # fmt: skip
        with self._logged(name) as log:
            self._processes.append(
                subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
            )

    def _wait(self, url: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if any(process.poll() is not None for process in self._processes):
                break
            try:
                headers = {"authorization": f"Bearer {SECRET}"}
                if httpx.get(url, headers=headers, timeout=5).status_code == 200:
                    return
            except httpx.TransportError:
                pass  # not listening yet
            time.sleep(0.2)
        logs = "\n".join(self.log(name)[-2000:] for name in ("actions", "rasa")
                         if (self.folder / f"{name}.log").exists())  # fmt: skip
        raise AssertionError(f"{url} does not answer\n{logs}")

    async def _prepare_store(self) -> None:
        async with self._database() as database:
            async with database.engine.begin() as connection:
                await connection.run_sync(metadata.create_all)
            async with database.begin() as tx:
                text = (ROOT / "sample/purchases.csv").read_text("utf-8")
                await purchases.save(tx, read_purchases(text, datetime.now(UTC).date()))

    def _database(self) -> "_Opened":
        return _Opened(self.database_url)


class _Opened:
    def __init__(self, url: str) -> None:
        self._database = Database(url)

    async def __aenter__(self) -> Database:
        return self._database

    async def __aexit__(self, *_: object) -> None:
        await self._database.close()


def _environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    return {**os.environ, "RASA_TELEMETRY_ENABLED": "false", "TF_CPP_MIN_LOG_LEVEL": "3",
            **(more or {})}  # fmt: skip


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
