"""What a file of another program says, in the little that every channel can show."""

from __future__ import annotations

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

# Stand for Markdown's marks while words are put together; none of them occurs in real text.
LINK_OPEN, LINK_TO, LINK_CLOSE, BREAK = "\ue000", "\ue001", "\ue002", "\ue003"
_MARKS = LINK_OPEN + LINK_TO + LINK_CLOSE + BREAK
_MARK = re.compile(r"(?:[-*+•●▪‣◦·–]|\d{1,2}[.)])\s+(?=\S)")


@dataclass(frozen=True, slots=True)
class Block:
    """A heading, a paragraph or a list item ("- one", "2. two"); may hold `[label](target)`."""

    kind: Literal["heading", "text", "item"]
    text: str
    level: int = 0  # of a heading; 1 is the highest


@dataclass(frozen=True, slots=True)
class Document:
    """What one page, one row or one whole file says."""

    blocks: tuple[Block, ...]
    title: str = ""  # "" when the file does not say
    entry: str = ""  # which part of the file this is; "" for all of it
    id: str = ""  # as the file names it
    product: str = ""  # as the file names it
    whole: bool = False  # one article, however long
    own: str = ""  # the text of a file that is an article in our own form already


@dataclass(slots=True)
class Converted:
    """What a file gave, and how often something was left out, by what it was."""

    documents: list[Document] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)


def clean(text: str) -> str:
    """One line of plain words: nothing in it that Markdown would take for a mark, and no character
    that nobody sees."""
    if not text.isascii():
        text = re.sub(
            "[\ufb00-\ufb06]", lambda found: unicodedata.normalize("NFKC", found[0]), text
        )
        text = unicodedata.normalize("NFC", text)
    kept = (c for c in text if c.isspace() or c in _MARKS or not _is_invisible(c))
    text = " ".join("".join(kept).split())
    text = html.unescape(html.unescape(text)) if "&" in text else text
    text = text.replace("](", "] (").replace("]:", "] :").replace("```", "").replace("~~~", "")
    text = re.sub(r"<(?=[A-Za-z/!?])", "< ", text)
    return re.sub(r"^(?:[#>|\s]+|(?:[-=_*]\s?){3,}$)", "", text)


def _is_invisible(character: str) -> bool:
    return character == "\ufffd" or unicodedata.category(character) in ("Cc", "Cf", "Co")


def item(text: str) -> Block:
    """A list item from "• one" or "2) two"."""
    mark = _MARK.match(text)
    if mark is None:
        return Block("item", "- " + text)
    number = mark[0].strip()
    lead = f"{number[:-1]}. " if number[0].isdigit() else "- "
    return Block("item", lead + clean(text[mark.end() :]))


def is_item(text: str) -> bool:
    """Whether a line begins as those of a list do."""
    return _MARK.match(text) is not None


def table_items(rows: Sequence[Sequence[str]], header: bool | None = None) -> list[Block]:
    """A table as list items that can be read aloud: "- E24: Meaning: blocked; Cure: clean it".

    Args:
        rows: Cells by row.
        header: Whether the first row names the columns; None when that is not known.
    """
    filled = [[clean(cell) for cell in row] for row in rows if any(cell.strip() for cell in row)]
    if not filled:
        return []
    if header is None:
        header = len(filled) > 1 and all(
            cell and len(cell.split()) < 6 and not re.search(r"\d", cell) for cell in filled[0]
        )
    names = filled[0] if header and len(filled) > 1 else None
    found = []
    for row in filled[1:] if names else filled:
        cells = [cell for cell in row if cell]
        if not cells:
            continue
        if names is not None and len(row) > 2:
            labelled = zip(names[1:], row[1:], strict=False)
            said = "; ".join(f"{n}: {c}" if n else c for n, c in labelled if c)
        else:
            said = "; ".join(cells[1:])
        first = row[0] or (names[0] if names else cells[0])
        found.append(Block("item", f"- {first}: {said}" if said else f"- {first}"))
    return found
