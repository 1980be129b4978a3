"""Request limits as an exchange enforces them: sliding windows, and a ban for those who go on."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `weight` within any `window_ms`."""

    weight: int
    window_ms: int


class SlidingWindow:
    """Counts weight per owner (an address, an account) over a sliding window."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self._entries: defaultdict[str, deque[tuple[int, int]]] = defaultdict(deque)
        self._sums: defaultdict[str, int] = defaultdict(int)

    def wait_ms(self, owner: str, weight: int, now_ms: int) -> int:
        """Return how long until the weight fits, 0 where it fits now."""
        entries = self._entries[owner]
        while entries and entries[0][0] <= now_ms - self.limit.window_ms:
            self._sums[owner] -= entries.popleft()[1]
        excess = self._sums[owner] + weight - self.limit.weight
        for time_ms, used in entries:
            if excess <= 0:
                break
            excess -= used
            wait_ms = time_ms + self.limit.window_ms - now_ms
            if excess <= 0:
                return wait_ms
        return 0 if excess <= 0 else self.limit.window_ms

    def remaining(self, owner: str, now_ms: int) -> int:
        """Return the weight that is left to the owner now."""
        self.wait_ms(owner, 0, now_ms)
        return max(self.limit.weight - self._sums[owner], 0)

    def take(self, owner: str, weight: int, now_ms: int) -> None:
        """Count a weight."""
        self._entries[owner].append((now_ms, weight))
        self._sums[owner] += weight


class Bans:
    """Bans an owner that goes on after being limited: `tolerance` refusals within window_ms, then out for ban_ms."""

    def __init__(self, *, tolerance: int, window_ms: int, ban_ms: int) -> None:
        self.tolerance = tolerance
        self.window_ms = window_ms
        self.ban_ms = ban_ms
        self._refusals: defaultdict[str, deque[int]] = defaultdict(deque)
        self._until: dict[str, int] = {}

    def remaining_ms(self, owner: str, now_ms: int) -> int:
        """Return how long the owner is still banned, 0 where it is not."""
        return max(self._until.get(owner, 0) - now_ms, 0)

    def refuse(self, owner: str, now_ms: int) -> None:
        """Count a refusal, and start a ban where there were too many."""
        refusals = self._refusals[owner]
        refusals.append(now_ms)
        while refusals and refusals[0] <= now_ms - self.window_ms:
            refusals.popleft()
        if len(refusals) > self.tolerance:
            self._until[owner] = now_ms + self.ban_ms
            refusals.clear()
