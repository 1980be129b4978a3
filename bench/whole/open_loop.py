"""Requests at a fixed rate whatever the replies do, timed from when each was due."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable


async def at_rate(call: Callable[[], Awaitable[object]], rate: int, seconds: float) -> tuple[list[int], list[str]]:
    """Start rate calls a second; return the nanoseconds of each, from its intended moment to its result, and failures.

    A call that starts late because the loop was busy counts as late. One that fails, as an overdue order does when the
    rate is more than the machine can do, counts with the time until then. The wait is a spin over the loop, one turn
    after another: a timer alone would be up to 2 ms late, many times what is measured.
    """
    count = int(rate * seconds)
    samples = [0] * count
    failures: list[str] = []
    under_way: set[asyncio.Task[None]] = set()

    async def make(index: int, due_ns: int) -> None:
        try:
            await call()
        except Exception as failure:
            failures.append(type(failure).__name__)
        samples[index] = time.perf_counter_ns() - due_ns

    begin_ns = time.perf_counter_ns() + 1_000_000
    for index in range(count):
        due_ns = begin_ns + index * 1_000_000_000 // rate
        while time.perf_counter_ns() < due_ns:  # noqa: ASYNC110
            await asyncio.sleep(0)
        task = asyncio.create_task(make(index, due_ns))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
    while under_way:
        await asyncio.gather(*under_way)
    return samples, failures
