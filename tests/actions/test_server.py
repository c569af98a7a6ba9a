"""The server fails loudly towards Rasa, and quietly towards the log."""

import json
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
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
from retrieval.building import Sources, build
from retrieval.encoder import OnnxEncoder
from retrieval.releases import roll_back
from store import facts as fact_store
from support.facts import FactStatus
from tests.actions.rasa import DOMAIN, NOW, conversation

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


async def test_a_damaged_release_raises_the_alarm(
    client: httpx.AsyncClient, tools: Tools, index: Path, articles: Path, encoder: OnnxEncoder
) -> None:
    """In /health and in Prometheus' figures, while the release before goes on answering."""
    before = tools.knowledge.release
    assert "aftercare_knowledge_degraded 0.0" in (await client.get("/metrics")).text
    sources = Sources(articles, index / "none", index / "none")
    new = build(sources, index, encoder, NOW + timedelta(minutes=1), force=True).release
    file = index / "releases" / new / "passages.json"
    content = file.read_bytes()
    file.write_bytes(content[:-1])

    assert "aftercare_knowledge_degraded 1.0" in (await client.get("/metrics")).text
    health = (await client.get("/health")).json()
    assert (health["status"], health["knowledge"]) == ("degraded", before)
    assert "passages.json" in health["reason"]
    file.write_bytes(content)
    roll_back(index, new)
    assert (await client.get("/health")).json() == {"status": "ok", "knowledge": new}
    assert "aftercare_knowledge_degraded 0.0" in (await client.get("/metrics")).text


async def test_the_articles_are_searched_with_reasons(client: httpx.AsyncClient) -> None:
    """The gateway has no index: this is what its help pages and its agents are shown."""
    asked = {"question": "where do I pour in the salt", "product": "dishwasher", "limit": 2}
    response = await client.post("/search", json=asked)
    assert response.status_code == 200
    results = response.json()["results"]
    assert len(results) == len({one["article_id"] for one in results}) == 2
    first = results[0]
    assert (first["article_id"], first["anchor"]) == ("add-salt", "fill")
    assert "salt" in first["words"]
    assert "salt" in first["matched"]
    assert 0 < first["probability"] <= 1
    assert first["quote"].startswith("Open the cap")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b'"salt"', 400),
        (b"{}", 400),
        (b'{"question": " "}', 400),
        (json.dumps({"question": "s" * 1001}).encode(), 400),
        (b'{"question": "salt", "audience": "owner"}', 400),
        (b'{"question": "salt", "limit": 0}', 400),
        (b'{"question": "salt", "limit": 1000}', 400),
        (b'{"question": "salt", "more": 1}', 400),
        (b'{"question": "my secret words \\ud800"}', 400),
        (b" " * 20_000 + b'{"question": "salt"}', 413),
    ],
)
async def test_what_is_no_question_is_refused(
    client: httpx.AsyncClient, body: bytes, status: int
) -> None:
    """Without repeating it: it may be a customer's."""
    response = await client.post("/search", content=body)
    assert response.status_code == status
    assert set(response.json()) == {"error"}
    assert WORDS not in response.text
