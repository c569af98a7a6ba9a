"""The command line, from an empty folder to an answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest

from retrieval.__main__ import main
from retrieval.building import Sources
from retrieval.decision import Calibration
from retrieval.releases import current_id, load_current
from tests.retrieval.conftest import Write
from tests.retrieval.test_evaluation import QUESTIONS

Run = Callable[..., int]


@pytest.fixture
def run(sources: Sources, tmp_path: Path, encoder_folder: Path) -> Run:
    def run(*arguments: str) -> int:
        return main(
            [
                "--knowledge",
                str(sources.articles),
                "--index",
                str(tmp_path / "index"),
                "--encoder",
                str(encoder_folder),
                "--questions",
                str(tmp_path / "evaluation"),
                *arguments,
            ]
        )

    return run


def test_from_articles_to_an_answer(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check") == 0
    assert "5 articles, 4 steps" in capsys.readouterr().out
    assert run("build") == 0
    assert "passages" in capsys.readouterr().out
    assert run("build") == 0
    assert "nothing has changed" in capsys.readouterr().out
    assert run("ask", "which salt should I use in the dishwasher", "--product", "dishwasher") == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Answer, probability ")
    assert "dishwasher-add-salt#which" in shown
    assert "Use coarse dishwasher salt only" in shown


def test_an_abstention_has_its_own_exit_code(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run("build")
    capsys.readouterr()

    assert run("ask", "error E77") == 3
    shown = capsys.readouterr().out
    assert shown.startswith("Abstention (unknown_code)")
    assert "Standing water" not in shown  # what was considered is named, not quoted


def test_refusals_say_file_line_and_cure(
    run: Run, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write("broken", products=["toaster"])

    for command in ("check", "build"):
        assert run(command) == 1
        shown = capsys.readouterr()
        assert f"{file}:" in shown.err
        assert "cure: use one of" in shown.err
    assert run("ask", "salt") == 1
    assert "python -m retrieval build" in capsys.readouterr().err


def test_measuring(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "evaluation").mkdir()
    for name in ("tuning.yml", "holdout.yml"):
        (tmp_path / "evaluation" / name).write_text(QUESTIONS)
    assert run("build") == 0
    assert "of its answers wrong" in capsys.readouterr().out
    assert run("evaluate") == 0
    assert "wrong answer rate" in capsys.readouterr().out
    assert run("evaluate", "--json", str(tmp_path / "evaluation" / "tuning.yml")) == 0
    assert json.loads(capsys.readouterr().out)["recall_at_1"] == 1.0
    assert run("calibrate") == 0
    shown = capsys.readouterr().out
    assert '"questions": 8' in shown
    assert "wrong answer rate" in shown
    assert "probability   questions" in shown


def test_calibrating_serves_what_it_found(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("build")
    assert run("calibrate") == 1
    assert "tuning.yml: is not there" in capsys.readouterr().err
    before = current_id(tmp_path / "index")
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "evaluation" / "tuning.yml").write_text(QUESTIONS)

    assert run("calibrate") == 0
    assert current_id(tmp_path / "index") != before
    assert load_current(tmp_path / "index").calibration.questions == 8


def test_decisions_as_json(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run("build")
    capsys.readouterr()
    asked = "which salt should I use in the dishwasher"

    assert run("ask", asked, "--product", "dishwasher", "--json") == 0
    (line,) = capsys.readouterr().out.splitlines()
    decision = json.loads(line)
    assert (decision["question"], decision["decision"], decision["reason"]) == (
        asked,
        "answer",
        None,
    )
    assert 0.8 <= decision["probability"] <= 1
    first = decision["sources"][0]
    assert (first["id"], first["section"]) == ("dishwasher-add-salt", "which")
    assert first["title"] == "Add dishwasher salt"
    assert first["quote"].startswith("Use coarse dishwasher salt only")
    assert set(first) == {"id", "title", "section", "version", "score", "quote"}
    assert decision["release"]


def test_questions_from_standard_input(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One decision a line, so that another program can read them as they come."""
    run("build")
    capsys.readouterr()
    monkeypatch.setattr("sys.stdin", StringIO("which salt do I use\n\n  error E77 \n"))

    assert run("ask", "--json") == 0  # although the last one is not answered
    decisions = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["question"] for one in decisions] == ["which salt do I use", "error E77"]
    assert decisions[1]["decision"] == "abstention"
    assert decisions[1]["reason"] == "unknown_code"


@pytest.fixture
def collections(tmp_path: Path) -> list[Path]:
    """Two folders as `fit-default` reads them; the first is what `benchmark` reads, too."""
    folders = []
    for name, things in (
        ("kitchen", ("kettle", "toaster", "blender", "freezer")),
        ("garden", ("mower", "hose", "rake", "ladder")),
    ):
        folder = tmp_path / name
        folder.mkdir()
        corpus = [
            {"id": thing, "title": f"Clean the {thing}", "text": f"Wipe the {thing} with a cloth."}
            for thing in things
        ]
        queries = [{"id": f"q-{thing}", "text": f"how do I clean my {thing}"} for thing in things]
        for file, rows in (("corpus.jsonl", corpus), ("queries.jsonl", queries)):
            (folder / file).write_text("".join(json.dumps(row) + "\n" for row in rows))
        (folder / "qrels.tsv").write_text("".join(f"q-{thing}\t{thing}\t1\n" for thing in things))
        folders.append(folder)
    return folders


def test_a_corpus_is_asked_without_a_release(
    run: Run, collections: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("ask", "clean the toaster", "--corpus", str(collections[0] / "corpus.jsonl")) == 0
    decision = json.loads(capsys.readouterr().out)
    assert decision["sources"][0]["id"] == "toaster"
    assert decision["release"] == "corpus.jsonl"
    assert run("ask", "salt", "--corpus", str(collections[0] / "none.jsonl")) == 1
    assert "none.jsonl:1: cannot be read" in capsys.readouterr().err


def test_benchmarking(
    run: Run, collections: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here, other = collections
    arguments = ["--corpus", here / "corpus.jsonl", "--queries", here / "queries.jsonl"]
    arguments += ["--no-answer", other / "queries.jsonl", "--json", tmp_path / "outcome.json"]
    common = ["benchmark", *map(str, arguments), "--qrels"]

    assert run(*common, str(here / "qrels.tsv")) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("4 documents, ")
    assert "4 documents read, 4 questions with an answer" in shown.err
    outcome = json.loads((tmp_path / "outcome.json").read_text())
    assert outcome["hit"]["1"] == outcome["mrr"] == outcome["ndcg"] == 1
    assert (outcome["questions"], outcome["without_answer"]) == (4, 4)
    assert outcome["ranked"]["q-toaster"][0] == "toaster"

    assert run(*common, str(other / "qrels.tsv")) == 1
    assert "names no question of" in capsys.readouterr().err


def test_fitting_the_default(
    run: Run, collections: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "calibration.json"
    assert run("fit-default", *map(str, collections), "--to", str(file)) == 0
    assert "fitted on 24 questions" in capsys.readouterr().out
    assert Calibration.from_json(json.loads(file.read_text())).questions == 24

    file.unlink()
    assert run("fit-default", str(collections[0]), "--to", str(file)) == 1
    assert "name at least two" in capsys.readouterr().err
    assert not file.exists()


def test_rolling_back(run: Run, capsys: pytest.CaptureFixture[str], write: Write) -> None:
    assert run("roll-back") == 1
    run("build")
    write("dishwasher-noise")
    run("build", "--force")
    capsys.readouterr()
    code = run("roll-back")
    shown = capsys.readouterr()
    assert code == 0, shown.err
    assert shown.out.startswith("serving release ")


def test_the_encoder_is_exported_once(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert run("export-encoder") == 0
    assert "sound already" in capsys.readouterr().out
    monkeypatch.setenv("AFTERCARE_ENCODER_MODEL", str(tmp_path))
    assert run("export-encoder") == 1
    assert "model.safetensors" in capsys.readouterr().err


def test_a_wrong_command_line() -> None:
    with pytest.raises(SystemExit) as ended:
        main(["no-such-command"])
    assert ended.value.code == 2
