"""The encoder taught this shop's way of speaking, from the articles alone: no labels needed.

The writers of articles note how customers ask for each section. Two of those phrases belong
together, and so do a phrase and the section's heading or text: contrastive learning on such pairs
(van den Oord, Li & Vinyals, 2018; pairs within the batch as each other's negatives, as
all-MiniLM-L6-v2 itself was trained) pulls them together and pushes other sections away. Half of
the batches hold phrases of one product only, whose sections are the ones that are confused.

Two epochs: after four the right section is found more often still, but questions that nothing
answers are told apart less well. Both were chosen on the tuning questions.

Some phrases take no part. By finding their own sections the adapted encoder has to be better than
the one before, with the weights of one byte that will serve, or else it is not kept.

torch and transformers are imported only inside the functions that need them.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from retrieval.articles import Article
from retrieval.encoder import Encoder, OnnxEncoder, read_description
from retrieval.errors import EncoderDamaged, EncoderRefused
from retrieval.export import draft_of, replace_folder, write_encoder
from retrieval.files import sha256_of, write_json
from retrieval.passages import passages

EPOCHS = 2.0
LEAST_PHRASES = 200  # fewer teach the words of a few articles and unteach the rest
LEAST_HELD_OUT = 20  # sections, so that one phrase more or less decides nothing
RANKS = 10  # a section found later than this counts as not found

_BATCH = 48
_LEARNING_RATE = 5e-5
_WEIGHT_DECAY = 0.01
_WARM_UP = 0.1  # of all steps, rising; falling to zero from then on
_SCALE = 20.0  # of cosines before the softmax: a temperature of 1/20
_TOKENS = 48  # of each text while training: phrases have some 12
_ONE_PRODUCT = 0.5  # of the batches
_PHRASE_TO_PHRASE = 0.6  # of the pairs; the others are of a phrase and a heading or text
_LEAST_TO_HOLD_OUT = 4  # phrases of a section, of which one takes no part


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a section teaches, and the phrase that it is examined with."""

    product: str
    phrases: tuple[str, ...]  # symptoms and customers' questions
    texts: tuple[str, ...]  # headings, and windows over the text
    held_out: str | None  # a phrase that is not among `phrases`


@dataclass(frozen=True, slots=True)
class Adapted:
    """What an adaptation came to."""

    skipped: bool  # the one that was there is of the same articles and weights
    held_out: int  # phrases that were searched for
    before: float  # mean reciprocal rank, from 0 to 1
    after: float


def adapt(
    articles: Sequence[Article],
    model: Path,
    exported: Path,
    target: Path,
    seed: int = 0,
    epochs: float = EPOCHS,
    progress: Callable[[str], None] = lambda line: None,
    force: bool = False,
) -> Adapted:
    """Train the published model on the articles, and write the encoder if it has become better.

    Always from the published weights, never from an adapted encoder. Takes some minutes on two
    cores, and 1.5 GB.

    Args:
        articles: With customers' questions in them.
        model: The sentence-transformers folder with the published weights, see `find_model`.
        exported: The encoder exported from them, usually `var/encoder`, to compare with.
        target: See `encoder.adapted_folder`. Replaced as a whole; untouched when anything fails.
        seed: Of everything drawn by lot.
        epochs: How often each phrase is seen; 0 leaves the weights as they are.
        progress: Told in one line what is being done.
        force: Train although nothing has changed.

    Raises:
        EncoderDamaged: `exported` is not sound.
        EncoderRefused: The articles hold too few phrases; `exported` is of other weights; or the
            adapted encoder finds the phrases held out no better than the one before.
    """
    lessons = read_lessons(articles)
    _check_enough(lessons, target)
    weights = sha256_of(model / "model.safetensors")
    if read_description(exported).get("weights_sha256") != weights:
        raise EncoderRefused(exported, f"was not made from the weights in {model}")
    fingerprint = _fingerprint(lessons, weights, seed, epochs)
    if not force and (known := _known(target, fingerprint)) is not None:
        return known
    held_out = sum(lesson.held_out is not None for lesson in lessons)
    progress(
        f"{sum(len(lesson.phrases) for lesson in lessons)} phrases of {len(lessons)} sections to "
        f"learn from, {held_out} held out"
    )
    threads = os.cpu_count() or 1
    before = mean_reciprocal_rank(OnnxEncoder.load(exported, threads), lessons)
    progress(f"before: mean reciprocal rank of the held-out phrases {before:.3f}")
    with draft_of(target) as draft, tempfile.TemporaryDirectory() as folder:
        trained = Path(folder) / "model"
        _train(lessons, model, trained, seed, epochs, progress)
        progress("exporting and comparing")
        write_encoder(draft, trained, {"weights_sha256": weights})
        after = mean_reciprocal_rank(OnnxEncoder.load(draft, threads), lessons)
        progress(f"after: mean reciprocal rank of the held-out phrases {after:.3f}")
        if not after > before:
            raise EncoderRefused(
                target,
                f"adapting does not help: mean reciprocal rank {before:.3f} before and "
                f"{after:.3f} after; nothing is changed",
            )
        adapted = Adapted(False, held_out, before, after)
        _note(draft, fingerprint, adapted)
        replace_folder(draft, target)
    return adapted


def read_lessons(articles: Sequence[Article]) -> list[Lesson]:
    """What the sections of the articles teach, those without a phrase left out."""
    lessons = []
    for article in articles:
        headings = {
            ". ".join(filter(None, (article.title, section.title))) for section in article.sections
        }
        phrases: dict[str, dict[str, None]] = {}  # in order, each once
        texts: dict[str, dict[str, None]] = {}
        for passage in passages(article):
            is_phrase = passage.short and passage.text not in {article.title, *headings}
            kept = phrases if is_phrase else texts
            kept.setdefault(passage.anchor, {})[passage.text] = None
        for anchor, found in phrases.items():
            held_out = min(found, key=_digest) if len(found) >= _LEAST_TO_HOLD_OUT else None
            lessons.append(
                Lesson(
                    article.products[0],
                    tuple(phrase for phrase in found if phrase != held_out),
                    tuple(texts.get(anchor, ())),
                    held_out,
                )
            )
    return lessons


def mean_reciprocal_rank(encoder: Encoder, lessons: Sequence[Lesson]) -> float:
    """How early the held-out phrases find the phrases and texts of their own sections.

    A section ranks by the most similar of its passages, among all sections of all products.

    Returns:
        The mean over held-out phrases of 1/rank, 0 for ranks beyond `RANKS`.
    """
    passages_of = [(*lesson.phrases, *lesson.texts) for lesson in lessons]
    asked = [row for row, lesson in enumerate(lessons) if lesson.held_out is not None]
    questions = encoder.encode([lessons[row].held_out or "" for row in asked])
    vectors = encoder.encode([text for texts in passages_of for text in texts])
    begins = np.cumsum([0, *(len(texts) for texts in passages_of[:-1])])
    best = np.maximum.reduceat(questions @ vectors.T, begins, axis=1)  # (asked, sections)
    own = best[np.arange(len(asked)), asked]
    ranks = (best >= own[:, None]).sum(axis=1)
    return float(np.where(ranks <= RANKS, 1 / ranks, 0.0).mean())


def _check_enough(lessons: Sequence[Lesson], target: Path) -> None:
    held_out = sum(lesson.held_out is not None for lesson in lessons)
    phrases = held_out + sum(len(lesson.phrases) for lesson in lessons)
    if phrases < LEAST_PHRASES or held_out < LEAST_HELD_OUT:
        raise EncoderRefused(
            target,
            f"the articles hold {phrases} customers' questions and symptoms, and {held_out} "
            f"sections with at least {_LEAST_TO_HOLD_OUT} of them; adapting needs {LEAST_PHRASES} "
            f"and {LEAST_HELD_OUT}. Write under `questions:` of the articles how customers ask for "
            "each section",
        )


def _batches(
    lessons: Sequence[Lesson], steps: int, dice: random.Random
) -> Iterator[list[tuple[int, str, str]]]:
    """Batches of (section, phrase, what belongs to it)."""
    pairs = [(row, phrase) for row, lesson in enumerate(lessons) for phrase in lesson.phrases]
    by_product: dict[str, list[tuple[int, str]]] = {}
    for row, phrase in pairs:
        by_product.setdefault(lessons[row].product, []).append((row, phrase))
    sizes = [len(known) for known in by_product.values()]
    waiting: list[tuple[int, str]] = []
    for _ in range(steps):
        if dice.random() < _ONE_PRODUCT:
            (known,) = dice.choices(list(by_product.values()), sizes)
            drawn = dice.sample(known, min(_BATCH, len(known)))
        else:
            if len(waiting) < _BATCH:
                waiting += dice.sample(pairs, len(pairs))
            drawn, waiting = waiting[:_BATCH], waiting[_BATCH:]
        batch = []
        for row, phrase in drawn:
            others = [other for other in lessons[row].phrases if other != phrase]
            texts = lessons[row].texts
            to_phrase = bool(others) and (not texts or dice.random() < _PHRASE_TO_PHRASE)
            batch.append((row, phrase, dice.choice(others if to_phrase else texts)))
        yield batch


def _train(
    lessons: Sequence[Lesson],
    model: Path,
    trained: Path,
    seed: int,
    epochs: float,
    progress: Callable[[str], None],
) -> None:
    """Write a copy of the model's folder with trained weights."""
    import torch
    from torch.nn.functional import cross_entropy, normalize
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model, local_files_only=True)
    network = AutoModel.from_pretrained(model, local_files_only=True).train()
    steps = math.ceil(epochs * sum(len(lesson.phrases) for lesson in lessons) / _BATCH)
    rising = max(1.0, _WARM_UP * steps)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=_LEARNING_RATE, weight_decay=_WEIGHT_DECAY
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, (step + 1) / rising) * max(0.0, 1 - step / max(1, steps))
    )

    def encode(texts: list[str]) -> Any:
        tokens = tokenizer(
            texts, padding=True, truncation=True, max_length=_TOKENS, return_tensors="pt"
        )
        hidden = network(**tokens).last_hidden_state
        weights = tokens["attention_mask"].unsqueeze(-1).to(hidden.dtype)
        return normalize((hidden * weights).sum(1) / weights.sum(1), dim=1)

    began = time.monotonic()
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # which numbers are left out of the layers, each step
        batches = _batches(lessons, steps, random.Random(seed))  # noqa: S311  # nothing secret
        for step, batch in enumerate(batches, start=1):
            sections, phrases, positives = (list(part) for part in zip(*batch, strict=True))
            rows = torch.tensor(sections)
            # Another pair of the same section is no negative.
            same = (rows[:, None] == rows[None, :]) & ~torch.eye(len(rows), dtype=torch.bool)
            scores = (encode(phrases) @ encode(positives).T * _SCALE).masked_fill(same, -1e4)
            own = torch.arange(len(rows))
            loss: Any = (cross_entropy(scores, own) + cross_entropy(scores.T, own)) / 2
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            if step % 20 == 0 or step == steps:
                left = (time.monotonic() - began) / step * (steps - step)
                progress(f"step {step} of {steps}, loss {loss.item():.2f}, {left:.0f} s left")
    shutil.copytree(model, trained, ignore=shutil.ignore_patterns("*.safetensors", "*.bin"))
    network.save_pretrained(trained)


def _note(draft: Path, fingerprint: str, adapted: Adapted) -> None:
    """Write into encoder.json what it was adapted from, and how well."""
    described = read_description(draft)
    described["adapted"] = {
        "fingerprint": fingerprint,
        "held_out": adapted.held_out,
        "before": adapted.before,
        "after": adapted.after,
    }
    write_json(draft / "encoder.json", described)


def _known(target: Path, fingerprint: str) -> Adapted | None:
    """What is in `target`, if it is sound and of this fingerprint."""
    if not target.exists():
        return None
    try:
        noted = read_description(target)["adapted"]
        if noted["fingerprint"] != fingerprint:
            return None
        return Adapted(True, noted["held_out"], noted["before"], noted["after"])
    except (EncoderDamaged, KeyError, TypeError):  # to be made anew
        return None


def _fingerprint(lessons: Sequence[Lesson], weights: str, seed: int, epochs: float) -> str:
    """SHA-256 of everything that an adaptation depends on: articles, weights and this code."""
    learnt = json.dumps([asdict(lesson) for lesson in lessons], ensure_ascii=False)
    digest = hashlib.sha256(Path(__file__).read_bytes())
    digest.update(f"\0{weights}\0{seed}\0{epochs}\0{learnt}".encode())
    return digest.hexdigest()


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
