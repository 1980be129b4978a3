"""What really happened: an append-only record for assertions. No request handler reads it."""

from __future__ import annotations

from collections.abc import Mapping
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

    Orders and fills of the sandbox's own liquidity are left out.
    """

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._orders: dict[str, OrderRecord] = {}

    @property
    def events(self) -> tuple[Event, ...]:
        """Everything so far."""
        return tuple(self._events)

    def append(self, time_ms: int, kind: str, account: str, **data: Any) -> None:
        """Add a fact."""
        self._events.append(Event(len(self._events) + 1, time_ms, kind, account, MappingProxyType(data)))

    def accept(self, time_ms: int, order: OrderRecord) -> None:
        """Add an accepted order."""
        if order.request.account in HOUSE:
            return
        self._orders[order.order_id] = order
        self.append(
            time_ms,
            "order_accepted",
            order.request.account,
            order_id=order.order_id,
            client_order_id=order.client_order_id,
        )

    def of_kind(self, kind: str) -> list[Event]:
        """Return the events of one kind."""
        return [event for event in self._events if event.kind == kind]

    def orders(self, client_order_id: str | None = None, *, symbol: object = None) -> list[OrderRecord]:
        """Return accepted orders in order of acceptance, of one client id or symbol ("BTC/USDT") where given."""
        return [
            order
            for order in self._orders.values()
            if (client_order_id is None or order.client_order_id == client_order_id)
            and (symbol is None or order.symbol == str(symbol))
        ]

    def order(self, order_id: str) -> OrderRecord:
        """Return one order; KeyError where no such order was ever accepted."""
        return self._orders[order_id]

    def live_orders(self) -> list[OrderRecord]:
        """Return the orders that can still fill."""
        return [order for order in self._orders.values() if order.is_open]

    def fills(self, order_id: str) -> list[Fill]:
        """Return the fills of one order, oldest first; empty for an unknown order."""
        order = self._orders.get(order_id)
        return [] if order is None else list(order.fills)

    def refused(self) -> list[Event]:
        """Return the requests that were refused; data has method, path, code and message."""
        return self.of_kind("request_refused")
