"""A bot for the tests: it places orders, arms its dead-man switch, and then does what it was told on standard input."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from decimal import Decimal
from typing import Any

from spotlane import Credentials, OrderParams, OrderType, Side, Symbol, open_exchange

NEVER_S = 60.0


def tell(**told: Any) -> None:
    """Say something to the test."""
    print(json.dumps(told), flush=True)


async def live(settings: dict[str, Any]) -> None:
    """Live one bot's life."""
    credentials = Credentials(settings["api_key"], settings["api_secret"])
    client: Any = open_exchange(
        settings["exchange"], credentials, base_url=settings["url"], connections=1, enforce_limits=False
    )
    async with client as exchange:
        for symbol in ("BTC/USDT", "BTC/USDT", "ETH/USDT"):
            await exchange.place_order(
                OrderParams(Symbol.parse(symbol), Side.BUY, OrderType.LIMIT, Decimal("0.01"), Decimal(2_000))
            )
        await exchange.dead_man(settings["seconds"])
        tell(guardian=exchange.status().dead_man.pid)
        match settings["do"]:
            case "stall":
                time.sleep(2 * settings["seconds"])  # noqa: ASYNC251 - the event loop is to stall
            case "end":
                return
            case "fail":
                raise ZeroDivisionError
        while exchange.status().dead_man.state.name == "ARMED":  # noqa: ASYNC110 - it is told of no event
            await asyncio.sleep(0.01)
        tell(state=exchange.status().dead_man.state.name)
        await asyncio.sleep(NEVER_S)


asyncio.run(live(json.loads(sys.stdin.readline())))
