"""What stands below the front matter: cut into sections and steps, and held to plain Markdown.

The whole text is quoted on channels that show no formatting, so what would only make sense when
rendered (HTML, tables, images without words) is refused rather than shown raw.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

from retrieval import markdown
from retrieval.articles import Branch, Section, Step
from retrieval.errors import Complaints
from retrieval.front_matter import ID, LONGEST_TITLE, TOP

_MOST_WORDS = 400  # in a section: two screens of a phone, and more than one answer
_BRANCH_LINE = re.compile(
    r"^\s*[-*+]\s+(?P<question>.*?\?)\s*(?P<links>(?:\[[^\]]*\]\([^)]*\)\s*)+)$"
)
_MEANT_AS_BRANCH_LINE = re.compile(r"^\s*[-*+]\s.*(?:\[[^\]]*\]\(#[^)]*\).*){2}$")
_LOOK_FOR = "Look for:"
_ENTITY = re.compile(r"&(?:#\d+|#[xX][0-9a-fA-F]+|[A-Za-z][A-Za-z0-9]*);")
_NO_SPACE = re.compile(r"^#{2,6}[^#\s]")
_PLAIN = "channels show plain text"
_MARKDOWN = MarkdownIt("commonmark").enable("table")


@dataclass(frozen=True, slots=True)
class Body:
    """The sections of an article with what only its checks need."""

    sections: tuple[Section, ...]
    links: tuple[markdown.Link, ...]  # those of branches left out
    branch_lines: Mapping[tuple[str, str], int]  # (step, label) → line
    text: str  # as written, for checks that name a line
    first_line: int  # of `text` in the file


def read_body(
    lines: list[str], first_line: int, is_procedure: bool, complaints: Complaints
) -> Body:
    """Take the lines after the front matter apart, the first of which is numbered `first_line`."""
    _check_markdown(lines, first_line, complaints)
    sections: list[Section] = []
    links: list[markdown.Link] = []
    branch_lines: dict[tuple[str, str], int] = {}
    for index, part in enumerate(markdown.parts(lines, first_line)):
        body_line = part.line if index == 0 else part.line + 1
        text = "\n".join(part.lines)
        _check_length(text, part.line, complaints)
        if index == 0:
            links += markdown.links(part.lines, body_line)
            if text.strip():
                sections.append(Section("", "", markdown.plain(text), body_line))
            continue
        anchor = part.anchor if part.anchor is not None else markdown.slug(part.title)
        _check_heading(part, anchor, sections, complaints)
        if not text.strip():
            complaints.add(
                part.line,
                f"nothing stands under `{part.title}`",
                "write the section or remove its heading",
            )
        if not is_procedure:
            links += markdown.links(part.lines, body_line)
            sections.append(Section(anchor, part.title, markdown.plain(text), part.line))
            continue
        step, inline = _read_step(part, anchor, body_line, branch_lines, complaints)
        links += inline
        sections.append(step)
    if not sections:
        complaints.add(first_line, "the article says nothing", "write at least one paragraph")
    return Body(tuple(sections), tuple(links), branch_lines, "\n".join(lines), first_line)


def _check_heading(
    part: markdown.Part, anchor: str, before: Sequence[Section], complaints: Complaints
) -> None:
    if "{" in part.title or not part.title.strip("#* "):
        complaints.add(
            part.line,
            f"`{part.title}` is no heading",
            "write words and then the anchor: `## Clean the filter {#filter}`",
        )
    elif not ID.fullmatch(anchor):
        complaints.add(
            part.line,
            f"`{anchor}` is no anchor",
            "use small letters, digits and single dashes: `{#filter}`",
        )
    if len(part.title) > LONGEST_TITLE:
        complaints.add(
            part.line,
            f"the heading has {len(part.title)} characters",
            f"say it in at most {LONGEST_TITLE}; put the rest below it",
        )
    if anchor == TOP:
        complaints.add(
            part.line,
            f"the anchor `{TOP}` is kept for what stands before the first heading",
            "give this heading another `{#anchor}`",
        )
    if any(section.anchor == anchor for section in before):
        complaints.add(
            part.line,
            f"the anchor `{anchor}` is used twice in this article",
            "give this heading another `{#anchor}`",
        )


def _check_length(text: str, line: int, complaints: Complaints) -> None:
    if (words := len(text.split())) > _MOST_WORDS:
        complaints.add(
            line,
            f"the section has {words} words",
            f"cut it by `##` headings into sections of at most {_MOST_WORDS}",
        )


def _read_step(
    part: markdown.Part,
    anchor: str,
    body_line: int,
    branch_lines: dict[tuple[str, str], int],
    complaints: Complaints,
) -> tuple[Step, list[markdown.Link]]:
    question: str | None = None
    branches: list[Branch] = []
    links: list[markdown.Link] = []
    kept: list[str] = []
    looked = False
    for number, line in enumerate(part.lines, body_line):
        found = _BRANCH_LINE.match(line)
        targets = list(markdown.links((line,), number))
        if found is None:
            if _MEANT_AS_BRANCH_LINE.match(line):
                complaints.add(
                    number,
                    "answers without a question, or with words after them",
                    "end the question with `?` and the line with its answers: "
                    "`- Does it hum? [yes](#end) [no](#power)`",
                )
            if line.startswith(_LOOK_FOR):
                if looked:
                    complaints.add(
                        number,
                        f"the step says `{_LOOK_FOR}` a second time",
                        "put both into one, or make a second step",
                    )
                looked = True
            kept.append(line)
            links += targets
            continue
        if question is not None:
            complaints.add(
                number,
                "the step asks a second question",
                "ask one question per step; make the other a step of its own",
            )
        question = markdown.plain(found["question"])
        for link in targets:
            _check_branch(link, anchor, branches, complaints)
            if link.target.startswith("#"):
                branches.append(Branch(link.label, link.target[1:]))
                branch_lines.setdefault((anchor, link.label), link.line)
    text = markdown.plain("\n".join(kept))
    before, mark, after = ("\n" + text).partition("\n" + _LOOK_FOR)
    look_for, _, rest = after.partition("\n\n")
    instruction = "\n\n".join(filter(None, (before.strip(), rest.strip())))
    if not instruction and "\n".join(part.lines).strip():
        complaints.add(
            part.line,
            f"the step `{anchor}` has no instruction",
            "say what to do and why, before what to look for and the question",
        )
    step = Step(
        anchor,
        part.title,
        text,
        part.line,
        instruction=instruction,
        look_for=look_for.strip() if mark else None,
        question=question,
        branches=tuple(branches),
    )
    return step, links


def _check_branch(
    link: markdown.Link, anchor: str, before: Sequence[Branch], complaints: Complaints
) -> None:
    if not link.target.startswith("#"):
        complaints.add(
            link.line,
            f"the branch `{link.label}` leaves the procedure",
            "name a step of this article; put other links into the text",
        )
        return
    if link.target == "#" + anchor:
        complaints.add(
            link.line,
            f"the branch `{link.label}` leads back to its own step",
            "name the step that comes next; to repeat one, say so in its text",
        )
    if any(branch.label.casefold() == link.label.casefold() for branch in before):
        complaints.add(
            link.line,
            f"the answer `{link.label}` stands here twice",
            "give each answer words of its own",
        )


def _check_markdown(lines: Sequence[str], first_line: int, complaints: Complaints) -> None:
    """What Markdown has and articles have not, each at its line."""
    in_code = markdown.code_lines(lines)
    for number, line in enumerate(lines):
        if in_code[number]:
            continue
        for entity in dict.fromkeys(_ENTITY.findall(line)):
            complaints.add(
                first_line + number,
                f"`{entity}` is HTML",
                f"write the character itself; {_PLAIN}",
            )
        if _NO_SPACE.match(line):
            complaints.add(
                first_line + number,
                "a heading lacks the space after its `#`",
                "write `## Heading {#anchor}`",
            )
    fences = [n for n, line in enumerate(lines) if markdown.is_fence(line)]
    if len(fences) % 2:
        complaints.add(
            first_line + fences[-1],
            "a code block begins here and does not end",
            "close it by a line ``` of its own",
        )
        return  # all below would be misread
    env: dict[str, dict[str, dict[str, list[int]]]] = {}
    tokens = _MARKDOWN.parse("\n".join(lines), env)
    for name, reference in env.get("references", {}).items():
        complaints.add(
            first_line + reference["map"][0],
            f"the address of `{name.lower()}` stands apart from its link",
            "write it behind the words: `[words](https://example.com)`",
        )
    for token in tokens:
        for offset, what, cure in _complaints_about(token, lines):
            complaints.add(first_line + offset, what, cure)


def _complaints_about(token: Token, lines: Sequence[str]) -> Iterator[tuple[int, str, str]]:
    """Line below the front matter, counted from 0, what is wrong there, and its cure."""
    if token.map is None:
        return
    start = token.map[0]
    if token.type == "heading_open":
        if token.tag == "h1":
            yield (
                start,
                "a heading of the first level stands in the text",
                "the title is in the front matter; begin sections with `##`",
            )
        elif token.tag != "h2":
            yield (
                start,
                f"a heading of level {token.tag[1]} stands in the text",
                "begin a section with `##`, or write a sentence",
            )
        elif token.markup == "-":
            yield (
                start,
                "a line of dashes makes this a heading",
                "write `## Heading`, or an empty line",
            )
        elif not re.match(r"##\s+\S", lines[start]) or re.match(r"##[\s#]*$", lines[start]):
            yield (
                start,
                "a heading is indented or empty",
                "write `## Heading` at the line's beginning",
            )
    elif token.type == "html_block":
        tag = token.content.strip().splitlines()[0][:40]
        yield start, f"`{tag}` is HTML", f"write it in plain words; {_PLAIN}"
    elif token.type == "table_open":
        yield start, "a table stands here", f"write it as a list, one row a line; {_PLAIN}"
    elif token.type == "fence" and token.markup[0] == "~":
        yield start, "a code block is fenced by `~~~`", "fence it by ```"
    elif token.type == "inline":
        yield from _inline_complaints(token.children or [], start)


def _inline_complaints(children: Sequence[Token], line: int) -> Iterator[tuple[int, str, str]]:
    last_tag = -1  # line of the last piece of HTML
    for index, child in enumerate(children):
        if child.type in ("softbreak", "hardbreak"):
            line += 1
        elif child.type == "html_inline":
            if line != last_tag:  # its closing one needs no second word
                yield line, f"`{child.content[:40]}` is HTML", f"write it in plain words; {_PLAIN}"
            last_tag = line
            line += child.content.count("\n")
        elif child.type == "image" and not child.content.strip():
            yield (
                line,
                "an image has no words",
                "say what it shows: `![the filter, seen from above](https://...)`",
            )
        elif child.type == "link_open" and children[index + 1].type == "link_close":
            yield line, "a link has no words", "say where it leads: `[how to clean it](#filter)`"
