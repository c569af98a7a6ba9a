"""The little Markdown that articles are written in: headings, links, readable plain text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_HEADING = re.compile(r"^##\s+(?P<title>.+?)\s*(?:\{#(?P<anchor>[^}]*)\})?\s*#*\s*$")
_LINK = re.compile(r"!?\[(?P<label>[^\]]*)\]\((?P<target>[^)\s]*)(?:\s+\"[^\"]*\")?\)")
_EMPHASIS = re.compile(r"(\*\*|__|`)(?=\S)(.+?)(?<=\S)\1|(?<!\w)([*_])(?=\S)(.+?)(?<=\S)\3(?!\w)")
_LIST_ITEM = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+")


@dataclass(frozen=True, slots=True)
class Part:
    """A `##` heading with what stands under it; the first part has neither title nor anchor."""

    title: str
    anchor: str | None  # as written between {# and }
    line: int  # of the heading, or of the first line of the body
    lines: tuple[str, ...]  # what follows the heading


@dataclass(frozen=True, slots=True)
class Link:
    """`[label](target)` with the line it stands on."""

    label: str
    target: str
    line: int


def parts(lines: list[str], first_line: int) -> list[Part]:
    """Cut a body at its `##` headings; those inside code fences are text."""
    found: list[Part] = []
    title, anchor, start, begin = "", None, first_line, 0
    in_code = code_lines(lines)
    for index, line in enumerate(lines):
        if not in_code[index] and (heading := _HEADING.match(line)):
            found.append(Part(title, anchor, start, tuple(lines[begin:index])))
            title, anchor = heading["title"], heading["anchor"]
            start, begin = first_line + index, index + 1
    found.append(Part(title, anchor, start, tuple(lines[begin:])))
    return found


def is_fence(line: str) -> bool:
    """Whether a line begins or ends a block of code."""
    return line.lstrip().startswith("```")


def code_lines(lines: Sequence[str]) -> list[bool]:
    """For each line whether it is code; fences are."""
    found: list[bool] = []
    fenced = False
    for line in lines:
        found.append(fenced or is_fence(line))
        fenced ^= is_fence(line)
    return found


def links(lines: tuple[str, ...], first_line: int) -> Iterator[Link]:
    """The links in some lines, the first of which is numbered `first_line`."""
    for index, line in enumerate(lines):
        for found in _LINK.finditer(line):
            yield Link(found["label"].strip(), found["target"], first_line + index)


def slug(title: str) -> str:
    """The anchor of a heading that names none: "Clean it!" gives "clean-it"."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def plain(text: str) -> str:
    """Text as a customer reads it on any channel: links become their words, emphasis goes.

    Lines that belong to one paragraph are joined; list items keep their line and their mark.
    """
    text = _LINK.sub(lambda link: link["label"], text)
    text = _EMPHASIS.sub(lambda found: found[2] or found[4], text)
    blocks: list[str] = []
    open_block = False
    for line in text.splitlines():
        if not line.strip():
            if blocks and blocks[-1]:
                blocks.append("")
            open_block = False
            continue
        starts_block = (
            _LIST_ITEM.match(line) is not None
            or line.startswith("Look for:")
            or line.lstrip().startswith("#")
        )
        stripped = (
            line.strip().lstrip("#").strip() if line.lstrip().startswith("#") else (line.strip())
        )
        if open_block and not starts_block:
            blocks[-1] = f"{blocks[-1]} {stripped}"
        else:
            blocks.append(stripped)
        open_block = not line.lstrip().startswith("#")
    return "\n".join(blocks).strip()
