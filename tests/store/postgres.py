"""A PostgreSQL server of the tests' own: a new cluster in a temporary folder, gone afterwards."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

START_SECONDS = 60
# Nothing outlives the tests, so nothing has to reach the disk.
INITDB_OPTIONS = [
    "--auth=trust",
    "--username=postgres",
    "--encoding=UTF8",
    "--locale=C",
    "--no-sync",
]


@contextmanager
def postgres_server() -> Iterator[str]:
    """Run a server on a free loopback port.

    Yields:
        Its address without a database: `postgresql+psycopg://postgres@127.0.0.1:54321`.

    Raises:
        RuntimeError: PostgreSQL is not installed, or did not start; with what to do.
    """
    binaries = _binaries()
    folder = Path(tempfile.mkdtemp(prefix="aftercare-postgres-"))
    as_user = _user_options(folder)
    try:
        data = folder / "data"
        subprocess.run(
            [binaries / "initdb", "--pgdata", data, *INITDB_OPTIONS],
            check=True,
            capture_output=True,
            cwd=folder,
            **as_user,
        )
        port = _free_port()
        options = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": "",
            "fsync": "off",
            "full_page_writes": "off",
            "max_connections": 150,
        }
        command = [binaries / "postgres", "-D", data]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **as_user)
        try:
            _wait(server, binaries, port, folder / "log")
            yield f"postgresql+psycopg://postgres@127.0.0.1:{port}"
        finally:
            server.send_signal(signal.SIGQUIT)  # at once: without the checkpoint of a clean stop
            server.wait(timeout=START_SECONDS)
    finally:
        shutil.rmtree(folder)


def _binaries() -> Path:
    # Debian keeps the server's programs off the path.
    found = [Path(p).parent for p in (shutil.which("postgres"),) if p is not None]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    for folder in found:
        folder = (folder / "postgres").resolve().parent
        if (folder / "initdb").exists():
            return folder
    raise RuntimeError(
        "These tests run on a PostgreSQL of their own. Install it: apt-get install postgresql"
    )


def _version(binaries: Path) -> int:
    return int(binaries.parent.name) if binaries.parent.name.isdigit() else 0


def _user_options(folder: Path) -> dict[str, Any]:
    """Options of `subprocess` that take root away: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name for entry in pwd.getpwall()}
    user = "postgres" if "postgres" in names else "nobody"
    shutil.chown(folder, user)
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(server: subprocess.Popen[bytes], binaries: Path, port: int, log: Path) -> None:
    ready = [binaries / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
    deadline = time.monotonic() + START_SECONDS
    while subprocess.run(ready, check=False).returncode != 0:
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}")
        time.sleep(0.05)
