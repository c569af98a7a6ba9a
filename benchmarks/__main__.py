"""
`make bench`: what a turn costs, where its time goes, and what the processes weigh.

Times are wall-clock on this machine, whatever else it does: compare within one run, and quote
ratios. A "knowledge answer" is a question that retrieval answers; a "form turn" is the order
number given to the return form.
"""

import argparse
import asyncio
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks.customer import ConsoleAgent, Customer
from benchmarks.installation import PARTS, ROOT, Installation, rasa_command
from operate.settings import environment_of_parts, read_settings

QUESTIONS = (
    "how do i descale my coffee machine",
    "which salt do i put in the dishwasher and where",
    "how do i clean the filter of my dishwasher",
    "how long do i have to send something back",
    "how do i clean the drum of the washing machine",
    "how do i set the water hardness of my coffee machine",
)
CROWDS = (1, 8, 32)
REPLY_SECONDS = 120.0


@dataclass
class Load:
    """One kind of turn, with so many customers at once."""

    kind: str
    customers: int
    turns: int
    p50_ms: float
    p95_ms: float
    messages_per_second: float
    gateway_share: float
    rasa_share: float
    actions_share: float


class Talker:
    """A customer who hears replies on the socket and knows how long each took."""

    def __init__(self, customer: Customer) -> None:
        self._customer = customer
        self._received: list[dict[str, Any]] = []
        self._listening: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Talker":
        await self._customer.__aenter__()
        self._listening = asyncio.create_task(self._customer.listen(self._received))
        return self

    async def __aexit__(self, *_error: object) -> None:
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        await self._customer.close()

    async def turn(self, text: str) -> float:
        """Say something; milliseconds until the reply was received."""
        started = time.perf_counter()
        message = await self._customer.say(text)
        while True:
            for received in reversed(self._received):
                if received["in_reply_to"] == message["id"] and received["kind"] != "notice":
                    return (time.perf_counter() - started) * 1000
            if time.perf_counter() - started > REPLY_SECONDS:
                raise TimeoutError(f"no reply to {text!r} in {REPLY_SECONDS} s")
            await asyncio.sleep(0.002)


async def ask(talker: Talker, number: int) -> tuple[list[float], int]:
    """One knowledge answer; (milliseconds of the measured turns, messages sent)."""
    return [await talker.turn(QUESTIONS[number % len(QUESTIONS)])], 1


async def fill_in(talker: Talker, _number: int) -> tuple[list[float], int]:
    """One form turn, between opening the form and leaving it."""
    await talker.turn("I want to send my dishwasher back")
    took = await talker.turn("A-10482")
    await talker.turn("cancel")
    return [took], 3


async def measure(installation: Installation, kind: str, customers: int, rounds: int) -> Load:
    """Let so many customers take so many rounds each, all at once."""
    what = {"knowledge answer": ask, "form turn": fill_in}[kind]
    before = await seconds_spent(installation)

    async def one(number: int) -> tuple[list[float], int]:
        times: list[float] = []
        sent = 0
        async with Talker(Customer(installation.url)) as talker:
            for turn in range(rounds):
                took, messages = await what(talker, number + turn)
                times += took
                sent += messages
        return times, sent

    started = time.perf_counter()
    found = await asyncio.gather(*(one(number) for number in range(customers)))
    elapsed = time.perf_counter() - started
    after = await seconds_spent(installation)
    turn, rasa, actions = (b - a for a, b in zip(before, after, strict=True))
    times = sorted(took for one_times, _ in found for took in one_times)
    return Load(
        kind,
        customers,
        len(times),
        statistics.median(times),
        times[min(len(times) - 1, int(len(times) * 0.95))],
        sum(sent for _, sent in found) / elapsed,
        (turn - rasa) / turn,
        (rasa - actions) / turn,
        actions / turn,
    )


async def handoff_ms(installation: Installation, times: int = 10) -> list[float]:
    """Milliseconds from a customer's wish for a person being acknowledged to it being in the
    console's queue, each time with a new customer; the bot's own turn is in it."""
    found = []
    async with ConsoleAgent(installation.url, *installation.agent) as agent:
        for _ in range(times):
            async with Customer(installation.url) as customer:
                ask = customer.say("I want to talk to a person")
                found.append(await agent.next_queue(customer.conversation, ask) * 1000)
    return sorted(found)


async def seconds_spent(installation: Installation) -> tuple[float, float, float]:
    """Seconds spent so far in (turns as a whole, calls of Rasa, actions)."""
    async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
        gateway = (await http.get(f"{installation.url}/metrics")).text
        actions = (await http.get(f"{installation.actions_url}/metrics")).text
    return (
        _sum(gateway, "aftercare_turn_seconds_sum"),
        _sum(gateway, "aftercare_rasa_seconds_sum"),
        _sum(actions, "aftercare_action_seconds_sum"),
    )


def _sum(exposition: str, name: str) -> float:
    found = re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", exposition, re.MULTILINE)
    return sum(float(value) for value in found)


def memory_mb(installation: Installation) -> dict[str, float]:
    """Resident memory of each process, its children included, in MB."""
    found = {}
    for part in PARTS:
        process = psutil.Process(installation.pid(part))
        family = [process, *process.children(recursive=True)]
        found[part] = sum(p.memory_info().rss for p in family) / 1e6
    return found


def train_seconds(folder: Path) -> float:
    """How long `rasa train` takes, from nothing."""
    started = time.perf_counter()
    subprocess.run(
        [*rasa_command(), "train", "--out", str(folder / "models"), "--force"],
        cwd=ROOT,
        env=environment_of_parts(read_settings()),
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    shutil.rmtree(folder / "models")
    return time.perf_counter() - started


def table(loads: Sequence[Load]) -> str:
    """The loads, one a line."""
    head = (
        f"{'turn':<18}{'at once':>8}{'turns':>7}{'p50 ms':>9}{'p95 ms':>9}{'msg/s':>8}"
        f"{'gateway':>9}{'Rasa':>7}{'actions':>9}"
    )
    rows = [
        f"{one.kind:<18}{one.customers:>8}{one.turns:>7}{one.p50_ms:>9.0f}{one.p95_ms:>9.0f}"
        f"{one.messages_per_second:>8.1f}{one.gateway_share:>9.0%}{one.rasa_share:>7.0%}"
        f"{one.actions_share:>9.0%}"
        for one in loads
    ]
    return "\n".join([head, *rows])


async def run_all(installation: Installation, turns: int) -> list[Load]:
    """Every kind with every crowd, after a warm-up."""
    await measure(installation, "knowledge answer", 1, 5)
    await measure(installation, "form turn", 1, 2)
    loads = []
    for kind in ("knowledge answer", "form turn"):
        for customers in CROWDS:
            rounds = max(2, turns // customers)
            print(f"measuring: {kind}, {customers} at once", file=sys.stderr)
            loads.append(await measure(installation, kind, customers, rounds))
    return loads


def main() -> int:
    """Measure and print; `--json` writes the figures to a file as well."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--turns", type=int, default=64, help="measured turns of each kind")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="aftercare-bench-") as name:
        folder = Path(name)
        trained = train_seconds(folder)
        with Installation(folder / "installation") as installation:
            loads = asyncio.run(run_all(installation, options.turns))
            handed = asyncio.run(handoff_ms(installation))
            weight = memory_mb(installation)
            started = dict(installation.start_seconds)
    print(table(loads))
    print(
        f"a person asked for, until the console has it, ms: p50 {statistics.median(handed):.0f}, "
        f"slowest {handed[-1]:.0f}"
    )
    print("resident memory, MB:   " + ", ".join(f"{p} {mb:.0f}" for p, mb in weight.items()))
    print("start-up, seconds:     " + ", ".join(f"{p} {s:.1f}" for p, s in started.items()))
    print(f"training, seconds:     {trained:.0f}")
    if options.json:
        figures = {
            "loads": [asdict(load) for load in loads],
            "handoff_ms": handed,
            "memory_mb": weight,
            "start_seconds": started,
            "training_seconds": trained,
        }
        options.json.write_text(json.dumps(figures, indent=2), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
