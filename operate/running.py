"""Starting the parts, watching them come up, stopping them without leaving one behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import httpx

from operate.steps import ROOT, StepFailed, say
from operate.supervisor import (
    STOP_SECONDS,
    TETHER,
    Program,
    log_file,
    pid_file,
    write_configuration,
)

START_SECONDS = 180  # the longest that all parts may take to come up
POLL_SECONDS = 0.25
SHOWN_LINES = 30  # of the log of a part that does not come up


class Stopped(Exception):
    """Somebody asked us to stop: Ctrl-C, or a signal."""


def supervise(
    parts: Sequence[Program],
    environment: Mapping[str, str],
    when_ready: Callable[[], None],
    root: Path = ROOT,
) -> int:
    """Run the parts until told to stop.

    Args:
        parts: What to keep running.
        environment: All of the environment that the parts inherit.
        when_ready: Called once, when every part answers.
        root: Their working directory, with `var` in it.

    Returns:
        An exit code: 0 after Ctrl-C or SIGTERM, 1 if the supervisor itself ended.

    Raises:
        StepFailed: A port is taken, or a part does not come up.
    """
    check_free(parts, root)
    configuration = write_configuration(parts, root)
    with _signals_raise(), supervisord(configuration, environment, root) as process:
        try:
            _wait_until_healthy(parts, process, root)
            # What was printed while they came up stays in the files: the addresses stay in sight.
            positions = {part.name: _size(log_file(part, root)) for part in parts}
            when_ready()
            while process.poll() is None:
                _show_new_lines(parts, positions, root)
                time.sleep(POLL_SECONDS)
        except Stopped:
            say("\nStopping ...")
            return 0
    say(f"The supervisor ended by itself ({_how(process)}), and every part with it. See var/log.")
    return 1


def check_free(parts: Sequence[Program], root: Path = ROOT) -> None:
    """Refuse when a port is taken.

    Raises:
        StepFailed: Says by what, as far as that is known, and which setting changes the port.
    """
    running = running_supervisor(root)
    if running is not None:
        raise StepFailed(
            f"It is running already (process {running}). Stop it with Ctrl-C where it was "
            f"started, or with: kill {running}"
        )
    for part in parts:
        family = socket.AF_INET6 if ":" in part.host else socket.AF_INET
        with socket.socket(family) as probe:
            # A port that was in use a minute ago is free; one that is listened on is not.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((part.host, part.port))
            except OSError as error:
                raise StepFailed(
                    f"{part.name} cannot listen on {part.host}, port {part.port}: "
                    f"{error.strerror}. Stop the program that has it, or choose another port "
                    f"with {part.port_setting} in .env."
                ) from error


def running_supervisor(root: Path = ROOT) -> int | None:
    """The process id of this folder's supervisor, if one is running."""
    try:
        pid = int(pid_file(root).read_text(encoding="ascii"))
        os.kill(pid, 0)
        command = Path(f"/proc/{pid}/cmdline")
        # A number may have gone to another process since.
        if command.exists() and b"supervisord.conf" not in command.read_bytes():
            return None
    except (FileNotFoundError, ValueError, ProcessLookupError, PermissionError):
        return None
    return pid


def is_healthy(part: Program) -> tuple[bool, str]:
    """Whether a part answers and says that all is well; and what it said."""
    try:
        answer = httpx.get(
            part.health_url, headers=dict(part.health_headers), timeout=5, trust_env=False
        )
    except httpx.HTTPError as error:
        return False, f"no answer ({type(error).__name__})"
    try:
        said = answer.json().get("status", "ok")
    except (ValueError, AttributeError):
        said = "ok"
    return answer.status_code == 200, said if answer.status_code == 200 else (
        f"answers with status {answer.status_code}"
    )


def _wait_until_healthy(
    parts: Sequence[Program], process: subprocess.Popen[bytes], root: Path
) -> None:
    began = time.monotonic()
    waiting = list(parts)
    say("Starting " + ", ".join(part.name for part in parts) + " ...")
    while waiting:
        for part in list(waiting):
            if is_healthy(part)[0]:
                waiting.remove(part)
                say(f"  {part.name} answers after {time.monotonic() - began:.0f} s")
        if process.poll() is not None:
            raise StepFailed(f"The supervisor did not start ({_how(process)}). See var/log.")
        if waiting and time.monotonic() - began > START_SECONDS:
            part = waiting[0]
            path = log_file(part, root)
            text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
            raise StepFailed(
                "\n".join(f"    {line}" for line in text.splitlines()[-SHOWN_LINES:])
                + f"\n{part.name} did not come up in {START_SECONDS} s. All of its output: {path}"
            )
        time.sleep(POLL_SECONDS)


@contextmanager
def supervisord(
    configuration: Path, environment: Mapping[str, str], root: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A supervisor that does not outlive this block, nor this process."""
    command = [sys.executable, "-I", str(TETHER), "TERM"]
    command += [sys.executable, "-m", "supervisor.supervisord", "-c", str(configuration)]
    process = subprocess.Popen(
        command,
        cwd=root,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        # Ctrl-C reaches this process alone, which then stops the others in good order.
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=STOP_SECONDS + 5)
        except subprocess.TimeoutExpired:
            process.kill()  # the parts are tethered to it
            process.wait()
        pid_file(root).unlink(missing_ok=True)


@contextmanager
def _signals_raise() -> Iterator[None]:
    def stop(_number: int, _frame: FrameType | None) -> None:
        # A second Ctrl-C, out of impatience, must not leave anything half stopped.
        for number in caught:
            signal.signal(number, signal.SIG_IGN)
        raise Stopped

    caught = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, stop) for number in caught]
    try:
        yield
    finally:
        for number, handler in zip(caught, before, strict=True):
            signal.signal(number, handler)


def _show_new_lines(parts: Sequence[Program], positions: dict[str, int], root: Path) -> None:
    for part in parts:
        path = log_file(part, root)
        if _size(path) < positions[part.name]:
            positions[part.name] = 0  # it was rotated
        if not path.exists():
            continue
        with path.open("rb") as log:
            log.seek(positions[part.name])
            whole, newline, _ = log.read().rpartition(b"\n")
        positions[part.name] += len(whole) + len(newline)
        for line in whole.decode("utf-8", "replace").splitlines():
            say(f"{part.name:>8} | {line}")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _how(process: subprocess.Popen[bytes]) -> str:
    code = process.returncode
    return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
