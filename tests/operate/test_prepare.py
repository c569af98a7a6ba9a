"""What is up to date is not made again, and what is not, is."""

import json
from pathlib import Path

import pytest

from operate import prepare, steps
from operate.settings import Settings
from operate.steps import StepFailed


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny project, whose Pythons only write down what they were asked to do."""
    for folder in ("data/nlu", "bot", "models", "var/encoder", "retrieval"):
        (tmp_path / folder).mkdir(parents=True)
    for file in ("config.yml", "domain.yml", "data/nlu/returns.yml", "bot/turns.py"):
        (tmp_path / file).write_text("one\n")
    for file in (
        "bot/requirements.txt",
        "requirements.txt",
        "retrieval/encoder.py",
        "retrieval/export.py",
    ):
        (tmp_path / file).write_text("one\n")
    (tmp_path / "var/encoder/encoder.json").write_text("{}")
    python = tmp_path / "python"
    python.write_text(
        "#!/bin/sh\n"
        f'echo "$@" >> {tmp_path}/asked.txt\n'
        "for last; do :; done\n"
        f'case "$*" in *train*) touch {tmp_path}/models/$last.tar.gz;; '
        f"*export-encoder*) touch {tmp_path}/var/encoder/model-int8.onnx;; esac\n"
    )
    python.chmod(0o755)
    monkeypatch.setattr(steps, "ROOT", tmp_path)
    monkeypatch.setattr(steps, "LOGS", tmp_path / "var" / "log")
    monkeypatch.setattr(prepare, "ROOT", tmp_path)
    monkeypatch.setattr(prepare, "STAMPS", tmp_path / "var" / "stamps")
    monkeypatch.setattr(prepare, "APP_PYTHON", python)
    monkeypatch.setattr(prepare, "RASA_PYTHON", python)
    monkeypatch.setenv("AFTERCARE_TURN_SECRET", "t" * 40)
    return tmp_path


@pytest.fixture
def settings(project: Path) -> Settings:
    """The settings of that project."""
    return Settings(
        encoder_folder=project / "var" / "encoder", knowledge_folder=project / "var" / "knowledge"
    )


def _asked(project: Path) -> int:
    path = project / "asked.txt"
    return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.mark.parametrize(
    "changed",
    [
        "config.yml",
        "domain.yml",
        "data/nlu/returns.yml",
        "data/nlu/new.yml",
        "bot/turns.py",
        "bot/requirements.txt",
        "var/encoder/encoder.json",
    ],
)
def test_the_bot_learns_again_when_something_changed(
    project: Path, settings: Settings, changed: str
) -> None:
    """Whatever a model depends on; a start with yesterday's model answers from yesterday."""
    prepare.train(settings)
    prepare.train(settings)
    assert _asked(project) == 1

    (project / changed).write_text("two\n")
    prepare.train(settings)

    assert _asked(project) == 2


def test_a_lost_model_is_made_again(project: Path, settings: Settings) -> None:
    """The stamp alone does not answer customers."""
    prepare.train(settings)
    for model in (project / "models").iterdir():
        model.unlink()
    prepare.train(settings)

    assert _asked(project) == 2


def test_a_failed_training_is_not_remembered_as_done(project: Path, settings: Settings) -> None:
    """And its output is shown, for the error is in there."""
    python = project / "python"
    works = python.read_text()
    python.write_text("#!/bin/sh\necho 'domain.yml: line 7 is wrong'\nexit 3\n")
    with pytest.raises(StepFailed) as failed:
        prepare.train(settings)
    assert "domain.yml: line 7 is wrong" in str(failed.value)
    assert "exit code 3" in str(failed.value)
    assert "train.log" in str(failed.value)

    python.write_text(works)
    prepare.train(settings)
    assert _asked(project) == 1


def test_old_models_are_cleared_away(project: Path, settings: Settings) -> None:
    """Each is some megabytes, and every change makes one."""
    for number in range(9):
        (project / "models" / f"20200101-00000{number}.tar.gz").touch()
    prepare.train(settings)

    assert len(list((project / "models").iterdir())) == prepare.KEPT_MODELS


def test_the_encoder_is_written_once(project: Path, settings: Settings) -> None:
    """It takes PyTorch, and so most of the time of a start."""
    prepare.export_encoder(settings)
    prepare.export_encoder(settings)
    assert _asked(project) == 1
    stamp = json.loads((project / "var" / "stamps" / "encoder.json").read_text())
    assert set(stamp) == {"made_from", "at"}

    (project / "var" / "encoder" / "model-int8.onnx").unlink()
    prepare.export_encoder(settings)
    assert _asked(project) == 2
