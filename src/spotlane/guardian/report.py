"""What a guardian says: to its bot on standard output, to the operator on standard error, as lines of JSON."""

from __future__ import annotations

import json
import logging
import os
import queue
import threading
import time

_WAITING_LINES = 1_000
_LAST_WORDS_S = 0.5
# What only the bot has to know.
_FOR_THE_BOT = ("armed", "alive", "refused")


class Report:
    """Says what happens, and never waits for anybody to listen.

    to_bot and to_operator are descriptors; what nobody takes is dropped.
    """

    def __init__(self, exchange: str, *, to_bot: int, to_operator: int) -> None:
        self._exchange = exchange
        self._bot = _Voice(to_bot)
        self._operator = _Voice(to_operator)

    def say(self, event: str, **details: object) -> None:
        """Say what happened."""
        self._bot.say({"event": event, **details})
        if event not in _FOR_THE_BOT:
            about = {"guardian": os.getpid(), "exchange": self._exchange, "time_ms": time.time_ns() // 1_000_000}
            self._operator.say({**about, "event": event, **details})

    def finish(self) -> None:
        """Give what was said last a moment to be taken."""
        self._bot.finish()
        self._operator.finish()


class LogLines(logging.Handler):
    """Passes the library's own log on to a report."""

    def __init__(self, report: Report) -> None:
        super().__init__(logging.WARNING)
        self._report = report

    def emit(self, record: logging.LogRecord) -> None:
        """Say what was logged."""
        self._report.say("log", level=record.levelname, text=record.getMessage())


class _Voice:
    """Writes to one descriptor on a thread of its own: one that stopped reading stops nobody but that thread."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lines: queue.Queue[bytes | None] = queue.Queue(_WAITING_LINES)
        self._thread = threading.Thread(target=self._speak, daemon=True)
        self._thread.start()

    def say(self, told: dict[str, object]) -> None:
        if not self._lines.full():
            self._lines.put_nowait(json.dumps(told).encode() + b"\n")

    def finish(self) -> None:
        if not self._lines.full():
            self._lines.put_nowait(None)
            self._thread.join(_LAST_WORDS_S)

    def _speak(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                while line:
                    line = line[os.write(self._descriptor, line) :]
            except OSError:
                continue  # nobody is there; the next line may find somebody
