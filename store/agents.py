"""The people who answer, and their sessions."""

from datetime import datetime
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from store.schema import agent_sessions, agents
from support.agent import Agent


async def add(
    tx: AsyncConnection, email: str, name: str, password_hash: str, at: datetime
) -> Agent:
    """Add an agent, or give the one with that address a new name and password."""
    email = email.strip().lower()
    values = {"name": name, "password_hash": password_hash, "disabled_at": None}
    known = await tx.scalar(
        sa.update(agents).where(agents.c.email == email).values(values).returning(agents.c.id)
    )
    if known is not None:
        # A new password ends every session that was opened with the old one.
        await tx.execute(sa.delete(agent_sessions).where(agent_sessions.c.agent == known))
        return Agent(known, email, name)
    agent = Agent(uuid4().hex, email, name)
    await tx.execute(sa.insert(agents).values(id=agent.id, email=email, created_at=at, **values))
    return agent


async def with_password_hash(tx: AsyncConnection, email: str) -> tuple[Agent, str] | None:
    """The active agent of that address and the hash of their password."""
    row = (
        await tx.execute(
            sa.select(agents).where(
                agents.c.email == email.strip().lower(), agents.c.disabled_at.is_(None)
            )
        )
    ).one_or_none()
    return None if row is None else (Agent(row.id, row.email, row.name), row.password_hash)


async def names(tx: AsyncConnection) -> dict[str, str]:
    """The name of every agent, by id."""
    rows = await tx.execute(sa.select(agents.c.id, agents.c.name))
    return {row.id: row.name for row in rows}


async def open_session(
    tx: AsyncConnection, agent: str, token_hash: str, at: datetime, expires_at: datetime
) -> None:
    """Keep a session; expired ones of everybody are dropped on the way."""
    await tx.execute(sa.delete(agent_sessions).where(agent_sessions.c.expires_at <= at))
    await tx.execute(
        sa.insert(agent_sessions).values(
            token_hash=token_hash, agent=agent, created_at=at, expires_at=expires_at
        )
    )


async def by_session(tx: AsyncConnection, token_hash: str, at: datetime) -> Agent | None:
    """The agent whose unexpired session that is."""
    row = (
        await tx.execute(
            sa.select(agents.c.id, agents.c.email, agents.c.name)
            .join(agent_sessions, agent_sessions.c.agent == agents.c.id)
            .where(
                agent_sessions.c.token_hash == token_hash,
                agent_sessions.c.expires_at > at,
                agents.c.disabled_at.is_(None),
            )
        )
    ).one_or_none()
    return None if row is None else Agent(row.id, row.email, row.name)


async def close_session(tx: AsyncConnection, token_hash: str) -> None:
    """End a session."""
    await tx.execute(sa.delete(agent_sessions).where(agent_sessions.c.token_hash == token_hash))
