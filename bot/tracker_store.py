"""Rasa's SQL tracker store, made honest: it never loses a conversation without saying so.

`endpoints.yml` names it by module path. Rasa wraps whatever store it gets in a
`FailSafeTrackerStore`, which answers a failing database with an empty memory: the customer's
half-filled form is gone and the reply is wrong, with status 200. `StoreUnavailable` is no
`Exception`, so it passes through that wrapper and aborts the turn.
"""

from __future__ import annotations

import functools
import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
import sqlalchemy.event
import sqlalchemy.orm
from rasa.core.brokers.broker import EventBroker
from rasa.core.tracker_store import SQLTrackerStore, TrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import Event
from rasa.shared.core.trackers import DialogueStateTracker

from bot.errors import StoreUnavailable

# One process writes this file, so nobody waits for long; and Rasa waits on its event loop.
SQLITE_BUSY_MILLISECONDS = 500


class ConversationStore(SQLTrackerStore):
    """Trackers in SQLite or PostgreSQL."""

    def __init__(
        self,
        host: str | None = None,
        domain: Domain | None = None,
        event_broker: EventBroker | None = None,
        **kwargs: Any,
    ) -> None:
        """Open the database and create its table where there is none.

        Args:
            host: SQLAlchemy URL, such as `sqlite:///var/trackers.db`. The name is Rasa's.
            domain: Set by Rasa when the model is loaded.
            event_broker: Unused here; passed on.
            **kwargs: Further settings of `SQLTrackerStore`.

        Raises:
            ValueError: `host` is not a URL. Rasa would open a file named "rasa.db" instead.
        """
        if not host or "://" not in host:
            raise ValueError(
                "The tracker store needs a database URL such as sqlite:///var/trackers.db "
                "(endpoints.yml takes it from AFTERCARE_TRACKER_DB)."
            )
        super().__init__(domain=domain, host=host, event_broker=event_broker, **kwargs)

    @contextmanager
    def session_scope(self) -> Iterator[sa.orm.Session]:
        """One session. Rasa's own exits the whole process at any ValueError inside it."""
        with self.sessionmaker() as session:
            yield session

    async def keys(self) -> Iterable[str]:
        """Ids of all conversations."""
        with _said("keys"):
            return await super().keys()

    async def _retrieve(
        self, sender_id: str, fetch_events_from_all_sessions: bool
    ) -> DialogueStateTracker | None:
        with self.session_scope() as session:
            rows = self._event_query(session, sender_id, fetch_events_from_all_sessions)
            stored = [json.loads(data) for (data,) in rows.with_entities(self.SQLEvent.data)]
        if not stored:
            return None
        events = [_event_class(event["event"])._from_parameters(event) for event in stored]
        return DialogueStateTracker.from_events(sender_id, events, self.domain.slots)

    async def retrieve(self, sender_id: str) -> DialogueStateTracker | None:
        """The latest session of a conversation, or None."""
        with _said("retrieve"):
            return await super().retrieve(sender_id)

    async def retrieve_full_tracker(self, conversation_id: str) -> DialogueStateTracker | None:
        """All sessions of a conversation, or None."""
        with _said("retrieve_full_tracker"):
            return await super().retrieve_full_tracker(conversation_id)

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Add the tracker's new events, in one transaction."""
        with _said("save"):
            await super().save(tracker)

    async def erase(self, conversation_id: str) -> None:
        """Remove every event of a conversation, from the file's free pages too."""
        with _said("erase"):
            with self.session_scope() as session:
                session.query(self.SQLEvent).filter_by(sender_id=conversation_id).delete()
                session.commit()
            if self.engine.dialect.name == "sqlite":
                with self.engine.connect() as connection:
                    connection.execute(sa.text("PRAGMA wal_checkpoint(TRUNCATE)"))

    def check(self) -> None:
        """Read one row.

        Raises:
            StoreUnavailable: The database cannot be read.
        """
        with _said("check"), self.session_scope() as session:
            session.query(self.SQLEvent.id).limit(1).all()


def store_of(tracker_store: TrackerStore) -> ConversationStore:
    """Our store inside the wrapper that Rasa put around it.

    Raises:
        TypeError: Another store is in use. Rasa takes one in memory, with a mere warning, when
            it cannot import the class that endpoints.yml names.
    """
    inner = getattr(tracker_store, "_tracker_store", tracker_store)
    if not isinstance(inner, ConversationStore):
        raise TypeError(
            f"Conversations would be kept in a {type(inner).__name__}. Start Rasa from the "
            "project's root, with --endpoints endpoints.yml."
        )
    return inner


@functools.cache
def _event_class(name: str) -> type[Event]:
    # Rasa searches all subclasses for each event it reads: most of the time of a long tracker.
    return Event.resolve_by_type(name)


@contextmanager
def _said(operation: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # of whatever kind: the wrapper would turn it into an empty memory
        raise StoreUnavailable(operation) from error


@sa.event.listens_for(sa.engine.Engine, "connect")
def _prepare_sqlite(connection: Any, _: Any) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.execute(f"PRAGMA busy_timeout={SQLITE_BUSY_MILLISECONDS}")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA secure_delete=ON")
