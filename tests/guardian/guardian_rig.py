"""What the tests of the guardian share: a bot in a process of its own, and what is known of processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

from spotlane import OrderParams, OrderType, Side, Symbol
from spotlane.exchanges.mexc import MexcPrivateRest
from spotlane.sandbox import Sandbox

BTC_USDT = Symbol("BTC", "USDT")
ETH_USDT = Symbol("ETH", "USDT")
BOT = Path(__file__).with_name("bot.py")
SECONDS = 1.0
# Over and above the time that was asked for, until every order is cancelled.
GRACE_S = 1.5


def is_running(pid: int) -> bool:
    """Tell whether there is such a process that is no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def resting(symbol: Symbol = BTC_USDT, price: int = 20_000) -> OrderParams:
    """Return a buy order far below the market."""
    return OrderParams(symbol, Side.BUY, OrderType.LIMIT, Decimal("0.01"), Decimal(price))


@asynccontextmanager
async def trading(**options: Any) -> AsyncIterator[tuple[Sandbox, MexcPrivateRest]]:
    """Give an exchange without rate limits, and an open client of it."""
    async with Sandbox("mexc", rate_limits=False) as venue:
        settings: dict[str, Any] = {"base_url": venue.url, "enforce_limits": False, "connections": 1, **options}
        async with MexcPrivateRest(venue.credentials, **settings) as exchange:
            venue.requests.clear()
            yield venue, exchange
        assert venue.errors == ()


async def until(condition: Callable[[], object], limit_s: float = 15.0) -> None:
    """Wait for a condition that another process brings about. Raises TimeoutError."""
    async with asyncio.timeout(limit_s):
        while not condition():  # noqa: ASYNC110 - what sets the condition is in another process
            await asyncio.sleep(0.005)


class Bot:
    """A bot in a process of its own, with its guardian."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.guardian = 0

    async def hear(self) -> dict[str, Any]:
        """Return the next thing that the bot says."""
        assert self.process.stdout is not None
        told: dict[str, Any] = json.loads(await self.process.stdout.readline())
        return told

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the bot."""
        self.process.send_signal(number)


@asynccontextmanager
async def bot(venue: Sandbox, do: str, *, seconds: float = SECONDS) -> AsyncIterator[Bot]:
    """Give a bot with three open orders and an armed switch; both processes are gone afterwards."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(BOT), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    told = {"exchange": venue.exchange, "url": venue.url, "api_key": venue.api_key, "api_secret": venue.api_secret}
    assert process.stdin is not None
    process.stdin.write(json.dumps({**told, "seconds": seconds, "do": do}).encode() + b"\n")
    bot = Bot(process)
    try:
        bot.guardian = (await bot.hear())["guardian"]
        yield bot
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        if bot.guardian and is_running(bot.guardian):
            os.kill(bot.guardian, signal.SIGKILL)
        await until(lambda: not is_running(bot.guardian))
