"""Which requests a fault hits, and when: descriptions, the catalogue of named ones, and the plan that is in force."""

from __future__ import annotations

import difflib
import math
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from spotlane.errors import UsageError
from spotlane.sandbox.actions import (
    Action,
    AfterReply,
    ClockJump,
    Coding,
    Cut,
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


@dataclass(frozen=True, slots=True)
class Fault:
    """An action and the requests that it hits.

    method is exact or "*". path is the exact path, or a prefix when it ends with "*". nth is the number of the first
    matching request that is hit, counted from 1 since the fault was added; times is how many are hit from there on,
    None for all. probability is drawn for each, from the sandbox's seed. A fault on accepting connections counts
    connections and takes neither method nor path. Raises UsageError.
    """

    action: Action
    method: str = "*"
    path: str = "*"
    nth: int = 1
    times: int | None = 1
    probability: float = 1.0
    name: str = ""

    def __post_init__(self) -> None:
        if self.nth < 1:
            raise UsageError(f"fault: nth counts from 1, was {self.nth}")
        if self.times is not None and self.times < 1:
            raise UsageError(f"fault: times must be at least 1, or None for all, was {self.times}")
        if not 0 < self.probability <= 1:
            raise UsageError(f"fault: probability must be above 0 and at most 1, was {self.probability}")
        if self.path != "*" and not self.path.startswith("/"):
            raise UsageError(f"fault: path must begin with '/' or be '*', was {self.path!r}")
        if isinstance(self.action, EndAccept) and (self.method, self.path) != ("*", "*"):
            raise UsageError("fault: a connection has neither method nor path when it is accepted; leave both '*'")
        object.__setattr__(self, "method", self.method.upper())

    @classmethod
    def named(
        cls,
        name: str,
        method: str = "*",
        path: str = "*",
        *,
        value: float | None = None,
        nth: int = 1,
        times: int | None = 1,
        probability: float = 1.0,
    ) -> Fault:
        """Make a fault of the catalogue by its name or its code ("reset-after-execution", "F6").

        A code that several names share means the first of them. value is in the unit that the catalogue gives. Raises
        UsageError naming the nearest name.
        """
        point = _find_point(name)
        if value is not None and not point.value_name:
            raise UsageError(f"fault {point.name!r} takes no value")
        given = point.default if value is None else value
        if not math.isfinite(given):
            raise UsageError(f"fault {point.name!r}: {given} is no finite number")
        if point.value_name and given < point.smallest:
            raise UsageError(f"fault {point.name!r}: {point.value_name} must be at least {point.smallest:g}")
        return cls(point.make(given), method, path, nth, times, probability, point.name)

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Read "point[=value][:method[:path[:nth]]]"; nth "*" hits every matching request, nothing the first.

        Raises UsageError.
        """
        point, *rest = text.split(":")
        if len(rest) > 3:
            raise UsageError(f"fault {text!r}: expected point[=value][:method[:path[:nth]]]")
        method, path, nth = (*rest, *("*", "*", "1")[len(rest) :])
        name, has_value, value_text = point.partition("=")
        value: float | None = None
        if has_value:
            try:
                value = float(value_text)
            except ValueError:
                raise UsageError(f"fault {text!r}: {value_text!r} is no number") from None
        if nth != "*" and not nth.isdecimal():
            raise UsageError(f"fault {text!r}: nth must be a number from 1 or '*', was {nth!r}")
        if nth == "*":
            return cls.named(name, method or "*", path or "*", value=value, times=None)
        return cls.named(name, method or "*", path or "*", value=value, nth=int(nth))

    def matches(self, method: str, path: str) -> bool:
        """Say whether a request of this method and path is one that the fault counts."""
        if self.method not in ("*", method):
            return False
        return path.startswith(self.path[:-1]) if self.path.endswith("*") else path == self.path


@dataclass(frozen=True, slots=True)
class FaultHit:
    """A fault that happened: on which connection, to which request (both empty for one on accepting)."""

    fault: Fault
    connection: int
    method: str = ""
    path: str = ""


@dataclass(slots=True, eq=False)
class _Armed:
    fault: Fault
    draws: random.Random
    seen: int = 0
    hits: int = 0

    def would_hit(self) -> bool:
        self.seen += 1
        if self.seen < self.fault.nth:
            return False
        return self.fault.probability >= 1 or self.draws.random() < self.fault.probability

    @property
    def is_left(self) -> bool:
        return self.fault.times is None or self.hits < self.fault.times


@dataclass(slots=True)
class FaultPlan:
    """The faults in force. At most one hits a request: the first added of those that would.

    Each fault draws from a generator of its own, made from the seed and the fault's place in the order of adding, so
    that the same requests in the same order are hit whatever other faults there are. hits lists what happened, and
    grows until its owner empties it.
    """

    seed: int = 0
    hits: list[FaultHit] = field(default_factory=list)
    _armed: list[_Armed] = field(default_factory=list)
    _added: int = 0

    def add(self, *faults: Fault | str) -> None:
        """Put faults in force; a str is read as Fault.parse does. Raises UsageError and then adds none."""
        read = [Fault.parse(fault) if isinstance(fault, str) else fault for fault in faults]
        for fault in read:
            self._armed.append(_Armed(fault, random.Random(f"{self.seed}/{self._added}")))
            self._added += 1

    def clear(self) -> None:
        """Take every fault out of force; hits stays."""
        self._armed.clear()

    @property
    def armed(self) -> tuple[Fault, ...]:
        """Return the faults that can still hit something."""
        return tuple(armed.fault for armed in self._armed)

    def for_connection(self, connection: int) -> EndAccept | None:
        """Count an accepted connection and return the fault action that hits it."""
        accepting = [armed for armed in self._armed if isinstance(armed.fault.action, EndAccept)]
        hit = self._choose(accepting)
        if hit is None or not isinstance(hit.action, EndAccept):
            return None
        self.hits.append(FaultHit(hit, connection))
        return hit.action

    def for_request(
        self, connection: int, method: str, path: str, *, reused: bool = False, has_previous: bool = False
    ) -> Fault | None:
        """Count a request and return the fault that hits it.

        reused: it is not its connection's first. has_previous: an earlier reply to the same method and path is known.
        """
        if not self._armed:
            return None
        hit = self._choose(
            armed
            for armed in self._armed
            if armed.fault.matches(method, path) and _is_eligible(armed.fault.action, reused, has_previous)
        )
        if hit is not None:
            self.hits.append(FaultHit(hit, connection, method, path))
        return hit

    def _choose(self, candidates: Iterable[_Armed]) -> Fault | None:
        # Every candidate counts and draws, whichever is chosen; one that loses to an earlier fault hits the next time.
        ready = [armed for armed in candidates if armed.would_hit()]
        if not ready:
            return None
        chosen = ready[0]
        chosen.hits += 1
        if not chosen.is_left:
            self._armed.remove(chosen)
        return chosen.fault


def _is_eligible(action: Action, reused: bool, has_previous: bool) -> bool:
    match action:
        case EndAccept():
            return False
        case EndRequest(reused_only=True):
            return reused
        case SwapReply():
            return has_previous
        case _:
            return True


def _find_point(name: str) -> FaultPoint:
    if name in FAULT_POINTS:
        return FAULT_POINTS[name]
    for point in FAULT_POINTS.values():
        if point.code == name.upper():
            return point
    nearest = difflib.get_close_matches(name, FAULT_POINTS, n=1)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    raise UsageError(f"no fault named {name!r}{hint} Known: {', '.join(FAULT_POINTS)}")


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
    FaultPoint("outage", "F0", "the reply, then every connection closed and new ones refused", OutageAfterReply,
               "seconds", 0.5),
    FaultPoint("reset-mid-request", "F3", "RST as soon as the request line is in; not executed",
               lambda _: EndRequest(_RESET, whole=False)),
    FaultPoint("close-mid-request", "F4", "FIN as soon as the request line is in; not executed",
               lambda _: EndRequest(_FINISH, whole=False)),
    FaultPoint("reset-before-read", "F5", "RST when the whole request is in; not executed",
               lambda _: EndRequest(_RESET)),
    FaultPoint("drop-request", "F5", "no reply, connection left open; not executed", lambda _: EndRequest(_SILENCE)),
    FaultPoint("reset-after-execution", "F6", "RST instead of the reply; executed", lambda _: EndReply(_RESET)),
    FaultPoint("close-after-execution", "F6", "FIN instead of the reply; executed", lambda _: EndReply(_FINISH)),
    FaultPoint("silent-after-execution", "F6", "no reply, connection left open; executed",
               lambda _: EndReply(_SILENCE)),
    FaultPoint("reset-on-accept", "F7", "RST right after accepting the connection", lambda _: EndAccept(_RESET)),
    FaultPoint("silent-on-accept", "F7", "connection accepted, nothing more", lambda _: EndAccept(_SILENCE)),
    FaultPoint("close-on-accept", "F8", "FIN right after accepting the connection", lambda _: EndAccept(_FINISH)),
    FaultPoint("close-before-read", "F8", "FIN when the whole request is in; not executed",
               lambda _: EndRequest(_FINISH)),
    FaultPoint("gateway-error-executed", "F9", "HTML with a 5xx status; executed",
               lambda status: _gateway_error(status, True), "status", 502, 500),
    FaultPoint("gateway-error-refused", "F9", "HTML with a 5xx status; not executed",
               lambda status: _gateway_error(status, False), "status", 503, 500),
    FaultPoint("delay-reply", "F10", "executed at once, the reply much later", DelayReply, "seconds", 5.0),
    FaultPoint("cut-status-line", "F11", "half the status line, then FIN; executed",
               lambda _: EndReply(_FINISH, Cut.HALF_STATUS_LINE)),
    FaultPoint("status-line-only", "F11", "the status line, then FIN; executed",
               lambda _: EndReply(_FINISH, Cut.STATUS_LINE)),
    FaultPoint("cut-headers", "F11", "half the headers, then RST; executed",
               lambda _: EndReply(_RESET, Cut.HALF_HEADERS)),
    FaultPoint("cut-body", "F12", "half the body short of its Content-Length, then FIN; executed",
               lambda _: EndReply(_FINISH, Cut.HALF_BODY)),
    FaultPoint("reset-mid-body", "F12", "half the body, then RST; executed", lambda _: EndReply(_RESET, Cut.HALF_BODY)),
    FaultPoint("stall-mid-body", "F12", "half the body, then silence; executed",
               lambda _: EndReply(_SILENCE, Cut.HALF_BODY)),
    FaultPoint("cut-chunked", "F12", "a chunked body that ends inside a chunk; executed",
               lambda _: EncodeReply(Coding.CHUNKED, cut=True)),
    FaultPoint("cut-close-delimited", "F12", "half a body whose only end is the connection's; executed",
               lambda _: EncodeReply(Coding.CLOSE, cut=True)),
    FaultPoint("chunked", "F12", "the whole reply, chunked", lambda _: EncodeReply(Coding.CHUNKED)),
    FaultPoint("close-delimited", "F12", "the whole reply without a length, then FIN",
               lambda _: EncodeReply(Coding.CLOSE)),
    FaultPoint("duplicate-reply", "F13", "the reply twice", lambda _: DuplicateReply()),
    FaultPoint("stray-408", "F14", "the reply, then an unasked 408 and FIN while idle",
               lambda delay_s: AfterReply(delay_s, _REQUEST_TIMEOUT), "seconds", 0.05),
    FaultPoint("stray-bytes", "F14", "the reply, then bytes that are no HTTP while idle",
               lambda delay_s: AfterReply(delay_s, b"\x15\x03\x03\x00\x02unasked", None), "seconds", 0.05),
    FaultPoint("stale-keepalive", "F15", "FIN when a re-used connection gets its next request; not executed",
               lambda _: EndRequest(_FINISH, reused_only=True)),
    FaultPoint("close-idle", "F15", "the reply, then FIN while idle", AfterReply, "seconds", 0.05),
    FaultPoint("html-200", "F16", "HTML with status 200 instead of the reply; executed",
               lambda _: ReplaceReply(200, _HTML)),
    FaultPoint("other-reply", "F17", "the previous reply to the same method and path; executed",
               lambda _: SwapReply()),
    FaultPoint("gzip", "F18", "the body compressed, asked or not", lambda _: EncodeReply(Coding.GZIP)),
    FaultPoint("oversize", "F18", "the body followed by this many MiB of blanks",
               lambda size_mib: PadReply(int(size_mib * (1 << 20))), "MiB", 8.0),
    FaultPoint("drip", "F18", "the reply one byte at a time, this far apart", DripReply, "seconds", 0.05),
    FaultPoint("split", "F18", "the reply one byte at a time, at full speed", lambda _: DripReply(0.0)),
    FaultPoint("rate-limited", "F19", "429 with Retry-After; not executed",
               lambda seconds: _refusal(429, seconds), "seconds", 1.0),
    FaultPoint("banned", "F19", "418 with Retry-After; not executed",
               lambda seconds: _refusal(418, seconds), "seconds", 10.0),
    FaultPoint("deliver-late", "F20", "silence; executed this much later", DeliverLate, "seconds", 2.0),
    FaultPoint("deliver-late-reset", "F20", "RST at once; executed this much later",
               lambda delay_s: DeliverLate(delay_s, _RESET), "seconds", 2.0),
    FaultPoint("answer-late", "F20", "executed this much later, and then answered",
               lambda delay_s: DeliverLate(delay_s, None), "seconds", 2.0),
    FaultPoint("interim", "F21", "a 1xx reply before the real one", lambda status: InterimReply(int(status)),
               "status", 103, 100),
    FaultPoint("clock-jump", "F22", "the exchange's clock shifted before the request is executed",
               lambda shift_ms: ClockJump(int(shift_ms)), "ms", 5_000, float("-inf")),
)
FAULT_POINTS: Mapping[str, FaultPoint] = MappingProxyType({point.name: point for point in _POINTS})
