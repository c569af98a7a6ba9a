"""Databases for the tests: every test of this folder runs on SQLite and on PostgreSQL."""

import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio
from alembic import command
from alembic.config import Config
from sqlalchemy.engine import make_url

from store import agents, conversations
from store.database import Database
from support.conversation import Channel
from tests.store.postgres import postgres_server

ROOT = Path(__file__).parents[2]
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)

_numbers = count(1)


def minutes(number: float) -> datetime:
    """So many minutes after noon."""
    return NOON + timedelta(minutes=number)


def migrate(url: str, revision: str = "head") -> None:
    """Bring a database to a revision, as `make run` does."""
    config = Config(ROOT / "alembic.ini")
    config.attributes["url"] = url
    (command.downgrade if revision == "base" else command.upgrade)(config, revision)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL server, without a database."""
    with postgres_server() as address:
        yield address


def new_postgres_database(address: str, template: str | None = None) -> str:
    """Make a database; its URL."""
    name = f"test_{next(_numbers)}"
    plain = make_url(address).set(drivername="postgresql", database="postgres")
    with psycopg.connect(plain.render_as_string(), autocommit=True) as connection:
        # The names are ours: nothing here needs quoting.
        copied = "" if template is None else f" TEMPLATE {make_url(template).database}"
        connection.execute(f"CREATE DATABASE {name}{copied}".encode())
    return f"{address}/{name}"


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file, to be copied."""
    path = tmp_path_factory.mktemp("migrated") / "aftercare.db"
    migrate(f"sqlite+aiosqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres: str) -> str:
    """The URL of a migrated, empty PostgreSQL database, to be copied."""
    url = new_postgres_database(postgres)
    migrate(url)
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without tables."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'aftercare.db'}"
    return new_postgres_database(request.getfixturevalue("postgres"))


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with every table and no rows."""
    if request.param == "sqlite":
        path = tmp_path / "aftercare.db"
        shutil.copy(request.getfixturevalue("migrated_sqlite"), path)
        return f"sqlite+aiosqlite:///{path}"
    return new_postgres_database(
        request.getfixturevalue("postgres"), request.getfixturevalue("migrated_postgres")
    )


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The database of one test, as one process has it open."""
    opened = Database(database_url)
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def neighbour(database_url: str) -> AsyncIterator[Database]:
    """The same database, as a second process has it open: nothing but the file is shared."""
    opened = Database(database_url)
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def conversation(database: Database) -> str:
    """The id of a conversation without messages."""
    async with database.begin() as tx:
        opened = await conversations.open_conversation(tx, Channel.WEB, "visitor-1", NOON)
    return opened.id


@pytest_asyncio.fixture
async def mira(database: Database) -> str:
    """The id of an agent."""
    async with database.begin() as tx:
        return (await agents.add(tx, "mira@example.org", "Mira", "hash", NOON)).id
