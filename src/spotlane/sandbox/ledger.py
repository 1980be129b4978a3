"""What really happened: an append-only record for assertions. No request handler reads it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from spotlane.sandbox.accounts import HOUSE
from spotlane.sandbox.records import Fill, OrderRecord


@dataclass(frozen=True, slots=True)
class Event:
    """One fact.

    kind is one of order_accepted, order_filled, order_closed, request_refused, credited, transferred,
    withdrawal_requested, withdrawal_changed, deposit_changed; data holds the fact's own figures.
    """

    sequence: int
    time_ms: int
    kind: str
    account: str
    data: Mapping[str, Any]


class Ledger:
    """Events in the order in which they happened, and the orders they are about.

    Orders and fills of the sandbox's own liquidity are left out. kept_events: how many events are remembered, None for
    all. on_forget is told of orders that are to be forgotten, and drops each.
    """

    def __init__(
        self, *, kept_events: int | None = None, on_forget: Callable[[list[OrderRecord]], object] | None = None
    ) -> None:
        self._events: deque[Event] = deque(maxlen=kept_events)
        self._on_forget = on_forget
        self._count = 0
        self._orders: dict[str, OrderRecord] = {}
        self._live: dict[str, OrderRecord] = {}
        self._by_client_id: dict[str, list[OrderRecord]] = {}

    @property
    def events(self) -> tuple[Event, ...]:
        """Everything so far, as far as it is remembered."""
        return tuple(self._events)

    def append(self, time_ms: int, kind: str, account: str, **data: Any) -> None:
        """Add a fact."""
        self._count += 1
        self._events.append(Event(self._count, time_ms, kind, account, MappingProxyType(data)))

    def accept(self, time_ms: int, order: OrderRecord) -> None:
        """Add an accepted order."""
        if order.request.account in HOUSE:
            return
        self._orders[order.order_id] = self._live[order.order_id] = order
        if order.client_order_id is not None:
            self._by_client_id.setdefault(order.client_order_id, []).append(order)
        self.append(
            time_ms,
            "order_accepted",
            order.request.account,
            order_id=order.order_id,
            client_order_id=order.client_order_id,
        )

    def close(self, time_ms: int, order: OrderRecord) -> None:
        """Note that an order can no longer fill."""
        self._live.pop(order.order_id, None)
        self.append(time_ms, "order_closed", order.request.account, order_id=order.order_id, status=order.status)

    def drop(self, order: OrderRecord) -> None:
        """Drop an order that the engine forgot; its events stay."""
        del self._orders[order.order_id]
        if order.client_order_id is not None:
            same_id = self._by_client_id[order.client_order_id]
            same_id.remove(order)
            if not same_id:
                del self._by_client_id[order.client_order_id]

    def forget(self, client_order_id: str) -> int:
        """Let the exchange forget the finished orders of a client id; returns how many there were.

        A look-up no longer finds them and the id counts as new, so that a run of any length needs no more memory than
        its open orders do. Events stay, as far as kept_events remembers them.
        """
        orders = [order for order in self.orders(client_order_id) if not order.is_open]
        if self._on_forget is not None:
            self._on_forget(orders)
        return len(orders)

    def of_kind(self, kind: str) -> list[Event]:
        """Return the events of one kind."""
        return [event for event in self._events if event.kind == kind]

    def orders(self, client_order_id: str | None = None, *, symbol: object = None) -> list[OrderRecord]:
        """Return accepted orders in order of acceptance, of one client id or symbol ("BTC/USDT") where given.

        By client id it takes the same short time however many orders there are.
        """
        orders = self._orders.values() if client_order_id is None else self._by_client_id.get(client_order_id, ())
        return [order for order in orders if symbol is None or order.symbol == str(symbol)]

    def order(self, order_id: str) -> OrderRecord:
        """Return one order; KeyError where no such order was ever accepted."""
        return self._orders[order_id]

    def live_orders(self, client_order_id: str | None = None) -> list[OrderRecord]:
        """Return the orders that can still fill, of one client id where given."""
        if client_order_id is None:
            return list(self._live.values())
        return [order for order in self._by_client_id.get(client_order_id, ()) if order.is_open]

    def fills(self, order_id: str) -> list[Fill]:
        """Return the fills of one order, oldest first; empty for an unknown order."""
        order = self._orders.get(order_id)
        return [] if order is None else list(order.fills)

    def refused(self) -> list[Event]:
        """Return the requests that were refused; data has method, path, code and message."""
        return self.of_kind("request_refused")
