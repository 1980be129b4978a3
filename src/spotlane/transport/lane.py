"""The lane: ready bytes written to warm connections of the session's connector, replies read by compiled code.

aiohttp makes the connections (addresses, TLS, sockets); its request and response objects, which cost several times what
everything else does, are not used. Where the lane itself fails, requests go the plain way from then on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from aiohttp.client_proto import ResponseHandler

from spotlane._core.berths import Sender
from spotlane._core.lane import Lane, LaneFault, Preamble
from spotlane.errors import NotSupported
from spotlane.spec import Verb
from spotlane.transport._aiohttp import default_headers
from spotlane.transport.carrier import SHARE_OF_KEEPALIVE
from spotlane.transport.failures import lost
from spotlane.transport.plain import PlainCarrier
from spotlane.transport.pool import ConnectionPool, PooledConnection
from spotlane.transport.request import Reply, Request, Seal
from spotlane.transport.stages import Stages

if TYPE_CHECKING:
    from aiohttp.connector import Connection

    from spotlane._core.lane import _Outcome
    from spotlane.transport.clock import Clock


_log = logging.getLogger("spotlane.transport")


class LaneConnection(PooledConnection):
    """A connection that feeds whatever arrives to a Lane."""

    def __init__(
        self, connection: Connection, opened_s: float, clock: Clock, on_fault: Callable[[str], object]
    ) -> None:
        super().__init__(connection, opened_s)
        protocol, transport = self.protocol, connection.transport
        assert transport is not None
        self.lane = Lane(
            transport,
            protocol.closed,
            descriptor=self.descriptor,
            loop=asyncio.get_running_loop(),
            clock=clock,
            on_fault=on_fault,
        )
        # With a parser it always says that it should be closed, so it is asked before.
        if protocol.should_close or not protocol.is_connected():
            self.lane.abort()
            return
        # A limit on the silence between two pieces would end a connection that idles.
        protocol.read_timeout = None
        protocol.set_parser(self.lane, None)

    def rest(self) -> bool:
        """Prepare for idling; return False where it can't be used again."""
        return not cast(Lane, self.lane).is_dead

    def abort(self) -> None:
        """Close at once, dropping what was not written yet."""
        cast(Lane, self.lane).abort()
        super().abort()


class LaneCarrier(PlainCarrier):
    """Writes requests as ready bytes, one at a time on a connection; see HttpCarrier.

    The first error of the lane itself ends its use, for good: what has not been written yet and everything that follows
    goes the plain way, over connections of its own.
    """

    name = "lane"
    _is_down = False

    async def open(self) -> None:
        """Warm the connections, all at once; see HttpCarrier.open.

        Raises NotSupported where aiohttp is not as lane_difference() wants it, too.
        """
        if not self._is_down and (difference := lane_difference()):
            raise NotSupported(f"transport 'lane' needs an aiohttp that it knows: {difference}. 'plain' works")
        await super().open()

    def _make_connection(self, connection: Connection, opened_s: float) -> PooledConnection:
        # Others may change aiohttp's classes while this runs, as tools that trace requests do.
        if not self._is_down and (difference := _try_out()):
            self._fail(difference)
        if self._is_down:
            return super()._make_connection(connection, opened_s)
        try:
            return LaneConnection(connection, opened_s, self._clock, self._fail)
        except OSError:
            raise
        except Exception as error:
            self._fail(type(error).__name__)
        # Half a lane is no plain connection either: the pool finds it dead and opens another.
        spoilt = super()._make_connection(connection, opened_s)
        spoilt.abort()
        return spoilt

    def _fail(self, reason: str) -> None:
        """Note an error of the lane itself; from the first one on nothing new is sent over it."""
        self._counters.lane_faults += 1
        if self._is_down:
            return
        self._is_down = True
        self.name = PlainCarrier.name
        _log.warning("the lane failed, requests go the plain way from now on: %s", reason)
        if self._pool is not None:
            # Not taken out: this may be called while the pool looks through them, and it drops what is dead.
            for connection in tuple(self._pool.berths.idle):
                connection.abort()
            self._connection_lost()

    def _prepare(self, pool: ConnectionPool) -> None:
        host = f"[{self._url.host}]" if ":" in (self._url.host or "") else self._url.host
        if not self._url.is_default_port():
            host = f"{host}:{self._url.port}"
        preamble = Preamble({"Host": str(host), **default_headers(self._user_agent)})
        self._sender = Sender(pool.berths, preamble, self._clock.monotonic, cancel=Verb.CANCEL, read=Verb.READ)

    def carry(
        self, request: Request, seal: Seal, *, deadline: float, stages: Stages | None = None
    ) -> Coroutine[Any, Any, Reply]:
        """Send one request, once, and return its whole reply; see Carrier.carry."""
        pool = self._pool
        if pool is None:
            raise self._not_open(request)
        if self._is_down:
            return super().carry(request, seal, deadline=deadline, stages=stages)
        fault: LaneFault | None = None
        try:
            started = self._sender.start(request, seal, deadline, stages)
        except LaneFault as error:
            fault = error
        if fault is not None:
            self._give_way(fault, request)
        elif started is not None:
            return self._receive(pool, request, started, stages)
        return super().carry(request, seal, deadline=deadline, stages=stages)

    async def _send(
        self, connection: PooledConnection, request: Request, seal: Seal, deadline: float, stages: Stages | None
    ) -> Reply:
        pool = cast(ConnectionPool, connection.pool)
        while isinstance(connection, LaneConnection):
            fault: LaneFault | None = None
            # One that was being opened when the lane failed is not used any more.
            if not self._is_down:
                try:
                    started = self._sender.write(connection, request, seal, deadline, stages)
                except LaneFault as error:
                    fault = error
                except BaseException:
                    pool.release(connection)
                    raise
                else:
                    return await self._receive(pool, request, started, stages)
            pool.discard(connection)
            if fault is not None:
                self._give_way(fault, request)
            connection = await self._wait_for_connection(pool, request, deadline, stages)
        return await super()._send(connection, request, seal, deadline, stages)

    def _give_way(self, fault: LaneFault, request: Request) -> None:
        """Note an error of the lane. Raises ReplyLost where a byte of the request can have left: it is sent once."""
        self._fail(str(fault))
        if fault.may_have_left:
            raise lost("lane", request, self._url)

    async def _receive(
        self,
        pool: ConnectionPool,
        request: Request,
        started: tuple[asyncio.Future[_Outcome | str], LaneConnection, int | None],
        stages: Stages | None,
    ) -> Reply:
        """Return the reply to a request that was written, and give its connection back or discard it."""
        to_come, connection, stamp_ms = started
        try:
            outcome = await to_come
        except BaseException:
            pool.discard(connection)
            raise
        if isinstance(outcome, str):
            pool.discard(connection)
            raise lost(outcome, request, self._url)
        reply, fault = None, ""
        lane = connection.lane
        assert lane is not None
        try:
            status, fields, body, received_s = outcome
            if stages is not None:
                stages.received_s = received_s
            if lane.keepalive is not None:
                pool.learn_keepalive(lane.keepalive.decode("latin-1"), share=SHARE_OF_KEEPALIVE)
            reply = Reply(status, fields, body, stamp_ms, lane.written_s, received_s, connection)
        except Exception as error:
            fault = type(error).__name__
        if reply is None:
            pool.discard(connection)
            self._fail(fault)
            raise lost("lane", request, self._url)
        if self._is_down:
            lane.abort()
        if lane.is_dead:
            pool.release(connection, used_s=received_s)
        elif pool.berths.put_back(connection, received_s):
            pool.admit()
        return reply


class _OpenTransport(asyncio.Transport):
    def is_closing(self) -> bool:
        return False


class _Recorder:
    """Stands in for a lane while aiohttp's protocol is tried out."""

    def __init__(self) -> None:
        self.events: list[bytes] = []

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self.events.append(data)
        return False, b""

    def feed_eof(self) -> None:
        self.events.append(b"end")


@cache
def lane_difference() -> str:
    """Try in memory whether aiohttp's protocol does what the lane relies on; return what is different, or ""."""
    return _try_out()


def _try_out() -> str:
    recorder = _Recorder()
    try:
        # What is tried needs no loop.
        protocol: Any = ResponseHandler(cast(asyncio.AbstractEventLoop, None))
        protocol.connection_made(_OpenTransport())
        if protocol.should_close or not protocol.is_connected():
            return "a fresh connection counts as one to be closed"
        protocol.data_received(b"early")
        if not protocol.should_close:
            return "what arrives before a parser is set goes unnoticed"
        protocol.read_timeout = None
        protocol.set_parser(recorder, None)
        for part in (b"one", b"two"):
            protocol.data_received(part)
        protocol.connection_lost(None)
    except Exception as error:
        return f"{type(error).__name__} when a parser of our own is set"
    if recorder.events != [b"early", b"one", b"two", b"end"]:
        return "a parser of our own is not given everything that arrives"
    return "" if isinstance(ResponseHandler.closed, property) else "the cause of a lost connection is not told"
