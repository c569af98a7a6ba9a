"""From a folder of articles to a release: read, cut, encode, calibrate, measure, store."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from retrieval.article_file import read_catalogue
from retrieval.articles import load_articles
from retrieval.decision import Calibration
from retrieval.encoder import Encoder
from retrieval.errors import IndexDamaged, QuestionsRefused
from retrieval.evaluation import calibrate, evaluate, load_questions
from retrieval.index import Index
from retrieval.release_files import read_manifest
from retrieval.releases import check_release, current_id, write_release
from retrieval.remembering import RememberingEncoder
from retrieval.vectors import FLAT_UP_TO


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a build reads from. Question files may be missing: see `decision`."""

    articles: Path = Path("knowledge")
    tuning: Path = Path("evaluation/retrieval/tuning.yml")
    holdout: Path = Path("evaluation/retrieval/holdout.yml")


@dataclass(frozen=True, slots=True)
class Built:
    """What a build came to."""

    release: str
    skipped: bool  # nothing had changed: `release` is the one there was
    encoded: int  # texts whose vectors were not remembered from the build before
    manifest: dict[str, Any]


def build(
    sources: Sources,
    target: Path,
    encoder: Encoder,
    now: datetime,
    force: bool = False,
    progress: Callable[[str], None] = lambda line: None,
    flat_up_to: int = FLAT_UP_TO,
    measure: bool = True,
) -> Built:
    """Make a release of the articles and serve it, unless nothing has changed.

    Args:
        sources: What to read.
        target: Usually `var/knowledge`.
        encoder: The one that will encode questions. For help centres of up to some 2,000 passages
            the exported one is right for building too: at some 20 ms a passage it has finished by
            the time that torch has been imported.
        now: Aware, UTC. Its day decides which articles are past review.
        force: Build although nothing has changed, and encode every passage again.
        progress: Told in one line what is being done.
        flat_up_to: The most passages that are searched exactly, see `vectors`.
        measure: On the hold-out questions. Left out, the manifest's `measured` is null, and the
            next build that measures does not count as unchanged.

    Raises:
        ArticlesRefused: With every problem; the release before stays in service.
        QuestionsRefused: A file of labelled questions is there but wrong.
    """
    articles = load_articles(sources.articles, now.date())
    progress(f"{len(articles)} articles read")
    fingerprint = _fingerprint(sources, encoder, flat_up_to)
    previous = _previous(target, encoder)
    if previous is not None and not force:
        manifest = read_manifest(target / "releases" / previous)
        unmeasured = measure and manifest["measured"] is None and sources.holdout.exists()
        if manifest["fingerprint"] == fingerprint and not unmeasured:
            return Built(previous, skipped=True, encoded=0, manifest=manifest)
    remembering = RememberingEncoder(encoder, target / "vectors.npz")
    if force:
        remembering.forget()
    index = Index.build(articles, remembering, read_catalogue(sources.articles), flat_up_to)
    progress(f"{len(index.passages)} passages, {remembering.encoded} texts encoded")
    if sources.tuning.exists():
        tuning = load_questions(sources.tuning, index)
        try:
            calibration = calibrate(index, remembering, tuning)
        except ValueError as error:
            raise QuestionsRefused(sources.tuning, f"teaches nothing: {error}") from error
        progress(f"calibrated on {calibration.questions} questions")
    else:
        calibration = Calibration.default()
        progress(f"{sources.tuning} is not there: the shipped calibration is used")
    measured: dict[str, Any] | None = {} if measure else None
    if measure and sources.holdout.exists():
        held_out = load_questions(sources.holdout, index)
        measured = evaluate(index, remembering, calibration, held_out).to_json()
        progress(f"measured on {len(held_out)} questions")
    release = write_release(target, index, calibration, fingerprint, measured, now)
    remembering.save()
    return Built(
        release,
        skipped=False,
        encoded=remembering.encoded,
        manifest=read_manifest(target / "releases" / release),
    )


def _previous(target: Path, encoder: Encoder) -> str | None:
    """The current release, if it is sound: a damaged one is built anew, changed or not."""
    name = current_id(target)
    if name is None:
        return None
    try:
        check_release(target / "releases" / name, encoder.fingerprint)
    except IndexDamaged:
        return None
    return name


def _fingerprint(sources: Sources, encoder: Encoder, flat_up_to: int) -> str:
    """SHA-256 of everything a release depends on: articles, questions, encoder and this code."""
    code = Path(__file__).parent
    files = [
        *sources.articles.rglob("*.md"),
        sources.articles / "products.yml",
        sources.tuning,
        sources.holdout,
        *code.glob("*.py"),
        *code.glob("*.json"),
    ]
    digest = hashlib.sha256(f"{encoder.fingerprint} {flat_up_to}".encode())
    for file in sorted(f for f in files if f.is_file()):
        content = file.read_bytes()
        digest.update(f"\0{file.name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()
