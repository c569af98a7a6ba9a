"""`.env`: made once, secret, and complete."""

import stat
from pathlib import Path

import pytest
from dotenv import dotenv_values

from operate.settings import environment_of_parts, make_env_file, read_settings
from operate.steps import ROOT, StepFailed


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone in which nothing was made yet, and no variable is set."""
    (tmp_path / ".env.example").write_bytes((ROOT / ".env.example").read_bytes())
    for name in dotenv_values(tmp_path / ".env.example"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_secrets_are_random_and_for_the_owner_alone(folder: Path, tmp_path: Path) -> None:
    """Two installations with one secret could sign each other's tokens."""
    assert make_env_file(folder) is True
    first = dotenv_values(folder / ".env")
    assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600
    (folder / ".env").unlink()
    make_env_file(folder)
    second = dotenv_values(folder / ".env")

    for name in ("AFTERCARE_SECRET_KEY", "AFTERCARE_TURN_SECRET"):
        assert len(first[name] or "") >= 32
        assert len({first["AFTERCARE_SECRET_KEY"], first["AFTERCARE_TURN_SECRET"]}) == 2
        assert first[name] != second[name]
    assert first.keys() == dotenv_values(ROOT / ".env.example").keys()


def test_it_is_never_overwritten(folder: Path) -> None:
    """Whoever edited it would lose their settings, and every visitor their conversation."""
    (folder / ".env").write_text("AFTERCARE_GATEWAY_PORT=9000\n")

    assert make_env_file(folder) is False
    assert (folder / ".env").read_text() == "AFTERCARE_GATEWAY_PORT=9000\n"


def test_a_missing_secret_is_named(folder: Path) -> None:
    """Not a traceback: the name of the line to fill in."""
    (folder / ".env").write_text("AFTERCARE_TURN_SECRET=\nAFTERCARE_RASA_PORT=eighty\n")

    with pytest.raises(StepFailed) as refused:
        read_settings(folder)
    assert "AFTERCARE_TURN_SECRET" in str(refused.value)
    assert "AFTERCARE_RASA_PORT" in str(refused.value)


def test_what_the_parts_inherit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable set on the command line counts more than the file; Rasa needs whole URLs."""
    make_env_file(folder)
    monkeypatch.setenv("AFTERCARE_ACTIONS_PORT", "6055")
    monkeypatch.setenv("AFTERCARE_TRACKER_DB", "var/elsewhere.db")
    settings = read_settings(folder)
    inherited = environment_of_parts(settings, folder)

    assert inherited["AFTERCARE_TURN_SECRET"] == settings.turn_secret
    assert inherited["AFTERCARE_ACTIONS_PORT"] == "6055"
    assert inherited["AFTERCARE_ACTIONS_URL"] == "http://127.0.0.1:6055/webhook"
    assert inherited["AFTERCARE_TRACKER_DB"] == "sqlite:///var/elsewhere.db"
    assert inherited["RASA_TELEMETRY_ENABLED"] == "false"
    assert "PATH" in inherited


def test_the_console_is_named_where_it_can_be_reached(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """0.0.0.0 is an address to listen on, not one to open."""
    make_env_file(folder)
    monkeypatch.setenv("AFTERCARE_GATEWAY_HOST", "0.0.0.0")

    assert read_settings(folder).gateway_url == "http://127.0.0.1:8000"
