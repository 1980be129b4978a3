"""The one clock through which every time is read, and a clock that only moves when it is told to."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """A callback that is still to come."""

    def cancel(self) -> None:
        """Keep the callback from being called. Does nothing once it was called."""
        ...


class Clock(Protocol):
    """The source of all time. Deadlines are on the scale of monotonic()."""

    def monotonic(self) -> float:
        """Return seconds since an arbitrary moment; never goes back and is never set."""
        ...

    def time_ms(self) -> int:
        """Return this machine's wall clock in milliseconds since the epoch, UTC; it may be set at any time."""
        ...

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> Timer:
        """Call a callback on the running event loop after delay_s seconds, at once for zero or less."""
        ...

    async def sleep(self, delay_s: float) -> None:
        """Suspend the calling task for delay_s seconds."""
        ...


class SystemClock:
    """The machine's clocks and the running event loop's timers."""

    # The function itself: it is read several times in each request.
    monotonic = staticmethod(time.monotonic)

    def time_ms(self) -> int:
        """Return this machine's wall clock in milliseconds since the epoch, UTC."""
        return time.time_ns() // 1_000_000

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> Timer:
        """Call a callback on the running event loop after delay_s seconds."""
        return asyncio.get_running_loop().call_later(delay_s, callback)

    async def sleep(self, delay_s: float) -> None:
        """Suspend the calling task for delay_s seconds."""
        await asyncio.sleep(delay_s)


class ManualClock:
    """A clock for tests: it stands still until advance() moves it, and calls what falls due on the way.

    monotonic_s and time_ms are where it starts. The wall clock can be stepped by itself, as an operator or NTP would.
    """

    def __init__(self, *, monotonic_s: float = 1_000.0, time_ms: int = 1_700_000_000_000) -> None:
        self._start_s = monotonic_s
        self._now_s = monotonic_s
        self._wall_ms = time_ms
        self._timers: list[tuple[float, int, _ManualTimer]] = []
        self._order = itertools.count()

    def monotonic(self) -> float:
        """Return where the clock stands, in seconds."""
        return self._now_s

    def time_ms(self) -> int:
        """Return the wall clock in milliseconds since the epoch, UTC."""
        return self._wall_ms + round((self._now_s - self._start_s) * 1_000)

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> Timer:
        """Call a callback during the advance() that passes the moment; never earlier, even for zero."""
        timer = _ManualTimer(callback)
        heapq.heappush(self._timers, (self._now_s + max(0.0, delay_s), next(self._order), timer))
        return timer

    async def sleep(self, delay_s: float) -> None:
        """Suspend the calling task until the clock was advanced by delay_s seconds."""
        woken = asyncio.Event()
        timer = self.call_later(delay_s, woken.set)
        try:
            await woken.wait()
        finally:
            timer.cancel()

    def advance(self, seconds: float) -> None:
        """Move the clock forward; callbacks that fall due are called in their order, each at its own moment."""
        end_s = self._now_s + seconds
        while self._timers and self._timers[0][0] <= end_s:
            due_s, _, timer = heapq.heappop(self._timers)
            self._now_s = max(self._now_s, due_s)
            timer.fire()
        self._now_s = end_s

    def step_wall_clock(self, milliseconds: int) -> None:
        """Set the wall clock forward, or back for a negative number; monotonic() does not notice."""
        self._wall_ms += milliseconds

    @property
    def pending_timers(self) -> int:
        """Return how many callbacks are still to come."""
        return sum(1 for _, _, timer in self._timers if timer.callback is not None)


class _ManualTimer:
    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], object]) -> None:
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        self.callback = None

    def fire(self) -> None:
        callback, self.callback = self.callback, None
        if callback is not None:
            callback()
