"""How orders and trades look on the wire: member names and their order as documented."""

from __future__ import annotations

from decimal import Decimal

from spotlane.exchanges.binance.dialect_call import Call, wire_name
from spotlane.sandbox.money import ZERO, plain
from spotlane.sandbox.records import Fill, OrderRecord, OrderView
from spotlane.sandbox.rows import row_text
from spotlane.structs.enums import OrderStatus, OrderType, TimeInForce

_PLACES = 8
_ECHOED = ("strategyId", "strategyType")
_STATUSES = {
    OrderStatus.NEW: "NEW",
    OrderStatus.PARTIALLY_FILLED: "PARTIALLY_FILLED",
    OrderStatus.FILLED: "FILLED",
}


def padded(value: Decimal | None) -> str:
    """Return an amount with eight decimals, or with more where it has more."""
    whole, _, places = plain(value or ZERO).partition(".")
    return f"{whole}.{places:0<{_PLACES}}"


def status_of(view: OrderView) -> str:
    """Return the exchange's word for where an order stands."""
    record = view.record
    if view.status in _STATUSES:
        return _STATUSES[view.status]
    if record.cancel_reason == "stp_cancel":
        return "EXPIRED_IN_MATCH"
    return "CANCELED" if record.request.time_in_force is TimeInForce.GTC else "EXPIRED"


def placed(call: Call, record: OrderRecord, mode: str) -> dict[str, object]:
    """Return the reply to a new order in the shape of ACK, RESULT or FULL."""
    row: dict[str, object] = {
        "symbol": _symbol(call, record),
        "orderId": int(record.order_id),
        "orderListId": -1,
        "clientOrderId": record.client_order_id,
        "transactTime": call.stamp(record.created_ms),
    }
    if mode == "ACK":
        return row
    view = record.views[-1]
    row.update(
        price=_price(record),
        origQty=padded(_quantity(view)),
        executedQty=padded(view.filled_quantity),
        origQuoteOrderQty=padded(record.request.quote_quantity),
        cummulativeQuoteQty=padded(view.filled_quote_quantity),
        status=status_of(view),
        timeInForce=record.request.as_received["timeInForce"],
        type=record.request.as_received["type"],
        side=record.side.value,
        workingTime=call.stamp(record.created_ms),
    )
    if mode == "FULL":
        row["fills"] = [
            {
                "price": padded(fill.price),
                "qty": padded(fill.quantity),
                "commission": padded(fill.fee),
                "commissionAsset": fill.fee_asset,
                "tradeId": fill.trade_id,
            }
            for fill in record.fills
        ]
    row["selfTradePreventionMode"] = record.request.as_received["selfTradePreventionMode"]
    return {**row, **_conditional(view)}


def order_text(call: Call, view: OrderView) -> str:
    """Return order_row() as JSON."""
    record = view.record
    basis = (record.request, record.cancel_reason, _symbol(call, record))
    return row_text(view, _unit(call), basis, lambda: order_row(call, view))


def order_row(call: Call, view: OrderView) -> dict[str, object]:
    """Return an order as queries show it."""
    record = view.record
    given = record.request.as_received
    created = call.stamp(record.created_ms)
    return {
        "symbol": _symbol(call, record),
        "orderId": int(record.order_id),
        "orderListId": -1,
        "clientOrderId": record.client_order_id,
        "price": _price(record),
        "origQty": padded(_quantity(view)),
        "executedQty": padded(view.filled_quantity),
        "cummulativeQuoteQty": padded(view.filled_quote_quantity),
        "status": status_of(view),
        "timeInForce": given["timeInForce"],
        "type": given["type"],
        "side": record.side.value,
        "stopPrice": padded(ZERO),
        "icebergQty": padded(ZERO),
        "time": created,
        "updateTime": created if view.updated_ms is None else call.stamp(view.updated_ms),
        "isWorking": True,
        "workingTime": created,
        "origQuoteOrderQty": padded(record.request.quote_quantity),
        "selfTradePreventionMode": given["selfTradePreventionMode"],
        **_conditional(view),
    }


def canceled(call: Call, record: OrderRecord, cancel_id: str) -> dict[str, object]:
    """Return the reply to a cancel: the order's final state; clientOrderId names the cancel, not the order."""
    view = record.views[-1]
    given = record.request.as_received
    return {
        "symbol": _symbol(call, record),
        "origClientOrderId": record.client_order_id,
        "orderId": int(record.order_id),
        "orderListId": -1,
        "clientOrderId": cancel_id,
        "transactTime": call.stamp(call.now_ms),
        "price": _price(record),
        "origQty": padded(_quantity(view)),
        "executedQty": padded(view.filled_quantity),
        "origQuoteOrderQty": padded(record.request.quote_quantity),
        "cummulativeQuoteQty": padded(view.filled_quote_quantity),
        "status": status_of(view),
        "timeInForce": given["timeInForce"],
        "type": given["type"],
        "side": record.side.value,
        "selfTradePreventionMode": given["selfTradePreventionMode"],
        **_conditional(view),
    }


def trade_text(call: Call, fill: Fill) -> str:
    """Return trade_row() as JSON."""
    basis = (wire_name(call.engine.markets[fill.symbol]),)
    return row_text(fill, _unit(call), basis, lambda: trade_row(call, fill))


def trade_row(call: Call, fill: Fill) -> dict[str, object]:
    """Return a fill."""
    return {
        "symbol": wire_name(call.engine.markets[fill.symbol]),
        "id": fill.trade_id,
        "orderId": int(fill.order_id),
        "orderListId": -1,
        "price": padded(fill.price),
        "qty": padded(fill.quantity),
        "quoteQty": padded(fill.quote_quantity),
        "commission": padded(fill.fee),
        "commissionAsset": fill.fee_asset,
        "time": call.stamp(fill.time_ms),
        "isBuyer": fill.side.value == "BUY",
        "isMaker": fill.is_maker,
        "isBestMatch": True,
    }


def _conditional(view: OrderView) -> dict[str, object]:
    request = view.record.request
    row: dict[str, object] = {name: int(request.as_received[name]) for name in _ECHOED if name in request.as_received}
    if "icebergQty" in request.as_received:
        row["icebergQty"] = request.as_received["icebergQty"]
    if status_of(view) == "EXPIRED":
        if request.order_type is OrderType.MARKET:
            row["expiryReason"] = "INSUFFICIENT_LIQUIDITY"
        elif request.time_in_force is TimeInForce.FOK:
            row["expiryReason"] = "UNFILLED_FOK_ORDER_EXPIRED"
        else:
            row["expiryReason"] = "UNFILLED_IOC_QUANTITY_EXPIRED"
    return row


def _unit(call: Call) -> str:
    return "us" if call.is_microseconds else "ms"


def _symbol(call: Call, record: OrderRecord) -> str:
    return wire_name(call.engine.markets[record.symbol])


def _price(record: OrderRecord) -> str:
    return padded(record.price)


def _quantity(view: OrderView) -> Decimal:
    size = view.record.quantity
    return view.filled_quantity if size is None else size
