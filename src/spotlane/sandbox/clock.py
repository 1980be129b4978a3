"""The exchange's clock: follows the machine's or stands still, and moves on demand."""

from __future__ import annotations

import time
from collections.abc import Callable


def _machine_ms() -> int:
    return time.time_ns() // 1_000_000


class SandboxClock:
    """The one clock of a sandbox; integer milliseconds since the epoch, UTC.

    It follows source (default: the machine's clock) at a fixed offset, or stands still when frozen. start_ms, where
    given, is the time it shows first.
    """

    def __init__(
        self, *, start_ms: int | None = None, frozen: bool = False, source: Callable[[], int] = _machine_ms
    ) -> None:
        self._source = source
        self._offset_ms = 0 if start_ms is None else start_ms - source()
        self._jumped_ms = 0
        # The sum of all jumps, back and forth: no two moments are further out of order than that.
        self.jumps_ms = 0
        self._frozen_ms: int | None = None
        if frozen:
            self._frozen_ms = source() + self._offset_ms if start_ms is None else start_ms

    @property
    def is_frozen(self) -> bool:
        """Whether the clock stands still."""
        return self._frozen_ms is not None

    @property
    def offset_ms(self) -> int:
        """How far this clock is ahead of its source; may be set, and then the clock jumps."""
        return self.now_ms() - self._source()

    @offset_ms.setter
    def offset_ms(self, offset_ms: int) -> None:
        jump_ms = offset_ms - self._offset_ms
        self._offset_ms = offset_ms
        if self._frozen_ms is not None:
            jump_ms = self._source() + offset_ms - self._frozen_ms
            self._frozen_ms += jump_ms
        self._jumped_ms += jump_ms
        self.jumps_ms += abs(jump_ms)

    def now_ms(self) -> int:
        """Return the exchange's time."""
        return self._source() + self._offset_ms if self._frozen_ms is None else self._frozen_ms

    def elapsed_ms(self) -> int:
        """Return a time that passes as now_ms() does and takes no part in its jumps."""
        return self.now_ms() - self._jumped_ms

    def advance(self, milliseconds: int) -> None:
        """Move the clock forward; a negative number raises ValueError, because records are ordered by time."""
        if milliseconds < 0:
            raise ValueError(f"a clock is advanced by 0 ms or more, not by {milliseconds}")
        self._offset_ms += milliseconds
        if self._frozen_ms is not None:
            self._frozen_ms += milliseconds

    def freeze(self) -> None:
        """Stop at the present time; only advance() moves the clock from here."""
        self._frozen_ms = self.now_ms()

    def follow(self) -> None:
        """Run on from the present time at the source's pace."""
        if self._frozen_ms is not None:
            self._offset_ms = self._frozen_ms - self._source()
            self._frozen_ms = None
