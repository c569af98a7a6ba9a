"""The knowledge folder read: each file by itself, then all articles held against each other.

A file begins with front matter between two lines `---`: `id`, `title`, `kind`, `products` (ids or
models, or `[all]`), `audience`, `owner`, `review_by`; for procedures `symptoms`; for policies, if
they commit to a value, `states`; `questions`, by anchor, which say how customers ask for a
section; and `language`, two letters, `en` when left out. Then comes Markdown, cut at its `##`
headings, each with an `{#anchor}` of its own. In a procedure every heading is a step. Steps run in
order, unless one asks: `- Does the pump hum? [yes](#impeller) [no](#power)`. One whose anchor
begins with `end` is an end.

Models by product stand in `products.yml` of the same folder: `dishwasher: [HM-D450, HM-D620]`.
"""

from __future__ import annotations

import codecs
import hashlib
import os
import stat
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import yaml

from retrieval.article_body import read_body
from retrieval.article_checks import ReadArticle, check_together, warn_of_reviews, warn_of_twins
from retrieval.articles import ALL_PRODUCTS, Article
from retrieval.errors import ArticlesRefused, Complaints, Problem, in_order
from retrieval.front_matter import TOP, check_front, read_front, read_questions, yaml_line

__all__ = ["TOP", "Examined", "examine", "read_catalogue", "read_folder"]

_LARGEST = 256 * 1024  # bytes; some forty times the longest article
# Joins letters and orders them from right to left in scripts that need it; the rest is invisible.
_ALLOWED_MARKS = "\u200c\u200d\u200e\u200f\u061c"


@dataclass(frozen=True, slots=True)
class Examined:
    """All articles of a folder. They may be served when there are no `problems`."""

    articles: tuple[Article, ...]  # in the order of their ids
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]  # to be mended before they become problems


def read_folder(
    folder: Path, today: date, catalogue: Mapping[str, Sequence[str]] | None
) -> tuple[Article, ...]:
    """See `articles.load_articles`."""
    examined = examine(folder, today, catalogue)
    if examined.problems:
        raise ArticlesRefused(examined.problems)
    return examined.articles


def examine(
    folder: Path, today: date, catalogue: Mapping[str, Sequence[str]] | None = None
) -> Examined:
    """Read every article below a folder and tell all that is wrong, or soon will be.

    Args:
        folder: Usually `knowledge/`.
        today: Articles whose `review_by` lies before it are refused, shortly after it warned of.
        catalogue: Models by product; None reads `products.yml` in the folder.

    Raises:
        ArticlesRefused: There is no such folder, or its `products.yml` cannot be read.
    """
    if not folder.is_dir():
        raise ArticlesRefused([Problem(folder, 1, "is not a folder", "name the knowledge folder")])
    known = read_catalogue(folder) if catalogue is None else catalogue
    names = {ALL_PRODUCTS, *known, *(model for models in known.values() for model in models)}
    problems: list[Problem] = []
    read: list[ReadArticle] = []
    files = _article_files(folder, problems)
    if not files and not problems:
        problems.append(Problem(folder, 1, "holds no article", "add a .md file"))
    problems += _same_in_capitals(files)
    for file in files:
        complaints = Complaints(file)
        if (one := _read_file(file, folder, names, today, complaints)) is not None:
            read.append(one)
        problems += complaints
    problems += check_together(read, known)
    warnings = [*warn_of_reviews(read, today), *warn_of_twins(read, known)]
    return Examined(
        tuple(sorted((one.article for one in read), key=lambda article: article.id)),
        in_order(problems),
        in_order(warnings),
    )


def read_catalogue(folder: Path) -> Mapping[str, Sequence[str]]:
    """Models by product from `products.yml` of the folder, `dishwasher: [HM-D450, HM-D620]`; none
    without such a file.

    Raises:
        ArticlesRefused: The file is something else.
    """
    file = folder / "products.yml"
    cure = "write one line per product: `dishwasher: [HM-D450, HM-D620]`"
    if not file.exists():
        return {}
    try:
        value = yaml.safe_load(file.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ArticlesRefused([Problem(file, yaml_line(error), "is not YAML", cure)]) from error
    if (
        not isinstance(value, dict)
        or not value
        or not all(
            isinstance(product, str)
            and isinstance(models, list)
            and all(isinstance(model, str) for model in models)
            for product, models in value.items()
        )
    ):
        raise ArticlesRefused([Problem(file, 1, "does not list models by product", cure)])
    return value


def _article_files(folder: Path, problems: list[Problem]) -> list[Path]:
    """The .md files below a folder in order; what looks like one and is not read is a problem."""

    def unreadable(error: OSError) -> None:
        problems.append(_unreadable(Path(error.filename), error))

    found: list[Path] = []
    for here, folders, names in os.walk(folder, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in folders:
            if (Path(here) / name).is_symlink():
                problems.append(
                    Problem(
                        Path(here) / name,
                        1,
                        "is a link to a folder, which is not read",
                        "put the folder itself here",
                    )
                )
        found += [
            Path(here) / name
            for name in names
            if name.lower().endswith(".md") and name.lower() != "readme.md"
        ]
    return sorted(found)


def _same_in_capitals(files: Sequence[Path]) -> Iterator[Problem]:
    """Files of which some systems would keep only one."""
    seen: dict[str, Path] = {}
    for file in files:
        if (first := seen.setdefault(str(file).casefold(), file)) is not file:
            yield Problem(
                file,
                1,
                f"differs from {first} in capitals only",
                "rename one: on Windows and macOS they are one file",
            )


def _read_file(
    file: Path, folder: Path, names: set[str], today: date, complaints: Complaints
) -> ReadArticle | None:
    """One file; None when so much is missing that there is no article to check further."""
    if (content := _read_bytes(file, folder, complaints)) is None:
        return None
    try:
        text = content.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as error:
        before = content.removeprefix(codecs.BOM_UTF8)[: error.start]
        complaints.add(before.count(b"\n") + 1, "is not UTF-8 text", "save the file as UTF-8")
        return None
    lines = text.replace("\r\n", "\n").split("\n")
    _check_characters(lines, complaints)
    closing = next((i for i, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), None)
    if lines[0].rstrip() != "---" or closing is None:
        complaints.add(
            1,
            "does not begin with front matter",
            "begin with a line `---`, the keys, and another line `---`",
        )
        return None
    if (front := read_front(lines[1:closing], complaints)) is None:
        return None
    before_checks = len(complaints)
    check_front(front, names, today, complaints)
    if len(complaints) > before_checks and not {"id", "title", "kind"} <= front.values.keys():
        return None
    body = read_body(
        lines[closing + 1 :], closing + 2, front.values.get("kind") == "procedure", complaints
    )
    article = Article(
        id=front.text("id"),
        title=front.text("title"),
        kind=front.text("kind"),
        products=front.texts("products"),
        symptoms=front.texts("symptoms"),
        audience=front.text("audience"),
        owner=front.text("owner"),
        review_by=front.review_by or today,
        version=hashlib.sha256(content).hexdigest()[:8],
        path=file.relative_to(folder).as_posix(),
        sections=body.sections,
        states=front.states,
        questions=read_questions(front, body.sections, complaints),
        language=front.language,
    )
    return ReadArticle(article, file, front, body)


def _read_bytes(file: Path, folder: Path, complaints: Complaints) -> bytes | None:
    try:
        if not file.resolve(strict=True).is_relative_to(folder.resolve()):
            complaints.add(
                1,
                f"is a link to {file.resolve()}, outside the folder",
                "put the file itself here, so that what is served is what was reviewed",
            )
            return None
        known = file.stat()
        if not stat.S_ISREG(known.st_mode):
            complaints.add(1, "is not an ordinary file", "remove it or put an article in its place")
            return None
        if known.st_size > _LARGEST:
            complaints.add(
                1,
                f"has {known.st_size // 1024} KB",
                f"cut it into articles by topic, each of at most {_LARGEST // 1024} KB",
            )
            return None
        return file.read_bytes()
    except (OSError, RuntimeError) as error:  # RuntimeError: links that lead in a circle
        complaints.append(_unreadable(file, error))
        return None


def _unreadable(file: Path, error: Exception) -> Problem:
    why = error.strerror if isinstance(error, OSError) else "it links to itself"
    return Problem(
        file, 1, f"cannot be read: {why}", "correct its permissions or its link, or remove it"
    )


def _check_characters(lines: Sequence[str], complaints: Complaints) -> None:
    """Characters nobody sees, which hide or reorder words and are never found by a search."""
    for number, line in enumerate(lines, 1):
        if line.isascii() and line.isprintable():
            continue
        if not unicodedata.is_normalized("NFC", line):
            complaints.add(
                number,
                "a letter and its accent are two characters",
                "type the word again, or save the file in the Unicode form NFC",
            )
        bad = next((c for c in line if _is_invisible(c)), None)
        if bad is not None:
            complaints.add(
                number,
                f"the invisible character U+{ord(bad):04X} stands here",
                "delete it: remove the words around it and type them again",
            )
        if "\ufffd" in line:
            complaints.add(
                number, "a character was lost when the text was converted", "type it again"
            )


def _is_invisible(character: str) -> bool:
    return (
        unicodedata.category(character) in ("Cc", "Cf", "Co", "Zl", "Zp")
        and character != "\t"
        and character not in _ALLOWED_MARKS
    )
