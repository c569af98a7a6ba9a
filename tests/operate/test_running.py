"""Supervision, with the real supervisor and three tiny programs in place of the three parts."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from operate.running import running_supervisor
from operate.steps import ROOT
from operate.supervisor import pid_file

NAMES = ("actions", "rasa", "gateway")
SECRET = "not-to-be-written-anywhere"


class Installation:
    """Three parts under supervision, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        """Nothing is started yet."""
        self.folder = folder
        self.output = folder / "output.txt"
        self.ports = dict(zip(NAMES, _free_ports(len(NAMES)), strict=True))
        self.options: list[str] = []
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, until: str = "READY") -> subprocess.Popen[bytes]:
        """Start, and wait until that line was printed."""
        parts = [
            {
                "name": name,
                "port": port,
                "command": [
                    sys.executable,
                    str(ROOT / "tests" / "operate" / "parts.py"),
                    name,
                    str(port),
                    *self.options,
                ],
            }
            for name, port in self.ports.items()
        ]
        command = [sys.executable, "-m", "tests.operate.supervised"]
        command += [str(self.folder), json.dumps(parts)]
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, "PART_SECRET": SECRET},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        eventually(lambda: until in self.said() or self.process.poll() is not None)
        assert until in self.said(), self.said()
        return self.process

    def said(self) -> str:
        """What the operator has seen so far."""
        return self.output.read_text() if self.output.exists() else ""

    def health(self, name: str) -> dict[str, Any]:
        """What a part says of itself."""
        url = f"http://127.0.0.1:{self.ports[name]}/health"
        told: dict[str, Any] = httpx.get(url, trust_env=False).json()
        return told

    def pid(self, name: str) -> int | None:
        """The process id of a part that answers."""
        try:
            return int(self.health(name)["pid"])
        except httpx.HTTPError:
            return None

    def clean_up(self) -> None:
        """End what a failed test has left."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=30)


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """Three parts that can be started. The folder's name is as awkward as folders get."""
    folder = tmp_path / "100% my folder"
    folder.mkdir()
    installation = Installation(folder)
    yield installation
    installation.clean_up()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_one_signal_stops_everything(installation: Installation, number: signal.Signals) -> None:
    """Ctrl-C, `kill` and a closed terminal: within seconds, nothing is left, not even a child."""
    installation.options = ["with-child"]
    process = installation.start()
    pids = [installation.health(name)[key] for name in NAMES for key in ("pid", "child")]
    pids.append(running_supervisor(installation.folder))
    assert len(set(pids)) == 7

    began = time.monotonic()
    process.send_signal(number)

    assert process.wait(timeout=30) == 0
    assert time.monotonic() - began < 15
    assert [pid for pid in pids if _is_alive(pid)] == []
    assert running_supervisor(installation.folder) is None


def test_a_part_that_is_killed_comes_back(installation: Installation) -> None:
    """Whichever it is, and the others go on undisturbed."""
    installation.start()
    for name in NAMES:
        before = {other: installation.pid(other) for other in NAMES}
        os.kill(before[name] or 0, signal.SIGKILL)
        eventually(lambda name=name, old=before[name]: installation.pid(name) not in (None, old))
        assert {o: installation.pid(o) for o in NAMES if o != name} == {
            o: pid for o, pid in before.items() if o != name
        }


def test_no_part_outlives_a_killed_supervisor(installation: Installation) -> None:
    """It cannot stop them any more; they would hold their ports and the database for ever."""
    process = installation.start()
    pids = [installation.pid(name) for name in NAMES]

    os.kill(running_supervisor(installation.folder) or 0, signal.SIGKILL)

    assert process.wait(timeout=30) == 1
    eventually(lambda: not any(_is_alive(pid) for pid in pids), seconds=5)
    assert "signal 9" in installation.said()


def test_nothing_outlives_a_killed_run(installation: Installation) -> None:
    """Killed outright, the command cannot stop its supervisor; the next start must not suffer."""
    process = installation.start()
    pids = [installation.pid(name) for name in NAMES] + [running_supervisor(installation.folder)]

    process.kill()
    process.wait()

    eventually(lambda: not any(_is_alive(pid) for pid in pids))
    assert installation.start().poll() is None


def test_a_taken_port_is_named_with_its_setting(installation: Installation) -> None:
    """And nothing is started beside the stranger."""
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", installation.ports["gateway"]))
        stranger.listen()
        process = installation.start(until="PORT_OF_GATEWAY")

        assert process.wait(timeout=10) == 1
    assert str(installation.ports["gateway"]) in installation.said()
    assert not pid_file(installation.folder).exists()


def test_a_second_start_is_refused(installation: Installation) -> None:
    """Two supervisors over one database would answer every customer twice."""
    first = installation.start()
    second = Installation(installation.folder)
    second.output = installation.folder / "second.txt"
    process = second.start(until="running already")

    assert process.wait(timeout=10) == 1
    assert f"kill {running_supervisor(installation.folder)}" in second.said()
    assert first.poll() is None


def test_a_pid_file_of_yesterday_is_no_supervisor(installation: Installation) -> None:
    """After a power cut the number may belong to anybody."""
    path = pid_file(installation.folder)
    path.parent.mkdir(parents=True)
    path.write_text(str(os.getpid()))
    assert running_supervisor(installation.folder) is None
    path.write_text("")
    assert running_supervisor(installation.folder) is None

    installation.start()


def test_logs_are_kept_and_shown(installation: Installation) -> None:
    """In the terminal with the part's name before them, and in a file of each part."""
    installation.start()
    installation.health("rasa")

    eventually(lambda: "    rasa | rasa was asked" in installation.said())
    log = installation.folder / "var" / "log" / "rasa.log"
    assert log.read_text().splitlines()[0] == "rasa starts"
    for name in NAMES:
        assert f"{name} answers after" in installation.said()


def test_secrets_are_inherited_and_written_nowhere(installation: Installation) -> None:
    """The configuration of the supervisor is read by anybody who looks for what went wrong."""
    installation.start()

    assert {installation.health(name)["secret"] for name in NAMES} == {SECRET}
    written = [p for p in (installation.folder / "var").rglob("*") if p.is_file()]
    assert len(written) >= 5
    assert [p for p in written if SECRET in p.read_text(errors="replace")] == []


def test_the_supervisor_listens_nowhere(installation: Installation) -> None:
    """Its control port would let anybody on the machine stop the shop's chat."""
    installation.start()
    supervisor = psutil.Process(running_supervisor(installation.folder))

    assert supervisor.net_connections(kind="all") == []


def eventually(condition: Callable[[], Any], seconds: float = 30) -> None:
    """Wait until that holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never became true"
        time.sleep(0.05)


def _is_alive(pid: int | None) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
