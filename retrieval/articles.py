"""Articles: what the bot may say, one Markdown file each, refused as a whole when one is wrong.

`article_file` describes the form of a file and reads it, `front_matter`, `article_body` and
`article_checks` say what is wrong with it: an article that is served has been read without a
complaint.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

KINDS = ("procedure", "how-to", "policy", "installation", "lesson", "hazard")
AUDIENCES = ("customer", "agent")
ALL_PRODUCTS = "all"
DEFAULT_LANGUAGE = "en"


@dataclass(frozen=True, slots=True)
class Branch:
    """One answer to a step's question, and the anchor of the step it leads to."""

    label: str
    target: str


@dataclass(frozen=True, slots=True)
class Section:
    """What stands under one `##`, or, with an empty anchor, before the first."""

    anchor: str
    title: str  # "" for what stands before the first heading
    text: str  # plain text, see `markdown.plain`; branch lines left out
    line: int  # of the heading in the file


@dataclass(frozen=True, slots=True)
class Step(Section):
    """A section of a procedure: something to do, and what comes after it."""

    instruction: str = ""  # what to do and why, without the part that begins "Look for:"
    look_for: str | None = None  # without the words "Look for:"
    question: str | None = None  # "Does the pump hum?", asked when the step has branches
    branches: tuple[Branch, ...] = ()

    @property
    def is_end(self) -> bool:
        """Whether the procedure is over here: its anchor begins with "end"."""
        return self.anchor.startswith("end")


@dataclass(frozen=True, slots=True)
class Article:
    """One file of the knowledge folder."""

    id: str
    title: str
    kind: str  # one of KINDS
    products: tuple[str, ...]  # products or models; ("all",) for every one
    symptoms: tuple[str, ...]
    audience: str  # one of AUDIENCES
    owner: str
    review_by: date  # the last day on which it may be served
    version: str  # the first 8 hex digits of the SHA-256 of the file
    path: str  # below the knowledge folder, with slashes
    sections: tuple[Section, ...]  # Steps in a procedure, after the section before the first step
    states: Mapping[str, int] = field(default_factory=dict)  # values a policy commits to
    questions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By anchor, how customers ask for what stands there. Searched, never shown."""
    language: str = DEFAULT_LANGUAGE  # two small letters, ISO 639-1

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of a procedure in order, ends among them; () for other kinds."""
        return tuple(section for section in self.sections if isinstance(section, Step))

    def section(self, anchor: str) -> Section | None:
        """The section with that anchor, if there is one; "" is what stands before the first."""
        return next((s for s in self.sections if s.anchor == anchor), None)

    def next_step(self, anchor: str, answer: str | None = None) -> Step | None:
        """Where a procedure goes from a step.

        Args:
            anchor: Of the step just done.
            answer: The label of a branch, in any capitals. Any other answer, or none, leads to
                the next step in order.

        Returns:
            The next step, which may be an end; None after an end.

        Raises:
            KeyError: No step has that anchor.
        """
        steps = self.steps
        index = next((i for i, step in enumerate(steps) if step.anchor == anchor), None)
        if index is None:
            raise KeyError(anchor)
        here = steps[index]
        if here.is_end:
            return None
        for branch in here.branches:
            if answer is not None and branch.label.casefold() == answer.strip().casefold():
                return next(step for step in steps if step.anchor == branch.target)
        return steps[index + 1] if index + 1 < len(steps) else None

    def to_json(self) -> dict[str, Any]:
        """Everything, as JSON values; `from_json` reads it back."""
        return {
            "id": self.id,
            "title": self.title,
            "kind": self.kind,
            "products": list(self.products),
            "symptoms": list(self.symptoms),
            "audience": self.audience,
            "owner": self.owner,
            "review_by": self.review_by.isoformat(),
            "version": self.version,
            "path": self.path,
            "states": dict(self.states),
            "questions": {anchor: list(asked) for anchor, asked in self.questions.items()},
            "language": self.language,
            "sections": [_section_to_json(section) for section in self.sections],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Article:
        """The article that `to_json` wrote."""
        return cls(
            id=value["id"],
            title=value["title"],
            kind=value["kind"],
            products=tuple(value["products"]),
            symptoms=tuple(value["symptoms"]),
            audience=value["audience"],
            owner=value["owner"],
            review_by=date.fromisoformat(value["review_by"]),
            version=value["version"],
            path=value["path"],
            states=dict(value["states"]),
            questions={anchor: tuple(asked) for anchor, asked in value["questions"].items()},
            language=value.get("language", DEFAULT_LANGUAGE),  # older releases do not say
            sections=tuple(_section_from_json(section) for section in value["sections"]),
        )


def reference(article_id: str, anchor: str) -> str:
    """How a section is named in links and labels: `id#anchor`, or `id` before any heading."""
    return f"{article_id}#{anchor}" if anchor else article_id


def stated_values(articles: Sequence[Article]) -> dict[str, int]:
    """The values that articles commit to in `states:`, for comparison with the policy files."""
    return {key: value for article in articles for key, value in article.states.items()}


def load_articles(
    folder: Path, today: date, catalogue: Mapping[str, Sequence[str]] | None = None
) -> tuple[Article, ...]:
    """Read every article below a folder, in the order of their ids.

    Files named README.md are for writers and are not articles; folders whose name begins with a
    dot belong to other programs.

    Args:
        folder: Usually `knowledge/`.
        today: Articles whose `review_by` lies before it are refused.
        catalogue: Models by product; None reads `products.yml` in the folder.

    Raises:
        ArticlesRefused: With every problem of every file.
    """
    from retrieval.article_file import read_folder  # which needs the types above

    return read_folder(folder, today, catalogue)


def _section_to_json(section: Section) -> dict[str, Any]:
    value: dict[str, Any] = {
        "anchor": section.anchor,
        "title": section.title,
        "text": section.text,
        "line": section.line,
    }
    if isinstance(section, Step):
        value["step"] = {
            "instruction": section.instruction,
            "look_for": section.look_for,
            "question": section.question,
            "branches": [[branch.label, branch.target] for branch in section.branches],
        }
    return value


def _section_from_json(value: Mapping[str, Any]) -> Section:
    common = {key: value[key] for key in ("anchor", "title", "text", "line")}
    if (step := value.get("step")) is None:
        return Section(**common)
    return Step(
        **common,
        instruction=step["instruction"],
        look_for=step["look_for"],
        question=step["question"],
        branches=tuple(Branch(label, target) for label, target in step["branches"]),
    )
