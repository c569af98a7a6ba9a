"""Our ranking, and the plain methods that it has to be better than, on our own parts.

Run by `evaluation.peers.compare`, in a process of its own: `own.py REQUEST REPLY`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.articles import Article
from retrieval.benchmark import benchmark
from retrieval.corpus import read_corpus, read_qrels, read_queries
from retrieval.decision import Calibration
from retrieval.encoder import OnnxEncoder
from retrieval.lexical import Lexical
from retrieval.passages import passages
from retrieval.words import terms

RRF_K = 60  # Cormack, Clarke and Büttcher, SIGIR 2009
FIRST = 10  # documents that count

Scores = NDArray[np.float32]  # of the documents, shape (documents,); 0 or less: not found


def reciprocal_rank_fusion(rankings: Sequence[Sequence[str]], k: int = RRF_K) -> list[str]:
    """Every document by the sum of 1 / (k + its place), best first; equal ones as first met."""
    totals: dict[str, float] = {}
    for ranking in rankings:
        for place, name in enumerate(ranking, 1):
            totals[name] = totals.get(name, 0.0) + 1 / (k + place)
    return sorted(totals, key=lambda name: -totals[name])


def ours(folder: Path, encoder: OnnxEncoder) -> dict[str, Any]:
    """The shipped way with the shipped settings."""
    outcome = benchmark(
        read_corpus(folder / "corpus.jsonl"),
        read_queries(folder / "queries.jsonl"),
        read_qrels(folder / "qrels.tsv"),
        {},
        encoder,
        Calibration.default(),
    )
    return {
        "ranked": {name: list(found) for name, found in outcome.ranked.items()},
        "build_seconds": outcome.build_seconds,
        "ms_p50": outcome.ms_p50,
    }


def plain(folder: Path, encoder: OnnxEncoder) -> dict[str, dict[str, Any]]:
    """BM25, the encoder and their fusion over our passages, and the first two over documents."""
    documents = read_corpus(folder / "corpus.jsonl")
    questions = _asked(folder)
    ids = [document.id for document in documents]
    results = {}
    for unit, cut in (("our passages", _passages), ("documents", _documents)):
        texts, owners = cut(documents)
        begins = np.flatnonzero(np.r_[True, owners[1:] != owners[:-1]])
        began = time.perf_counter()
        words = Lexical.build(texts)
        words_seconds = time.perf_counter() - began
        vectors = encoder.encode(texts)
        meaning_seconds = time.perf_counter() - began - words_seconds

        # As defaults, because a closure would see the loop's last values.
        def by_words(
            question: str, words: Lexical = words, begins: NDArray[np.intp] = begins
        ) -> list[str]:
            best = np.maximum.reduceat(words.scores(terms(question)), begins)
            return [ids[at] for at in np.argsort(-best, kind="stable") if best[at] > 0]

        def by_meaning(
            question: str, vectors: Scores = vectors, begins: NDArray[np.intp] = begins
        ) -> list[str]:
            best = np.maximum.reduceat(vectors @ encoder.encode([question])[0], begins)
            return [ids[at] for at in np.argsort(-best, kind="stable")]

        def fused(
            question: str,
            words: Callable[[str], list[str]] = by_words,
            meaning: Callable[[str], list[str]] = by_meaning,
        ) -> list[str]:
            return reciprocal_rank_fusion([meaning(question), words(question)])

        results[f"BM25, {unit}"] = _put(questions, by_words, words_seconds)
        results[f"MiniLM, {unit}"] = _put(questions, by_meaning, meaning_seconds)
        if unit == "our passages":
            both = words_seconds + meaning_seconds
            results[f"RRF of both, {unit}"] = _put(questions, fused, both)
    return results


def _passages(documents: Sequence[Article]) -> tuple[list[str], NDArray[np.intp]]:
    texts, owners = [], []
    for number, document in enumerate(documents):
        for passage in passages(document):
            texts.append(passage.text)
            owners.append(number)
    return texts, np.array(owners)


def _documents(documents: Sequence[Article]) -> tuple[list[str], NDArray[np.intp]]:
    texts = [
        "\n".join(filter(None, (document.title, document.sections[0].text)))
        for document in documents
    ]
    return texts, np.arange(len(texts))


def _asked(folder: Path) -> dict[str, str]:
    answers = read_qrels(folder / "qrels.tsv")
    questions = read_queries(folder / "queries.jsonl")
    return {name: text for name, text in questions.items() if answers.get(name)}


def _put(
    questions: Mapping[str, str], search: Callable[[str], list[str]], build_seconds: float
) -> dict[str, Any]:
    ranked, taken = {}, []
    for name, text in questions.items():
        began = time.perf_counter()
        ranked[name] = search(text)[:FIRST]
        taken.append(1000 * (time.perf_counter() - began))
    return {
        "ranked": ranked,
        "build_seconds": build_seconds,
        "ms_p50": float(np.percentile(taken, 50)),
    }


def main() -> None:
    request = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    folder, encoder = Path(request["folder"]), OnnxEncoder.load(Path(request["encoder"]))
    results = (
        {"ours": ours(folder, encoder)} if request["system"] == "ours" else plain(folder, encoder)
    )
    Path(sys.argv[2]).write_text(json.dumps({"results": results, "versions": {}}), "utf-8")


if __name__ == "__main__":
    main()
