"""What the widget on the shop's pages talks to."""

import asyncio
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Depends, Header, Query, Request, Response, WebSocket
from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway import metrics
from gateway.auth import Visitors
from gateway.guards import Limiter
from gateway.inbox import Inbox
from gateway.live import Live, Subscription
from gateway.routes.reading import frames, readable, until_one_ends
from gateway.settings import Settings
from gateway.views import customer_view, message_view, status_view
from gateway.wording import Wording
from store import agents, conversations, handoffs
from store.database import Database
from support.conversation import Author, Channel, Clock
from support.errors import BadRequest, NotFound, NotSignedIn

POLL_SECONDS = 25
MAX_SEQ = 2**31 - 1  # what a column of the store holds
HELLO_SECONDS = 5.0
UNAUTHORISED = 4401  # WebSocket close code: the token is not valid


class Press(BaseModel):
    """A pressed quick reply: which message offered it, and which one it was."""

    model_config = ConfigDict(extra="forbid")

    message: str = Field(max_length=64)
    index: int = Field(ge=0, le=20)


class Send(BaseModel):
    """What a customer sends: words, or a pressed quick reply."""

    model_config = ConfigDict(extra="forbid")

    text: str | None = None
    button: Press | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "Send":
        if (self.text is None) == (self.button is None):
            raise ValueError("send either text or button")
        return self


def widget(
    database: Database,
    inbox: Inbox,
    live: Live,
    visitors: Visitors,
    limiter: Limiter,
    wording: Wording,
    now: Clock,
    settings: Settings,
) -> APIRouter:
    """The widget's routes."""
    router = APIRouter(prefix="/widget", tags=["widget"])

    async def visitor(authorization: Annotated[str, Header()] = "") -> str:
        """The conversation of whoever sent the token."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise NotSignedIn("Send the conversation's token as Authorization: Bearer.")
        return visitors.conversation(token)

    Visitor = Annotated[str, Depends(visitor)]

    @router.get("/config")
    async def config() -> dict[str, Any]:
        """What the widget shows before the first message."""
        return {**wording.widget, "max_characters": settings.max_message_characters}

    @router.post("/conversations", status_code=201)
    async def start(request: Request) -> dict[str, str]:
        """Start a conversation. The token is the only key to it."""
        limiter.check("start", _address(request), settings.conversations_per_minute)
        # The channel knows visitors by nothing but their token: each is a customer of their own.
        address = uuid4().hex
        async with database.begin() as tx:
            conversation = await conversations.open_conversation(tx, Channel.WEB, address, now())
        return {"conversation": conversation.id, "token": visitors.token(conversation.id)}

    @router.post("/messages", status_code=201)
    async def send(
        body: Send,
        conversation: Visitor,
        response: Response,
        idempotency_key: Annotated[str, Header(min_length=8, max_length=128)],
    ) -> dict[str, Any]:
        """Store a message. The same key again gives the same message and changes nothing."""
        limiter.check("send", conversation, settings.messages_per_minute)
        if body.button is not None:
            text, payload = await _pressed(database, conversation, body.button)
        else:
            text, payload = readable(body.text or "", settings.max_message_characters), None
        message, new = await inbox.receive(conversation, idempotency_key, text, payload)
        if not new:
            response.status_code = 200
        return {
            "message": message_view(message, {}),
            "status": await _status(database, conversation),
        }

    @router.get("/messages")
    async def read(
        conversation: Visitor,
        after: Annotated[int, Query(ge=0, le=MAX_SEQ)] = 0,
        wait: Annotated[int, Query(ge=0, le=POLL_SECONDS)] = 0,
    ) -> dict[str, Any]:
        """The messages after a cursor; waits for one if there is none yet."""
        with live.visitor(conversation) as subscription:
            found = await _since(database, conversation, after)
            if wait and not found["messages"]:
                try:
                    await asyncio.wait_for(subscription.wait(), wait)
                except TimeoutError:
                    pass
                else:
                    found = await _since(database, conversation, after)
        return found | {"typing": live.who_types(conversation)}

    @router.websocket("/live")
    async def socket(socket: WebSocket) -> None:
        """Messages as they come. The first frame names the token and the cursor."""
        await socket.accept()
        try:
            hello = await asyncio.wait_for(anext(frames(socket)), HELLO_SECONDS)
            conversation = visitors.conversation(str(hello.get("token")))
        except StopAsyncIteration:
            return  # gone already
        except (TimeoutError, NotSignedIn):
            await socket.close(UNAUTHORISED)
            return
        after = hello.get("after", 0)
        after = after if type(after) is int and 0 <= after <= MAX_SEQ else 0
        with metrics.SOCKETS.labels(page="widget").track_inprogress():
            await _serve(socket, conversation, after)

    async def _serve(socket: WebSocket, conversation: str, after: int) -> None:
        with live.visitor(conversation) as subscription:
            try:
                await until_one_ends(
                    _read(socket, subscription, conversation),
                    _write(socket, subscription, conversation, after),
                )
            except NotFound:  # it was erased: the token is worth nothing any more
                await socket.close(UNAUTHORISED)

    async def _read(socket: WebSocket, subscription: Subscription, conversation: str) -> None:
        acknowledged = 0
        async for frame in frames(socket):
            if frame.get("type") == "ping":
                subscription.notify({"type": "pong"})
            elif frame.get("type") == "typing":
                live.customer_typing(conversation)
            elif frame.get("type") == "ack":
                seq = frame.get("seq")
                # Only what was not acknowledged before: a page that repeats itself writes nothing.
                if type(seq) is int and acknowledged < seq <= MAX_SEQ:
                    acknowledged = seq
                    async with database.begin() as tx:
                        await conversations.mark_seen(
                            tx, conversation, [Author.BOT, Author.AGENT], seq, now()
                        )

    async def _write(
        socket: WebSocket, subscription: Subscription, conversation: str, cursor: int
    ) -> None:
        status: dict[str, Any] | None = None
        subscription.notify_changed()
        if (who := live.who_types(conversation)) is not None:
            subscription.notify({"type": "typing", "who": who})
        while True:
            changed, news = await subscription.wait()
            if changed:
                found = await _since(database, conversation, cursor)
                if found["messages"]:
                    cursor = found["messages"][-1]["seq"]
                    await socket.send_json({"type": "messages", "messages": found["messages"]})
                if found["status"] != status:
                    status = found["status"]
                    await socket.send_json({"type": "status", "status": status})
            for item in news:
                await socket.send_json(item)

    return router


async def _since(database: Database, conversation: str, after: int) -> dict[str, Any]:
    async with database.read() as tx:
        found = await conversations.get(tx, conversation)
        handoff = await handoffs.open_of(tx, conversation)
        names = await agents.names(tx)
        messages = await conversations.transcript(tx, conversation, after)
    return {
        "messages": customer_view(messages, names),
        "status": status_view(found, handoff, names),
    }


async def _status(database: Database, conversation: str) -> dict[str, Any]:
    async with database.read() as tx:
        found = await conversations.get(tx, conversation)
        handoff = await handoffs.open_of(tx, conversation)
        return status_view(found, handoff, await agents.names(tx))


async def _pressed(database: Database, conversation: str, press: Press) -> tuple[str, Any]:
    """A pressed button is an id, looked up in what was stored, and only then a payload."""
    async with database.read() as tx:
        try:
            offered = await conversations.message(tx, conversation, press.message)
            button = offered.payload["buttons"][press.index]
        except (NotFound, KeyError, IndexError) as error:
            raise BadRequest("That quick reply is not on offer.") from error
    return button["title"], {"payload": button["payload"]}


def _address(request: Request) -> str:
    return request.client.host if request.client else "unknown"
