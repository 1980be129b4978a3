"""The local rate budget: requests wait here rather than be refused by the exchange."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Iterable, Mapping

from spotlane.errors import BudgetExhausted
from spotlane.spec import Bucket, Verb
from spotlane.transport.clock import Clock, Timer

_BURST_SHARE = 5
_CANCEL, _OTHER = 0, 1
# Sums of floats miss their moment by less than this.
_TOLERANCE_S = 1e-6


class Budget:
    """Room in every rate limit of an exchange, given out first come first served, cancels first.

    Each bucket is a GCRA sized so that burst + rate x window <= limit: no window of that length, wherever it starts,
    holds more than the limit. The burst is the bucket's own or a fifth of the limit; `reserve` of it is for cancels.
    enforce=False admits everything at once.
    """

    def __init__(self, buckets: Iterable[Bucket], *, clock: Clock, enforce: bool = True) -> None:
        self._clock = clock
        self._enforce = enforce
        self._buckets = {bucket.name: bucket for bucket in buckets}
        self._gates = {(bucket.name, "", ""): _Gate(bucket) for bucket in self._buckets.values()}
        self._order = itertools.count()

    def try_take(
        self, costs: Mapping[str, int], *, verb: Verb = Verb.READ, endpoint: str = "", symbol: str = ""
    ) -> bool:
        """Take costs (bucket name to units) now and return True, or take nothing and return False.

        endpoint and symbol say whose room it is in buckets that are counted apart for each. Raises ValueError for a
        bucket that does not exist or a cost above its limit.
        """
        if not self._enforce or not costs:
            return True
        rank = _CANCEL if verb is Verb.CANCEL else _OTHER
        now_s = self._clock.monotonic()
        shares = self._shares(costs, endpoint, symbol)
        for gate, cost in shares:
            if gate.has_waiters(rank) or gate.ready_s(cost, rank) > now_s + _TOLERANCE_S:
                return False
        for gate, cost in shares:
            gate.take(cost, now_s)
        return True

    async def take(
        self,
        costs: Mapping[str, int],
        *,
        verb: Verb = Verb.READ,
        endpoint: str = "",
        symbol: str = "",
        deadline: float,
    ) -> None:
        """Take costs, waiting for room until deadline (monotonic seconds) at the longest.

        Raises BudgetExhausted at once where there will be no room by then, else at the deadline; nothing is taken.
        """
        if self.try_take(costs, verb=verb, endpoint=endpoint, symbol=symbol):
            return
        rank = _CANCEL if verb is Verb.CANCEL else _OTHER
        shares = self._shares(costs, endpoint, symbol)
        now_s = self._clock.monotonic()
        ready_s = max(gate.expected_s(cost, rank, now_s) for gate, cost in shares)
        if ready_s > deadline:
            raise _exhausted(shares, ready_s - now_s)
        waiter = _Waiter(rank, next(self._order), shares)
        waiter.enter()
        self._queue(waiter)
        timer = self._clock.call_later(deadline - now_s, lambda: waiter.settle(False))
        try:
            admitted = await waiter.admitted
        finally:
            timer.cancel()
            waiter.leave()
            self._arm(waiter.gate)
        if not admitted:
            now_s = self._clock.monotonic()
            raise _exhausted(shares, max(gate.expected_s(cost, rank, now_s) for gate, cost in shares) - now_s)

    def note_retry_after(
        self, seconds: float | None, bucket: str | None = None, *, endpoint: str = "", symbol: str = ""
    ) -> None:
        """Admit nothing for this many seconds, cancels included, in one bucket or in all.

        endpoint and symbol say whose, of a bucket that is counted apart for each. None stands for a refusal that named
        no time: one window of the bucket then, after which the limit is free again whatever was counted. Raises
        ValueError for a bucket that does not exist.
        """
        refused = list(self._gates.values())
        if bucket is not None:
            refused = [gate for gate, _ in self._shares({bucket: 0}, endpoint, symbol)]
        for gate in refused:
            wait_s = gate.window_s if seconds is None else seconds
            gate.blocked_until_s = max(gate.blocked_until_s, self._clock.monotonic() + wait_s)
            self._arm(gate)

    def _shares(self, costs: Mapping[str, int], endpoint: str, symbol: str) -> list[tuple[_Gate, int]]:
        shares = []
        for name, cost in costs.items():
            bucket = self._buckets.get(name)
            if bucket is None:
                raise ValueError(f"no rate bucket is named {name!r}: there are {', '.join(self._buckets) or 'none'}")
            if cost > bucket.limit:
                raise ValueError(f"a cost of {cost} is above the limit of bucket {name!r}, {bucket.limit}")
            key = (name, endpoint if bucket.per_endpoint else "", symbol if bucket.per_symbol else "")
            gate = self._gates.get(key)
            if gate is None:
                gate = self._gates[key] = _Gate(bucket)
            shares.append((gate, cost))
        return shares

    def _queue(self, waiter: _Waiter) -> None:
        """Let a waiter wait at the bucket that will be ready last."""
        waiter.gate, waiter.cost = max(waiter.shares, key=lambda share: share[0].ready_s(share[1], waiter.rank))
        heapq.heappush(waiter.gate.queue, (waiter.rank, waiter.number, waiter))
        if waiter.gate.first() is waiter:
            self._arm(waiter.gate)

    def _arm(self, gate: _Gate) -> None:
        """Set the gate's one timer for the first in its queue."""
        if gate.timer is not None:
            gate.timer.cancel()
            gate.timer = None
        first = gate.first()
        if first is not None:
            delay_s = gate.ready_s(first.cost, first.rank) - self._clock.monotonic()
            gate.timer = self._clock.call_later(max(0.0, delay_s), lambda: self._serve(gate))

    def _serve(self, gate: _Gate) -> None:
        """Admit the first of a queue, as many as have room; send on whoever has to wait elsewhere."""
        gate.timer = None
        now_s = self._clock.monotonic()
        soon_s = now_s + _TOLERANCE_S
        while (first := gate.first()) is not None and gate.ready_s(first.cost, first.rank) <= soon_s:
            heapq.heappop(gate.queue)
            if all(other.ready_s(cost, first.rank) <= soon_s for other, cost in first.shares):
                for other, cost in first.shares:
                    other.take(cost, now_s)
                first.settle(True)
            else:
                self._queue(first)
        self._arm(gate)


class _Gate:
    """One bucket's state. full_s is the moment at which everything taken so far will have flowed back."""

    def __init__(self, bucket: Bucket) -> None:
        if bucket.limit < 1 or bucket.window_ms < 1 or not 0 <= bucket.reserve < bucket.limit:
            raise ValueError(f"a bucket needs a limit and window above 0 and a reserve below the limit: {bucket}")
        if bucket.burst is not None and not bucket.reserve < bucket.burst <= bucket.limit:
            raise ValueError(f"a bucket needs a burst above its reserve and within its limit: {bucket}")
        burst = max(bucket.burst or bucket.limit // _BURST_SHARE, bucket.reserve + 1)
        self.name = bucket.name
        self.limit = bucket.limit
        self.window_s = bucket.window_ms / 1_000
        self.unit_s = self.window_s / max(1, bucket.limit - burst)
        self.room_s = ((burst * self.unit_s), ((burst - bucket.reserve) * self.unit_s))
        self.full_s = float("-inf")
        self.blocked_until_s = float("-inf")
        self.queue: list[tuple[int, int, _Waiter]] = []
        self.waiting = [0, 0]
        self.waiting_cost = [0, 0]
        self.timer: Timer | None = None

    def ready_s(self, cost: int, rank: int) -> float:
        # Not clamped to the present: a cost above the burst has room only after that much more of idle time.
        return max(self.full_s + cost * self.unit_s - self.room_s[rank], self.blocked_until_s)

    def expected_s(self, cost: int, rank: int, now_s: float) -> float:
        """Return when a newcomer of this rank can expect its turn, after all who stand before it."""
        ahead = sum(self.waiting_cost[: rank + 1])
        full_s = max(self.full_s, now_s) if ahead else self.full_s
        return max(full_s + (ahead + cost) * self.unit_s - self.room_s[rank], self.blocked_until_s)

    def take(self, cost: int, now_s: float) -> None:
        self.full_s = max(self.full_s, now_s) + cost * self.unit_s

    def has_waiters(self, rank: int) -> bool:
        return any(self.waiting[: rank + 1])

    def first(self) -> _Waiter | None:
        while self.queue and self.queue[0][2].admitted.done():
            heapq.heappop(self.queue)
        return self.queue[0][2] if self.queue else None


class _Waiter:
    __slots__ = ("admitted", "cost", "gate", "is_waiting", "number", "rank", "shares")

    def __init__(self, rank: int, number: int, shares: list[tuple[_Gate, int]]) -> None:
        self.rank = rank
        self.number = number
        self.shares = shares
        self.gate, self.cost = shares[0]
        self.admitted: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.is_waiting = False

    def enter(self) -> None:
        self.is_waiting = True
        for gate, cost in self.shares:
            gate.waiting[self.rank] += 1
            gate.waiting_cost[self.rank] += cost

    def leave(self) -> None:
        if self.is_waiting:
            self.is_waiting = False
            for gate, cost in self.shares:
                gate.waiting[self.rank] -= 1
                gate.waiting_cost[self.rank] -= cost

    def settle(self, admitted: bool) -> None:
        if not self.admitted.done():
            self.leave()
            self.admitted.set_result(admitted)


def _exhausted(shares: list[tuple[_Gate, int]], wait_s: float) -> BudgetExhausted:
    names = ", ".join(f"{cost} of {gate.name} ({gate.limit} in {gate.window_s:g} s)" for gate, cost in shares)
    wait_s = max(0.0, wait_s)
    return BudgetExhausted(
        f"the rate budget has no room for {names} before the deadline: there is in {wait_s:.3f} s", retry_after_s=wait_s
    )
