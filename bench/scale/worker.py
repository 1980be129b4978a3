"""A process that opens one client, puts one load on it, prints what it measured and ends.

Run by run.py as `python -m scale.worker --client NAME ...`. Each measurement has a process of its own, so that it finds
neither another library's objects nor the memory of an earlier load.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Awaitable, Callable

from whole.clients import registry
from whole.clients.contract import Client, Target
from whole.cores import pin
from whole.quantiles import percentile

from scale import memory

# Enough for every cache of fixed size to be full, so that what is added later is of the connections.
_SETTLING_ORDERS = 6_000
_SAMPLES = 100


async def throughput(client: Client, connections: int, seconds: float) -> dict[str, object]:
    """Place orders from as many tasks as there may be connections, each as soon as its last one is acknowledged.

    Tells the orders acknowledged a second, the time that each took, the processor time of one, and how many connections
    there were at the end.
    """
    await _place(client, connections, until=time.perf_counter() + seconds / 4)
    begun_s, cpu_s = time.perf_counter(), time.process_time()
    samples_ns = await _place(client, connections, until=begun_s + seconds)
    cpu_s = time.process_time() - cpu_s
    elapsed_s = time.perf_counter() - begun_s
    count = len(samples_ns)
    samples_ns.sort()
    return {
        "orders": count,
        "orders_per_s": count / elapsed_s,
        "p50_us": _us(percentile(samples_ns, 50)),
        "p99_us": _us(percentile(samples_ns, 99)),
        "cpu_us": cpu_s / count * 1e6,
        "opened": memory.connections() if memory.is_told() else None,
    }


async def connections(client: Client, connections: int, seconds: float) -> dict[str, object]:
    """Tell what one connection more adds to the resident memory and to the objects of the process.

    Every connection has carried requests, and none is under way when memory is looked at.
    """
    for _ in range(_SETTLING_ORDERS):
        await client.place(client.order())
    before = (memory.connections(), memory.objects(), memory.resident_kib())
    await _place(client, connections, until=time.perf_counter() + seconds)
    after = (memory.connections(), memory.objects(), memory.resident_kib())
    added = after[0] - before[0]
    if added < connections / 2:
        raise AssertionError(f"{added} connections were opened by {connections} concurrent tasks")
    return {
        "connections": added,
        "objects": round((after[1] - before[1]) / added, 1),
        "kib": round((after[2] - before[2]) / added, 1),
    }


async def growth(client: Client, connections: int, requests: int) -> dict[str, object]:
    """Place many orders and tell the resident memory after each hundredth of them, in KiB."""
    each = max(1, requests // _SAMPLES // connections)
    resident_kib = []
    begun_s = time.perf_counter()
    for _ in range(_SAMPLES):
        await asyncio.gather(*(_place_count(client, each) for _ in range(connections)))
        resident_kib.append(memory.resident_kib())
    placed = each * connections * _SAMPLES
    per_s = placed / (time.perf_counter() - begun_s)
    return {"requests": placed, "orders_per_s": round(per_s, 1), "resident_kib": resident_kib}


async def _place(client: Client, tasks: int, *, until: float) -> list[int]:
    """Place orders from concurrent tasks until a moment of time.perf_counter and return the nanoseconds of each."""
    samples_ns: list[int] = []

    async def one() -> None:
        while time.perf_counter() < until:
            start_ns = time.perf_counter_ns()
            order_id = await client.place(client.order())
            samples_ns.append(time.perf_counter_ns() - start_ns)
            if not order_id:
                raise AssertionError("an order without an id was acknowledged")

    await asyncio.gather(*(one() for _ in range(tasks)))
    return samples_ns


async def _place_count(client: Client, count: int) -> None:
    for _ in range(count):
        await client.place(client.order())


def _us(nanoseconds: float | None) -> float | None:
    return None if nanoseconds is None else nanoseconds / 1_000


async def _run(target: Target, kind: type[Client], measure: Callable[[Client], Awaitable[dict[str, object]]]) -> None:
    client = kind(target)
    await client.open()
    try:
        measured = await measure(client)
    finally:
        await client.close()
    print(json.dumps({"what": client.what(), **measured}))


def main() -> None:
    """Measure one thing and print it as one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("measure", choices=("throughput", "connections", "growth"))
    parser.add_argument("--client", choices=registry.NAMES, required=True)
    parser.add_argument("--exchange", required=True)
    parser.add_argument("--url", required=True)
    parser.add_argument("--authority")
    parser.add_argument("--transport")
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio")
    parser.add_argument("--core", type=int)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--requests", type=int, default=1_000_000)
    asked = parser.parse_args()
    pin(asked.core)
    measures: dict[str, Callable[[Client], Awaitable[dict[str, object]]]] = {
        "throughput": lambda client: throughput(client, asked.connections, asked.seconds),
        "connections": lambda client: connections(client, asked.connections, asked.seconds),
        "growth": lambda client: growth(client, asked.connections, asked.requests),
    }
    target = Target(asked.exchange, asked.url, asked.authority, asked.connections, asked.transport)
    running = _run(target, registry.load(asked.client), measures[asked.measure])
    if asked.loop == "uvloop":
        import uvloop

        uvloop.run(running)
    else:
        asyncio.run(running)


if __name__ == "__main__":
    main()
