"""The dead-man switch that an exchange keeps itself: a countdown that is set back again and again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from spotlane.errors import DecodeError, OutcomeUnknown, SpotlaneError, TransportError
from spotlane.safety.dead_man.status import DeadManStatus
from spotlane.structs import DeadManState
from spotlane.transport import Clock, ReplyLost

_RENEWALS = 3
_SHORTEST_RETRY_S = 0.1
_LONGEST_RETRY_S = 1.0
# What the exchange tells of its time may be cut to whole seconds.
_GRID_MS = 1_000

# Asks the exchange to count down from so many seconds, 0 for no more; returns when it will be through, in milliseconds
# of its own time.
SetCountdown = Callable[[int, float], Awaitable[int]]


class _Running(NamedTuple):
    """A countdown as the exchange confirmed it: it can't have run out before until_s on the monotonic clock."""

    seconds: int
    since_s: float
    until_s: float
    trigger_ms: int


class Countdown:
    """Keeps an exchange's countdown from running out, by a task of its own.

    It is set back every third of its time; a renewal that fails is tried again soon. set_countdown is given seconds and
    a deadline on the monotonic clock; least_s is the shortest time that the exchange takes. One request is under way at
    a time, so that none overtakes another.
    """

    in_whole_seconds = True

    def __init__(
        self, set_countdown: SetCountdown, *, least_s: float, clock: Clock, log: logging.Logger, timeout_s: float
    ) -> None:
        self.least_s = least_s
        self._set = set_countdown
        self._clock = clock
        self._log = log
        self._timeout_s = timeout_s
        self._turn = asyncio.Lock()
        self._running: _Running | None = None
        # The seconds of a countdown that may run although it was never confirmed, else 0.
        self._loose_s = 0
        self._has_fired = False
        self._failures = 0
        self._task: asyncio.Task[None] | None = None

    def status(self) -> DeadManStatus | None:
        """Return how the countdown stands; None where it is off."""
        if self._running is None:
            return None
        now_s = self._clock.monotonic()
        fired = self._has_fired or now_s >= self._running.until_s
        return DeadManStatus(
            kind="countdown",
            state=DeadManState.FIRED if fired else DeadManState.ARMED,
            seconds=self._running.seconds,
            age_s=now_s - self._running.since_s,
            failures=self._failures,
        )

    async def arm(self, seconds: float) -> None:
        """Start the countdown, or change its time. It stands as it did before where this raises."""
        async with self._turn:
            try:
                self._running = await self._change(int(seconds))
            except (OutcomeUnknown, asyncio.CancelledError):
                self._loose_s = int(seconds)
                raise
            self._has_fired, self._failures, self._loose_s = False, 0, 0
            # A task that waits for this turn renews at the pace of before.
            await self._stop()
            self._task = asyncio.create_task(self._keep(), name="spotlane-countdown")

    async def disarm(self) -> None:
        """Have the exchange stop counting. Where that fails the countdown goes on being renewed, and this raises."""
        async with self._turn:
            if self._running is None and not self._loose_s:
                return
            await self._change(0)
            await self._stop()
            self._running, self._loose_s = None, 0

    async def close(self) -> None:
        """Take the countdown off as far as that is possible now, and renew it no more in any case."""
        try:
            await self.disarm()
        except SpotlaneError as failure:
            within_s = self._loose_s if self._running is None else self._running.seconds
            self._log.error(
                "the dead-man countdown could not be taken off, all open orders will be cancelled within %d s: %s",
                within_s, failure,
            )  # fmt: skip
        finally:
            await self._stop()
            self._running, self._loose_s = None, 0

    def abandon(self) -> None:
        """Renew the countdown no more and let it run out."""
        if self._task is not None:
            self._task.cancel()
        if self._running is not None:
            self._log.error("the dead-man countdown is left to run out: all open orders will be cancelled")
        self._running, self._loose_s = None, 0

    async def _stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _change(self, seconds: int) -> _Running:
        """Set the countdown. Where that fails the one of before is renewed at once: it may have been changed."""
        begun_s = self._clock.monotonic()
        try:
            return await self._insist(seconds)
        except BaseException:
            before = self._running
            if before is not None and self._task is not None and not self._task.done():
                if seconds:
                    self._running = before._replace(until_s=min(before.until_s, begun_s + seconds))
                # It sleeps, or waits for this turn.
                self._task.cancel()
                self._task = asyncio.create_task(self._keep(at_once=True), name="spotlane-countdown")
            raise

    async def _insist(self, seconds: int) -> _Running:
        """Set the countdown, trying again until the deadline where the request or its reply was lost."""
        deadline = self._clock.monotonic() + self._timeout_s
        is_in_doubt = False
        while True:
            try:
                return await self._send(seconds, deadline)
            except (TransportError, DecodeError) as lost:
                failure: SpotlaneError = lost
                is_in_doubt |= isinstance(lost, ReplyLost | DecodeError)
            if self._clock.monotonic() + _SHORTEST_RETRY_S >= deadline:
                break
            await self._clock.sleep(_SHORTEST_RETRY_S)
        if not is_in_doubt:
            raise failure
        what = f"counts down from {seconds} s to cancel all open orders" if seconds else "has stopped counting down"
        raise OutcomeUnknown(
            f"it is not known whether the exchange {what} ({failure}): call dead_man() again, it may be repeated"
        ) from failure

    async def _send(self, seconds: int, deadline: float) -> _Running:
        begun_s = self._clock.monotonic()
        trigger_ms = await self._set(seconds, deadline)
        return _Running(seconds, begun_s, begun_s + seconds, trigger_ms)

    async def _keep(self, *, at_once: bool = False) -> None:
        """Renew the countdown for as long as it is certain that it did not run out."""
        assert self._running is not None
        before, due_s = self._running, 0.0 if at_once else _due_s(self._running)
        while True:
            if (delay_s := due_s - self._clock.monotonic()) > 0:
                await self._clock.sleep(delay_s)
            async with self._turn:
                if self._clock.monotonic() >= before.until_s:
                    self._fire("no renewal was confirmed in time")
                    return
                try:
                    renewed = await self._renew(before)
                except Exception as failure:  # whatever it is: a task that ended would let the countdown run out
                    due_s = self._clock.monotonic() + self._after_failure(failure, before)
                    continue
                self._running, self._failures = renewed, 0
                # Told by the exchange's own clock, which goes on while this machine sleeps.
                renewed_ms = renewed.trigger_ms - before.seconds * 1_000
                if renewed_ms + _GRID_MS >= before.trigger_ms:
                    self._fire("by the exchange's clock it was renewed too late")
                    return
            before, due_s = renewed, _due_s(renewed)

    async def _renew(self, before: _Running) -> _Running:
        deadline = min(self._clock.monotonic() + self._timeout_s, before.until_s)
        return await self._send(before.seconds, deadline)

    def _after_failure(self, failure: Exception, before: _Running) -> float:
        """Log and count a renewal that failed; return how long to wait before the next."""
        self._failures += 1
        left_s = max(0.0, before.until_s - self._clock.monotonic())
        self._log.warning(
            "renewing the dead-man countdown failed %d times in a row, %.1f s are left: %s",
            self._failures, left_s, failure if isinstance(failure, SpotlaneError) else type(failure).__name__,
        )  # fmt: skip
        return min(_LONGEST_RETRY_S, max(_SHORTEST_RETRY_S, left_s / 4))

    def _fire(self, why: str) -> None:
        self._has_fired = True
        self._log.error(
            "the dead-man countdown may have run out and all open orders may be cancelled (%s): arm it again", why
        )


def _due_s(running: _Running) -> float:
    return running.since_s + running.seconds / _RENEWALS
