"""Files of other programs turned into blocks: headings, paragraphs, list items in plain words.

Markdown, Word and CSV cells become HTML first and are read by `from_html`, PDF by
`from_pdf`. What cannot be said in plain text goes, and is counted by name.

The files are strangers': sizes are limited here, time and memory in `process`.
"""

from __future__ import annotations

import csv
import html
import io
import re
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import yaml
from markdown_it import MarkdownIt

from retrieval.errors import ImportRefused
from retrieval.front_matter import REQUIRED
from retrieval.importing.blocks import Converted, Document, clean
from retrieval.importing.from_html import html_document

LARGEST_FILE = 100 << 20  # bytes; an illustrated manual has 20 MiB
LARGEST_TEXT = 20 << 20  # bytes of HTML, Markdown or CSV
LARGEST_UNPACKED = 500 << 20  # bytes in an archive, or in a Word file, which is one
LARGEST_RATIO = 200  # unpacked to packed; Word's own XML stays below 30
MOST_ENTRIES = 5000  # of an archive, rows of a table; large help centres have some 2,000


def convert(file: Path) -> Converted:
    """Everything a file says, by its ending: .md, .html, .htm, .pdf, .docx or .csv.

    Raises:
        ImportRefused: It is too large, of another kind, or not what its ending says.
    """
    converter = _CONVERTERS.get(file.suffix.lower())
    if converter is None:
        raise ImportRefused(
            file, "is of a kind that cannot be read", "give one of " + ", ".join(sorted(KINDS))
        )
    binary = file.suffix.lower() in (".pdf", ".docx")
    limit = LARGEST_FILE if binary else LARGEST_TEXT
    if (size := file.stat().st_size) > limit:
        raise ImportRefused(file, f"has {size >> 20} MiB, more than {limit >> 20}", "split it")
    if not size:
        raise ImportRefused(file, "is empty", "export it again")
    return converter(file)


def _decoded(file: Path) -> str:
    """UTF-8 with or without its mark, UTF-16 with it, what a page declares, or Windows-1252."""
    content = file.read_bytes()
    for mark, encoding in (
        (b"\xef\xbb\xbf", "utf-8-sig"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
    ):
        if content.startswith(mark):
            return content.decode(encoding, "replace")
    if b"\0" in content:
        raise ImportRefused(file, "holds NUL bytes and is no text", "save it as UTF-8 text")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        declared = re.search(rb"charset\s*=\s*[\"']?([\w-]+)", content[:2048], re.IGNORECASE)
        try:
            return content.decode(declared[1].decode() if declared else "cp1252", "replace")
        except LookupError:
            return content.decode("cp1252", "replace")


def _html(file: Path) -> Converted:
    found = Converted()
    document = html_document(_decoded(file), found.dropped, file)
    found.documents.append(Document(document.blocks, document.title, whole=True))
    return found


_MARKDOWN = MarkdownIt("commonmark").enable("table")


def _markdown(file: Path) -> Converted:
    text = _decoded(file)
    found = Converted()
    front: dict[str, Any] = {}
    if begun := re.match(r"---[ \t]*\r?\n(.*?)\n---[ \t]*(?:\r?\n|$)", text, re.DOTALL):
        try:
            value = yaml.safe_load(begun[1])
        except yaml.YAMLError as error:
            raise ImportRefused(
                file, "has front matter that is not YAML", "put values with `: ` in quotes"
            ) from error
        front = value if isinstance(value, dict) else {}
        if all(front.get(key) for key in REQUIRED):
            found.documents.append(Document((), str(front["title"]), id=str(front["id"]), own=text))
            return found
        text = text[begun.end() :]
        if unused := len(front.keys() - {"title", "id", "slug", "product", "category"}):
            found.dropped["front-matter keys that say nothing here"] += unused
    named = {
        key: str(front.get(key) or "") for key in ("title", "id", "slug", "product", "category")
    }
    text = re.sub(r"(?m)^(#{1,6} .*?)\s*\{#[^}]*\}\s*$", r"\1", text)
    document = html_document(_MARKDOWN.render(text), found.dropped, file)
    found.documents.append(
        Document(
            document.blocks,
            clean(named["title"]),
            id=named["slug"] or named["id"],
            product=named["product"] or named["category"],
        )
    )
    return found


_WORD_STYLES = "p[style-name='Title'] => h1:fresh\np[style-name='TOC Heading'] => !\n" + "\n".join(
    f"p[style-name='{name} {level}'] => !" for name in ("toc", "TOC") for level in range(1, 7)
)


def check_archive(file: Path) -> zipfile.ZipFile:
    """Open an archive whose entries may be unpacked; the caller closes it.

    Raises:
        ImportRefused: It is damaged, encrypted, too large unpacked, or names files outside itself.
    """
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise ImportRefused(file, "is damaged or not an archive", "make it again") from error
    try:
        entries = archive.infolist()
        packed = file.stat().st_size
        unpacked = sum(entry.file_size for entry in entries)
        if len(entries) > MOST_ENTRIES:
            raise ImportRefused(file, f"has more than {MOST_ENTRIES} entries", "split it")
        if unpacked > LARGEST_UNPACKED or unpacked > max(LARGEST_RATIO * packed, 10 << 20):
            raise ImportRefused(
                file,
                f"would unpack from {packed:,} to {unpacked:,} bytes",
                "unpack it where that is safe and import what is needed",
            )
        for entry in entries:
            name = entry.filename.replace("\\", "/")
            if entry.flag_bits & 1:
                raise ImportRefused(file, "is encrypted", "unpack it with its password first")
            if name.startswith("/") or ":" in name[:3] or ".." in name.split("/"):
                raise ImportRefused(
                    file, f"names a file outside itself ({entry.filename[:80]})", "make it again"
                )
    except ImportRefused:
        archive.close()
        raise
    return archive


def _word(file: Path) -> Converted:
    if file.read_bytes()[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise ImportRefused(
            file, "is encrypted, or of Word 97-2003", "save it as .docx without a password"
        )
    with check_archive(file) as archive:
        if "word/document.xml" not in archive.namelist():
            raise ImportRefused(file, "is not a Word document", "save it as .docx again")
    import mammoth  # takes a seventh of a second to load, and few files need it

    with file.open("rb") as stream:
        # The picture itself is never read; only its description is of use.
        page = mammoth.convert_to_html(
            stream,
            style_map=_WORD_STYLES,
            convert_image=mammoth.images.img_element(lambda _: {"src": ""}),
            external_file_access=False,
        ).value
    found = Converted()
    document = html_document(page, found.dropped, file)
    found.documents.append(Document(document.blocks))
    return found


_COLUMNS = {
    "title": ("title", "question", "subject", "headline", "heading", "article title", "name"),
    "body": (
        "body",
        "answer",
        "content",
        "html",
        "text",
        "article body",
        "solution",
        "description",
    ),
    "id": ("id", "slug", "article id", "key", "number"),
    "product": ("product", "category", "model", "section", "product name"),
    "state": ("status", "state"),
    "draft": ("draft",),
    "published": ("published",),
}


def _csv(file: Path) -> Converted:
    text = _decoded(file)
    if "\0" in text:
        raise ImportRefused(file, "holds NUL bytes and is no text", "save it as UTF-8 text")
    csv.field_size_limit(LARGEST_TEXT)
    best: tuple[dict[str, int], str] = ({}, ",")
    for delimiter in ",;\t|":
        header = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
        columns = _recognised(header)
        if len(columns) > len(best[0]):
            best = columns, delimiter
    columns, delimiter = best
    if not {"title", "body"} <= columns.keys():
        first = text.splitlines()[0][:120] if text.strip() else ""
        raise ImportRefused(
            file,
            f"has no columns for a title and a text; it begins `{first}`",
            "name them `title` and `body`, in the first line",
        )
    found = Converted()
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
        if len(rows) > MOST_ENTRIES:
            raise ImportRefused(file, f"has more than {MOST_ENTRIES} rows", "split it")
        for row in rows[1:]:
            if any(cell.strip() for cell in row):
                _csv_row(row, columns, found, file)
    except csv.Error as error:
        raise ImportRefused(file, f"is not CSV ({error})", "export it again") from error
    return found


def _recognised(header: Iterable[str]) -> dict[str, int]:
    """Columns by what they hold; of two that fit, the one with the more usual name."""
    names = [re.sub(r"[\W_]+", " ", name.casefold()).strip() for name in header]
    return {
        what: names.index(usual)
        for what, usuals in _COLUMNS.items()
        if (usual := next((u for u in usuals if u in names), None)) is not None
    }


def _csv_row(row: list[str], columns: dict[str, int], found: Converted, file: Path) -> None:
    cells = {what: row[at].strip() if at < len(row) else "" for what, at in columns.items()}
    if (
        cells.get("state", "").casefold() in ("draft", "unpublished", "archived", "deleted")
        or cells.get("draft", "").casefold() in ("true", "yes", "1")
        or cells.get("published", "").casefold() in ("false", "no", "0")
    ):
        found.dropped["drafts"] += 1
        return
    title, body = cells["title"], cells["body"]
    if not title or not body:
        found.dropped["rows without a title or a text"] += 1
        return
    markup = re.search(r"<[a-z/][^>]*>", body, re.IGNORECASE)
    page = body if markup else _MARKDOWN.render(body)
    blocks = html_document(page, found.dropped, file).blocks
    title = clean(html.unescape(re.sub(r"<[^>]*>", "", title)))
    found.documents.append(
        Document(
            blocks,
            title,
            entry=cells.get("id") or title,
            id=cells.get("id", ""),
            product=cells.get("product", ""),
            whole=True,
        )
    )


def _pdf(file: Path) -> Converted:
    from retrieval.importing.from_pdf import read_pdf  # takes most of a second to load

    return read_pdf(file)


_CONVERTERS: dict[str, Callable[[Path], Converted]] = {
    ".md": _markdown,
    ".html": _html,
    ".htm": _html,
    ".pdf": _pdf,
    ".docx": _word,
    ".csv": _csv,
}
KINDS = frozenset(_CONVERTERS)
