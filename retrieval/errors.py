"""
Errors of this room. Catch the most specific one you can act on.

RetrievalError
├── ArticlesRefused     the knowledge folder breaks its rules; carries every problem found
├── DrawingRefused      no procedure has the id that should be drawn
├── CorpusRefused       a line of a corpus, of its questions or their answers is not of the form
├── QuestionsRefused    a file of labelled questions cannot be read or names no such article
├── EncoderRefused      the model is not trusted, its export differs, or adapting does not help
├── EncoderDamaged      var/encoder is missing, incomplete or altered
├── ImportRefused       a file that is to become articles cannot be read, or must not be
└── IndexDamaged        a release is missing, incomplete or altered, and so is not served
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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


class Complaints(list[Problem]):
    """Problems of one file as they are met."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file

    def add(self, line: int, what: str, cure: str) -> None:
        self.append(Problem(self.file, line, what, cure))


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """By file and line, as a writer goes through them."""
    return tuple(sorted(problems, key=lambda p: (str(p.file), p.line, p.what)))


class ArticlesRefused(RetrievalError):
    """The articles cannot be served; `problems` lists all there are, by file and line."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = in_order(problems)
        listed = "\n".join(str(problem) for problem in self.problems)
        super().__init__(f"{len(self.problems)} problem(s) in the articles\n{listed}")


class DrawingRefused(RetrievalError):
    """What should be drawn is not there; `known` are the ids of all procedures."""

    def __init__(self, wanted: str, known: Sequence[str]) -> None:
        self.wanted, self.known = wanted, tuple(known)
        super().__init__(
            f"there is no procedure `{wanted}`; "
            + ("use one of " + ", ".join(known) if known else "no article is of kind procedure")
        )


class CorpusRefused(RetrievalError):
    """A file is not what `corpus` reads."""

    def __init__(self, file: Path, line: int, what: str) -> None:
        self.file, self.line, self.what = file, line, what
        super().__init__(f"{file}:{line}: {what}")


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


class ImportRefused(RetrievalError):
    """A file is not made into articles; with the reason and what to do about it."""

    def __init__(self, file: Path, what: str, cure: str) -> None:
        self.file, self.what, self.cure = file, what, cure
        super().__init__(f"{file}: {what}\n    cure: {cure}")
