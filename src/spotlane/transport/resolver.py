"""Addresses of the exchange, looked up off the path of a request."""

from __future__ import annotations

import asyncio
import socket

from aiohttp.abc import AbstractResolver, ResolveResult

from spotlane.transport.clock import Clock

_REFRESH_S = 30.0
_TRUST_S = 600.0


class LastGoodResolver(AbstractResolver):
    """Answer from memory, refresh in the background, and keep the last good answer while the name server fails.

    A connection is opened again within milliseconds then, whatever DNS is doing. An answer older than ten minutes is
    looked up again before it is used; only where that fails does it still count.
    """

    def __init__(self, inner: AbstractResolver, *, clock: Clock) -> None:
        self._inner = inner
        self._clock = clock
        self._answers: dict[tuple[str, int, socket.AddressFamily], tuple[list[ResolveResult], float]] = {}
        self._refreshing: dict[tuple[str, int, socket.AddressFamily], asyncio.Task[None]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a host. Raises OSError where it was never resolved and can't be now."""
        key = (host, port, family)
        known = self._answers.get(key)
        if known is None:
            return await self._look_up(key)
        answer, age_s = known[0], self._clock.monotonic() - known[1]
        if age_s > _TRUST_S:
            try:
                return await self._look_up(key)
            except OSError:
                return answer
        if age_s > _REFRESH_S and key not in self._refreshing:
            task = asyncio.create_task(self._refresh(key))
            self._refreshing[key] = task
            task.add_done_callback(lambda _: self._refreshing.pop(key, None))
        return answer

    async def close(self) -> None:
        """End a refresh that is under way and close the inner resolver."""
        tasks = list(self._refreshing.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._inner.close()

    async def _look_up(self, key: tuple[str, int, socket.AddressFamily]) -> list[ResolveResult]:
        host, port, family = key
        answer = await self._inner.resolve(host, port, family)
        self._answers[key] = (answer, self._clock.monotonic())
        return answer

    async def _refresh(self, key: tuple[str, int, socket.AddressFamily]) -> None:
        try:
            await self._look_up(key)
        except OSError:
            # The last good answer stays; the next resolve tries again.
            return
