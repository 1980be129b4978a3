"""Keeping a number of connections warm, so that an order never pays for a handshake."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from spotlane.transport.clock import Clock
from spotlane.transport.deadline import DeadlineScope
from spotlane.transport.pool import ConnectionPool, PooledConnection

_log = logging.getLogger("spotlane.transport")
_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 5.0
_SHORTEST_LOOK_S = 0.05
_OPEN_LIMIT_S = 5.0


class ConnectionKeeper:
    """Opens connections until there are `connections`, and uses each before the server would close it.

    warm sends a cheap request over a connection and gives it back to the pool, returning False where it was not kept or
    not welcome. It is called only while may_warm allows it; a connection is opened all the same, and replaced when it
    has idled for too long. What fails is tried again after a pause that doubles up to five seconds.
    """

    def __init__(
        self,
        pool: ConnectionPool,
        *,
        clock: Clock,
        connections: int,
        warm: Callable[[PooledConnection], Awaitable[bool]],
        may_warm: Callable[[], bool],
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._connections = connections
        self._warm = warm
        self._may_warm = may_warm
        self._pause_s = _FIRST_PAUSE_S
        self._needed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open all connections at once and keep them from then on. A failure is logged, counted and tried again."""
        await asyncio.gather(*(self._open_one() for _ in range(self._connections)))
        self._task = asyncio.create_task(self._keep(), name="spotlane-connections")

    async def stop(self) -> None:
        """Stop keeping; the connections stay as they are."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def connection_lost(self) -> None:
        """Look soon whether a connection has to be opened."""
        self._needed.set()

    async def _keep(self) -> None:
        while True:
            if await self._round():
                self._pause_s = _FIRST_PAUSE_S
                timer = self._clock.call_later(self._look_every_s(), self._needed.set)
                try:
                    await self._needed.wait()
                finally:
                    timer.cancel()
            else:
                await self._clock.sleep(self._pause_s)
                self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)
            self._needed.clear()

    def _look_every_s(self) -> float:
        return max(_SHORTEST_LOOK_S, self._pool.retire_after_s / 8)

    async def _round(self) -> bool:
        """Do once what is due, one connection after the other; return False as soon as something fails."""
        self._pool.sweep()
        while len(self._pool) < self._connections:
            if not await self._open_one():
                return False
        for _ in range(self._connections):
            # Half of the time that one may idle: the other half is left for this to be late or to fail.
            if not self._pool.has_idled_for(self._pool.retire_after_s / 2) or not self._may_warm():
                break
            connection = await self._get(self._pool.acquire_oldest)
            if connection is None or not await self._warm(connection):
                return False
        return True

    async def _open_one(self) -> bool:
        connection = await self._get(self._pool.acquire_new)
        if connection is None:
            return False
        return await self._warm(connection) if self._may_warm() else self._pool.release(connection)

    async def _get(self, acquire: Callable[[], Awaitable[PooledConnection]]) -> PooledConnection | None:
        try:
            async with DeadlineScope(self._clock, self._clock.monotonic() + _OPEN_LIMIT_S):
                return await acquire()
        except Exception as error:
            if self._pause_s == _FIRST_PAUSE_S:
                _log.warning("a connection could not be opened, trying again: %s", type(error).__name__)
            return None
