"""Print how long the event loop is blocked at most while a client receives and decodes a large reply.

A task spins the loop with sleep(0) and notes the longest gap between two of its turns while get_open_orders (5,000
orders) and get_account_balance (2,000) run against a local server in another process that sends canned replies. The
client is the same in every row but for the step that decodes: Binance's, whose list of open orders has no upper limit.
msgspec and the dataclasses make every Decimal at once, spotlane when it is read; a row of its own reads them all before
the loop goes on. The last row decodes nothing: what receiving alone takes. A machine whose cores are all busy adds
stretches of its own.

Run from the project's root: python bench/ratios_blocking.py
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import decoding_samples as samples
import orjson

from spotlane import Credentials, Symbol
from spotlane.exchanges.binance import BinancePrivateRest, wire
from spotlane.exchanges.binance import spec as binance
from spotlane.structs import AssetBalance, Order
from spotlane.transport import Request

ORDERS = 5_000
BALANCES = 2_000
ROUNDS = 21
RULES = {
    "symbols": [
        {
            "symbol": "BTCUSDT",
            "status": "TRADING",
            "baseAsset": "BTC",
            "quoteAsset": "USDT",
            "baseAssetPrecision": 8,
            "quoteAssetPrecision": 8,
            "orderTypes": ["LIMIT", "MARKET", "LIMIT_MAKER"],
            "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"},
                {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"},
            ],
        }
    ]
}


class Server(asyncio.Protocol):
    """Answers each request by its path, with a reply that was made before."""

    def __init__(self) -> None:
        self._replies = {
            binance.RULES.path: orjson.dumps(RULES),
            binance.ALL_OPEN_ORDERS.path: samples.orders(ORDERS),
            binance.ACCOUNT.path: samples.account(BALANCES),
        }
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, self._received = self._received.split(b"\r\n\r\n", 1)
            path = head.split(b" ", 2)[1].split(b"?")[0].decode()
            body = self._replies.get(path, b'{"serverTime":%d}' % (time.time_ns() // 1_000_000))
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


async def serve() -> None:
    """Print the port, then answer until the standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Server, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


class Client(BinancePrivateRest):
    """The client as it is; the classes below decode in another way, and nothing else."""

    def _read_balances(self, body: bytes, symbols: Mapping[str, Symbol]) -> list[AssetBalance]:
        return wire.BALANCE.many(body)

    async def _fetch_balances(self, deadline: float) -> list[AssetBalance]:
        return await self._read(
            Request.to(binance.ACCOUNT, wire.BALANCES_QUERY), self._read_balances, deadline=deadline
        )


class ReadingClient(Client):
    def _read_orders(self, body: bytes, symbols: Mapping[str, Symbol]) -> list[Order]:
        orders = super()._read_orders(body, symbols)
        for order in orders:
            order.price, order.quantity, order.filled_quantity, order.filled_quote_quantity  # noqa: B018
        return orders

    def _read_balances(self, body: bytes, symbols: Mapping[str, Symbol]) -> list[AssetBalance]:
        balances = super()._read_balances(body, symbols)
        for balance in balances:
            balance.available, balance.locked  # noqa: B018
        return balances


class MsgspecClient(Client):
    def _read_orders(self, body: bytes, symbols: Mapping[str, Symbol]) -> list[Any]:
        return samples.TYPED_ORDERS.decode(body)

    def _read_balances(self, body: bytes, symbols: Mapping[str, Symbol]) -> list[Any]:
        return samples.TYPED_ACCOUNT.decode(body).balances


class JsonClient(Client):
    def _read_orders(self, body: bytes, symbols: Mapping[str, Symbol]) -> list[Any]:
        return samples.plain_orders(json.loads(body))

    def _read_balances(self, body: bytes, symbols: Mapping[str, Symbol]) -> list[Any]:
        return samples.plain_balances(json.loads(body))


class SilentClient(Client):
    def _read_orders(self, body: bytes, symbols: Mapping[str, Symbol]) -> list[Order]:
        return []

    def _read_balances(self, body: bytes, symbols: Mapping[str, Symbol]) -> list[AssetBalance]:
        return []


Call = Callable[[Client], Awaitable[object]]
WAYS: dict[str, type[Client]] = {
    "spotlane": Client,
    "spotlane, every decimal read": ReadingClient,
    "msgspec": MsgspecClient,
    "json, dataclasses and Decimal": JsonClient,
    "nothing decoded": SilentClient,
}


async def longest_gap_ms(call: Call, client: Client) -> float:
    """Await a call of a client while another task spins; return the longest time in which that one had no turn."""
    longest_ns = 0

    async def spin() -> None:
        nonlocal longest_ns
        last_ns = time.perf_counter_ns()
        while True:
            await asyncio.sleep(0)
            now_ns = time.perf_counter_ns()
            longest_ns, last_ns = max(longest_ns, now_ns - last_ns), now_ns

    spinner = asyncio.ensure_future(spin())
    await asyncio.sleep(0)
    try:
        # Bound until the spinner has had its next turn, so that freeing the result is not in the measured stretch.
        result = await call(client)
        await asyncio.sleep(0)
        del result
    finally:
        spinner.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await spinner
    return longest_ns / 1e6


@asynccontextmanager
async def clients(url: str) -> AsyncIterator[dict[str, Client]]:
    """Open one client for each way."""
    async with contextlib.AsyncExitStack() as stack:
        yield {
            name: await stack.enter_async_context(
                way(Credentials("key", "secret"), base_url=url, timeout_s=10, connections=1, enforce_limits=False)
            )
            for name, way in WAYS.items()
        }


def show(title: str, rows: Mapping[str, Sequence[float]]) -> None:
    """Print median and worst of each way's rounds."""
    first = statistics.median(next(iter(rows.values())))
    print(f"\n{title}\n{'':34}{'median ms':>11}{'worst ms':>11}{'spotlane / this':>18}")
    for name, gaps in rows.items():
        median = statistics.median(gaps)
        print(f"{name:34}{median:11.2f}{max(gaps):11.2f}{first / median:17.2f}x")


async def measure(url: str) -> None:
    """Let the ways take turns, and print both tables."""
    async with clients(url) as ways:
        calls: dict[str, Call] = {
            f"get_open_orders, {ORDERS:,} orders": lambda client: client.get_open_orders(),
            f"get_account_balance, {BALANCES:,} balances": lambda client: client.get_account_balance(),
        }
        for title, call in calls.items():
            rows: dict[str, list[float]] = {name: [] for name in ways}
            for _ in range(ROUNDS):
                for name, client in ways.items():
                    rows[name].append(await longest_gap_ms(call, client))
            show(f"longest stretch without a turn of the loop: {title}", rows)


def main() -> None:
    """Start the server in another process and measure against it."""
    with subprocess.Popen(
        [sys.executable, __file__, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        asyncio.run(measure(f"http://127.0.0.1:{server.stdout.readline().strip()}"))
        server.stdin.close()


if __name__ == "__main__":
    asyncio.run(serve()) if "--serve" in sys.argv else main()
