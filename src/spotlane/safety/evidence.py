"""Where an order shows, and asking there for several orders at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

from spotlane.errors import SpotlaneError
from spotlane.structs import Order, Symbol, Trade


class Survey(NamedTuple):
    """Every place where an order shows, read after the exchange's clock had shown exchange_ms.

    others are the ids of orders that fills belong to and that are known to be other ones.
    """

    exchange_ms: int
    orders: list[Order]
    trades: list[Trade]
    others: frozenset[str] = frozenset()


class Evidence(Protocol):
    """What a resolver asks the exchange. Each raises SpotlaneError where it gets no well-formed answer."""

    async def find(self, symbol: Symbol, client_order_id: str, *, in_lists: bool) -> Order | None:
        """Return the order with a client id, or None where the exchange says that there is none.

        in_lists: where its own look-up may miss an order, look in the lists, too.
        """
        ...

    async def survey(self, symbol: Symbol, start_ms: int) -> Survey:
        """Read open orders, closed orders and fills since start_ms."""
        ...

    async def cancel(self, order: Order) -> Order:
        """Cancel an order that nobody wants any more and return its final state."""
        ...

    def exchange_ms(self) -> int:
        """Return the exchange's time as far as it is known here."""
        ...

    def is_degraded(self) -> bool:
        """Say whether the exchange fails at placing orders now: what it holds back may be executed later."""
        ...


class SurveyDesk:
    """Reads the lists of a symbol for all who ask meanwhile at once.

    Who asks while they are being read gets the next reading: the one under way may have begun too early.
    """

    def __init__(self, read: Callable[[int], Awaitable[Survey]]) -> None:
        self._read = read
        self._lock = asyncio.Lock()
        self._begun = 0
        self._starts_ms: list[int] = []
        self._told: Survey | SpotlaneError | None = None

    async def ask(self, start_ms: int) -> Survey:
        """Return a survey from start_ms on, begun after this call. Raises what reading raised."""
        enough = self._begun + 1
        self._starts_ms.append(start_ms)
        async with self._lock:
            if self._begun < enough or self._told is None:
                first_ms, self._starts_ms = min(self._starts_ms, default=start_ms), []
                self._begun += 1
                self._told = None
                try:
                    self._told = await self._read(min(first_ms, start_ms))
                except SpotlaneError as failure:
                    self._told = failure
        if isinstance(self._told, SpotlaneError):
            raise self._told
        return self._told
