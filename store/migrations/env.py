"""What `alembic` runs: brings one database to the tables of `store/schema.py`.

`alembic upgrade head` takes the database from AFTERCARE_DATABASE_URL, in the environment or in
`.env`. A program passes it in `Config.attributes["url"]`.
"""

import asyncio
from typing import Any, Literal

import sqlalchemy as sa
from alembic import context
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from store.schema import UtcDateTime, metadata


class Settings(BaseSettings):
    """The one setting that a migration needs; `.env.example` gives it the same default."""

    model_config = SettingsConfigDict(env_prefix="AFTERCARE_", env_file=".env", extra="ignore")

    database_url: str = "sqlite+aiosqlite:///var/aftercare.db"


async def upgrade(url: str) -> None:
    """Run the migrations in one transaction, on SQLite too: all of them, or none."""
    engine = create_async_engine(url, poolclass=NullPool)
    is_sqlite = engine.dialect.name == "sqlite"
    if is_sqlite:
        sa.event.listen(engine.sync_engine, "connect", _leave_transactions_to_us)
    try:
        async with engine.begin() as connection:
            if is_sqlite:
                # Foreign keys stay unchecked here, which is SQLite's default: a migration that
                # makes a table anew drops the old one, and its children with it otherwise.
                await connection.exec_driver_sql("BEGIN IMMEDIATE")
            await connection.run_sync(_run)
    finally:
        await engine.dispose()


def _leave_transactions_to_us(connection: Any, _record: Any) -> None:
    # Left alone, the driver commits before every CREATE TABLE.
    connection.isolation_level = None


def _run(connection: sa.Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=True,  # SQLite alters a table by making it anew
        render_item=_render,
        transaction_per_migration=False,
    )
    context.run_migrations()


def _render(kind: str, item: Any, _autogen_context: Any) -> str | Literal[False]:
    # A revision stays as it was written, whatever becomes of our own types: it names SQL's.
    return "sa.DateTime(timezone=True)" if isinstance(item, UtcDateTime) else False


if context.is_offline_mode():
    raise SystemExit("Migrations need the database: leave --sql out.")

asyncio.run(upgrade(context.config.attributes.get("url") or Settings().database_url))
