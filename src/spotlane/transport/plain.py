"""The plain path: signed bytes through aiohttp's own requests and responses."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING, Any

from aiohttp import ClientResponse
from aiohttp.http_exceptions import HttpProcessingError

from spotlane.spec import Verb
from spotlane.transport._aiohttp import Attempt
from spotlane.transport.carrier import SHARE_OF_KEEPALIVE, HttpCarrier
from spotlane.transport.deadline import DeadlineScope
from spotlane.transport.failures import explain
from spotlane.transport.pool import PooledConnection
from spotlane.transport.request import Reply, ReplyLost, Request, Seal
from spotlane.transport.stages import Stages

if TYPE_CHECKING:
    from aiohttp.connector import Connection
    from aiohttp.http_parser import HttpParser

_BODILESS = (204, 304)
# Readable, half closed (Linux tells it apart), closed or broken: each means that this connection has something to say.
_UNASKED = select.POLLIN | select.POLLHUP | select.POLLERR | getattr(select, "POLLRDHUP", 0)


class PlainConnection(PooledConnection):
    """A connection whose replies aiohttp's own parser reads."""

    def __init__(self, connection: Connection, opened_s: float) -> None:
        super().__init__(connection, opened_s)
        self._poll = select.poll()
        self._poll.register(self.descriptor, _UNASKED)

    def is_silent(self) -> bool:
        """Say whether it is open and nothing has arrived since its last reply, in the process or in the kernel."""
        if not self.protocol.is_connected() or self.protocol.should_close:
            return False
        return not self._poll.poll(0)

    def rest(self) -> bool:
        """Prepare for idling; return False where it can't be used again."""
        if not self.protocol.is_connected() or self.protocol.should_close:
            return False
        parser = self.protocol._parser
        # Without a parser, whatever arrives while it idles is kept as it came, and should_close tells of it; a parser
        # would swallow half a reply in silence and lose it when the next request brings its own.
        self.protocol._parser = None
        return parser is None or _is_between_messages(parser)


def _is_between_messages(parser: HttpParser[Any]) -> bool:
    """Say whether a parser holds nothing of a message that came right behind the last one."""
    try:
        return parser.feed_eof() is None
    except HttpProcessingError:
        return False


class PlainCarrier(HttpCarrier):
    """Sends each request through aiohttp.ClientSession; see HttpCarrier."""

    name = "plain"

    def _make_connection(self, connection: Connection, opened_s: float) -> PooledConnection:
        return PlainConnection(connection, opened_s)

    async def _send(
        self, connection: PooledConnection, request: Request, seal: Seal, deadline: float, stages: Stages | None
    ) -> Reply:
        outcome = await self._attempt(connection, request, seal, deadline, stages)
        # Raised out here, where no exception of aiohttp is being handled: what is raised leads to none of its objects.
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def _attempt(
        self, connection: PooledConnection, request: Request, seal: Seal, deadline: float, stages: Stages | None
    ) -> Reply | Exception:
        attempt = Attempt(request, seal, self._clock, connection, stages)
        scope = DeadlineScope(self._clock, deadline)
        try:
            async with scope:
                return await self._exchange(attempt)
        except BaseException as error:
            self._give_up(attempt)
            if not isinstance(error, Exception):
                raise
            if attempt.refusal is not None:
                return attempt.refusal.with_traceback(None)
            return explain(error, attempt, self._url, has_expired=scope.has_expired)

    async def _exchange(self, attempt: Attempt) -> Reply:
        """Write the request over the attempt's connection, read the reply, and give the connection back."""
        session, pool, connection = self._session, self._pool, attempt.connection
        if session is None or pool is None or connection is None:
            raise ConnectionAbortedError("the client was closed")
        async with session.request(
            attempt.request.endpoint.method,
            self._url,
            middlewares=(attempt.attach,),
            allow_redirects=False,
            read_until_eof=attempt.request.endpoint.verb is Verb.READ,
        ) as response:
            body = await _read_body(response, attempt.request)
        received_s = self._clock.monotonic()
        reply = Reply(
            response.status,
            response.raw_headers,
            body,
            attempt.stamp_ms,
            attempt.written_s or 0.0,
            received_s,
            connection,
        )
        if attempt.stages is not None:
            attempt.stages.received_s = received_s
        if reply.status == 408:
            # A server that tires of waiting says so on its own account: what stands behind it is not ours either.
            connection.protocol.force_close()
        pool.learn_keepalive(response.headers.get("Keep-Alive", ""), share=SHARE_OF_KEEPALIVE)
        attempt.connection = None
        pool.release(connection, used_s=received_s)
        return reply

    def _give_up(self, attempt: Attempt) -> None:
        connection, attempt.connection = attempt.connection, None
        if connection is None or self._pool is None:
            return
        if attempt.refusal is not None:
            self._pool.release(connection)
        else:
            self._pool.discard(connection)


async def _read_body(response: ClientResponse, request: Request) -> bytes:
    """Return the body of a reply that is what it claims to be; raise ReplyLost for any other."""
    limit = request.endpoint.max_reply_bytes
    headers = response.headers
    what = f"the reply to {request.endpoint.method} {request.path}"
    if response.status < 200:
        raise ReplyLost(f"{what} switched protocols", reason="malformed")
    transfer = ", ".join(headers.getall("Transfer-Encoding", ["chunked"])).strip().lower()
    content = ", ".join(headers.getall("Content-Encoding", ["identity"])).strip().lower()
    if content not in ("", "identity") or transfer != "chunked":
        raise ReplyLost(f"{what} is encoded, which was not asked for: {content}, {transfer}", reason="encoded")
    has_end = "Content-Length" in headers or "Transfer-Encoding" in headers or response.status in _BODILESS
    if not has_end and request.endpoint.verb is not Verb.READ:
        raise ReplyLost(f"{what} ends with its connection, so its end can't be told from a loss", reason="truncated")
    if (response.content_length or 0) > limit:
        raise ReplyLost(f"{what} has {response.content_length} bytes, more than {limit}", reason="oversize")
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > limit:
            raise ReplyLost(f"{what} has more than {limit} bytes", reason="oversize")
        parts.append(part)
    return b"".join(parts)
