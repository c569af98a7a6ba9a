"""
Errors of this room. Catch the most specific one you can act on.

RetrievalError
├── ArticlesRefused     the knowledge folder breaks its rules; carries every problem found
├── QuestionsRefused    a file of labelled questions cannot be read or names no such article
├── EncoderRefused      the model on offer is not the one we trust, or its export differs
├── EncoderDamaged      var/encoder is missing, incomplete or altered
└── IndexDamaged        a release is missing, incomplete or altered, and so is not served
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class RetrievalError(Exception):
    """Anything this room refuses to go on with."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one line of one article, and what to do about it."""

    file: Path
    line: int  # counted from 1; 1 where the file as a whole is meant
    what: str
    cure: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}\n    cure: {self.cure}"


class ArticlesRefused(RetrievalError):
    """The articles cannot be served; `problems` lists all there are, by file and line."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda p: (str(p.file), p.line, p.what)))
        listed = "\n".join(str(problem) for problem in self.problems)
        super().__init__(f"{len(self.problems)} problem(s) in the articles\n{listed}")


class QuestionsRefused(RetrievalError):
    """A file of labelled questions is not what `evaluation.load_questions` reads."""

    def __init__(self, file: Path, what: str) -> None:
        self.file, self.what = file, what
        super().__init__(f"{file}: {what}")


class EncoderRefused(RetrievalError):
    """A model folder is not exported: its weights or the exported network are not as expected."""

    def __init__(self, folder: Path, what: str) -> None:
        self.folder, self.what = folder, what
        super().__init__(f"{folder}: {what}")


class EncoderDamaged(RetrievalError):
    """The exported encoder cannot be loaded; `python -m retrieval export-encoder` renews it."""

    def __init__(self, folder: Path, what: str) -> None:
        self.folder, self.what = folder, what
        super().__init__(f"{folder}: {what}; run `python -m retrieval export-encoder --force`")


class IndexDamaged(RetrievalError):
    """A release is not served, because a file of it is missing or not the one that was built."""

    def __init__(self, folder: Path, what: str) -> None:
        self.folder, self.what = folder, what
        super().__init__(f"{folder}: {what}")
