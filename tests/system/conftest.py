"""One installation for the tests that do not break it for good."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.customer import Customer
from benchmarks.installation import Installation


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Gateway, Rasa and action server under their supervisor."""
    with Installation(tmp_path_factory.mktemp("system") / "installation") as running:
        yield running


@pytest.fixture
def own_installation(tmp_path: Path) -> Iterator[Callable[..., Installation]]:
    """Starts an installation for one test that breaks it."""
    started: list[Installation] = []

    def start(**options: object) -> Installation:
        running = Installation(tmp_path / f"installation-{len(started)}", **options)
        started.append(running)
        return running.__enter__()

    yield start
    for one in started:
        one.stop()


async def talk(installation: Installation, *texts: str) -> tuple[Customer, list[str]]:
    """A customer who says these, one after the other; and the texts of the last reply."""
    customer = await Customer(installation.url).__aenter__()
    replies: list[dict[str, object]] = []
    for text in texts:
        replies = await customer.ask(text)
    await asyncio.sleep(0)
    return customer, [str(reply["text"]) for reply in replies]
