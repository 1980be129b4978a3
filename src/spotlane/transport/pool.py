"""Connections that are kept open, each trusted only as long as it has been silent.

aiohttp's own pool hands out the connection that has idled longest and asks only whether it is connected. A reply that
came unasked, the second of two, or a 408 for idling too long would be read as the answer to the next order. So the
connections are taken from aiohttp's connector for good and kept here.
"""

from __future__ import annotations

import asyncio
import bisect
import re
import select
from collections.abc import Callable
from typing import TYPE_CHECKING

from aiohttp import BaseConnector, ClientRequest, ClientTimeout

from spotlane.transport.clock import Clock
from spotlane.transport.status import CarrierStatus, ConnectionCounters

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.connector import Connection

_NO_TIMEOUT = ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)
# Readable, half closed (Linux tells it apart), closed or broken: each means that this connection has something to say.
_UNASKED = select.POLLIN | select.POLLHUP | select.POLLERR | getattr(select, "POLLRDHUP", 0)
_KEEPALIVE_TIMEOUT = re.compile(r"\btimeout\s*=\s*(\d{1,6})", re.ASCII | re.IGNORECASE)
# A server that speaks first on every new connection is no HTTP server.
_FRESH_ATTEMPTS = 3


class PooledConnection:
    """One connection, used by at most one request at a time."""

    __slots__ = ("_connection", "_is_pollable", "_poll", "idle_since_s", "protocol")

    def __init__(self, connection: Connection, opened_s: float) -> None:
        protocol, transport = connection.protocol, connection.transport
        if protocol is None or transport is None:
            connection.close()
            raise ConnectionResetError("the connection was lost as soon as it was made")
        self._connection = connection
        self.protocol: ResponseHandler = protocol
        self.idle_since_s = opened_s
        self._poll = select.poll()
        self._poll.register(transport.get_extra_info("socket").fileno(), _UNASKED)
        # Session tickets of TLS 1.3 arrive unasked right after the handshake: not before the first reply, then.
        self._is_pollable = transport.get_extra_info("sslcontext") is None

    def is_silent(self) -> bool:
        """Say whether it is open and nothing has arrived since its last reply, in the process or in the kernel."""
        if not self.protocol.is_connected() or self.protocol.should_close:
            return False
        return not (self._is_pollable and self._poll.poll(0))

    def rest(self, used_s: float | None) -> bool:
        """Prepare for idling; return False where it can't be used again.

        used_s is when its last reply was whole, None where it was not used: the server's patience has run on then.
        """
        if not self.protocol.is_connected() or self.protocol.should_close:
            return False
        # Without a parser, whatever arrives while it idles is kept as it came, and should_close tells of it; a parser
        # would swallow half a reply in silence and lose it when the next request brings its own.
        self.protocol._parser = None
        if used_s is not None:
            self._is_pollable = True
            self.idle_since_s = used_s
        return True

    def abort(self) -> None:
        """Close at once, dropping what was not written yet."""
        transport = self.protocol.transport
        if transport is not None:
            transport.abort()
        self._connection.close()

    def closed(self) -> asyncio.Future[None] | None:
        """Return a future that is done when the socket is closed, or None when it is already."""
        return self.protocol.closed


class ConnectionPool:
    """At most max_connections connections of one connector to one host; the last one used is the first to be used.

    A connection that idled for longer than retire_after_s is not used again. on_lost is called when there is one less.
    """

    def __init__(
        self,
        connector: BaseConnector,
        probe: ClientRequest,
        *,
        clock: Clock,
        max_connections: int,
        retire_after_s: float,
        counters: ConnectionCounters,
        on_lost: Callable[[], None],
    ) -> None:
        self._connector = connector
        self._probe = probe
        self._clock = clock
        self._counters = counters
        self._on_lost = on_lost
        self._slots = asyncio.Semaphore(max_connections)
        self._idle: list[PooledConnection] = []
        self._busy: set[PooledConnection] = set()
        self._closing: set[asyncio.Future[None]] = set()
        self._opening = 0
        self._closed = False
        self.retire_after_s = retire_after_s

    def __len__(self) -> int:
        return len(self._idle) + len(self._busy) + self._opening

    def status(self) -> CarrierStatus:
        """Return how many connections there are and were."""
        counters = self._counters
        return CarrierStatus(
            idle=len(self._idle),
            busy=len(self._busy),
            opened=counters.opened,
            found_dead=counters.found_dead,
            retired=counters.retired,
            aborted=counters.aborted,
        )

    async def acquire(self) -> PooledConnection:
        """Return a silent connection, opening one where none is idle; waits in turn while all are in use.

        Raises what the connector raises: OSError and aiohttp.ClientError.
        """
        await self._slots.acquire()
        try:
            return self._take_idle() or await self._open()
        except BaseException:
            self._slots.release()
            raise

    async def acquire_new(self) -> PooledConnection:
        """Open another connection although some may be idle."""
        await self._slots.acquire()
        try:
            return await self._open()
        except BaseException:
            self._slots.release()
            raise

    def has_idled_for(self, seconds: float) -> bool:
        """Say whether a connection has idled for this long and can be had without making a request wait."""
        if not self._idle or self._slots.locked():
            return False
        return self._clock.monotonic() - self._idle[0].idle_since_s >= seconds

    async def acquire_oldest(self) -> PooledConnection:
        """Return the connection that has idled longest, or a new one."""
        await self._slots.acquire()
        try:
            while self._idle:
                connection = self._idle.pop(0)
                if connection.is_silent():
                    self._busy.add(connection)
                    return connection
                self._counters.found_dead += 1
                self._drop(connection)
            return await self._open()
        except BaseException:
            self._slots.release()
            raise

    def release(self, connection: PooledConnection, *, was_used: bool = True) -> bool:
        """Take a connection back after a whole reply, or unused; return False where it could not be kept."""
        self._busy.discard(connection)
        self._slots.release()
        if not self._closed and connection.rest(self._clock.monotonic() if was_used else None):
            bisect.insort(self._idle, connection, key=lambda each: each.idle_since_s)
            return True
        self._counters.retired += 1
        self._drop(connection)
        return False

    def discard(self, connection: PooledConnection) -> None:
        """Abort a connection that can't be trusted any more."""
        self._busy.discard(connection)
        self._slots.release()
        self._counters.aborted += 1
        self._drop(connection)

    def sweep(self) -> None:
        """Close what has idled for too long or is no longer silent."""
        oldest_s = self._clock.monotonic() - self.retire_after_s
        kept: list[PooledConnection] = []
        for connection in self._idle:
            if connection.idle_since_s < oldest_s:
                self._counters.retired += 1
            elif connection.is_silent():
                kept.append(connection)
                continue
            else:
                self._counters.found_dead += 1
            self._drop(connection)
        self._idle = kept

    def learn_keepalive(self, field: str, *, share: float) -> None:
        """Retire earlier from now on where a reply's Keep-Alive field names a shorter idle limit than was known."""
        told = _KEEPALIVE_TIMEOUT.search(field)
        if told is not None:
            self.retire_after_s = min(self.retire_after_s, int(told[1]) * share)

    async def close(self) -> None:
        """Abort every connection, in use or not, and wait until their sockets are closed."""
        self._closed = True
        for connection in (*self._idle, *self._busy):
            self._drop(connection)
        self._idle.clear()
        await asyncio.gather(*self._closing, return_exceptions=True)

    def _take_idle(self) -> PooledConnection | None:
        now_s = self._clock.monotonic()
        while self._idle:
            connection = self._idle.pop()
            if now_s - connection.idle_since_s > self.retire_after_s:
                self._counters.retired += 1
            elif connection.is_silent():
                self._busy.add(connection)
                return connection
            else:
                self._counters.found_dead += 1
            self._drop(connection)
        return None

    async def _open(self) -> PooledConnection:
        self._opening += 1
        try:
            for _ in range(_FRESH_ATTEMPTS):
                raw = await self._connector.connect(self._probe, [], _NO_TIMEOUT)
                connection = PooledConnection(raw, self._clock.monotonic())
                self._counters.opened += 1
                if self._closed:
                    connection.abort()
                    raise ConnectionAbortedError("the client was closed")
                if connection.is_silent():
                    self._busy.add(connection)
                    return connection
                self._counters.found_dead += 1
                connection.abort()
            raise ConnectionResetError("the server closed each new connection, or spoke first")
        finally:
            self._opening -= 1

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
