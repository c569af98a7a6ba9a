"""Steps that take a while: one plain line each, with seconds; the raw output goes to a file.

Standard library only: `operate.environments` runs before anything is installed.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOGS = ROOT / "var" / "log"
SHOWN_LINES = 40  # of a failed step's output


class StepFailed(Exception):
    """A step did not work; the sentence says which, why, and what to do."""


def say(line: str = "") -> None:
    """Print a line now, also when the output is not a terminal."""
    print(line, flush=True)


def run(
    what: str,
    command: Sequence[str | Path],
    log: str,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Run a program and say how long it took.

    Args:
        what: The step in plain words, e.g. "Training the bot".
        command: Program and arguments; it runs in the project's root.
        log: Name of the file in `var/log` that gets its output.
        environment: Variables besides the inherited ones.

    Raises:
        StepFailed: The program failed; with the end of its output.
    """
    LOGS.mkdir(parents=True, exist_ok=True)
    path = LOGS / log
    began = time.monotonic()
    say(f"{what} ...")
    with path.open("w", encoding="utf-8") as output:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=ROOT,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0:
        last = path.read_text(encoding="utf-8", errors="replace").splitlines()[-SHOWN_LINES:]
        raise StepFailed(
            "\n".join([*(f"    {line}" for line in last), ""])
            + f"{what} failed (exit code {done.returncode}). All of its output: {path}"
        )
    say(f"{what}: done in {time.monotonic() - began:.0f} s")


def together(*steps: Callable[[], None]) -> None:
    """Run these at the same time; when all have ended, raise the first failure."""
    with ThreadPoolExecutor(max_workers=max(len(steps), 1)) as pool:
        running = [pool.submit(step) for step in steps]
    for step in running:
        step.result()
