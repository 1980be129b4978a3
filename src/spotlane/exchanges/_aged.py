"""A cache whose entries are fetched again when they are old."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from spotlane.transport import Clock

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Aged(Generic[K, V]):
    """Keeps values for at most max_age_s seconds of the client's own clock. A failed fetch is the caller's to see."""

    def __init__(self, clock: Clock, max_age_s: float) -> None:
        self._clock = clock
        self._max_age_s = max_age_s
        self._entries: dict[K, tuple[float, V]] = {}

    async def get(self, key: K, fetch: Callable[[], Awaitable[V]]) -> V:
        """Return the value of a key, fetched now unless it is young enough."""
        entry = self._entries.get(key)
        now = self._clock.monotonic()
        if entry is not None and now - entry[0] < self._max_age_s:
            return entry[1]
        value = await fetch()
        self.put(key, value)
        return value

    def put(self, key: K, value: V) -> None:
        """Keep a value that was fetched just now."""
        self._entries[key] = (self._clock.monotonic(), value)

    def forget(self, key: K) -> None:
        """Drop a key, so that the next get() fetches it."""
        self._entries.pop(key, None)
