"""Which requests a fault hits, and when: descriptions, and the plan that is in force."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from spotlane.errors import UsageError
from spotlane.sandbox.actions import AcceptAction, Action, DelayAccept, EndAccept, EndRequest, SwapReply
from spotlane.sandbox.fault_points import find_point

# Actions that don't suit every request.
_CHOOSY = (EndAccept, DelayAccept, EndRequest, SwapReply)
# Paths may hold ids: those that were matched against the faults are not remembered for ever.
_MATCHINGS = 256
_PERCENTAGE = re.compile(r"[0-9]{1,3}(\.[0-9]{1,6})?%", re.ASCII)


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
        if isinstance(self.action, AcceptAction) and (self.method, self.path) != ("*", "*"):
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
        """Make a fault of the catalogue by its name or its code ("reset-after-execution", "F7").

        A code that several names share means the first of them. value is in the unit that the catalogue gives. Raises
        UsageError naming the nearest name.
        """
        point = find_point(name)
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
        """Read "point[=value][:method[:path[:nth]]]".

        nth "*" hits every matching request, "10%" each with that probability, nothing the first. Raises UsageError.
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
        method, path = method or "*", path or "*"
        if nth == "*":
            return cls.named(name, method, path, value=value, times=None)
        if _PERCENTAGE.fullmatch(nth):
            return cls.named(name, method, path, value=value, times=None, probability=float(nth[:-1]) / 100)
        if not nth.isdecimal():
            raise UsageError(f"fault {text!r}: nth must be a number from 1, '*' or a percentage, was {nth!r}")
        return cls.named(name, method, path, value=value, nth=int(nth))

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
    is_choosy: bool = field(init=False)

    def __post_init__(self) -> None:
        self.is_choosy = isinstance(self.fault.action, _CHOOSY)

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
    _rules: dict[str, tuple[Fault, ...]] = field(default_factory=dict)
    _added: int = 0
    _matching: dict[tuple[str, str], list[_Armed]] = field(default_factory=dict)

    def add(self, *faults: Fault | str) -> None:
        """Put faults in force; a str is read as Fault.parse does. Raises UsageError and then adds none."""
        read = [Fault.parse(fault) if isinstance(fault, str) else fault for fault in faults]
        for fault in read:
            self._armed.append(_Armed(fault, random.Random(f"{self.seed}/{self._added}")))
            self._added += 1
        self._matching.clear()

    def clear(self) -> None:
        """Take every fault out of force; hits stays."""
        self._armed.clear()
        self._matching.clear()

    def rule(self, name: str, *faults: Fault) -> None:
        """Let faults hit everything that they match, before any other is asked and without counting; none ends that."""
        self._rules.pop(name, None)
        if faults:
            self._rules[name] = faults

    @property
    def armed(self) -> tuple[Fault, ...]:
        """Return the faults that can still hit something."""
        return tuple(armed.fault for armed in self._armed)

    def for_connection(self, connection: int) -> AcceptAction | None:
        """Count an accepted connection and return the fault action that hits it."""
        for ruling in (fault for rules in self._rules.values() for fault in rules):
            if isinstance(ruling.action, AcceptAction):
                self.hits.append(FaultHit(ruling, connection))
                return ruling.action
        accepting = [armed for armed in self._armed if isinstance(armed.fault.action, AcceptAction)]
        hit = self._choose(accepting)
        if hit is None or not isinstance(hit.action, AcceptAction):
            return None
        self.hits.append(FaultHit(hit, connection))
        return hit.action

    def for_request(
        self,
        connection: int,
        method: str,
        path: str,
        *,
        reused: bool = False,
        has_previous: bool = False,
        has_refusal: bool = False,
    ) -> Fault | None:
        """Count a request and return the fault that hits it.

        reused: it is not its connection's first. has_previous, has_refusal: an earlier reply to the same method and
        path is known that told success, or did not.
        """
        known = (reused, has_previous, has_refusal)
        for ruling in (fault for rules in self._rules.values() for fault in rules):
            if ruling.matches(method, path) and _is_eligible(ruling.action, *known):
                self.hits.append(FaultHit(ruling, connection, method, path))
                return ruling
        if not self._armed:
            return None
        hit = self._choose(
            armed
            for armed in self._matching_of(method, path)
            if not armed.is_choosy or _is_eligible(armed.fault.action, *known)
        )
        if hit is not None:
            self.hits.append(FaultHit(hit, connection, method, path))
        return hit

    def _matching_of(self, method: str, path: str) -> list[_Armed]:
        found = self._matching.get((method, path))
        if found is None:
            if len(self._matching) >= _MATCHINGS:
                self._matching.clear()
            found = self._matching[method, path] = [armed for armed in self._armed if armed.fault.matches(method, path)]
        return found

    def _choose(self, candidates: Iterable[_Armed]) -> Fault | None:
        # Every candidate counts and draws, whichever is chosen; one that loses to an earlier fault hits the next time.
        ready = [armed for armed in candidates if armed.would_hit()]
        if not ready:
            return None
        chosen = ready[0]
        chosen.hits += 1
        if not chosen.is_left:
            self._armed.remove(chosen)
            self._matching.clear()
        return chosen.fault


def _is_eligible(action: Action, reused: bool, has_previous: bool, has_refusal: bool) -> bool:
    match action:
        case EndAccept() | DelayAccept():
            return False
        case EndRequest(reused_only=True):
            return reused
        case SwapReply(refusals=refusals):
            return has_refusal if refusals else has_previous
        case _:
            return True
