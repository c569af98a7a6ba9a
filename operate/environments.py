"""Makes the two Python environments: `python3 -m operate.environments`.

`.venvs/app` (Python 3.11 or later) and `.venvs/rasa` (Python 3.10), each only when what it is
made from has changed. Runs on the system's own Python, 3.8 or later, with nothing installed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from operate.steps import ROOT, StepFailed, run, say, together

UV = "0.13.9"
RASA = "3.6.21"
STAMP = "made-from"  # in an environment's folder: what it was made from
# requirements.txt resolves to the same packages on these. 3.11 first: most is tested there.
APP_PYTHONS = ((3, 11), (3, 12), (3, 13))
RASA_PYTHONS = ((3, 10),)
_PROBE = (
    "import ensurepip, ssl, sqlite3, sys, venv; "
    "print(*sys.version_info[:3], sys.implementation.name, sys.executable)"
)


class Python(NamedTuple):
    """An interpreter that works."""

    path: Path
    version: tuple[int, int, int]


def find_python(wanted: Sequence[tuple[int, int]]) -> Python | None:
    """A CPython of one of these versions, earlier ones preferred, that really runs.

    A name on the path is not enough: version managers put scripts there that only say which
    version is not installed, and Debian's python3 comes without `ensurepip`.
    """
    for version in wanted:
        for candidate in _candidates(version):
            found = _probe(candidate)
            if found is not None and found.version[:2] == version:
                return found
    return None


def make_app(python: Python, uv: Path) -> None:
    """The app environment, `uv` in it already."""
    home = ROOT / ".venvs" / "app"
    interpreter = home / "bin" / "python"
    pip = _pip(interpreter)
    torch = ROOT / "requirements-torch.txt"
    run("Installing PyTorch", [*pip, "--no-deps", "-r", torch], "install-torch.log")
    _uv_install(uv, "Installing the app's packages", interpreter, "requirements.txt", "app")
    if not _succeeds([interpreter, "-c", "import torch"]):
        # The build for graphics cards: it does not even load without some GB of libraries.
        run(
            "Installing PyTorch's libraries for graphics cards (several GB)",
            [*pip, "-r", torch],
            "install-torch-libraries.log",
        )
    _finish(home, _app_sources(), python)


def make_rasa(python: Python, uv: Path) -> None:
    """The Rasa environment.

    Raises:
        StepFailed: It does not hold the Rasa that this project was made for.
    """
    home = ROOT / ".venvs" / "rasa"
    interpreter = home / "bin" / "python"
    _make_folder(home, python, with_pip=False)
    _uv_install(uv, "Installing Rasa", interpreter, "bot/requirements.txt", "rasa")
    version = subprocess.run(
        [str(interpreter), "-c", "from importlib.metadata import version; print(version('rasa'))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    if version != RASA:
        raise StepFailed(f"bot/requirements.txt installed Rasa {version}; it must be {RASA}.")
    _finish(home, _rasa_sources(), python)


def is_current(home: Path, sources: Sequence[Path]) -> bool:
    """Whether an environment was made from just these files, and still runs."""
    stamp = home / STAMP
    if not stamp.is_file():
        return False
    made_from, _, version = stamp.read_text(encoding="utf-8").strip().partition(" ")
    python = _probe(home / "bin" / "python", "import sys; print(*sys.version_info[:3], 'x', 'x')")
    return (
        python is not None
        and made_from == _fingerprint(sources)
        and version == _dotted(python.version)
    )


def main() -> int:
    """Make what is missing or out of date; 1 with the reason if that cannot be done."""
    try:
        _make_what_is_missing()
    except StepFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


def _make_what_is_missing() -> None:
    app, rasa = ROOT / ".venvs" / "app", ROOT / ".venvs" / "rasa"
    app_is_current = is_current(app, _app_sources())
    rasa_is_current = is_current(rasa, _rasa_sources())
    if app_is_current and rasa_is_current:
        return
    # Both are looked for before anything is installed: nobody waits minutes for bad news.
    app_python = _found(
        APP_PYTHONS,
        "Python 3.11, 3.12 or 3.13 is needed and was not found. On Debian 12 or Ubuntu 24.04: "
        "apt-get install python3 python3-venv. Anywhere: pip install uv && uv python install 3.11",
    )
    rasa_python = _found(
        RASA_PYTHONS,
        "Rasa needs Python 3.10, which was not found. Get it with: "
        "uv python install 3.10 (uv itself: pip install uv), or with pyenv install 3.10",
    )
    say("Setting up. This is needed once, and again when a list of packages has changed.")
    uv = app / "bin" / "uv"
    if not (app_is_current and uv.exists()):
        _make_folder(app, app_python, with_pip=True)
        pip = _pip(app / "bin" / "python")
        run("Installing the installer", [*pip, f"uv=={UV}"], "install-uv.log")
    steps = []
    if not app_is_current:
        steps.append(lambda: make_app(app_python, uv))
    if not rasa_is_current:
        steps.append(lambda: make_rasa(rasa_python, uv))
    together(*steps)


def _found(wanted: Sequence[tuple[int, int]], otherwise: str) -> Python:
    python = find_python(wanted)
    if python is None:
        raise StepFailed(otherwise)
    return python


def _candidates(version: tuple[int, int]) -> Iterator[Path]:
    short = _dotted(version)
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        if folder and (Path(folder) / f"python{short}").exists():
            yield Path(folder) / f"python{short}"
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob(f"versions/{short}*/bin/python"), reverse=True)
    for uv in (shutil.which("uv"), ROOT / ".venvs" / "app" / "bin" / "uv"):
        if uv is not None and Path(uv).exists():
            told = _output([uv, "python", "find", "--no-project", "--system", short])
            if told is not None:
                yield Path(told)
    yield Path(sys.executable)
    for name in ("python3", "python"):
        found = shutil.which(name)
        if found is not None:
            yield Path(found)


def _probe(path: Path, code: str = _PROBE) -> Python | None:
    told = _output([path, "-I", "-c", code])
    if told is None:
        return None
    major, minor, micro, _implementation, executable = told.split(" ", 4)
    return Python(Path(executable), (int(major), int(minor), int(micro)))


def _output(command: Sequence[str | Path]) -> str | None:
    """The last line that a program printed; None if it failed or does not exist."""
    try:
        done = subprocess.run(
            [str(part) for part in command], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = done.stdout.strip().splitlines()
    return lines[-1] if done.returncode == 0 and lines else None


def _succeeds(command: Sequence[str | Path]) -> bool:
    done = subprocess.run([str(part) for part in command], capture_output=True, check=False)
    return done.returncode == 0


def _make_folder(home: Path, python: Python, with_pip: bool) -> None:
    there = _probe(home / "bin" / "python", "import sys; print(*sys.version_info[:3], 'x', 'x')")
    if there is not None and there.version == python.version:
        return  # packages are brought up to date in it
    shutil.rmtree(home, ignore_errors=True)
    options: list[str | Path] = [] if with_pip else ["--without-pip"]
    run(
        f"Making .venvs/{home.name} with Python {_dotted(python.version)}",
        [python.path, "-m", "venv", *options, home],
        f"venv-{home.name}.log",
    )


def _uv_install(uv: Path, what: str, interpreter: Path, lock: str, log: str) -> None:
    options: list[str | Path] = ["--no-deps", "--require-hashes", "--python", interpreter]
    # uv's own 30 seconds are too few for the largest packages on a slow line.
    patience = {"UV_HTTP_TIMEOUT": "120"}
    command = [uv, "pip", "install", *options, "-r", ROOT / lock]
    run(what, command, f"install-{log}.log", patience)


def _pip(interpreter: Path) -> list[str | Path]:
    quiet = ["--disable-pip-version-check", "--no-input"]
    return [interpreter, "-m", "pip", "install", *quiet]


def _app_sources() -> list[Path]:
    return [ROOT / "requirements.txt", ROOT / "requirements-torch.txt"]


def _rasa_sources() -> list[Path]:
    return [ROOT / "bot" / "requirements.txt"]


def _fingerprint(sources: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for source in sources:
        digest.update(source.read_bytes() + b"\0")
    return digest.hexdigest()


def _finish(home: Path, sources: Sequence[Path], python: Python) -> None:
    stamp = f"{_fingerprint(sources)} {_dotted(python.version)}\n"
    (home / STAMP).write_text(stamp, encoding="utf-8")


def _dotted(version: Sequence[int]) -> str:
    return ".".join(str(part) for part in version)


if __name__ == "__main__":
    sys.exit(main())
