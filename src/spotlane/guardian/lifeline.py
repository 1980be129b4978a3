"""The pipe from the bot: heartbeats, the word that takes the switch off, and its end."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from enum import Enum

from spotlane.safety.dead_man import BEAT, OFF
from spotlane.transport import Clock, Timer


class Verdict(Enum):
    """What the pipe tells of the bot: it took the switch off, it fell silent, or it is gone."""

    OFF = "off"
    SILENT = "no heartbeat"
    GONE = "the bot is gone"


class Lifeline:
    """Listens to one bot; seconds is how long it may be silent. pipe is a descriptor to read from.

    received is what was read of it already. on_beat is called when heartbeats came, whatever the verdict. is_off is set
    by the word alone. Used inside the running event loop.
    """

    def __init__(
        self, pipe: int, *, seconds: float, clock: Clock, on_beat: Callable[[], None], received: bytes = b""
    ) -> None:
        self._pipe = pipe
        self._seconds = seconds
        self._clock = clock
        self._on_beat = on_beat
        self._received = b""
        self._is_open = True
        self._timer: Timer | None = None
        self.is_off = asyncio.Event()
        self.verdict: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        self._heard_s = clock.monotonic()
        os.set_blocking(pipe, False)
        asyncio.get_running_loop().add_reader(pipe, self._read)
        self._understand(received)
        self._check()

    def close(self) -> None:
        """Listen no more."""
        if self._timer is not None:
            self._timer.cancel()
        self._stop_reading()

    def _check(self) -> None:
        # What waits in the pipe was sent before: this process may have been held up itself.
        self._read()
        silent_s = self._clock.monotonic() - self._heard_s
        if silent_s >= self._seconds:
            self._decide(Verdict.SILENT)
        elif not self.verdict.done():
            self._timer = self._clock.call_later(self._seconds - silent_s, self._check)

    def _read(self) -> None:
        while self._is_open:
            try:
                received = os.read(self._pipe, 1 << 16)
            except BlockingIOError:
                return
            if not received:
                self._stop_reading()
                self._decide(Verdict.GONE)
                return
            self._understand(received)

    def _understand(self, received: bytes) -> None:
        *words, self._received = (self._received + received).split(b"\n")
        if OFF.rstrip() in words:
            self.is_off.set()
            self._decide(Verdict.OFF)
        elif BEAT.rstrip() in words:
            self._heard_s = self._clock.monotonic()
            self._on_beat()

    def _decide(self, verdict: Verdict) -> None:
        if not self.verdict.done():
            self.verdict.set_result(verdict)

    def _stop_reading(self) -> None:
        if self._is_open:
            self._is_open = False
            asyncio.get_running_loop().remove_reader(self._pipe)
