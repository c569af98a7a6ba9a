"""The files of a release as bytes: which release is current, what it consists of, and reading it.

Neither FAISS nor BM25 nor the encoder is imported here. `releases` loads whole releases,
`published` their articles alone.
"""

from __future__ import annotations

import hashlib
import json
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from retrieval.errors import IndexDamaged
from retrieval.files import write_json

FORMAT = 3
ID = re.compile(r"\d{8}T\d{12}Z-[0-9a-f]{16}")  # time to the microsecond: ids sort by age

# What json and the reading of its values raise; RecursionError for a thousand brackets.
_UNREADABLE = (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Pointer:
    """What the file `current` says."""

    release: str
    articles: frozenset[str]  # whose files were there at the last build; no other is ever quoted


def read_pointer(folder: Path) -> Pointer | None:
    """Which release of `folder`, usually `var/knowledge`, is current; None when nothing was built.

    Raises:
        IndexDamaged: The file cannot be read or is not the one that was written.
    """
    try:
        value = json.loads((folder / "current").read_bytes())
        release, articles, sum_ = value["release"], value["articles"], value["sha256"]
        # A bit in the name of an article would take it out of service, with nobody the wiser.
        sound = bool(sum_ == _sum(release, articles)) and bool(ID.fullmatch(release))
    except FileNotFoundError:
        return None
    except _UNREADABLE as error:
        raise IndexDamaged(folder, f"current cannot be read ({error})") from error
    if not sound:
        raise IndexDamaged(folder, "current names no release")
    return Pointer(release, frozenset(articles))


def write_pointer(folder: Path, release: str, articles: Iterable[str]) -> None:
    """Make a release the current one, in one step.

    Args:
        folder: Usually `var/knowledge`.
        release: Its id.
        articles: Ids of all that may be quoted, see `Pointer`.
    """
    ids = sorted(articles)
    value = {"release": release, "articles": ids, "sha256": _sum(release, ids)}
    write_json(folder / "current", value)


def read_manifest(folder: Path) -> dict[str, Any]:
    """manifest.json of a release, once its hash proved to be the one in the folder's name.

    Raises:
        IndexDamaged: It is missing, altered, of another form or of another version.
    """
    try:
        content = (folder / "manifest.json").read_bytes()
    except OSError as error:
        raise IndexDamaged(folder, f"has no manifest.json ({error.strerror})") from error
    if not folder.name.endswith("-" + hashlib.sha256(content).hexdigest()[:16]):
        raise IndexDamaged(folder, "manifest.json is not the one that was built")
    try:
        manifest = json.loads(content)
        if manifest["format"] != FORMAT:
            what = f"has format {manifest['format']}, not {FORMAT}; build again"
            raise IndexDamaged(folder, what)
        _check_form(manifest)
    except _UNREADABLE as error:
        what = f"manifest.json is not of the form that is built ({type(error).__name__}: {error})"
        raise IndexDamaged(folder, what) from error
    return dict(manifest)


class CheckedFiles:
    """Reads files of one release, each once: what is loaded is what was compared, to the byte."""

    def __init__(self, folder: Path, manifest: dict[str, Any]) -> None:
        self._folder, self._described = folder, manifest["files"]
        self._read: set[str] = set()

    def __call__(self, file: Path) -> bytes:
        """The bytes of a file in the release's folder.

        Raises:
            IndexDamaged: The manifest does not name it, or it is not the file that was built.
        """
        name = file.relative_to(self._folder).as_posix()
        if (expected := self._described.get(name)) is None:
            raise IndexDamaged(self._folder, f"{name} is not in the manifest")
        try:
            status = file.stat()
            # Looked at first: a pipe is never read to its end, and some other file may be huge.
            sound = stat.S_ISREG(status.st_mode) and status.st_size == expected["bytes"]
            content = file.read_bytes() if sound else b""
        except OSError as error:
            what = f"{name} cannot be read ({error.strerror})"
            raise IndexDamaged(self._folder, what) from error
        if not sound or hashlib.sha256(content).hexdigest() != expected["sha256"]:
            raise IndexDamaged(self._folder, f"{name} is not the file that was built")
        self._read.add(name)
        return content

    def check_rest(self) -> None:
        """Compare every file that was not read yet.

        Raises:
            IndexDamaged: As reading does.
        """
        for name in sorted(set(self._described) - self._read):
            self(self._folder / name)


def _check_form(manifest: dict[str, Any]) -> None:
    """Raises what `_UNREADABLE` names for anything that later reading would stumble over."""
    for name, described in manifest["files"].items():
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise ValueError(f"{name} lies outside")
        if not isinstance(described["bytes"], int) or not isinstance(described["sha256"], str):
            raise TypeError(f"{name} is not described")
    for key, kind in (
        *(("fingerprint", str), ("encoder", str), ("articles", dict)),
        *(("calibration", dict), ("measured", dict | None)),
    ):
        if not isinstance(manifest[key], kind):
            raise TypeError(f"`{key}` is of the wrong kind")


def _sum(release: str, articles: Iterable[str]) -> str:
    """SHA-256 of a pointer's values, in hexadecimal."""
    return hashlib.sha256("\n".join([release, *articles]).encode()).hexdigest()
