"""Print how long orders outlive a bot with a dead-man switch that is killed, or stopped.

A sandbox runs in this process, a bot with three open orders on two symbols in another. Once its switch is armed the bot
gets a signal, at a random moment between two signs of life, and the time runs until a client that watches finds no open
order any more. MEXC and Binance have a guardian process, Gate counts down by itself, from 5 s at the least.

Run from the project's root: python bench/dead_man_times.py [--rounds 5]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import statistics
import sys
import time
from contextlib import suppress
from decimal import Decimal
from typing import Any

from spotlane import Credentials, OrderParams, OrderType, Side, Symbol, open_exchange
from spotlane.sandbox import Sandbox

# Exchange, and the shortest time that its switch takes.
CASES = (("mexc", 1.0), ("binance", 1.0), ("gateio", 5.0))
SIGNALS = (signal.SIGKILL, signal.SIGSTOP)
SYMBOLS = ("BTC/USDT", "BTC/USDT", "ETH/USDT")
# The longest between two signs of life, as a part of the switch's time.
BETWEEN_SIGNS = 1 / 3
POLL_S = 0.005
LIMIT_S = 60.0


async def trade(settings: dict[str, Any]) -> None:
    """Be the bot: place the orders, arm the switch, say so with the guardian's process id, and live on."""
    credentials = Credentials(settings["key"], settings["secret"])
    client: Any = open_exchange(settings["exchange"], credentials, base_url=settings["url"], enforce_limits=False)
    async with client as exchange:
        for symbol in SYMBOLS:
            await exchange.place_order(
                OrderParams(Symbol.parse(symbol), Side.BUY, OrderType.LIMIT, Decimal("0.01"), Decimal(2_000))
            )
        await exchange.dead_man(settings["seconds"])
        print(json.dumps(exchange.status().dead_man.pid), flush=True)
        await asyncio.sleep(LIMIT_S)


async def measure(exchange: str, seconds: float, number: signal.Signals) -> float:
    """Return the seconds from a signal to a bot until the exchange lists none of its orders as open."""
    async with (
        Sandbox(exchange, rate_limits=False) as venue,
        open_exchange(exchange, venue.credentials, base_url=venue.url, enforce_limits=False) as watcher,
    ):
        bot = await asyncio.create_subprocess_exec(
            sys.executable, __file__, "--bot",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        assert bot.stdin is not None
        assert bot.stdout is not None
        settings = {
            "exchange": exchange, "url": venue.url, "key": venue.api_key, "secret": venue.api_secret,
            "seconds": seconds,
        }  # fmt: skip
        guardian: int | None = None
        try:
            bot.stdin.write(json.dumps(settings).encode() + b"\n")
            async with asyncio.timeout(LIMIT_S):
                guardian = json.loads(await bot.stdout.readline())
                await asyncio.sleep(random.uniform(0, seconds * BETWEEN_SIGNS))
                if len(await watcher.get_open_orders()) != len(SYMBOLS):
                    raise RuntimeError(f"not {len(SYMBOLS)} orders are open before the signal")
                begun_s = time.perf_counter()
                os.kill(bot.pid, number)
                while await watcher.get_open_orders():  # noqa: ASYNC110 - no event tells of it
                    await asyncio.sleep(POLL_S)
                return time.perf_counter() - begun_s
        finally:
            if bot.returncode is None:
                _kill(bot.pid)
            await bot.wait()
            if guardian is not None:
                # It would watch on for as long as a late order may show.
                _kill(guardian)


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


async def show(rounds: int) -> None:
    """Print the table; each case once in every round."""
    took_s: dict[tuple[str, float, signal.Signals], list[float]] = {
        (exchange, seconds, number): [] for exchange, seconds in CASES for number in SIGNALS
    }
    for _ in range(rounds):
        for case, each in took_s.items():
            each.append(await measure(*case))
    print("| exchange | switch of | signal | median | least | most |")
    print("|---|---|---|---|---|---|")
    for (exchange, seconds, number), each in took_s.items():
        print(
            f"| {exchange} | {seconds:g} s | {number.name} | {statistics.median(each):.3f} s | {min(each):.3f} s | "
            f"{max(each):.3f} s |"
        )


def main() -> None:
    """Read the command line; be the bot or measure."""
    parser = argparse.ArgumentParser(description="How long orders outlive a bot with a dead-man switch.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--bot", action="store_true", help="be the bot: for this script itself")
    arguments = parser.parse_args()
    if arguments.bot:
        asyncio.run(trade(json.loads(sys.stdin.readline())))
    else:
        asyncio.run(show(arguments.rounds))


if __name__ == "__main__":
    main()
