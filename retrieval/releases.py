"""Indexes on disk, one folder per release, and which of them is served.

    var/knowledge/
    ├── current                 {"release": id, "articles": [ids]}, replaced in one step
    └── releases/<id>/
        ├── manifest.json       SHA-256 and size of every other file, and what built them
        ├── articles.json  passages.json  catalogue.json  spelling.json  balance.json
            vectors.faiss  bm25/...

A release's id ends with the SHA-256 of its manifest, so a folder vouches for itself. FAISS reads
most damaged files without a word; here every file is read once, and its bytes are compared before
anything is made of them. When the current release is damaged the newest sound one is served.

**What was deleted stays deleted.** `current` lists the articles whose files were there at the last
build. Whichever release is served, after damage or by `roll_back`, no other article of it is found
or quoted. The release before keeps the texts of deleted articles on disk: without it nothing
sound would be left if the new release were damaged. They go with the third build, or at once by
`prune`.
"""

from __future__ import annotations

import fcntl
import logging
import os
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
from retrieval.release_files import (
    FORMAT,
    ID,
    CheckedFiles,
    Pointer,
    read_manifest,
    read_pointer,
    write_pointer,
)

log = logging.getLogger(__name__)

KEPT = 3  # releases, the current one among them


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
    measured: Mapping[str, Any] | None,
    created_at: datetime,
) -> str:
    """Store an index and make it the one that is served; the id of the new release.

    A crash at any point leaves the release before in service. Two writers wait for each other.

    Args:
        folder: Usually `var/knowledge`.
        index: What to store.
        calibration: How its answers are judged.
        fingerprint: Of everything it was built from, so that an unchanged build can be skipped.
        measured: Coverage, wrong-answer rate and the rest, on the hold-out questions; empty
            without such questions, None when they were left for later.
        created_at: Aware, UTC.
    """
    releases = folder / "releases"
    releases.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        for left in releases.glob(".draft-*"):  # by a build that was killed; no other is running
            _remove(left)
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
                    "measured": None if measured is None else dict(measured),
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
            if os.path.lexists(releases / name):  # the same, perhaps damaged since
                _remove(releases / name)
            os.rename(draft, releases / name)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        sync_folder(releases)
        write_pointer(folder, name, index.articles)
        _remove_all_but(folder, name, KEPT)
    return name


def load_current(folder: Path, *encoder_fingerprints: str) -> Release:
    """The release to serve: the current one, or the newest sound one with `degraded` saying why.

    Args:
        folder: Usually `var/knowledge`.
        encoder_fingerprints: Of the encoders that can encode questions. A release built with
            another cannot be searched and counts as damaged; without any, that is not checked.

    Raises:
        IndexDamaged: No release can be served.
    """
    for _ in range(3):  # a build may replace, and in time remove, the release being read
        current, fault = _pointed_to(folder)
        if current is not None:
            try:
                release = load_release(folder / "releases" / current.release, *encoder_fingerprints)
            except IndexDamaged as error:
                fault = str(error)
            else:
                return only_published(release, current.articles)
        if _pointed_to(folder)[0] == current:
            break
    name = "" if current is None else current.release
    log.error("knowledge release damaged", extra={"release": name, "reason": fault})
    published = published_ids(folder)
    for other in _ids(folder):
        if other == name:
            continue
        try:
            release = load_release(folder / "releases" / other, *encoder_fingerprints)
        except IndexDamaged as error:
            log.error("knowledge release damaged", extra={"release": other, "reason": str(error)})
            continue
        log.error("knowledge served from an older release", extra={"release": other})
        return replace(only_published(release, published), degraded=fault)
    raise IndexDamaged(folder, fault or "holds no sound release")


def published_ids(folder: Path) -> frozenset[str] | None:
    """The articles whose files were there at the last build; None when nothing tells of it."""
    current, _ = _pointed_to(folder)
    if current is not None:
        return current.articles
    for name in _ids(folder):  # the newest is the last that was built
        try:
            return frozenset(read_manifest(folder / "releases" / name)["articles"])
        except IndexDamaged as error:
            log.error("knowledge release damaged", extra={"release": name, "reason": str(error)})
    return None


def only_published(release: Release, published: frozenset[str] | None) -> Release:
    """A release without the articles that were deleted since; the same for None."""
    articles = release.index.articles
    if published is None or published.issuperset(articles):
        return release
    left = {key: article for key, article in articles.items() if key in published}
    return replace(release, index=replace(release.index, articles=left))


def check_release(folder: Path, *encoder_fingerprints: str) -> dict[str, Any]:
    """Compare every byte of a release with its manifest; the manifest.

    Raises:
        IndexDamaged: A file is missing, has another size or other bytes; or the release was built
            with another encoder.
    """
    manifest = _manifest_for(folder, encoder_fingerprints)
    CheckedFiles(folder, manifest).check_rest()
    return manifest


def load_release(folder: Path, *encoder_fingerprints: str) -> Release:
    """One release, from the very bytes that were compared with its manifest.

    Raises:
        IndexDamaged: As `check_release`, or its bytes are sound and of another version.
    """
    manifest = _manifest_for(folder, encoder_fingerprints)
    files = CheckedFiles(folder, manifest)
    try:
        index = Index.read(folder, manifest["encoder"], files)
        calibration = Calibration.from_json(manifest["calibration"])
    except IndexDamaged:
        raise
    except Exception as error:  # sound bytes that cannot be read: written by another version
        raise IndexDamaged(folder, f"cannot be loaded ({type(error).__name__}: {error})") from error
    files.check_rest()
    return Release(folder.name, index, calibration, manifest)


def _manifest_for(folder: Path, encoder_fingerprints: tuple[str, ...]) -> dict[str, Any]:
    manifest = read_manifest(folder)
    if encoder_fingerprints and manifest["encoder"] not in encoder_fingerprints:
        raise IndexDamaged(folder, "was built with another encoder; build it again")
    return manifest


def current_id(folder: Path) -> str | None:
    """The id that `current` names; None when there is none or it cannot be read."""
    current, _ = _pointed_to(folder)
    return None if current is None else current.release


def roll_back(folder: Path, to: str | None = None) -> str:
    """Serve an older release again; its id.

    Articles that were deleted since stay unsaid: they come back when their files do, with the next
    build.

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
        release = load_release(folder / "releases" / to)
        published = published_ids(folder)
        write_pointer(folder, to, release.index.articles if published is None else published)
    return to


def prune(folder: Path) -> list[str]:
    """Remove every release but the current one, and with them all texts of deleted articles.

    Nothing is left to fall back to until the next build.

    Returns:
        The ids of what was removed.

    Raises:
        IndexDamaged: The current release is not sound; nothing has changed then.
    """
    current = read_pointer(folder)
    if current is None:
        raise IndexDamaged(folder, "holds no release")
    with _locked(folder):
        check_release(folder / "releases" / current.release)
        return _remove_all_but(folder, current.release, 1)


def pointer(folder: Path) -> tuple[int, int, int] | None:
    """What changes whenever another release becomes the current one: cheap enough for each turn."""
    try:
        status = (folder / "current").stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _pointed_to(folder: Path) -> tuple[Pointer | None, str | None]:
    """(what `current` says, what is wrong with it): one of the two is None."""
    try:
        current = read_pointer(folder)
    except IndexDamaged as error:
        return None, str(error)
    if current is None:
        return None, f"{folder}: nothing was built here; run `python -m retrieval build`"
    return current, None


def _remove_all_but(folder: Path, current: str, kept: int) -> list[str]:
    """Keep the current release and the newest others, so many in all; the ids of those that go."""
    others = [name for name in _ids(folder) if name != current]
    gone = others[kept - 1 :]
    for name in gone:
        _remove(folder / "releases" / name)
    return gone


def _remove(path: Path) -> None:
    """A folder with all that is in it; or whatever else stands in its place."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _ids(folder: Path) -> list[str]:
    """The releases there are, newest first."""
    try:
        names = os.listdir(folder / "releases")
    except FileNotFoundError:
        return []
    return sorted(filter(ID.fullmatch, names), reverse=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One writer at a time, across processes; the lock ends with the process that holds it."""
    with (folder / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
