"""Converted text cut into articles and written in the form that `article_file` reads."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import yaml

from retrieval import markdown
from retrieval.front_matter import LONGEST_TITLE, TOP
from retrieval.importing.blocks import Block, Document

_MOST_WORDS = 400  # of a section; the loader refuses more
_MANUAL_WORDS = 800  # a text with one title and fewer words is one article
_LEAST_WORDS = 8  # of an article
_MOST_CHARACTERS = 6000  # of a paragraph; 400 words have some 2,500
_LONGEST_WORD = 400  # characters; a long address has 200, encoded data has thousands
_LONGEST_ID = 80
_NUMBERING = re.compile(r"^(?:chapter\s+)?\d{1,2}(?:\.\d{1,2})*[.)]?\s+(?=[^\W\d_])", re.IGNORECASE)
_INSTALLATION = re.compile(r"install(?:ation|ing)?\b|setting up\b|set-?up\b", re.IGNORECASE)
_POLICY = re.compile(
    r"(?:.*\bpolic(?:y|ies)|terms\b.*|(?:warranty|guarantee|returns)(?: and refunds| terms)?)$",
    re.IGNORECASE,
)

Parts = tuple[tuple[str, tuple[Block, ...]], ...]  # heading and what stands under it


@dataclass(frozen=True, slots=True)
class Draft:
    """An article to be, without what the importing person says about all of them."""

    entry: str  # which part of its source it is; with the source it names the article for good
    title: str
    parts: Parts  # the first may have the heading ""
    product: str = ""  # as the source says
    wanted_id: str = ""  # as the source says
    own: str = ""  # all of the file, when it is an article already

    @property
    def words(self) -> int:
        if self.own:
            return len(self.own.split("\n---", 1)[-1].split())
        return sum(len(block.text.split()) for _, blocks in self.parts for block in blocks)

    @property
    def kind(self) -> str:
        """What the title plainly says, else a how-to."""
        if _POLICY.match(self.title):
            return "policy"
        return "installation" if _INSTALLATION.match(self.title) else "how-to"


def cut(document: Document, name: str, dropped: Counter[str]) -> list[Draft]:
    """The articles in a document: several in a manual, one in a page or in a row.

    Args:
        document: One of a file.
        name: Of the file, for a document that has no title.
        dropped: Gets what is left out, by what it was.
    """
    if document.own:
        return [Draft(document.id, document.title, (), wanted_id=document.id, own=document.own)]
    readable = [
        block
        for block in document.blocks
        if len(block.text) <= _LONGEST_WORD or not re.search(rf"\S{{{_LONGEST_WORD}}}", block.text)
    ]
    if unreadable := len(document.blocks) - len(readable):
        dropped["paragraphs that are data, not words"] += unreadable
    blocks = [_heading(b) if b.kind == "heading" else b for b in readable]
    title = document.title or _first_title(blocks) or name
    level = None if document.whole else _cutting_level(blocks)
    if level is None:
        if _begins_with_title(blocks, title):
            blocks = blocks[1:]
        whole = Draft(document.entry, title, (("", tuple(blocks)),), document.product, document.id)
        drafts = [whole]
    else:
        drafts = _chapters(blocks, level, title, document)
    kept = []
    for draft in drafts:
        parts = _sections(draft.parts[0][1], dropped)
        cut_draft = Draft(
            draft.entry, _short(draft.title), parts, document.product, draft.wanted_id
        )
        if cut_draft.words < _LEAST_WORDS:
            dropped["headings without text, and fragments of a few words"] += 1
        else:
            kept.append(cut_draft)
    return kept


def render(
    draft: Draft,
    identity: str,
    title: str,
    products: Sequence[str],
    audience: str,
    owner: str,
    review_by: date,
) -> str:
    """The file of an article."""
    front = {
        "id": identity,
        "title": title,
        "kind": draft.kind,
        "products": list(products),
        "audience": audience,
        "owner": owner,
        "review_by": review_by,
    }
    # None: lists in one line, keys in their own.
    keys = yaml.safe_dump(
        front, allow_unicode=True, width=10_000, default_flow_style=None, sort_keys=False
    )
    body = []
    anchors = Counter({TOP: 1})
    for heading, blocks in draft.parts:
        if heading:
            anchor = unique(slug(heading)[:_LONGEST_ID].strip("-") or "section", anchors)
            body.append(f"## {heading} {{#{anchor}}}\n" + _text(blocks))
        else:
            body.append(_text(blocks))
    return f"---\n{keys}---\n" + "\n".join(body)


def slug(text: str) -> str:
    """Small letters, digits and single dashes: "Größe 3" gives "grosse-3"."""
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    return markdown.slug(plain.encode("ascii", "ignore").decode())


def identity(stem: str, draft: Draft, alone: bool) -> str:
    """The id of an article: from the name of its source and its heading.

    Args:
        stem: The name of the file without its ending.
        draft: The article.
        alone: Whether the file gives no other.
    """
    base, heading = slug(stem), slug(draft.title)
    if draft.wanted_id:
        named = slug(draft.wanted_id)
        found = named if re.search("[a-z]{3}", named) else f"{base}-{named}"
    elif alone:
        says_something = re.search("[a-z]{3}", base) and base not in ("index", "readme")
        found = base if says_something else f"{base}-{heading}"
    else:
        found = heading if heading.startswith(base) else f"{base}-{heading}"
    if not re.search("[a-z0-9]", found):
        found = "article-" + hashlib.sha256(f"{stem}{draft.entry}".encode()).hexdigest()[:8]
    return found.strip("-")[:_LONGEST_ID].strip("-")


def unique(wanted: str, taken: Counter[str]) -> str:
    """`wanted`, or `wanted` with a number behind it that is free; the result is taken then.

    Args:
        wanted: What it would best be.
        taken: How often each was wanted so far, so that thousands of equals cost no search.
    """
    found = wanted
    while taken[found]:
        taken[wanted] += 1
        found = f"{wanted}-{taken[wanted]}"
    taken[found] += 1
    return found


def _heading(block: Block) -> Block:
    text = markdown.plain(block.text[: 3 * LONGEST_TITLE])
    text = re.sub(r"[{}]", "", _NUMBERING.sub("", text)).strip(" #*_`:")
    return Block("heading", text, block.level)


def _first_title(blocks: Sequence[Block]) -> str:
    headings = [b for b in blocks if b.kind == "heading" and b.text]
    top = min((b.level for b in headings), default=0)
    return next((b.text for b in headings if b.level == top), "")


def _begins_with_title(blocks: Sequence[Block], title: str) -> bool:
    """Whether the first block is the title once more, or the one heading above all others."""
    levels = sorted(block.level for block in blocks if block.kind == "heading")
    if not blocks or blocks[0].kind != "heading":
        return False
    alone = levels[0] == blocks[0].level and levels[:2].count(levels[0]) == 1
    return slug(blocks[0].text) == slug(title) or alone


def _cutting_level(blocks: Sequence[Block]) -> int | None:
    """The level of the headings that begin an article each; None for a text that is one article.

    Two headings of the first level make two articles. Below a single title only a long text, a
    manual, is cut: at the highest level that has two headings.
    """
    counted = Counter(block.level for block in blocks if block.kind == "heading")
    levels = sorted(level for level in counted if counted[level] > 1)
    if not levels:
        return None
    words = sum(len(block.text.split()) for block in blocks)
    return levels[0] if levels[0] == min(counted) or words > _MANUAL_WORDS else None


def _chapters(blocks: Sequence[Block], level: int, title: str, document: Document) -> list[Draft]:
    drafts: list[Draft] = []
    seen: Counter[str] = Counter()
    heading, run = title, list[Block]()

    def add() -> None:
        if not run:
            return
        seen[heading] += 1
        entry = heading if seen[heading] == 1 else f"{heading} ({seen[heading]})"
        drafts.append(Draft(f"{document.entry}{entry}", entry, (("", tuple(run)),)))

    for block in blocks:
        if block.kind == "heading" and block.level <= level:
            add()
            heading, run = block.text or title, []
        else:
            run.append(block)
    add()
    return drafts


def _sections(blocks: Sequence[Block], dropped: Counter[str]) -> Parts:
    """Blocks by their headings; long sections are cut at lower ones, then anywhere."""
    levels = [block.level for block in blocks if block.kind == "heading"]
    found: list[tuple[str, list[Block]]] = []
    for heading, under in _split(blocks, min(levels, default=0)):
        lower = [block.level for block in under if block.kind == "heading"]
        bare = not any(block.kind != "heading" for block in under[:1])
        if lower and (bare or _length(under) > _MOST_WORDS):
            for below, rest in _split(under, min(lower)):
                # "Filter" alone says too little where "Care" is what it belongs to.
                joined = f"{heading}: {below}" if heading and below else heading or below
                found += _lengthwise(joined, rest)
        else:
            found += _lengthwise(heading, under)
    kept = []
    for heading, under in found:
        text = tuple(_sub_headings(under))
        if text:
            kept.append((_short(heading), text))
        elif heading:
            dropped["headings without text, and fragments of a few words"] += 1
    return tuple(kept)


def _split(blocks: Sequence[Block], level: int) -> list[tuple[str, list[Block]]]:
    found: list[tuple[str, list[Block]]] = [("", [])]
    for block in blocks:
        if block.kind == "heading" and block.level <= level:
            found.append((block.text, []))
        else:
            found[-1][1].append(block)
    return [part for part in found if part[0] or part[1]]


def _sub_headings(blocks: Sequence[Block]) -> Iterable[Block]:
    """Without headings: each becomes a line of text, if something follows it."""
    for block, after in zip(blocks, [*blocks[1:], None], strict=False):
        if block.kind != "heading":
            yield block
        elif after is not None and after.kind != "heading" and block.text:
            ended = block.text if block.text[-1] in ".?!:" else block.text + ":"
            yield Block("text", ended)


def _length(blocks: Iterable[Block]) -> int:
    return sum(len(block.text.split()) for block in blocks)


def _lengthwise(heading: str, blocks: Sequence[Block]) -> list[tuple[str, list[Block]]]:
    """A section as it is, or, when it is too long, in pieces that keep paragraphs whole."""
    pieces: list[list[Block]] = [[]]
    for block in blocks:
        for part in _sentences(block):
            # Room is left for the colon and for marks that count as words.
            if pieces[-1] and _length([*pieces[-1], part]) > _MOST_WORDS - 20:
                pieces.append([])
            pieces[-1].append(part)
    name = heading or "More"
    return [
        (heading if number == 1 else f"{name} ({number})", piece)
        for number, piece in enumerate(pieces, 1)
    ]


def _sentences(block: Block) -> list[Block]:
    """A block as it is, or, when it alone is too long for a section, in pieces."""
    words = block.text.split(" ")
    if len(words) <= _MOST_WORDS - 20 and len(block.text) <= _MOST_CHARACTERS:
        return [block]
    pieces: list[list[str]] = [[]]
    characters = 0
    for word in words:
        full = len(pieces[-1]) > _MOST_WORDS - 40
        if (
            (full and pieces[-1][-1][-1:] in (".", "!", "?"))
            or len(pieces[-1]) >= _MOST_WORDS - 20
            or characters > _MOST_CHARACTERS - _LONGEST_WORD
        ):
            pieces.append([])
            characters = 0
        pieces[-1].append(word)
        characters += len(word) + 1
    return [Block(block.kind, " ".join(piece)) for piece in pieces]


def _text(blocks: Sequence[Block]) -> str:
    """Paragraphs apart, list items line by line. Not wrapped: "10. " at a line's beginning would
    be read as a list."""
    lines: list[str] = []
    for before, block in zip([None, *blocks], blocks, strict=False):
        if before is not None and not (block.kind == "item" and before.kind == "item"):
            lines.append("")
        lines.append(block.text)
    return "\n".join(lines) + "\n"


def _short(heading: str) -> str:
    room = LONGEST_TITLE - 10  # for a number behind it
    if len(heading) <= room:
        return heading
    return heading[:room].rsplit(" ", 1)[0].rstrip(" ,;:") + " …"
