"""A bot with a journal, killed again and again at random moments: no order of it is lost and none is made twice.

The exchange runs in this process over TCP, the bot in a child that tells on standard output what it knows.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import NamedTuple

from spotlane import Credentials, OrderParams, OrderType, Side, SpotlaneError, Symbol, TransportError
from spotlane.exchanges.mexc import MexcPrivateRest
from spotlane.sandbox import Fault, Sandbox
from spotlane.spec import Horizons
from spotlane.structs import Resolution

# Longer than the exchange here takes for anything, on a machine that is busy.
HORIZONS = Horizons(validity_ms=150, skew_ms=100, processing_ms=400, visibility_ms=100, spacing_ms=50)
_TIMEOUT_S = 0.5
_WORKERS = 4
_MOST_WAITS = 1_000
_MOST_OPENINGS = 100
_KILLS_EACH = 50
_FAULTS = (
    ("reset-after-execution", None, 0.05),
    ("reset-before-read", None, 0.05),
    ("delay-reply", 0.4, 0.05),
    ("deliver-late-reset", 0.1, 0.05),
    ("cut-body", None, 0.05),
)


@dataclass(slots=True)
class Fate:
    """What a number of kills has shown. failures must be empty."""

    kills: int = 0
    orders: int = 0
    told: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    samples: list[str] = field(default_factory=list)

    def add(self, other: Fate) -> None:
        """Take the counts of another in."""
        self.kills += other.kills
        self.orders += other.orders
        self.told.update(other.told)
        self.failures.update(other.failures)
        self.samples = (self.samples + other.samples)[:20]

    def fail(self, what: str, sample: str) -> None:
        """Count a failure."""
        self.failures[what] += 1
        self.samples.append(f"{what}: {sample}")


def say(*words: str) -> None:
    """Tell the parent, past every buffer: a killed process keeps none."""
    os.write(1, (" ".join(words) + "\n").encode())


async def child(url: str, key: str, secret: str, journal: str, drains: bool) -> None:
    """Place orders for ever, or only find out what became of earlier ones."""

    def hear(resolution: Resolution) -> None:
        name = resolution.client_order_id
        say(resolution.state.name, name, resolution.order.order_id if resolution.order else "-")

    exchange = MexcPrivateRest(
        Credentials(key, secret), base_url=url, journal=journal, horizons=HORIZONS, timeout_s=_TIMEOUT_S,
        enforce_limits=False, share_budget=False, on_resolved=hear,
    )  # fmt: skip
    for _ in range(_MOST_OPENINGS):
        # On a busy machine half a second may be too short for all that opening with a journal reads.
        try:
            await exchange.open()
            break
        except TransportError:
            say("RETRY")
            await asyncio.sleep(0.1)
    else:
        raise SystemExit("the bot could not be opened")
    say("OPEN")
    if drains:
        for _ in range(_MOST_WAITS):
            if exchange.unresolved():
                await asyncio.sleep(0.05)
        await exchange.close()
        say("DONE")
        return
    await asyncio.gather(*(_place_for_ever(exchange) for _ in range(_WORKERS)))


async def _place_for_ever(exchange: MexcPrivateRest) -> None:
    params = OrderParams(
        Symbol("BTC", "USDT"), Side.BUY, OrderType.LIMIT, quantity=Decimal("0.0005"), price=Decimal(20_000)
    )
    while True:
        with contextlib.suppress(SpotlaneError):
            order = await exchange.place_order(params)
            say("RETURNED", order.client_order_id or "-", order.order_id)
            await exchange.cancel_order(order.symbol, order.order_id, confirm=False)
        await asyncio.sleep(0.002)


class Nursery:
    """A process that has loaded everything and forks a bot when asked: none costs the start of an interpreter."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._orders, self._words = process.stdin, process.stdout

    @classmethod
    async def start(cls, venue: Sandbox, journal: str) -> Nursery:
        """Start one for the bots of one account."""
        pipe = asyncio.subprocess.PIPE
        arguments = (sys.executable, __file__, venue.url, venue.api_key, venue.api_secret, journal)
        return cls(await asyncio.create_subprocess_exec(*arguments, stdin=pipe, stdout=pipe))

    async def run(self, what: str, told: list[tuple[str, str, str]], moment: Moment | None) -> None:
        """Let a bot live until its moment, or to its end where there is none, and note what it told."""
        self._orders.write(f"{what}\n".encode())
        timer: asyncio.TimerHandle | None = None
        loop = asyncio.get_running_loop()
        pid = 0
        async for line in self._words:
            words = line.decode().split()
            if words[0] == "PID":
                pid = int(words[1])
            if moment is not None and timer is None and words[0] in (moment.word, *_LATER[moment.word]):
                timer = loop.call_later(moment.delay_s, os.kill, pid, signal.SIGKILL)
            if len(words) == 3:
                told.append((words[0], words[1], words[2]))
            if words[0] == "ENDED":
                break
        if timer is not None:
            timer.cancel()
        if words[0] != "ENDED" or int(words[1]) != (-signal.SIGKILL if moment is not None else 0):
            raise RuntimeError(f"the bot ended by itself: {words}")

    async def close(self) -> None:
        """End the process."""
        self._orders.close()
        await self._process.wait()


class Moment(NamedTuple):
    """When a bot is killed: so long after it has told a word."""

    word: str
    delay_s: float


# From its first moment on, once it is open, once an order of its own has been answered.
_MOMENTS = (("PID", 0.2), ("OPEN", 1.2), ("RETURNED", 1.2))
# A bot that recovers for ever, or is refused everything, says another word first.
_LATER = {"PID": (), "OPEN": (), "RETURNED": ("ADOPTED", "PROVEN_ABSENT")}


async def kill(times: int, *, seed: str) -> Fate:
    """Kill a bot a number of times, let it recover, and compare what it told with the ledger."""
    draw = Random(seed)
    told: list[tuple[str, str, str]] = []
    fate = Fate(kills=times)
    faults = [
        Fault.named(name, "POST", "/api/v3/order", value=value, times=None, probability=likely)
        for name, value, likely in _FAULTS
    ]
    with tempfile.TemporaryDirectory() as folder:
        journal = str(Path(folder) / "orders.journal")
        async with Sandbox("mexc", rate_limits=False, faults=faults, open_order_limit=1_000_000) as venue:
            nursery = await Nursery.start(venue, journal)
            for number in range(times):
                word, most_s = _MOMENTS[number % len(_MOMENTS)]
                await nursery.run("trades", told, Moment(word, most_s * draw.random()))
            venue.faults.clear()
            await nursery.run("drains", told, None)
            await nursery.close()
            _judge(venue, told, fate)
    return fate


def nursery(url: str, key: str, secret: str, journal: str) -> None:
    """Fork a bot for each line of standard input, one after the other, and tell how it ended."""
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            say("PID", str(os.getpid()))
            asyncio.run(child(url, key, secret, journal, drains=line.strip() == "drains"))
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        say("ENDED", str(os.waitstatus_to_exitcode(status)))


def _judge(venue: Sandbox, told: list[tuple[str, str, str]], fate: Fate) -> None:
    known: dict[str, set[str]] = {}
    absent = set()
    for word, name, order_id in told:
        fate.told[word] += 1
        if word in ("RETURNED", "ADOPTED"):
            known.setdefault(name, set()).add(order_id)
        elif word == "PROVEN_ABSENT":
            absent.add(name)
    orders = venue.ledger.orders()
    fate.orders = len(orders)
    if not orders:
        fate.fail("nothing was placed", f"in {fate.kills} kills")
    for order in orders:
        name = order.client_order_id or ""
        if len(venue.ledger.orders(name)) > 1:
            fate.fail("duplicate", name)
        if name in absent:
            fate.fail("told absent, but exists", name)
        if name not in known:
            fate.fail("lost", name)
        elif known[name] != {order.order_id}:
            fate.fail("misattributed", name)


async def kill_many(times: int, *, seed: str, at_once: int = 4) -> Fate:
    """Kill several bots, each fifty times and at an exchange of its own: what a bot reads to recover grows."""
    places = asyncio.Semaphore(at_once)
    total = Fate()

    async def kill_one(number: int) -> None:
        async with places:
            total.add(await kill(min(_KILLS_EACH, times - number * _KILLS_EACH), seed=f"{seed}/{number}"))
        print(f"{total.kills} kills, {total.orders} orders, {dict(total.failures)}", flush=True)

    await asyncio.gather(*(kill_one(number) for number in range(-(-times // _KILLS_EACH))))
    return total


def show_fate(fate: Fate) -> None:
    """Print a fate."""
    print(f"{fate.kills} kills, {fate.orders} orders at the exchange, told {dict(fate.told)}")
    for sample in fate.samples:
        print(sample)
    print("failures:", dict(fate.failures) or "none")


if __name__ == "__main__":
    nursery(*sys.argv[1:])
