"""What a client keeps young in the background."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from spotlane.errors import SpotlaneError
from spotlane.transport import Clock

_RETRY_S = 5.0


@dataclass(slots=True)
class Job:
    """Something to do every so many seconds. failures counts the ones in a row; due_s is on the monotonic clock."""

    name: str
    every_s: float
    run: Callable[[], Awaitable[None]]
    failures: int = 0
    due_s: float = 0.0


class Refresher:
    """Runs jobs one after another, each when it is due. One that fails is logged, counted and tried again soon.

    What the jobs refresh stays in use as it is until one of them succeeds.
    """

    def __init__(self, clock: Clock, log: logging.Logger, jobs: tuple[Job, ...]) -> None:
        self._clock = clock
        self._log = log
        self._jobs = jobs
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self, name: str) -> None:
        """Start the background task; every job counts as just done."""
        now = self._clock.monotonic()
        for job in self._jobs:
            job.due_s = now + job.every_s
        self._task = asyncio.create_task(self._run(), name=name)

    async def stop(self) -> None:
        """Cancel the background task and wait for its end."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def hasten(self, job: Job) -> None:
        """Make a job due now."""
        job.due_s = self._clock.monotonic()
        self._wake.set()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            job = min(self._jobs, key=lambda each: each.due_s)
            wait_s = job.due_s - self._clock.monotonic()
            if wait_s > 0:
                timer = self._clock.call_later(wait_s, self._wake.set)
                try:
                    await self._wake.wait()
                finally:
                    timer.cancel()
                continue
            await self._try(job)

    async def _try(self, job: Job) -> None:
        try:
            await job.run()
        except Exception as error:  # whatever it is: a task that ended would leave everything to grow old unnoticed
            job.failures += 1
            self._log.warning(
                "refreshing the %s failed %d times in a row, the last good ones stay in use: %s",
                job.name, job.failures, error if isinstance(error, SpotlaneError) else type(error).__name__,
            )  # fmt: skip
            job.due_s = self._clock.monotonic() + min(_RETRY_S, job.every_s)
        else:
            job.failures = 0
            job.due_s = self._clock.monotonic() + job.every_s
