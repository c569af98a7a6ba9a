"""Signing in, and who may open the console's doors."""

import asyncio
import json
import statistics
import time
from datetime import timedelta
from typing import Any

import httpx
import sqlalchemy as sa
from websockets.asyncio.client import connect

from gateway.auth import hash_password
from gateway.routes.console import COOKIE
from store.database import Database
from support.conversation import utcnow
from tests.gateway.conftest import (
    PASSWORD,
    Desk,
    Start,
    Visitor,
    add_agent,
    frame_of,
    signed_in,
)
from tests.gateway.test_widget import closed_with

MARKER = {"X-Aftercare": "console"}


async def sign_in(url: str, email: str, password: str) -> httpx.Response:
    """One attempt, with nothing remembered."""
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        body = {"email": email, "password": password}
        return await http.post("/console/session", json=body, headers=MARKER)


async def test_signing_in_and_out(gateway: str, database: Database) -> None:
    """The cookie is out of reach for scripts and other sites, and dies with the session."""
    await add_agent(database, "Mira")
    response = await sign_in(gateway, " MIRA@example.org ", PASSWORD)
    assert response.status_code == 200
    assert response.json()["agent"]["name"] == "Mira"
    cookie = response.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/console", "Max-Age=43200"} <= {
        part.strip() for part in cookie.split(";")
    }
    token = response.cookies[COOKIE]
    async with database.read() as tx:
        kept = str((await tx.execute(sa.text("SELECT * FROM agent_sessions"))).all())
    assert token not in kept

    async with httpx.AsyncClient(
        base_url=gateway, cookies={COOKIE: token}, headers=MARKER, trust_env=False
    ) as http:
        assert (await http.get("/console/session")).json()["agent"]["email"] == "mira@example.org"
        assert (await http.delete("/console/session")).status_code == 204
        http.cookies.set(COOKIE, token)
        assert (await http.get("/console/session")).status_code == 401


async def test_behind_tls_the_cookie_is_secure(start: Start, database: Database) -> None:
    """It must never travel in the clear."""
    await add_agent(database, "Mira")
    with start(public_url="https://support.example") as url:
        response = await sign_in(url, "mira@example.org", PASSWORD)
    assert "Secure" in response.headers["Set-Cookie"]


async def test_a_refused_sign_in_does_not_say_why(gateway: str, database: Database) -> None:
    """Neither in words nor in time: an address that is known must not show."""
    agent = await add_agent(database, "Mira")
    async with database.begin() as tx:  # with the cost of a real password
        await tx.execute(
            sa.text("UPDATE agents SET password_hash = :hash WHERE id = :id"),
            {"hash": hash_password(PASSWORD), "id": agent.id},
        )
    answers, seconds = set(), {"mira@example.org": [], "nobody@example.org": []}
    for _ in range(5):
        for email, taken in seconds.items():
            started = time.perf_counter()
            answer = await sign_in(gateway, email, "wrong")
            taken.append(time.perf_counter() - started)
            answers.add((answer.status_code, answer.text))
    known, unknown = (statistics.median(taken) for taken in seconds.values())

    assert len(answers) == 1
    assert answers.pop()[0] == 401
    assert 0.4 < known / unknown < 2.5
    assert (await sign_in(gateway, "mira@example.org", PASSWORD.strip())).status_code == 401


async def test_guessing_passwords_is_slow(start: Start, database: Database) -> None:
    """The right password does not help either once there were too many attempts."""
    await add_agent(database, "Mira")
    with start(sign_ins_per_minute=3) as url:
        for _ in range(3):
            assert (await sign_in(url, "mira@example.org", "guess")).status_code == 401
        refused = await sign_in(url, "mira@example.org", PASSWORD)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) >= 1


async def test_every_door_asks_for_a_session(gateway: str, queued: Visitor) -> None:
    """And for the header that another site's form cannot send."""
    async with httpx.AsyncClient(base_url=gateway, trust_env=False) as http:
        listed = (await http.get("/openapi.json")).json()["paths"]
        doors = [
            (method.upper(), path.replace("{conversation}", queued.conversation))
            for path, methods in listed.items()
            if path.startswith("/console/")
            for method in methods
            if (method, path) != ("post", "/console/session")
        ]
        assert len(doors) >= 12
        for cookies in ({}, {COOKIE: "x"}, {COOKIE: "x" * 5000}):
            http.cookies = httpx.Cookies(cookies)
            for method, path in doors:
                body = {} if method == "POST" else None
                headers = MARKER | {"Idempotency-Key": "12345678"}
                response = await http.request(method, path, json=body, headers=headers)
                # FastAPI reads the body before it asks who sent it: 422 says nothing either.
                assert response.status_code in (401, 422), (method, path)
                assert response.json()["error"]["code"] in ("unauthorised", "bad_request")


async def test_another_sites_form_does_nothing(queued: Visitor, mira: Desk) -> None:
    """With the cookie and without the header."""
    for marker in ("", "widget"):
        mira.http.headers["X-Aftercare"] = marker
        refused = await mira.post(queued.conversation, "claim")
        assert refused.status_code == 401
    assert (await sign_in_without_marker(mira.url)).status_code == 401
    assert await queued.status() == "queued"


async def sign_in_without_marker(url: str) -> httpx.Response:
    """As a form on another site would."""
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        return await http.post("/console/session", json={"email": "a", "password": "b"})


async def test_the_socket_is_for_this_site_and_a_session(gateway: str, mira: Desk) -> None:
    """Browsers send the cookie with a socket from anywhere: only Origin tells."""
    address = gateway.replace("http", "ws") + "/console/live"
    ours = {"Cookie": f"{COOKIE}={mira.cookie}"}
    for origin, headers in (
        ("https://evil.example", ours),
        ("null", ours),
        (None, ours),
        (gateway + ".evil.example", ours),
        (gateway, {}),
        (gateway, {"Cookie": f"{COOKIE}=wrong"}),
    ):
        async with connect(
            address, origin=origin, additional_headers=headers, proxy=None
        ) as socket:
            assert await closed_with(socket) == 4401, origin
    async with mira.live() as socket:
        await socket.send('{"type": "ping"}')
        await frame_of(socket, "pong")


async def test_a_socket_ends_with_its_session(mira: Desk) -> None:
    """Whoever was signed out does not go on listening."""
    async with mira.live() as socket:
        await socket.send('{"type": "ping"}')
        await frame_of(socket, "pong")
        assert (await mira.http.delete("/console/session")).status_code == 204
        await socket.send('{"type": "ping"}')
        assert await closed_with(socket) == 4401


async def test_a_session_ends_by_itself(start: Start, database: Database) -> None:
    """After the hours of a shift, also when nobody signs out."""
    await add_agent(database, "Mira")
    with start() as url:
        token = (await sign_in(url, "mira@example.org", PASSWORD)).cookies[COOKIE]
    with start(now=lambda: utcnow() + timedelta(hours=13)) as url:
        async with httpx.AsyncClient(base_url=url, cookies={COOKIE: token}) as http:
            assert (await http.get("/console/session")).status_code == 401


async def test_agents_see_who_else_reads(queued: Visitor, mira: Desk, jan: Desk) -> None:
    """Two who read the same request learn of each other before both write."""
    watch = json.dumps({"type": "watch", "conversation": queued.conversation})
    async with mira.live() as one:
        await one.send(watch)
        assert (await frame_of(one, "watchers"))["names"] == []
        async with jan.live() as two:
            await two.send(watch)
            assert (await frame_of(one, "watchers"))["names"] == ["Jan"]
            assert (await frame_of(two, "watchers"))["names"] == ["Mira"]
        assert (await frame_of(one, "watchers"))["names"] == []


async def test_nonsense_on_the_consoles_socket_is_ignored(mira: Desk) -> None:
    """A frame nobody understands costs nobody the connection."""
    frames: list[Any] = [
        "",
        "null",
        "[]",
        "{",
        "[" * 9000,
        b"\x00",
        '{"type": []}',
        '{"type": "watch"}',
        '{"type": "watch", "conversation": 5}',
        '{"type": "watch", "conversation": "no such"}',
        '{"type": "watch", "conversation": "\\ud800"}',
    ]
    async with mira.live() as socket:
        for frame in frames:
            await socket.send(frame)
        await socket.send('{"type": "ping"}')
        await frame_of(socket, "pong")


async def test_agents_texts_are_kept_readable(queued: Visitor, mira: Desk) -> None:
    """What breaks a database or hides a word is taken out of agents' texts too."""
    await mira.done(queued.conversation, "claim")
    answer = await mira.done(
        queued.conversation, "messages", {"text": " Hello\u00a0there\x00,\u202e friend "}
    )
    assert answer["message"]["text"] == "Hello there, friend"
    for nothing in ("", " ", "\x00"):
        refused = await mira.post(queued.conversation, "messages", {"text": nothing})
        assert refused.status_code == 400
    long = await mira.post(queued.conversation, "messages", {"text": "x" * 4001})
    assert long.status_code == 422
    wrong = await mira.post(queued.conversation, "resolve", {"outcome": "won"})
    assert wrong.status_code == 422


async def test_what_does_not_exist(mira: Desk) -> None:
    """An unknown conversation is 404 wherever it is named."""
    unknown = "0" * 32
    assert (await mira.http.get(f"/console/conversations/{unknown}")).status_code == 404
    for what, body in (("claim", {}), ("take", {}), ("notes", {"text": "a"})):
        assert (await mira.post(unknown, what, body)).status_code == 404
    assert (await mira.post(unknown, "messages", {"text": "a"})).status_code in (404, 409)


async def test_many_agents_listen_at_once(
    gateway: str, visitor: Visitor, database: Database
) -> None:
    """Each of twelve pages hears of one message."""
    desks = [signed_in(gateway, database, f"Agent{n}") for n in range(12)]
    opened = [await desk.__aenter__() for desk in desks]
    lives = [desk.live() for desk in opened]
    sockets = [await live.__aenter__() for live in lives]
    try:
        await visitor.ask("hello")
        heard = await asyncio.gather(*(frame_of(s, "conversation") for s in sockets))
    finally:
        for context in (*lives, *desks):
            await context.__aexit__(None, None, None)
    assert {frame["conversation"] for frame in heard} == {visitor.conversation}
