"""Files converted in a process of their own, with limited memory and time.

A file from elsewhere can be made so that reading it never ends or takes all memory. Here that costs
this file, not the import: the process is ended and the next file gets another.
"""

from __future__ import annotations

import json
import os
import resource
import select
import subprocess
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

from retrieval.errors import ImportRefused
from retrieval.importing.blocks import Block, Converted, Document
from retrieval.importing.conversion import convert

SECONDS_PER_FILE = 300.0  # a manual of 300 pages takes about a minute on one slow core
_MEMORY = 3 << 30  # bytes of address space


class Converter:
    """Converts one file after the other; a context manager that ends its process.

    Args:
        seconds: What one file may take.
    """

    def __init__(self, seconds: float = SECONDS_PER_FILE) -> None:
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Converter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end()

    def convert(self, file: Path) -> Converted:
        """`conversion.convert`, which see, or a refusal when it fails or takes too long.

        Raises:
            ImportRefused: The file cannot be read, for whatever reason.
        """
        process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(str(file.absolute())).encode() + b"\n")
            process.stdin.flush()
            if not select.select([process.stdout], [], [], self._seconds)[0]:
                self._end()
                raise ImportRefused(
                    file,
                    f"was not read within {self._seconds:.0f} seconds",
                    "split it, or save it again from the program that made it",
                )
            line = process.stdout.readline()
        except BrokenPipeError:
            line = b""
        if not line.endswith(b"\n"):
            self._end()
            raise ImportRefused(
                file, "made its reader crash", "save it again from the program that made it"
            )
        answer: dict[str, Any] = json.loads(line)
        if refused := answer.get("refused"):
            raise ImportRefused(file, refused["what"], refused["cure"])
        return Converted(
            [
                Document(**(one | {"blocks": tuple(Block(**block) for block in one["blocks"])}))
                for one in answer["documents"]
            ],
            Counter(answer["dropped"]),
        )

    def _start(self) -> subprocess.Popen[bytes]:
        self._process = subprocess.Popen(  # the command is ours
            [sys.executable, "-m", "retrieval.importing.process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # complaints of the libraries about each odd byte
            cwd=Path(__file__).parents[2],
        )
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.communicate()


def main() -> None:
    """Answer each path on standard input by one line of JSON."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # nothing that a library prints may pass for an answer
    for line in sys.stdin:
        file = Path(json.loads(line))
        try:
            found = convert(file)
            answer: dict[str, Any] = {
                "documents": [asdict(document) for document in found.documents],
                "dropped": found.dropped,
            }
        except ImportRefused as error:
            answer = {"refused": {"what": error.what, "cure": error.cure}}
        # The libraries raise whatever a damaged file leads them into; each means the same here.
        except Exception as error:
            what = f"is damaged or not what its ending says ({type(error).__name__})"
            cure = "open it in the program that made it and save it again"
            answer = {"refused": {"what": what, "cure": cure}}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
