"""What a rebuild does, and what it leaves alone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

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
    assert first.encoded == first.manifest["passages"] == forced.encoded
    assert again.encoded == 0


def test_an_edit_encodes_what_it_changed(
    sources: Sources, target: Path, hashing: HashingEncoder
) -> None:
    build(sources, target, hashing, NOW)
    file = sources.articles / "returns.md"
    file.write_text(file.read_text().replace("30 days from delivery", "40 days from delivery"))
    built = build(sources, target, hashing, NOW + timedelta(minutes=1))

    assert built.encoded == 1
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
    assert built.encoded == built.manifest["passages"]


def test_a_damaged_release_is_built_again(
    sources: Sources, target: Path, hashing: HashingEncoder
) -> None:
    """Else "nothing has changed" would keep an installation degraded for ever."""
    first = build(sources, target, hashing, NOW)
    (target / "releases" / first.release / "vectors.faiss").write_bytes(b"")
    built = build(sources, target, hashing, NOW + timedelta(minutes=1))

    assert not built.skipped
    assert load_current(target).degraded is None


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
