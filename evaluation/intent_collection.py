"""
An intent data set as a collection of frequently asked questions, to measure ranking on.

    python -m evaluation.intent_collection FOLDER TARGET

FOLDER holds `train_5.tsv` and `valid.tsv`, lines of text TAB intent. Each intent becomes a
document: its name the title, its five phrasings the text. The questions are 600 others, drawn with
a seed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

QUESTIONS = 600
SEED = 0


def convert(folder: Path, target: Path) -> tuple[int, int]:
    """Write corpus.jsonl, queries.jsonl and qrels.tsv into `target`, which is made if need be.

    Returns:
        (documents, questions)
    """
    phrasings: dict[str, list[str]] = {}
    for text, intent in _rows(folder / "train_5.tsv"):
        phrasings.setdefault(intent, []).append(text)
    # What is out of scope has no document.
    asked = [row for row in _rows(folder / "valid.tsv") if row[1] in phrasings]
    drawn = np.random.default_rng(SEED).permutation(len(asked))[:QUESTIONS]
    documents = [
        {"id": intent, "title": intent.replace("_", " "), "text": "\n".join(texts)}
        for intent, texts in phrasings.items()
    ]
    questions = [{"id": f"q{i}", "text": asked[at][0]} for i, at in enumerate(drawn)]
    answers = [f"q{i}\t{asked[at][1]}\t1" for i, at in enumerate(drawn)]
    target.mkdir(parents=True, exist_ok=True)
    _write(target / "corpus.jsonl", [_line(document) for document in documents])
    _write(target / "queries.jsonl", [_line(question) for question in questions])
    _write(target / "qrels.tsv", answers)
    return len(documents), len(questions)


def _rows(file: Path) -> list[tuple[str, str]]:
    rows = []
    for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
        columns = line.split("\t")
        if len(columns) != 2:
            raise SystemExit(f"{file}:{number}: is not text TAB intent")
        rows.append((columns[0], columns[1]))
    return rows


def _line(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)


def _write(file: Path, lines: Sequence[str]) -> None:
    file.write_text("".join(f"{line}\n" for line in lines), "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.intent_collection",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("target", type=Path, metavar="TARGET")
    options = parser.parse_args()
    documents, questions = convert(options.folder, options.target)
    print(f"{options.target}: {documents} documents, {questions} questions", file=sys.stderr)


if __name__ == "__main__":
    main()
