"""Reading what strangers send: texts, and frames on a socket."""

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from support.errors import BadRequest, TooLong

# Between letters of Persian and within emoji they carry meaning; other invisible ones do not.
_JOINERS = "\u200c\u200d"


def readable(text: str, most: int) -> str:
    """A text as it is kept: without control and invisible characters, every blank a plain one.

    Args:
        most: How many characters it may have.

    Raises:
        BadRequest: Nothing is left.
        TooLong: Too much is left.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(
        c if c in "\n\t" or c.isprintable() or c in _JOINERS else " " * c.isspace() for c in lines
    ).strip()
    if not kept.strip(_JOINERS):
        raise BadRequest("Write something first.")
    if len(kept) > most:
        raise TooLong(len(kept), most)
    return kept


async def frames(socket: WebSocket) -> AsyncIterator[dict[str, Any]]:
    """A page's frames, until it is gone. What is no JSON object comes as an empty one."""
    while (message := await socket.receive())["type"] != "websocket.disconnect":
        try:
            frame = json.loads(message.get("text") or "")
        except (ValueError, RecursionError):
            frame = None
        yield frame if isinstance(frame, dict) else {}


async def until_one_ends(*sides: Coroutine[Any, Any, None]) -> None:
    """Read from and write to a page at once; when one side ends or fails, so does the other.

    A page whose writer has died would wait for ever on a socket that looks alive.

    Raises:
        Exception: The first error of a side.
    """
    tasks = [asyncio.create_task(side) for side in sides]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        with suppress(WebSocketDisconnect):
            task.result()
