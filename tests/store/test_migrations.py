"""`store/schema.py` and `store/migrations` make the same database."""

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from store.database import Database
from store.schema import metadata
from tests.store.conftest import ROOT, migrate, new_postgres_database

# What the catalogue says, beyond what Alembic compares: the conditions of partial indexes,
# the names of constraints, what happens on delete.
CATALOGUE = {
    "sqlite": "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL",
    "postgresql": """
        SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
        UNION ALL
        SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace
        UNION ALL
        SELECT concat_ws(' ', table_name, ordinal_position, column_name, data_type,
                         character_maximum_length, is_nullable, column_default)
        FROM information_schema.columns WHERE table_schema = 'public'
    """,
}


def test_alembic_sees_no_difference(empty_url: str) -> None:
    """A column added to the schema without a migration would be missing after an update."""
    migrate(empty_url)

    assert (
        _ask(empty_url, lambda c: compare_metadata(MigrationContext.configure(c), metadata)) == []
    )


def test_the_catalogue_is_the_same(empty_url: str, postgres: str, tmp_path: Any) -> None:
    """Alembic does not compare the conditions of partial indexes, and they carry promises."""
    migrate(empty_url)
    is_sqlite = empty_url.startswith("sqlite")
    other_url = (
        f"sqlite+aiosqlite:///{tmp_path / 'direct.db'}"
        if is_sqlite
        else new_postgres_database(postgres)
    )

    _ask(other_url, metadata.create_all)

    assert _catalogue(empty_url) == _catalogue(other_url)


def test_back_and_forth(empty_url: str) -> None:
    """A revision that cannot be taken back, or made twice, fails when it is needed most."""
    migrate(empty_url)
    migrate(empty_url, "base")
    assert _ask(empty_url, lambda c: sa.inspect(c).get_table_names()) == ["alembic_version"]
    migrate(empty_url)
    migrate(empty_url)  # up to date: nothing happens

    assert set(_ask(empty_url, lambda c: sa.inspect(c).get_table_names())) == {
        "alembic_version",
        *metadata.tables,
    }


def test_a_failed_migration_leaves_nothing(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite's driver would commit before every CREATE TABLE: half a database stayed behind."""
    script = ScriptDirectory.from_config(Config(ROOT / "alembic.ini"))
    first = script.get_revision("head").module
    upgrade = first.upgrade

    def fail_late() -> None:
        upgrade()
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(first, "upgrade", fail_late)
    monkeypatch.setattr(ScriptDirectory, "from_config", lambda _config: script)
    with pytest.raises(RuntimeError, match="the disk is full"):
        migrate(empty_url)

    assert _ask(empty_url, lambda c: sa.inspect(c).get_table_names()) == []


def test_verdicts_outlive_the_second_revision(empty_url: str) -> None:
    """The table is made anew on the way, and new rows must not meet the numbers of old ones."""
    migrate(empty_url, "0001")
    day = "2026-11-22 12:00:00+00:00"

    def fill(connection: sa.Connection) -> None:
        for statement in (
            f"INSERT INTO customers (id, channel, address, created_at) "
            f"VALUES ('c', 'web', 'a', '{day}')",
            f"INSERT INTO conversations (id, channel, customer, status, last_seq, started_at, "
            f"reset_due) VALUES ('t', 'web', 'c', 'bot', 0, '{day}', false)",
            *(
                f"INSERT INTO feedback (id, conversation, article, helped, message, at) "
                f"VALUES ({number}, 't', 'salt', true, 'm-{number}', '{day}')"
                for number in (1, 2, 7)
            ),
        ):
            connection.exec_driver_sql(statement)

    _ask(empty_url, fill)
    migrate(empty_url)

    def add(connection: sa.Connection) -> list[Any]:
        connection.exec_driver_sql(
            f"INSERT INTO feedback (conversation, article, helped, message, at, version) "
            f"VALUES ('t', 'salt', false, 'm-8', '{day}', 'v1')"
        )
        return list(connection.exec_driver_sql("SELECT message, version FROM feedback ORDER BY id"))

    assert _ask(empty_url, add) == [("m-1", None), ("m-2", None), ("m-7", None), ("m-8", "v1")]


def _catalogue(url: str) -> list[str]:
    def read(connection: sa.Connection) -> list[str]:
        rows = connection.exec_driver_sql(CATALOGUE[connection.dialect.name]).scalars()
        # The constraints of one table may come in another order.
        lines = (sorted(line.strip(" ,\t") for line in row.splitlines()) for row in rows)
        return sorted(" ".join(line) for line in lines if "alembic_version" not in str(line))

    found: list[str] = _ask(url, read)
    assert len(found) > len(metadata.tables)
    return found


def _ask(url: str, question: Any) -> Any:
    async def ask() -> Any:
        database = Database(url)
        async with database.begin() as tx:
            answer = await tx.run_sync(question)
        await database.close()
        return answer

    return asyncio.run(ask())
