"""Print, for each limit of each exchange, the most that a window ever held at 95 % of the limit, in virtual time.

Run from the project's root: python tests/chaos/limits.py --hours 10 --seed 1 [exchange ...]

Arrivals are drawn at random (by chance, in bursts, evenly), as are the travel times within the bucket's jitter_ms. What
the budget lets through is counted as an exchange may count it: in every window of the limit's length that ends with a
request, and in windows that follow each other without a gap, from several beginnings. Ends with an error where one
window ever held more than the limit.
"""

from __future__ import annotations

import argparse
import heapq
import random
import sys
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from spotlane import registry
from spotlane.spec import Bucket, Endpoint, Verb
from spotlane.transport import Budget, ManualClock

LOAD = 0.95
_PHASES = (0.0, 0.13, 0.5, 0.77)
_VERBS = (Verb.CANCEL, Verb.PLACE, Verb.PLACE, Verb.READ)
# Buckets of hundreds of thousands of units are filled by requests of so many of them.
_MOST_REQUESTS = 400_000


class Found(NamedTuple):
    """What came of one bucket: requests offered and admitted, the most that a window of either kind held."""

    bucket: Bucket
    offered: int
    admitted: int
    most_sliding: int
    most_fixed: int

    @property
    def keeps(self) -> bool:
        return max(self.most_sliding, self.most_fixed) <= self.bucket.limit


def simulate(bucket: Bucket, *, hours: float, seed: int, requests: int = _MOST_REQUESTS) -> Found:
    """Offer 95 % of a bucket's limit to the budget for so many hours, by so many requests, and count what arrives."""
    draw = random.Random(f"{seed} {bucket.name}")
    clock = ManualClock(monotonic_s=1_000_000.0)
    alone = bucket._replace(per_endpoint=False, per_symbol=False, used_header="", left_header="")
    budget = Budget([alone], clock=clock)
    seconds = hours * 3_600
    units = bucket.limit * LOAD * seconds * 1_000 / bucket.window_ms
    cost = max(1, min(-(-int(units) // requests), bucket.limit // 20))
    endpoints = [Endpoint(verb.value, "POST", "/", verb=verb, costs={bucket.name: cost}) for verb in _VERBS]
    windows = _Windows(bucket)
    offered = admitted = 0
    arriving: list[float] = []
    for pause_s in _pauses(draw, bucket.window_ms / 1_000 * cost / (bucket.limit * LOAD), seconds):
        clock.advance(pause_s)
        offered += 1
        if budget.try_take(draw.choice(endpoints)):
            admitted += 1
            heapq.heappush(arriving, clock.monotonic() + draw.random() * bucket.jitter_ms / 1_000)
        while arriving and arriving[0] <= clock.monotonic():
            windows.add(heapq.heappop(arriving), cost)
    while arriving:
        windows.add(heapq.heappop(arriving), cost)
    return Found(bucket, offered, admitted, windows.most_sliding, windows.most_fixed)


class _Windows:
    """Counts arrivals, in the order of time, in sliding windows and in fixed ones of several beginnings."""

    def __init__(self, bucket: Bucket) -> None:
        self._window_s = bucket.window_ms / 1_000
        self._recent: deque[tuple[float, int]] = deque()
        self._sum = 0
        self._fixed = dict.fromkeys(_PHASES, (0, 0))
        self.most_sliding = self.most_fixed = 0

    def add(self, at_s: float, cost: int) -> None:
        self._recent.append((at_s, cost))
        self._sum += cost
        # A request exactly one window later belongs to the next; the budget's own tolerance is a microsecond.
        while self._recent[0][0] <= at_s - self._window_s + 1e-5:
            self._sum -= self._recent.popleft()[1]
        self.most_sliding = max(self.most_sliding, self._sum)
        for phase, (window, count) in self._fixed.items():
            present = int((at_s + 1e-5) / self._window_s + phase)
            count = cost if present != window else count + cost
            self._fixed[phase] = present, count
            self.most_fixed = max(self.most_fixed, count)


def _pauses(draw: random.Random, mean_s: float, seconds: float) -> Iterator[float]:
    """Give the pauses between requests: a stretch by chance, one in bursts, one even, and so on."""
    left_s = seconds
    while left_s > 0:
        kind = draw.randrange(3)
        for number in range(200):
            if kind == 0:
                pause_s = draw.expovariate(1 / mean_s)
            elif kind == 1:
                pause_s = 40 * mean_s if number % 40 == 0 else 0.0
            else:
                pause_s = mean_s
            left_s -= pause_s
            yield pause_s


def run(names: list[str], *, hours: float, seed: int) -> bool:
    """Print a line for each bucket and return whether every limit was kept."""
    is_kept = True
    for name in names:
        for bucket in registry.spec(name).buckets:
            found = simulate(bucket, hours=hours, seed=seed)
            is_kept = is_kept and found.keeps
            print(
                f"{name:8} {bucket.name:11} limit {bucket.limit:>7} in {bucket.window_ms / 1_000:>7g} s  offered "
                f"{found.offered:>7}  admitted {found.admitted:>7}  most sliding {found.most_sliding:>7}  fixed "
                f"{found.most_fixed:>7}  {'kept' if found.keeps else 'EXCEEDED'}"
            )
    return is_kept


def main() -> None:
    """Simulate the exchanges that were asked for, or all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("exchange", nargs="*", default=["mexc", "gateio", "binance"])
    parser.add_argument("--hours", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    print(f"seed {given.seed}, {given.hours:g} virtual hours at {LOAD:.0%} of each limit")
    sys.exit(not run(given.exchange, hours=given.hours, seed=given.seed))


if __name__ == "__main__":
    main()
