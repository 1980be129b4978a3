"""What a fault does to a connection: frozen data, turned into steps that the connection carries out.

A step is one thing that happens on the wire. An action that shapes a reply is a function from the complete reply to
steps; the others say what happens to a connection or a request before any reply exists.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from spotlane.sandbox.framing import join_reply, make_reply, split_reply, without_header


class Ending(Enum):
    """How a connection ends: RST, FIN, or open and silent for ever."""

    RESET = "reset"
    FINISH = "finish"
    SILENCE = "silence"


class Cut(Enum):
    """How much of a reply is sent: nothing, half or the whole of its status line, half its headers, half its body."""

    NOTHING = "nothing"
    HALF_STATUS_LINE = "half_status_line"
    STATUS_LINE = "status_line"
    HALF_HEADERS = "half_headers"
    HALF_BODY = "half_body"


class Coding(Enum):
    """How a body travels: chunked, delimited by the end of the connection, or compressed."""

    CHUNKED = "chunked"
    CLOSE = "close"
    GZIP = "gzip"


@dataclass(frozen=True, slots=True)
class Send:
    """Write these bytes."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for this long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class End:
    """End the connection; steps after this one don't happen."""

    ending: Ending


@dataclass(frozen=True, slots=True)
class Later:
    """Begin further steps after this long, without keeping the connection from serving requests meanwhile."""

    seconds: float
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Outage:
    """Close every connection and refuse new ones for this long."""

    seconds: float


Step: TypeAlias = "Send | Wait | End | Later | Outage"


@dataclass(frozen=True, slots=True)
class EndAccept:
    """End a connection right after it was accepted, before TLS and before anything is read from it."""

    ending: Ending


@dataclass(frozen=True, slots=True)
class DelayAccept:
    """Leave a connection alone for delay_s after it was accepted: no TLS, nothing read."""

    delay_s: float


@dataclass(frozen=True, slots=True)
class EndRequest:
    """End the connection and never execute the request.

    whole: only once all of the request has arrived, else as soon as its first line has. reused_only: not on a
    connection's first request.
    """

    ending: Ending
    whole: bool = True
    reused_only: bool = False


@dataclass(frozen=True, slots=True)
class DeliverLate:
    """Execute the request after delay_s, whatever has become of its connection by then.

    ending happens to the connection at once; with None it stays open and gets the late reply.
    """

    delay_s: float
    ending: Ending | None = Ending.SILENCE


@dataclass(frozen=True, slots=True)
class ClockJump:
    """Shift the exchange's clock before the request is executed."""

    shift_ms: int


@dataclass(frozen=True, slots=True)
class ReplaceReply:
    """Answer with another reply; executed says whether the request is executed all the same."""

    status: int
    body: bytes
    content_type: str = "text/html"
    headers: tuple[tuple[str, str], ...] = ()
    executed: bool = True

    def steps(self, reply: bytes, previous: bytes | None) -> tuple[Step, ...]:
        """Send the replacement."""
        return (Send(make_reply(self.status, self.content_type, self.body, self.headers)),)


@dataclass(frozen=True, slots=True)
class EndReply:
    """Execute the request, send part of its reply, end the connection."""

    ending: Ending
    cut: Cut = Cut.NOTHING

    def steps(self, reply: bytes, previous: bytes | None) -> tuple[Step, ...]:
        """Send the part, if any, and end."""
        part = reply[: self._length(reply)]
        return (Send(part), End(self.ending)) if part else (End(self.ending),)

    def _length(self, reply: bytes) -> int:
        status_end = reply.index(b"\r\n") + 2
        head_end = reply.index(b"\r\n\r\n") + 4
        return {
            Cut.NOTHING: 0,
            Cut.HALF_STATUS_LINE: status_end // 2,
            Cut.STATUS_LINE: status_end,
            Cut.HALF_HEADERS: (status_end + head_end) // 2,
            Cut.HALF_BODY: (head_end + len(reply)) // 2,
        }[self.cut]


@dataclass(frozen=True, slots=True)
class DelayReply:
    """Execute the request at once and send its reply after delay_s."""

    delay_s: float

    def steps(self, reply: bytes, previous: bytes | None) -> tuple[Step, ...]:
        """Wait, then send."""
        return (Wait(self.delay_s), Send(reply))


@dataclass(frozen=True, slots=True)
class EncodeReply:
    """Send the same body in another coding; with cut, half of it, and then end the connection."""

    coding: Coding
    cut: bool = False

    def steps(self, reply: bytes, previous: bytes | None) -> tuple[Step, ...]:
        """Send the recoded reply, or its first half."""
        status_line, headers, body = split_reply(reply)
        headers = without_header(headers, b"content-length")
        match self.coding:
            case Coding.CHUNKED:
                half = (len(body) + 1) // 2
                chunks = [b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:half], body[half:]) if part]
                headers.append(b"Transfer-Encoding: chunked")
                # Without its first chunk's line end the cut falls inside a chunk, not between two.
                body = chunks[0][:-2] if self.cut and chunks else b"".join((*chunks, b"0\r\n\r\n"))
            case Coding.CLOSE:
                headers = [*without_header(headers, b"connection"), b"Connection: close"]
                body = body[: len(body) // 2] if self.cut else body
            case Coding.GZIP:
                packed = gzip.compress(body, mtime=0)
                headers += [b"Content-Encoding: gzip", b"Content-Length: %d" % len(packed)]
                body = packed[: len(packed) // 2] if self.cut else packed
        sent = Send(join_reply(status_line, headers, body))
        ends = self.cut or self.coding is Coding.CLOSE
        return (sent, End(Ending.FINISH)) if ends else (sent,)


@dataclass(frozen=True, slots=True)
class PadReply:
    """Add blanks behind the body, so that JSON stays JSON but outgrows any sane limit."""

    padding_bytes: int

    def steps(self, reply: bytes, previous: bytes | None) -> tuple[Step, ...]:
        """Send the padded reply with its true Content-Length."""
        status_line, headers, body = split_reply(reply)
        length = len(body) + self.padding_bytes
        headers = [*without_header(headers, b"content-length"), b"Content-Length: %d" % length]
        return (Send(join_reply(status_line, headers, body + b" " * self.padding_bytes)),)


@dataclass(frozen=True, slots=True)
class DripReply:
    """Send the reply byte by byte, each in a write of its own, interval_s apart."""

    interval_s: float

    def steps(self, reply: bytes, previous: bytes | None) -> tuple[Step, ...]:
        """Alternate single bytes and waits."""
        steps: list[Step] = []
        for position in range(len(reply)):
            steps += [Send(reply[position : position + 1]), Wait(self.interval_s)]
        return tuple(steps)


@dataclass(frozen=True, slots=True)
class DuplicateReply:
    """Send the reply twice."""

    def steps(self, reply: bytes, previous: bytes | None) -> tuple[Step, ...]:
        """Send both copies in one write, so that they arrive together."""
        return (Send(reply + reply),)


@dataclass(frozen=True, slots=True)
class SwapReply:
    """Send the previous reply to the same method and path, of those that told success; not before there is one.

    With refusals the previous one that told none: nothing in it says whose request was refused.
    """

    refusals: bool = False

    def steps(self, reply: bytes, previous: bytes | None) -> tuple[Step, ...]:
        """Send the previous reply."""
        return (Send(reply if previous is None else previous),)


@dataclass(frozen=True, slots=True)
class InterimReply:
    """Send a 1xx reply before the real one."""

    status: int

    def steps(self, reply: bytes, previous: bytes | None) -> tuple[Step, ...]:
        """Send the interim status line, then the reply."""
        return (Send(b"HTTP/1.1 %d Interim\r\n\r\n" % self.status), Send(reply))


@dataclass(frozen=True, slots=True)
class AfterReply:
    """Send the whole reply; after delay_s send further bytes nobody asked for, then end the connection if told."""

    delay_s: float
    data: bytes = b""
    ending: Ending | None = Ending.FINISH

    def steps(self, reply: bytes, previous: bytes | None) -> tuple[Step, ...]:
        """Send the reply and schedule the rest."""
        rest: list[Step] = []
        if self.data:
            rest.append(Send(self.data))
        if self.ending is not None:
            rest.append(End(self.ending))
        return (Send(reply), Later(self.delay_s, tuple(rest)))


@dataclass(frozen=True, slots=True)
class OutageAfterReply:
    """Send the whole reply, then take the exchange off the network for duration_s."""

    duration_s: float

    def steps(self, reply: bytes, previous: bytes | None) -> tuple[Step, ...]:
        """Send the reply and begin the outage."""
        return (Send(reply), Wait(0.001), Outage(self.duration_s))


ReplyAction: TypeAlias = (
    ReplaceReply
    | EndReply
    | DelayReply
    | EncodeReply
    | PadReply
    | DripReply
    | DuplicateReply
    | SwapReply
    | InterimReply
    | AfterReply
    | OutageAfterReply
)
AcceptAction: TypeAlias = EndAccept | DelayAccept
Action: TypeAlias = AcceptAction | EndRequest | DeliverLate | ClockJump | ReplyAction
