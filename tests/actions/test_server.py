"""The server fails loudly towards Rasa, and quietly towards the log."""

import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import structlog
from sanic import Sanic

from actions.base import SupportAction, Tools
from actions.conversation import RequestHuman
from actions.registry import executor_of
from actions.server import create_app
from actions.turn import Turn
from store import facts as fact_store
from support.facts import FactStatus
from tests.actions.rasa import DOMAIN, conversation

WORDS = "my secret words"


class Breaks(SupportAction):
    """Keeps a fact, says something, and then fails."""

    action_name = "action_breaks"

    async def act(self, turn: Turn) -> None:
        await turn.note("symptom", WORDS, FactStatus.CUSTOMER_SAYS)
        turn.quote("Your refund is on its way.")
        raise RuntimeError(f"no luck with {turn.text}")


@pytest.fixture
async def client(tools: Tools) -> AsyncIterator[httpx.AsyncClient]:
    Sanic.test_mode = True
    app = create_app(executor_of([Breaks(tools), RequestHuman(tools)]), tools)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = await app.create_server(sock=listening, return_asyncio_server=True)
        assert server is not None
        await server.startup()
        await server.start_serving()
        port = listening.getsockname()[1]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
            yield http
        await server.close()
    Sanic.unregister_app(app)


async def _call(http: httpx.AsyncClient, action: str, conversation_id: str) -> httpx.Response:
    call: dict[str, Any] = {
        "next_action": action, "domain": DOMAIN, "version": "3.6.21",
        "tracker": {
            "sender_id": conversation_id, "slots": {}, "active_loop": {},
            "latest_message": {"text": WORDS, "intent": {"name": "inform", "confidence": 1.0}},
            "latest_action_name": "action_listen",
            "events": [{"event": "user", "text": WORDS, "message_id": "m-1"}],
        },
    }  # fmt: skip
    return await http.post("/webhook", content=json.dumps(call))


async def test_a_failing_action_is_a_failing_call(
    client: httpx.AsyncClient, tools: Tools, capfd: pytest.CaptureFixture[str]
) -> None:
    """5xx makes Rasa drop the turn; nothing is kept, said, or written into the log."""
    talk = await conversation(tools)
    with structlog.testing.capture_logs() as logs:
        response = await _call(client, "action_breaks", talk)
    assert response.status_code == 500
    assert WORDS not in response.text
    assert "refund" not in response.text
    assert [one["event"] for one in logs] == ["action failed"]
    assert WORDS not in json.dumps(logs) + "".join(capfd.readouterr())
    async with tools.database.read() as tx:
        assert await fact_store.known(tx, talk) == {}


async def test_a_call_is_answered_in_rasas_protocol(
    client: httpx.AsyncClient, tools: Tools
) -> None:
    response = await _call(client, "action_request_human", await conversation(tools))
    assert response.status_code == 200
    assert response.json()["responses"][0]["custom"]["handoff"]["trigger"] == "customer_asked"


async def test_what_nobody_serves_and_what_is_no_call(
    client: httpx.AsyncClient, tools: Tools
) -> None:
    assert (await _call(client, "action_unheard_of", await conversation(tools))).status_code == 404
    assert (await client.post("/webhook", content=b"{")).status_code == 400


async def test_health_names_the_knowledge(client: httpx.AsyncClient, tools: Tools) -> None:
    health = (await client.get("/health")).json()
    assert health == {"status": "ok", "knowledge": tools.knowledge.release}
