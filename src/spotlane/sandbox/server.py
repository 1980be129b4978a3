"""A server in front of aiohttp's HTTP server; faults act on the bytes between the two."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from email.utils import formatdate
from typing import Any

from aiohttp import web

from spotlane.sandbox.actions import EndAccept, Ending
from spotlane.sandbox.connection import Connection, HandlerTransport
from spotlane.sandbox.faults import Fault, FaultPlan
from spotlane.sandbox.framing import RequestLine
from spotlane.sandbox.http import HttpReply, HttpRequest
from spotlane.sandbox.listeners import Accepted, Listener
from spotlane.sandbox.request_log import ReceivedRequest, RequestLog, without_signature

_MAX_LINE_BYTES = 1 << 16
_PREVIOUS_REPLIES = 256
_CLOSING_S = 1.0
# Set for each HTTP handler's tasks to the server's number of outages when its connection was made.
_OUTAGES: ContextVar[int] = ContextVar("outages")


class ExchangeServer:
    """Serves handle(request) where its listener is reached.

    faults is consulted for every connection and request. now_ms reads the exchange's clock, shift_clock moves it.
    latency_s is waited before a request is executed. keepalive_timeout_s is the idle limit of a connection.
    errors collects what handle raised; the client got HTTP 500 for it.
    """

    def __init__(
        self,
        handle: Callable[[HttpRequest], HttpReply],
        faults: FaultPlan,
        listener: Listener,
        *,
        now_ms: Callable[[], int],
        shift_clock: Callable[[int], None],
        latency_s: float = 0.0,
        keepalive_timeout_s: float = 75.0,
        kept_requests: int = 10_000,
    ) -> None:
        self.faults = faults
        self.now_ms = now_ms
        self.shift_clock = shift_clock
        self.latency_s = latency_s
        self.requests = RequestLog(kept_requests)
        self.errors: list[Exception] = []
        # Dicts where sets would do: what is ended together is ended in one and the same order in every run.
        self.connections: dict[Connection, None] = {}
        self.connections_accepted = 0
        self._handle = handle
        self._listener = listener
        self._keepalive_timeout_s = keepalive_timeout_s
        self._web: web.Server | None = None
        self._is_bound = False
        self._is_listening = False
        self._outages = 0
        self._return: asyncio.TimerHandle | None = None
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._timers: dict[asyncio.TimerHandle, None] = {}
        self._held: list[Accepted] = []
        self._thawed = asyncio.Event()
        self._thawed.set()
        self._dated = (-1, "")
        self._previous: OrderedDict[tuple[str, str, bool], bytes] = OrderedDict()

    @property
    def port(self) -> int:
        """The port; 0 before a server on any free one was started."""
        return self._listener.port

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
        self._listener.bind()
        self._is_bound = True
        self.listen()

    async def stop(self) -> None:
        """Stop listening, end every connection, abandon what is under way, free the port."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        await self.down()
        if self._is_bound:
            self._listener.release()
            self._is_bound = False
        self.thaw()
        if self._web is not None:
            await self._web.shutdown(timeout=0.05)
            self._web = None

    async def down(self) -> None:
        """End every connection and refuse new ones; the port stays reserved and the exchange's state as it is.

        Requests that were waiting for their latency are never executed. Returns once every connection is closed.
        """
        closing = tuple(self.connections)
        tasks = self.take_down()
        await asyncio.gather(*tasks, return_exceptions=True)
        if closing:
            await asyncio.wait([connection.closed for connection in closing], timeout=_CLOSING_S)
        for connection in closing:
            # uvloop tells nothing of one whose acceptance is cancelled in the very turn in which it is made.
            if not connection.closed.done():
                connection.connection_lost(None)

    def listen(self) -> None:
        """Accept connections (again), on the same port."""
        self._cancel_return()
        if self._is_bound and not self._is_listening:
            self._listener.listen(self._accept)
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
        self.take_down()
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
        self._call_later(delay_s, self._deliver, raw, method, peer, answer_to, self.now_ms())

    def record(
        self, connection: int, line: RequestLine, body: bytes, fault: Fault | None, *, is_executed: bool
    ) -> None:
        """Add a request to the log, without its signature."""
        query, body = without_signature(line.query.encode("latin-1")).decode("latin-1"), without_signature(body)
        self.requests.append(ReceivedRequest(connection, line.method, line.path, query, body, fault, is_executed))

    def previous_reply(self, key: tuple[str, str], *, refusals: bool = False) -> bytes | None:
        """Return the last reply to this method and path that told success, or of those that did not."""
        return self._previous.get((*key, not refusals))

    def remember_reply(self, key: tuple[str, str], reply: bytes) -> None:
        """Keep a reply for previous_reply; the oldest kinds are forgotten."""
        kind = (*key, reply[9:10] == b"2")
        self._previous[kind] = reply
        self._previous.move_to_end(kind)
        if len(self._previous) > _PREVIOUS_REPLIES:
            self._previous.popitem(last=False)

    def _cancel_return(self) -> None:
        if self._return is not None:
            self._return.cancel()
            self._return = None

    def take_down(self) -> list[asyncio.Task[Any]]:
        """Begin what down() does; returns the tasks that were cancelled, which end soon."""
        self._cancel_return()
        self._outages += 1
        if self._is_listening:
            self._is_listening = False
            self._listener.refuse()
        for connection in tuple(self.connections):
            connection.abort()
        for held in self._held:
            held.end(Ending.FINISH)
        self._held.clear()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        self._tasks.clear()
        return tasks

    def _accept(self, accepted: Accepted) -> None:
        self.connections_accepted += 1
        self._spawn(self._welcome(accepted, self.connections_accepted))

    async def _welcome(self, accepted: Accepted, number: int) -> None:
        try:
            await self._thawed.wait()
        except asyncio.CancelledError:
            accepted.end(Ending.FINISH)
            raise
        fault = self.faults.for_connection(number)
        if isinstance(fault, EndAccept):
            accepted.end(fault.ending)
            if fault.ending is Ending.SILENCE:
                self._held.append(accepted)
            return
        if fault is not None:
            try:
                await asyncio.sleep(fault.delay_s)
            except asyncio.CancelledError:
                accepted.end(Ending.FINISH)
                raise
        await accepted.serve(lambda: Connection(self, number))

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
        outward = request.transport
        received_ms = outward.received_ms if isinstance(outward, HandlerTransport) else None
        try:
            reply = self._handle(
                HttpRequest(request.method, path, query, headers, body, request.remote or "", received_ms)
            )
        except Exception as error:
            self.errors.append(error)
            raise
        headers = {"Content-Type": reply.content_type, "Date": self._date(), **reply.headers}
        return web.Response(status=reply.status, body=reply.body, headers=headers)

    def _date(self) -> str:
        """Return the Date field of a reply sent now: the exchange's time, not this machine's."""
        now_s = self.now_ms() // 1_000
        if self._dated[0] != now_s:
            self._dated = (now_s, formatdate(now_s, usegmt=True))
        return self._dated[1]

    async def _before_execution(self) -> None:
        await asyncio.sleep(self.latency_s)
        await self._thawed.wait()

    def _deliver(self, raw: bytes, method: str, peer: Any, answer_to: Connection | None, received_ms: int) -> None:
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
        transport.received_ms = received_ms
        handler = self.new_handler(transport)
        handler.data_received(raw)

    def _spawn(self, coroutine: Any) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks[task] = None
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task, None)

    def _call_later(self, delay_s: float, call: Callable[..., None], *arguments: Any) -> None:
        def fire() -> None:
            del self._timers[timer]
            call(*arguments)

        timer = asyncio.get_running_loop().call_later(delay_s, fire)
        self._timers[timer] = None
