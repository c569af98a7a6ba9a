"""A release is served whole and unharmed, or not at all."""

from __future__ import annotations

import hashlib
import json
import logging
import random
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from retrieval.building import Sources, build
from retrieval.encoder import HashingEncoder
from retrieval.errors import IndexDamaged
from retrieval.releases import (
    KEPT,
    current_id,
    load_current,
    load_release,
    pointer,
    read_manifest,
    roll_back,
)
from tests.retrieval.conftest import NOW, Write


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "var" / "knowledge"


@pytest.fixture
def two(sources: Sources, target: Path, hashing: HashingEncoder, write: Write) -> tuple[str, str]:
    """Two releases: the second lacks the article about salt and has one about noise."""
    first = build(sources, target, hashing, NOW).release
    (sources.articles / "dishwasher-add-salt.md").unlink()
    write("dishwasher-noise", "## Rattle {#rattle}\nLook at the spray arm.\n")
    second = build(sources, target, hashing, NOW + timedelta(minutes=1)).release
    return first, second


def files_of(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file())


def test_the_manifest_says_what_built_it(
    two: tuple[str, str], target: Path, hashing: HashingEncoder
) -> None:
    folder = target / "releases" / two[1]
    manifest = read_manifest(folder)

    assert manifest["created_at"] == "2026-11-22T12:01:00Z"
    assert manifest["encoder"] == hashing.fingerprint
    assert set(manifest["articles"]) == {
        "dishwasher-does-not-drain",
        "coffee-machine-descale",
        "returns",
        "goodwill",
        "dishwasher-noise",
    }
    assert set(manifest["files"]) == {
        f.relative_to(folder).as_posix() for f in files_of(folder)
    } - {"manifest.json"}
    for name, described in manifest["files"].items():
        assert (folder / name).stat().st_size == described["bytes"]
        assert len(described["sha256"]) == 64
    assert manifest["calibration"]["answer_at"] == 0.8
    assert {"spelling.json", "balance.json", "vectors.faiss"} <= set(manifest["files"])


def test_the_newest_is_served(two: tuple[str, str], target: Path) -> None:
    release = load_current(target)

    assert release.id == two[1] == current_id(target)
    assert release.degraded is None


@pytest.mark.parametrize("damage", ["flip", "truncate", "delete", "grow"])
def test_damage_to_any_file_is_refused(
    two: tuple[str, str], target: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    """FAISS loads most damaged files without a word, and answers wrongly ever after."""
    folder = target / "releases" / two[1]
    sound = target.parent / "sound"
    shutil.copytree(folder, sound)
    dice = random.Random(7)
    names = [file.relative_to(folder) for file in files_of(folder)]
    assert len(names) >= 11
    for name in names:
        content = bytearray((folder / name).read_bytes())
        if damage == "flip":
            content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
        elif damage == "truncate":
            del content[-1]
        elif damage == "grow":
            content += b"\n"
        (folder / name).write_bytes(content)
        if damage == "delete":
            (folder / name).unlink()

        with pytest.raises(IndexDamaged) as refused:
            load_release(folder)
        assert name.name in str(refused.value)
        caplog.clear()
        with caplog.at_level(logging.ERROR):
            release = load_current(target)
        assert release.id == two[0]
        assert release.degraded is not None
        assert name.name in release.degraded
        assert "knowledge release damaged" in caplog.messages
        shutil.copy(sound / name, folder / name)
    assert load_current(target).degraded is None


def test_what_was_deleted_does_not_come_back(
    two: tuple[str, str], target: Path, hashing: HashingEncoder
) -> None:
    """An older release steps in, but without the article that was withdrawn since."""
    (target / "releases" / two[1] / "vectors.faiss").unlink()
    release = load_current(target)

    assert release.id == two[0]
    assert "dishwasher-add-salt" not in release.index.articles
    assert {
        release.index.passages[row].article_id for row in release.index.rows(None, "agent")
    } == {"dishwasher-does-not-drain", "coffee-machine-descale", "returns", "goodwill"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"\xff",
        b'{"release": "../..", "articles": []}',
        b'{"release": "20260101T000000000000Z-0123456789abcdef", "articles": []}',
    ],
)
def test_a_damaged_pointer_is_survived(two: tuple[str, str], target: Path, content: bytes) -> None:
    (target / "current").write_bytes(content)
    release = load_current(target)

    assert release.id == two[1]
    assert release.degraded is not None


def test_nothing_to_serve(tmp_path: Path, two: tuple[str, str], target: Path) -> None:
    with pytest.raises(IndexDamaged, match="nothing was built here"):
        load_current(tmp_path / "empty")
    for name in two:
        (target / "releases" / name / "passages.json").unlink()
    with pytest.raises(IndexDamaged, match=r"passages\.json cannot be read"):
        load_current(target)


def test_another_encoder_is_refused(two: tuple[str, str], target: Path) -> None:
    """Vectors of two encoders compare without an error and mean nothing."""
    with pytest.raises(IndexDamaged, match="another encoder"):
        load_current(target, "other")


def test_a_release_of_another_version_is_refused(two: tuple[str, str], target: Path) -> None:
    folder = target / "releases" / two[1]
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"format": 99}))

    digest = hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()[:16]
    other = folder.rename(folder.with_name(f"20270101T000000000000Z-{digest}"))
    with pytest.raises(IndexDamaged, match="format 99"):
        load_release(other)


def test_old_releases_go(sources: Sources, target: Path, hashing: HashingEncoder) -> None:
    built = [
        build(sources, target, hashing, NOW + timedelta(minutes=n), force=True).release
        for n in range(5)
    ]

    assert sorted(p.name for p in (target / "releases").iterdir()) == built[-KEPT:]


def test_a_failed_write_leaves_nothing(
    two: tuple[str, str],
    target: Path,
    sources: Sources,
    hashing: HashingEncoder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("retrieval.releases.write_json", full)
    with pytest.raises(OSError, match="No space"):
        build(sources, target, hashing, NOW + timedelta(hours=1), force=True)
    assert current_id(target) == two[1]
    assert sorted(p.name for p in (target / "releases").iterdir()) == sorted(two)
    assert load_current(target).degraded is None


def test_rolling_back(two: tuple[str, str], target: Path) -> None:
    before = pointer(target)

    assert roll_back(target) == two[0]
    assert load_current(target).id == two[0]
    assert pointer(target) != before
    with pytest.raises(IndexDamaged, match="no release before"):
        roll_back(target)
    assert roll_back(target, two[1]) == two[1]
    (target / "releases" / two[0] / "articles.json").unlink()
    with pytest.raises(IndexDamaged):
        roll_back(target)
    assert current_id(target) == two[1]
