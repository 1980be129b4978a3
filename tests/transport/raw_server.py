"""A TCP server that answers with exactly the bytes that a test wants, and the pieces that go with it."""

from __future__ import annotations

import array
import asyncio
import fcntl
import os
import socket
import ssl
import struct
import termios
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

from spotlane._core.signing import Hmac, QueryAuth, Signed
from spotlane.spec import Endpoint, Verb
from spotlane.transport import (
    Budget,
    Carrier,
    CarrierStatus,
    Channel,
    Clock,
    ExchangeClock,
    LaneCarrier,
    ManualClock,
    PlainCarrier,
    Reply,
    Request,
    Sealed,
    SystemClock,
)

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
API_KEY = "canary-key-7f3a"
API_SECRET = b"canary-secret-91c2"
PATIENCE_S = 10.0

# Every way of moving signed bytes over TCP. A test that uses the fixture carrier_kind runs with each of them.
CARRIERS: dict[str, Callable[..., Carrier]] = {"lane": LaneCarrier, "plain": PlainCarrier}
carrier_class = CARRIERS["plain"]


class Peer:
    """The server's end of one connection. number counts from 0 in the order of arrival."""

    def __init__(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.number = number
        self.reader = reader
        self.writer = writer
        self.requests: list[bytes] = []
        self.has_ended = asyncio.Event()

    @property
    def _fd(self) -> int:
        return int(self.writer.get_extra_info("socket").fileno())

    async def read_request(self) -> bytes:
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        request = head + (await self.reader.readexactly(length) if length else b"")
        self.requests.append(request)
        return request

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def write_at_once(self, data: bytes) -> None:
        """Hand bytes to the kernel before the event loop can turn."""
        assert os.write(self._fd, data) == len(data)

    def pause(self) -> None:
        """Leave what arrives from now on in the kernel."""
        cast(asyncio.Transport, self.writer.transport).pause_reading()

    def resume(self) -> None:
        cast(asyncio.Transport, self.writer.transport).resume_reading()

    def unread(self) -> int:
        """Return how many bytes the kernel holds for this end."""
        count = array.array("i", [0])
        fcntl.ioctl(self._fd, termios.FIONREAD, count)
        return count[0]

    def end_at_once(self) -> None:
        """Send a FIN before the event loop can turn."""
        with socket.socket(fileno=os.dup(self._fd)) as end:
            end.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Send a RST in place of a FIN."""
        with socket.socket(fileno=os.dup(self._fd)) as end:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Script = Callable[[Peer], Awaitable[None]]


class RawServer:
    def __init__(self, script: Script) -> None:
        self.script = script
        self.peers: list[Peer] = []
        self.port = 0
        self.tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def requests(self) -> list[bytes]:
        return [request for peer in self.peers for request in peer.requests]

    def orders(self) -> list[bytes]:
        """Return the requests that are not for warming."""
        return [request for request in self.requests if not request.startswith(b"GET /ping ")]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        peer = Peer(len(self.peers), reader, writer)
        self.peers.append(peer)
        try:
            await self.script(peer)
            while await reader.read(1 << 16):
                pass
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            peer.has_ended.set()
            writer.close()
            self.tasks.discard(task)


async def answer_all(peer: Peer) -> None:
    while True:
        await peer.read_request()
        await peer.write(OK)


def answer_with(reply: bytes, *, then_close: bool = False) -> Script:
    """Return a script that answers every order with these bytes, and a warming GET with 200."""

    async def script(peer: Peer) -> None:
        while True:
            request = await peer.read_request()
            if request.startswith(b"GET /ping "):
                await peer.write(OK)
                continue
            await peer.write(reply)
            if then_close:
                peer.writer.close()
                return

    return script


@asynccontextmanager
async def raw_server(
    script: Script = answer_all, *, ssl_context: ssl.SSLContext | None = None
) -> AsyncIterator[RawServer]:
    server = RawServer(script)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=ssl_context)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for task in tuple(server.tasks):
            task.cancel()
        await asyncio.gather(*server.tasks, return_exceptions=True)
        await until(lambda: not server.tasks)


def make_carrier(base_url: str, **options: Any) -> Carrier:
    """Make a carrier of the kind that the test runs with."""
    return carrier_class(base_url, **options)


@asynccontextmanager
async def open_carrier(url: str, **options: Any) -> AsyncIterator[Carrier]:
    """Open a carrier with one connection that is not warmed, unless told otherwise."""
    carrier = make_carrier(url, **{"connections": 1, **options})
    try:
        await carrier.open()
        yield carrier
    finally:
        await carrier.close()


async def until(is_true: Callable[[], object]) -> None:
    """Let the event loop turn until a condition holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not is_true():  # noqa: ASYNC110 (the conditions are facts of sockets, and no one sets an event for them)
            await asyncio.sleep(0.001)


async def until_equal(look: Callable[[], object], expected: object) -> None:
    """Let the event loop turn until look() returns what is expected."""
    await until(lambda: look() == expected)


async def turns(count: int = 10) -> None:
    """Let the event loop turn: whatever the kernel holds by now for a socket of this process is read by then."""
    for _ in range(count):
        await asyncio.sleep(0)


async def at_rest(client: Carried, clock: ManualClock) -> None:
    """Wait until nothing is under way, and all that is still to come waits for the clock."""

    def look() -> tuple[CarrierStatus, int]:
        return client.carrier.status(), clock.pending_timers

    seen, quiet = look(), 0
    async with asyncio.timeout(PATIENCE_S):
        while quiet < 20:
            await asyncio.sleep(0.001)
            now = look()
            quiet = quiet + 1 if now == seen and not now[0].busy else 0
            seen = now


class SigningAuthenticator:
    """Signs as MEXC does, with a key and secret that must never be seen anywhere."""

    def __init__(self) -> None:
        self._auth = QueryAuth(signer=Hmac("sha256", API_SECRET), api_key=API_KEY, api_key_header="X-MEXC-APIKEY")

    def sign(self, request: Request, stamp_ms: int) -> Signed:
        return self._auth.sign(request.path, request.query, stamp_ms, request.window_ms)


def order(
    path: str = "/order",
    query: bytes = b"",
    body: bytes = b"",
    *,
    method: str = "POST",
    verb: Verb = Verb.PLACE,
    max_reply_bytes: int = 1 << 20,
    signed: bool = True,
    not_after_ms: int | None = None,
) -> Request:
    endpoint = Endpoint("order", method, path, verb=verb, signed=signed, max_reply_bytes=max_reply_bytes)
    return Request(endpoint, path, query, body, not_after_ms=not_after_ms)


def read(path: str = "/read", *, max_reply_bytes: int = 1 << 20) -> Request:
    return order(path, method="GET", verb=Verb.READ, max_reply_bytes=max_reply_bytes)


class Carried:
    """A carrier, and a shorthand to send over it with a real signature."""

    def __init__(self, carrier: Carrier, clock: Clock) -> None:
        self.carrier = carrier
        self.clock = clock
        self.authenticator = SigningAuthenticator()

    async def send(self, request: Request | None = None, *, within_s: float = PATIENCE_S) -> Reply:
        request = request if request is not None else order()

        def seal(request: Request) -> Sealed:
            stamp_ms = self.clock.time_ms()
            return Sealed(self.authenticator.sign(request, stamp_ms), stamp_ms)

        return await self.carrier.carry(request, seal, deadline=self.clock.monotonic() + within_s)


@asynccontextmanager
async def carried(server: RawServer, *, clock: Clock | None = None, **options: Any) -> AsyncIterator[Carried]:
    clock = clock if clock is not None else SystemClock()
    async with open_carrier(server.url, clock=clock, **options) as carrier:
        yield Carried(carrier, clock)


def make_channel(carrier: Carrier, clock: Clock) -> Channel:
    return Channel(
        carrier,
        clock=clock,
        exchange_clock=ExchangeClock(clock),
        authenticator=SigningAuthenticator(),
        budget=Budget((), clock=clock),
    )


async def expire(server: RawServer, clock: ManualClock, *, seconds: float = PATIENCE_S + 1) -> None:
    """Let the deadline pass once the server has the whole order."""
    await until(lambda: server.orders())
    clock.advance(seconds)
