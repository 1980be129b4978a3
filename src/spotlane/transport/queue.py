"""Waiting in turn for a connection."""

from __future__ import annotations

import asyncio
from collections import deque

from spotlane._core.berths import Berths


class Queue:
    """Those who wait for a place among the berths; cancels go first."""

    __slots__ = ("_berths", "_cancels", "_others")

    def __init__(self, berths: Berths) -> None:
        self._berths = berths
        self._cancels: deque[asyncio.Future[None]] = deque()
        self._others: deque[asyncio.Future[None]] = deque()

    async def enter(self, is_cancel: bool) -> None:
        """Take a place, waiting in turn for as long as there is none."""
        if self._berths.has_place(is_cancel):
            self._berths.enter()
            return
        line = self._cancels if is_cancel else self._others
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.append(turn)
        self._count()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave()
            elif turn in line:
                line.remove(turn)
                self._count()
            raise

    def leave(self) -> None:
        """Give a place back, to whoever is next."""
        self._berths.leave()
        self.admit()

    def admit(self) -> None:
        """Let in whoever there is a place for."""
        if self._cancels or self._others:
            self._let_in(self._cancels, True)
            self._let_in(self._others, False)
            self._count()

    def _let_in(self, line: deque[asyncio.Future[None]], is_cancel: bool) -> None:
        while line and self._berths.is_open_to(is_cancel):
            turn = line.popleft()
            if not turn.done():
                self._berths.enter()
                turn.set_result(None)

    def _count(self) -> None:
        self._berths.waiting, self._berths.waiting_cancels = len(self._others), len(self._cancels)
