"""What the agents' console talks to."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Cookie, Depends, Header, Query, Request, Response, WebSocket
from pydantic import BaseModel, ConfigDict, Field

from gateway import metrics
from gateway.auth import MAX_PASSWORD_CHARACTERS, AgentSessions
from gateway.desk import Desk
from gateway.guards import Limiter
from gateway.library import Library
from gateway.live import Live, Subscription
from gateway.routes.reading import frames, readable, until_one_ends
from gateway.search import Search
from gateway.settings import Settings
from gateway.views import (
    case_view,
    finding_view,
    found_view,
    handoff_view,
    last_message_view,
    message_view,
    queue_item,
    status_view,
)
from store import agents, cases, conversations, facts, feedback, handoffs
from store.database import Database
from support.agent import Agent
from support.conversation import Author, Clock, Status
from support.errors import NotSignedIn
from support.facts import FactStatus
from support.feedback import FeedbackPolicy, due_for_review, findings
from support.summary import problem

COOKIE = "aftercare_session"
UNAUTHORISED = 4401
Key = Annotated[str, Header(alias="Idempotency-Key", min_length=8, max_length=128)]
MAX_CHARACTERS = 4000
MAX_QUESTION = 500
SUGGESTED = 5
Text = Annotated[str, Field(max_length=MAX_CHARACTERS)]


class Body(BaseModel):
    """A request's body: what is not known is refused."""

    model_config = ConfigDict(extra="forbid")


class SignIn(Body):
    """An agent's address and password."""

    email: str = Field(max_length=254)
    password: str = Field(max_length=MAX_PASSWORD_CHARACTERS)


class Write(Body):
    """A reply or a note."""

    text: Text


class Return(Body):
    """What other agents should know when the bot has the conversation again."""

    note: Text = ""


class Resolve(Return):
    """How a conversation ended."""

    outcome: Literal["solved", "not_solved", "follow_up"]


def console(
    database: Database,
    desk: Desk,
    live: Live,
    sessions: AgentSessions,
    limiter: Limiter,
    search: Search,
    library: Library,
    feedback_policy: FeedbackPolicy,
    now: Clock,
    settings: Settings,
) -> APIRouter:
    """The console's routes."""
    router = APIRouter(prefix="/console", tags=["console"])

    async def signed_in(
        request: Request,
        token: Annotated[str | None, Cookie(alias=COOKIE)] = None,
        marker: Annotated[str, Header(alias="X-Aftercare")] = "",
    ) -> Agent:
        """The agent whose cookie came along."""
        # A form on another site can send neither this header nor our cookie (SameSite=Strict).
        if request.method not in ("GET", "HEAD") and marker != "console":
            raise NotSignedIn("Send the header X-Aftercare: console.")
        return await sessions.agent(token)

    SignedIn = Annotated[Agent, Depends(signed_in)]

    @router.post("/session")
    async def sign_in(
        body: SignIn,
        request: Request,
        response: Response,
        marker: Annotated[str, Header(alias="X-Aftercare")] = "",
    ) -> dict[str, Any]:
        """Sign in."""
        if marker != "console":
            raise NotSignedIn("Send the header X-Aftercare: console.")
        address = request.client.host if request.client else "unknown"
        limiter.check("sign in from", address, settings.sign_ins_per_minute)
        limiter.check("sign in as", body.email.strip().lower(), settings.sign_ins_per_minute)
        agent, token = await sessions.sign_in(body.email, body.password)
        response.set_cookie(
            COOKIE,
            token,
            max_age=settings.session_hours * 3600,
            path="/console",
            secure=settings.public_url.startswith("https://"),
            httponly=True,
            samesite="strict",
        )
        return {"agent": _agent(agent)}

    @router.get("/session")
    async def who(agent: SignedIn) -> dict[str, Any]:
        """Who is signed in."""
        return {"agent": _agent(agent)}

    @router.delete("/session", status_code=204)
    async def sign_out(
        _agent: SignedIn,
        response: Response,
        token: Annotated[str, Cookie(alias=COOKIE)],
    ) -> None:
        """Sign out."""
        await sessions.sign_out(token)
        response.delete_cookie(COOKIE, path="/console")

    @router.get("/queue")
    async def queue(agent: SignedIn) -> dict[str, Any]:
        """Everything that waits for a person or is held by one, most urgent first."""
        async with database.read() as tx:
            waiting = await handoffs.all_open(tx)
            ids = [handoff.conversation for handoff in waiting]
            names = await agents.names(tx)
            latest = await conversations.latest(tx, ids)
            unread = await conversations.unread(tx, ids)
        items = [
            queue_item(
                h, latest[h.conversation], unread.get(h.conversation, 0), agent.id, names, now()
            )
            for h in waiting
        ]
        return {
            "urgent": [i for i in items if i["urgency"] == "urgent" and i["state"] == "queued"],
            "unassigned": [i for i in items if i["state"] == "queued"],
            "mine": [i for i in items if i["mine"]],
            "all": items,
        }

    @router.get("/bot-conversations")
    async def with_the_bot(_agent: SignedIn) -> dict[str, Any]:
        """What the bot is talking about now, newest first, so that an agent can take one."""
        async with database.read() as tx:
            recent = await conversations.recent(tx, Status.BOT)
        return {
            "conversations": [
                {
                    "conversation": conversation.id,
                    "status": conversation.status.value,
                    "started_at": conversation.started_at.isoformat().replace("+00:00", "Z"),
                    "last_message": last_message_view(message),
                }
                for conversation, message in recent
            ]
        }

    @router.get("/conversations/{conversation}")
    async def one(conversation: str, agent: SignedIn) -> dict[str, Any]:
        """A conversation with its packet, its whole transcript and its cases."""
        async with database.read() as tx:
            found = await conversations.get(tx, conversation)
            handoff = await handoffs.open_of(tx, conversation)
            names = await agents.names(tx)
            # A closed conversation still shows what was known when a person was asked for.
            ever = [handoff] if handoff else await handoffs.of_conversation(tx, conversation)
            transcript = await conversations.transcript(tx, conversation)
            opened = await cases.of_conversation(tx, conversation)
        return {
            "conversation": {
                "id": found.id,
                "channel": found.channel.value,
                "status": status_view(found, handoff, names),
                "started_at": found.started_at.isoformat().replace("+00:00", "Z"),
            },
            "handoff": handoff_view(handoff, agent.id, names) if handoff else None,
            "packet": ever[-1].packet if ever else None,
            "messages": [message_view(m, names) for m in transcript],
            "cases": [case_view(case) for case in opened],
        }

    @router.get("/conversations/{conversation}/articles")
    async def suggested(
        conversation: str,
        _agent: SignedIn,
        q: Annotated[str, Query(max_length=MAX_QUESTION)] = "",
    ) -> dict[str, Any]:
        """The best articles for the conversation's problem, or for a question, with reasons."""
        async with database.read() as tx:
            await conversations.get(tx, conversation)
            known = await facts.known(tx, conversation)
            transcript = await conversations.transcript(tx, conversation)
        question = readable(q, MAX_QUESTION) if q.strip() else problem(known, transcript)
        told = known.get("product_type")
        product = None if told is None or told.status is FactStatus.UNKNOWN else told.value
        found = (
            await search.find(question[:MAX_QUESTION], product, "agent", SUGGESTED)
            if question.strip()
            else []
        )
        articles = library.articles()
        return {
            "question": question[:MAX_QUESTION],
            "product": product,
            "results": [
                found_view(one, articles[one.article], settings.public_url)
                for one in found
                if one.article in articles
            ],
        }

    @router.get("/articles-to-look-at")
    async def to_look_at(_agent: SignedIn) -> dict[str, Any]:
        """Texts that probably do not help, worst first, and articles that are due for review."""
        async with database.read() as tx:
            counts = await feedback.counts(tx)
        articles = list(library.articles().values())
        return {
            "findings": [finding_view(f) for f in findings(articles, counts, feedback_policy)],
            "due": [
                {"article": a.id, "title": a.title, "owner": a.owner, "until": day.isoformat()}
                for day, a in due_for_review(articles, now().date(), feedback_policy)
            ],
        }

    @router.post("/conversations/{conversation}/claim")
    async def claim(conversation: str, agent: SignedIn) -> dict[str, Any]:
        """Take a waiting conversation; of two agents one gets it."""
        return await _handed(desk.claim, conversation, agent)

    @router.post("/conversations/{conversation}/take")
    async def take(conversation: str, agent: SignedIn) -> dict[str, Any]:
        """Take a conversation over from the bot."""
        return await _handed(desk.take, conversation, agent)

    async def _handed(
        how: Callable[[str, Agent], Awaitable[Any]], conversation: str, agent: Agent
    ) -> dict[str, Any]:
        handoff = await how(conversation, agent)
        return {"handoff": handoff_view(handoff, agent.id, {agent.id: agent.name})}

    @router.post("/conversations/{conversation}/messages", status_code=201)
    async def reply(
        conversation: str, body: Write, agent: SignedIn, key: Key, response: Response
    ) -> dict[str, Any]:
        """Answer the customer; the same key again changes nothing."""
        message, new = await desk.answer(conversation, agent, key, _readable(body.text))
        response.status_code = 201 if new else 200
        return {"message": message_view(message, {agent.id: agent.name})}

    @router.post("/conversations/{conversation}/notes", status_code=201)
    async def note(
        conversation: str, body: Write, agent: SignedIn, key: Key, response: Response
    ) -> dict[str, Any]:
        """Write a note that only agents see; the same key again changes nothing."""
        message, new = await desk.note(conversation, agent, key, _readable(body.text))
        response.status_code = 201 if new else 200
        return {"message": message_view(message, {agent.id: agent.name})}

    @router.post("/conversations/{conversation}/return")
    async def give_back(conversation: str, body: Return, agent: SignedIn) -> dict[str, Any]:
        """Give the conversation back to the bot."""
        await desk.give_back(conversation, agent, _note(body.note))
        return {"status": {"state": Status.BOT.value, "agent": None, "reference": None}}

    @router.post("/conversations/{conversation}/resolve")
    async def resolve(conversation: str, body: Resolve, agent: SignedIn) -> dict[str, Any]:
        """Close the conversation."""
        await desk.resolve(conversation, agent, body.outcome, _note(body.note))
        return {"status": {"state": Status.RESOLVED.value, "agent": None, "reference": None}}

    @router.post("/conversations/{conversation}/typing", status_code=204)
    async def typing(conversation: str, agent: SignedIn) -> None:
        """Show the customer that the agent is writing."""
        async with database.read() as tx:
            handoff = await handoffs.open_of(tx, conversation)
        if handoff is not None and handoff.agent == agent.id:
            live.agent_typing(conversation)

    @router.websocket("/live")
    async def socket(socket: WebSocket) -> None:
        """What happens, as it happens."""
        origin = socket.headers.get("origin", "")
        try:
            if origin.partition("://")[2] != socket.headers.get("host"):
                raise NotSignedIn("Another site may not open this socket.")
            agent = await sessions.agent(socket.cookies.get(COOKIE))
        except NotSignedIn:
            await socket.accept()  # a close before this could not tell the page why
            await socket.close(UNAUTHORISED)
            return
        await socket.accept()
        with (
            metrics.SOCKETS.labels(page="console").track_inprogress(),
            live.agent(agent.name) as subscription,
        ):
            try:
                await until_one_ends(_read(socket, subscription), _write(socket, subscription))
            except NotSignedIn:
                await socket.close(UNAUTHORISED)

    async def _read(socket: WebSocket, subscription: Subscription) -> None:
        async for frame in frames(socket):
            # With every frame, and pages ping: who was signed out does not go on listening.
            await sessions.agent(socket.cookies.get(COOKIE))
            kind, conversation = frame.get("type"), frame.get("conversation")
            if kind == "ping":
                subscription.notify({"type": "pong"})
            elif kind == "watch" and conversation is None:
                live.unwatch(subscription)
            elif kind == "watch" and isinstance(conversation, str) and conversation.isalnum():
                await _watch(subscription, conversation)

    async def _watch(subscription: Subscription, conversation: str) -> None:
        async with database.begin() as tx:
            last = (await conversations.latest(tx, [conversation])).get(conversation)
            if last is None:
                return
            seen = await conversations.mark_seen(
                tx, conversation, [Author.CUSTOMER], last.seq, now()
            )
        live.watch(subscription, conversation)
        if seen:
            live.seen(conversation, last.seq)
            live.queue_changed()  # it counts what nobody has read

    return router


async def _write(socket: WebSocket, subscription: Subscription) -> None:
    while True:
        _, news = await subscription.wait()
        for item in news:
            await socket.send_json(item)


def _agent(agent: Agent) -> dict[str, str]:
    return {"id": agent.id, "name": agent.name, "email": agent.email}


def _readable(text: str) -> str:
    return readable(text, MAX_CHARACTERS)


def _note(text: str) -> str:
    return _readable(text) if text.strip() else ""
