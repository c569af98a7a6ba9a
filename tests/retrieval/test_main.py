"""The command line, from an empty folder to an answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from retrieval.__main__ import main
from retrieval.building import Sources
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
    assert run("calibrate", "--to", str(tmp_path / "calibration.json")) == 0
    assert json.loads((tmp_path / "calibration.json").read_text())["questions"] == 8


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
