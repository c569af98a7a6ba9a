"""Finding interpreters that work, and making an environment only when that is needed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from operate import environments
from operate.environments import APP_PYTHONS, RASA_PYTHONS, Python, find_python, is_current, main
from operate.steps import ROOT


def _program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def _pretend(path: Path, version: str) -> Path:
    return _program(path, f'echo "{version} cpython {path}"')


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which nothing is found but what the test puts into `bin` and `home`."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PYENV_ROOT", raising=False)
    monkeypatch.setattr(environments, "ROOT", tmp_path / "project")
    monkeypatch.setattr(sys, "executable", str(_pretend(tmp_path / "own" / "python", "3 9 2")))
    return tmp_path


def test_a_name_on_the_path_has_to_run(bare: Path) -> None:
    """pyenv's shims exist for every version and end with an error for most."""
    _program(
        bare / "bin" / "python3.10", "echo 'pyenv: python3.10: command not found' >&2; exit 127"
    )
    real = _pretend(bare / "home" / ".pyenv" / "versions" / "3.10.13" / "bin" / "python", "3 10 13")

    assert find_python(RASA_PYTHONS) == Python(real, (3, 10, 13))


def test_a_name_that_lies_is_not_believed(bare: Path) -> None:
    """What counts is the version the interpreter tells."""
    _pretend(bare / "bin" / "python3.10", "3 12 1")

    assert find_python(RASA_PYTHONS) is None


def test_uv_knows_more_interpreters(bare: Path) -> None:
    """`uv python install 3.10` puts it where no path leads."""
    managed = _pretend(bare / "managed" / "python3.10", "3 10 16")
    _program(bare / "bin" / "uv", f'test "$1 $2" = "python find" && echo {managed}')

    assert find_python(RASA_PYTHONS) == Python(managed, (3, 10, 16))


def test_the_version_the_lists_were_made_for_is_preferred(bare: Path) -> None:
    """Any of three will do; on one of them everything was tested."""
    _pretend(bare / "bin" / "python3.13", "3 13 0")
    _pretend(bare / "bin" / "python3.12", "3 12 1")
    assert find_python(APP_PYTHONS) == Python(bare / "bin" / "python3.12", (3, 12, 1))

    plain = _pretend(bare / "bin" / "python3", "3 11 2")
    assert find_python(APP_PYTHONS) == Python(plain, (3, 11, 2))


def test_what_is_missing_is_said_before_anything_is_installed(
    bare: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody should wait ten minutes for the sentence that Python 3.10 is missing."""
    _pretend(bare / "bin" / "python3.11", "3 11 7")
    (bare / "project" / "bot").mkdir(parents=True)

    assert main() == 1

    told = capsys.readouterr()
    assert "uv python install 3.10" in told.err
    assert "pip install uv" in told.err
    assert told.out == ""
    assert not (bare / "project" / ".venvs").exists()


def test_a_changed_list_makes_an_environment_stale(tmp_path: Path) -> None:
    """And an unchanged one does not, nor does touching the file."""
    lock = tmp_path / "requirements.txt"
    lock.write_text("a==1\n")
    home = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
    assert not is_current(home, [lock])

    environments._finish(home, [lock], Python(Path(sys.executable), sys.version_info[:3]))
    assert is_current(home, [lock])
    os.utime(lock)
    assert is_current(home, [lock])
    lock.write_text("a==2\n")
    assert not is_current(home, [lock])


def test_an_environment_whose_python_is_gone_is_stale(tmp_path: Path) -> None:
    """An update of the system removes the interpreter under it."""
    lock = tmp_path / "requirements.txt"
    lock.write_text("a==1\n")
    home = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
    environments._finish(home, [lock], Python(Path(sys.executable), sys.version_info[:3]))
    (home / "bin" / "python").unlink()
    (home / "bin" / "python").symlink_to(tmp_path / "gone")

    assert not is_current(home, [lock])


def test_the_environments_are_what_they_say() -> None:
    """What the rest of the tests ran in: the Rasa and the Python that were decided on."""
    ask = "import sys, importlib.metadata as m; print(*sys.version_info[:2], m.version('rasa'))"
    told = subprocess.run(
        [ROOT / ".venvs" / "rasa" / "bin" / "python", "-c", ask],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.split() == ["3", "10", environments.RASA]
    assert sys.version_info[:2] in APP_PYTHONS
