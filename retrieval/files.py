"""Files that are written whole or not at all, and recognised by their SHA-256."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any


def sha256_of(file: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal, read in pieces of 1 MiB."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def write_bytes(file: Path, content: bytes) -> None:
    """Replace a file by another in one step: a reader sees the old bytes or the new ones.

    The bytes and the folder's entry are on the disk when this returns.
    """
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)  # mkstemp gives 0600; the bot may run as another user
        os.replace(temporary, file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_folder(file.parent)


def write_json(file: Path, value: Any, indent: int | None = 1) -> None:
    """`write_bytes` of a value as JSON that a person can read and `diff`; with `indent` None in one
    line, in a tenth of the time."""
    text = json.dumps(value, ensure_ascii=False, indent=indent, sort_keys=True)
    write_bytes(file, (text + "\n").encode("utf-8"))


def sync_folder(folder: Path) -> None:
    """Force the names in a folder to the disk, so that a rename survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
