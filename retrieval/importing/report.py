"""What an import did, for a person to read and for a program to count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one article: "new", "updated", "unchanged", "edited here, left alone" ..."""

    id: str
    state: str
    sections: int = 0
    words: int = 0
    why: str = ""  # the loader's words, for one that was refused


@dataclass(frozen=True, slots=True)
class SourceReport:
    """What one file gave."""

    source: str  # below what was named on the command line, which comes first
    articles: tuple[Outcome, ...] = ()
    dropped: Mapping[str, int] = field(default_factory=dict)  # what was left out, how often
    notes: tuple[str, ...] = ()
    refused: str = ""  # why it could not be read; "" when it could

    def __str__(self) -> str:
        if self.refused:
            return f"{self.source}: NOT READ\n    {self.refused}"
        made = [one for one in self.articles if one.state != "refused"]
        states = Counter(one.state for one in self.articles)
        lines = [
            f"{self.source}: {_number(len(made), 'article')}, "
            f"{_number(sum(one.sections for one in made), 'section')}, "
            f"{_number(sum(one.words for one in made), 'word')}"
            + "".join(f"; {count} {state}" for state, count in sorted(states.items()))
        ]
        lines += [f"    left out: {what} ({count})" for what, count in sorted(self.dropped.items())]
        lines += [f"    {note}" for note in self.notes]
        lines += [
            f"    {one.id}: {one.state}" + (f", {one.why}" if one.why else "")
            for one in self.articles
            if one.state not in ("new", "updated", "unchanged")
        ]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, or would do."""

    sources: tuple[SourceReport, ...]
    gone: Mapping[str, str]  # files whose source entry is no more, and what became of them
    other_files: Mapping[str, int]  # files that are no help texts, by their ending
    dry_run: bool

    @property
    def refused(self) -> bool:
        """Whether a source could not be read at all."""
        return any(source.refused for source in self.sources)

    def count(self, state: str) -> int:
        """How many articles ended in a state."""
        return sum(one.state == state for s in self.sources for one in s.articles)

    def __str__(self) -> str:
        lines = [str(source) for source in self.sources]
        lines += [
            f"not looked at: {_number(count, 'file')} ending in `{ending}`"
            for ending, count in sorted(self.other_files.items())
        ]
        lines += [f"{file}: no longer in its source, {what}" for file, what in self.gone.items()]
        states = Counter(one.state for source in self.sources for one in source.articles)
        total = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        lines.append(("would be: " if self.dry_run else "") + (total or "no article was made"))
        return "\n".join(lines)


def _number(count: int, thing: str) -> str:
    return f"{count} {thing}" + ("" if count == 1 else "s")
