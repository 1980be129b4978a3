"""The local rate budget: requests wait here rather than be refused by the exchange."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Iterable

from spotlane._core.guards import Claim, Gate, Meter, Slots, Till, Toll
from spotlane.errors import BudgetExhausted
from spotlane.spec import Bucket, Endpoint
from spotlane.transport.clock import Clock, Timer
from spotlane.transport.request import Reply
from spotlane.transport.shared_budget import Layout, SharedFile
from spotlane.transport.status import BudgetStatus, LimitStatus
from spotlane.transport.urgency import CHANGES, rank_of

_BURST_SHARE = 5


class Budget(Till):
    """Room in every rate limit of an exchange, given out by rank and then first come first served.

    The ranks are those of spotlane.transport.urgency. Each bucket is a GCRA sized so that burst + rate x window <=
    limit: no window of that length, wherever it starts, holds more than the limit, even where the bucket's jitter_ms
    shortens it. The burst is the bucket's own or a fifth of the limit; `reserve` of it is for the first two ranks.
    shared: the memory in which other processes take from the same buckets; without it this budget is alone, and
    alone_because says why for status(). enforce=False admits everything at once.
    """

    def __init__(
        self,
        buckets: Iterable[Bucket],
        *,
        clock: Clock,
        enforce: bool = True,
        shared: SharedFile | None = None,
        alone_because: str = "",
    ) -> None:
        super().__init__(clock.monotonic, enforce)
        self._clock = clock
        self._buckets = {bucket.name: bucket for bucket in buckets}
        self._layout = Layout(tuple(self._buckets.values()))
        self._shared = shared
        self._alone_because = alone_because
        self._everything = shared.slots if shared is not None else Slots(1)
        self._lines: dict[tuple[str, str, str], _Line] = {}
        for name in self._buckets:
            self._line(name, "", "")
        self._order = itertools.count()
        self.reads_headers = enforce and any(
            bucket.used_header or bucket.left_header for bucket in self._buckets.values()
        )

    async def take(self, endpoint: Endpoint, symbol: str = "", is_look_up: bool = False, *, deadline: float) -> None:
        """Take what a request costs, waiting for room until deadline (monotonic seconds) at the longest.

        Raises BudgetExhausted at once where there will be no room by then, else at the deadline; nothing is taken.
        """
        if self.try_take(endpoint, symbol, is_look_up):
            return
        toll = self._toll(endpoint, symbol, is_look_up)
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
        now_s = self._monotonic()
        if bucket is not None:
            refused = [self._line(bucket, "" if endpoint is None else endpoint.name, symbol)]
        else:
            refused = list(self._lines.values())
            if seconds is not None:
                self._everything.block(now_s + seconds)
        for line in refused:
            line.gate.block(now_s + (line.window_s if seconds is None else seconds))
            self._arm(line)

    def note_usage(self, endpoint: Endpoint, symbol: str, reply: Reply, exchange_ms: int) -> None:
        """Take over what the headers of a reply tell of the limits that its request took from.

        exchange_ms is the exchange's time when the reply was whole. Where more was used than is counted here, by other
        programs on the key, there is less room from then on; never is there more. What a reply tells whose Date is of
        an earlier window is not believed.
        """
        toll = self._tolls.get((endpoint.name, symbol)) or self._toll(endpoint, symbol)
        earliest_ms = exchange_ms - int((reply.received_s - reply.written_s) * 1_000) - 1
        for meter in toll.meters:
            meter.read(reply.fields, reply.received_s, earliest_ms, exchange_ms)

    def status(self) -> BudgetStatus:
        """Return how much room there is in each limit now. Sends nothing."""
        now_s = self._monotonic()
        return BudgetStatus(
            is_enforced=self._enforce,
            is_shared=self._shared is not None,
            alone_because=self._alone_because,
            limits={
                ":".join(filter(None, key)): LimitStatus(
                    free=line.gate.free_units(CHANGES, now_s),
                    waiting=line.gate.waiters,
                    blocked_s=max(0.0, line.gate.blocked_until_s() - now_s),
                )
                for key, line in self._lines.items()
            },
        )

    def _toll(self, endpoint: Endpoint, symbol: str, is_look_up: bool = False) -> _Toll:
        """Return what a request takes, prepared once: costs are part of an endpoint and don't change."""
        tolls = self._look_ups if is_look_up else self._tolls
        key = (endpoint.name, symbol)
        toll = tolls.get(key)
        if toll is None or toll.endpoint is not endpoint:
            if symbol and not any(self._bucket(name).per_symbol for name in endpoint.costs):
                toll = self._toll(endpoint, "", is_look_up)
            else:
                rank = rank_of(endpoint.verb, is_look_up=is_look_up)
                shares = [
                    (self._line(name, endpoint.name, symbol, cost), cost) for name, cost in endpoint.costs.items()
                ]
                toll = _Toll(endpoint, rank, shares)
            tolls[key] = toll
        return toll

    def _line(self, name: str, endpoint: str, symbol: str, cost: int = 0) -> _Line:
        bucket = self._bucket(name)
        if cost > bucket.limit:
            raise ValueError(f"a cost of {cost} is above the limit of bucket {name!r}, {bucket.limit}")
        endpoint, symbol = endpoint if bucket.per_endpoint else "", symbol if bucket.per_symbol else ""
        line = self._lines.get((name, endpoint, symbol))
        if line is None:
            slots, index = Slots(1), 0
            if self._shared is not None:
                slots, index = self._shared.slots, self._layout.index(bucket, endpoint, symbol)
            line = _Line(bucket, slots, index, self._everything)
            self._lines[name, endpoint, symbol] = line
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


def thirds(buckets: Iterable[Bucket]) -> list[Bucket]:
    """Return buckets of a third of the size: look-ups of many outcomes leave the rest to everything else."""
    return [
        bucket._replace(
            limit=max(1, bucket.limit // 3),
            burst=max(1, (bucket.burst or bucket.limit // _BURST_SHARE) // 3),
            reserve=0,
            used_header="",
            left_header="",
        )
        for bucket in buckets
    ]


class _Toll(Toll):
    """What one kind of request takes, and of which buckets."""

    def __init__(self, endpoint: Endpoint, rank: int, shares: list[tuple[_Line, int]]) -> None:
        super().__init__(endpoint, Claim([(line.gate, cost) for line, cost in shares], rank))
        self.rank = rank
        self.shares = shares
        self.meters = [line.meter for line, _ in shares if line.meter is not None]

    def expected_s(self, now_s: float) -> float:
        return max(line.gate.expected_s(cost, self.rank, now_s) for line, cost in self.shares)


class _Line:
    """One bucket's gate, and those who stand before it."""

    def __init__(self, bucket: Bucket, slots: Slots, index: int, everything: Slots) -> None:
        if bucket.limit < 1 or bucket.window_ms < 1 or not 0 <= bucket.reserve < bucket.limit:
            raise ValueError(f"a bucket needs a limit and window above 0 and a reserve below the limit: {bucket}")
        if bucket.used_header and bucket.left_header:
            raise ValueError(f"a bucket has one header at most: {bucket}")
        if bucket.burst is not None and not bucket.reserve < bucket.burst <= bucket.limit:
            raise ValueError(f"a bucket needs a burst above its reserve and within its limit: {bucket}")
        burst = max(bucket.burst or bucket.limit // _BURST_SHARE, bucket.reserve + 1)
        self.name = bucket.name
        self.limit = bucket.limit
        self.window_s = bucket.window_ms / 1_000
        unit_s = (self.window_s + bucket.jitter_ms / 1_000) / max(1, bucket.limit - burst)
        self.gate = Gate(
            unit_s=unit_s, burst=burst, reserve=bucket.reserve, slots=slots, index=index, everything=everything
        )
        header = bucket.used_header or bucket.left_header
        self.meter = (
            None
            if not header
            else Meter(
                self.gate,
                header,
                limit=bucket.limit,
                window_ms=bucket.window_ms,
                is_left=bool(bucket.left_header),
                is_aligned=bucket.is_aligned,
            )
        )
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
