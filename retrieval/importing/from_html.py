"""A web page without what surrounds its text.

Word files, Markdown and cells of a table come here as HTML, so that one walk serves them all.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any, Literal

import lxml.html

from retrieval.errors import ImportRefused
from retrieval.importing.blocks import (
    BREAK,
    LINK_CLOSE,
    LINK_OPEN,
    LINK_TO,
    Block,
    Document,
    clean,
    is_item,
    item,
    table_items,
)

_MOST_TAGS = 300_000  # of one page; a long page of a help centre has 5,000
_FOLLOWED = re.compile(r"(?:https://|mailto:|tel:)[^\s<>\"\[\]]+", re.IGNORECASE)
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_BLOCKS = frozenset(
    (
        *_HEADINGS,
        *("address", "article", "aside", "blockquote", "body", "center", "dd", "details", "dir"),
        *("div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "header"),
        *("hgroup", "hr", "html", "legend", "li", "main", "menu", "nav", "ol", "p", "pre"),
        *("section", "summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul"),
    )
)
_SILENT = {"script", "style", "noscript", "template", "svg", "math", "iframe", "object", "head"}
_AROUND = {"nav", "footer", "aside", "form", "button", "select", "input", "textarea", "dialog"}
_AROUND_ROLES = {"navigation", "banner", "contentinfo", "search", "dialog", "complementary"}
_AROUND_NAMES = re.compile(
    r"(?:^|[-_\s])(?:cookies?|consent|gdpr|breadcrumbs?|nav|navbar|navigation|menu|sidebar|footer|"
    r"site-?header|share|social|related|newsletter|popup|modal|vote|votes|pagination|skip-?link)"
    r"(?:$|[-_\s])",
    re.IGNORECASE,
)


def html_document(page: str, dropped: Counter[str], where: Path) -> Document:
    """A page without what surrounds it; its title is its first `h1`, else that of the window.

    Raises:
        ImportRefused: More elements, or more inside one another, than a page written to be read.
    """
    if page.count("<") > _MOST_TAGS:
        raise ImportRefused(where, f"has more than {_MOST_TAGS:,} tags", "export the text alone")
    parser = lxml.html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        root = lxml.html.document_fromstring(page.encode("utf-8", "ignore"), parser=parser)
    except (lxml.etree.ParserError, lxml.etree.XMLSyntaxError):
        return Document(())  # nothing but blanks or comments
    if any("Excessive depth" in error.message for error in parser.error_log):
        raise ImportRefused(
            where, "has more than 256 elements inside one another", "export the text alone"
        )
    walk = _Walk(dropped)
    main = _main(root)
    headlines = (h for place in (main, root) for h in place.iter("h1"))
    headline = next((h for h in headlines if _words(h)), None)
    title = _words(headline) if headline is not None else ""
    if not title and (window := root.find(".//title")) is not None:
        title = re.split(r"\s+[|–—:·-]+\s+", _words(window))[0]
    return Document(walk.blocks_of(main), clean(title))


def _main(root: Any) -> Any:
    """Where the text of a page stands: its only `main`, or its only `article`, or all of it."""
    for path in (".//main", ".//*[@role='main']", ".//article"):
        if len(found := root.findall(path)) == 1 and len(_words(found[0]).split()) > 10:
            return found[0]
    return root


def _words(element: Any) -> str:
    return " ".join("".join(element.itertext()).split())


class _Walk:
    """One pass over a page. A loop, not recursion: pages nest deeper than Python does."""

    def __init__(self, dropped: Counter[str]) -> None:
        self.dropped = dropped
        self.blocks: list[Block] = []
        self.buffer: list[str] = []
        self.lists: list[int] = []  # the number of the next item of each open list; 0: bullets
        self.items = 0  # open list items: a paragraph in one goes on in its line
        self.marker = ""
        self.verbatim = 0
        self.links: list[tuple[int, int, str]] = []  # blocks and buffer at its start, target

    def blocks_of(self, root: Any) -> tuple[Block, ...]:
        waiting: list[tuple[str, Any]] = [("open", root)]
        while waiting:
            what, value = waiting.pop()
            if what == "text":
                self._say(value)
            elif what == "close":
                self._close(value)
            elif self._open(value):
                waiting.append(("close", value))
                for child in reversed(value):
                    waiting.append(("text", child.tail or ""))
                    waiting.append(("open", child))
                waiting.append(("text", value.text or ""))
        self._flush()
        return tuple(self.blocks)

    def _say(self, text: str) -> None:
        text = re.sub("[\ue000-\uf8ff]", "", text) if not text.isascii() else text
        if self.verbatim:
            text = text.replace("\n", BREAK)
        self.buffer.append(re.sub(r"\s+", " ", text))

    def _open(self, element: Any) -> bool:
        """Whether to go inside."""
        tag = element.tag
        if not isinstance(tag, str) or self._left_out(element, tag):
            return False
        if tag == "br":
            self.buffer.append(BREAK)
        elif tag == "img":
            if alt := clean(element.get("alt") or ""):
                self.dropped["images replaced by their description"] += 1
                self._say(f" {alt} ")
            else:
                self.dropped["images without a description"] += 1
        elif tag == "a":
            self.links.append((len(self.blocks), len(self.buffer), element.get("href") or ""))
        elif tag == "table" and (rows := _data_rows(element)) is not None:
            self._flush()
            first = next(element.iter("tr"))
            headed = element.find("thead") is not None or first.find("td") is None
            self.blocks += table_items(rows, True if headed else None)
            self.dropped["tables turned into lists"] += 1
            return False
        elif tag in _BLOCKS:
            self._boundary(tag)
            self.verbatim += tag == "pre"
            if tag in ("ul", "ol"):
                self.lists.append(1 if tag == "ol" else 0)
            elif tag == "dl":
                self.items += 1
            elif tag == "dt":
                self.marker = "- "
            elif tag == "li" and _is_plain(element):
                self.items += 1
                number = self.lists[-1] if self.lists else 0
                self.marker = f"{number}. " if number else "- "
                if number:
                    self.lists[-1] += 1
        return True

    def _close(self, element: Any) -> None:
        tag = element.tag
        if tag == "a":
            self._close_link()
        elif tag in _HEADINGS or tag == "summary":
            text = clean("".join(self.buffer).translate({ord(BREAK): " "}))
            text = re.sub(f"[{LINK_OPEN}{LINK_CLOSE}]|{LINK_TO}[^{LINK_CLOSE}]*", "", text)
            self.buffer.clear()
            if text:
                level = int(tag[1]) if tag in _HEADINGS else 3
                self.blocks.append(Block("heading", text, level))
        elif tag == "dt":
            self.buffer.append(": ")
        elif tag in _BLOCKS:
            if tag == "dl" or (tag == "li" and _is_plain(element)):
                self._flush()
                self.items -= 1
            elif tag in ("ul", "ol"):
                self._flush()
                self.lists.pop()
            else:
                self._boundary(tag)
            self.verbatim -= tag == "pre"

    def _close_link(self) -> None:
        blocks, start, target = self.links.pop()
        label = "".join(self.buffer[start:]) if blocks == len(self.blocks) else ""
        if not label.strip() or BREAK in label or LINK_OPEN in label:
            return
        if not _FOLLOWED.fullmatch(target):
            if target:
                self.dropped["links that lead nowhere from here, kept as words"] += 1
            return
        target = target.replace("(", "%28").replace(")", "%29")
        label = label.replace("[", "(").replace("]", ")").strip()
        self.buffer[start:] = [LINK_OPEN, label, LINK_TO, target, LINK_CLOSE]

    def _left_out(self, element: Any, tag: str) -> bool:
        if tag in _SILENT:
            self.dropped["scripts, styles and drawings"] += tag in ("script", "style", "svg")
            return True
        if tag in ("html", "body", "main", "article"):
            return False
        named = f"{element.get('class') or ''} {element.get('id') or ''}"
        around = (
            tag in _AROUND
            or tag == "header"
            or element.get("role") in _AROUND_ROLES
            or element.get("hidden") is not None
            or element.get("aria-hidden") == "true"
            or re.search(r"display:\s*none", element.get("style") or "") is not None
            or _AROUND_NAMES.search(named) is not None
        )
        # Themes put such names on everything: what holds the headline is the page itself.
        if not around or next(element.iter("h1", "main", "article"), None) is not None:
            return False
        self.dropped["navigation, forms, banners and hidden parts"] += 1
        return True

    def _boundary(self, tag: str) -> None:
        if self.items and tag not in ("ul", "ol", "dl", "dt", "li", "table", *_HEADINGS):
            self.buffer.append(" ")
        else:
            self._flush()

    def _flush(self) -> None:
        text = "".join(self.buffer)
        self.buffer.clear()
        for paragraph in re.split(rf"{BREAK}\s*{BREAK}\s*", text):
            said = ""
            for line in filter(None, map(clean, paragraph.split(BREAK))):
                if is_item(line) and not self.marker:
                    self._add(said)
                    self.blocks.append(_linked(item(line)))
                    said = ""
                else:
                    said = f"{said} {line}".lstrip()
            self._add(said)

    def _add(self, said: str) -> None:
        if said.strip(" :"):
            kind: Literal["item", "text"] = "item" if self.marker else "text"
            self.blocks.append(_linked(Block(kind, self.marker + said)))
            self.marker = ""


def _is_plain(element: Any) -> bool:
    """Whether a list item is one, and not a part of a page that a list only places."""
    return next(element.iter("table", *_HEADINGS), None) is None


def _linked(block: Block) -> Block:
    text = block.text.replace(LINK_OPEN, "[").replace(LINK_TO, "](").replace(LINK_CLOSE, ")")
    return Block(block.kind, text, block.level)


def _data_rows(table: Any) -> list[list[str]] | None:
    """The cells of a table of figures; None for one that only places things on a page."""
    if any(inner is not table for inner in table.iter("table", *_HEADINGS)):
        return None
    rows = [
        [" ".join(" ".join(cell.itertext()).split()) for cell in row.iterchildren("td", "th")]
        for row in table.iter("tr")
    ]
    return rows if len(rows) > 1 and sum(len(row) > 1 for row in rows) > 1 else None
