"""What Rasa sends to an action, written by hand."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import yaml
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.interfaces import Tracker

from actions.base import SupportAction, Tools
from store import conversations
from support.conversation import Channel

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
DOMAIN = yaml.safe_load((ROOT / "domain.yml").read_text("utf-8"))


async def conversation(tools: Tools) -> str:
    """A new conversation in the store."""
    async with tools.database.begin() as tx:
        return (await conversations.open_conversation(tx, Channel.WEB, uuid4().hex, NOW)).id


class Talk:
    """A conversation with single actions: keeps slots and what was said, as Rasa does."""

    def __init__(self, tools: Tools, conversation_id: str) -> None:
        self.tools, self.id = tools, conversation_id
        self.slots: dict[str, Any] = {}
        self.loop: str | None = None
        self.events: list[dict[str, Any]] = []

    async def call(
        self,
        action: type[SupportAction],
        text: str,
        intent: str = "inform",
        *,
        entities: dict[str, str] | None = None,
        message: str | None = None,
        confidence: float = 0.95,
    ) -> list[dict[str, Any]]:
        """Let an action answer a message; what it said. Its events are kept."""
        self.events += [
            {"event": "action", "name": "action_listen"},
            {"event": "user", "text": text, "message_id": message or uuid4().hex},
        ]
        made = action(self.tools)
        if made.name().startswith("validate_"):
            self.events.append({"event": "action", "name": self.loop})
        found = [
            {"entity": name, "value": value, "start": text.find(value)}
            for name, value in (entities or {}).items()
        ]
        latest = {"text": text, "intent": {"name": intent, "confidence": confidence},
                  "entities": found}  # fmt: skip
        tracker = Tracker(
            self.id, dict(self.slots), latest, list(self.events), False, None,
            {"name": self.loop} if self.loop else {}, "action_listen",
        )  # fmt: skip
        dispatcher = CollectingDispatcher()
        self.produced = await made.run(dispatcher, tracker, DOMAIN)
        for event in self.produced:
            if event["event"] == "slot":
                self.slots[event["name"]] = event["value"]
        for said in dispatcher.messages:
            self.events.append(
                {
                    "event": "bot",
                    "text": said["text"],
                    "data": {"buttons": said["buttons"], "custom": said["custom"]},
                }
            )
        return dispatcher.messages
