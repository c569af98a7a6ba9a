"""One installation for the tests that do not break it for good."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.installation import Installation


@pytest.fixture(scope="package")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Gateway, Rasa and action server under their supervisor."""
    with Installation(tmp_path_factory.mktemp("system") / "installation") as running:
        yield running


@pytest.fixture
def own_installation(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Installation]:
    """One for a test that breaks it; `indirect` parameters are the arguments of Installation."""
    options = getattr(request, "param", {})
    with Installation(tmp_path / "installation", **options) as running:
        yield running
