"""Adding the people who answer."""

import asyncio
import re
import sys
from getpass import getpass

import sqlalchemy as sa

from gateway.auth import hash_password
from operate.steps import StepFailed
from store import agents
from store.database import Database
from support.agent import Agent
from support.conversation import utcnow

MIN_PASSWORD_CHARACTERS = 10


def add_agent(database_url: str, email: str, name: str, password: str) -> Agent:
    """Add an agent, or give the one with that address a new name and password.

    Raises:
        StepFailed: The address, the name or the password cannot be used.
    """
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", email.strip()):
        raise StepFailed(f"{email!r} is not an e-mail address.")
    if not 1 <= len(name.strip()) <= 100:
        raise StepFailed("The name is what customers see: 1 to 100 characters.")
    if len(password) < MIN_PASSWORD_CHARACTERS:
        raise StepFailed(f"The password needs at least {MIN_PASSWORD_CHARACTERS} characters.")
    return asyncio.run(_add(database_url, email, name.strip(), hash_password(password)))


def ask_password(from_standard_input: bool) -> str:
    """The password: one line of standard input, or typed twice without being shown.

    Raises:
        StepFailed: There is no terminal to type it on, or it was typed differently.
    """
    if from_standard_input:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise StepFailed("There is no terminal to type a password on: use --password-stdin.")
    password = getpass(f"Password (at least {MIN_PASSWORD_CHARACTERS} characters): ")
    if password != getpass("Once more: "):
        raise StepFailed("The two passwords differ.")
    return password


def count_agents(database_url: str) -> int:
    """How many agents there are."""
    return asyncio.run(_count(database_url))


async def _add(database_url: str, email: str, name: str, password_hash: str) -> Agent:
    database = Database(database_url)
    try:
        async with database.begin() as tx:
            return await agents.add(tx, email, name, password_hash, utcnow())
    except sa.exc.OperationalError as error:
        raise StepFailed(
            "The database has no agents table yet: run `make run`, or "
            "`python -m operate prepare`, first."
        ) from error
    finally:
        await database.close()


async def _count(database_url: str) -> int:
    database = Database(database_url)
    try:
        async with database.read() as tx:
            return len(await agents.names(tx))
    finally:
        await database.close()
