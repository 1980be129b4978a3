"""What time it is at the exchange."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from spotlane.transport.clock import Clock

# Two quartz clocks part by at most this much; a sample grows less certain by it as it ages (1 ms in 10 s).
_DRIFT_MS_PER_S = 0.1
# The exchange's figure is cut to whole milliseconds, so on average it stands half of one too low.
_TRUNCATION_MS = 0.5


class _Sample(NamedTuple):
    """exchange_ms was the exchange's time at monotonic_s, give or take error_ms."""

    exchange_ms: float
    monotonic_s: float
    error_ms: float

    def at(self, monotonic_s: float) -> float:
        return self.exchange_ms + (monotonic_s - self.monotonic_s) * 1_000

    def error_at(self, monotonic_s: float) -> float:
        return self.error_ms + abs(monotonic_s - self.monotonic_s) * _DRIFT_MS_PER_S


class ExchangeClock:
    """The exchange's time, told from this machine's monotonic clock.

    Each sample says what the exchange's clock showed between two local moments; its midpoint is the best guess and half
    the round trip its error. Of the recent samples the most certain counts. Until there is one, the local wall clock
    counts; from then on setting the wall clock changes nothing.
    """

    def __init__(self, clock: Clock, *, keep_samples: int = 8) -> None:
        self._clock = clock
        self._samples: deque[_Sample] = deque(maxlen=keep_samples)
        self._best: _Sample | None = None
        # How often one of the two clocks was found to have been set, or to have stood still.
        self.steps = 0
        # The best sample as one number: the exchange's time where the monotonic clock stands at 0.
        self._origin_ms = 0.0

    def add_sample(self, exchange_ms: int, sent_s: float, received_s: float) -> bool:
        """Learn that the exchange's clock showed exchange_ms at some moment between sent_s and received_s.

        Both are on the clock's monotonic scale. A sample that contradicts the best one shows that one of the two clocks
        was set or stood still: the older samples are forgotten, and True is returned. Raises ValueError for a reply
        before its request.
        """
        if received_s < sent_s:
            raise ValueError(f"a reply can't come before its request: received {received_s}, sent {sent_s}")
        half_s = (received_s - sent_s) / 2
        sample = _Sample(exchange_ms + _TRUNCATION_MS, sent_s + half_s, half_s * 1_000 + _TRUNCATION_MS)
        has_stepped = False
        if self._best is not None:
            apart_ms = abs(sample.exchange_ms - self._best.at(sample.monotonic_s))
            has_stepped = apart_ms > sample.error_ms + self._best.error_at(sample.monotonic_s)
            if has_stepped:
                self._samples.clear()
                self.steps += 1
        self._samples.append(sample)
        self._best = min(self._samples, key=lambda each: each.error_at(received_s))
        self._origin_ms = self._best.at(0.0)
        return has_stepped

    def now_ms(self, now_s: float | None = None) -> int:
        """Return the exchange's time in milliseconds since the epoch; now_s is the monotonic clock's, where read."""
        if self._best is None:
            return self._clock.time_ms()
        return int(self._origin_ms + (self._clock.monotonic() if now_s is None else now_s) * 1_000)

    def at_ms(self, monotonic_s: float) -> int:
        """Return what the exchange's time was, or will be, at a moment on the monotonic clock."""
        if self._best is None:
            return self._clock.time_ms() + int((monotonic_s - self._clock.monotonic()) * 1_000)
        return int(self._origin_ms + monotonic_s * 1_000)

    def earliest_ms(self, monotonic_s: float) -> float:
        """Return the least that the exchange's clock can have shown at a moment; minus infinity while it is not known.

        What it has shown since is judged by one sample: an estimate of then by the certainty of now would be neither's.
        """
        best = self._best
        if best is None:
            return float("-inf")
        after_s = monotonic_s - best.monotonic_s
        return best.exchange_ms + after_s * 1_000 - (best.error_ms + abs(after_s) * _DRIFT_MS_PER_S)

    @property
    def is_synchronised(self) -> bool:
        """Say whether the exchange's time is known from the exchange."""
        return self._best is not None

    @property
    def offset_ms(self) -> float:
        """Return the exchange's time minus this machine's wall clock, in milliseconds; 0 while it is not known."""
        if self._best is None:
            return 0.0
        return self._best.at(self._clock.monotonic()) - self._clock.time_ms()

    @property
    def uncertainty_ms(self) -> float:
        """Return how far now_ms may be off, in milliseconds; infinite while it is not synchronised."""
        return float("inf") if self._best is None else self._best.error_at(self._clock.monotonic())
