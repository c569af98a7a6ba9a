"""What stands in front of every route: sizes, headers, and one form for every error."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, WebSocket
from websockets.asyncio.client import connect

from gateway import guards
from gateway.guards import Limiter
from support.errors import SlowDown
from tests.gateway.conftest import Visitor
from tests.gateway.test_widget import closed_with
from tests.neighbours import serve


def is_error(response: httpx.Response) -> bool:
    """Whether it has the one form of every error."""
    body: Any = response.json()
    return (
        set(body) == {"error"}
        and set(body["error"]) == {"code", "message"}
        and all(isinstance(value, str) and value for value in body["error"].values())
    )


async def test_every_error_has_one_form(gateway: str) -> None:
    """A page that understands one error understands them all."""
    async with httpx.AsyncClient(base_url=gateway, trust_env=False) as http:
        for method, path, status in (
            ("GET", "/no/such/page", 404),
            ("GET", "/widget/assets/none.js", 404),
            ("GET", "/help/no-such-article", 404),
            ("GET", "/widget/assets/../../pyproject.toml", 404),
            ("GET", "/widget/assets/%2e%2e/%2e%2e/pyproject.toml", 404),
            ("DELETE", "/widget/config", 405),
            ("GET", "/widget/messages", 401),
            ("GET", "/console/queue", 401),
            ("POST", "/console/session", 422),
        ):
            response = await http.request(method, path)
            assert response.status_code == status, path
            assert is_error(response), path
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["Referrer-Policy"] == "no-referrer"


async def test_bodies_have_a_size(visitor: Visitor) -> None:
    """Refused by their length, before they are read."""

    async def drops() -> AsyncIterator[bytes]:
        yield b'{"text": "a"}'

    headers = {"Idempotency-Key": "12345678", "Content-Type": "application/json"}
    big = await visitor.http.post("/widget/messages", content=b"x" * 65_537, headers=headers)
    assert (big.status_code, big.json()["error"]["code"]) == (413, "too_large")
    chunked = await visitor.http.post("/widget/messages", content=drops(), headers=headers)
    assert (chunked.status_code, chunked.json()["error"]["code"]) == (411, "length_required")
    got = await visitor.http.request("GET", "/widget/messages", content=drops())
    assert got.status_code == 411
    assert is_error(big)
    assert is_error(chunked)
    assert is_error(got)
    assert await visitor.messages() == []


@pytest.mark.parametrize("length", ["-1", "1e3", "0x10", "99999999999999999999"])
async def test_a_length_that_is_none_is_refused(gateway: str, length: str) -> None:
    """Whatever the server in front lets through."""
    host, port = gateway.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /widget/conversations HTTP/1.1\r\nHost: x\r\nContent-Length: {length}"
    writer.write(f"{head}\r\n\r\n{{}}".encode())
    status = (await asyncio.wait_for(reader.readline(), 5)).split()[1]
    writer.close()
    assert status in (b"400", b"413")


async def test_an_unforeseen_error_tells_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    """Neither to the page nor to the log: its sentence may be a customer's."""
    app = FastAPI()
    guards.install(app)

    @app.get("/broken")
    async def broken() -> None:
        raise KeyError("my secret words")

    @app.websocket("/broken")
    async def broken_socket(socket: WebSocket) -> None:
        await socket.accept()
        raise KeyError("my secret words")

    with serve(app) as url:
        async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
            response = await http.get("/broken")
        async with connect(url.replace("http", "ws") + "/broken", proxy=None) as socket:
            assert await closed_with(socket) == 1011
    logged = "".join(capfd.readouterr())

    assert response.status_code == 500
    assert is_error(response)
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "secret words" not in response.text + logged
    assert "KeyError" in logged
    assert "broken" in logged


def test_the_limiter_counts_each_alone() -> None:
    """By kind and by who."""
    limiter = Limiter()
    for _ in range(3):
        limiter.check("send", "a", 3)
    with pytest.raises(SlowDown) as refused:
        limiter.check("send", "a", 3)
    assert 1 <= refused.value.retry_after_seconds <= 60
    limiter.check("send", "b", 3)
    limiter.check("start", "a", 3)


async def test_a_hostile_host_header_changes_nothing(gateway: str) -> None:
    """No page and no error repeats it."""
    async with httpx.AsyncClient(base_url=gateway, trust_env=False) as http:
        for path in ("/", "/widget/frame", "/no/such/page", "/help"):
            response = await http.get(path, headers={"Host": "evil.example"})
            assert "evil.example" not in response.text + str(response.headers)


async def test_no_answer_of_the_api_is_cached(visitor: Visitor) -> None:
    """A conversation must not lie in a proxy."""
    response = await visitor.http.get("/widget/messages")
    assert response.headers["Cache-Control"] == "no-store"
    assert json.loads(response.text)["messages"] == []
