"""A saved article is served a moment later; a mistake is told, and changes nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from retrieval.building import Sources, build
from retrieval.encoder import HashingEncoder
from retrieval.knowledge_base import KnowledgeBase
from retrieval.releases import current_id, load_current
from retrieval.watching import keep_building
from tests.retrieval.conftest import Write
from tests.retrieval.test_evaluation import QUESTIONS

PATIENCE_SECONDS = 30.0  # for a busy machine; it takes a fraction of a second


class Watcher:
    """`keep_building` in a thread, and what it said."""

    def __init__(self, sources: Sources, target: Path, encoder: HashingEncoder) -> None:
        self.sources, self.target = sources, target
        self.said: list[str] = []
        self.stop = threading.Event()
        self.thread = threading.Thread(
            target=keep_building,
            args=(sources, target, encoder, lambda: datetime.now(UTC), self.said.append, self.stop),
        )
        self.thread.start()
        self.until(lambda: any(line.startswith("watching") for line in self.said))

    def until(self, there: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not there():
            assert self.thread.is_alive(), self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.02)

    def end(self) -> None:
        self.stop.set()
        self.thread.join(PATIENCE_SECONDS)
        assert not self.thread.is_alive()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "var" / "knowledge"


@pytest.fixture
def watcher(sources: Sources, target: Path, hashing: HashingEncoder) -> Iterator[Watcher]:
    sources.tuning.parent.mkdir()
    watcher = Watcher(sources, target, hashing)
    yield watcher
    watcher.end()


def edit(sources: Sources, days: int) -> None:
    file = sources.articles / "returns.md"
    old = load_days(file.read_text())
    file.write_text(
        file.read_text()
        .replace(f"{old} days from", f"{days} days from")
        .replace(f"return_window_days: {old}", f"return_window_days: {days}")
    )


def load_days(text: str) -> int:
    return int(text.partition("return_window_days: ")[2].partition("\n")[0])


def test_a_saved_article_changes_the_answers_of_a_running_knowledge_base(
    watcher: Watcher, target: Path, hashing: HashingEncoder
) -> None:
    base = KnowledgeBase(target, hashing)
    for days in (41, 42):
        edit(watcher.sources, days)

        def changed(days: int = days) -> bool:
            base.reload_if_changed()
            section = base.articles()[-1].section("window")
            return section is not None and f"{days} days" in section.text

        watcher.until(changed)
        found = base.find("how many days to send a product back from delivery")
        assert f"{days} days" in found[0].quote
    watcher.until(lambda: sum("built in" in line for line in watcher.said) >= 3)
    assert load_current(target).manifest["measured"] is None


def test_a_mistake_is_told_and_the_next_good_save_recovers(
    watcher: Watcher, target: Path, write: Write
) -> None:
    before = current_id(target)
    write("broken", products=["toaster"])
    watcher.until(lambda: any("toaster" in line for line in watcher.said))
    refused = watcher.said[-1]
    assert "the release before stays in service" in refused
    assert "broken.md:" in refused
    assert "cure: " in refused
    assert current_id(target) == before

    write("broken", products=["dishwasher"])
    watcher.until(lambda: current_id(target) != before)
    assert "broken" in load_current(target).index.articles


def test_deleted_renamed_and_new_articles_are_noticed(
    watcher: Watcher, target: Path, write: Write
) -> None:
    def served(article: str) -> bool:
        return article in load_current(target).index.articles

    (watcher.sources.articles / "goodwill.md").unlink()
    watcher.until(lambda: not served("goodwill"))
    # As many editors save: another file takes the place of the old one.
    draft = watcher.sources.articles / ".returns.md.swp"
    text = (watcher.sources.articles / "returns.md").read_text()
    draft.write_text(text.replace("id: returns\n", "id: sending-back\n"))
    draft.rename(watcher.sources.articles / "returns.md")
    watcher.until(lambda: served("sending-back") and not served("returns"))
    write("dishwasher-noise", "## Rattle {#rattle}\nLook at the spray arm.\n")
    watcher.until(lambda: served("dishwasher-noise"))


def test_questions_are_watched_too_and_other_files_are_not(watcher: Watcher, target: Path) -> None:
    before = list(watcher.said)
    (watcher.sources.articles / "notes.txt").write_text("x")
    (watcher.sources.tuning.parent / "notes.yml").write_text("x")
    watcher.sources.tuning.write_text("- 7")
    watcher.until(lambda: any("entry 1" in line for line in watcher.said))
    assert len(watcher.said) == len(before) + 1
    watcher.sources.tuning.write_text(QUESTIONS)
    watcher.until(lambda: load_current(target).calibration.questions == 8)


def test_the_next_build_measures_what_the_watcher_did_not(
    sources: Sources, target: Path, hashing: HashingEncoder
) -> None:
    sources.tuning.parent.mkdir()
    sources.holdout.write_text(QUESTIONS)
    now = datetime.now(UTC)
    watched = build(sources, target, hashing, now, measure=False)
    again = build(sources, target, hashing, now, measure=False)
    measured = build(sources, target, hashing, datetime.now(UTC))

    assert watched.manifest["measured"] is None
    assert again.skipped
    assert not measured.skipped
    assert "coverage" in measured.manifest["measured"]
    assert build(sources, target, hashing, datetime.now(UTC)).skipped
    assert build(sources, target, hashing, datetime.now(UTC), measure=False).skipped


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_ends_cleanly(
    sources: Sources, target: Path, encoder_folder: Path, number: signal.Signals
) -> None:
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "retrieval", "--knowledge", str(sources.articles)),
            *("--index", str(target), "--encoder", str(encoder_folder)),
            *("--questions", str(sources.tuning.parent), "watch"),
        ],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("watching"):
                break
        process.send_signal(number)
        rest, _ = process.communicate(timeout=PATIENCE_SECONDS)
    finally:
        process.kill()
    assert process.returncode == 0, "".join(lines) + rest
    assert "Traceback" not in rest
    assert load_current(target).degraded is None
    assert not list((target / "releases").glob(".draft-*"))
