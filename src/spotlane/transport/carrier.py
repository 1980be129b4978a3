"""What the lane and the plain path share: one exchange's host, the connections to it, and keeping them warm."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import BaseConnector, ClientRequest, ClientSession
from yarl import URL

from spotlane.errors import NotSent, UsageError, WrongContext
from spotlane.spec import Endpoint, Verb
from spotlane.transport._aiohttp import make_session
from spotlane.transport.clock import Clock, SystemClock
from spotlane.transport.deadline import DeadlineScope
from spotlane.transport.failures import not_connected
from spotlane.transport.keeper import ConnectionKeeper
from spotlane.transport.pool import ConnectionPool, PooledConnection
from spotlane.transport.request import Reply, Request, Seal, Sealed
from spotlane.transport.resolver import LastGoodResolver
from spotlane.transport.stages import Stages
from spotlane.transport.status import CarrierStatus, ConnectionCounters

if TYPE_CHECKING:
    from aiohttp.connector import Connection

# The race between our next request and the server's idle timeout is lost at the end of it, never in its first part.
SHARE_OF_KEEPALIVE = 0.6
_OPEN_LIMIT_S = 5.0
_WARM_REPLY_BYTES = 1 << 16
_HANDSHAKE_REPEATS = 2


class HttpCarrier(ABC):
    """Moves requests over the connections of one aiohttp session to one host.

    base_url: scheme, host and port; plain http only to this machine. connections are kept warm by a GET of warm_path
    (None: they are only opened); permit is asked before each such GET and may refuse it, on_warm is given its reply.
    max_connections bounds them all. keepalive_s: for how long the server lets a connection idle; it is not used beyond
    60 % of that. session: its connector is used, nothing else of it, not even its TLS settings. source_address: local
    IP address. ssl_context: for a private certificate authority; one that does not verify is refused.

    Raises UsageError for options that can't work.
    """

    # The name of this way of sending, as in the client's option.
    name: str

    def __init__(
        self,
        base_url: str,
        *,
        clock: Clock | None = None,
        connections: int = 4,
        max_connections: int = 16,
        session: ClientSession | None = None,
        source_address: str | None = None,
        ssl_context: ssl.SSLContext | None = None,
        keepalive_s: float = 15.0,
        warm_path: str | None = None,
        permit: Callable[[], bool] | None = None,
        on_warm: Callable[[Reply], object] | None = None,
        user_agent: str = "spotlane",
    ) -> None:
        self._url = _checked_url(base_url)
        self._ssl = _checked_context(ssl_context) if self._url.scheme == "https" else None
        if not 1 <= connections <= max_connections:
            raise UsageError(f"connections is from 1 to max_connections ({max_connections}), was {connections}")
        if not keepalive_s > 0:
            raise UsageError(f"keepalive_s is above 0, was {keepalive_s}")
        self._source = _checked_source(source_address, session)
        self._clock = clock if clock is not None else SystemClock()
        self._connections = connections
        self._max_connections = max_connections
        self._lender = session
        self._keepalive_s = keepalive_s
        self._warm_request = _warm_request(warm_path) if warm_path is not None else None
        self._permit = permit
        self._on_warm = on_warm
        self._user_agent = user_agent
        self._counters = ConnectionCounters()
        self._session: ClientSession | None = None
        self._connector: BaseConnector | None = None
        self._resolver: LastGoodResolver | None = None
        self._pool: ConnectionPool | None = None
        self._keeper: ConnectionKeeper | None = None

    async def open(self) -> None:
        """Warm the connections, all at once; an exchange that can't be reached is no error yet.

        Raises NotSupported where the installed aiohttp is not one that this relies on, UsageError for a closed session
        or an open carrier, WrongContext for a session of another event loop.
        """
        if self._pool is not None:
            raise UsageError("this carrier is open already")
        loop = asyncio.get_running_loop()
        connector = self._take_connector(loop)
        self._session = make_session(user_agent=self._user_agent, loop=loop)
        probe = ClientRequest("GET", self._url, loop=loop, session=self._session, ssl=self._ssl or True)
        self._pool = ConnectionPool(
            connector,
            probe,
            self._make_connection,
            clock=self._clock,
            max_connections=self._max_connections,
            retire_after_s=self._keepalive_s * SHARE_OF_KEEPALIVE,
            counters=self._counters,
            on_lost=self._connection_lost,
        )
        self._prepare(self._pool)
        self._keeper = ConnectionKeeper(
            self._pool,
            clock=self._clock,
            connections=self._connections,
            warm=self._warm,
            may_warm=self._may_warm,
        )
        await self._keeper.start()

    async def close(self) -> None:
        """Abort every connection; a request still under way ends with an error of its own."""
        keeper, pool, session = self._keeper, self._pool, self._session
        connector, resolver = self._connector, self._resolver
        self._keeper = self._pool = self._session = self._connector = self._resolver = None
        if keeper is not None:
            await keeper.stop()
        if pool is not None:
            await pool.close()
        if session is not None:
            await session.close()
        if connector is not None:
            await connector.close()
        if resolver is not None:
            await resolver.close()

    def status(self) -> CarrierStatus:
        """Return how many connections there are and were."""
        if self._pool is not None:
            return self._pool.status()
        counters = self._counters
        return CarrierStatus(
            0, 0, counters.opened, counters.found_dead, counters.retired, counters.aborted, counters.lane_faults
        )

    async def carry(self, request: Request, seal: Seal, *, deadline: float, stages: Stages | None = None) -> Reply:
        """Send one request, once, and return its whole reply; see Carrier.carry.

        A redirect is a reply like any other. Raises NotSent where it is certain that no byte left, ReplyLost where one
        may have.
        """
        pool = self._pool
        if pool is None:
            raise self._not_open(request)
        connection = await self._wait_for_connection(pool, request, deadline, stages)
        return await self._send(connection, request, seal, deadline, stages)

    def _not_open(self, request: Request) -> NotSent:
        return NotSent(f"{request.what} was not sent: the connection to {self._url.host} is not open")

    async def _wait_for_connection(
        self, pool: ConnectionPool, request: Request, deadline: float, stages: Stages | None
    ) -> PooledConnection:
        if self._clock.monotonic() >= deadline:
            raise NotSent(f"{request.what} was not sent: its deadline had passed")
        outcome = await self._acquire(pool, request, deadline)
        # Raised out here, where no exception of aiohttp is being handled: what is raised leads to none of its objects.
        if isinstance(outcome, Exception):
            raise outcome
        if stages is not None:
            stages.queued_s = self._clock.monotonic()
        return outcome

    async def _acquire(self, pool: ConnectionPool, request: Request, deadline: float) -> PooledConnection | Exception:
        scope = DeadlineScope(self._clock, deadline)
        try:
            async with scope:
                return await pool.acquire(is_cancel=request.endpoint.verb is Verb.CANCEL)
        except Exception as error:
            return not_connected(error, request, self._url, has_expired=scope.has_expired)

    def _prepare(self, pool: ConnectionPool) -> None:  # noqa: B027 (not every way of sending needs something)
        """Make what sending over a new pool needs."""

    @abstractmethod
    def _make_connection(self, connection: Connection, opened_s: float) -> PooledConnection:
        """Turn a connection of aiohttp's into one of ours."""

    @abstractmethod
    async def _send(
        self, connection: PooledConnection, request: Request, seal: Seal, deadline: float, stages: Stages | None
    ) -> Reply:
        """Send one request over a connection that is in hand, and give it back or discard it, whatever happens."""

    async def _warm(self, connection: PooledConnection) -> bool:
        """Send the warming request over a connection and give it back; return whether it was kept and welcome."""
        assert self._warm_request is not None
        try:
            deadline = self._clock.monotonic() + _OPEN_LIMIT_S
            reply = await self._send(connection, self._warm_request, _unsealed, deadline, None)
        except Exception:
            return False
        if self._on_warm is not None:
            self._on_warm(reply)
        return reply.status < 400 and connection.protocol.is_connected()

    def _may_warm(self) -> bool:
        return self._warm_request is not None and (self._permit is None or self._permit())

    def _take_connector(self, loop: asyncio.AbstractEventLoop) -> BaseConnector:
        if self._lender is not None:
            lent = self._lender.connector
            if lent is None or lent.closed:
                raise UsageError("the session that was given is closed: open it, or leave session= out")
            if lent._loop is not loop:
                raise WrongContext("the session that was given belongs to another event loop: make it on this one")
            return lent
        self._resolver = LastGoodResolver(aiohttp.ThreadedResolver(), clock=self._clock)
        self._connector = aiohttp.TCPConnector(
            limit=0,
            resolver=self._resolver,
            use_dns_cache=False,
            local_addr=(self._source, 0) if self._source is not None else None,
            socket_factory=_make_socket,
        )
        return self._connector

    def _connection_lost(self) -> None:
        if self._keeper is not None:
            self._keeper.connection_lost()


def _make_socket(address: tuple[Any, ...]) -> socket.socket:
    """Make the socket of a connection, which gives up where nothing answers, after seven seconds and not two minutes.

    The pool waits for none of them for as long; only so many are left behind at once.
    """
    made = socket.socket(*address[:3])
    if hasattr(socket, "TCP_SYNCNT"):
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, _HANDSHAKE_REPEATS)
    return made


def _warm_request(path: str) -> Request:
    return Request(Endpoint("warm", "GET", path, signed=False, max_reply_bytes=_WARM_REPLY_BYTES), path)


def _unsealed(request: Request) -> Sealed:
    return Sealed(None, None)


def _checked_url(base_url: str) -> URL:
    try:
        url = URL(base_url)
        host, port = url.host, url.port
    except ValueError:
        host, port = None, None
    if host is None or port is None or url.scheme not in ("http", "https"):
        given = base_url.rpartition("@")[2].partition("?")[0]
        raise UsageError(f"base_url is a scheme, host and port such as https://api.example.com, was {given!r}")
    if url.path != "/" or url.query_string or url.fragment or url.user is not None:
        # What stands before the @ or after the ? may be a secret: only the origin is repeated.
        raise UsageError(f"base_url takes no path, query or user: {str(url.origin())!r} would do")
    if url.scheme == "http" and not _is_this_machine(host):
        raise UsageError(f"plain http would show the key on the network: use https://, was {base_url!r}")
    return url


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _checked_context(context: ssl.SSLContext | None) -> ssl.SSLContext:
    if context is None:
        context = ssl.create_default_context()
        context.set_alpn_protocols(["http/1.1"])
    if context.verify_mode != ssl.CERT_REQUIRED or not context.check_hostname:
        raise UsageError("ssl_context must verify: verify_mode CERT_REQUIRED and check_hostname True")
    return context


def _checked_source(source_address: str | None, session: ClientSession | None) -> str | None:
    if source_address is None:
        return None
    if session is not None:
        raise UsageError("source_address is the connector's own affair: set its local_addr, or leave session= out")
    try:
        ipaddress.ip_address(source_address)
    except ValueError:
        raise UsageError(f"source_address is an IP address of this machine, was {source_address!r}") from None
    return source_address
