"""Where spotlane holds on to aiohttp: the request that is signed at the last moment, and the session it goes through.

aiohttp.ClientSession takes the class of its requests (request_class) and asks it to send itself once a connection is in
hand; there the stamp and the signature are made and the bytes are written. aiohttp never sees the signed target, so it
can't re-quote it, follow it, log it or keep it in an exception.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import BaseConnector, ClientRequest, ClientResponse, ClientSession, ClientTimeout, DummyCookieJar, hdrs
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http import StreamWriter
from multidict import CIMultiDict

from spotlane.errors import NotSupported
from spotlane.transport.pool import PooledConnection
from spotlane.transport.request import Request, Seal, Sealed, target_of
from spotlane.transport.stages import Stages

if TYPE_CHECKING:
    import asyncio

    from spotlane.transport.clock import Clock

NO_TIMEOUT = ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)
_PRIVATE_NAMES = (
    (ClientSession, "_request"),
    (BaseConnector, "_release"),
    (BaseConnector, "connect"),
    (ResponseHandler, "set_response_params"),
    (ResponseHandler, "should_close"),
    (ResponseHandler, "is_connected"),
)


class Attempt:
    """One request on its way: what is to be sent, over which connection, and how far it got.

    written_s is None as long as it is certain that no byte has left.
    """

    __slots__ = ("_clock", "connection", "refusal", "request", "seal", "stages", "stamp_ms", "written_s")

    def __init__(
        self, request: Request, seal: Seal, clock: Clock, connection: PooledConnection, stages: Stages | None
    ) -> None:
        self._clock = clock
        self.request = request
        self.seal = seal
        self.connection: PooledConnection | None = connection
        self.stages = stages
        self.refusal: Exception | None = None
        self.stamp_ms: int | None = None
        self.written_s: float | None = None

    async def attach(
        self, carrying: ClientRequest, handler: Callable[[ClientRequest], Awaitable[ClientResponse]]
    ) -> ClientResponse:
        """Tell aiohttp's request which attempt it carries. A client middleware."""
        assert isinstance(carrying, SealedRequest)
        carrying.attempt = self
        return await handler(carrying)

    async def write(self, carrying: ClientRequest, connection: Connection) -> StreamWriter:
        """Stamp, sign and write, all without suspending in between."""
        try:
            sealed = self.seal(self.request)
        except Exception as error:
            self.refusal = error
            raise
        if self.stages is not None:
            self.stages.signed_s = self._clock.monotonic()
        assert connection.protocol is not None
        writer = StreamWriter(connection.protocol, carrying.loop)
        await writer.write_headers(
            f"{self.request.endpoint.method} {target_of(self.request, sealed)} HTTP/1.1",
            _headers(self.request, sealed, carrying.headers),
        )
        self.stamp_ms = sealed.stamp_ms
        self.written_s = self._clock.monotonic()
        await writer.write_eof(self.request.body)
        if self.stages is not None:
            self.stages.written_s = self._clock.monotonic()
        return writer


class SealedRequest(ClientRequest):
    """A request that aiohttp knows by its host only."""

    attempt: Attempt

    async def send(self, conn: Connection) -> ClientResponse:
        """Write the attempt's bytes and return the response that is to be read."""
        writer = await self.attempt.write(self, conn)
        assert self.response_class is not None
        return self.response_class(
            self.method,
            self.original_url,
            writer=None,
            continue100=None,
            timer=self._timer,
            request_info=self.request_info,
            traces=self._traces,
            loop=self.loop,
            session=self._session,
            stream_writer=writer,
        )


class AttemptConnector(BaseConnector):
    """Gives each request the connection that its attempt already holds; the pool, not aiohttp, takes it back."""

    async def connect(
        self,
        req: ClientRequest,
        traces: list[Any],
        timeout: ClientTimeout,  # noqa: ASYNC109 (aiohttp passes it by this name)
    ) -> Connection:
        """Return the attempt's connection."""
        assert isinstance(req, SealedRequest)
        held = req.attempt.connection
        assert held is not None
        return Connection(self, req.connection_key, held.protocol, self._loop)

    def _release(self, key: Any, protocol: ResponseHandler, *, should_close: bool = False) -> None:
        """Do nothing: only the carrier knows whether the reply can be trusted, and so the connection."""


def make_session(*, user_agent: str, loop: asyncio.AbstractEventLoop) -> ClientSession:
    """Return a session that sends each request once, as it is, and does nothing unasked.

    Raises NotSupported where the installed aiohttp lacks what this relies on.
    """
    for owner, name in _PRIVATE_NAMES:
        if not hasattr(owner, name):
            raise _unsupported(f"{owner.__name__}.{name}")
    session = ClientSession(
        connector=AttemptConnector(loop=loop),
        request_class=SealedRequest,
        cookie_jar=DummyCookieJar(loop=loop),
        headers=default_headers(user_agent),
        timeout=NO_TIMEOUT,
        auto_decompress=False,
        trust_env=False,
    )
    if not hasattr(session, "_retry_connection"):
        raise _unsupported("ClientSession._retry_connection")
    # aiohttp sends GET, PUT and DELETE a second time when the connection breaks, and the first may have been executed.
    session._retry_connection = False
    return session


def default_headers(user_agent: str) -> dict[str, str]:
    """Return the headers of every request, which its signed form may replace."""
    return {
        hdrs.ACCEPT: "*/*",
        hdrs.ACCEPT_ENCODING: "identity",
        hdrs.USER_AGENT: user_agent,
        hdrs.CONTENT_TYPE: "application/json",
    }


def _headers(request: Request, sealed: Sealed, base: CIMultiDict[str]) -> CIMultiDict[str]:
    headers = base.copy()
    if request.body:
        headers[hdrs.CONTENT_LENGTH] = str(len(request.body))
    if sealed.signed is not None:
        headers.update(sealed.signed.headers)
    return headers


def _unsupported(what: str) -> NotSupported:
    return NotSupported(
        f"aiohttp {aiohttp.__version__} has no {what}, which sending safely relies on: install aiohttp>=3.14.4,<4"
    )
