"""Who is asking: visitors by a signed token, agents by a server-side session."""

import asyncio
import hashlib
import hmac
import json
import secrets
from datetime import date, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from itsdangerous import BadSignature, URLSafeSerializer

from store import agents
from store.database import Database
from support.agent import Agent
from support.conversation import Clock
from support.errors import NotSignedIn

MAX_PASSWORD_CHARACTERS = 256

_hasher = PasswordHasher()
# Verified when the address is unknown, so that both answers take the same time.
_NOBODY = _hasher.hash(secrets.token_urlsafe(16))


class Visitors:
    """Signed tokens for the widget: knowing a conversation's id proves nothing."""

    def __init__(self, secret_key: str) -> None:
        self._serializer = URLSafeSerializer(secret_key, salt="aftercare.visitor")

    def token(self, conversation: str) -> str:
        """The token of a conversation's customer."""
        return str(self._serializer.dumps(conversation))

    def conversation(self, token: str) -> str:
        """The conversation that a token belongs to.

        Raises:
            NotSignedIn: It is not a token of ours.
        """
        try:
            conversation = self._serializer.loads(token)
        except (BadSignature, UnicodeEncodeError) as error:
            raise NotSignedIn("This conversation's token is not valid.") from error
        if not isinstance(conversation, str):
            raise NotSignedIn("This conversation's token is not valid.")
        return conversation


class Passers:
    """Tells visitors of the help pages apart for a day, without a cookie and without knowing them.

    The mark is a keyed hash. What it is made of is not kept, and the store takes the marks of
    earlier days out.
    """

    def __init__(self, secret_key: str) -> None:
        self._key = hashlib.sha256(f"aftercare.passer {secret_key}".encode()).digest()

    def mark(self, address: str, browser: str, article: str, on: date) -> str:
        """The same for one visitor, article and day; 64 hex digits."""
        told = json.dumps([on.isoformat(), address, browser, article])
        return hmac.new(self._key, told.encode(), hashlib.sha256).hexdigest()


class AgentSessions:
    """Signing in and out. The cookie's value is kept only as a hash."""

    def __init__(self, database: Database, now: Clock, lasts: timedelta) -> None:
        self._database, self._now, self._lasts = database, now, lasts

    async def sign_in(self, email: str, password: str) -> tuple[Agent, str]:
        """Check a password and open a session.

        Returns:
            The agent, and the value for their cookie.

        Raises:
            NotSignedIn: Address and password do not belong together.
        """
        async with self._database.read() as tx:
            known = await agents.with_password_hash(tx, email)
        hashed = known[1] if known else _NOBODY
        right = await asyncio.to_thread(_verify, hashed, password[:MAX_PASSWORD_CHARACTERS])
        if known is None or not right:
            raise NotSignedIn("Address and password do not belong together.")
        token = secrets.token_urlsafe(32)
        at = self._now()
        async with self._database.begin() as tx:
            await agents.open_session(tx, known[0].id, _hash(token), at, at + self._lasts)
        return known[0], token

    async def agent(self, token: str | None) -> Agent:
        """Whose session that is.

        Raises:
            NotSignedIn: Nobody's, or it has ended.
        """
        if token:
            async with self._database.read() as tx:
                agent = await agents.by_session(tx, _hash(token), self._now())
            if agent is not None:
                return agent
        raise NotSignedIn

    async def sign_out(self, token: str) -> None:
        """End a session."""
        async with self._database.begin() as tx:
            await agents.close_session(tx, _hash(token))


def hash_password(password: str) -> str:
    """The argon2id hash of a new password, with its parameters."""
    return _hasher.hash(password)


def _verify(hashed: str, password: str) -> bool:
    try:
        return _hasher.verify(hashed, password)
    except VerificationError:
        return False


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
