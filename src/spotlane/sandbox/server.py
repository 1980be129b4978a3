"""A real TCP server in front of aiohttp's HTTP server; faults act on the bytes between the two."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar, copy_context
from typing import Any

from aiohttp import web

from spotlane.sandbox.actions import EndAccept, Ending
from spotlane.sandbox.connection import Connection, HandlerTransport, reset_on_close
from spotlane.sandbox.faults import Fault, FaultPlan
from spotlane.sandbox.framing import RequestLine
from spotlane.sandbox.http import HttpReply, HttpRequest
from spotlane.sandbox.request_log import ReceivedRequest, RequestLog, without_signature

_BACKLOG = 1_024
_MAX_LINE_BYTES = 1 << 16
_PREVIOUS_REPLIES = 256
_TLS_S = 5.0
# Set for each HTTP handler's tasks to the server's number of outages when its connection was made.
_OUTAGES: ContextVar[int] = ContextVar("outages")


class ExchangeServer:
    """Serves handle(request) on one TCP port.

    faults is consulted for every connection and request. shift_clock moves the exchange's clock by milliseconds.
    latency_s is waited before a request is executed. keepalive_timeout_s is the idle limit of a connection.
    errors collects what handle raised; the client got HTTP 500 for it.
    """

    def __init__(
        self,
        handle: Callable[[HttpRequest], HttpReply],
        faults: FaultPlan,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        ssl_context: ssl.SSLContext | None = None,
        shift_clock: Callable[[int], None],
        latency_s: float = 0.0,
        keepalive_timeout_s: float = 75.0,
        kept_requests: int = 10_000,
    ) -> None:
        self.faults = faults
        self.host = host
        self.port = port
        self.shift_clock = shift_clock
        self.latency_s = latency_s
        self.requests = RequestLog(kept_requests)
        self.errors: list[Exception] = []
        self.connections: set[Connection] = set()
        self.connections_accepted = 0
        self._handle = handle
        self._ssl_context = ssl_context
        self._keepalive_timeout_s = keepalive_timeout_s
        self._web: web.Server | None = None
        self._socket: socket.socket | None = None
        self._is_listening = False
        self._outages = 0
        self._return: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._timers: set[asyncio.TimerHandle] = set()
        self._held: set[socket.socket] = set()
        self._thawed = asyncio.Event()
        self._thawed.set()
        self._previous: OrderedDict[tuple[str, str], bytes] = OrderedDict()

    @property
    def is_frozen(self) -> bool:
        """Whether the server accepts connections but reads and writes nothing."""
        return not self._thawed.is_set()

    @property
    def is_listening(self) -> bool:
        """Whether connections are accepted, not refused."""
        return self._is_listening

    async def start(self) -> None:
        """Begin to listen; port then holds the real one. Raises OSError where the address can't be used."""
        self._web = web.Server(
            self._serve,
            keepalive_timeout=self._keepalive_timeout_s,
            access_log=None,
            auto_decompress=False,
            max_line_size=_MAX_LINE_BYTES,
            max_field_size=_MAX_LINE_BYTES,
        )
        self._bind()
        self.listen()

    async def stop(self) -> None:
        """Stop listening, end every connection, abandon what is under way, free the port."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        await self.down()
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self.thaw()
        if self._web is not None:
            await self._web.shutdown(timeout=0.05)
            self._web = None

    async def down(self) -> None:
        """End every connection and refuse new ones; the port stays reserved and the exchange's state as it is.

        Requests that were waiting for their latency are never executed. Returns once every connection is closed.
        """
        self._cancel_return()
        closing = [connection.closed for connection in self.connections]
        tasks = self._take_down()
        await asyncio.gather(*closing, *tasks, return_exceptions=True)

    def listen(self) -> None:
        """Accept connections (again), on the same port."""
        self._cancel_return()
        if self._socket is None or self._is_listening:
            return
        self._socket.listen(_BACKLOG)
        asyncio.get_running_loop().add_reader(self._socket, self._accept)
        self._is_listening = True

    def freeze(self) -> None:
        """Let connections be made but read and write nothing, as a stopped process does."""
        self._thawed.clear()
        for connection in self.connections:
            connection.freeze()

    def thaw(self) -> None:
        """Go on after freeze(): what was sent meanwhile is read and executed now."""
        self._thawed.set()
        for connection in tuple(self.connections):
            connection.thaw()

    def begin_outage(self, duration_s: float) -> None:
        """Be down for duration_s from now, unless down() or listen() decides otherwise meanwhile."""
        self._cancel_return()
        self._take_down()
        self._return = asyncio.get_running_loop().call_later(duration_s, self.listen)

    def new_handler(self, transport: HandlerTransport) -> web.RequestHandler:
        """Return a fresh HTTP handler that writes to transport."""
        assert self._web is not None
        handler = self._web()
        context = copy_context()
        context.run(_OUTAGES.set, self._outages)
        context.run(handler.connection_made, transport)
        return handler

    def deliver_late(self, raw: bytes, method: str, peer: Any, delay_s: float, answer_to: Connection | None) -> None:
        """Execute a request after delay_s, independently of its connection, unless the server is down by then.

        answer_to gets the reply if it is still there.
        """
        self._call_later(delay_s, self._deliver, raw, method, peer, answer_to)

    def record(
        self, connection: int, line: RequestLine, body: bytes, fault: Fault | None, *, is_executed: bool
    ) -> None:
        """Add a request to the log, without its signature."""
        query, body = without_signature(line.query.encode("latin-1")).decode("latin-1"), without_signature(body)
        self.requests.append(ReceivedRequest(connection, line.method, line.path, query, body, fault, is_executed))

    def previous_reply(self, key: tuple[str, str]) -> bytes | None:
        """Return the last reply to this method and path."""
        return self._previous.get(key)

    def remember_reply(self, key: tuple[str, str], reply: bytes) -> None:
        """Keep a reply for previous_reply; the oldest kinds are forgotten."""
        self._previous[key] = reply
        self._previous.move_to_end(key)
        if len(self._previous) > _PREVIOUS_REPLIES:
            self._previous.popitem(last=False)

    def _bind(self) -> None:
        family, kind, protocol, _, address = socket.getaddrinfo(
            self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.setblocking(False)
            bound.bind(address)
        except BaseException:
            bound.close()
            raise
        self._socket = bound
        self.port = bound.getsockname()[1]

    def _cancel_return(self) -> None:
        if self._return is not None:
            self._return.cancel()
            self._return = None

    def _take_down(self) -> list[asyncio.Task[Any]]:
        self._outages += 1
        if self._is_listening and self._socket is not None:
            self._is_listening = False
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            # Bound but not listening, the port refuses connections and nobody else can take it.
            self._bind()
        for connection in tuple(self.connections):
            connection.abort()
        for held in self._held:
            held.close()
        self._held.clear()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        self._tasks.clear()
        return tasks

    def _accept(self) -> None:
        assert self._socket is not None
        try:
            accepted, _ = self._socket.accept()
        except (BlockingIOError, ConnectionError):
            return
        accepted.setblocking(False)
        self.connections_accepted += 1
        self._spawn(self._welcome(accepted, self.connections_accepted))

    async def _welcome(self, accepted: socket.socket, number: int) -> None:
        try:
            await self._thawed.wait()
        except asyncio.CancelledError:
            accepted.close()
            raise
        fault = self.faults.for_connection(number)
        if fault is not None:
            self._end_accepted(accepted, fault)
            return
        tls: dict[str, Any] = {}
        if self._ssl_context is not None:
            tls = {"ssl": self._ssl_context, "ssl_handshake_timeout": _TLS_S, "ssl_shutdown_timeout": _TLS_S}
        # From here the loop owns the socket and closes it, whatever becomes of the handshake; a client that gives up in
        # the middle of one is no error of the server.
        with suppress(OSError):
            await asyncio.get_running_loop().connect_accepted_socket(lambda: Connection(self, number), accepted, **tls)

    def _end_accepted(self, accepted: socket.socket, fault: EndAccept) -> None:
        if fault.ending is Ending.SILENCE:
            self._held.add(accepted)
            return
        if fault.ending is Ending.RESET:
            reset_on_close(accepted)
        accepted.close()

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        if self.latency_s > 0 or self.is_frozen:
            await self._spawn(self._before_execution())
        if _OUTAGES.get() != self._outages:
            # Its connection was ended with the server: nobody reads this.
            return web.Response(status=503)
        path, _, query = request.raw_path.partition("?")
        headers: dict[str, str] = {}
        for name, value in request.headers.items():
            lowered = name.lower()
            headers[lowered] = f"{headers[lowered]}, {value}" if lowered in headers else value
        try:
            reply = self._handle(HttpRequest(request.method, path, query, headers, body, request.remote or ""))
        except Exception as error:
            self.errors.append(error)
            raise
        return web.Response(
            status=reply.status, body=reply.body, headers={"Content-Type": reply.content_type, **reply.headers}
        )

    async def _before_execution(self) -> None:
        await asyncio.sleep(self.latency_s)
        await self._thawed.wait()

    def _deliver(self, raw: bytes, method: str, peer: Any, answer_to: Connection | None) -> None:
        if self._web is None or not self.is_listening:
            return

        def on_reply(reply: bytes) -> None:
            if answer_to is not None:
                answer_to.send_late_reply(reply)
            transport.close()

        def on_close() -> None:
            asyncio.get_running_loop().call_soon(handler.connection_lost, None)

        transport = HandlerTransport(lambda name, default: peer if name == "peername" else default, on_reply, on_close)
        transport.method = method
        handler = self.new_handler(transport)
        handler.data_received(raw)

    def _spawn(self, coroutine: Any) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _call_later(self, delay_s: float, call: Callable[..., None], *arguments: Any) -> None:
        def fire() -> None:
            self._timers.discard(timer)
            call(*arguments)

        timer = asyncio.get_running_loop().call_later(delay_s, fire)
        self._timers.add(timer)
