"""Help texts from elsewhere made into articles, again and again, without undoing a writer's work.

`imported.json` in the target folder remembers what was written from which entry of which source. A
file that differs from it was edited here and is left alone; so is one that was moved or deleted.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from retrieval.article_file import examine, read_catalogue
from retrieval.articles import ALL_PRODUCTS
from retrieval.errors import ImportRefused, Problem
from retrieval.files import write_bytes, write_json
from retrieval.importing.conversion import MOST_ENTRIES
from retrieval.importing.cutting import Draft, cut, identity, render, slug, unique
from retrieval.importing.process import SECONDS_PER_FILE, Converter
from retrieval.importing.report import ImportReport, Outcome, SourceReport
from retrieval.importing.sources import Reading

MANIFEST = "imported.json"
_REVIEW_AFTER = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the importing person says about all articles."""

    products: tuple[str, ...]  # as `products:` of an article
    owner: str = "support-team"
    audience: str = "customer"
    review_by: date | None = None  # None: in a year, and on a later import as it was then


@dataclass(frozen=True, slots=True)
class _Entry:
    """A line of the manifest."""

    root: str  # the file or folder that was named
    source: str
    entry: str
    id: str
    sha256: str
    review_by: str

    @property
    def key(self) -> tuple[str, str]:
        return self.source, self.entry


@dataclass(slots=True)
class _Planned:
    """An article about to be written."""

    root: str
    source: str
    draft: Draft
    id: str
    content: bytes
    review_by: date
    state: str
    why: str = ""

    @property
    def file(self) -> str:
        return f"{self.id}.md"


def import_sources(
    sources: Sequence[Path],
    knowledge: Path,
    into: Path,
    wishes: Wishes,
    today: date,
    dry_run: bool = False,
    prune: bool = False,
    seconds: float = SECONDS_PER_FILE,
) -> ImportReport:
    """Make articles of files, folders and zip archives.

    Args:
        sources: What to import. A source is known by its name: under the same name it is a newer
            version of what was imported before.
        knowledge: With `products.yml`, and all articles, none of which may be broken by new ones.
        into: The folder to write to, inside `knowledge` or apart from it.
        wishes: What is the same for all articles.
        today: For `review_by`.
        dry_run: Write nothing.
        prune: Remove articles whose source entry is no more, if nobody has edited them.
        seconds: What reading one file may take.

    Raises:
        ImportRefused: Nothing can be imported this way; a file that cannot be read is reported.
        ArticlesRefused: `products.yml` cannot be read.
    """
    catalogue = read_catalogue(knowledge)
    _check(sources, knowledge, wishes, catalogue, today)
    place = knowledge if into.resolve().is_relative_to(knowledge.resolve()) else into
    manifest = _read_manifest(into / MANIFEST)
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="import-")))
        converter = stack.enter_context(Converter(seconds))
        reading = Reading(into, scratch / "unpacked")
        for source in sources:
            reading.collect(source)
        reports, drafts = _read_all(reading, converter)
        planned = _plan(drafts, manifest, place, into, wishes, catalogue, today)
        roots = {source.name for source in sources}
        unread = {name for name, report in reports.items() if report.refused}
        gone = _gone(planned, manifest, into, roots, unread, prune)
        if planned or gone:
            _check_by_loader(planned, gone, place, into, catalogue, today, scratch / "checked")
    if not dry_run:
        _write(planned, gone, manifest, into)
    outcomes = {
        name: SourceReport(
            name,
            tuple(_outcome(one) for one in planned if one.source == name),
            dict(+report.dropped) if isinstance(report.dropped, Counter) else report.dropped,
            report.notes,
            report.refused,
        )
        for name, report in reports.items()
    }
    return ImportReport(tuple(outcomes.values()), gone, dict(reading.other), dry_run)


def _check(
    sources: Sequence[Path],
    knowledge: Path,
    wishes: Wishes,
    catalogue: Mapping[str, Sequence[str]],
    today: date,
) -> None:
    if not knowledge.is_dir():
        raise ImportRefused(knowledge, "is not a folder", "name the knowledge folder")
    known = {
        ALL_PRODUCTS,
        *catalogue,
        *(model for models in catalogue.values() for model in models),
    }
    for product in wishes.products:
        if product not in known:
            raise ImportRefused(
                knowledge / "products.yml",
                f"does not name the product `{product}`",
                "use one of " + ", ".join(sorted(known)) + ", or add it",
            )
    if wishes.review_by is not None and wishes.review_by < today:
        raise ImportRefused(
            knowledge, f"articles to be reviewed by {wishes.review_by} are over", "name a later day"
        )
    names = Counter(source.name for source in sources)
    for source in sources:
        if names[source.name] > 1:
            raise ImportRefused(
                source, "has the name of another source", "rename one, or import them in two runs"
            )


def _read_all(
    reading: Reading, converter: Converter
) -> tuple[dict[str, SourceReport], list[tuple[str, str, Draft, bool]]]:
    """A report for each file without its articles, and these: root, source, draft, alone."""
    reports: dict[str, SourceReport] = {
        name: SourceReport(name, refused=why) for name, why in reading.refused.items()
    }
    drafts: list[tuple[str, str, Draft, bool]] = []
    texts: set[str] = set()
    for root, name, file in reading.files:
        try:
            converted = converter.convert(file)
        except ImportRefused as error:
            reports[name] = SourceReport(name, refused=f"{error.what}; {error.cure}")
            continue
        dropped = converted.dropped
        found: list[Draft] = []
        for document in converted.documents:
            for draft in cut(document, _stem(name).replace("-", " ").replace("_", " "), dropped):
                text = repr([" ".join(b.text.split()) for _, blocks in draft.parts for b in blocks])
                if text in texts and not draft.own:
                    dropped["texts that are imported already"] += 1
                else:
                    texts.add(text)
                    found.append(draft)
        if len(found) > MOST_ENTRIES:
            why = f"makes {len(found)} articles, more than {MOST_ENTRIES}; split it"
            reports[name] = SourceReport(name, refused=why)
            continue
        notes = () if found else ("nothing in it makes an article",)
        reports[name] = SourceReport(name, dropped=dropped, notes=notes)
        alone = len(converted.documents) == 1 and len(found) == 1 and not found[0].entry
        drafts += [(root, name, draft, alone) for draft in found]
    return reports, drafts


def _stem(name: str) -> str:
    """What a file is called without folder and ending; an index has the name of its folder."""
    path = Path(name)
    return path.parent.name if path.stem.lower() == "index" and path.parent.name else path.stem


def _plan(
    drafts: Sequence[tuple[str, str, Draft, bool]],
    manifest: Mapping[tuple[str, str], _Entry],
    place: Path,
    into: Path,
    wishes: Wishes,
    catalogue: Mapping[str, Sequence[str]],
    today: date,
) -> list[_Planned]:
    there = _articles_there(place)
    ours = {entry.id: into / f"{entry.id}.md" for entry in manifest.values()}
    ids = Counter({found for found, _, _ in there} | ours.keys())
    titles = {title for found, title, file in there if ours.get(found) != file}
    planned: list[_Planned] = []
    entries: Counter[tuple[str, str]] = Counter()
    for root, source, draft, alone in drafts:
        entries[source, draft.entry] += 1
        if (times := entries[source, draft.entry]) > 1:
            draft = Draft(
                f"{draft.entry} ({times})", draft.title, draft.parts, draft.product,
                draft.wanted_id, draft.own,
            )  # fmt: skip
        before = manifest.get((source, draft.entry))
        if before is not None:
            article_id = before.id
        elif draft.own:
            article_id = draft.wanted_id
        else:
            article_id = unique(identity(_stem(source), draft, alone), ids)
        title = draft.title
        if title.casefold() in titles:
            title = f"{title} ({_stem(source).replace('-', ' ').replace('_', ' ')})"
        titles.add(title.casefold())
        products = _products(draft.product, wishes, catalogue)
        review_by = wishes.review_by or today + _REVIEW_AFTER
        kept = before is not None and wishes.review_by is None
        earlier = date.fromisoformat(before.review_by) if before and kept else review_by

        def written(
            day: date,
            draft: Draft = draft,
            article_id: str = article_id,
            title: str = title,
            products: Sequence[str] = products,
        ) -> bytes:
            text = draft.own or render(
                draft, article_id, title, products, wishes.audience, wishes.owner, day
            )
            return text.encode("utf-8")

        content = written(earlier)
        if before is not None and _sha256(content) != before.sha256:
            content, earlier = written(review_by), review_by
        one = _Planned(root, source, draft, article_id, content, earlier, "new")
        _set_state(one, before, into, there)
        planned.append(one)
    return planned


def _set_state(
    one: _Planned, before: _Entry | None, into: Path, there: Sequence[tuple[str, str, Path]]
) -> None:
    """Whether the file is to be written, and if not, who has reasons against it."""
    file = into / one.file
    if not re.fullmatch(r"[a-z0-9-]+", one.id):
        one.state, one.why = "refused", "its id is not made of small letters, digits and dashes"
    elif one.id == "readme":
        one.state, one.why = "refused", "readme.md is never read as an article; give it another id"
    elif file.exists():
        found = file.read_bytes()
        if found == one.content:
            one.state = "unchanged"
        elif before is not None and _sha256(found) == before.sha256:
            one.state = "updated"
        elif before is not None:
            one.state = "edited here, left alone"
        else:
            one.state, one.why = "refused", f"{file} is there already and was not imported"
    elif before is not None:
        moved = next((path for found, _, path in there if found == one.id), None)
        one.state = "moved, left alone" if moved else "deleted here, left out"
        one.why = f"now {moved}" if moved else f"take it out of {MANIFEST} to have it again"


def _articles_there(place: Path) -> list[tuple[str, str, Path]]:
    """Ids, titles and files of what looks like an article, readable as a whole or not."""
    found = []
    for file in sorted(place.rglob("*.md")) if place.is_dir() else ():
        text = file.read_text("utf-8", "replace")
        front = {
            key: (match[1].strip().strip("'\"") if match else "")
            for key in ("id", "title")
            for match in [re.search(rf"(?m)^{key}:\s*(.+?)\s*$", text)]
        }
        if text.startswith("---") and front["id"]:
            found.append((front["id"], front["title"].casefold(), file))
    return found


def _products(said: str, wishes: Wishes, catalogue: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """What the source says, where it is in the catalogue, else what the person says."""
    known = {*catalogue, *(model for models in catalogue.values() for model in models)}
    found = next((name for name in sorted(known) if said and slug(name) == slug(said)), None)
    return (found,) if found else wishes.products


def _gone(
    planned: Sequence[_Planned],
    manifest: Mapping[tuple[str, str], _Entry],
    into: Path,
    roots: set[str],
    unread: set[str],
    prune: bool,
) -> dict[str, str]:
    """Files whose entry is no more in a source that was read, and what becomes of each."""
    made = {(one.source, one.draft.entry) for one in planned}
    found: dict[str, str] = {}
    for entry in manifest.values():
        if entry.root not in roots or entry.key in made or not (into / f"{entry.id}.md").exists():
            continue
        if any(entry.source == name or entry.source.startswith(name + "/") for name in unread):
            continue
        edited = _sha256((into / f"{entry.id}.md").read_bytes()) != entry.sha256
        found[f"{entry.id}.md"] = (
            "edited here, left alone"
            if edited
            else "removed"
            if prune
            else "kept; --prune removes it"
        )
    return found


def _check_by_loader(
    planned: Sequence[_Planned],
    gone: dict[str, str],
    place: Path,
    into: Path,
    catalogue: Mapping[str, Sequence[str]],
    today: date,
    copy: Path,
) -> None:
    """Hold back whatever the loader would complain of, in the articles or in those that link there.

    It reads a copy of the folder with everything done, until nothing is wrong that was not before.
    """
    shutil.copytree(place, copy, ignore=_all_but_articles) if place.is_dir() else copy.mkdir()
    target = copy / into.resolve().relative_to(place.resolve())
    target.mkdir(parents=True, exist_ok=True)
    before = {(p.file, p.what) for p in examine(copy, today, catalogue).problems}
    old = {file.name: file.read_bytes() for file in target.glob("*.md")}
    waiting = {one.file: one for one in planned if one.state in ("new", "updated")}
    for one in waiting.values():
        (target / one.file).write_bytes(one.content)
    for name, what in gone.items():
        if what == "removed":
            (target / name).unlink()

    def at(names: Iterable[str]) -> set[Path]:
        return {target / name for name in names}

    while new := _new_problems(copy, today, catalogue, before):
        changed = [*waiting, *(name for name, what in gone.items() if what == "removed")]
        blamed = {problem.file.name: problem for problem in new if problem.file in at(waiting)}
        if not blamed:  # a writer's article suffers: what is named there is the reason
            blamed = {
                name: problem
                for problem in new
                for name in changed
                if f"`{name[:-3]}`" in problem.what or str(target / name) in problem.what
            }
        if not blamed:
            raise ImportRefused(into, f"would break the articles: {new[0].what}", new[0].cure)
        for name, problem in blamed.items():
            what = problem.what.replace(f"{copy}", f"{place}")
            if name in waiting:
                one = waiting.pop(name)
                one.state = "refused"
                one.why = f"{what} (line {problem.line}); {problem.cure}"
            else:
                gone[name] = f"kept, because otherwise {what}"
            if name in old:
                (target / name).write_bytes(old[name])
            else:
                (target / name).unlink(missing_ok=True)


def _new_problems(
    folder: Path,
    today: date,
    catalogue: Mapping[str, Sequence[str]],
    before: set[tuple[Path, str]],
) -> list[Problem]:
    found = examine(folder, today, catalogue).problems
    return [p for p in found if (p.file, p.what) not in before and p.what != "holds no article"]


def _all_but_articles(folder: str, names: list[str]) -> Iterator[str]:
    return (
        name
        for name in names
        if not (Path(folder) / name).is_dir() and not name.lower().endswith(".md")
    )


def _write(
    planned: Sequence[_Planned],
    gone: Mapping[str, str],
    manifest: Mapping[tuple[str, str], _Entry],
    into: Path,
) -> None:
    """The articles first: what is written and not yet remembered is recognised by its bytes."""
    entries = {
        key: entry
        for key, entry in manifest.items()
        if gone.get(f"{entry.id}.md") not in ("removed",)
    }
    for one in planned:
        if one.state in ("new", "updated"):
            into.mkdir(parents=True, exist_ok=True)
            write_bytes(into / one.file, one.content)
        if one.state in ("new", "updated", "unchanged"):
            entry = _Entry(
                one.root, one.source, one.draft.entry, one.id, _sha256(one.content),
                one.review_by.isoformat(),
            )  # fmt: skip
            entries[entry.key] = entry
    for name, what in gone.items():
        if what == "removed":
            (into / name).unlink()
    if entries or (into / MANIFEST).exists():
        listed: list[dict[str, Any]] = [
            {name: getattr(entries[key], name) for name in _Entry.__dataclass_fields__}
            for key in sorted(entries)
        ]
        if listed != _listed(into / MANIFEST):
            write_json(into / MANIFEST, listed)


def _listed(file: Path) -> Any:
    return json.loads(file.read_text("utf-8")) if file.exists() else []


def _read_manifest(file: Path) -> dict[tuple[str, str], _Entry]:
    try:
        entries = [_Entry(**{str(k): str(v) for k, v in one.items()}) for one in _listed(file)]
    except (ValueError, TypeError, AttributeError) as error:
        raise ImportRefused(
            file, "is not the list that an import writes", "restore it from a back-up"
        ) from error
    return {entry.key: entry for entry in entries}


def _outcome(one: _Planned) -> Outcome:
    sections = len(one.draft.parts)
    if one.draft.own:
        sections = len(re.findall(r"(?m)^## ", one.draft.own))
    return Outcome(one.id, one.state, sections, one.draft.words, one.why)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
