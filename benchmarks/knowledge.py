"""
`make bench-knowledge`: one question, from text to decision, and where its time goes.

The articles of the sample shop are repeated under other product names until there are as many
passages as asked for. The questions are the labelled ones. Everything runs in a process of its own
on one core, as the action server would: KnowledgeBase, the ONNX encoder, no torch.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path

import numpy as np
import psutil

from operate.settings import read_settings
from retrieval.articles import Article, load_articles
from retrieval.decision import Calibration, decide
from retrieval.encoder import OnnxEncoder
from retrieval.evaluation import load_questions
from retrieval.index import Index
from retrieval.knowledge_base import KnowledgeBase
from retrieval.passages import passages
from retrieval.ranking import rank
from retrieval.releases import load_current, write_release
from retrieval.words import terms

ROOT = Path(__file__).parents[1]
ADJECTIVES = (
    "compact",
    "tall",
    "quiet",
    "slim",
    "large",
    "portable",
    "outdoor",
    "office",
    "camping",
)


def articles_for(size: int, articles: tuple[Article, ...]) -> Iterator[Article]:
    """The articles, again and again, each time of another kind of product, until there are `size`
    passages.
    """
    made = 0
    for number in count():
        word = f"{ADJECTIVES[number % len(ADJECTIVES)]} {number // len(ADJECTIVES) or ''}".strip()
        for article in articles:
            if made >= size:
                return
            if number > 0:
                article = replace(
                    article,
                    id=f"{article.id}-{number}",
                    title=f"{word.capitalize()}: {article.title}",
                    questions={
                        anchor: tuple(f"{question} {word}" for question in asked)
                        for anchor, asked in article.questions.items()
                    },
                )
            made += sum(1 for _ in passages(article))
            yield article


def serve(folder: Path, encoder_folder: Path, questions: Path) -> dict[str, float]:
    """Open the knowledge base on one core and ask; milliseconds and megabytes."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    began = time.perf_counter()
    base = KnowledgeBase.open(folder, encoder_folder)
    opened = time.perf_counter() - began
    asked = [question.text for question in load_questions(questions)]
    for text in asked[:20]:
        base.answer(text)
    whole = []
    for text in asked:
        started = time.perf_counter()
        base.answer(text)
        whole.append(time.perf_counter() - started)
    resident = psutil.Process().memory_info().rss / 2**20

    encoder = OnnxEncoder.load(encoder_folder)
    release = load_current(folder, encoder.fingerprint)
    index, calibration = release.index, release.calibration
    encoding, searching, deciding = [], [], []
    for text in asked:
        t0 = time.perf_counter()
        written = index.spelling.mended(text, encoder.words)
        vector = encoder.encode([written])[0]
        t1 = time.perf_counter()
        ranked = rank(index, vector, terms(written), index.rows(None, "customer"))
        t2 = time.perf_counter()
        decide(index, ranked, text, None, calibration, "")
        t3 = time.perf_counter()
        encoding.append(t1 - t0)
        searching.append(t2 - t1)
        deciding.append(t3 - t2)
    total = sum(encoding) + sum(searching) + sum(deciding)
    return {
        "passages": len(index.passages),
        "questions": len(asked),
        "p50_ms": 1000 * float(np.percentile(whole, 50)),
        "p95_ms": 1000 * float(np.percentile(whole, 95)),
        "encoder_share": sum(encoding) / total,
        "search_and_fusion_share": sum(searching) / total,
        "decision_share": sum(deciding) / total,
        "open_seconds": opened,
        "resident_mb": resident,
        "torch_loaded": float("torch" in sys.modules),
    }


def main() -> None:
    """Build the larger collection, then measure in a fresh process."""
    parser = argparse.ArgumentParser(prog="make bench-knowledge", description=__doc__)
    parser.add_argument("--passages", type=int, default=10_000)
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    encoder_folder = read_settings().encoder_folder
    questions = ROOT / "evaluation" / "retrieval" / "tuning.yml"
    if options.serve is not None:
        print(json.dumps(serve(options.serve, encoder_folder, questions)))
        return
    with tempfile.TemporaryDirectory() as folder:
        encoder = OnnxEncoder.load(encoder_folder, threads=os.cpu_count() or 1)
        articles = load_articles(ROOT / "knowledge", date.today())
        print("building ...", file=sys.stderr, flush=True)
        index = Index.build(articles_for(options.passages, articles), encoder)
        now = datetime.now(UTC)
        write_release(Path(folder), index, Calibration.default(), "benchmark", {}, now)
        begun = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.knowledge", "--serve", folder],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
        )
        figures = json.loads(done.stdout)
    figures["whole_process_seconds"] = time.perf_counter() - begun
    for key, value in figures.items():
        print(f"{key.replace('_', ' '):<26}{value:>12.3f}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
