"""Opening the database, and the two kinds of transaction."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

BUSY_TIMEOUT_MS = 5_000  # how long a writer waits for another process's transaction


class Database:
    """A pool of connections to one SQLite file or PostgreSQL database.

    Writers take SQLite's write lock when they begin: a transaction that reads first and
    then writes could otherwise fail half-way with "database is locked".
    """

    def __init__(self, url: str) -> None:
        """Prepare, without connecting.

        Args:
            url: An SQLAlchemy address: `sqlite+aiosqlite:///var/aftercare.db` or
                `postgresql+psycopg://user:password@host/name`.
        """
        parsed = make_url(url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        if self.is_sqlite and parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        self.engine: AsyncEngine = create_async_engine(
            url,
            hide_parameters=True,  # they are customers' words, and errors reach the log
            pool_pre_ping=not self.is_sqlite,
            connect_args={"factory": _SqliteConnection} if self.is_sqlite else {},
        )
        # SQLite has one writer. Within this process writers queue here, in order and without
        # SQLite's polling; other processes wait for at most BUSY_TIMEOUT_MS.
        self._writer = asyncio.Lock()
        if self.is_sqlite:
            sa.event.listen(self.engine.sync_engine, "connect", _configure_sqlite)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that may write; committed at the end, rolled back on an error."""
        async with AsyncExitStack() as stack:
            if self.is_sqlite:
                await stack.enter_async_context(self._writer)
            connection = await stack.enter_async_context(self.engine.connect())
            if self.is_sqlite:
                await connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                await self._take_back(connection)
                raise
            await self._end(connection, "COMMIT")

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that only reads: one consistent view, no lock taken."""
        async with self.engine.connect() as connection:
            if self.is_sqlite:
                await connection.exec_driver_sql("BEGIN")
            else:
                # By default every query of PostgreSQL sees what was committed just before it.
                await connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            try:
                yield connection
            finally:
                await self._take_back(connection)

    async def _take_back(self, connection: AsyncConnection) -> None:
        # A query cut off by a cancellation leaves a connection that refuses even the rollback; it
        # is thrown away with its transaction. Its complaint must not hide the cancellation.
        with suppress(sa.exc.SQLAlchemyError):
            await self._end(connection, "ROLLBACK")

    async def _end(self, connection: AsyncConnection, how: str) -> None:
        if self.is_sqlite:
            await connection.exec_driver_sql(how)
        if how == "COMMIT":
            await connection.commit()
        else:
            await connection.rollback()

    async def close(self) -> None:
        """Give the connections back."""
        await self.engine.dispose()


def insert(tx: AsyncConnection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that may say what happens on a conflict, which standard SQL cannot."""
    return sqlite.insert(table) if tx.dialect.name == "sqlite" else postgresql.insert(table)


class _SqliteConnection(sqlite3.Connection):
    """A connection that gives its locks back when it is closed.

    A task cancelled in mid-query leaves its cursor to the garbage collector. Until that comes,
    SQLite keeps a closed connection alive for the cursor's sake, with the write lock in its hand.
    """

    def close(self) -> None:
        if self.in_transaction:
            self.rollback()
        super().close()


def _configure_sqlite(connection: Any, _record: Any) -> None:
    # The driver must not begin transactions of its own: `begin` says BEGIN IMMEDIATE itself.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")  # acknowledged means on the disk
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    cursor.close()
