"""A process that holds one client and measures it when asked, so that no library slows another's garbage collection.

Run by launch.py as `python -m whole.worker --client NAME ...`. Each line on standard input is a command in JSON, each
line on standard output its answer; between two commands the event loop stands still and the process takes no time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from whole.clients import registry
from whole.clients.contract import PRICES, Client, Target
from whole.clients.wire import QueryDialect, dialect, encode_and_sign
from whole.cores import pin
from whole.open_loop import at_rate
from whole.writes import Writes

if TYPE_CHECKING:
    from spotlane.transport import Stages

# The first requests of a turn find cold caches, and connections that have aged while others had their turn.
LEAD = 5


class Session:
    """The commands, each a method that takes the command's members and returns the answer."""

    def __init__(self, client: Client, writes: Writes | None) -> None:
        self._client = client
        self._writes = writes
        self._last_id = ""
        self._commands: dict[str, Callable[..., Awaitable[dict[str, object]]]] = {
            "turn": self.turn,
            "rate": self.rate,
            "until_write": self.until_write,
            "stages": self.stages,
        }

    async def obey(self, command: dict[str, Any]) -> dict[str, object]:
        """Carry out one command."""
        return await self._commands[command.pop("do")](**command)

    async def turn(self, verb: str, count: int) -> dict[str, object]:
        """Make count calls of one verb, one after another, and check the last result against the server's state.

        Answers the nanoseconds of each and the processor time of one.
        """
        client, samples = self._client, [0] * count
        call, check = self._verb(verb)
        for _ in range(LEAD):
            await call()
        cpu_ns = time.process_time_ns()
        for index in range(count):
            start = time.perf_counter_ns()
            result = await call()
            samples[index] = time.perf_counter_ns() - start
        cpu_ns = time.process_time_ns() - cpu_ns
        if client.decodes or verb in ("place_order", "cancel_order", "get_order"):
            check(result)
        return {"samples_ns": samples, "cpu_ns": cpu_ns / count}

    async def rate(self, rate: int, seconds: float) -> dict[str, object]:
        """Place orders at a fixed rate; see at_rate."""
        client = self._client
        for _ in range(LEAD):
            await client.place(client.order())
        samples, failures = await at_rate(lambda: client.place(client.order()), rate, seconds)
        return {"samples_ns": samples, "failures": failures}

    async def until_write(self, count: int) -> dict[str, object]:
        """Time place_order from its call to entering transport.write, and urlencode + hmac of such an order."""
        assert self._writes is not None
        client, writes = self._client, self._writes
        until_write, library = [0] * count, [0] * count
        ways = dialect("mexc")
        assert isinstance(ways, QueryDialect)
        params = ways.stamped(ways.place(PRICES[0]))
        for index in range(count):
            order = client.order()
            writes.entered_ns.clear()
            start = time.perf_counter_ns()
            await client.place(order)
            until_write[index] = writes.entered_ns[0] - start
            start = time.perf_counter_ns()
            encode_and_sign(params)
            library[index] = time.perf_counter_ns() - start
        return {"until_write_ns": until_write, "library_ns": library}

    async def stages(self, count: int) -> dict[str, object]:
        """Place orders and answer what each stage of them took, in microseconds."""
        client: Any = self._client
        took_us: dict[str, list[float]] = {}

        def note(stages: Stages) -> None:
            for name, stage_us in stages.durations_us().items():
                took_us.setdefault(name, []).append(stage_us)

        client.listen(note)
        for _ in range(count):
            await client.place(client.order())
        client.listen(None)
        return {"took_us": took_us}

    def _verb(self, verb: str) -> tuple[Callable[[], Awaitable[Any]], Callable[[Any], None]]:
        """Return the call of a verb and the check of its result."""
        client = self._client
        if verb == "place_order":
            return lambda: client.place(client.order()), self._check_placed
        if verb == "cancel_order":
            return lambda: client.cancel(self._last_id), self._check_named
        if verb == "get_order":
            return lambda: client.get(self._last_id), self._check_named
        if verb == "get_open_orders":
            return client.open_orders, lambda result: self._check_sum(result, "open_orders", "remaining")
        return client.balances, lambda result: self._check_sum(result, "balances", "total")

    def _check_placed(self, order_id: str) -> None:
        self._last_id = order_id
        _require("order id", order_id, self._state()["last_id"])

    def _check_named(self, order_id: str) -> None:
        _require("order id", order_id, self._last_id)

    def _check_sum(self, result: dict[str, Any], count: str, total: str) -> None:
        state = self._state()
        _require("count", len(result), state[count])
        # Floats, which some clients give, add up to a little more or less.
        _require("sum", round(float(sum(result.values())), 4), round(float(Decimal(state[total])), 4))

    def _state(self) -> dict[str, Any]:
        """Ask the server what is true, over a connection that is not the client's."""
        target = self._client.target
        url = urlsplit(target.url)
        assert url.hostname is not None
        if target.authority is None:
            connection = HTTPConnection(url.hostname, url.port)
        else:
            from http.client import HTTPSConnection

            connection = HTTPSConnection(url.hostname, url.port, context=target.ssl_context())
        connection.request("GET", "/bench/state")
        state: dict[str, Any] = json.loads(connection.getresponse().read())
        connection.close()
        return state


def _require(what: str, told: object, expected: object) -> None:
    if told != expected:
        raise AssertionError(f"{what}: the client says {told!r}, the server {expected!r}")


async def _run(arguments: argparse.Namespace) -> None:
    writes = Writes.watch(asyncio.get_running_loop()) if arguments.stamp_writes else None
    target = Target(arguments.exchange, arguments.url, arguments.authority, transport=arguments.transport)
    client = registry.load(arguments.client)(target)
    await client.open()
    session = Session(client, writes)
    _say({"ready": client.what()})
    try:
        while line := sys.stdin.readline():
            _say(await session.obey(json.loads(line)))
    finally:
        await client.close()


def _say(answer: dict[str, object]) -> None:
    print(json.dumps(answer), flush=True)


def main() -> None:
    """Measure until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--client", choices=registry.NAMES, required=True)
    parser.add_argument("--exchange", required=True)
    parser.add_argument("--url", required=True)
    parser.add_argument("--authority")
    parser.add_argument("--transport")
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio")
    parser.add_argument("--core", type=int)
    parser.add_argument("--stamp-writes", action="store_true")
    arguments = parser.parse_args()
    pin(arguments.core)
    if arguments.loop == "uvloop":
        import uvloop

        uvloop.run(_run(arguments))
    else:
        asyncio.run(_run(arguments))


if __name__ == "__main__":
    main()
