"""A PDF read as a person reads it: headings by the size of their letters, no page furniture.

A PDF knows where letters stand and nothing of headings, paragraphs or lists. What is taken away
(lines that recur at the edge of pages, page numbers, tables of contents, the title page) is counted
by name.
"""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pdfplumber
from pdfminer.layout import LTChar, LTTextBox, LTTextLine
from pdfminer.pdfdocument import PDFPasswordIncorrect
from pdfplumber.utils.exceptions import PdfminerException

from retrieval.errors import ImportRefused
from retrieval.importing.blocks import (
    Block,
    Converted,
    Document,
    clean,
    is_item,
    item,
    table_items,
)

_MOST_PAGES = 1500
_EDGE = 0.12  # of the height of a page: where headers and footers stand
_HEADING_FACTOR = 1.12  # over the size of body text; 11 points over 10 is seldom a heading
_MARKER = re.compile(r"[•●▪‣◦·–*-]|\d{1,2}[.)]|\d{1,2}(?:\.\d{1,2})+\.?")
_CONTENTS = re.compile(r"(?:table of )?contents|index", re.IGNORECASE)
_LEADER = re.compile(r".*?(?:\.\s?){4,}\s*(?:\d{1,4}|[ivxlc]{1,6})?$")
_PAGE_NUMBER = re.compile(
    r"(?:page\s*|[-–]\s*)?\d{1,4}(?:\s*(?:of|/|-|–)\s*\d{0,4})?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class _Line:
    """A printed line. Points from the upper left corner of its page."""

    page: int
    left: float
    right: float
    top: float
    bottom: float
    text: str
    size: float  # of most of its letters, to half a point
    bold: bool
    box: int  # lines that the layout analysis found to belong together
    at: float  # where on the page it stands, 0 above to 1 below
    marked: bool = False  # a list mark was put before it
    rows: tuple[tuple[str, ...], ...] = ()  # of a table that stands here instead of a line


def read_pdf(file: Path) -> Converted:
    """The blocks of a PDF as one document.

    Raises:
        ImportRefused: It needs a password, is damaged, too long, or holds pictures of text.
    """
    found = Converted()
    lines: list[_Line] = []
    pictures = 0
    try:
        with pdfplumber.open(file, laparams={}) as pdf:
            if len(pdf.pages) > _MOST_PAGES:
                raise ImportRefused(
                    file, f"has {len(pdf.pages)} pages, more than {_MOST_PAGES}", "split it"
                )
            for number, page in enumerate(pdf.pages):
                on_page = _in_order(_merge_markers(_page_lines(page, number, found.dropped)))
                lines += on_page
                pictures += len(page.images)
                if not on_page:
                    what = "pages that are only a picture" if page.images else "empty pages"
                    found.dropped[what] += 1
                page.close()
    except PdfminerException as error:
        if error.args and isinstance(error.args[0], PDFPasswordIncorrect):
            raise ImportRefused(
                file, "is encrypted with a password", "save a copy without password"
            ) from error
        raise ImportRefused(file, f"is no sound PDF ({error})", "save or print it again") from error
    if not any(line.text for line in lines):
        raise ImportRefused(
            file,
            "holds no text: it is a scan, pictures of pages",
            "run it through text recognition (OCR) and import the result",
        )
    unknown = found.dropped["characters that the file does not name"]
    if unknown > sum(len(line.text) for line in lines) / 10:
        raise ImportRefused(
            file,
            "does not say which letters its fonts show",
            "run it through text recognition (OCR) and import the result",
        )
    if pictures:
        found.dropped["images without a description"] += pictures
    body = _body_size(lines)
    lines = _without_furniture(lines, body, found.dropped)
    lines = _without_contents(lines, body, found.dropped)
    title, lines = _title_page(lines, body, found.dropped)
    found.documents.append(Document(tuple(_blocks(lines, body, found.dropped)), title))
    return found


def _page_lines(page: Any, number: int, dropped: Counter[str]) -> Iterator[_Line]:
    """The lines of a page, each table once, as one line."""
    height = float(page.height)
    tables = []
    for table in page.find_tables():
        rows = tuple(tuple(cell or "" for cell in row) for row in table.extract())
        if len(rows) > 1 and sum(sum(bool(c.strip()) for c in row) > 1 for row in rows) > 1:
            tables.append((table.bbox, rows))
    shown: set[int] = set()
    boxes = (element for element in page.layout if isinstance(element, LTTextBox))
    for box_number, box in enumerate(boxes):
        for printed in box:
            if not isinstance(printed, LTTextLine):
                continue
            letters = [c for c in printed if isinstance(c, LTChar) and c.get_text().strip()]
            text = clean(printed.get_text().replace("\u00ad\n", "-"))
            text = re.sub(r"^\(cid:\d+\)(?=\s|$)", "•", text)  # a bullet of an old symbol font
            text, unknown = re.subn(r"\(cid:\d+\)", "", text)
            if unknown:
                dropped["characters that the file does not name"] += unknown
            if not letters or not text:
                continue
            top, bottom = height - printed.y1, height - printed.y0
            middle, centre = (top + bottom) / 2, (printed.x0 + printed.x1) / 2
            line = _Line(
                number,
                printed.x0,
                printed.x1,
                top,
                bottom,
                text,
                round(statistics.median(c.size for c in letters) * 2) / 2,
                sum("bold" in c.fontname.lower() for c in letters) * 2 > len(letters),
                box_number,
                middle / height,
            )
            inside = next(
                (
                    i
                    for i, ((x0, y0, x1, y1), _) in enumerate(tables)
                    if x0 <= centre <= x1 and y0 <= middle <= y1
                ),
                None,
            )
            if inside is None:
                yield line
            elif inside not in shown:
                shown.add(inside)
                (x0, y0, x1, y1), rows = tables[inside]
                yield replace(
                    line, left=x0, right=x1, top=y0, bottom=y1, text="(table)", rows=rows, box=-1
                )


def _in_order(lines: Sequence[_Line]) -> list[_Line]:
    """The lines of a page, or of a column of it, as they are read: columns from left to right,
    between what stands across them from top to bottom."""
    gutter = _gutter(lines)
    if gutter is None:
        return _in_rows(lines)
    found: list[_Line] = []
    band: list[_Line] = []

    def add_band() -> None:
        found.extend(_in_order([line for line in band if line.right <= gutter + 2]))
        found.extend(_in_order([line for line in band if line.right > gutter + 2]))
        band.clear()

    for line in sorted(lines, key=lambda line: line.top):
        if line.left < gutter - 2 and line.right > gutter + 2:
            add_band()
            found.append(line)
        else:
            band.append(line)
    add_band()
    return found


def _gutter(lines: Sequence[_Line]) -> float | None:
    """Where the gap between two columns is, in points from the left; None without columns.

    A column has at least five lines and a quarter of all, and is not as narrow as a list of labels.
    """
    if len(lines) < 10:
        return None
    left, right = min(line.left for line in lines), max(line.right for line in lines)
    best: tuple[int, float] | None = None
    step = max(2.0, (right - left) / 200)
    for at in (left + step * number for number in range(int((right - left) / step))):
        before = [line for line in lines if line.right <= at + 2]
        after = [line for line in lines if line.left >= at - 2]
        across = len(lines) - len(before) - len(after)
        least = max(5, len(lines) / 4)
        if across > len(lines) * 0.2 or min(len(before), len(after)) < least:
            continue
        if all(statistics.median(one.right - one.left for one in s) > 80 for s in (before, after)):
            best = min(best or (across, at), (across, at))
    return best[1] if best else None


def _in_rows(lines: Sequence[_Line]) -> list[_Line]:
    """The lines of one column from above, pieces of a line put together again."""
    found: list[_Line] = []
    for line in sorted(lines, key=lambda line: (line.top + line.bottom) / 2):
        middle = (line.top + line.bottom) / 2
        before = found[-1] if found else None
        if before is None or line.rows or before.rows or middle > before.bottom - 2:
            found.append(line)
            continue
        first, second = sorted((before, line), key=lambda one: one.left)
        if abs(first.size - second.size) > 1 or not -2 < second.left - first.right < 60:
            found.append(line)
            continue
        found[-1] = replace(
            first,
            right=second.right,
            bottom=max(first.bottom, second.bottom),
            text=f"{first.text} {second.text}",
            bold=first.bold and second.bold,
        )
    return found


def _merge_markers(lines: Iterable[_Line]) -> list[_Line]:
    """Bullets and numbers that were printed apart from their line, put before it."""
    all_lines = list(lines)
    alone = [line for line in all_lines if _MARKER.fullmatch(line.text) and not line.rows]
    merged: dict[int, _Line] = {}
    taken: set[int] = set()
    for mark in alone:
        beside = [
            (line.left, index)
            for index, line in enumerate(all_lines)
            if line.left >= mark.right - 1
            and line.left - mark.right < 60
            and line is not mark
            and index not in merged
            and not line.rows
            and line.top - 2 <= (mark.top + mark.bottom) / 2 <= line.bottom + 2
        ]
        if beside:
            _, index = min(beside)
            line = all_lines[index]
            merged[index] = replace(
                line, text=f"{mark.text} {line.text}", left=mark.left, marked=True
            )
            taken.add(id(mark))
    return [
        merged.get(index, line) for index, line in enumerate(all_lines) if id(line) not in taken
    ]


def _without_furniture(lines: Sequence[_Line], body: float, dropped: Counter[str]) -> list[_Line]:
    """Without page numbers, and without lines that recur at the edge of several pages."""

    def key(line: _Line) -> tuple[str, float, int]:
        text = line.text.casefold()
        # "Page 7 of 40" recurs, and "Programme 7" in large letters is a heading like "Programme 8".
        text = text if line.size > body * 1.05 else re.sub(r"\d+", "0", text)
        return text, line.size, round(line.at * 50)

    def place(line: _Line) -> tuple[float, int]:
        return line.size, round(line.at * 400)

    seen: dict[tuple[str, float, int], set[int]] = {}
    at_edge = [line for line in lines if not _EDGE < line.at < 1 - _EDGE and not line.rows]
    for line in at_edge:
        seen.setdefault(key(line), set()).add(line.page)
    # A header that names the chapter may stand on one page only: its place gives it away.
    places = Counter(place(line) for line in at_edge if len(seen[key(line)]) > 1)
    pages = lines[-1].page + 1
    usual = {
        (size, at) for (size, at), times in places.items() if times * 3 > pages and size <= body
    }
    kept = []
    for line in lines:
        if line.rows or _EDGE < line.at < 1 - _EDGE:
            kept.append(line)
        elif _PAGE_NUMBER.fullmatch(line.text):
            dropped["page numbers"] += 1
        elif len(seen[key(line)]) > 1 or place(line) in usual:
            dropped["running headers and footers"] += 1
        else:
            kept.append(line)
    return kept


def _without_contents(lines: Sequence[_Line], body: float, dropped: Counter[str]) -> list[_Line]:
    """Without tables of contents: lines with leaders, and what stands under "Contents"."""
    leading = Counter(line.page for line in lines if _LEADER.fullmatch(line.text))
    titled = {line.page for line in lines if _CONTENTS.fullmatch(line.text)}
    per_page = Counter(line.page for line in lines)
    inside = False
    kept = []
    for line in lines:
        if _CONTENTS.fullmatch(line.text):
            inside = True
        elif inside:
            elsewhere = line.page not in titled and leading[line.page] * 2 < per_page[line.page]
            headed = line.size >= body * _HEADING_FACTOR and not re.search(r"\d$", line.text)
            inside = not (elsewhere or headed)
        if inside or _LEADER.fullmatch(line.text):
            dropped["lines of tables of contents"] += 1
        else:
            kept.append(line)
    return kept


def _title_page(
    lines: Sequence[_Line], body: float, dropped: Counter[str]
) -> tuple[str, list[_Line]]:
    """The title of the document and what follows its title page, if it has one."""
    if not lines:
        return "", []
    first = [line for line in lines if line.page == 0]
    largest = max(first, key=lambda line: line.size, default=None)
    if largest is None or largest.size < body * 1.3:
        return "", list(lines)
    words = sum(len(line.text.split()) for line in first)
    rest = [line for line in lines if line.page != 0]
    if words > 80 or not rest:
        return "", list(lines)
    dropped["title pages"] += 1
    title = " ".join(line.text for line in first if line.size == largest.size)
    return title, rest


def _body_size(lines: Iterable[_Line]) -> float:
    """The size most letters have, in points."""
    letters: Counter[float] = Counter()
    for line in lines:
        letters[line.size] += len(line.text)
    return letters.most_common(1)[0][0] if letters else 10.0


def _blocks(lines: Sequence[_Line], body: float, dropped: Counter[str]) -> Iterator[Block]:
    words = Counter(re.findall(r"[\w-]+", " ".join(line.text.casefold() for line in lines)))
    gaps = Counter(
        round(after.top - before.bottom)
        for before, after in pairwise(lines)
        if before.box == after.box and before.page == after.page and after.top > before.top
    )
    usual_gap = gaps.most_common(1)[0][0] if gaps else 2
    levels = {
        size: level
        for level, size in enumerate(
            sorted({s.size for s in lines if _is_large(s, body)}, reverse=True), 1
        )
    }
    run: list[_Line] = []  # the lines of the block that is being read
    for index, line in enumerate(lines):
        if run and _goes_on(run, line, body, usual_gap, lines[index - 1]):
            run.append(line)
            continue
        if run:
            yield from _block(run, body, levels, words, dropped)
        run = [line]
    if run:
        yield from _block(run, body, levels, words, dropped)


def _is_large(line: _Line, body: float) -> bool:
    return (
        line.size >= body * _HEADING_FACTOR
        and not line.rows
        and len(line.text.split()) <= 14
        and re.search(r"[^\W\d_]", line.text) is not None
    )


def _goes_on(run: Sequence[_Line], line: _Line, body: float, gap: float, last: _Line) -> bool:
    """Whether a line belongs to the block of the lines before it."""
    first = run[0]
    if line.rows or first.rows or line.marked or last is not run[-1]:
        return False
    if abs(line.size - last.size) > 0.6 or (line.bold != last.bold and (line.bold or _alone(run))):
        return False
    if is_item(line.text) and not _is_large(line, body):
        return False
    here = line.page == last.page and line.top > last.top
    near = here and line.top - last.bottom <= gap + 0.4 * body
    if _is_large(first, body):
        return near and _is_large(line, body) and len(run) < 4
    if not here or not near:
        # The next page or column: a sentence that is not over, or a word cut in two.
        over = re.search(r"[.!?:;]$", last.text)
        return not here and not over and (line.text[0].islower() or last.text.endswith("-"))
    if first.marked or is_item(first.text):
        unfinished = line.text[0].islower() and not re.search(r"[.!?:;]$", last.text)
        return line.left > first.left + 3 or unfinished
    short = last.right < max(one.right for one in (*run, line)) - 60
    if short and re.search(r"[.!?:]$", last.text):
        return False
    return line.left <= last.left + 8


def _alone(run: Sequence[_Line]) -> bool:
    return all(line.bold for line in run)


def _block(
    run: Sequence[_Line],
    body: float,
    levels: dict[float, int],
    words: Counter[str],
    dropped: Counter[str],
) -> Iterator[Block]:
    first = run[0]
    if first.rows:
        dropped["tables turned into lists"] += 1
        yield from table_items([[_joined(c.splitlines(), words) for c in r] for r in first.rows])
        return
    text = clean(_joined([line.text for line in run], words))
    if _is_large(first, body):
        yield Block("heading", text, levels[first.size])
    elif _alone(run) and len(text.split()) <= 10 and not re.search(r"[.:;,!?]$", text):
        yield Block("heading", text, len(levels) + 1)
    elif first.marked or is_item(text):
        yield item(text)
    elif re.search(r"\w", text):
        yield Block("text", text)


def _joined(lines: Sequence[str], words: Counter[str]) -> str:
    """Lines as one, words that were cut at a line's end whole again.

    "self-" and "cleaning" stay a compound where the document writes it with its hyphen elsewhere.
    """
    text = ""
    for line in lines:
        cut = re.search(r"([^\W\d_]+)-$", text)
        begins = re.match(r"[^\W\d_]+", line)
        if cut and begins and line[0].islower():
            compound = f"{cut[1]}-{begins[0]}".casefold()
            whole = compound.replace("-", "")
            text = (text if words[compound] > words[whole] else text[:-1]) + line
        else:
            text = f"{text} {line}".lstrip()
    return text
