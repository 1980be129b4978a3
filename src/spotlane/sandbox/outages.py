"""Troubles of the whole exchange, each with a beginning and an end: what a bot meets on a bad day."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

from spotlane.errors import UsageError
from spotlane.sandbox.actions import EndAccept, Ending, EndRequest, ReplaceReply, SwapReply
from spotlane.sandbox.faults import Fault, FaultPlan
from spotlane.sandbox.memory_network import MemoryNetwork
from spotlane.sandbox.server import ExchangeServer

__all__ = ["OUTAGES", "OutageKind", "Outages"]

_PAGE = b"<html><body><h1>Service unavailable</h1></body></html>\n"


@dataclass(frozen=True, slots=True)
class OutageKind:
    """A kind of outage: its name, what happens, and its value's meaning and default."""

    name: str
    summary: str
    value_name: str = ""
    default: float = 0.0


OUTAGES = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            OutageKind("dns", "no name is resolved; in virtual time only"),
            OutageKind("refused", "every connection is closed, new ones are refused"),
            OutageKind("reset", "every connection is reset, new ones too as soon as they are accepted"),
            OutageKind("black-hole", "nothing is read or answered; what was sent meanwhile is executed at the end"),
            OutageKind(
                "unavailable", "every request gets this status and an HTML page; none is executed", "status", 503
            ),
            OutageKind("banned", "every request gets 418 with Retry-After; none is executed", "seconds", 10),
            OutageKind("slow", "every request waits this long before it is executed", "seconds", 1),
            OutageKind("flapping", "refused and back again, this long each", "seconds", 0.25),
            OutageKind("half-open", "the connections that are open fall silent for ever, new ones work"),
            OutageKind("desynchronised", "every reply is the previous success of the same method and path"),
            OutageKind("clock-step", "the exchange's clock is this far off", "ms", 5_000),
        )
    }
)


class Outages:
    """The outages of one sandbox; several may be under way at a time."""

    def __init__(self, server: ExchangeServer, faults: FaultPlan, network: MemoryNetwork | None) -> None:
        self._server = server
        self._faults = faults
        self._network = network
        self._endings: dict[str, Callable[[], object]] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}

    @property
    def active(self) -> tuple[str, ...]:
        """The names of the outages under way, in the order in which they began."""
        return tuple(self._endings)

    def begin(self, name: str, *, value: float | None = None, duration_s: float | None = None) -> None:
        """Begin an outage of OUTAGES; it ends after duration_s, or with end().

        value is in the unit that OUTAGES gives. Raises UsageError for an unknown name, one that is under way, a value
        that means nothing, and for "dns" outside virtual time.
        """
        kind = _find(name)
        if name in self._endings:
            raise UsageError(f"the outage {name!r} is under way already")
        if value is not None and not kind.value_name:
            raise UsageError(f"the outage {name!r} takes no value")
        begin: Callable[[float], Callable[[], object]] = getattr(self, "_" + name.replace("-", "_"))
        self._endings[name] = begin(kind.default if value is None else value)
        if duration_s is not None:
            self._timers[name] = asyncio.get_running_loop().call_later(duration_s, self.end, name)

    def end(self, name: str | None = None) -> None:
        """End an outage, or all of them. Raises UsageError for an unknown name; does nothing for one that is over."""
        if name is not None:
            _find(name)
        for ending in self.active if name is None else (name,):
            timer = self._timers.pop(ending, None)
            if timer is not None:
                timer.cancel()
            finish = self._endings.pop(ending, None)
            if finish is not None:
                finish()

    def _dns(self, value: float) -> Callable[[], object]:
        network = self._network
        if network is None:
            raise UsageError("the outage 'dns' needs run_virtual(): over TCP the client asks the machine's resolver")
        network.is_dns_down = True
        return lambda: setattr(network, "is_dns_down", False)

    def _refused(self, value: float) -> Callable[[], object]:
        self._server.take_down()
        return self._server.listen

    def _reset(self, value: float) -> Callable[[], object]:
        for connection in tuple(self._server.connections):
            connection.end(Ending.RESET)
        self._faults.rule("reset", Fault(EndAccept(Ending.RESET)), Fault(EndRequest(Ending.RESET)))
        return lambda: self._faults.rule("reset")

    def _black_hole(self, value: float) -> Callable[[], object]:
        self._server.freeze()
        return self._server.thaw

    def _unavailable(self, value: float) -> Callable[[], object]:
        self._faults.rule("unavailable", Fault(ReplaceReply(int(value), _PAGE, executed=False), name="unavailable"))
        return lambda: self._faults.rule("unavailable")

    def _banned(self, value: float) -> Callable[[], object]:
        refusal = ReplaceReply(
            418, b'{"code":418,"msg":"banned"}', "application/json", (("Retry-After", f"{value:g}"),), executed=False
        )
        self._faults.rule("banned", Fault(refusal, name="banned"))
        return lambda: self._faults.rule("banned")

    def _slow(self, value: float) -> Callable[[], object]:
        before_s, self._server.latency_s = self._server.latency_s, value
        return lambda: setattr(self._server, "latency_s", before_s)

    def _flapping(self, value: float) -> Callable[[], object]:
        loop = asyncio.get_running_loop()
        timer: list[asyncio.TimerHandle] = []

        def turn() -> None:
            if self._server.is_listening:
                self._server.take_down()
            else:
                self._server.listen()
            timer[:] = [loop.call_later(value, turn)]

        def finish() -> None:
            timer[0].cancel()
            self._server.listen()

        turn()
        return finish

    def _half_open(self, value: float) -> Callable[[], object]:
        for connection in tuple(self._server.connections):
            connection.end(Ending.SILENCE)
        return lambda: None

    def _desynchronised(self, value: float) -> Callable[[], object]:
        self._faults.rule("desynchronised", Fault(SwapReply(), name="desynchronised"))
        return lambda: self._faults.rule("desynchronised")

    def _clock_step(self, value: float) -> Callable[[], object]:
        self._server.shift_clock(int(value))
        return lambda: self._server.shift_clock(-int(value))


def _find(name: str) -> OutageKind:
    kind = OUTAGES.get(name)
    if kind is None:
        nearest = difflib.get_close_matches(name, OUTAGES, n=1)
        hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
        raise UsageError(f"no outage is called {name!r}{hint} There are {', '.join(OUTAGES)}")
    return kind
