"""The catalogue of named faults: where in a request's life each strikes, and what it does."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from spotlane.errors import UsageError
from spotlane.sandbox.actions import (
    AcceptAction,
    Action,
    AfterReply,
    ClockJump,
    Coding,
    Cut,
    DelayAccept,
    DelayReply,
    DeliverLate,
    DripReply,
    DuplicateReply,
    EncodeReply,
    EndAccept,
    Ending,
    EndReply,
    EndRequest,
    InterimReply,
    OutageAfterReply,
    PadReply,
    ReplaceReply,
    SwapReply,
)
from spotlane.sandbox.framing import make_reply

_HTML = b"<html><body><h1>Please wait</h1></body></html>\n"


@dataclass(frozen=True, slots=True)
class FaultPoint:
    """A named fault: its point in the test matrix, its value's meaning and default, and what it does."""

    name: str
    code: str
    summary: str
    make: Callable[[float], Action]
    value_name: str = ""
    default: float = 0.0
    smallest: float = 0.0

    @property
    def is_on_accept(self) -> bool:
        """Whether it strikes connections as they are accepted, and so takes neither method nor path."""
        return isinstance(self.make(self.default), AcceptAction)


def _gateway_error(status: float, executed: bool) -> ReplaceReply:
    return ReplaceReply(int(status), _HTML, executed=executed)


def _refusal(status: int, retry_after_s: float) -> ReplaceReply:
    body = b'{"code":%d,"msg":"Too many requests"}' % status
    headers = (("Retry-After", f"{retry_after_s:g}"),)
    return ReplaceReply(status, body, "application/json", headers, executed=False)


_TIMEOUT_HTML = b"<html><body>Request timeout</body></html>"
_REQUEST_TIMEOUT = make_reply(408, "text/html", _TIMEOUT_HTML, (("Connection", "close"),))
_RESET, _FINISH, _SILENCE = Ending.RESET, Ending.FINISH, Ending.SILENCE
_POINTS = (
    FaultPoint(
        "outage", "F0", "the reply, then every connection closed and new ones refused", OutageAfterReply, "seconds", 0.5
    ),
    FaultPoint(
        "slow-on-accept",
        "F1",
        "connection accepted, its TLS and its requests only this much later",
        DelayAccept,
        "seconds",
        1.0,
    ),
    FaultPoint("reset-on-accept", "F2", "RST right after accepting the connection", lambda _: EndAccept(_RESET)),
    FaultPoint("close-on-accept", "F2", "FIN right after accepting the connection", lambda _: EndAccept(_FINISH)),
    FaultPoint("silent-on-accept", "F2", "connection accepted, nothing more", lambda _: EndAccept(_SILENCE)),
    FaultPoint(
        "reset-mid-request",
        "F3",
        "RST as soon as the request line is in; not executed",
        lambda _: EndRequest(_RESET, whole=False),
    ),
    FaultPoint(
        "close-mid-request",
        "F4",
        "FIN as soon as the request line is in; not executed",
        lambda _: EndRequest(_FINISH, whole=False),
    ),
    FaultPoint(
        "reset-before-read", "F5", "RST when the whole request is in; not executed", lambda _: EndRequest(_RESET)
    ),
    FaultPoint(
        "close-before-read", "F6", "FIN when the whole request is in; not executed", lambda _: EndRequest(_FINISH)
    ),
    FaultPoint("drop-request", "F6", "no reply, connection left open; not executed", lambda _: EndRequest(_SILENCE)),
    FaultPoint("reset-after-execution", "F7", "RST instead of the reply; executed", lambda _: EndReply(_RESET)),
    FaultPoint("close-after-execution", "F8", "FIN instead of the reply; executed", lambda _: EndReply(_FINISH)),
    FaultPoint(
        "gateway-error-executed",
        "F9",
        "HTML with a 5xx status; executed",
        lambda status: _gateway_error(status, True),
        "status",
        502,
        500,
    ),
    FaultPoint(
        "gateway-error-refused",
        "F9",
        "HTML with a 5xx status; not executed",
        lambda status: _gateway_error(status, False),
        "status",
        503,
        500,
    ),
    FaultPoint("delay-reply", "F10", "executed at once, the reply much later", DelayReply, "seconds", 5.0),
    FaultPoint(
        "silent-after-execution", "F10", "no reply, connection left open; executed", lambda _: EndReply(_SILENCE)
    ),
    FaultPoint(
        "cut-status-line",
        "F11",
        "half the status line, then FIN; executed",
        lambda _: EndReply(_FINISH, Cut.HALF_STATUS_LINE),
    ),
    FaultPoint(
        "status-line-only", "F11", "the status line, then FIN; executed", lambda _: EndReply(_FINISH, Cut.STATUS_LINE)
    ),
    FaultPoint(
        "cut-headers", "F11", "half the headers, then RST; executed", lambda _: EndReply(_RESET, Cut.HALF_HEADERS)
    ),
    FaultPoint(
        "cut-body",
        "F12",
        "half the body short of its Content-Length, then FIN; executed",
        lambda _: EndReply(_FINISH, Cut.HALF_BODY),
    ),
    FaultPoint("reset-mid-body", "F12", "half the body, then RST; executed", lambda _: EndReply(_RESET, Cut.HALF_BODY)),
    FaultPoint(
        "stall-mid-body", "F12", "half the body, then silence; executed", lambda _: EndReply(_SILENCE, Cut.HALF_BODY)
    ),
    FaultPoint(
        "cut-chunked",
        "F12",
        "a chunked body that ends inside a chunk; executed",
        lambda _: EncodeReply(Coding.CHUNKED, cut=True),
    ),
    FaultPoint(
        "cut-close-delimited",
        "F12",
        "half a body whose only end is the connection's; executed",
        lambda _: EncodeReply(Coding.CLOSE, cut=True),
    ),
    FaultPoint("chunked", "F12", "the whole reply, chunked", lambda _: EncodeReply(Coding.CHUNKED)),
    FaultPoint(
        "close-delimited", "F12", "the whole reply without a length, then FIN", lambda _: EncodeReply(Coding.CLOSE)
    ),
    FaultPoint("duplicate-reply", "F13", "the reply twice", lambda _: DuplicateReply()),
    FaultPoint(
        "stray-408",
        "F14",
        "the reply, then an unasked 408 and FIN while idle",
        lambda delay_s: AfterReply(delay_s, _REQUEST_TIMEOUT),
        "seconds",
        0.05,
    ),
    FaultPoint(
        "stray-bytes",
        "F14",
        "the reply, then bytes that are no HTTP while idle",
        lambda delay_s: AfterReply(delay_s, b"\x15\x03\x03\x00\x02unasked", None),
        "seconds",
        0.05,
    ),
    FaultPoint(
        "stale-keepalive",
        "F15",
        "FIN when a re-used connection gets its next request; not executed",
        lambda _: EndRequest(_FINISH, reused_only=True),
    ),
    FaultPoint("close-idle", "F15", "the reply, then FIN while idle", AfterReply, "seconds", 0.05),
    FaultPoint(
        "html-200", "F16", "HTML with status 200 instead of the reply; executed", lambda _: ReplaceReply(200, _HTML)
    ),
    FaultPoint(
        "other-reply", "F17", "the previous success of the same method and path; executed", lambda _: SwapReply()
    ),
    FaultPoint("gzip", "F18", "the body compressed, asked or not", lambda _: EncodeReply(Coding.GZIP)),
    FaultPoint(
        "oversize",
        "F18",
        "the body followed by this many MiB of blanks",
        lambda size_mib: PadReply(int(size_mib * (1 << 20))),
        "MiB",
        8.0,
    ),
    FaultPoint("drip", "F18", "the reply one byte at a time, this far apart", DripReply, "seconds", 0.05),
    FaultPoint("split", "F18", "the reply one byte at a time, at full speed", lambda _: DripReply(0.0)),
    FaultPoint(
        "rate-limited",
        "F19",
        "429 with Retry-After; not executed",
        lambda seconds: _refusal(429, seconds),
        "seconds",
        1.0,
    ),
    FaultPoint(
        "banned", "F19", "418 with Retry-After; not executed", lambda seconds: _refusal(418, seconds), "seconds", 10.0
    ),
    FaultPoint("deliver-soon", "F20", "silence; executed this little later, still valid", DeliverLate, "seconds", 0.2),
    FaultPoint("deliver-late", "F20", "silence; executed this much later", DeliverLate, "seconds", 2.0),
    FaultPoint(
        "deliver-late-reset",
        "F20",
        "RST at once; executed this much later",
        lambda delay_s: DeliverLate(delay_s, _RESET),
        "seconds",
        2.0,
    ),
    FaultPoint(
        "answer-late",
        "F20",
        "executed this much later, and then answered",
        lambda delay_s: DeliverLate(delay_s, None),
        "seconds",
        2.0,
    ),
    FaultPoint(
        "interim",
        "F21",
        "a 1xx reply before the real one",
        lambda status: InterimReply(int(status)),
        "status",
        103,
        100,
    ),
    FaultPoint(
        "clock-jump",
        "F22",
        "the exchange's clock shifted before the request is executed",
        lambda shift_ms: ClockJump(int(shift_ms)),
        "ms",
        5_000,
        float("-inf"),
    ),
    FaultPoint(
        "clock-jump-back",
        "F22",
        "the exchange's clock shifted back before the request is executed",
        lambda shift_ms: ClockJump(int(-shift_ms)),
        "ms",
        5_000,
    ),
)
FAULT_POINTS: Mapping[str, FaultPoint] = MappingProxyType({point.name: point for point in _POINTS})


def points_of(code: str) -> tuple[FaultPoint, ...]:
    """Return every fault of a point in the matrix ("F12"), none for an unknown one."""
    return tuple(point for point in FAULT_POINTS.values() if point.code == code.upper())


def find_point(name: str) -> FaultPoint:
    """Return a fault point by its name, or the first of its code. Raises UsageError naming the nearest name."""
    if name in FAULT_POINTS:
        return FAULT_POINTS[name]
    for point in FAULT_POINTS.values():
        if point.code == name.upper():
            return point
    nearest = difflib.get_close_matches(name, FAULT_POINTS, n=1)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    raise UsageError(f"no fault named {name!r}{hint} Known: {', '.join(FAULT_POINTS)}")
