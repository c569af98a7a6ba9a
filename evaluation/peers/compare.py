"""
Our ranking beside what one would otherwise take: same encoder, same documents, one run.

    python -m evaluation.peers.compare --peers-python PATH DATASET... --json out.json

A dataset is a folder with corpus.jsonl, queries.jsonl and qrels.tsv, see `retrieval.corpus`.
Without --peers-python only our ranking and the plain methods are measured. There are no further
options on purpose: every system has one setting for all datasets.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.corpus import read_corpus, read_qrels, read_queries
from retrieval.export import find_model
from retrieval.files import write_json

ROOT = Path(__file__).parents[2]
OURS = "ours"
PEERS = ("LangChain", "txtai hybrid", "Haystack hybrid")
DEPTHS = (1, 3, 5, 10)
LAST = 10  # place that counts for MRR and nDCG
RESAMPLES = 10_000
SEED = 20_240_601


@dataclass(frozen=True, slots=True)
class Figures:
    """One system on one dataset; shares are 0 to 1."""

    hit: Mapping[int, float]  # by depth: a right document among the first so many
    mrr: float  # at 10
    ndcg: float  # at 10
    build_seconds: float
    ms_p50: float  # of one question


@dataclass(frozen=True, slots=True)
class Lead:
    """By how much one system's MRR@10 is above another's, over resampled questions."""

    difference: float  # of the questions as they are
    low: float  # 2.5 % of the resamples lie below
    high: float  # 2.5 % lie above
    better: float  # share of the resamples in which it is above 0


@dataclass(frozen=True, slots=True)
class Dataset:
    """A folder's documents, and the questions that one of them answers."""

    folder: Path
    texts: Mapping[str, str]  # by document: title and text
    questions: Mapping[str, str]
    answers: Mapping[str, frozenset[str]]  # documents by question


def reciprocal_rank(ranked: Sequence[str], right: frozenset[str]) -> float:
    """1 / the place of the first right document among the first ten, or 0."""
    places = (i for i, name in enumerate(ranked[:LAST], 1) if name in right)
    return next((1 / place for place in places), 0.0)


def ndcg(ranked: Sequence[str], right: frozenset[str]) -> float:
    """Normalised discounted cumulative gain of the first ten, every right document counting one.

    Source: Järvelin and Kekäläinen, ACM TOIS 2002.
    """
    gained = sum(1 / np.log2(i + 1) for i, name in enumerate(ranked[:LAST], 1) if name in right)
    best = sum(1 / np.log2(i + 1) for i in range(1, 1 + min(LAST, len(right))))
    return float(gained / best)


def figures(
    ranked: Mapping[str, Sequence[str]],
    answers: Mapping[str, frozenset[str]],
    build_seconds: float,
    ms_p50: float,
) -> Figures:
    """The means over all questions of `answers`."""
    return Figures(
        hit={
            depth: float(
                np.mean([not right.isdisjoint(ranked[q][:depth]) for q, right in answers.items()])
            )
            for depth in DEPTHS
        },
        mrr=float(np.mean([reciprocal_rank(ranked[q], right) for q, right in answers.items()])),
        ndcg=float(np.mean([ndcg(ranked[q], right) for q, right in answers.items()])),
        build_seconds=build_seconds,
        ms_p50=ms_p50,
    )


def lead(
    differences: Sequence[NDArray[np.float64]], resamples: int = RESAMPLES, seed: int = SEED
) -> Lead:
    """The paired bootstrap of the mean over datasets of the mean over questions.

    Args:
        differences: Of each dataset, shape (questions,): one system's measure less the other's.
        resamples: How often each dataset's questions are drawn anew, with replacement.
        seed: The draws depend on it and on the datasets' sizes alone, so every pair of systems
            is compared on the same resamples.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    random = np.random.default_rng(seed)
    means = np.zeros(resamples)
    for one in differences:
        for at in range(resamples):
            means[at] += one[random.integers(len(one), size=len(one))].mean()
    means /= len(differences)
    low, high = np.percentile(means, (2.5, 97.5))
    return Lead(
        difference=float(np.mean([one.mean() for one in differences])),
        low=float(low),
        high=float(high),
        better=float(np.mean(means > 0)),
    )


def read(folder: Path) -> Dataset:
    """A dataset.

    Raises:
        CorpusRefused: One of its files is not of the form.
    """
    answers = read_qrels(folder / "qrels.tsv")
    questions = read_queries(folder / "queries.jsonl")
    return Dataset(
        folder,
        {
            article.id: "\n".join(filter(None, (article.title, article.sections[0].text)))
            for article in read_corpus(folder / "corpus.jsonl")
        },
        {name: text for name, text in questions.items() if answers.get(name)},
        {name: answers[name] for name in questions if answers.get(name)},
    )


def run(dataset: Dataset, system: str, python: str, encoder: Path, model: Path) -> dict[str, Any]:
    """Measure one system in a process of its own, with one thread, as on a busy machine.

    Args:
        dataset: What it searches and is asked.
        system: `ours`, `plain`, or one of `PEERS`.
        python: The interpreter whose environment holds it.
        encoder: Our export of the model, for the first two.
        model: The sentence-transformers folder, for the others.
    """
    request: dict[str, Any] = {"system": system}
    if system in PEERS:
        module = "evaluation.peers.libraries"
        request |= {"texts": dataset.texts, "questions": dataset.questions, "model": str(model)}
    else:
        module = "evaluation.peers.own"
        request |= {"folder": str(dataset.folder.resolve()), "encoder": str(encoder.resolve())}
    threads = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    with tempfile.TemporaryDirectory() as scratch:
        asked, answered = Path(scratch, "request.json"), Path(scratch, "reply.json")
        asked.write_text(json.dumps(request), "utf-8")
        subprocess.run(  # noqa: S603  the interpreter is the caller's own choice
            [python, "-m", module, str(asked), str(answered)],
            cwd=ROOT,
            env=os.environ | threads,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        reply: dict[str, Any] = json.loads(answered.read_text("utf-8"))
    return reply


def table(name: str, rows: Mapping[str, Figures], leads: Mapping[str, Lead]) -> str:
    """One dataset in Markdown."""
    lines = [
        f"### {name}",
        "",
        "| system | hit@1 | @3 | @5 | @10 | MRR@10 | nDCG@10 | build s | ms p50 | ours minus it |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for system, one in rows.items():
        hits = " | ".join(f"{100 * one.hit[depth]:.1f}" for depth in DEPTHS)
        lines.append(
            f"| {system} | {hits} | {one.mrr:.3f} | {one.ndcg:.3f} | {one.build_seconds:.1f} "
            f"| {one.ms_p50:.1f} | {_lead(leads.get(system))} |"
        )
    return "\n".join(lines) + "\n"


def _lead(one: Lead | None) -> str:
    if one is None:
        return ""
    return f"{one.difference:+.3f} ({one.low:+.3f} to {one.high:+.3f}), {one.better:.1%}"


def mean_table(
    mrr: Mapping[str, float], ndcgs: Mapping[str, float], leads: Mapping[str, Lead]
) -> str:
    """The means over all datasets in Markdown."""
    lines = [
        "### Mean over the datasets",
        "",
        "| system | MRR@10 | nDCG@10 | ours minus it in MRR@10 |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {system} | {value:.3f} | {ndcgs[system]:.3f} | {_lead(leads.get(system))} |"
        for system, value in mrr.items()
    ]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print tables, write everything down; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.peers.compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("datasets", type=Path, nargs="+", metavar="DATASET")
    parser.add_argument("--peers-python", help="interpreter of the environment with the peers")
    parser.add_argument(
        "--encoder", type=Path, default=ROOT / "var" / "encoder", help="folder (%(default)s)"
    )
    parser.add_argument("--json", type=Path, help="file to write everything to")
    options = parser.parse_args(arguments)

    model = find_model()
    systems = [(OURS, sys.executable), ("plain", sys.executable)]
    if options.peers_python:
        systems += [(peer, options.peers_python) for peer in PEERS]
    written: dict[str, Any] = {"datasets": {}, "versions": {}, "resamples": RESAMPLES, "seed": SEED}
    measured: dict[str, dict[str, Figures]] = {}
    gaps: dict[str, list[NDArray[np.float64]]] = {}
    for dataset in map(read, options.datasets):
        name = dataset.folder.resolve().name
        results: dict[str, Any] = {}
        for system, python in systems:
            print(f"{name}: {system}", file=sys.stderr, flush=True)
            reply = run(dataset, system, python, options.encoder, model)
            results |= reply["results"]
            written["versions"] |= reply["versions"]
        rows = {
            system: figures(one["ranked"], dataset.answers, one["build_seconds"], one["ms_p50"])
            for system, one in results.items()
        }
        ranks = {
            system: np.array(
                [reciprocal_rank(one["ranked"][q], r) for q, r in dataset.answers.items()]
            )
            for system, one in results.items()
        }
        leads = {}
        for system in results:
            if system != OURS:
                gap = ranks[OURS] - ranks[system]
                gaps.setdefault(system, []).append(gap)
                leads[system] = lead([gap])
        measured[name] = rows
        written["datasets"][name] = {
            "documents": len(dataset.texts),
            "questions": len(dataset.questions),
            "figures": {system: asdict(one) for system, one in rows.items()},
            "leads": {system: asdict(one) for system, one in leads.items()},
            "ranked": {system: one["ranked"] for system, one in results.items()},
        }
        documents, asked = len(dataset.texts), len(dataset.questions)
        print(table(f"{name} ({documents} documents, {asked} questions)", rows, leads), flush=True)
    overall = {system: lead(of_sets) for system, of_sets in gaps.items()}
    every = [OURS, *gaps]
    mrr = {s: float(np.mean([rows[s].mrr for rows in measured.values()])) for s in every}
    ndcgs = {s: float(np.mean([rows[s].ndcg for rows in measured.values()])) for s in every}
    print(mean_table(mrr, ndcgs, overall))
    written["mean"] = {
        "mrr": mrr,
        "ndcg": ndcgs,
        "leads": {system: asdict(one) for system, one in overall.items()},
    }
    if options.json:
        write_json(options.json, written)
    return 0


if __name__ == "__main__":
    sys.exit(main())
