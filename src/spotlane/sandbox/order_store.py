"""The orders and fills of an engine, as they really stand and as a reader sees them that is some time behind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

from spotlane.sandbox.clock import SandboxClock
from spotlane.sandbox.records import Fill, OrderRecord, OrderView


class OrderStore:
    """Orders by id, by client id and by account.

    Readers name a moment of clock.elapsed_ms() at which they look, None for now. A look-up by a client id that several
    orders have finds the first of them where finds_first, else the last. Of the finished orders the newest kept_orders
    are kept (None: all); on_forget is told of each that is dropped.
    """

    def __init__(
        self,
        clock: SandboxClock,
        *,
        finds_first: bool,
        kept_orders: int | None,
        on_forget: Callable[[OrderRecord], object],
    ) -> None:
        self._clock = clock
        self._finds_first = finds_first
        self._kept_orders = kept_orders
        self._on_forget = on_forget
        self._orders: dict[str, OrderRecord] = {}
        self._by_account: defaultdict[str, dict[str, OrderRecord]] = defaultdict(dict)
        self._by_client_id: dict[tuple[str, str], list[OrderRecord]] = {}
        self._open: defaultdict[str, dict[str, OrderRecord]] = defaultdict(dict)
        # Finished orders with the moment at which they finished, in that order.
        self._finished: defaultdict[str, dict[str, tuple[int, OrderRecord]]] = defaultdict(dict)
        self._fills: defaultdict[str, dict[tuple[int, bool], tuple[int, Fill]]] = defaultdict(dict)

    def add(self, order: OrderRecord) -> None:
        """Take a new order in."""
        account = order.request.account
        order.note(self._clock.elapsed_ms())
        self._orders[order.order_id] = order
        self._by_account[account][order.order_id] = order
        self._open[account][order.order_id] = order
        if order.client_order_id is not None:
            self._by_client_id.setdefault((account, order.client_order_id), []).append(order)

    def change(self, order: OrderRecord, fill: Fill | None) -> None:
        """Note a new state of an order, and the fill that made it."""
        account, now_ms = order.request.account, self._clock.elapsed_ms()
        order.note(now_ms)
        if fill is not None:
            self._fills[account][fill.trade_id, fill.is_maker] = (now_ms, fill)
        if not order.is_open and self._open[account].pop(order.order_id, None) is not None:
            finished = self._finished[account]
            finished[order.order_id] = (now_ms, order)
            if self._kept_orders is not None and len(finished) > self._kept_orders:
                self.forget(next(iter(finished.values()))[1])

    def forget(self, order: OrderRecord) -> None:
        """Drop a finished order with its fills. Raises ValueError for one that is open."""
        if order.is_open:
            raise ValueError(f"order {order.order_id} is open: only a finished one can be forgotten")
        account = order.request.account
        if self._orders.pop(order.order_id, None) is None:
            return
        del self._by_account[account][order.order_id]
        del self._finished[account][order.order_id]
        for fill in order.fills:
            self._fills[account].pop((fill.trade_id, fill.is_maker), None)
        if order.client_order_id is not None:
            same_id = self._by_client_id[account, order.client_order_id]
            same_id.remove(order)
            if not same_id:
                del self._by_client_id[account, order.client_order_id]
        self._on_forget(order)

    def get(self, order_id: str) -> OrderRecord | None:
        """Return the order of an id, or None."""
        return self._orders.get(order_id)

    def find(self, account: str, symbol: str, order_id: str | None, client_order_id: str | None) -> OrderRecord | None:
        """Return an account's order of a symbol by its id, else by its client id, as it really stands; or None."""
        if order_id is not None:
            order = self._orders.get(order_id)
            is_his = order is not None and order.request.account == account and order.symbol == symbol
            return order if is_his else None
        found = [order for order in self.of_client_id(account, client_order_id or "") if order.symbol == symbol]
        if not found:
            return None
        return found[0 if self._finds_first else -1]

    def of_client_id(self, account: str, client_order_id: str) -> list[OrderRecord]:
        """Return an account's orders of a client id, oldest first."""
        return self._by_client_id.get((account, client_order_id), [])

    def open_of(self, account: str) -> dict[str, OrderRecord]:
        """Return an account's open orders by their ids, oldest first."""
        return self._open[account]

    def seen_open(self, account: str, at_ms: int | None) -> list[OrderView]:
        """Return the orders that were open at a moment, oldest first."""
        orders: Iterable[OrderRecord] = self._open[account].values()
        if at_ms is not None:
            late = []
            for finished_ms, order in reversed(self._finished[account].values()):
                if finished_ms <= at_ms:
                    break
                late.append(order)
            orders = sorted((*orders, *late), key=lambda order: order.number)
        views = (order.view(at_ms) for order in orders)
        return [view for view in views if view is not None and not view.status.is_terminal]

    def created(self, account: str, symbol: str, start_ms: int, end_ms: int, at_ms: int | None) -> list[OrderView]:
        """Return the orders that were created in [start_ms, end_ms] of the exchange's time, newest first."""
        views = []
        for order in reversed(self._by_account[account].values()):
            if order.created_ms < start_ms - self._clock.jumps_ms:
                break
            if order.symbol == symbol and start_ms <= order.created_ms <= end_ms:
                view = order.view(at_ms)
                if view is not None:
                    views.append(view)
        return views

    def finished(self, account: str, symbol: str, start_ms: int, end_ms: int, at_ms: int | None) -> list[OrderView]:
        """Return the orders that finished in [start_ms, end_ms] of the exchange's time, the last one first."""
        views = []
        for finished_ms, order in reversed(self._finished[account].values()):
            ended_ms = order.updated_ms or order.created_ms
            if ended_ms < start_ms - self._clock.jumps_ms:
                break
            is_seen = at_ms is None or finished_ms <= at_ms
            if is_seen and order.symbol == symbol and start_ms <= ended_ms <= end_ms:
                views.append(order.views[-1])
        return views

    def fills(self, account: str, start_ms: int, end_ms: int, at_ms: int | None) -> Iterator[Fill]:
        """Yield the fills of [start_ms, end_ms] of the exchange's time, newest first."""
        for filled_ms, fill in reversed(self._fills[account].values()):
            if fill.time_ms < start_ms - self._clock.jumps_ms:
                return
            if start_ms <= fill.time_ms <= end_ms and (at_ms is None or filled_ms <= at_ms):
                yield fill
