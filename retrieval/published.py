"""The articles of the current release without its index: what the help pages need, and no more.

Neither FAISS nor BM25 nor the encoder is imported here; `releases` loads a whole release.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from retrieval.articles import Article
from retrieval.errors import IndexDamaged
from retrieval.release_files import CheckedFiles, Pointer, read_manifest, read_pointer

__all__ = ["Pointer", "published_articles", "published_release"]


def published_release(folder: Path) -> Pointer | None:
    """The current release of `folder`, usually `var/knowledge`, and which articles may be shown;
    None before the first build.

    Raises:
        IndexDamaged: The file that names it cannot be read.
    """
    return read_pointer(folder)


def published_articles(folder: Path, current: Pointer) -> Mapping[str, Article]:
    """The articles of a release by id, once their bytes proved to be those that were built.

    Raises:
        IndexDamaged: A file is missing or altered.
    """
    place = folder / "releases" / current.release
    content = CheckedFiles(place, read_manifest(place))(place / "articles.json")
    try:
        articles = [Article.from_json(value) for value in json.loads(content)]
    except Exception as error:  # sound bytes that cannot be read: written by another version
        raise IndexDamaged(place, f"cannot be loaded ({type(error).__name__}: {error})") from error
    return {article.id: article for article in articles if article.id in current.articles}
