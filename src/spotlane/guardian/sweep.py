"""Cancelling every open order, until none is left and none can show up any more."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

from spotlane.errors import HistoryIncomplete, SpotlaneError
from spotlane.guardian.report import Report
from spotlane.structs import Symbol
from spotlane.transport import Clock

_FIRST_DELAY_S = 0.05
_LONGEST_DELAY_S = 1.0
# How often the exchange is asked for orders that show up late.
_LOOK_EVERY_S = 0.5


class Sweep:
    """Reads the open orders and cancels those of each symbol at once, round after round.

    Each cancel-all answers to a reading of that round, and at most one of a symbol is under way. watch_s is for how
    long after the first round orders may still show up. is_off ends it between two rounds, and so does trouble that
    lasts for give_up_s, where that is given.
    """

    def __init__(
        self,
        exchange: Any,
        report: Report,
        *,
        clock: Clock,
        watch_s: float,
        is_off: asyncio.Event,
        give_up_s: float | None = None,
    ) -> None:
        self._exchange = exchange
        self._report = report
        self._clock = clock
        self._watch_s = watch_s
        self._is_off = is_off
        self._give_up_s = give_up_s
        # The kinds of failures since the last round that was fine.
        self._troubles: set[tuple[type[BaseException], object]] = set()
        self._listed = itertools.cycle(exchange.listed_symbols())

    async def run(self) -> str:
        """Return "done" once a reading after the watch shows no open order, else what ended it."""
        watched_until_s = self._clock.monotonic() + self._watch_s
        fine_s = self._clock.monotonic()
        delay_s = _FIRST_DELAY_S
        while not self._is_off.is_set():
            begun_s = self._clock.monotonic()
            try:
                symbols = await self._read()
                if not symbols and begun_s >= watched_until_s:
                    return "done"
                results = await asyncio.gather(*(self._cancel(symbol) for symbol in symbols), return_exceptions=True)
                failures = [result for result in results if isinstance(result, BaseException)]
            except Exception as failure:
                symbols, failures = [], [failure]
            for each in failures:
                self._say_trouble(each)
            if failures:
                if self._give_up_s is not None and self._clock.monotonic() - fine_s >= self._give_up_s:
                    return "given up"
                delay_s = min(2 * delay_s, _LONGEST_DELAY_S)
                await self._pause(max(delay_s, *(getattr(each, "retry_after_s", None) or 0.0 for each in failures)))
                continue
            self._troubles.clear()
            fine_s = self._clock.monotonic()
            delay_s = min(2 * delay_s, _LOOK_EVERY_S) if symbols else _FIRST_DELAY_S
            await self._pause(delay_s if symbols else _LOOK_EVERY_S)
        return "taken off"

    async def _read(self) -> list[Symbol]:
        """Return the symbols that have open orders: all, or one where more are open than the exchange lists at once."""
        try:
            return sorted({order.symbol for order in await self._exchange.get_open_orders()}, key=str)
        except HistoryIncomplete as too_many:
            self._say_trouble(too_many)
        for _ in range(len(self._exchange.listed_symbols())):
            symbol = next(self._listed)
            if await self._exchange.get_open_orders(symbol):
                return [symbol]
        return []

    async def _cancel(self, symbol: Symbol) -> None:
        cancelled = await self._exchange.cancel_all_orders(symbol, confirm=False)
        self._report.say("cancelled", symbol=str(symbol), order_ids=[order.order_id for order in cancelled])

    def _say_trouble(self, failure: BaseException) -> None:
        """Report a failure, but one of each kind only until a round is fine: their texts hold times that change."""
        name, kind = type(failure).__name__, (type(failure), getattr(failure, "code", None))
        if kind not in self._troubles:
            self._troubles.add(kind)
            text = str(failure) if isinstance(failure, SpotlaneError) else name
            self._report.say("trouble", error=name, text=text)

    async def _pause(self, seconds: float) -> None:
        off = asyncio.ensure_future(self._is_off.wait())
        timer = self._clock.call_later(seconds, off.cancel)
        try:
            await asyncio.wait([off])
        finally:
            timer.cancel()
            off.cancel()
