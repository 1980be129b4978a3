"""When each stage of a request was over."""

from __future__ import annotations

import logging
from collections.abc import Callable

_log = logging.getLogger("spotlane.transport")


class Stages:
    """The moments of one request, in seconds on the client's monotonic clock; 0.0 is a stage that it never reached.

    called_s: the caller's call began. checked_s: everything was checked and encoded. queued_s: rate budget and
    connection were in hand. signed_s, written_s: the bytes were ready, and were handed to the transport. first_byte_s,
    received_s: the reply began, and was whole. parsed_s: it was understood. The plain path does not know when the first
    byte came.
    """

    __slots__ = (
        "_listener",
        "_monotonic",
        "called_s",
        "checked_s",
        "endpoint",
        "first_byte_s",
        "parsed_s",
        "queued_s",
        "received_s",
        "signed_s",
        "written_s",
    )

    def __init__(self, endpoint: str, called_s: float, listener: StageListener, monotonic: Callable[[], float]) -> None:
        self._listener = listener
        self._monotonic = monotonic
        self.endpoint = endpoint
        self.called_s = called_s
        self.checked_s = monotonic()
        self.queued_s = self.signed_s = self.written_s = self.first_byte_s = self.received_s = self.parsed_s = 0.0

    def finish(self) -> None:
        """Note that the reply, if there was one, is understood, and tell the listener."""
        if self.received_s:
            self.parsed_s = self._monotonic()
        try:
            self._listener(self)
        except Exception:
            _log.exception("a listener to stages failed")

    def durations_us(self) -> dict[str, float]:
        """Return how long each stage took, in microseconds and in their order; one that was not reached is left out.

        check: from the call until the request was encoded; of a later request of the same call, from the call's begin.
        queue, sign, write: until the bytes were handed over. first_byte: until the exchange began to answer. receive:
        until it was done. parse: until the answer was understood.
        """
        moments = (
            ("check", self.checked_s),
            ("queue", self.queued_s),
            ("sign", self.signed_s),
            ("write", self.written_s),
            ("first_byte", self.first_byte_s),
            ("receive", self.received_s),
            ("parse", self.parsed_s),
        )
        durations = {}
        before_s = self.called_s
        for name, moment_s in moments:
            if moment_s:
                durations[name] = (moment_s - before_s) * 1e6
                before_s = moment_s
        return durations

    def __repr__(self) -> str:
        parts = ", ".join(f"{name} {took_us:.1f}" for name, took_us in self.durations_us().items())
        return f"<Stages of {self.endpoint!r} in us: {parts}>"


StageListener = Callable[[Stages], object]
