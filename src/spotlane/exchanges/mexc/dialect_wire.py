"""How orders and trades look on the wire: member names, order and types as observed."""

from __future__ import annotations

from decimal import Decimal

from spotlane.sandbox.money import ZERO, exact, plain
from spotlane.sandbox.records import Fill, OrderRecord, OrderView
from spotlane.sandbox.rows import row_text


def ack(order: OrderRecord, symbol: str) -> dict[str, object]:
    """Return the reply to a placed order: no status, no fills, no client id."""
    return {
        "symbol": symbol,
        "orderId": order.order_id,
        "orderListId": -1,
        "price": _text(order.price),
        "origQty": _text(order.quantity),
        "type": _type(order),
        "side": order.side.value,
        "stpMode": order.request.as_received.get("stpMode", ""),
        "transactTime": order.created_ms,
    }


def order_text(view: OrderView, symbol: str, *, no_client_id: str | None) -> str:
    """Return order_row() as JSON."""
    record = view.record
    basis = (record.request, record.cancel_reason, symbol)
    return row_text(view, no_client_id, basis, lambda: order_row(view, symbol, no_client_id=no_client_id))


def order_row(view: OrderView, symbol: str, *, no_client_id: str | None) -> dict[str, object]:
    """Return an order as queries show it; no_client_id stands where the caller gave none."""
    record = view.record
    created_ms, updated_ms = record.created_ms, view.updated_ms
    if view.status.is_terminal:
        created_ms = _whole_seconds(created_ms)
        updated_ms = None if updated_ms is None else _whole_seconds(updated_ms)
    row: dict[str, object] = {
        "symbol": symbol,
        "orderId": record.order_id,
        "orderListId": -1,
        "clientOrderId": record.client_order_id or no_client_id,
        "price": _text(record.price),
        "origQty": _text(record.quantity),
        "executedQty": plain(view.filled_quantity),
        "cummulativeQuoteQty": plain(view.filled_quote_quantity),
        "status": view.status.value,
        "stpMode": record.request.as_received.get("stpMode", ""),
        "timeInForce": None,
        "type": _type(record),
        "side": record.side.value,
        "stopPrice": None,
        "icebergQty": None,
        "time": created_ms,
        "updateTime": updated_ms,
        "isWorking": True,
        "origQuoteOrderQty": _text(_quote_size(record)),
    }
    if record.cancel_reason is not None and view.status.is_terminal:
        row["cancelReason"] = record.cancel_reason
    return row


def canceled(before: OrderView, symbol: str) -> dict[str, object]:
    """Return the reply to a cancel: the order as it stood before."""
    record = before.record
    return {
        "symbol": symbol,
        "origClientOrderId": record.client_order_id,
        "orderId": record.order_id,
        "clientOrderId": record.client_order_id,
        "price": _text(record.price),
        "origQty": _text(record.quantity),
        "executedQty": plain(before.filled_quantity),
        "cummulativeQuoteQty": plain(before.filled_quote_quantity),
        "status": before.status.value,
        "type": _type(record),
        "side": record.side.value,
    }


def cancel_row(before: OrderView, symbol: str) -> dict[str, object]:
    """Return one element of the reply to a cancel of all orders: the client id is missing there."""
    record = before.record
    return {
        "symbol": symbol,
        "orderId": record.order_id,
        "price": _text(record.price),
        "origQty": _text(record.quantity),
        "type": _type(record),
        "side": record.side.value,
        "executedQty": plain(before.filled_quantity),
        "cummulativeQuoteQty": plain(before.filled_quote_quantity),
        "status": before.status.value,
    }


def trade_text(fill: Fill, symbol: str) -> str:
    """Return trade_row() as JSON."""
    return row_text(fill, None, (symbol,), lambda: trade_row(fill, symbol))


def trade_row(fill: Fill, symbol: str) -> dict[str, object]:
    """Return a fill; its client id is always null and its time in whole seconds."""
    return {
        "symbol": symbol,
        "id": f"{fill.order_id.removeprefix('C02__')}{fill.trade_id:06d}X1",
        "orderId": fill.order_id,
        "orderListId": -1,
        "price": plain(fill.price),
        "qty": plain(fill.quantity),
        "quoteQty": plain(fill.quote_quantity),
        "commission": plain(fill.fee),
        "commissionAsset": fill.fee_asset,
        "time": _whole_seconds(fill.time_ms),
        "isBuyer": fill.side.value == "BUY",
        "isMaker": fill.is_maker,
        "isBestMatch": True,
        "isSelfTrade": fill.is_self_trade,
        "clientOrderId": None,
    }


def _type(order: OrderRecord) -> str:
    return order.request.as_received["type"]


def _text(value: Decimal | None) -> str:
    return plain(ZERO if value is None else value)


@exact
def _quote_size(order: OrderRecord) -> Decimal:
    given = order.request.quote_quantity
    return (order.price or ZERO) * (order.quantity or ZERO) if given is None else given


def _whole_seconds(time_ms: int) -> int:
    return time_ms // 1000 * 1000
