"""What the widget relies on: tokens, keys, quick replies, history, the socket and the poll."""

import asyncio
import json
import time
from typing import Any
from uuid import uuid4

import httpx
import sqlalchemy as sa
from itsdangerous import URLSafeSerializer
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from gateway.settings import Settings
from store.database import Database
from tests.gateway.conftest import Desk, Start, Visitor, frame_of, visiting
from tests.neighbours import ScriptedRasa, eventually

BUTTONS = [{"text": "Right?", "buttons": [{"title": "Yes", "payload": "/affirm"}]}]


async def closed_with(socket: ClientConnection) -> int | None:
    """The code with which the gateway closes a socket."""
    try:
        async with asyncio.timeout(8):
            while True:
                await socket.recv()
    except ConnectionClosed:
        return socket.close_code


def bad_tokens(visitor: Visitor) -> list[str]:
    """Tokens that are not ours, each wrong in another way."""
    other_key = URLSafeSerializer("another secret key of another shop", salt="aftercare.visitor")
    other_salt = URLSafeSerializer(
        "a secret key for tests, and for nothing else", salt="something else"
    )
    return [
        "",
        " ",
        "x",
        visitor.conversation,
        visitor.token[:-1],
        visitor.token + "x",
        "." + visitor.token,
        str(other_key.dumps(visitor.conversation)),
        str(other_salt.dumps(visitor.conversation)),
        "a" * 5000,
        "null",
        "é",
    ]


async def test_only_a_valid_token_opens_a_conversation(gateway: str, visitor: Visitor) -> None:
    """Knowing a conversation's id proves nothing."""
    async with httpx.AsyncClient(base_url=gateway, trust_env=False) as http:
        for token in bad_tokens(visitor)[2:]:  # a header cannot end in a blank
            headers = {"Authorization": f"Bearer {token}".encode(), "Idempotency-Key": str(uuid4())}
            for response in (
                await http.get("/widget/messages", headers=headers),
                await http.post("/widget/messages", json={"text": "Hello"}, headers=headers),
            ):
                assert response.status_code == 401, token
                assert response.json()["error"]["code"] == "unauthorised"
        unsigned = {"Authorization": f"Basic {visitor.token}"}
        assert (await http.get("/widget/messages", headers=unsigned)).status_code == 401
        assert (await http.get("/widget/messages")).status_code == 401


async def test_a_socket_without_a_valid_token_is_closed(gateway: str, visitor: Visitor) -> None:
    """With the code that tells the page to start a new conversation."""
    address = gateway.replace("http", "ws") + "/widget/live"
    hellos: list[Any] = [json.dumps({"token": token}) for token in bad_tokens(visitor)]
    hellos += [
        "",
        "no json",
        "[]",
        "null",
        "{}",
        '{"token": {}}',
        '{"token": "\\ud800"}',
        "[" * 8000,
        b"\x00\xff",
    ]
    for hello in hellos:
        async with connect(address, proxy=None) as socket:
            await socket.send(hello)
            assert await closed_with(socket) == 4401, hello


async def test_two_visitors_do_not_share_anything(gateway: str, visitor: Visitor) -> None:
    """Every page view that sends is a customer of its own."""
    await visitor.ask("My name is Ada")
    async with visiting(gateway) as other:
        assert other.conversation != visitor.conversation
        assert await other.messages() == []


NONSENSE = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"text"',
    b"{}",
    b'{"text": null}',
    b'{"text": 5}',
    b'{"text": "a", "button": {"message": "x", "index": 0}}',
    b'{"text": "a", "more": 1}',
    b'{"button": {"message": "x"}}',
    b'{"button": {"message": "x", "index": -1}}',
    b'{"button": {"message": "x", "index": 21}}',
    b'{"text": "\\ud800"}',
    b"\xff\xfe",
    b"[" * 30_000,
    b'{"button": {"message": "' + b"x" * 65 + b'", "index": 0}}',
]


async def test_what_cannot_be_understood_is_refused(visitor: Visitor) -> None:
    """In the one form of every error, and with nothing stored."""
    for body in NONSENSE:
        headers = {"Idempotency-Key": str(uuid4()), "Content-Type": "application/json"}
        response = await visitor.http.post("/widget/messages", content=body, headers=headers)
        assert response.status_code in (400, 422), body
        assert set(response.json()) == {"error"}
        assert set(response.json()["error"]) == {"code", "message"}
    assert await visitor.messages() == []


async def test_a_key_is_needed(visitor: Visitor) -> None:
    """Without one a repeated post would be a second message."""
    assert (await visitor.http.post("/widget/messages", json={"text": "a"})).status_code == 422
    assert (await visitor.post({"text": "a"}, key="short")).status_code == 422
    assert (await visitor.post({"text": "a"}, key="k" * 129)).status_code == 422


async def test_texts_are_kept_readable(visitor: Visitor) -> None:
    """Blanks stay blanks, invisible characters go, joiners within words and emoji stay."""
    for sent, kept in {
        " My\u00a0dishwasher\u2003leaks \r\nnow\u2028and ": "My dishwasher leaks \nnow and",
        "sm\u200boke\u202edetector\x00 is fine": "smokedetector is fine",
        "می\u200cخواهم": "می\u200cخواهم",
        "👩\u200d🔧": "👩\u200d🔧",
    }.items():
        assert (await visitor.say(sent))["text"] == kept
    for nothing in ("", "  \n ", "\u200b\u2060", "\u200d\u200c"):
        assert (await visitor.post({"text": nothing})).status_code == 400


async def test_a_long_text_is_refused_with_its_length(visitor: Visitor) -> None:
    """At the limit it is taken; the sentence says what to do about one more."""
    assert (await visitor.post({"text": "é" * 4000})).status_code == 201
    refused = await visitor.post({"text": "é" * 4001})
    assert refused.status_code == 413
    assert refused.json() == {
        "error": {"code": "too_long", "message": "Write at most 4000 characters; this has 4001."}
    }


async def test_forged_buttons_are_refused(
    gateway: str, visitor: Visitor, rasa: ScriptedRasa
) -> None:
    """A press names a message of this conversation and a button that it has."""
    rasa.script["start"] = BUTTONS
    [question] = await visitor.ask("start")
    own = (await visitor.messages("customer"))[0]
    async with visiting(gateway) as other:
        [theirs] = await other.ask("start")
    for message, index in (
        (question, 1),
        (question, 20),
        (own, 0),
        (theirs, 0),
        ({"id": "0" * 32}, 0),
        ({"id": "' OR 1=1"}, 0),
        ({"id": ""}, 0),
    ):
        refused = await visitor.press(message, index)
        assert refused.status_code == 400, message
        assert refused.json()["error"]["code"] == "bad_request"
    assert len(rasa.calls) == 2


async def test_each_visitor_has_a_limit(start: Start) -> None:
    """One page in a loop must not be everybody's problem."""
    with start(messages_per_minute=5) as url:
        async with visiting(url) as loud, visiting(url) as calm:
            codes = [(await loud.post({"text": "again"})).status_code for _ in range(7)]
            refused = await loud.post({"text": "again"})
            assert codes == [201] * 5 + [429] * 2
            assert refused.json()["error"]["code"] == "slow_down"
            assert 1 <= int(refused.headers["Retry-After"]) <= 60
            await calm.say("not me")


async def test_starting_conversations_has_a_limit(start: Start) -> None:
    """A script must not fill the store with empty conversations."""
    with start(conversations_per_minute=3) as url:
        async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
            codes = [
                (await http.post("/widget/conversations", json={})).status_code for _ in range(4)
            ]
    assert codes == [201] * 3 + [429]


async def test_the_socket_brings_history_then_what_comes(visitor: Visitor) -> None:
    """One stream: nothing missing between what was and what is."""
    await visitor.ask("first")
    async with visitor.live() as socket:
        history = await frame_of(socket, "messages")
        assert [m["seq"] for m in history["messages"]] == [1, 2]
        assert (await frame_of(socket, "status"))["status"]["state"] == "bot"
        await visitor.say("second")
        seqs: list[int] = []
        while seqs[-1:] != [4]:
            seqs += [m["seq"] for m in (await frame_of(socket, "messages"))["messages"]]
        assert seqs == [3, 4]


async def test_a_socket_starts_at_its_cursor(visitor: Visitor) -> None:
    """A page that reconnects gets what it has not got."""
    await visitor.ask("first")
    async with visitor.live(after=1) as socket:
        assert [m["seq"] for m in (await frame_of(socket, "messages"))["messages"]] == [2]


async def test_a_senseless_cursor_means_from_the_start(visitor: Visitor) -> None:
    """Too much is deduped by the page; a socket that dies would leave it blind."""
    await visitor.ask("first")
    cursors: list[Any] = [-1, 10**30, "x", None, 1.5, float("inf"), True, []]
    for cursor in cursors:
        async with visitor.live(after=cursor) as socket:
            assert len((await frame_of(socket, "messages"))["messages"]) == 2, cursor
        response = await visitor.http.get(f"/widget/messages?after={cursor}")
        assert response.status_code in (200, 422), cursor


async def test_reconnecting_all_the_time_loses_and_doubles_nothing(visitor: Visitor) -> None:
    """A phone in a tunnel: what the cursor has seen is whole, in order, each once."""
    got: list[dict[str, Any]] = []
    sending = asyncio.create_task(_send_many(visitor, 20))
    for round_ in range(200):
        async with visitor.live(after=got[-1]["seq"] if got else 0) as socket:
            try:
                async with asyncio.timeout(0.02 + 0.02 * (round_ % 5)):
                    while True:
                        frame = json.loads(await socket.recv())
                        if frame["type"] == "messages":
                            got += frame["messages"]
            except TimeoutError:
                pass
        if sending.done() and [m["id"] for m in got] == [m["id"] for m in await visitor.messages()]:
            break
    await sending

    seqs = [m["seq"] for m in got]
    assert seqs == sorted(set(seqs))
    assert [m["id"] for m in got] == [m["id"] for m in await visitor.messages()]
    assert sum(m["author"] == "customer" for m in got) == 20


async def _send_many(visitor: Visitor, number: int) -> None:
    for n in range(number):
        message = await visitor.say(f"Number {n}")
    await visitor.answer_to(message, seconds=20)


async def test_a_second_tab_gets_the_same(visitor: Visitor) -> None:
    """Both see both sides."""
    async with visitor.live() as one, visitor.live() as two:
        for socket in (one, two):
            await frame_of(socket, "status")
        await visitor.say("hello")
        for socket in (one, two):
            assert (await frame_of(socket, "messages"))["messages"][0]["text"] == "hello"


async def test_typing_and_seen_come_over_the_socket(visitor: Visitor, rasa: ScriptedRasa) -> None:
    """Dots while the bot thinks, none after; a tick when it has the message."""
    rasa.hanging.add("think")
    async with visitor.live() as socket:
        await frame_of(socket, "status")
        message = await visitor.say("think")
        assert (await frame_of(socket, "typing"))["who"] == "bot"
        rasa.release("think")
        assert (await frame_of(socket, "typing"))["who"] is None
    async with visitor.live() as socket:
        [first, *_] = (await frame_of(socket, "messages"))["messages"]
        assert (first["id"], first["state"]) == (message["id"], "seen")


async def test_an_agent_who_opens_the_conversation_has_seen_it(queued: Visitor, mira: Desk) -> None:
    """What waits is not ticked; what a person has on the screen is."""
    await queued.ask("one more thing")
    assert (await queued.messages("customer"))[-1]["state"] == "stored"
    async with queued.live() as page, mira.live() as desk:
        await frame_of(page, "status")
        await desk.send(json.dumps({"type": "watch", "conversation": queued.conversation}))
        seen = await frame_of(page, "seen")
    assert seen["seq"] >= (await queued.messages("customer"))[-1]["seq"]
    assert (await queued.messages("customer"))[-1]["state"] == "seen"


async def test_nonsense_on_the_socket_is_ignored(visitor: Visitor) -> None:
    """A frame nobody understands costs nobody the connection."""
    async with visitor.live() as socket:
        await frame_of(socket, "status")
        for frame in (
            "",
            "null",
            "[]",
            "{",
            "[" * 9000,
            b"\x00",
            '{"type": 5}',
            "{}",
            '{"type": "ack"}',
            '{"type": "ack", "seq": "1"}',
            '{"type": "ack", "seq": 1e400}',
            json.dumps({"type": "ack", "seq": 10**40}),
            '{"type": "ack", "seq": -5}',
            '{"type": "ack", "seq": true}',
        ):
            await socket.send(frame)
        await socket.send('{"type": "ping"}')
        await frame_of(socket, "pong")


async def test_a_frame_that_is_too_big_closes_the_socket(visitor: Visitor) -> None:
    """16 KiB are more than any honest frame has."""
    async with visitor.live() as socket:
        await socket.send("x" * 20_000)
        assert await closed_with(socket) == 1009


async def test_what_the_page_has_shown_is_noted(visitor: Visitor) -> None:
    """Agents see whether their answer was on the screen."""
    await visitor.ask("hello")
    async with visitor.live() as socket:
        await frame_of(socket, "messages")
        await socket.send('{"type": "ack", "seq": 2}')

        async def seen() -> bool:
            return (await visitor.messages("bot"))[0]["state"] == "seen"

        await eventually(seen)


async def test_a_socket_whose_conversation_is_erased_is_closed(
    visitor: Visitor, database: Database
) -> None:
    """The page must not sit on a socket that will never speak again."""
    await visitor.ask("hello")
    async with visitor.live() as socket:
        await frame_of(socket, "messages")
        async with database.begin() as tx:
            await tx.execute(
                sa.text("DELETE FROM conversations WHERE id = :id"), {"id": visitor.conversation}
            )
        await visitor.post({"text": "still there"})
        async with visitor.live() as again:
            assert await closed_with(again) == 4401


async def test_a_poll_waits_for_what_comes(visitor: Visitor) -> None:
    """The way for pages whose network lets no socket through."""
    polling = asyncio.create_task(visitor.read(after=0, wait=10))
    await asyncio.sleep(0.3)
    assert not polling.done()
    await visitor.say("hello")
    assert [m["text"] for m in (await polling)["messages"]] == ["hello"]


async def test_a_poll_ends_when_nothing_comes(visitor: Visitor) -> None:
    """Before a proxy on the way loses its patience."""
    started = time.monotonic()
    found = await visitor.read(after=0, wait=1)
    assert 0.9 < time.monotonic() - started < 3
    assert found == {
        "messages": [],
        "status": {"state": "bot", "agent": None, "reference": None},
        "typing": None,
    }
    assert (await visitor.http.get("/widget/messages?wait=26")).status_code == 422
    assert (await visitor.http.get("/widget/messages?after=-1")).status_code == 422
    assert (await visitor.http.get(f"/widget/messages?after={10**30}")).status_code == 422


async def test_agents_see_that_the_customer_types(queued: Visitor, mira: Desk) -> None:
    """So that they wait with their answer."""
    async with mira.live() as desk, queued.live() as page:
        await frame_of(page, "status")
        await page.send('{"type": "typing"}')
        frame = await frame_of(desk, "typing")
    assert frame["conversation"] == queued.conversation


async def test_the_config_says_that_it_is_automated(gateway: str, settings: Settings) -> None:
    """At once, not when asked."""
    async with httpx.AsyncClient(base_url=gateway, trust_env=False) as http:
        config = (await http.get("/widget/config")).json()
    assert "automated assistant" in config["disclosure"]
    assert config["max_characters"] == settings.max_message_characters
    assert set(config) == {"shop", "disclosure", "suggestions", "max_characters"}
