"""Anybody's documents and questions, as the public collections keep them, in JSON lines.

    corpus.jsonl    {"id": "t1", "title": "Reset the router", "text": "Hold the button ..."}
    queries.jsonl   {"id": "q1", "text": "how do i reset it"}
    qrels.tsv       q1<TAB>t1<TAB>1      a question, a document that answers it, how well

A document becomes an article of one section, and takes the way of every article from there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from retrieval.articles import ALL_PRODUCTS, Article, Section
from retrieval.errors import CorpusRefused


def read_corpus(file: Path) -> tuple[Article, ...]:
    """The documents of a corpus file, one article each, in order.

    Raises:
        CorpusRefused: The file cannot be read, a line is no document, or an id comes twice.
    """
    found: dict[str, Article] = {}
    for number, value in _objects(file):
        name = _text(file, number, value, "id")
        title = _text(file, number, value, "title", needed=False)
        text = _text(file, number, value, "text", needed=False)
        if name in found:
            raise CorpusRefused(file, number, f"the id `{name}` comes a second time")
        if not (title + text).strip():
            raise CorpusRefused(file, number, f"the document `{name}` says nothing")
        found[name] = Article(
            id=name,
            title=title,
            kind="how-to",
            products=(ALL_PRODUCTS,),
            symptoms=(),
            audience="customer",
            owner="",
            review_by=date.max,
            version="",
            path=f"{file.name}:{number}",
            sections=(Section("", "", text, number),),
        )
    if not found:
        raise CorpusRefused(file, 1, "there is no document in it")
    return tuple(found.values())


def read_queries(file: Path) -> dict[str, str]:
    """Questions by id, in order.

    Raises:
        CorpusRefused: The file cannot be read, a line is no question, or an id comes twice.
    """
    found: dict[str, str] = {}
    for number, value in _objects(file):
        name = _text(file, number, value, "id")
        if name in found:
            raise CorpusRefused(file, number, f"the id `{name}` comes a second time")
        found[name] = _text(file, number, value, "text")
    if not found:
        raise CorpusRefused(file, 1, "there is no question in it")
    return found


def read_qrels(file: Path) -> dict[str, frozenset[str]]:
    """Which documents answer which question, by the question's id; a grade of 0 says that one
    does not. A heading line, as some collections have, is passed over.

    Raises:
        CorpusRefused: The file cannot be read, a line is not of that form, or no document answers
            anything.
    """
    found: dict[str, set[str]] = {}
    for number, line in _lines(file):
        columns = line.split("\t") if "\t" in line else line.split()
        if len(columns) == 4:  # TREC's form, with an unused second column; often parted by blanks
            columns = [columns[0], *columns[2:]]
        if len(columns) != 3 or not _is_number(columns[2]):
            if number == 1 and len(columns) == 3:
                continue
            raise CorpusRefused(file, number, "is not question, document and grade, parted by tabs")
        if float(columns[2]) > 0:
            found.setdefault(columns[0], set()).add(columns[1])
    if not found:
        raise CorpusRefused(file, 1, "there is no question in it that a document answers")
    return {question: frozenset(documents) for question, documents in found.items()}


def _objects(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in _lines(file):
        try:
            value = json.loads(line)
        except ValueError as error:
            raise CorpusRefused(file, number, f"is not JSON ({error})") from error
        if not isinstance(value, dict):
            raise CorpusRefused(file, number, "is not a JSON object")
        yield number, value


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    """Lines that are not blank, with their numbers."""
    try:
        content = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusRefused(file, 1, f"cannot be read ({error})") from error
    # Not `splitlines`, which also cuts at U+2028 and the like: JSON has them inside its texts.
    for number, line in enumerate(content.split("\n"), 1):
        if line.strip():
            yield number, line


def _text(file: Path, number: int, value: dict[str, Any], key: str, needed: bool = True) -> str:
    text = value.get(key)
    if text is None:
        text = value.get("_id") if key == "id" else ""  # BEIR writes `_id`
    if isinstance(text, int) and not isinstance(text, bool) and key == "id":
        text = str(text)
    if not isinstance(text, str) or (needed and not text.strip()):
        raise CorpusRefused(file, number, f"`{key}` is missing or not text")
    return text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
