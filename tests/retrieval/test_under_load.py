"""Questions go on being answered while releases are built, swapped, damaged and rolled back."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from retrieval.building import Sources, build
from retrieval.decision import Abstention, Answer, Clarify
from retrieval.encoder import HashingEncoder
from retrieval.knowledge_base import KnowledgeBase
from retrieval.releases import current_id, roll_back
from tests.retrieval.conftest import NOW

PER_SECOND = 20
QUESTIONS = (
    "how many days to send a product back from delivery",
    "which salt should I use in the dishwasher",
    "water left in the tub",
    "the capital of France",
)

# Another process, as the action server is one: it knows of the releases by the pointer alone.
ASKING = """
import json, sys, time
from pathlib import Path
from retrieval.encoder import HashingEncoder
from retrieval.knowledge_base import KnowledgeBase
folder, per_second, questions = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
base = KnowledgeBase(folder, HashingEncoder())
print("ready", flush=True)
next_at, number = time.monotonic(), 0
while not (folder / "stop").exists():
    base.reload_if_changed()
    result = base.answer(questions[number % len(questions)])
    versions = [[s.article_id, s.version] for s in result.sources]
    print(json.dumps([result.release, versions, base.degraded]), flush=True)
    number += 1
    next_at += 1 / per_second
    time.sleep(max(0, next_at - time.monotonic()))
"""


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "var" / "knowledge"


class Editor:
    """Changes articles and builds, again and again; knows which release says what."""

    def __init__(self, sources: Sources, target: Path) -> None:
        self.sources, self.target, self.encoder = sources, target, HashingEncoder()
        self.versions: dict[str, dict[str, str]] = {}
        self.number = 0
        self.file = sources.articles / "returns.md"
        self.text = self.file.read_text()
        self.build()

    def build(self) -> str:
        days = 30 + self.number
        text = self.text.replace("30 days", f"{days} days")
        self.file.write_text(text.replace("return_window_days: 30", f"return_window_days: {days}"))
        now = NOW + timedelta(minutes=self.number)
        built = build(self.sources, self.target, self.encoder, now)
        self.number += 1
        self.versions[built.release] = built.manifest["articles"]
        return built.release

    def swap_several_times(self, pause: Callable[[], None]) -> None:
        """Six builds and a roll-back, with time to be asked in between."""
        for _ in range(6):
            pause()
            self.build()
        pause()
        roll_back(self.target)
        pause()

    def check(self, release: str, sources: list[tuple[str, str]]) -> None:
        """All sources are of the release that the answer names."""
        known = self.versions[release]
        for article, version in sources:
            assert known[article] == version, (release, article)


def test_every_question_is_answered_while_releases_are_swapped(
    sources: Sources, target: Path
) -> None:
    editor = Editor(sources, target)
    base = KnowledgeBase(target, HashingEncoder())
    stop = threading.Event()
    results: list[Answer | Clarify | Abstention] = []
    faults: list[str] = []
    began = time.monotonic()

    def ask(offset: int) -> None:
        """Four threads, five questions a second each."""
        number = offset
        while not stop.is_set():
            try:
                base.reload_if_changed()
                results.append(base.answer(QUESTIONS[number % len(QUESTIONS)]))
            except Exception as error:
                faults.append(repr(error))
            if base.degraded:
                faults.append(base.degraded)
            number += 1
            due = began + (number - offset) * 4 / PER_SECOND
            stop.wait(max(0.0, due - time.monotonic()))

    threads = [threading.Thread(target=ask, args=(offset,)) for offset in range(4)]
    for thread in threads:
        thread.start()
    try:
        editor.swap_several_times(lambda: time.sleep(0.3))
    finally:
        stop.set()
        for thread in threads:
            thread.join()

    assert faults == []
    assert len(results) > PER_SECOND
    for result in results:
        editor.check(result.release, [(s.article_id, s.version) for s in result.sources])
    assert len({result.release for result in results}) > 1
    base.reload_if_changed()
    assert base.release == current_id(target)


def test_another_process_follows_the_pointer(sources: Sources, target: Path) -> None:
    editor = Editor(sources, target)
    command = [sys.executable, "-c", ASKING, str(target), str(PER_SECOND), *QUESTIONS]
    errors = (target / "errors.txt").open("w+")
    asking = subprocess.Popen(
        command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, stderr=errors, text=True
    )
    assert asking.stdout is not None
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.extend(iter(asking.stdout.readline, "")))
    reader.start()

    def until(there: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not there() and asking.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)

    try:
        until(lambda: "ready\n" in lines)
        editor.swap_several_times(lambda: time.sleep(0.2))
        last = current_id(target)
        until(lambda: f'["{last}"' in lines[-1])
    finally:
        (target / "stop").touch()
        asking.wait(60)
        reader.join()
        errors.close()

    assert asking.returncode == 0, (target / "errors.txt").read_text()
    answers = [json.loads(line) for line in lines[1:]]
    assert len(answers) > PER_SECOND
    for release, said, degraded in answers:
        assert degraded is None
        editor.check(release, said)
    assert len({release for release, _, _ in answers}) > 1
    assert answers[-1][0] == last


def test_a_question_that_is_being_answered_keeps_its_release(
    sources: Sources, target: Path
) -> None:
    """Another release is taken up in the middle of it; the sources are the old one's to the end."""
    editor = Editor(sources, target)
    first = current_id(target)

    class Slow(HashingEncoder):
        def encode(self, texts):  # type: ignore[no-untyped-def]  # as the one it stands for
            if asked.is_set():
                asked.clear()
                editor.build()
                assert base.reload_if_changed()
            return super().encode(texts)

    asked = threading.Event()
    base = KnowledgeBase(target, Slow())
    asked.set()
    result = base.answer(QUESTIONS[0])

    assert result.release == first != base.release
    assert result.sources
    editor.check(result.release, [(s.article_id, s.version) for s in result.sources])
