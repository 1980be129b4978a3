"""One client connection: bytes from the socket to the HTTP server behind it and back, through the faults."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

from spotlane.sandbox.actions import (
    ClockJump,
    DelayAccept,
    DeliverLate,
    End,
    EndAccept,
    Ending,
    EndRequest,
    Later,
    Outage,
    ReplaceReply,
    ReplyAction,
    Send,
    Step,
    SwapReply,
    Wait,
)
from spotlane.sandbox.faults import Fault
from spotlane.sandbox.framing import (
    MalformedMessage,
    RequestLine,
    body_of_request,
    parse_request_line,
    reply_length,
    request_length,
)

if TYPE_CHECKING:
    from spotlane.sandbox.server import ExchangeServer

_LINGER_ZERO = struct.pack("ii", 1, 0)
# uvloop writes at the end of a loop turn: a reset must not overtake the bytes before it.
_FLUSH_S = 0.001


def reset_on_close(sock: Any) -> None:
    """Make closing a socket send RST instead of FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)


class HandlerTransport(asyncio.Transport):
    """What aiohttp's request handler writes to: collects bytes and hands on whole replies.

    info answers get_extra_info. on_reply gets each complete reply, its 1xx ones left out; on_close is called when the
    handler closes. method is that of the request being handled: a reply's framing depends on it. received_ms is the
    exchange's time at which that request had arrived.
    """

    def __init__(
        self,
        info: Callable[[str, Any], Any],
        on_reply: Callable[[bytes], None],
        on_close: Callable[[], None],
    ) -> None:
        super().__init__()
        self.method = "GET"
        self.received_ms: int | None = None
        self._info = info
        self._on_reply = on_reply
        self._on_close = on_close
        self._buffer = bytearray()
        self._is_closing = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what the real connection says."""
        return self._info(name, default)

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Take bytes of a reply."""
        self._buffer += data
        while (length := reply_length(self._buffer, self.method)) is not None:
            reply = bytes(self._buffer[:length])
            del self._buffer[:length]
            self._on_reply(reply)

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview[Any]]) -> None:
        """Take bytes of a reply."""
        self.write(b"".join(list_of_data))

    def is_closing(self) -> bool:
        """Say whether nothing more is taken."""
        return self._is_closing

    def close(self) -> None:
        """End the connection after what was written."""
        if not self._is_closing:
            self._is_closing = True
            self._on_close()

    def abort(self) -> None:
        """End the connection."""
        self.close()

    def mark_closed(self) -> None:
        """Take nothing more: the real connection is gone."""
        self._is_closing = True

    def pause_reading(self) -> None:
        """Do nothing: the handler never holds more than one request."""

    def resume_reading(self) -> None:
        """Do nothing: the handler never holds more than one request."""


class Connection(asyncio.Protocol):
    """Frames requests, lets the fault plan choose, feeds aiohttp's handler, and carries out the steps of each reply.

    One request is in hand at a time; pipelined ones wait in the buffer, so that replies leave in order.
    """

    def __init__(self, server: ExchangeServer, number: int) -> None:
        self.number = number
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._inbox = bytearray()
        self._line: RequestLine | None = None
        self._fault: Fault | None = None
        self._action: ReplyAction | None = None
        self._key = ("", "")
        self._requests = 0
        self._is_busy = False
        self._is_ended = False
        self._is_passing_through = False
        self._steps: deque[Step | Callable[[], None]] = deque()
        self._is_stepping = False
        self._wait: asyncio.TimerHandle | None = None
        self._later: list[asyncio.TimerHandle] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; the HTTP handler sees a transport whose writes come back here."""
        self._transport = cast(asyncio.Transport, transport)
        self._outward = HandlerTransport(transport.get_extra_info, self._on_reply, self._on_handler_close)
        self._handler = self._server.new_handler(self._outward)
        self._server.connections[self] = None
        if self._server.is_frozen:
            self.freeze()

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop everything that was still to happen on this connection; a request in hand is executed all the same."""
        self._is_ended = True
        self._cancel_steps()
        self._outward.mark_closed()
        self._handler.connection_lost(exc)
        self._server.connections.pop(self, None)
        if not self.closed.done():
            self.closed.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Take bytes from the client."""
        if self._is_ended:
            return
        if self._is_passing_through:
            self._handler.data_received(data)
            return
        self._inbox += data
        self._advance()

    def abort(self) -> None:
        """End the connection at once, whatever is under way."""
        self._is_ended = True
        self._cancel_steps()
        self._transport.abort()

    def end(self, ending: Ending) -> None:
        """End the connection in this way; a request in hand is executed all the same."""
        self._is_ended = True
        self._cancel_steps()
        match ending:
            case Ending.FINISH:
                self._transport.close()
            case Ending.RESET:
                self._later.append(self._loop.call_later(_FLUSH_S, self._reset))
            case Ending.SILENCE:
                pass

    def freeze(self) -> None:
        """Read and write nothing until thaw()."""
        self._transport.pause_reading()

    def thaw(self) -> None:
        """Go on after freeze()."""
        if not self._transport.is_closing():
            self._transport.resume_reading()
        self._run(())
        self._advance()

    def send_late_reply(self, reply: bytes) -> None:
        """Send the reply to a request that was executed late."""
        self._run((Send(reply), self._end_turn))

    def _advance(self) -> None:
        while not (self._is_ended or self._is_busy or self._server.is_frozen):
            while self._inbox.startswith(b"\r\n"):
                del self._inbox[:2]
            try:
                if not self._begin_request():
                    return
            except MalformedMessage:
                self._is_passing_through = True
                unread = bytes(self._inbox)
                self._inbox.clear()
                self._handler.data_received(unread)
                return

    def _begin_request(self) -> bool:
        line = self._line
        if line is None:
            line = parse_request_line(self._inbox)
            if line is None:
                return False
            self._line = line
            self._key = (line.method, line.path)
            self._fault = self._server.faults.for_request(
                self.number,
                *self._key,
                reused=self._requests > 0,
                has_previous=self._server.previous_reply(self._key) is not None,
                has_refusal=self._server.previous_reply(self._key, refusals=True) is not None,
            )
            if self._fault and isinstance(self._fault.action, EndRequest) and not self._fault.action.whole:
                self._server.record(self.number, line, b"", self._fault, is_executed=False)
                self._run((End(self._fault.action.ending),))
                return False
        length = request_length(self._inbox)
        if length is None:
            return False
        raw = bytes(self._inbox[:length])
        del self._inbox[:length]
        fault, self._line, self._fault = self._fault, None, None
        self._requests += 1
        self._is_busy = True
        self._execute(raw, line, fault)
        return True

    def _execute(self, raw: bytes, line: RequestLine, fault: Fault | None) -> None:
        action = fault.action if fault else None
        refuses = isinstance(action, EndRequest) or (isinstance(action, ReplaceReply) and not action.executed)
        self._server.record(self.number, line, body_of_request(raw), fault, is_executed=not refuses)
        self._action = None
        self._outward.received_ms = self._server.now_ms()
        match action:
            case EndRequest(ending=ending):
                self._run((End(ending),))
                return
            case ReplaceReply(executed=False):
                self._run((*action.steps(b"", None), self._end_turn))
                return
            case DeliverLate(delay_s=delay_s, ending=ending):
                peer = self._transport.get_extra_info("peername")
                self._server.deliver_late(raw, line.method, peer, delay_s, None if ending else self)
                if ending:
                    self._run((End(ending),))
                return
            case ClockJump(shift_ms=shift_ms):
                self._server.shift_clock(shift_ms)
            case None | EndAccept() | DelayAccept():
                pass
            case _:
                self._action = action
        self._outward.method = line.method
        self._handler.data_received(raw)

    def _on_reply(self, reply: bytes) -> None:
        refusals = isinstance(self._action, SwapReply) and self._action.refusals
        previous = self._server.previous_reply(self._key, refusals=refusals)
        self._server.remember_reply(self._key, reply)
        steps = self._action.steps(reply, previous) if self._action else (Send(reply),)
        self._run((*steps, self._end_turn))

    def _on_handler_close(self) -> None:
        self._is_busy = True
        self._run((End(Ending.FINISH),))

    def _end_turn(self) -> None:
        if self._outward.is_closing():
            return
        self._is_busy = False
        # Not called directly: a client that pipelines would make it recurse.
        self._loop.call_soon(self._advance)

    def _run(self, steps: Iterable[Step | Callable[[], None]]) -> None:
        if self._is_ended:
            return
        self._steps.extend(steps)
        if not self._is_stepping and self._wait is None:
            self._step()

    def _step(self) -> None:
        self._wait = None
        self._is_stepping = True
        while self._steps and not self._server.is_frozen and self._wait is None:
            match self._steps.popleft():
                case Send(data=data):
                    self._transport.write(data)
                case Wait(seconds=seconds):
                    self._wait = self._loop.call_later(seconds, self._step)
                case End(ending=ending):
                    self.end(ending)
                case Later(seconds=seconds, steps=steps):
                    self._later.append(self._loop.call_later(seconds, self._run, steps))
                case Outage(seconds=seconds):
                    self._server.begin_outage(seconds)
                case call:
                    call()
        self._is_stepping = False

    def _reset(self) -> None:
        reset_on_close(self._transport.get_extra_info("socket"))
        self._transport.abort()

    def _cancel_steps(self) -> None:
        self._steps.clear()
        if self._wait is not None:
            self._wait.cancel()
            self._wait = None
        for handle in self._later:
            handle.cancel()
        self._later.clear()
