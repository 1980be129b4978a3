"""What a client asks its exchange about an order in doubt."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from spotlane.interfaces import PrivateTradingInterface
from spotlane.safety import Survey
from spotlane.structs import Order, Symbol
from spotlane.transport import resolving

# How far back orders are looked for that a journal may have lost.
_LEFT_MS = 3_600_000


class FindOnce(Protocol):
    """Reads an order by its client id once; None where the exchange says that there is none."""

    def __call__(self, symbol: Symbol, client_order_id: str, *, in_lists: bool) -> Awaitable[Order | None]: ...


class ExchangeEvidence:
    """Answers a Resolver by way of the client's own methods; see spotlane.safety.Evidence.

    read_time_ms asks the exchange for its time, now_ms is what is known of it here. name_of tells the client id of an
    order that this client placed lately.
    """

    def __init__(
        self,
        client: PrivateTradingInterface,
        *,
        find_once: FindOnce,
        read_time_ms: Callable[[], Awaitable[int]],
        now_ms: Callable[[], int],
        name_of: Callable[[Symbol, str], str | None],
        is_degraded: Callable[[], bool],
    ) -> None:
        self._client = client
        self._find_once = find_once
        self._read_time_ms = read_time_ms
        self._name_of = name_of
        self.exchange_ms = now_ms
        self.is_degraded = is_degraded

    async def find(self, symbol: Symbol, client_order_id: str, *, in_lists: bool) -> Order | None:
        """Return the order with a client id, or None."""
        with resolving():
            return await self._find_once(symbol, client_order_id, in_lists=in_lists)

    async def survey(self, symbol: Symbol, start_ms: int) -> Survey:
        """Read the time, and then every list; an order that ends in between is in a list that is read later."""
        with resolving():
            return await self._survey(symbol, start_ms)

    async def _survey(self, symbol: Symbol, start_ms: int) -> Survey:
        exchange_ms = await self._read_time_ms()
        orders = await self._client.get_open_orders(symbol)
        orders += await self._client.get_order_history(symbol, start_ms=start_ms)
        trades = await self._client.get_trades(symbol, start_ms=start_ms)
        listed = {order.order_id for order in orders}
        others: set[str] = set()
        for order_id in dict.fromkeys(trade.order_id for trade in trades):
            if order_id is None or order_id in listed:
                continue
            if self._name_of(symbol, order_id) is not None:
                others.add(order_id)
            else:
                # Older than the list, or of another program: it tells itself which order it is.
                orders.append(await self._client.get_order(symbol, order_id))
        return Survey(exchange_ms, orders, trades, frozenset(others))

    async def all_orders(self, symbols: Iterable[Symbol]) -> list[Order]:
        """Read every open order, and the orders of some symbols as far back as a process may have left them."""
        orders = await self._client.get_open_orders()
        start_ms = self.exchange_ms() - _LEFT_MS
        for symbol in {*symbols, *(order.symbol for order in orders)}:
            orders += await self._client.get_order_history(symbol, start_ms=start_ms)
        return list({order.order_id: order for order in orders}.values())

    async def cancel(self, order: Order) -> Order:
        """Cancel an order and return its final state."""
        return await self._client.cancel_order(order.symbol, order.order_id)
