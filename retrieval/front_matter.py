"""What stands between the two lines `---`: read as YAML, checked key by key."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import yaml

from retrieval.articles import ALL_PRODUCTS, AUDIENCES, DEFAULT_LANGUAGE, KINDS, Section
from retrieval.errors import Complaints
from retrieval.yaml_text import Loader

STATES = ("return_window_days", "refund_days", "warranty_months")
"""What `states:` may commit to. A misspelt key would contradict nothing, so it is refused."""

REQUIRED = ("id", "title", "kind", "products", "audience", "owner", "review_by")
OPTIONAL = ("symptoms", "states", "questions", "language")
TOP = "top"
"""What `questions:` calls the part before the first heading, as links to the top of a page do."""

ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
LONGEST_TITLE = 120  # characters; it is shown whole as a choice between two articles
_LONGEST_SYMPTOM = 120  # characters; words of customers, not descriptions
_LONGEST_QUESTION = 200  # characters; a customer's question is one sentence
_MOST = 40  # symptoms of an article, questions of a section; more would drown its own words
_TAG = re.compile(r"</?[A-Za-z][^>]*>|<!--")
_LANGUAGE = re.compile(r"[a-z]{2}")


@dataclass(frozen=True, slots=True)
class Front:
    """The values as YAML has them, and where each stands."""

    values: Mapping[Any, Any]
    lines: Mapping[tuple[Any, ...], int]  # ("symptoms",) and, of its second entry, ("symptoms", 1)

    def line(self, *path: Any) -> int:
        """The line of a key or of a list's entry; 1 for one that is missing."""
        return self.lines.get(path, 1)

    def text(self, key: str) -> str:
        return str(self.values.get(key))

    def texts(self, key: str) -> tuple[str, ...]:
        return tuple(map(str, as_list(self.values.get(key))))

    @property
    def review_by(self) -> date | None:
        value = self.values.get("review_by")
        return value if isinstance(value, date) and not isinstance(value, datetime) else None

    @property
    def states(self) -> dict[str, int]:
        value = self.values.get("states")
        found = value.items() if isinstance(value, dict) else ()
        return {str(key): number for key, number in found if isinstance(number, int)}

    @property
    def language(self) -> str:
        return str(self.values.get("language") or DEFAULT_LANGUAGE)


class _Loader(Loader):
    """YAML whose impossible days, as 2027-02-30, stay text instead of ending the reading."""

    def _timestamp(self, node: yaml.ScalarNode) -> Any:
        try:
            return self.construct_yaml_timestamp(node)
        except ValueError:
            return self.construct_scalar(node)


_Loader.add_constructor(  # type: ignore[type-var]  # which knows PyYAML's own loaders only
    "tag:yaml.org,2002:timestamp", _Loader._timestamp
)


def yaml_line(error: Exception) -> int:
    """The line, counted from 1, on which YAML gave up; 1 where it does not say."""
    mark = getattr(error, "problem_mark", None)
    return int(mark.line) + 1 if mark is not None else 1


def read_front(lines: Sequence[str], complaints: Complaints) -> Front | None:
    """The keys of an article, whose first line is the second of the file; None when there are none
    that could be checked."""
    for number, line in enumerate(lines, 2):
        if "\t" in line:
            complaints.add(number, "a tab stands in the front matter", "use spaces instead")
    loader = _Loader("\n".join(lines).expandtabs(2))
    found: dict[tuple[Any, ...], int] = {}
    before = len(complaints)
    try:
        node = loader.get_single_node()
        if node is not None:
            _note_lines(node, (), found, set(), complaints)
        if any(problem.what.endswith("by reference") for problem in complaints[before:]):
            return None
        values = loader.construct_document(node) if node is not None else {}
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        complaints.add(
            yaml_line(error) + 1,
            "the front matter is not YAML",
            "write `key: value` lines; put a value that holds `: ` or `#` in quotes",
        )
        return None
    finally:
        loader.dispose()
    if not isinstance(values, dict):
        complaints.add(2, "the front matter is not a list of keys", "write `key: value` lines")
        return None
    return Front(values, found)


def _note_lines(
    node: yaml.Node,
    path: tuple[Any, ...],
    found: dict[tuple[Any, ...], int],
    seen: set[int],
    complaints: Complaints,
) -> None:
    """The line of each key and entry. YAML itself would let the last of two keys win unseen."""
    if id(node) in seen:  # a node met twice was repeated by `*name`, perhaps within itself
        complaints.add(
            node.start_mark.line + 2, "a value is repeated by reference", "write the value out"
        )
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for index, entry in enumerate(node.value):
            found[(*path, index)] = entry.start_mark.line + 2
            _note_lines(entry, (*path, index), found, seen, complaints)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*path, key.value if isinstance(key, yaml.ScalarNode) else None)
            line = key.start_mark.line + 2
            if here in found:
                complaints.add(line, f"`{here[-1]}` stands here a second time", "keep one of them")
            found.setdefault(here, line)
            _note_lines(value, here, found, seen, complaints)


def check_front(front: Front, names: set[str], today: date, complaints: Complaints) -> None:
    """Everything about the keys but `questions`, which is about the sections too."""
    values = front.values
    for key in REQUIRED:
        value = values.get(key)
        if value in (None, "", []) or (isinstance(value, str) and not value.strip()):
            complaints.add(
                front.line(key), f"`{key}` is missing or empty", f"add `{key}:` with a value"
            )
    for key in values:
        if key not in REQUIRED + OPTIONAL:
            complaints.add(
                front.line(str(key)),
                f"unknown key `{key}`",
                "use one of " + ", ".join(REQUIRED + OPTIONAL),
            )
    _check_texts(front, complaints)
    for key, allowed in (("kind", KINDS), ("audience", AUDIENCES)):
        if values.get(key) and values[key] not in allowed:
            complaints.add(
                front.line(key),
                f"unknown {key} `{values[key]}`",
                "use one of " + ", ".join(allowed),
            )
    _check_products(front, names, complaints)
    _check_symptoms(front, complaints)
    _check_language(front, complaints)
    if values.get("review_by"):
        if (review_by := front.review_by) is None:
            complaints.add(
                front.line("review_by"),
                f"`{values['review_by']}` is not a day",
                "write it as 2027-06-01",
            )
        elif review_by < today:
            complaints.add(
                front.line("review_by"),
                f"should have been reviewed by {review_by}",
                "read the article again, correct it and set a later day",
            )
    _check_states(front, complaints)


def _check_texts(front: Front, complaints: Complaints) -> None:
    for key in ("id", "title", "owner"):
        if front.values.get(key) and not isinstance(front.values[key], str):
            complaints.add(front.line(key), f"`{key}` is not text", "put the value in quotes")
    identity, title = front.values.get("id"), front.values.get("title")
    if isinstance(identity, str) and identity.strip() and not ID.fullmatch(identity):
        complaints.add(
            front.line("id"),
            f"`{identity}` is no id",
            "use small letters, digits and single dashes: `does-not-drain`",
        )
    if not isinstance(title, str):
        return
    if len(title) > LONGEST_TITLE:
        complaints.add(
            front.line("title"),
            f"the title has {len(title)} characters",
            f"say it in at most {LONGEST_TITLE}; put the rest into the text",
        )
    if "\n" in title.strip():
        complaints.add(
            front.line("title"), "the title has more than one line", "write it on one line"
        )
    _check_tag(title, front.line("title"), complaints)


def _check_products(front: Front, names: set[str], complaints: Complaints) -> None:
    line = front.line("products")
    products = as_list(front.values.get("products"))
    _check_list(front, "products", complaints)
    for product in products:
        if product not in names:
            complaints.add(
                line,
                f"unknown product `{product}`",
                "use one of " + ", ".join(sorted(names)) + ", or add it to products.yml",
            )
    for product in _twice(products):
        complaints.add(line, f"the product `{product}` stands here twice", "keep one of them")
    if ALL_PRODUCTS in products and set(map(str, products)) != {ALL_PRODUCTS}:
        complaints.add(
            line,
            f"`{ALL_PRODUCTS}` stands beside other products",
            f"write `products: [{ALL_PRODUCTS}]`, or name the products alone",
        )


def _check_symptoms(front: Front, complaints: Complaints) -> None:
    line = front.line("symptoms")
    symptoms = as_list(front.values.get("symptoms"))
    _check_list(front, "symptoms", complaints)
    if front.values.get("kind") == "procedure" and not front.values.get("symptoms"):
        complaints.add(
            line,
            "a procedure without symptoms is never found",
            "list what customers see or say: `symptoms: [standing water, error E24]`",
        )
    if len(symptoms) > _MOST:
        complaints.add(
            line,
            f"lists {len(symptoms)} symptoms",
            f"keep the {_MOST} that customers say most, or split the article",
        )
    for index, symptom in enumerate(symptoms):
        if not isinstance(symptom, str):
            continue  # said above
        if not symptom.strip() or len(symptom) > _LONGEST_SYMPTOM:
            complaints.add(
                front.line("symptoms", index),
                f"a symptom has {len(symptom.strip())} characters",
                f"write what a customer sees or says, at most {_LONGEST_SYMPTOM}",
            )
        _check_tag(symptom, front.line("symptoms", index), complaints)
    for symptom in _twice(symptoms):
        complaints.add(line, f"the symptom `{symptom}` stands here twice", "keep one of them")


def _check_list(front: Front, key: str, complaints: Complaints) -> None:
    value = front.values.get(key)
    if value and not (isinstance(value, list) and all(isinstance(v, str) for v in value)):
        complaints.add(
            front.line(key),
            f"`{key}` is not a list of texts",
            f"write `{key}: [one, two]`; put numbers, yes and no in quotes",
        )


def _check_language(front: Front, complaints: Complaints) -> None:
    if "language" not in front.values:
        return
    value = front.values["language"]
    if not isinstance(value, str) or not _LANGUAGE.fullmatch(value):
        complaints.add(
            front.line("language"),
            f"`{value}` is no language",
            "write its two small letters, Norwegian in quotes: `en`, `de`, `fr`, `'no'`",
        )


def _check_states(front: Front, complaints: Complaints) -> None:
    line, states = front.line("states"), front.values.get("states")
    if states is None:
        return
    if not isinstance(states, dict):
        complaints.add(
            line, "`states` is not a list of values", "write `states: {return_window_days: 30}`"
        )
        return
    for key, value in states.items():
        if key not in STATES:
            complaints.add(line, f"unknown policy value `{key}`", "use one of " + ", ".join(STATES))
        elif not isinstance(value, int) or isinstance(value, bool) or value <= 0:
            complaints.add(line, f"`{key}` is not a whole number above 0", f"write `{key}: 30`")


def read_questions(
    front: Front, sections: Sequence[Section], complaints: Complaints
) -> dict[str, tuple[str, ...]]:
    """How customers ask, by anchor; `top` is written for the part before the first heading."""
    value = front.values.get("questions")
    if value is None:
        return {}
    if not isinstance(value, dict):
        complaints.add(
            front.line("questions"),
            "`questions` is not a list by anchor",
            "write `questions:` and below it, indented, `filter: [how do I clean the sieve]`",
        )
        return {}
    anchors = {section.anchor or TOP for section in sections}
    found: dict[str, tuple[str, ...]] = {}
    for anchor, asked in value.items():
        line = front.line("questions", str(anchor))
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
            _check_questions(front, anchor, asked, complaints)
            found["" if anchor == TOP else anchor] = tuple(asked)
    return found


def _check_questions(front: Front, anchor: str, asked: list[str], complaints: Complaints) -> None:
    line = front.line("questions", anchor)
    if len(asked) > _MOST:
        complaints.add(
            line,
            f"lists {len(asked)} questions for `{anchor}`",
            f"keep the {_MOST} that differ most in their words",
        )
    for index, one in enumerate(asked):
        at = front.line("questions", anchor, index)
        if not one.strip() or len(one) > _LONGEST_QUESTION:
            complaints.add(
                at,
                f"a question for `{anchor}` has {len(one.strip())} characters",
                f"write what one customer would ask, at most {_LONGEST_QUESTION}",
            )
        _check_tag(one, at, complaints)
    for one in _twice(asked):
        complaints.add(
            line, f"the question `{one}` stands under `{anchor}` twice", "keep one of them"
        )


def _check_tag(text: str, line: int, complaints: Complaints) -> None:
    if tag := _TAG.search(text):
        complaints.add(
            line, f"`{tag[0]}` is HTML", "write it in plain words; channels show plain text"
        )


def _twice(values: Sequence[Any]) -> list[Any]:
    """Texts that stand more than once, in any capitals or spacing; each named once."""
    seen: dict[str, int] = {}
    for value in values:
        if isinstance(value, str) and value.strip():
            key = " ".join(value.casefold().split())
            seen[key] = seen.get(key, 0) + 1
    return [key for key, times in seen.items() if times > 1]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
