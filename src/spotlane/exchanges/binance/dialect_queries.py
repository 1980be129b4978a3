"""Asking for orders and trades."""

from __future__ import annotations

from spotlane.exchanges.binance.dialect_call import Call, Refusal
from spotlane.exchanges.binance.dialect_orders import order_ids
from spotlane.exchanges.binance.dialect_wire import order_row, order_text, trade_text
from spotlane.sandbox.engine import DAY_MS
from spotlane.sandbox.records import Fill, OrderView
from spotlane.sandbox.rows import Rows
from spotlane.structs.enums import OrderStatus

_DEFAULT_ROWS, _MAX_ROWS = 500, 1000
_ARCHIVED_MS = 90 * DAY_MS
_TRADE_FILTERS = ("orderId", "startTime", "endTime", "fromId")
_TRADE_SETS = (
    frozenset[str](),
    frozenset({"orderId"}),
    frozenset({"startTime"}),
    frozenset({"endTime"}),
    frozenset({"startTime", "endTime"}),
    frozenset({"fromId"}),
    frozenset({"orderId", "fromId"}),
)


def open_orders_weight(names: frozenset[str]) -> int:
    """Return the weight of GET openOrders."""
    return 6 if "symbol" in names else 80


def trades_weight(names: frozenset[str]) -> int:
    """Return the weight of GET myTrades."""
    return 5 if "orderId" in names else 20


def get_order(call: Call) -> object:
    """GET order: by orderId, origClientOrderId, or both where they belong together."""
    symbol = call.market().listing.symbol
    order_id, client_id = order_ids(call.params)
    view = call.engine.order(call.account, symbol, order_id, client_id)
    if view is None:
        raise Refusal(-2013, "Order does not exist.")
    if client_id not in (None, view.record.client_order_id):
        raise Refusal(-2039, "Client order id is not correct for this order id.")
    if _is_archived(call, view):
        text = "Order was canceled or expired with no executed qty over 90 days ago and has been archived."
        raise Refusal(-2026, text)
    return order_row(call, view)


def get_open_orders(call: Call) -> object:
    """GET openOrders: of one symbol or of all."""
    market = call.optional_market()
    views = call.engine.open_orders(call.account, None if market is None else [market.listing.symbol])
    return Rows(order_text(call, view) for view in views)


def get_all_orders(call: Call) -> object:
    """GET allOrders: oldest first; the latest ones, those from an orderId on, or those of at most 24 hours."""
    symbol = call.market().listing.symbol
    first_id = call.params.integer("orderId")
    limit = call.params.limit(_DEFAULT_ROWS, _MAX_ROWS)
    start_ms, end_ms = _window(call)
    views: list[OrderView] = [
        view
        for view in reversed(call.engine.order_history(call.account, symbol, start_ms, end_ms))
        if not _is_archived(call, view) and (first_id is None or int(view.record.order_id) >= first_id)
    ]
    is_forward = first_id is not None or "startTime" in call.params.values
    return Rows(order_text(call, view) for view in (views[:limit] if is_forward else views[-limit:]))


def get_trades(call: Call) -> object:
    """GET myTrades: oldest first; the latest ones, those of an order, from an id on, or of at most 24 hours."""
    params = call.params
    symbol = call.market().listing.symbol
    if params.given(*_TRADE_FILTERS) not in _TRADE_SETS:
        raise Refusal(-1128, "Combination of optional parameters invalid.")
    order_id, first_id = params.integer("orderId"), params.integer("fromId")
    limit = params.limit(_DEFAULT_ROWS, _MAX_ROWS)
    start_ms, end_ms = _window(call)
    wanted = None if order_id is None else str(order_id)
    fills: list[Fill] = [
        fill
        for fill in reversed(call.engine.trades(call.account, symbol, start_ms, end_ms, wanted))
        if first_id is None or fill.trade_id >= first_id
    ]
    is_forward = first_id is not None or "startTime" in params.values
    return Rows(trade_text(call, fill) for fill in (fills[:limit] if is_forward else fills[-limit:]))


def _window(call: Call) -> tuple[int, int]:
    """Return the span that was asked for: 24 hours from one bound where only one is given, all times without any."""
    start_ms, end_ms = (call.params.time_ms(name, call.now_ms) for name in ("startTime", "endTime"))
    if start_ms is not None and end_ms is not None:
        if end_ms - start_ms > DAY_MS:
            raise Refusal(-1127, "More than 24 hours between startTime and endTime.")
        return start_ms, end_ms
    if start_ms is not None:
        return start_ms, start_ms + DAY_MS
    return (0, call.now_ms) if end_ms is None else (end_ms - DAY_MS, end_ms)


def _is_archived(call: Call, view: OrderView) -> bool:
    is_dead = view.status.is_terminal and view.status is not OrderStatus.FILLED and not view.filled_quantity
    return is_dead and call.now_ms - (view.updated_ms or view.record.created_ms) > _ARCHIVED_MS
