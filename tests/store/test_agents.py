"""Agents and their sessions."""

import sqlalchemy as sa

from store import agents
from store.database import Database
from store.schema import agent_sessions
from support.agent import Agent
from tests.store.conftest import NOON, minutes


async def test_an_agent_is_found_by_address_in_any_spelling(database: Database) -> None:
    """People type their address as they like."""
    async with database.begin() as tx:
        added = await agents.add(tx, " Mira@Example.org ", "Mira", "hash", NOON)
        assert added == Agent(added.id, "mira@example.org", "Mira")
        assert await agents.with_password_hash(tx, "MIRA@example.org ") == (added, "hash")
        assert await agents.with_password_hash(tx, "jan@example.org") is None
        assert await agents.names(tx) == {added.id: "Mira"}


async def test_a_new_password_ends_every_session(database: Database, mira: str) -> None:
    """A password is changed when somebody else may know the old one."""
    async with database.begin() as tx:
        jan = await agents.add(tx, "jan@example.org", "Jan", "hash", NOON)
        for agent, token in [(mira, "t-1"), (mira, "t-2"), (jan.id, "t-3")]:
            await agents.open_session(tx, agent, token, NOON, minutes(60))
        again = await agents.add(tx, "mira@example.org", "Mira B.", "new hash", minutes(1))

        assert again == Agent(mira, "mira@example.org", "Mira B.")
        assert await agents.with_password_hash(tx, "mira@example.org") == (again, "new hash")
        found = [await agents.by_session(tx, f"t-{n}", minutes(2)) for n in (1, 2, 3)]
    assert found == [None, None, jan]


async def test_a_session_ends_on_time(database: Database, mira: str) -> None:
    """At the minute it expires it is over, and the next sign-in sweeps it away."""
    async with database.begin() as tx:
        await agents.open_session(tx, mira, "t-1", NOON, minutes(60))
        assert await agents.by_session(tx, "t-1", minutes(59)) is not None
        assert await agents.by_session(tx, "t-1", minutes(60)) is None
        await agents.open_session(tx, mira, "t-2", minutes(60), minutes(120))
        left = (await tx.execute(sa.select(agent_sessions.c.token_hash))).scalars().all()
        assert left == ["t-2"]
        await agents.close_session(tx, "t-2")
        assert await agents.by_session(tx, "t-2", minutes(61)) is None


async def test_a_disabled_agent_is_out_at_once(database: Database, mira: str) -> None:
    """Somebody who left must not keep reading with a session of this morning."""
    async with database.begin() as tx:
        await agents.open_session(tx, mira, "t-1", NOON, minutes(60))
        await tx.exec_driver_sql("UPDATE agents SET disabled_at = created_at")

        assert await agents.by_session(tx, "t-1", minutes(1)) is None
        assert await agents.with_password_hash(tx, "mira@example.org") is None
        # Adding the agent again lets them in again.
        await agents.add(tx, "mira@example.org", "Mira", "hash", minutes(2))
        assert await agents.with_password_hash(tx, "mira@example.org") is not None
