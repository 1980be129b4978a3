"""A limit in time for whatever runs inside it, on the transport's own clock."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any

from spotlane.transport.clock import Clock, Timer


class DeadlineScope:
    """Cancel the body of an `async with` at a moment of the clock, and raise TimeoutError from it.

    asyncio.timeout does the cancelling, so that a cancellation from outside is never mistaken for the deadline; only
    the moment comes from the clock.
    """

    def __init__(self, clock: Clock, deadline: float) -> None:
        self._clock = clock
        self._deadline = deadline
        self._timeout = asyncio.timeout(None)
        self._timer: Timer | None = None

    @property
    def has_expired(self) -> bool:
        """Say whether the deadline, and nothing else, ended the body."""
        return self._timeout.expired()

    async def __aenter__(self) -> DeadlineScope:
        await self._timeout.__aenter__()
        self._timer = self._clock.call_later(self._deadline - self._clock.monotonic(), self._expire)
        return self

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        await self._timeout.__aexit__(exception_type, exception, traceback)

    def _expire(self) -> None:
        self._timeout.reschedule(asyncio.get_running_loop().time())


async def wait_until(future: asyncio.Future[Any], clock: Clock, deadline: float) -> bool:
    """Wait for a future, which is left as it is, and return False where deadline (monotonic seconds) comes first."""
    if not future.done():
        if clock.monotonic() >= deadline:
            return False
        scope = DeadlineScope(clock, deadline)
        try:
            async with scope:
                await asyncio.shield(future)
        except TimeoutError:
            if not scope.has_expired:
                raise
            # Both may come in one turn of the event loop.
            return future.done()
    return True
