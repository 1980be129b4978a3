"""Connections that are kept open, each trusted only as long as it has been silent.

aiohttp's own pool hands out the connection that has idled longest and asks only whether it is connected. A reply that
came unasked, the second of two, or a 408 for idling too long would be read as the answer to the next order. So the
connections are taken from aiohttp's connector for good and kept here.
"""

from __future__ import annotations

import asyncio
import bisect
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING

from aiohttp import BaseConnector, ClientRequest, ClientTimeout

from spotlane._core.berths import Berth, Berths
from spotlane.transport.clock import Clock
from spotlane.transport.queue import Queue
from spotlane.transport.status import CarrierStatus, ConnectionCounters

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.connector import Connection

_NO_TIMEOUT = ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)
_KEEPALIVE_TIMEOUT = re.compile(r"\btimeout\s*=\s*(\d{1,6})", re.ASCII | re.IGNORECASE)
# A server that speaks first on every new connection is no HTTP server.
_FRESH_ATTEMPTS = 3
_HANDSHAKE_TURNS = 8
_CLOSE_LIMIT_S = 1.0
# One in eight connections is kept free for cancels, where there are as many.
_RESERVED_SHARE = 8
# The exchange's address and what balances its load change; a connection does not follow.
_OLDEST_S = 3_600.0


class PooledConnection(Berth, ABC):
    """One connection, used by at most one request at a time. Subclasses know how its replies are read.

    Raises ConnectionResetError where it was lost as soon as it was made.
    """

    def __init__(self, connection: Connection, opened_s: float) -> None:
        protocol, transport = connection.protocol, connection.transport
        # uvloop has no socket to show for a connection that is lost.
        raw = None if transport is None else transport.get_extra_info("socket")
        if protocol is None or transport is None or raw is None:
            connection.close()
            raise ConnectionResetError("the connection was lost as soon as it was made")
        # Kept, for aiohttp closes what nobody holds.
        self._connection = connection
        self.protocol: ResponseHandler = protocol
        self.opened_s = self.idle_since_s = opened_s
        self.descriptor: int = raw.fileno()
        self.is_tls = transport.get_extra_info("sslcontext") is not None
        self.pool: ConnectionPool | None = None

    @abstractmethod
    def rest(self) -> bool:
        """Prepare for idling; return False where it can't be used again."""

    def abort(self) -> None:
        """Close at once, dropping what was not written yet."""
        transport = self.protocol.transport
        if transport is not None:
            transport.abort()
        self._connection.close()

    def distrust(self) -> None:
        """Close it, in use or not: what it delivers can't be trusted."""
        if self.pool is not None:
            self.pool.distrust(self)

    def closed(self) -> asyncio.Future[None] | None:
        """Return a future that is done when the socket is closed, or None when it is already."""
        return self.protocol.closed


class ConnectionPool:
    """At most max_connections connections of one connector to one host; the last one used is the first to be used.

    make turns a connection of aiohttp's into one of ours. Of the connections, an eighth is for cancels alone. One that
    idled for longer than retire_after_s, or is older than an hour, is not used again. on_lost is called when there is
    one less.
    """

    def __init__(
        self,
        connector: BaseConnector,
        probe: ClientRequest,
        make: Callable[[Connection, float], PooledConnection],
        *,
        clock: Clock,
        max_connections: int,
        retire_after_s: float,
        counters: ConnectionCounters,
        on_lost: Callable[[], None],
    ) -> None:
        self._connector = connector
        self._probe = probe
        self._make = make
        self._clock = clock
        self._counters = counters
        self._on_lost = on_lost
        self.berths = Berths(
            places=max_connections,
            reserve=max_connections // _RESERVED_SHARE,
            retire_after_s=retire_after_s,
            oldest_s=_OLDEST_S,
            on_drop=self._drop_idle,
        )
        self._queue = Queue(self.berths)
        self._closing: set[asyncio.Future[None]] = set()
        self._openings: set[asyncio.Task[PooledConnection]] = set()
        # Of these, the ones that nobody waits for any more.
        self._forsaken: set[asyncio.Task[PooledConnection]] = set()
        self._most = max_connections
        self._closed = False

    def __len__(self) -> int:
        return len(self.berths.idle) + len(self.berths.busy) + len(self._openings) - len(self._forsaken)

    @property
    def retire_after_s(self) -> float:
        """For how long a connection may idle."""
        return self.berths.retire_after_s

    def status(self) -> CarrierStatus:
        """Return how many connections there are and were."""
        counters = self._counters
        return CarrierStatus(
            idle=len(self.berths.idle),
            busy=len(self.berths.busy),
            opened=counters.opened,
            found_dead=counters.found_dead,
            retired=counters.retired,
            aborted=counters.aborted,
            lane_faults=counters.lane_faults,
        )

    async def acquire(self, *, is_cancel: bool = False) -> PooledConnection:
        """Return a silent connection, opening one where none is idle; waits in turn while all are in use.

        Raises what the connector raises: OSError and aiohttp.ClientError.
        """
        await self._queue.enter(is_cancel)
        picked: PooledConnection | None = self.berths.pick(self._clock.monotonic())
        return picked or await self._open()

    async def acquire_new(self) -> PooledConnection:
        """Open another connection although some may be idle."""
        await self._queue.enter(True)
        return await self._open()

    def has_idled_for(self, seconds: float) -> bool:
        """Say whether a connection has idled for this long and can be had without making a request wait."""
        idle = self.berths.idle
        if not idle or not self.berths.has_place(False):
            return False
        idled_s: float = self._clock.monotonic() - idle[0].idle_since_s
        return idled_s >= seconds

    async def acquire_oldest(self) -> PooledConnection:
        """Return the connection that has idled longest, or a new one."""
        await self._queue.enter(True)
        while self.berths.idle:
            connection: PooledConnection = self.berths.idle.pop(0)
            if connection.is_silent():
                self.berths.busy.add(connection)
                return connection
            self._drop_idle(connection, False)
        return await self._open()

    def release(self, connection: PooledConnection, *, used_s: float | None = None) -> bool:
        """Take a connection back, and return False where it could not be kept.

        used_s is when its last reply was whole, None where it was not used: the server's patience has run on then.
        """
        is_kept = not self._closed and connection.rest()
        if not is_kept:
            self.berths.busy.discard(connection)
            self._drop_idle(connection, True)
            self._queue.leave()
        elif used_s is not None:
            self.berths.put_back(connection, used_s)
            self._queue.admit()
        else:
            self.berths.busy.discard(connection)
            bisect.insort(self.berths.idle, connection, key=lambda each: each.idle_since_s)
            self._queue.leave()
        return is_kept

    def admit(self) -> None:
        """Let whoever is next have the place that has become free."""
        self._queue.admit()

    def discard(self, connection: PooledConnection) -> None:
        """Abort a connection in use that can't be trusted any more."""
        self.berths.busy.discard(connection)
        self._counters.aborted += 1
        self._drop(connection)
        self._queue.leave()

    def distrust(self, connection: PooledConnection) -> None:
        """Abort a connection, in use or not; one that is in use is given back later all the same."""
        self._counters.aborted += 1
        if connection in self.berths.idle:
            self.berths.idle.remove(connection)
            self._drop(connection)
        else:
            connection.abort()

    def sweep(self) -> None:
        """Close what has idled for too long, is too old or is no longer silent."""
        now_s = self._clock.monotonic()
        for connection in tuple(self.berths.idle):
            is_due = self.berths.is_due(connection, now_s)
            if is_due or not connection.is_silent():
                self.berths.idle.remove(connection)
                self._drop_idle(connection, is_due)

    def learn_keepalive(self, field: str, *, share: float) -> None:
        """Retire earlier from now on where a reply's Keep-Alive field names a shorter idle limit than was known."""
        told = _KEEPALIVE_TIMEOUT.search(field)
        if told is not None:
            self.berths.retire_after_s = min(self.berths.retire_after_s, int(told[1]) * share)

    async def close(self) -> None:
        """Abort every connection, in use or not, and wait until their sockets are closed.

        One that is being opened is waited for, a second at most; it is closed as soon as it is there.
        """
        self._closed = True
        for connection in (*self.berths.idle, *self.berths.busy):
            self._drop(connection)
        self.berths.idle.clear()
        if self._openings:
            await asyncio.wait(self._openings, timeout=_CLOSE_LIMIT_S)
        await asyncio.gather(*self._closing, return_exceptions=True)

    async def _open(self) -> PooledConnection:
        """Open a connection for the place that was taken, which is given back where that fails."""
        for _ in range(_FRESH_ATTEMPTS):
            connection = await self._opened()
            # The event loop has turned since it was made: it may have something to say by now.
            if connection.is_silent():
                self.berths.busy.add(connection)
                return connection
            self._drop_idle(connection, False)
        self._queue.leave()
        raise ConnectionResetError("the server closed each new connection, or spoke first")

    async def _opened(self) -> PooledConnection:
        """Return a new connection, and give the place back where there can't be one.

        It is opened by a task of its own, which is never cancelled: what aiohttp does then, on uvloop, closes a
        descriptor twice, and the second time it may be somebody else's. Whoever gives up waiting leaves the connection
        to the next, and gives the place back at once: where nothing answers, attempts that wait for the kernel would
        take up every place, and the exchange would not be reached when it is back.
        """
        opening = asyncio.get_running_loop().create_task(self._connect())
        self._openings.add(opening)
        opening.add_done_callback(self._openings.discard)
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            self._forsaken.add(opening)
            self._queue.leave()
            opening.add_done_callback(self._keep)
            raise
        except BaseException:
            self._queue.leave()
            raise

    def _keep(self, opening: asyncio.Task[PooledConnection]) -> None:
        """Let a connection idle that nobody waits for any more, where there is a place for it."""
        self._forsaken.discard(opening)
        if opening.cancelled() or opening.exception() is not None:
            return
        connection = opening.result()
        if self.berths.has_place(True) and len(self.berths.idle) + len(self.berths.busy) < self._most:
            self.berths.enter()
            self.release(connection)
        else:
            self._drop_idle(connection, True)

    async def _connect(self) -> PooledConnection:
        raw = await self._connector.connect(self._probe, [], _NO_TIMEOUT)
        connection = self._make(raw, self._clock.monotonic())
        connection.pool = self
        self._counters.opened += 1
        if connection.is_tls:
            await _listen(connection)
        if self._closed:
            connection.abort()
            raise ConnectionAbortedError("the client was closed")
        return connection

    def _drop_idle(self, connection: PooledConnection, is_due: bool) -> None:
        if is_due:
            self._counters.retired += 1
        else:
            self._counters.found_dead += 1
        self._drop(connection)

    def _drop(self, connection: PooledConnection) -> None:
        closed = connection.closed()
        if closed is not None and closed not in self._closing:
            self._closing.add(closed)
            closed.add_done_callback(self._forget)
        connection.abort()
        self._on_lost()

    def _forget(self, closed: asyncio.Future[None]) -> None:
        self._closing.discard(closed)
        if not closed.cancelled():
            # Looked at so that the event loop does not report it: a reset of a connection given up is no news.
            closed.exception()


async def _listen(connection: PooledConnection) -> None:
    """Let the TLS layer take in what came with the handshake: session tickets are no reply, all else is unasked."""
    try:
        for _ in range(_HANDSHAKE_TURNS):
            await asyncio.sleep(0)
            if connection.is_silent():
                return
    except BaseException:
        connection.abort()
        raise
