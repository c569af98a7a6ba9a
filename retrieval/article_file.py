"""One article file read and checked; then all of them held against each other.

A file begins with front matter between two lines `---`: `id`, `title`, `kind`, `products` (ids or
models, or `[all]`), `audience`, `owner`, `review_by`; for procedures `symptoms`; for policies, if
they commit to a value, `states`; and `questions`, by anchor, which say how customers ask for a
section. Then comes Markdown, cut at its `##` headings, each with an `{#anchor}` of its own. In a
procedure every heading is a step. Steps run in order, unless one asks:
`- Does the pump hum? [yes](#impeller) [no](#power)`. One that begins with `end` is an end.

Models by product stand in `products.yml` of the same folder: `dishwasher: [HM-D450, HM-D620]`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import yaml

from retrieval import markdown
from retrieval.articles import ALL_PRODUCTS, AUDIENCES, KINDS, Article, Branch, Section, Step
from retrieval.errors import ArticlesRefused, Problem
from retrieval.procedures import check_procedure

STATES = ("return_window_days", "refund_days", "warranty_months")
"""What `states:` may commit to. A misspelt key would contradict nothing, so it is refused."""

_REQUIRED = ("id", "title", "kind", "products", "audience", "owner", "review_by")
_OPTIONAL = ("symptoms", "states", "questions")
TOP = "top"
"""What `questions:` calls the part before the first heading, as links to the top of a page do."""

_LONGEST_QUESTION = 200  # characters; a customer's question is one sentence
_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_ARTICLE_LINK = re.compile(r"(?P<id>[a-z0-9-]*)(?:#(?P<anchor>.*))?")
_BRANCH_LINE = re.compile(
    r"^\s*[-*+]\s+(?P<question>.*?\?)\s*(?P<links>(?:\[[^\]]*\]\([^)]*\)\s*)+)$"
)
_LOOK_FOR = "Look for:"


@dataclass(frozen=True, slots=True)
class _Read:
    """An article with what only its checks need."""

    article: Article
    file: Path
    keys: Mapping[str, int]  # line of each front-matter key
    links: tuple[markdown.Link, ...]
    branch_lines: Mapping[tuple[str, str], int]  # (step, label) → line


class _Complaints(list[Problem]):
    """Problems of one file as they are met."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file

    def add(self, line: int, what: str, cure: str) -> None:
        self.append(Problem(self.file, line, what, cure))


def read_folder(
    folder: Path, today: date, catalogue: Mapping[str, Sequence[str]] | None
) -> tuple[Article, ...]:
    """See `articles.load_articles`."""
    if not folder.is_dir():
        raise ArticlesRefused([Problem(folder, 1, "is not a folder", "name the knowledge folder")])
    known = read_catalogue(folder) if catalogue is None else catalogue
    names = {ALL_PRODUCTS, *known, *(model for models in known.values() for model in models)}
    problems: list[Problem] = []
    read: list[_Read] = []
    files = sorted(f for f in folder.rglob("*.md") if f.name.lower() != "readme.md")
    if not files:
        problems.append(Problem(folder, 1, "holds no article", "add a .md file"))
    for file in files:
        complaints = _Complaints(file)
        if (one := _read_file(file, folder, names, today, complaints)) is not None:
            read.append(one)
        problems += complaints
    problems += _check_together(read)
    if problems:
        raise ArticlesRefused(problems)
    return tuple(sorted((one.article for one in read), key=lambda article: article.id))


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
        raise ArticlesRefused([Problem(file, _yaml_line(error), "is not YAML", cure)]) from error
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


def _read_file(
    file: Path, folder: Path, names: set[str], today: date, complaints: _Complaints
) -> _Read | None:
    """One file; None when so much is missing that there is no article to check further."""
    content = file.read_bytes()
    try:
        lines = content.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        complaints.add(
            content[: error.start].count(b"\n") + 1, "is not UTF-8 text", "save the file as UTF-8"
        )
        return None
    closing = next((i for i, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), None)
    if not lines or lines[0].rstrip() != "---" or closing is None:
        complaints.add(
            1,
            "does not begin with front matter",
            "begin with a line `---`, the keys, and another line `---`",
        )
        return None
    keys = _key_lines(lines[1:closing], complaints)
    try:
        front = yaml.safe_load("\n".join(lines[1:closing])) or {}
    except yaml.YAMLError as error:
        complaints.add(
            _yaml_line(error) + 1,
            "the front matter is not YAML",
            "write `key: value` lines; put a value that holds `: ` or `#` in quotes",
        )
        return None
    if not isinstance(front, dict):
        complaints.add(2, "the front matter is not a list of keys", "write `key: value` lines")
        return None
    before = len(complaints)
    _check_front(front, keys, names, today, complaints)
    if len(complaints) > before and any(key not in front for key in ("id", "title", "kind")):
        return None
    sections, links, branch_lines = _read_body(
        lines[closing + 1 :], closing + 2, front.get("kind") == "procedure", complaints
    )
    article = Article(
        id=str(front.get("id")),
        title=str(front.get("title")),
        kind=str(front.get("kind")),
        products=tuple(map(str, _as_list(front.get("products")))),
        symptoms=tuple(map(str, _as_list(front.get("symptoms")))),
        audience=str(front.get("audience")),
        owner=str(front.get("owner")),
        review_by=_as_date(front.get("review_by")) or today,
        version=hashlib.sha256(content).hexdigest()[:8],
        path=file.relative_to(folder).as_posix(),
        sections=sections,
        states=_as_states(front.get("states")),
        questions=_read_questions(front.get("questions"), keys, sections, complaints),
    )
    return _Read(article, file, keys, links, branch_lines)


def _key_lines(lines: Sequence[str], complaints: _Complaints) -> dict[str, int]:
    """The line of each top-level key. YAML itself would let the last of two win unseen."""
    found: dict[str, int] = {}
    for number, line in enumerate(lines, 2):
        if key := re.match(r"([A-Za-z_][\w-]*)\s*:", line):
            if key[1] in found:
                complaints.add(number, f"`{key[1]}` stands here a second time", "keep one of them")
            found.setdefault(key[1], number)
    return found


def _check_front(
    front: Mapping[str, Any],
    keys: Mapping[str, int],
    names: set[str],
    today: date,
    complaints: _Complaints,
) -> None:
    def at(key: str) -> int:
        return keys.get(key, 1)

    for key in _REQUIRED:
        if front.get(key) in (None, "", []):
            complaints.add(at(key), f"`{key}` is missing or empty", f"add `{key}:` with a value")
    for key in front:
        if key not in _REQUIRED + _OPTIONAL:
            complaints.add(
                at(str(key)),
                f"unknown key `{key}`",
                "use one of " + ", ".join(_REQUIRED + _OPTIONAL),
            )
    for key in ("id", "title", "owner"):
        if front.get(key) and not isinstance(front[key], str):
            complaints.add(at(key), f"`{key}` is not text", "put the value in quotes")
    if isinstance(front.get("id"), str) and not _ID.fullmatch(front["id"]):
        complaints.add(
            at("id"),
            f"`{front['id']}` is no id",
            "use small letters, digits and single dashes: `does-not-drain`",
        )
    for key, allowed in (("kind", KINDS), ("audience", AUDIENCES)):
        if front.get(key) and front[key] not in allowed:
            complaints.add(
                at(key), f"unknown {key} `{front[key]}`", "use one of " + ", ".join(allowed)
            )
    for key in ("products", "symptoms"):
        value = front.get(key)
        if value and not (isinstance(value, list) and all(isinstance(v, str) for v in value)):
            complaints.add(
                at(key),
                f"`{key}` is not a list of texts",
                f"write `{key}: [one, two]`; put numbers, yes and no in quotes",
            )
    for product in _as_list(front.get("products")):
        if product not in names:
            complaints.add(
                at("products"),
                f"unknown product `{product}`",
                "use one of " + ", ".join(sorted(names)) + ", or add it to products.yml",
            )
    if front.get("kind") == "procedure" and not front.get("symptoms"):
        complaints.add(
            at("symptoms"),
            "a procedure without symptoms is never found",
            "list what customers see or say: `symptoms: [standing water, error E24]`",
        )
    if front.get("review_by"):
        if (review_by := _as_date(front["review_by"])) is None:
            complaints.add(
                at("review_by"), f"`{front['review_by']}` is not a day", "write it as 2027-06-01"
            )
        elif review_by < today:
            complaints.add(
                at("review_by"),
                f"should have been reviewed by {review_by}",
                "read the article again, correct it and set a later day",
            )
    states = front.get("states")
    if states is not None and not isinstance(states, dict):
        complaints.add(
            at("states"),
            "`states` is not a list of values",
            "write `states: {return_window_days: 30}`",
        )
    for key, value in states.items() if isinstance(states, dict) else ():
        if key not in STATES:
            complaints.add(
                at("states"), f"unknown policy value `{key}`", "use one of " + ", ".join(STATES)
            )
        elif not isinstance(value, int) or isinstance(value, bool) or value <= 0:
            complaints.add(
                at("states"), f"`{key}` is not a whole number above 0", f"write `{key}: 30`"
            )


def _read_questions(
    value: Any, keys: Mapping[str, int], sections: Sequence[Section], complaints: _Complaints
) -> dict[str, tuple[str, ...]]:
    """How customers ask, by anchor; `top` is written for the part before the first heading."""
    line = keys.get("questions", 1)
    if value is None:
        return {}
    if not isinstance(value, dict):
        complaints.add(
            line,
            "`questions` is not a list by anchor",
            "write `questions:` and below it, indented, `filter: [how do I clean the sieve]`",
        )
        return {}
    anchors = {section.anchor or TOP for section in sections}
    found: dict[str, tuple[str, ...]] = {}
    for anchor, asked in value.items():
        if anchor not in anchors:
            complaints.add(
                line,
                f"`questions` names `{anchor}`, which is no section here",
                "use one of " + ", ".join(sorted(anchors)),
            )
        elif not isinstance(asked, list) or not all(isinstance(one, str) for one in asked):
            complaints.add(
                line,
                f"the questions for `{anchor}` are not a list of texts",
                "write `[one, two]`; put a text that holds a comma, `: ` or `#` in quotes",
            )
        else:
            for one in asked:
                if not one.strip() or len(one) > _LONGEST_QUESTION:
                    complaints.add(
                        line,
                        f"a question for `{anchor}` has {len(one.strip())} characters",
                        f"write what one customer would ask, at most {_LONGEST_QUESTION}",
                    )
            found["" if anchor == TOP else anchor] = tuple(asked)
    return found


def _read_body(
    lines: list[str], first_line: int, is_procedure: bool, complaints: _Complaints
) -> tuple[tuple[Section, ...], tuple[markdown.Link, ...], dict[tuple[str, str], int]]:
    sections: list[Section] = []
    links: list[markdown.Link] = []
    branch_lines: dict[tuple[str, str], int] = {}
    for index, part in enumerate(markdown.parts(lines, first_line)):
        body_line = part.line if index == 0 else part.line + 1
        anchor = (
            ""
            if index == 0
            else (part.anchor if part.anchor is not None else markdown.slug(part.title))
        )
        if index and not _ID.fullmatch(anchor):
            complaints.add(
                part.line,
                f"`{anchor}` is no anchor",
                "use small letters, digits and single dashes: `{#filter}`",
            )
        if index and anchor == TOP:
            complaints.add(
                part.line,
                f"the anchor `{TOP}` is kept for what stands before the first heading",
                "give this heading another `{#anchor}`",
            )
        if any(section.anchor == anchor for section in sections):
            complaints.add(
                part.line,
                f"the anchor `{anchor}` is used twice in this article",
                "give this heading another `{#anchor}`",
            )
        text = "\n".join(part.lines)
        if index == 0:
            links += markdown.links(part.lines, body_line)
            if text.strip():
                sections.append(Section("", "", markdown.plain(text), body_line))
            continue
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
    return tuple(sections), tuple(links), branch_lines


def _read_step(
    part: markdown.Part,
    anchor: str,
    body_line: int,
    branch_lines: dict[tuple[str, str], int],
    complaints: _Complaints,
) -> tuple[Step, list[markdown.Link]]:
    question: str | None = None
    branches: list[Branch] = []
    links: list[markdown.Link] = []
    kept: list[str] = []
    for offset, line in enumerate(part.lines):
        found = _BRANCH_LINE.match(line)
        targets = list(markdown.links((line,), body_line + offset))
        if found is None:
            kept.append(line)
            links += targets
            continue
        if question is not None:
            complaints.add(
                body_line + offset,
                "the step asks a second question",
                "ask one question per step; make the other a step of its own",
            )
        question = markdown.plain(found["question"])
        for link in targets:
            if not link.target.startswith("#"):
                complaints.add(
                    link.line,
                    f"the branch `{link.label}` leaves the procedure",
                    "name a step of this article; put other links into the text",
                )
                continue
            branches.append(Branch(link.label, link.target[1:]))
            branch_lines[anchor, link.label] = link.line
    text = markdown.plain("\n".join(kept))
    before, mark, after = ("\n" + text).partition("\n" + _LOOK_FOR)
    look_for, _, rest = after.partition("\n\n")
    instruction = "\n\n".join(filter(None, (before.strip(), rest.strip())))
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


def _check_together(read: Sequence[_Read]) -> Iterator[Problem]:
    """What shows only when all articles are known: ids, links, procedures, values, questions."""
    asked: dict[tuple[str, str], _Read] = {}
    by_id: dict[str, _Read] = {}
    stated: dict[str, tuple[int, _Read]] = {}
    for one in read:
        if (first := by_id.setdefault(one.article.id, one)) is not one:
            yield Problem(
                one.file,
                one.keys.get("id", 1),
                f"the id `{one.article.id}` is taken by {first.file}",
                "give this article an id of its own",
            )
        for key, value in one.article.states.items():
            said, other = stated.setdefault(key, (value, one))
            if said != value:
                yield Problem(
                    one.file,
                    one.keys.get("states", 1),
                    f"says `{key}` is {value}, but {other.file} says {said}",
                    "find out which is right and correct the other, in its text too",
                )
        for question in dict.fromkeys(q for qs in one.article.questions.values() for q in qs):
            for product in one.article.products:
                other = asked.setdefault((product, " ".join(question.casefold().split())), one)
                if other is not one:
                    yield Problem(
                        one.file,
                        one.keys.get("questions", 1),
                        f"the question `{question}` stands in {other.file} too",
                        "keep it in the article that answers it",
                    )
    for one in read:
        yield from _check_links(one, by_id)
        if one.article.kind == "procedure":
            yield from check_procedure(one.article, one.file, one.branch_lines)


def _check_links(one: _Read, by_id: Mapping[str, _Read]) -> Iterator[Problem]:
    for link in one.links:
        if re.match(r"(https|mailto|tel):", link.target):
            continue
        found = _ARTICLE_LINK.fullmatch(link.target)
        if found is None or link.target in ("", "#"):
            yield Problem(
                one.file,
                link.line,
                f"`{link.target}` cannot be followed",
                "link to `#anchor`, `article-id#anchor` or an https address",
            )
            continue
        goal = by_id.get(found["id"]) if found["id"] else one
        if goal is None:
            yield Problem(
                one.file,
                link.line,
                f"there is no article `{found['id']}`",
                "correct the id or remove the link",
            )
        elif found["anchor"] and goal.article.section(found["anchor"]) is None:
            yield Problem(
                one.file,
                link.line,
                f"`{goal.article.id}` has no section `{found['anchor']}`",
                "correct the anchor or add `{#" + found["anchor"] + "}` to a heading",
            )


def _yaml_line(error: Exception) -> int:
    mark = getattr(error, "problem_mark", None)
    return int(mark.line) + 1 if mark is not None else 1


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _as_date(value: Any) -> date | None:
    return value if isinstance(value, date) and not isinstance(value, datetime) else None


def _as_states(value: Any) -> dict[str, int]:
    return (
        {str(k): v for k, v in value.items() if isinstance(v, int)}
        if (isinstance(value, dict))
        else {}
    )
