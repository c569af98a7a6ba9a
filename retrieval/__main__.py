"""Build, ask and measure: `python -m retrieval --help`.

Exit codes: 0 done; 1 refused, with the reasons on standard error; 2 the command line is wrong;
3 `ask` found no answer.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time
from collections.abc import Sequence
from datetime import date, datetime, timezone
from pathlib import Path

from retrieval.articles import load_articles, reference
from retrieval.building import Sources, build
from retrieval.decision import DEFAULT_CALIBRATION, Answer, Clarify
from retrieval.encoder import WEIGHTS_SHA256, OnnxEncoder, export
from retrieval.errors import RetrievalError
from retrieval.evaluation import calibrate, evaluate, load_questions
from retrieval.files import write_json
from retrieval.knowledge_base import KnowledgeBase
from retrieval.releases import load_current, roll_back

_REFUSED, _NO_ANSWER = 1, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    try:
        code: int = options.run(options)
    except RetrievalError as error:
        print(error, file=sys.stderr)
        return _REFUSED
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m retrieval",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--knowledge", type=Path, default=Path("knowledge"), help="folder of articles (%(default)s)"
    )
    parser.add_argument(
        "--index", type=Path, default=Path("var/knowledge"), help="folder of releases (%(default)s)"
    )
    parser.add_argument(
        "--encoder",
        type=Path,
        default=Path("var/encoder"),
        help="folder of the exported encoder (%(default)s)",
    )
    parser.add_argument(
        "--questions",
        type=Path,
        default=Path("evaluation/retrieval"),
        help="folder with tuning.yml and holdout.yml (%(default)s)",
    )
    commands = parser.add_subparsers(required=True, metavar="command")

    def command(name: str, run: object, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(run=run)
        return added

    one = command("export-encoder", _export, "write the encoder's files, checked against the model")
    one.add_argument("--force", action="store_true", help="although they are there and sound")
    command("check", _check, "read all articles and say what is wrong with them")
    one = command("build", _build, "make a release of the articles and serve it")
    one.add_argument("--force", action="store_true", help="although nothing has changed")
    one = command("ask", _ask, "answer a question from the current release")
    one.add_argument("question")
    one.add_argument("--product", help="product or model")
    one.add_argument("--audience", default="customer", choices=("customer", "agent"))
    one = command("calibrate", _calibrate, "fit the shipped calibration on tuning.yml")
    one.add_argument("--to", type=Path, default=DEFAULT_CALIBRATION, help="file (%(default)s)")
    one = command("evaluate", _evaluate, "measure the current release on labelled questions")
    one.add_argument("file", type=Path, nargs="?", help="holdout.yml of --questions")
    one.add_argument("--json", action="store_true", help="as JSON")
    one = command("roll-back", _roll_back, "serve an older release again")
    one.add_argument("release", nargs="?", help="its id; the one before the current")
    return parser


def _export(options: argparse.Namespace) -> int:
    named = os.environ.get("AFTERCARE_ENCODER_MODEL") or None
    sha256 = os.environ.get("AFTERCARE_ENCODER_SHA256") or WEIGHTS_SHA256
    began = time.monotonic()
    print("loading the model, exporting and comparing (about 20 s) ...", flush=True)
    written = export(options.encoder, Path(named) if named else None, sha256, options.force)
    print(
        f"{options.encoder}: "
        + (
            f"written in {time.monotonic() - began:.0f} s"
            if written
            else "sound already, nothing to do"
        )
    )
    return 0


def _check(options: argparse.Namespace) -> int:
    articles = load_articles(options.knowledge, date.today())
    steps = sum(len(article.steps) for article in articles)
    print(f"{len(articles)} articles, {steps} steps: nothing wrong")
    return 0


def _build(options: argparse.Namespace) -> int:
    began = time.monotonic()
    # All cores: nobody waits for an answer from this process.
    encoder = OnnxEncoder.load(options.encoder, threads=os.cpu_count() or 1)
    built = build(
        _sources(options),
        options.index,
        encoder,
        datetime.now(timezone.utc),
        options.force,
        progress=lambda line: print(line, flush=True),
    )
    if built.skipped:
        print(f"release {built.release}: nothing has changed")
        return 0
    print(f"release {built.release}: built in {time.monotonic() - began:.1f} s")
    if measured := built.manifest["measured"]:
        print(
            f"on the hold-out questions: answers {measured['coverage']:.0%} of those it can, "
            f"{measured['wrong_answer_rate']:.1%} of its answers wrong"
        )
    return 0


def _ask(options: argparse.Namespace) -> int:
    base = KnowledgeBase.open(options.index, options.encoder)
    result = base.answer(options.question, options.product, options.audience)
    reason = "" if isinstance(result, Answer) else f" ({result.reason})"
    print(
        f"{type(result).__name__}{reason}, probability {result.probability:.2f}, "
        f"release {result.release}"
    )
    if base.degraded:
        print(f"served from an older release: {base.degraded}")
    for source in result.sources:
        print(
            f"\n{source.score:.2f} = {source.cosine:.2f} cosine, {source.lexical:.2f} words   "
            f"{reference(source.article_id, source.anchor)} ({source.version})\n"
            f"{source.title}" + (f": {source.section_title}" if source.section_title else "")
        )
        if isinstance(result, Answer | Clarify):
            print("    " + source.quote.replace("\n", "\n    "))
    return 0 if isinstance(result, Answer | Clarify) else _NO_ANSWER


def _calibrate(options: argparse.Namespace) -> int:
    encoder = OnnxEncoder.load(options.encoder)
    index = load_current(options.index, encoder.fingerprint).index
    questions = load_questions(_sources(options).tuning, index)
    calibration = calibrate(index, encoder, questions)
    write_json(options.to, calibration.to_json())
    print(f"{options.to}: fitted on {calibration.questions} questions")
    print(evaluate(index, encoder, calibration, questions))
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    encoder = OnnxEncoder.load(options.encoder)
    release = load_current(options.index, encoder.fingerprint)
    file = options.file or _sources(options).holdout
    report = evaluate(
        release.index, encoder, release.calibration, load_questions(file, release.index)
    )
    print(json.dumps(report.to_json(), indent=1) if options.json else f"{file}\n{report}")
    return 0


def _roll_back(options: argparse.Namespace) -> int:
    print(f"serving release {roll_back(options.index, options.release)}")
    return 0


def _sources(options: argparse.Namespace) -> Sources:
    return Sources(
        options.knowledge, options.questions / "tuning.yml", options.questions / "holdout.yml"
    )


if __name__ == "__main__":
    sys.exit(main())
