"""What a rebuild does, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from retrieval.building import Sources, build
from retrieval.decision import Calibration
from retrieval.encoder import HashingEncoder, OnnxEncoder
from retrieval.errors import ArticlesRefused, QuestionsRefused
from retrieval.releases import current_id, load_current
from tests.retrieval.conftest import NOW, Write
from tests.retrieval.test_evaluation import QUESTIONS


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "var" / "knowledge"


def test_nothing_changed_nothing_done(
    sources: Sources, target: Path, hashing: HashingEncoder
) -> None:
    first = build(sources, target, hashing, NOW)
    again = build(sources, target, hashing, NOW + timedelta(hours=1))
    forced = build(sources, target, hashing, NOW + timedelta(hours=2), force=True)

    assert (first.skipped, again.skipped, forced.skipped) == (False, True, False)
    assert again.release == first.release != forced.release
    # Besides the passages, the sections that the balance is measured on.
    assert first.encoded == forced.encoded >= first.manifest["passages"]
    assert again.encoded == 0


def test_an_edit_encodes_what_it_changed(
    sources: Sources, target: Path, hashing: HashingEncoder
) -> None:
    class Watched(HashingEncoder):
        def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
            seen.extend(texts)
            return super().encode(texts)

    build(sources, target, hashing, NOW)
    file = sources.articles / "returns.md"
    text = file.read_text().replace("30 days from delivery", "40 days from delivery")
    file.write_text(text.replace("return_window_days: 30", "return_window_days: 40"))
    seen: list[str] = []
    built = build(sources, target, Watched(), NOW + timedelta(minutes=1))

    assert built.encoded == len(seen) > 0
    assert all("40 days from delivery" in text for text in seen)
    index = load_current(target).index
    section = index.articles["returns"].section("window")
    assert section is not None
    assert "40 days" in section.text
    assert not any("30 days from" in passage.text for passage in index.passages)


def test_another_encoder_builds_anew(
    sources: Sources, target: Path, hashing: HashingEncoder
) -> None:
    build(sources, target, hashing, NOW)
    built = build(sources, target, HashingEncoder(128), NOW + timedelta(minutes=1))

    assert not built.skipped
    assert built.encoded >= built.manifest["passages"]


def test_a_damaged_release_is_built_again(
    sources: Sources, target: Path, hashing: HashingEncoder
) -> None:
    """Else "nothing has changed" would keep an installation degraded for ever."""
    first = build(sources, target, hashing, NOW)
    (target / "releases" / first.release / "vectors.faiss").write_bytes(b"")
    built = build(sources, target, hashing, NOW + timedelta(minutes=1))

    assert not built.skipped
    assert built.encoded == 0  # the vectors are remembered beside the releases, not taken from it
    assert load_current(target).degraded is None


def test_damaged_memory_costs_only_time(
    sources: Sources, target: Path, hashing: HashingEncoder
) -> None:
    first = build(sources, target, hashing, NOW)
    remembered = target / "vectors.npz"
    remembered.write_bytes(remembered.read_bytes()[:-100])
    (sources.articles / "goodwill.md").unlink()
    second = build(sources, target, hashing, NOW + timedelta(minutes=1))

    assert first.encoded > second.encoded >= second.manifest["passages"]
    assert load_current(target).degraded is None


def test_what_was_deleted_is_not_remembered(
    sources: Sources, target: Path, hashing: HashingEncoder
) -> None:
    build(sources, target, hashing, NOW)
    before = (target / "vectors.npz").stat().st_size
    file = sources.articles / "dishwasher-add-salt.md"
    text = file.read_text()
    file.unlink()
    build(sources, target, hashing, NOW + timedelta(minutes=1))
    assert (target / "vectors.npz").stat().st_size < before

    file.write_text(text)
    assert build(sources, target, hashing, NOW + timedelta(minutes=2)).encoded > 0


def test_remembered_vectors_give_the_same_index(
    sources: Sources, target: Path, hashing: HashingEncoder
) -> None:
    build(sources, target, hashing, NOW)
    (target / "releases" / str(current_id(target)) / "vectors.faiss").unlink()
    again = build(sources, target, hashing, NOW + timedelta(minutes=1))
    assert again.encoded == 0
    remembered = load_current(target).index
    build(sources, target, hashing, NOW + timedelta(minutes=2), force=True)
    fresh = load_current(target).index

    assert remembered.vectors.serialize() == fresh.vectors.serialize()
    assert remembered.balance == fresh.balance


def test_wrong_articles_change_nothing(
    sources: Sources, target: Path, hashing: HashingEncoder, write: Write
) -> None:
    first = build(sources, target, hashing, NOW)
    write("broken", products=["toaster"])

    with pytest.raises(ArticlesRefused, match="toaster"):
        build(sources, target, hashing, NOW + timedelta(minutes=1))
    assert current_id(target) == first.release


def test_without_questions_the_shipped_calibration_is_used(
    sources: Sources, target: Path, hashing: HashingEncoder
) -> None:
    said: list[str] = []
    build(sources, target, hashing, NOW, progress=said.append)
    release = load_current(target)

    assert release.calibration == Calibration.default()
    assert release.manifest["measured"] == {}
    assert any("shipped calibration" in line for line in said)


def test_with_questions_a_release_is_calibrated_and_measured(
    sources: Sources, target: Path, encoder: OnnxEncoder
) -> None:
    sources.tuning.parent.mkdir()
    for file in (sources.tuning, sources.holdout):
        file.write_text(QUESTIONS)
    built = build(sources, target, encoder, NOW)

    assert load_current(target).calibration.questions == 8
    assert built.manifest["measured"]["recall_at_1"] == 1
    assert {"coverage", "wrong_answer_rate"} <= set(built.manifest["measured"])
    sources.tuning.write_text("- {question: a, product: null, answers: [gone]}")
    with pytest.raises(QuestionsRefused, match="gone"):
        build(sources, target, encoder, NOW + timedelta(minutes=1))
    assert current_id(target) == built.release
