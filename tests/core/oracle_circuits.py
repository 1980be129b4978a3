"""The counts of a circuit breaker in plain Python: every call of the last ten seconds is kept."""

from __future__ import annotations

from math import floor

SECONDS = 10


class Circuit:
    """calls are (second, whether it failed)."""

    def __init__(self, in_row: int, least: int) -> None:
        self.in_row = in_row
        self.least = least
        self.calls: list[tuple[int, bool]] = []
        self.row: list[bool] = []
        self.is_open = self.is_on_probation = False
        self.probation_of_last = False
        self.times_opened = 0

    @property
    def failures(self) -> int:
        return next((count for count, failed in enumerate(reversed(self.row)) if not failed), len(self.row))

    def succeed(self, now_s: float) -> None:
        self.calls.append((floor(now_s), False))
        self.row.append(False)
        if not self.is_open:
            self.probation_of_last, self.is_on_probation = self.is_on_probation, False

    def fail(self, now_s: float) -> bool:
        self.calls.append((floor(now_s), True))
        self.row.append(True)
        return self.weigh(now_s)

    def weigh(self, now_s: float) -> bool:
        if self.is_open:
            return False
        recent = [failed for second, failed in self.calls if floor(now_s) - SECONDS < second]
        half = len(recent) >= self.least and 2 * sum(recent) >= len(recent)
        self.is_open = self.is_on_probation or self.failures >= self.in_row or half
        self.times_opened += self.is_open
        return self.is_open

    def recant(self, now_s: float) -> bool:
        """The last call has just succeeded, within the same second."""
        self.calls[-1] = (self.calls[-1][0], True)
        self.row[-1] = True
        self.is_on_probation = self.is_on_probation or self.probation_of_last
        return self.weigh(now_s)

    def close(self) -> None:
        self.is_open = False
        self.is_on_probation = True
        self.probation_of_last = False
        self.calls.clear()
        self.row.clear()
