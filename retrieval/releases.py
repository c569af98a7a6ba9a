"""Indexes on disk, one folder per release, and which of them is served.

    var/knowledge/
    ├── current                 {"release": id, "articles": [ids]}, replaced in one step
    └── releases/<id>/
        ├── manifest.json       SHA-256 and size of every other file, and what built them
        ├── articles.json  passages.json  catalogue.json  spelling.json  balance.json
            vectors.faiss  bm25/...

A release's id ends with the SHA-256 of its manifest, so a folder vouches for itself. FAISS reads
most damaged files without a word; here every byte is compared before anything is loaded. When the
current release is damaged the newest sound one is served, without articles that were deleted since.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from retrieval.decision import Calibration
from retrieval.errors import IndexDamaged
from retrieval.files import sha256_of, sync_folder, write_json
from retrieval.index import Index

log = logging.getLogger(__name__)

FORMAT = 2
KEPT = 3  # releases, the current one among them
_ID = re.compile(r"\d{8}T\d{12}Z-[0-9a-f]{16}")  # time to the microsecond: ids sort by age


@dataclass(frozen=True, slots=True)
class Release:
    """A loaded index with what was decided when it was built."""

    id: str
    index: Index
    calibration: Calibration
    manifest: Mapping[str, Any]
    degraded: str | None = None  # why this is not the release that should be served


def write_release(
    folder: Path,
    index: Index,
    calibration: Calibration,
    fingerprint: str,
    measured: Mapping[str, Any],
    created_at: datetime,
) -> str:
    """Store an index and make it the one that is served; the id of the new release.

    A crash at any point leaves the release before in service. Two writers wait for each other.

    Args:
        folder: Usually `var/knowledge`.
        index: What to store.
        calibration: How its answers are judged.
        fingerprint: Of everything it was built from, so that an unchanged build can be skipped.
        measured: Coverage, wrong-answer rate and the rest, on the hold-out questions.
        created_at: Aware, UTC.
    """
    releases = folder / "releases"
    releases.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        draft = Path(tempfile.mkdtemp(dir=releases, prefix=".draft-"))
        try:
            index.write(draft)
            write_json(
                draft / "manifest.json",
                {
                    "format": FORMAT,
                    "created_at": created_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
                    "fingerprint": fingerprint,
                    "encoder": index.encoder_fingerprint,
                    "articles": {a.id: a.version for a in index.articles.values()},
                    "passages": len(index.passages),
                    "calibration": calibration.to_json(),
                    "measured": dict(measured),
                    "files": {
                        file.relative_to(draft).as_posix(): {
                            "sha256": sha256_of(file),
                            "bytes": file.stat().st_size,
                        }
                        for file in sorted(draft.rglob("*"))
                        if file.is_file()
                    },
                },
            )
            name = (
                created_at.strftime("%Y%m%dT%H%M%S%fZ-") + sha256_of(draft / "manifest.json")[:16]
            )
            draft.chmod(0o755)
            if not (releases / name).exists():  # else it is the same to the last byte
                os.rename(draft, releases / name)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        sync_folder(releases)
        _point_to(folder, name)
        for old in _ids(folder)[KEPT:]:
            if old != name:
                shutil.rmtree(releases / old)
    return name


def load_current(folder: Path, encoder_fingerprint: str | None = None) -> Release:
    """The release to serve: the current one, or the newest sound one with `degraded` saying why.

    Args:
        folder: Usually `var/knowledge`.
        encoder_fingerprint: Of the encoder that will encode questions. A release built with
            another cannot be searched and counts as damaged; None skips that check.

    Raises:
        IndexDamaged: No release can be served.
    """
    for _ in range(3):  # a build may replace, and in time remove, the release being read
        name, articles, fault = _pointed_to(folder)
        if fault is None:
            try:
                return load_release(folder / "releases" / name, encoder_fingerprint)
            except IndexDamaged as error:
                fault = str(error)
        if _pointed_to(folder)[0] == name:
            break
    log.error("knowledge release damaged", extra={"release": name, "reason": fault})
    for other in _ids(folder):
        if other == name:
            continue
        try:
            release = load_release(folder / "releases" / other, encoder_fingerprint)
        except IndexDamaged as error:
            log.error("knowledge release damaged", extra={"release": other, "reason": str(error)})
            continue
        if articles is not None:  # what was deleted since must not come back with the old release
            left = {key: a for key, a in release.index.articles.items() if key in articles}
            release = replace(release, index=replace(release.index, articles=left))
        log.error("knowledge served from an older release", extra={"release": other})
        return replace(release, degraded=fault)
    raise IndexDamaged(folder, fault or "holds no sound release")


def check_release(folder: Path, encoder_fingerprint: str | None = None) -> dict[str, Any]:
    """Compare every byte of a release with its manifest; the manifest.

    Raises:
        IndexDamaged: A file is missing, has another size or other bytes; or the release was built
            with another encoder.
    """
    manifest = read_manifest(folder)
    for name, expected in manifest["files"].items():
        file = folder / name
        try:
            size, digest = file.stat().st_size, sha256_of(file)
        except OSError as error:
            raise IndexDamaged(folder, f"{name} cannot be read ({error.strerror})") from error
        if size != expected["bytes"] or digest != expected["sha256"]:
            raise IndexDamaged(folder, f"{name} is not the file that was built")
    if encoder_fingerprint is not None and manifest["encoder"] != encoder_fingerprint:
        raise IndexDamaged(folder, "was built with another encoder; build it again")
    return manifest


def load_release(folder: Path, encoder_fingerprint: str | None = None) -> Release:
    """One release, after `check_release`.

    Raises:
        IndexDamaged: Likewise, or its bytes are sound and of another version.
    """
    manifest = check_release(folder, encoder_fingerprint)
    try:
        index = Index.read(folder, manifest["encoder"])
        calibration = Calibration.from_json(manifest["calibration"])
    except Exception as error:  # sound bytes that cannot be read: written by another version
        raise IndexDamaged(folder, f"cannot be loaded ({type(error).__name__}: {error})") from error
    return Release(folder.name, index, calibration, manifest)


def read_manifest(folder: Path) -> dict[str, Any]:
    """manifest.json of a release, once its hash proved to be the one in the folder's name.

    Raises:
        IndexDamaged: It is missing, altered, or of another version.
    """
    try:
        content = (folder / "manifest.json").read_bytes()
    except OSError as error:
        raise IndexDamaged(folder, f"has no manifest.json ({error.strerror})") from error
    if not folder.name.endswith("-" + hashlib.sha256(content).hexdigest()[:16]):
        raise IndexDamaged(folder, "manifest.json is not the one that was built")
    manifest: dict[str, Any] = json.loads(content)
    if manifest["format"] != FORMAT:
        raise IndexDamaged(folder, f"has format {manifest['format']}, not {FORMAT}; build again")
    return manifest


def current_id(folder: Path) -> str | None:
    """The id that `current` names; None when there is none or it cannot be read."""
    name, _, fault = _pointed_to(folder)
    return name if fault is None else None


def roll_back(folder: Path, to: str | None = None) -> str:
    """Serve an older release again; its id.

    Args:
        folder: Usually `var/knowledge`.
        to: Its id; None for the newest one before the current.

    Raises:
        IndexDamaged: There is none, or it is not sound; nothing has changed then.
    """
    if not (folder / "releases").is_dir():
        raise IndexDamaged(folder, "holds no release")
    with _locked(folder):
        current = current_id(folder)
        if to is None:
            older = [name for name in _ids(folder) if current is None or name < current]
            if not older:
                raise IndexDamaged(folder, "holds no release before the current one")
            to = older[0]
        load_release(folder / "releases" / to)
        _point_to(folder, to)
    return to


def pointer(folder: Path) -> tuple[int, int, int] | None:
    """What changes whenever another release becomes the current one: cheap enough for each turn."""
    try:
        status = (folder / "current").stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _point_to(folder: Path, name: str) -> None:
    articles = sorted(read_manifest(folder / "releases" / name)["articles"])
    write_json(folder / "current", {"release": name, "articles": articles})


def _pointed_to(folder: Path) -> tuple[str, frozenset[str] | None, str | None]:
    """(release, ids of its articles, what is wrong with the pointer)."""
    try:
        value = json.loads((folder / "current").read_text("utf-8"))
        name, articles = str(value["release"]), frozenset(map(str, value["articles"]))
    except FileNotFoundError:
        return "", None, f"{folder}: nothing was built here; run `python -m retrieval build`"
    except (OSError, ValueError, KeyError, TypeError) as error:
        return "", None, f"{folder / 'current'} cannot be read ({error})"
    if not _ID.fullmatch(name):
        return "", None, f"{folder / 'current'} names no release"
    return name, articles, None


def _ids(folder: Path) -> list[str]:
    """The releases there are, newest first."""
    try:
        names = os.listdir(folder / "releases")
    except FileNotFoundError:
        return []
    return sorted(filter(_ID.fullmatch, names), reverse=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One writer at a time, across processes; the lock ends with the process that holds it."""
    with (folder / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
