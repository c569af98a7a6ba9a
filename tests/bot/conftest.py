"""One small assistant, trained once with the project's own config.yml, and one running Rasa."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ["RASA_TELEMETRY_ENABLED"] = "false"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from tests.bot.neighbours import ROOT, RunningRasa, ScriptedActions, says

ASSISTANT = Path(__file__).parent / "assistant"


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model trained from `tests/bot/assistant` with the project's pipeline and policies."""
    import rasa

    result = rasa.train(
        domain=str(ASSISTANT / "domain.yml"),
        config=str(ROOT / "config.yml"),
        training_files=[str(ASSISTANT / "nlu.yml"), str(ASSISTANT / "rules.yml")],
        output=str(tmp_path_factory.mktemp("models")),
    )
    return Path(result.model)


@pytest.fixture(scope="session")
def action_server() -> Iterator[ScriptedActions]:
    server = ScriptedActions()
    yield server
    server.stop()


@pytest.fixture
def actions(action_server: ScriptedActions) -> ScriptedActions:
    """The action server with its usual lines, for one test."""
    action_server.calls.clear()
    action_server.script = {
        "action_refund": says("Found your refund."),
        "action_answer": says(
            "Thirty days from delivery.", custom={"kind": "answer", "citations": ["returns"]}
        ),
        "action_report": says("Noted."),
        "action_not_understood": says("I did not understand that."),
        "action_open_return": lambda call: (
            200,
            {
                "events": [],
                "responses": [{"response": "utter_return_opened", "number": "RMA-000017"}],
            },
        ),
        "validate_return_form": lambda call: (200, {"events": [], "responses": []}),
    }
    return action_server


@pytest.fixture(scope="session")
def running_rasa(
    model: Path, action_server: ScriptedActions, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningRasa]:
    rasa = RunningRasa(model, action_server.url, tmp_path_factory.mktemp("rasa"))
    rasa.start()
    yield rasa
    rasa.kill(signal.SIGTERM)


@pytest.fixture
def rasa(running_rasa: RunningRasa, actions: ScriptedActions) -> RunningRasa:
    """The running Rasa, with the action server's usual lines."""
    return running_rasa
