"""Build, ask and measure: `python -m retrieval --help`.

Exit codes: 0 done; 1 refused, with the reasons on standard error; 2 the command line is wrong;
3 `ask` found no answer.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import date, datetime, timezone
from pathlib import Path

from retrieval.article_file import examine
from retrieval.articles import AUDIENCES, load_articles, reference
from retrieval.benchmark import benchmark
from retrieval.building import Sources, build
from retrieval.corpus import read_corpus, read_qrels, read_queries
from retrieval.decision import DEFAULT_CALIBRATION, Abstention, Answer, Calibration, Clarify, decide
from retrieval.default_calibration import Collection, fit_default
from retrieval.drawing import draw
from retrieval.encoder import OnnxEncoder, adapted_folder, preferred
from retrieval.errors import ArticlesRefused, CorpusRefused, QuestionsRefused, RetrievalError
from retrieval.evaluation import evaluate, load_questions
from retrieval.export import WEIGHTS_SHA256, export, find_model
from retrieval.files import write_json
from retrieval.index import Index
from retrieval.knowledge_base import KnowledgeBase
from retrieval.ranking import search
from retrieval.releases import load_current, prune, roll_back

_REFUSED, _NO_ANSWER = 1, 3
Result = Answer | Clarify | Abstention


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
        help="folder of the exported encoder (%(default)s); articles and the questions to them use "
        "the adapted one in <folder>-adapted, when there is one",
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
    one = command("adapt", _adapt, "teach the encoder the phrases of the articles, without labels")
    one.add_argument("--force", action="store_true", help="although nothing has changed")
    one.add_argument("--to", type=Path, help="folder to write to; <encoder>-adapted")
    command("check", _check, "read all articles and say what is wrong with them, or soon will be")
    one = command("draw", _draw, "draw procedures as flowcharts, with a page that shows them")
    one.add_argument("articles", nargs="*", metavar="ARTICLE-ID", help="all procedures")
    one.add_argument(
        "--out", type=Path, default=Path("var/procedures"), help="folder (%(default)s)"
    )
    one.add_argument("--format", default="svg", choices=("svg", "mermaid"))
    one = command("build", _build, "make a release of the articles and serve it")
    one.add_argument("--force", action="store_true", help="although nothing has changed")
    command("watch", _watch, "build again whenever an article is saved, until Ctrl-C")
    one = command("ask", _ask, "answer a question from the current release, or from a corpus")
    one.add_argument("question", nargs="?", help="left out: one a line from standard input")
    one.add_argument("--product", help="product or model")
    one.add_argument("--audience", default="customer", choices=AUDIENCES)
    one.add_argument("--json", action="store_true", help="one decision a line, as JSON")
    one.add_argument(
        "--corpus", type=Path, help="corpus.jsonl to answer from instead; implies --json"
    )
    command(
        "calibrate", _calibrate, "build a release that is calibrated on tuning.yml, and say how"
    )
    one = command(
        "fit-default", _fit_default, "fit the calibration for knowledge bases without labels"
    )
    one.add_argument(
        "collections",
        type=Path,
        nargs="+",
        help="folders of corpus.jsonl, queries.jsonl, qrels.tsv",
    )
    one.add_argument("--to", type=Path, default=DEFAULT_CALIBRATION, help="file (%(default)s)")
    one = command("benchmark", _benchmark, "measure ranking and deciding on anybody's documents")
    one.add_argument("--corpus", type=Path, required=True, help='lines {"id", "title", "text"}')
    one.add_argument("--queries", type=Path, required=True, help='lines {"id", "text"}')
    one.add_argument("--qrels", type=Path, required=True, help="question TAB document TAB 1")
    one.add_argument("--no-answer", type=Path, help="questions that no document answers")
    one.add_argument("--json", type=Path, help="file to write everything to")
    one = command("evaluate", _evaluate, "measure the current release on labelled questions")
    one.add_argument("file", type=Path, nargs="?", help="holdout.yml of --questions")
    one.add_argument("--json", action="store_true", help="as JSON")
    one = command("roll-back", _roll_back, "serve an older release again")
    one.add_argument("release", nargs="?", help="its id; the one before the current")
    command("prune", _prune, "remove all releases but the current one, and deleted texts with them")
    one = command("import", _import, "make articles of manuals, exports and pages")
    one.add_argument(
        "sources", type=Path, nargs="+", metavar="SOURCE", help="file, folder or zip archive"
    )
    one.add_argument(
        "--product", required=True, action="append", help="product or model, or `all`; repeatable"
    )
    one.add_argument("--owner", default="support-team", help="who answers for them (%(default)s)")
    one.add_argument("--audience", default="customer", choices=AUDIENCES)
    one.add_argument("--review-by", type=date.fromisoformat, help="day, 2027-06-01; in a year")
    one.add_argument("--into", type=Path, help="folder to write to; `imported` in --knowledge")
    one.add_argument("--dry-run", action="store_true", help="say what would be done")
    one.add_argument("--prune", action="store_true", help="remove what left its source")
    return parser


def _export(options: argparse.Namespace) -> int:
    began = time.monotonic()
    print("loading the model, exporting and comparing (about 20 s) ...", flush=True)
    written = export(options.encoder, *_model(), options.force)
    print(
        f"{options.encoder}: "
        + (
            f"written in {time.monotonic() - began:.0f} s"
            if written
            else "sound already, nothing to do"
        )
    )
    return 0


def _model() -> tuple[Path | None, str]:
    """The model to start from, None for the installed one, and the SHA-256 of its weights."""
    named = os.environ.get("AFTERCARE_ENCODER_MODEL")
    sha256 = os.environ.get("AFTERCARE_ENCODER_SHA256")
    return Path(named) if named else None, sha256 or WEIGHTS_SHA256


def _adapt(options: argparse.Namespace) -> int:
    # Imported here: no other command needs it.
    from retrieval.adaptation import adapt

    began = time.monotonic()
    target = options.to or adapted_folder(options.encoder)
    adapted = adapt(
        load_articles(options.knowledge, date.today()),
        find_model(*_model()),
        options.encoder,
        target,
        progress=lambda line: print(line, flush=True),
        force=options.force,
    )
    if adapted.skipped:
        print(f"{target}: made from these articles already, nothing to do")
        return 0
    print(
        f"{target}: written in {time.monotonic() - began:.0f} s\n"
        f"mean reciprocal rank of {adapted.held_out} held-out phrases: {adapted.before:.3f} "
        f"before, {adapted.after:.3f} after"
    )
    if not (tuning := _sources(options).tuning).exists():
        print(
            f"{tuning} is not there: answers will be judged by the shipped calibration, which was "
            "fitted on the encoder before. Write labelled questions into it."
        )
    print("Now read the articles again: make index")
    return 0


def _encoder(options: argparse.Namespace, threads: int = 1) -> OnnxEncoder:
    """The one for this shop's articles and the questions to them."""
    return OnnxEncoder.load(preferred(options.encoder), threads)


def _import(options: argparse.Namespace) -> int:
    # Imported here: no other command needs these libraries.
    from retrieval.importing.importer import Wishes, import_sources

    report = import_sources(
        options.sources,
        options.knowledge,
        options.into or options.knowledge / "imported",
        Wishes(tuple(options.product), options.owner, options.audience, options.review_by),
        date.today(),
        dry_run=options.dry_run,
        prune=options.prune,
    )
    print(report)
    return _REFUSED if report.refused else 0


def _check(options: argparse.Namespace) -> int:
    examined = examine(options.knowledge, date.today())
    for warning in examined.warnings:
        print(f"warning: {warning}")
    if examined.problems:
        raise ArticlesRefused(examined.problems)
    steps = sum(len(article.steps) for article in examined.articles)
    print(
        f"{len(examined.articles)} articles, {steps} steps: nothing wrong"
        + (f", {len(examined.warnings)} warning(s)" if examined.warnings else "")
    )
    return 0


def _draw(options: argparse.Namespace) -> int:
    articles = load_articles(options.knowledge, date.today())
    written = draw(articles, options.articles, options.out, options.format)
    print(f"{len(written) - 1} procedures: open {written[-1]}")
    return 0


def _build(options: argparse.Namespace) -> int:
    began = time.monotonic()
    # All cores: nobody waits for an answer from this process.
    encoder = _encoder(options, threads=os.cpu_count() or 1)
    built = build(
        _sources(options),
        options.index,
        encoder,
        datetime.now(timezone.utc),
        getattr(options, "force", False),  # `calibrate` has no such option
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


def _watch(options: argparse.Namespace) -> int:
    # Imported here: no other command needs the library that waits for changes.
    from retrieval.watching import keep_building

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    if not options.knowledge.is_dir():
        load_articles(options.knowledge, date.today())  # which says what is wrong
    encoder = _encoder(options, threads=os.cpu_count() or 1)
    try:
        keep_building(
            _sources(options),
            options.index,
            encoder,
            lambda: datetime.now(timezone.utc),
            lambda line: print(line, flush=True),
            stop,
        )
    except KeyboardInterrupt:
        print("stopped; the last release stays in service")
    return 0


def _ask(options: argparse.Namespace) -> int:
    answer = _from_corpus(options) if options.corpus is not None else _from_release(options)
    answered = False
    for line in sys.stdin if options.question is None else [options.question]:
        if not line.strip():
            continue
        result = answer(line.strip())
        answered |= isinstance(result, Answer | Clarify)
        if options.json or options.corpus is not None:
            print(json.dumps(_decision(line.strip(), result), ensure_ascii=False), flush=True)
        else:
            _show(result)
    return 0 if answered or options.question is None else _NO_ANSWER


def _from_release(options: argparse.Namespace) -> Callable[[str], Result]:
    base = KnowledgeBase.open(options.index, options.encoder)
    if base.degraded:
        print(f"served from an older release: {base.degraded}", file=sys.stderr)
    return lambda question: base.answer(question, options.product, options.audience)


def _from_corpus(options: argparse.Namespace) -> Callable[[str], Result]:
    encoder = OnnxEncoder.load(options.encoder, threads=os.cpu_count() or 1)
    index = Index.build(read_corpus(options.corpus), encoder)
    calibration = Calibration.default()

    def answer(question: str) -> Result:
        ranked = search(index, encoder, question)
        return decide(index, ranked, question, None, calibration, options.corpus.name)

    return answer


def _decision(question: str, result: Result) -> dict[str, object]:
    """One decision as JSON values."""
    return {
        "question": question,
        "decision": type(result).__name__.lower(),
        "reason": None if isinstance(result, Answer) else result.reason,
        "probability": round(result.probability, 4),
        "sources": [
            {
                "id": source.article_id,
                "title": source.title,
                "section": source.anchor,
                "version": source.version,
                "score": round(source.score, 4),
                "quote": source.quote,
            }
            for source in result.sources
        ],
        "release": result.release,
    }


def _show(result: Result) -> None:
    reason = "" if isinstance(result, Answer) else f" ({result.reason})"
    print(
        f"{type(result).__name__}{reason}, probability {result.probability:.2f}, "
        f"release {result.release}"
    )
    for source in result.sources:
        print(
            f"\n{source.score:.2f} = {source.cosine:.2f} cosine, {source.lexical:.2f} words   "
            f"{reference(source.article_id, source.anchor)} ({source.version})\n"
            f"{source.title}" + (f": {source.section_title}" if source.section_title else "")
        )
        print(f"    fitted: {source.matched}")
        if isinstance(result, Answer | Clarify):
            print("    " + source.quote.replace("\n", "\n    "))


def _calibrate(options: argparse.Namespace) -> int:
    if not (tuning := _sources(options).tuning).exists():
        raise QuestionsRefused(tuning, "is not there; write labelled questions into it")
    _build(options)
    encoder = _encoder(options)
    release = load_current(options.index, encoder.fingerprint)
    print(json.dumps(release.calibration.to_json(), indent=1))
    questions = load_questions(tuning, release.index)
    print(f"{tuning}, which it was fitted on:")
    print(evaluate(release.index, encoder, release.calibration, questions))
    return 0


def _fit_default(options: argparse.Namespace) -> int:
    if len(options.collections) < 2:
        lonely = options.collections[0] / "corpus.jsonl"
        raise CorpusRefused(lonely, 1, "is of the only collection; name at least two")
    collections = []
    for folder in options.collections:
        questions, answers = _labelled(folder / "queries.jsonl", folder / "qrels.tsv")
        known = tuple((text, answers[key]) for key, text in questions.items() if key in answers)
        documents = read_corpus(folder / "corpus.jsonl")
        collections.append(Collection(folder.name, documents, known))
    encoder = OnnxEncoder.load(options.encoder, threads=os.cpu_count() or 1)
    calibration = fit_default(collections, encoder, lambda line: print(line, flush=True))
    write_json(options.to, calibration.to_json())
    print(f"{options.to}: fitted on {calibration.questions} questions")
    return 0


def _benchmark(options: argparse.Namespace) -> int:
    outcome = benchmark(
        read_corpus(options.corpus),
        *_labelled(options.queries, options.qrels),
        read_queries(options.no_answer) if options.no_answer else {},
        OnnxEncoder.load(options.encoder, threads=os.cpu_count() or 1),
        Calibration.default(),
        lambda line: print(line, file=sys.stderr, flush=True),
    )
    print(outcome)
    if options.json:
        write_json(options.json, outcome.to_json())
    return 0


def _labelled(queries: Path, qrels: Path) -> tuple[dict[str, str], dict[str, frozenset[str]]]:
    """Questions, and the documents that answer them, by the questions' ids."""
    questions, answers = read_queries(queries), read_qrels(qrels)
    if answers.keys().isdisjoint(questions):
        raise CorpusRefused(qrels, 1, f"names no question of {queries}; compare their ids")
    return questions, answers


def _evaluate(options: argparse.Namespace) -> int:
    encoder = _encoder(options)
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


def _prune(options: argparse.Namespace) -> int:
    print(f"{len(prune(options.index))} older releases removed")
    return 0


def _sources(options: argparse.Namespace) -> Sources:
    return Sources(
        options.knowledge, options.questions / "tuning.yml", options.questions / "holdout.yml"
    )


if __name__ == "__main__":
    sys.exit(main())
