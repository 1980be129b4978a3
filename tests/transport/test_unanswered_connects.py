"""Connecting to a host that does not answer: nobody's place is taken for as long as the kernel goes on trying."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from spotlane.transport import ManualClock
from spotlane.transport.pool import ConnectionPool, PooledConnection
from spotlane.transport.status import ConnectionCounters


class Silence:
    """A connector that answers nobody before it is told to."""

    def __init__(self) -> None:
        self.answers = asyncio.Event()
        self.asked = 0

    async def connect(self, *_: Any) -> Any:
        self.asked += 1
        await self.answers.wait()
        told = {"socket": SimpleNamespace(fileno=lambda: -1)}
        transport = SimpleNamespace(get_extra_info=told.get, abort=lambda: None)
        closed = asyncio.get_running_loop().create_future()
        protocol = SimpleNamespace(transport=transport, closed=closed)
        return SimpleNamespace(protocol=protocol, transport=transport, close=lambda: closed.done() or closed.cancel())


class Quiet(PooledConnection):
    def rest(self) -> bool:
        return True

    def is_silent(self) -> bool:
        return True


def pool_of(connector: Silence, *, places: int) -> ConnectionPool:
    made: Any = connector
    probe: Any = None
    return ConnectionPool(
        made, probe, Quiet, clock=ManualClock(), max_connections=places, retire_after_s=10.0,
        counters=ConnectionCounters(), on_lost=lambda: None,
    )  # fmt: skip


async def give_up_on(pool: ConnectionPool) -> None:
    waiting = asyncio.create_task(pool.acquire())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_attempts_that_were_given_up_take_no_place() -> None:
    connector = Silence()
    pool = pool_of(connector, places=2)
    for _ in range(10):
        await give_up_on(pool)
    assert (connector.asked, len(pool)) == (10, 0)
    connector.answers.set()
    async with asyncio.timeout(5):
        connection = await pool.acquire()
    pool.release(connection, used_s=1_000.0)
    await pool.close()


async def test_what_comes_of_them_is_kept_as_far_as_there_is_room() -> None:
    connector = Silence()
    pool = pool_of(connector, places=2)
    for _ in range(5):
        await give_up_on(pool)
    connector.answers.set()
    for _ in range(10):
        await asyncio.sleep(0)
    assert (pool.status().idle, pool.status().busy, len(pool)) == (2, 0, 2)
    one, two = await pool.acquire(), await pool.acquire()
    assert connector.asked == 5
    for connection in (one, two):
        pool.discard(connection)
    await pool.close()
