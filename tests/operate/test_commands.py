"""The command line, as an operator types it."""

import asyncio
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from operate.agents import count_agents
from operate.steps import ROOT
from store import agents, feedback, purchases
from store.database import Database
from support.conversation import utcnow
from tests.gateway.articles import DRAIN, SALT, publish

HEADER, FIRST, *_ = (ROOT / "sample" / "purchases.csv").read_text().splitlines()


@pytest.fixture
def installation(tmp_path: Path) -> dict[str, str]:
    """The environment of an installation with an empty database."""
    return {
        **os.environ,
        "AFTERCARE_SECRET_KEY": "k" * 40,
        "AFTERCARE_TURN_SECRET": "t" * 40,
        "AFTERCARE_DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path / 'aftercare.db'}",
    }


def _operate(
    installation: dict[str, str], *arguments: str, typed: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "operate", *arguments],
        cwd=ROOT,
        env=installation,
        input=typed,
        capture_output=True,
        text=True,
        check=False,
    )


def _ask(installation: dict[str, str], question: Any) -> Any:
    async def ask() -> Any:
        database = Database(installation["AFTERCARE_DATABASE_URL"])
        async with database.read() as tx:
            answer = await question(tx)
        await database.close()
        return answer

    return asyncio.run(ask())


def test_an_agent_is_added_before_anything_was_started(installation: dict[str, str]) -> None:
    """The database is made on the way, and a second time gives a new password."""
    add = ("agent", "add", "--email", "Mira@example.org", "--name", "Mira", "--password-stdin")
    first = _operate(installation, *add, typed="correct horse\n")
    assert first.returncode == 0, first.stderr
    assert "mira@example.org" in first.stdout
    second = _operate(installation, *add, typed="battery staple\n")
    assert second.returncode == 0, second.stderr

    assert count_agents(installation["AFTERCARE_DATABASE_URL"]) == 1
    agent, password_hash = _ask(
        installation, lambda tx: agents.with_password_hash(tx, "mira@example.org")
    )
    assert agent.name == "Mira"
    assert password_hash.startswith("$argon2id$")
    assert PasswordHasher().verify(password_hash, "battery staple")


@pytest.mark.parametrize(
    ("email", "name", "password", "told"),
    [
        ("mira", "Mira", "correct horse", "e-mail address"),
        ("mira@example.org", " ", "correct horse", "name"),
        ("mira@example.org", "Mira", "too short", "at least 10 characters"),
        ("mira@example.org", "Mira", "", "at least 10 characters"),
    ],
)
def test_an_agent_nobody_could_be_is_refused(
    installation: dict[str, str], email: str, name: str, password: str, told: str
) -> None:
    """With one sentence, and without an agent."""
    add = ("agent", "add", "--email", email, "--name", name, "--password-stdin")
    refused = _operate(installation, *add, typed=f"{password}\n")

    assert refused.returncode == 1
    assert told in refused.stderr
    assert "Traceback" not in refused.stderr
    assert count_agents(installation["AFTERCARE_DATABASE_URL"]) == 0


def test_a_password_needs_a_terminal(installation: dict[str, str]) -> None:
    """In a script it would wait for ever, or be echoed."""
    refused = _operate(
        installation, "agent", "add", "--email", "mira@example.org", "--name", "Mira"
    )

    assert refused.returncode == 1
    assert "--password-stdin" in refused.stderr


def test_the_sample_comes_with_a_new_database_only(
    installation: dict[str, str], tmp_path: Path
) -> None:
    """It is there to try things out; a shop that removed it must not get it again."""
    file = tmp_path / "mine.csv"
    file.write_text(f"{HEADER}\n{FIRST.replace('Maria', 'Maria Elena')}\n")
    first = _operate(installation, "purchases", "import", str(file))
    assert first.returncode == 0, first.stderr
    assert "sample shop" in first.stdout
    assert "Imported 1 purchases" in first.stdout

    second = _operate(installation, "purchases", "import", str(file))
    assert second.returncode == 0, second.stderr
    assert "sample shop" not in second.stdout
    order_number = FIRST.split(",")[0]
    assert _ask(installation, lambda tx: purchases.by_order_number(tx, order_number)) is not None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("order_number\nA-10482\n", "line 1: the column"),
        (f"{HEADER}\n{FIRST}\n{FIRST}\n", "line 3:"),
        (f"{HEADER}\n{FIRST.replace('A-', 'B-', 1)}\n", "line 2:"),
        (b"\xff\xfe\x00", "UTF-8"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_is_not_in_order_is_refused_whole(
    installation: dict[str, str], tmp_path: Path, text: str | bytes | None, told: str
) -> None:
    """With the line, so that it can be mended; and nothing of it is kept."""
    file = tmp_path / "purchases.csv"
    if text is not None:
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    refused = _operate(installation, "purchases", "import", str(file))

    assert refused.returncode == 1
    assert told in refused.stderr
    assert "purchases.csv" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_serial_number_of_another_order_is_refused(
    installation: dict[str, str], tmp_path: Path
) -> None:
    """The file is in order by itself; together with what is there it is not."""
    file = tmp_path / "purchases.csv"
    order_number = FIRST.split(",")[0]
    file.write_text(f"{HEADER}\n{FIRST.replace(order_number, 'A-99999')}\n")
    refused = _operate(installation, "purchases", "import", str(file))

    assert refused.returncode == 1
    assert "serial number" in refused.stderr


def test_a_database_that_cannot_be_opened_is_named(installation: dict[str, str]) -> None:
    """By the setting that says which one."""
    nowhere = "postgresql+psycopg://nobody@127.0.0.1:1/none"
    refused = _operate(
        {**installation, "AFTERCARE_DATABASE_URL": nowhere}, "purchases", "import", "x.csv"
    )

    assert refused.returncode == 1
    assert "AFTERCARE_DATABASE_URL" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_status_of_what_does_not_run(installation: dict[str, str]) -> None:
    """Each part with its address, and an exit code for whoever watches."""
    # Port 9 is reserved for a service that nobody runs.
    ports = {f"AFTERCARE_{part}_PORT": "9" for part in ("GATEWAY", "RASA", "ACTIONS")}
    told = _operate({**installation, **ports}, "status")

    assert told.returncode == 1
    assert [line.split()[0] for line in told.stdout.splitlines()] == ["actions", "rasa", "gateway"]
    assert told.stdout.count("no answer") == 3


def test_help_names_every_command(installation: dict[str, str]) -> None:
    """What is not in the help is not found."""
    told = _operate(installation, "--help").stdout
    for command in ("prepare", "run", "status", "train", "index", "agent", "purchases"):
        assert f"    {command}" in told


def test_owners_read_what_they_should_look_at(installation: dict[str, str], tmp_path: Path) -> None:
    """Text, verdicts, bound and link; and whose last day is near."""
    due = replace(SALT, review_by=utcnow().date() + timedelta(days=30))
    publish(tmp_path / "knowledge", (DRAIN, due))
    installation["AFTERCARE_KNOWLEDGE_FOLDER"] = str(tmp_path / "knowledge")
    first = _operate(installation, "feedback")
    assert first.returncode == 0, first.stderr
    assert first.stdout.count("none") == 1

    async def judge() -> None:
        database = Database(installation["AFTERCARE_DATABASE_URL"])
        async with database.begin() as tx:
            for number in range(20):
                await feedback.add_for_page(
                    tx, DRAIN.id, DRAIN.version, number == 0, str(number), utcnow()
                )
        await database.close()

    asyncio.run(judge())
    told = _operate(installation, "feedback").stdout
    assert "kitchen-team  text: The dishwasher does not drain\n" in told
    assert "did not help 19 of 20, which is at least 76%" in told
    assert "/help/dishwasher-does-not-drain\n" in told
    assert re.search(r"\d{4}  kitchen-team  Add dishwasher salt", told)


def test_without_articles_there_is_nothing_to_look_at(
    installation: dict[str, str], tmp_path: Path
) -> None:
    installation["AFTERCARE_KNOWLEDGE_FOLDER"] = str(tmp_path / "none")
    refused = _operate(installation, "feedback")
    assert refused.returncode == 1
    assert "make index" in refused.stderr
