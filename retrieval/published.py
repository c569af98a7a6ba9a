"""The articles of the current release without its index: what the help pages need, and no more.

Neither FAISS nor BM25 nor the encoder is imported here; `releases` loads a whole release.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from retrieval.articles import Article
from retrieval.errors import IndexDamaged


def published_release(folder: Path) -> str | None:
    """Id of the current release of `folder`, usually `var/knowledge`; None without any."""
    try:
        pointer = json.loads((folder / "current").read_text("utf-8"))
        return str(pointer["release"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IndexDamaged(folder, f"current cannot be read ({error})") from error


def published_articles(folder: Path, release: str) -> Mapping[str, Article]:
    """The articles of a release by id, once their bytes proved to be those that were built.

    Raises:
        IndexDamaged: A file is missing or altered.
    """
    place = folder / "releases" / release
    try:
        manifest = (place / "manifest.json").read_bytes()
        content = (place / "articles.json").read_bytes()
    except OSError as error:
        raise IndexDamaged(place, f"cannot be read ({error.strerror})") from error
    if not release.endswith("-" + hashlib.sha256(manifest).hexdigest()[:16]):
        raise IndexDamaged(place, "manifest.json is not the one that was built")
    expected = json.loads(manifest)["files"]["articles.json"]["sha256"]
    if hashlib.sha256(content).hexdigest() != expected:
        raise IndexDamaged(place, "articles.json is not the file that was built")
    return {value["id"]: Article.from_json(value) for value in json.loads(content)}
