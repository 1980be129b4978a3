"""The local rate budget: requests wait here rather than be refused by the exchange."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Iterable
from typing import NamedTuple

from spotlane._core.guards import Claim, Gate
from spotlane.errors import BudgetExhausted
from spotlane.spec import Bucket, Endpoint, Verb
from spotlane.transport.clock import Clock, Timer

_BURST_SHARE = 5
_CANCEL, _OTHER = 0, 1


class Budget:
    """Room in every rate limit of an exchange, given out first come first served, cancels first.

    Each bucket is a GCRA sized so that burst + rate x window <= limit: no window of that length, wherever it starts,
    holds more than the limit. The burst is the bucket's own or a fifth of the limit; `reserve` of it is for cancels.
    enforce=False admits everything at once.
    """

    def __init__(self, buckets: Iterable[Bucket], *, clock: Clock, enforce: bool = True) -> None:
        self._clock = clock
        self._monotonic = clock.monotonic
        self._enforce = enforce
        self._buckets = {bucket.name: bucket for bucket in buckets}
        self._lines = {(bucket.name, "", ""): _Line(bucket) for bucket in self._buckets.values()}
        # By endpoint and symbol, so never more than the exchange has of both.
        self._tolls: dict[tuple[str, str], _Toll] = {}
        self._order = itertools.count()

    def try_take(self, endpoint: Endpoint, symbol: str = "") -> bool:
        """Take what a request costs now and return True, or take nothing and return False.

        symbol is whose room it takes in buckets that are counted apart for each. Raises ValueError for a bucket that
        does not exist or a cost above its limit.
        """
        if not self._enforce:
            return True
        toll = self._tolls.get((endpoint.name, symbol))
        if toll is None or toll.endpoint is not endpoint:
            toll = self._toll(endpoint, symbol)
        return toll.claim.try_take(self._monotonic())

    async def take(self, endpoint: Endpoint, symbol: str = "", *, deadline: float) -> None:
        """Take what a request costs, waiting for room until deadline (monotonic seconds) at the longest.

        Raises BudgetExhausted at once where there will be no room by then, else at the deadline; nothing is taken.
        """
        if self.try_take(endpoint, symbol):
            return
        toll = self._toll(endpoint, symbol)
        now_s = self._monotonic()
        ready_s = toll.expected_s(now_s)
        if ready_s > deadline:
            raise _exhausted(toll, ready_s - now_s)
        waiter = _Waiter(toll, next(self._order))
        waiter.enter()
        self._queue(waiter)
        timer = self._clock.call_later(deadline - now_s, lambda: waiter.settle(False))
        try:
            admitted = await waiter.admitted
        finally:
            timer.cancel()
            waiter.leave()
            self._arm(waiter.line)
        if not admitted:
            now_s = self._monotonic()
            raise _exhausted(toll, toll.expected_s(now_s) - now_s)

    def note_retry_after(
        self, seconds: float | None, bucket: str | None = None, *, endpoint: Endpoint | None = None, symbol: str = ""
    ) -> None:
        """Admit nothing for this many seconds, cancels included, in one bucket or in all.

        endpoint and symbol say whose, of a bucket that is counted apart for each. None stands for a refusal that named
        no time: one window of the bucket then, after which the limit is free again whatever was counted. Raises
        ValueError for a bucket that does not exist.
        """
        refused = list(self._lines.values())
        if bucket is not None:
            refused = [self._line(bucket, "" if endpoint is None else endpoint.name, symbol)]
        for line in refused:
            line.gate.block(self._monotonic() + (line.window_s if seconds is None else seconds))
            self._arm(line)

    def _toll(self, endpoint: Endpoint, symbol: str) -> _Toll:
        """Return what a request takes, prepared once: costs are part of an endpoint and don't change."""
        key = (endpoint.name, symbol)
        toll = self._tolls.get(key)
        if toll is None or toll.endpoint is not endpoint:
            if symbol and not any(self._bucket(name).per_symbol for name in endpoint.costs):
                toll = self._toll(endpoint, "")
            else:
                rank = _CANCEL if endpoint.verb is Verb.CANCEL else _OTHER
                shares = [
                    (self._line(name, endpoint.name, symbol, cost), cost) for name, cost in endpoint.costs.items()
                ]
                toll = _Toll(endpoint, Claim([(line.gate, cost) for line, cost in shares], rank), rank, shares)
            self._tolls[key] = toll
        return toll

    def _line(self, name: str, endpoint: str, symbol: str, cost: int = 0) -> _Line:
        bucket = self._bucket(name)
        if cost > bucket.limit:
            raise ValueError(f"a cost of {cost} is above the limit of bucket {name!r}, {bucket.limit}")
        key = (name, endpoint if bucket.per_endpoint else "", symbol if bucket.per_symbol else "")
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = _Line(bucket)
        return line

    def _bucket(self, name: str) -> Bucket:
        bucket = self._buckets.get(name)
        if bucket is None:
            raise ValueError(f"no rate bucket is named {name!r}: there are {', '.join(self._buckets) or 'none'}")
        return bucket

    def _queue(self, waiter: _Waiter) -> None:
        """Let a waiter wait at the bucket that will be ready last."""
        rank = waiter.toll.rank
        waiter.line, waiter.cost = max(waiter.toll.shares, key=lambda share: share[0].gate.ready_s(share[1], rank))
        heapq.heappush(waiter.line.queue, (rank, waiter.number, waiter))
        if waiter.line.first() is waiter:
            self._arm(waiter.line)

    def _arm(self, line: _Line) -> None:
        """Set the line's one timer for the first in it."""
        if line.timer is not None:
            line.timer.cancel()
            line.timer = None
        first = line.first()
        if first is not None:
            delay_s = line.gate.ready_s(first.cost, first.toll.rank) - self._monotonic()
            line.timer = self._clock.call_later(max(0.0, delay_s), lambda: self._serve(line))

    def _serve(self, line: _Line) -> None:
        """Admit the first of a line, as many as have room; send on whoever has to wait elsewhere."""
        line.timer = None
        now_s = self._monotonic()
        while (first := line.first()) is not None and line.gate.is_ready(first.cost, first.toll.rank, now_s):
            heapq.heappop(line.queue)
            if first.toll.claim.try_take(now_s, in_turn=True):
                first.settle(True)
            else:
                self._queue(first)
        self._arm(line)


class _Toll(NamedTuple):
    """What one kind of request takes, and of which buckets."""

    endpoint: Endpoint
    claim: Claim
    rank: int
    shares: list[tuple[_Line, int]]

    def expected_s(self, now_s: float) -> float:
        return max(line.gate.expected_s(cost, self.rank, now_s) for line, cost in self.shares)


class _Line:
    """One bucket's gate, and those who stand before it."""

    def __init__(self, bucket: Bucket) -> None:
        if bucket.limit < 1 or bucket.window_ms < 1 or not 0 <= bucket.reserve < bucket.limit:
            raise ValueError(f"a bucket needs a limit and window above 0 and a reserve below the limit: {bucket}")
        if bucket.burst is not None and not bucket.reserve < bucket.burst <= bucket.limit:
            raise ValueError(f"a bucket needs a burst above its reserve and within its limit: {bucket}")
        burst = max(bucket.burst or bucket.limit // _BURST_SHARE, bucket.reserve + 1)
        self.name = bucket.name
        self.limit = bucket.limit
        self.window_s = bucket.window_ms / 1_000
        unit_s = self.window_s / max(1, bucket.limit - burst)
        self.gate = Gate(unit_s=unit_s, burst=burst, reserve=bucket.reserve)
        self.queue: list[tuple[int, int, _Waiter]] = []
        self.timer: Timer | None = None

    def first(self) -> _Waiter | None:
        while self.queue and self.queue[0][2].admitted.done():
            heapq.heappop(self.queue)
        return self.queue[0][2] if self.queue else None


class _Waiter:
    __slots__ = ("admitted", "cost", "is_waiting", "line", "number", "toll")

    def __init__(self, toll: _Toll, number: int) -> None:
        self.toll = toll
        self.number = number
        self.line, self.cost = toll.shares[0]
        self.admitted: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.is_waiting = False

    def enter(self) -> None:
        self.is_waiting = True
        for line, cost in self.toll.shares:
            line.gate.enter(cost, self.toll.rank)

    def leave(self) -> None:
        if self.is_waiting:
            self.is_waiting = False
            for line, cost in self.toll.shares:
                line.gate.leave(cost, self.toll.rank)

    def settle(self, admitted: bool) -> None:
        if not self.admitted.done():
            self.leave()
            self.admitted.set_result(admitted)


def _exhausted(toll: _Toll, wait_s: float) -> BudgetExhausted:
    names = ", ".join(f"{cost} of {line.name} ({line.limit} in {line.window_s:g} s)" for line, cost in toll.shares)
    wait_s = max(0.0, wait_s)
    return BudgetExhausted(
        f"the rate budget has no room for {names} before the deadline: there is in {wait_s:.3f} s", retry_after_s=wait_s
    )
