"""Who is connected now. What is kept is in the store; this only wakes those who wait for it."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

AGENT_TYPING_SECONDS = 5.0


class Subscription:
    """One connected page.

    `changed` says that the store holds something new; passing news (typing, seen) is kept only
    until the page takes it, the latest of each kind.
    """

    def __init__(self) -> None:
        self._wake = asyncio.Event()
        self._changed = False
        self._news: dict[tuple[str, str], dict[str, Any]] = {}

    def notify_changed(self) -> None:
        """The store holds something new for this page."""
        self._changed = True
        self._wake.set()

    def notify(self, news: dict[str, Any]) -> None:
        """Passing news; a later one of the same kind and conversation takes its place."""
        self._news[(news["type"], news.get("conversation", ""))] = news
        self._wake.set()

    async def wait(self) -> tuple[bool, list[dict[str, Any]]]:
        """Wait for anything new: whether the store changed, and the passing news."""
        await self._wake.wait()
        self._wake.clear()
        changed, news = self._changed, list(self._news.values())
        self._changed, self._news = False, {}
        return changed, news


class Live:
    """The pages connected to this process."""

    def __init__(self) -> None:
        self._visitors: dict[str, set[Subscription]] = defaultdict(set)
        self._agents: dict[Subscription, str] = {}  # -> the agent's name
        self._watching: dict[Subscription, str] = {}  # -> conversation
        self._typing: dict[str, str] = {}  # conversation -> "bot" | "agent"
        self._typing_ends: dict[str, asyncio.TimerHandle] = {}

    @contextmanager
    def visitor(self, conversation: str) -> Iterator[Subscription]:
        """A visitor's page, for as long as it is connected."""
        subscription = Subscription()
        self._visitors[conversation].add(subscription)
        try:
            yield subscription
        finally:
            self._visitors[conversation].discard(subscription)
            if not self._visitors[conversation]:
                del self._visitors[conversation]

    @contextmanager
    def agent(self, name: str) -> Iterator[Subscription]:
        """An agent's page, for as long as it is connected."""
        subscription = Subscription()
        self._agents[subscription] = name
        try:
            yield subscription
        finally:
            del self._agents[subscription]
            self.unwatch(subscription)

    def changed(self, conversation: str) -> None:
        """Something was stored in that conversation."""
        for subscription in self._visitors.get(conversation, ()):
            subscription.notify_changed()
        for subscription in self._agents:
            subscription.notify({"type": "conversation", "conversation": conversation})

    def queue_changed(self) -> None:
        """The queue looks different now."""
        for subscription in self._agents:
            subscription.notify({"type": "queue"})

    def seen(self, conversation: str, seq: int) -> None:
        """The customer's messages up to that seq were seen."""
        for subscription in self._visitors.get(conversation, ()):
            subscription.notify({"type": "seen", "seq": seq})

    def typing(self, conversation: str, who: str | None) -> None:
        """The bot or an agent began, or stopped (None), to write to the customer."""
        if who is None:
            self._typing.pop(conversation, None)
        else:
            self._typing[conversation] = who
        for subscription in self._visitors.get(conversation, ()):
            subscription.notify({"type": "typing", "who": who})

    def agent_typing(self, conversation: str) -> None:
        """An agent writes; said to be over when nothing more comes for a few seconds."""
        self.typing(conversation, "agent")
        if (before := self._typing_ends.pop(conversation, None)) is not None:
            before.cancel()
        self._typing_ends[conversation] = asyncio.get_running_loop().call_later(
            AGENT_TYPING_SECONDS, self._agent_stopped, conversation
        )

    def _agent_stopped(self, conversation: str) -> None:
        self._typing_ends.pop(conversation, None)
        if self._typing.get(conversation) == "agent":
            self.typing(conversation, None)

    def who_types(self, conversation: str) -> str | None:
        """Who is writing to that customer now."""
        return self._typing.get(conversation)

    def customer_typing(self, conversation: str) -> None:
        """The customer is writing."""
        for subscription in self._agents:
            subscription.notify({"type": "typing", "conversation": conversation})

    def watch(self, subscription: Subscription, conversation: str) -> None:
        """An agent opened that conversation; others who have it open learn of it."""
        before = self._watching.get(subscription)
        self._watching[subscription] = conversation
        if before is not None and before != conversation:
            self._tell_watchers(before)
        self._tell_watchers(conversation)

    def unwatch(self, subscription: Subscription) -> None:
        """The agent looks at no conversation any more."""
        if (conversation := self._watching.pop(subscription, None)) is not None:
            self._tell_watchers(conversation)

    def _tell_watchers(self, conversation: str) -> None:
        watchers = [s for s, watched in self._watching.items() if watched == conversation]
        for subscription in watchers:
            names = sorted(self._agents[s] for s in watchers if s is not subscription)
            subscription.notify({"type": "watchers", "conversation": conversation, "names": names})
