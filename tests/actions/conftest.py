"""A real store in a temporary folder, a real index over three small articles, a fixed day."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from actions.base import Tools
from actions.policies import read_policies
from retrieval.building import Sources, build
from retrieval.encoder import OnnxEncoder
from retrieval.knowledge_base import KnowledgeBase
from store import purchases
from store.database import Database
from store.schema import metadata
from tests.actions.rasa import NOW, ROOT
from tests.support.purchases import DISHWASHER

_HEAD = "audience: customer\nowner: tests\nreview_by: 2030-01-01\n---\n"
ARTICLES = {
    "drain.md": "---\nid: does-not-drain\ntitle: The dishwasher does not drain\nkind: procedure\n"
    "products: [dishwasher]\nsymptoms: [does not drain, standing water]\n"
    + _HEAD
    + "Standing water is almost always a blocked filter.\n\n"
    "## Clean the filter {#filter}\nTwist the round filter in the floor of the tub and rinse it.\n"
    "Look for: grease and glass.\n\n"
    "## Check the drain hose {#hose}\nFollow the grey drain hose and straighten every bend.\n\n"
    "## If nothing helped {#end}\nThe drain pump needs a technician.\n",
    "salt.md": "---\nid: add-salt\ntitle: Add dishwasher salt\nkind: how-to\n"
    "products: [dishwasher]\nsymptoms: []\n" + _HEAD + "Salt keeps the glasses clear.\n\n"
    "## Fill the salt container {#fill}\nOpen the cap in the floor of the tub and pour in one "
    "kilogram of dishwasher salt with the funnel. Wipe away the grains beside the cap.\n",
    "returns.md": "---\nid: returns\ntitle: Returns\nkind: policy\nproducts: [dishwasher]\n"
    "symptoms: []\n" + _HEAD + "You can send a product back.\n\n"
    "## How long {#window}\nYou can ask for a return within 30 days of delivery.\n",
}


@pytest.fixture(scope="session")
def encoder() -> OnnxEncoder:
    return OnnxEncoder.load(ROOT / "var/encoder")


@pytest.fixture
def articles(tmp_path: Path) -> Path:
    folder = tmp_path / "articles"
    folder.mkdir()
    (folder / "products.yml").write_text("dishwasher: [HM-D450, HM-D620]\n")
    for name, text in ARTICLES.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def index(tmp_path: Path, articles: Path, encoder: OnnxEncoder) -> Path:
    build(Sources(articles, tmp_path / "none", tmp_path / "none"), tmp_path / "index", encoder, NOW)
    return tmp_path / "index"


@pytest.fixture
async def tools(tmp_path: Path, index: Path, encoder: OnnxEncoder) -> AsyncIterator[Tools]:
    """What actions work with, and two dishwashers: one delivered 12 days ago, one in May 2025."""
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'aftercare.db'}")
    async with database.engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    recent = replace(DISHWASHER, delivered_on=date(2026, 11, 10))
    other = replace(
        DISHWASHER, order_number="A-10555", serial_number="HM-D450-2207-00999",
        customer_name="Tom Becker", email="tom@example.com", postcode="80331",
    )  # fmt: skip
    async with database.begin() as tx:
        await purchases.save(tx, [recent, other])
    yield Tools(database, lambda: NOW, KnowledgeBase(index, encoder),
                read_policies(ROOT / "policies"))  # fmt: skip
    await database.close()


@pytest.fixture
def today() -> datetime:
    return datetime(2026, 11, 22, tzinfo=UTC)
