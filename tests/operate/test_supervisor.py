"""What the supervisor is told about the three real parts."""

import configparser
import shlex
from pathlib import Path

import pytest

from operate.settings import Settings
from operate.supervisor import programs, write_configuration

SECRET = "s" * 40


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The defaults, with a secret."""
    monkeypatch.setenv("AFTERCARE_TURN_SECRET", SECRET)
    return Settings()


def _written(settings: Settings, root: Path) -> tuple[configparser.RawConfigParser, str]:
    path = write_configuration(programs(settings, root), root)
    parser = configparser.RawConfigParser()
    parser.read(path)
    return parser, path.read_text()


def test_rasa_listens_on_loopback_only(settings: Settings, tmp_path: Path) -> None:
    """By default it listens to everybody, and its API can load a model from any address."""
    parser, _ = _written(settings, tmp_path)
    command = shlex.split(parser["program:rasa"]["command"])

    assert command[command.index("-i") + 1] == "127.0.0.1"
    assert "--enable-api" not in command
    assert command[command.index("--credentials") + 1] == "credentials.yml"


def test_there_are_three_parts_and_no_way_in(settings: Settings, tmp_path: Path) -> None:
    """No control port, no control socket, no secret in the file."""
    parser, text = _written(settings, tmp_path)

    assert set(parser.sections()) == {
        "supervisord",
        "program:actions",
        "program:rasa",
        "program:gateway",
    }
    assert SECRET not in text


def test_every_part_is_tried_again_for_days(settings: Settings, tmp_path: Path) -> None:
    """A database that is down over a weekend must not need somebody on Monday."""
    parser, _ = _written(settings, tmp_path)
    for part in ("actions", "rasa", "gateway"):
        section = parser[f"program:{part}"]
        assert section["autorestart"] == "true"
        retries = section.getint("startretries")
        # The n-th wait is n seconds.
        assert retries * (retries + 1) / 2 > 30 * 24 * 3600
        assert section["stopasgroup"] == section["killasgroup"] == "true"


def test_the_log_settings_of_rasa_are_used_where_they_are(
    settings: Settings, tmp_path: Path
) -> None:
    """They keep customers' words out of the log."""
    assert "--logging-config-file" not in _written(settings, tmp_path)[1]
    (tmp_path / "bot").mkdir()
    (tmp_path / "bot" / "logging.yml").write_text("version: 1\n")
    assert "--logging-config-file" in _written(settings, tmp_path)[1]
