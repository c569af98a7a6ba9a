"""
`python -m benchmarks.storm --kills 100`: kill -9 at random moments under load.

Scripted customers write all the time while gateway, Rasa and action server are killed one after
the other, each whenever it pleases a seeded generator; the supervisor starts them again. At the
end every acknowledged message must be stored once, answered once or honestly told about, in
order, and the customer's, the agent's and the store's transcript must be the same.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.customer import ConsoleAgent, Customer, NoReply, until
from benchmarks.installation import PARTS, Installation

SAYINGS = (
    "hello",
    "there is still water in my dishwasher after the program",
    "still the same",
    "how do i descale my coffee machine",
    "yes",
    "how long do i have to send something back",
    "is my washing machine still under warranty",
    "A-10482",
    "i dont know",
    "never mind",
    "thanks",
    "i want to send something back",
    "cancel",
    "what can you do",
    "my washing machine does not spin",
    "it works now",
    "i want to complain about the delivery",
)
DRAIN_SECONDS = 180.0
ANSWER_SECONDS = 120.0


@dataclass
class Finding:
    """What one storm showed."""

    kills: Counter[str] = field(default_factory=Counter)
    conversations: int = 0
    acknowledged: int = 0
    answered: int = 0
    notices: int = 0
    handed_over: int = 0
    left_to_a_person: int = 0  # written while the conversation waited for a person
    slowest_seconds: float = 0.0  # until a reply or a notice
    over_eight_seconds: int = 0
    violations: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """The finding in plain words."""
        killed = ", ".join(f"{part} {count}" for part, count in sorted(self.kills.items()))
        return [
            f"kills                     {sum(self.kills.values())} ({killed})",
            f"conversations             {self.conversations}",
            f"messages acknowledged     {self.acknowledged}",
            f"  answered by the bot     {self.answered}",
            f"  handed to a person      {self.handed_over}",
            f"  left to that person     {self.left_to_a_person}",
            f"notices of a delay        {self.notices}",
            f"slowest reply or notice   {self.slowest_seconds:.1f} s",
            f"later than 8 s            {self.over_eight_seconds} (gateway itself down included)",
            f"violations                {len(self.violations)}",
            *(f"  {violation}" for violation in self.violations[:50]),
        ]


async def storm(installation: Installation, kills: int, customers: int, seed: int) -> Finding:
    """Write and kill until `kills` processes have died; then look at what is left."""
    finding = Finding()
    chance = random.Random(seed)
    over = asyncio.Event()
    talks: list[Talk] = []

    async def talk_on(number: int) -> None:
        own = random.Random(f"{seed}/{number}")
        while not over.is_set():
            talk = Talk(Customer(installation.url), own)
            talks.append(talk)
            await talk.run(over)

    talkers = [asyncio.create_task(talk_on(number)) for number in range(customers)]
    for count in range(kills):
        await asyncio.sleep(chance.uniform(0.2, 6.0))
        part = chance.choice(PARTS)
        # A part that has just been killed is not up yet: it dies as soon as it is.
        await until(lambda part=part: installation.kill(part), 120, f"{part} is not started again")
        finding.kills[part] += 1
        print(f"\rkill {count + 1} of {kills}: {part}      ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    over.set()
    await asyncio.wait_for(asyncio.gather(*talkers), DRAIN_SECONDS + ANSWER_SECONDS)
    async with ConsoleAgent(installation.url, *installation.agent) as agent:
        for talk in talks:
            await talk.inspect(agent, installation, finding)
    return finding


class Talk:
    """One conversation under the storm, and its inspection afterwards."""

    def __init__(self, customer: Customer, chance: random.Random) -> None:
        self._customer, self._chance = customer, chance
        self._received: list[dict[str, Any]] = []  # by WebSocket
        self._tries = 0
        self._broken: list[str] = []

    async def run(self, over: asyncio.Event) -> None:
        """Say some things, each after the reply to the one before, or without waiting for it."""
        async with self._customer as customer:
            listening = asyncio.create_task(customer.listen(self._received))
            message: dict[str, Any] | None = None
            for _ in range(self._chance.randint(3, 9)):
                if over.is_set():
                    break
                message = await customer.say(self._chance.choice(SAYINGS))
                if self._chance.random() < 0.2:  # a retry whose first answer got lost
                    key = next(k for k in reversed(customer.sent))
                    again = await customer.say(customer.sent[key], key=key)
                    if again["id"] != message["id"]:
                        self._broken.append("one key gave two messages")
                if self._chance.random() < 0.8:
                    await self._wait(message)
            if message is not None:
                await self._wait(message)
            last = (await customer.read())["messages"][-1]["seq"] if message else 0
            try:
                await until(lambda: self._cursor() >= last, 30, "the socket lags behind")
            except NoReply as error:
                self._broken.append(str(error))
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    def _cursor(self) -> int:
        return max((m["seq"] for m in self._received), default=0)

    async def _wait(self, message: dict[str, Any]) -> None:
        try:
            await until(lambda: self._dealt_with(message), ANSWER_SECONDS, "not dealt with", 0.2)
        except NoReply:
            self._broken.append(f"message {message['seq']} was not dealt with")

    async def _dealt_with(self, message: dict[str, Any]) -> bool:
        found = await self._customer.read()
        if found["status"]["state"] != "bot":
            return True
        return any(
            m["in_reply_to"] == message["id"] and m["kind"] != "notice" for m in found["messages"]
        )

    async def inspect(
        self, agent: ConsoleAgent, installation: Installation, finding: Finding
    ) -> None:
        """Compare the three transcripts and check the promises."""
        customer = Customer(installation.url, self._customer.token, self._customer.conversation)
        seen = (await customer.read())["messages"]
        await customer.close()
        name = customer.conversation[:8]
        held = (await agent.get(f"conversations/{customer.conversation}"))["messages"]
        kept = installation.rows(
            "SELECT id, seq, author, text, key, handled_at FROM messages"
            " WHERE conversation = ? ORDER BY seq",
            customer.conversation,
        )
        broken = list(self._broken)
        facts = [
            [(m["id"], m["seq"], m["author"], m["text"]) for m in view] for view in (seen, held)
        ]
        facts.append([row[:4] for row in kept])
        if not facts[0] == facts[1] == facts[2]:
            broken.append("customer, agent and store hold different transcripts")
        if [m["seq"] for m in seen] != list(range(1, len(seen) + 1)):
            broken.append("sequence numbers have gaps or repeat")
        live = {m["id"]: m for m in self._received}
        # What came after the customer had left (a queue's line, say) is in the store alone.
        if list(live) != [m["id"] for m in seen if m["seq"] <= self._cursor()]:
            broken.append("the socket showed other messages, or another order")
        by_key = Counter(row[4] for row in kept if row[2] == "customer")
        if dict(by_key) != dict.fromkeys(self._customer.sent, 1):
            broken.append("acknowledged messages are not each stored once")
        broken += self._answers(seen, finding)
        if any(row[2] == "customer" and row[5] is None for row in kept):
            broken.append("a message is still waiting")
        finding.conversations += 1
        finding.acknowledged += len(self._customer.sent)
        finding.violations += [f"{name}: {what}" for what in broken]

    def _answers(self, seen: list[dict[str, Any]], finding: Finding) -> list[str]:
        broken = []
        order = {m["id"]: m["seq"] for m in seen}
        answered: list[int] = []
        queued_at = next((m["seq"] for m in seen if m["kind"] == "handoff"), None)
        for message in (m for m in seen if m["author"] == "customer"):
            own = [m for m in seen if m["in_reply_to"] == message["id"]]
            notices = [m for m in own if m["kind"] == "notice"]
            replies = [m for m in own if m["kind"] != "notice"]
            finding.notices += len(notices)
            if any(m["kind"] == "handoff" for m in replies):
                finding.handed_over += 1
            elif any(m["kind"] != "event" for m in replies):
                finding.answered += 1
            elif queued_at is not None:
                finding.left_to_a_person += 1
            else:
                broken.append(f"message {message['seq']} has no reply")
            if len(notices) > 1:
                broken.append(f"message {message['seq']} was told twice that it takes longer")
            if len({(m["kind"], m["text"]) for m in replies}) != len(replies):
                broken.append(f"message {message['seq']} has a reply twice")
            answered += [order[message["id"]] for _ in replies]
            first = min((_seconds(message, m) for m in own), default=0.0)
            finding.slowest_seconds = max(finding.slowest_seconds, first)
            finding.over_eight_seconds += first > 8.0
        if answered != sorted(answered):
            broken.append("replies are not in the order of the messages")
        return broken


def _seconds(earlier: dict[str, Any], later: dict[str, Any]) -> float:
    return (
        datetime.fromisoformat(later["at"]) - datetime.fromisoformat(earlier["at"])
    ).total_seconds()


def main() -> int:
    """Run one storm; 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.storm", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="how many processes die")
    parser.add_argument("--customers", type=int, default=6, help="how many write at once")
    parser.add_argument("--seed", type=int, default=1, help="of everything that is random")
    options = parser.parse_args()
    started = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="aftercare-storm-") as folder,
        Installation(Path(folder)) as installation,
    ):
        finding = asyncio.run(storm(installation, options.kills, options.customers, options.seed))
    print("\n".join(finding.lines()))
    print(f"time                      {time.monotonic() - started:.0f} s")
    return 1 if finding.violations else 0


if __name__ == "__main__":
    sys.exit(main())
