"""The commands a developer types."""

import re
import subprocess

import pytest

from operate.steps import ROOT


def _make(*arguments: str) -> str:
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_make_alone_lists_every_command() -> None:
    """Each with what it does, in one line."""
    listed = dict(re.findall(r"^  ([a-z-]+) +(\S.*)$", _make(), re.MULTILINE))
    text = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    [declared] = re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)

    assert set(listed) == set(declared.split()) - {"environments"}
    assert all(len(text) < 80 for text in listed.values())


@pytest.mark.parametrize(
    ("what", "app", "bot"),
    [
        ("tests", "--ignore=tests/bot tests", "tests/bot"),
        ("tests/store", "--ignore=tests/bot tests/store", ""),
        ("tests/bot/test_turns.py", "", "tests/bot/test_turns.py"),
    ],
)
def test_tests_run_in_their_own_environment(what: str, app: str, bot: str) -> None:
    """Rasa's tests cannot run beside the others', nor the others' beside Rasa."""
    told = _make("--dry-run", "test", f"T={what}")
    runs = re.findall(r'if \[ -n "(.*?)" \]; then (\S+) -m pytest (.*?) \|\|', told)

    assert [(python, which) for given, python, which in runs if given] == [
        (python, which)
        for python, which in ((".venvs/app/bin/python", app), (".venvs/rasa/bin/python", bot))
        if which
    ]
