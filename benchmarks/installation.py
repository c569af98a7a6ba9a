"""A throwaway installation: the real processes, on free ports, with a database of their own.

It uses the model, the encoder and the index of this checkout (`make prepare`), and nothing else of
it: everything that is written goes to its own folder.
"""

import os
import secrets
import signal
import socket
import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from operate.agents import add_agent
from operate.prepare import RASA_PYTHON, upgrade_database
from operate.running import is_healthy, supervisord
from operate.settings import environment_of_parts, read_settings
from operate.steps import ROOT
from operate.supervisor import Program, log_file, programs, write_configuration

PARTS = ("gateway", "rasa", "actions")
START_SECONDS = 180.0
_SHARED = ("encoder", "knowledge")  # of var/: read, never written
_OWN = frozenset({"var", ".env", ".git"})
# Enough for customers who never pause to think.
_SETTINGS = {
    "AFTERCARE_MESSAGES_PER_MINUTE": "100000",
    "AFTERCARE_CONVERSATIONS_PER_MINUTE": "100000",
}


class Installation:
    """The three processes under their supervisor, from `start` to `stop`."""

    agent = ("mira@example.org", "correct horse battery")  # address and password

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, str] | None = None,
        without: Sequence[str] = (),
    ) -> None:
        """Lay the folder out; nothing is started.

        Args:
            folder: Made if it is not there; its database stays when the processes stop.
            settings: AFTERCARE_ variables that differ from the defaults.
            without: Parts that are not started.
        """
        self.folder, self._without = folder, frozenset(without)
        (folder / "var").mkdir(parents=True)
        for entry in ROOT.iterdir():
            if entry.name not in _OWN:
                (folder / entry.name).symlink_to(entry)
        for name in _SHARED:
            (folder / "var" / name).symlink_to(ROOT / "var" / name)
        gateway, rasa, actions = free_ports(3)
        values = {
            "AFTERCARE_SECRET_KEY": secrets.token_urlsafe(32),
            "AFTERCARE_TURN_SECRET": secrets.token_urlsafe(32),
            "AFTERCARE_GATEWAY_PORT": str(gateway),
            "AFTERCARE_PUBLIC_URL": f"http://127.0.0.1:{gateway}",
            "AFTERCARE_RASA_PORT": str(rasa),
            "AFTERCARE_ACTIONS_PORT": str(actions),
            "AFTERCARE_DATABASE_URL": f"sqlite+aiosqlite:///{folder}/var/aftercare.db",
            "AFTERCARE_TRACKER_DB": f"sqlite:///{folder}/var/trackers.db",
        }
        values |= _SETTINGS | dict(settings or {})
        lines = "".join(f"{name}={value}\n" for name, value in values.items())
        (folder / ".env").write_text(lines, encoding="utf-8")
        self._settings = read_settings(folder)
        self.url = self._settings.gateway_url
        self.actions_url = f"http://127.0.0.1:{self._settings.actions_port}"
        self.start_seconds: dict[str, float] = {}
        self._stack = ExitStack()
        self._supervisor: psutil.Process | None = None

    def __enter__(self) -> Self:
        upgrade_database(self._settings)
        add_agent(self._settings.database_url, self.agent[0], "Mira", self.agent[1])
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def add_agent(self, email: str, name: str, password: str) -> None:
        """Add another agent."""
        add_agent(self._settings.database_url, email, name, password)

    def start(self) -> None:
        """Start the processes and wait until each of them answers.

        Raises:
            TimeoutError: One does not; with the end of its log.
        """
        parts = [p for p in programs(self._settings, self.folder) if p.name not in self._without]
        configuration = write_configuration(parts, self.folder)
        environment = environment_of_parts(self._settings, self.folder)
        began = time.monotonic()
        process = self._stack.enter_context(supervisord(configuration, environment, self.folder))
        self._supervisor = psutil.Process(process.pid)
        waiting = list(parts)
        while waiting:
            for part in list(waiting):
                if is_healthy(part)[0]:
                    waiting.remove(part)
                    self.start_seconds[part.name] = time.monotonic() - began
            if waiting and time.monotonic() - began > START_SECONDS:
                self.stop()
                raise TimeoutError(f"{waiting[0].name}: {self._log_end(waiting[0])}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop the processes; what they stored stays."""
        self._stack.close()
        self._supervisor = None

    def pid(self, part: str) -> int:
        """The process id of a part.

        Raises:
            ProcessLookupError: It is not running at this moment.
        """
        if self._supervisor is not None:
            for child in self._supervisor.children():
                if f"-m {part}" in _command(child):
                    return child.pid
        raise ProcessLookupError(part)

    def kill(self, part: str) -> bool:
        """Kill a part without warning; False if it is not running at this moment."""
        try:
            os.kill(self.pid(part), signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Read the store directly."""
        connection = sqlite3.connect(f"file:{self.folder}/var/aftercare.db?mode=ro", uri=True)
        try:
            return connection.execute(query, values).fetchall()
        finally:
            connection.close()

    def execute(self, statement: str) -> None:
        """Change the store directly: how a test makes an action fail."""
        connection = sqlite3.connect(f"{self.folder}/var/aftercare.db", timeout=10)
        try:
            connection.execute(statement)
            connection.commit()
        finally:
            connection.close()

    def log(self, part: str) -> str:
        """All that a part has printed."""
        return next(
            log_file(p, self.folder).read_text(encoding="utf-8", errors="replace")
            for p in programs(self._settings, self.folder)
            if p.name == part
        )

    def _log_end(self, part: Program) -> str:
        path = log_file(part, self.folder)
        text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else "no log"
        return "\n".join(text.splitlines()[-30:])


def rasa_command() -> list[str]:
    """The beginning of every command of Rasa's."""
    return [str(RASA_PYTHON), "-m", "rasa"]


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
