"""One running assistant for all conversations."""

from collections.abc import Iterator

import pytest

from tests.dialogue.assistant import Assistant


@pytest.fixture(scope="session")
def assistant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    """Rasa with the trained model, the action server, the sample shop's articles and purchases."""
    running = Assistant(tmp_path_factory.mktemp("assistant"))
    try:
        running.start()
        yield running
    finally:
        running.stop()
