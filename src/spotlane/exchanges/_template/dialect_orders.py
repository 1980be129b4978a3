"""Time, symbols, balances, orders and trades."""

from __future__ import annotations

from decimal import Decimal

from spotlane.exchanges._template.dialect_call import Call, Refusal, malformed, refusal
from spotlane.sandbox.matching import Market
from spotlane.sandbox.money import plain
from spotlane.sandbox.records import Fill, OrderRecord, OrderRequest, OrderView, Reason, Refused
from spotlane.structs.enums import OrderType, Side, TimeInForce

# FILL: each handler from the exchange's documentation: names, types and order of checks. The engine does the rest, and
# it shows reads the state of a moment ago where a test wants that: answer them from its views, not from its records.
_TYPES = ("LIMIT", "MARKET", "LIMIT_MAKER")


def server_time(call: Call) -> object:
    """GET time."""
    return {"time": call.engine.clock.now_ms()}


def symbols(call: Call) -> object:
    """GET symbols."""
    return [_symbol(market) for market in call.engine.markets.values()]


def balances(call: Call) -> object:
    """GET balances."""
    return [
        {"asset": asset, "available": plain(holding.available), "locked": plain(holding.locked)}
        for asset, holding in call.engine.balances(call.account).items()
        if holding.total
    ]


def fee(call: Call) -> object:
    """GET fee."""
    listing = call.market().listing
    return {"symbol": _wire(listing.symbol), "maker": plain(listing.maker_fee), "taker": plain(listing.taker_fee)}


def place(call: Call) -> object:
    """POST order: the order as it stands after matching."""
    try:
        return _row(_view(call.engine.place(_request(call))))
    except Refused as refused:
        raise refusal(refused) from None


def cancel(call: Call) -> object:
    """DELETE order: the order as it ended."""
    try:
        before = call.engine.cancel(call.account, call.market().listing.symbol, *_ids(call))
    except Refused as refused:
        raise refusal(refused) from None
    return _row(_view(before.record))


def cancel_all(call: Call) -> object:
    """DELETE orders/open: the orders as they ended."""
    before = call.engine.cancel_all(call.account, [call.market().listing.symbol])
    return [_row(_view(view.record)) for view in before]


def order(call: Call) -> object:
    """GET order."""
    view = call.engine.order(call.account, call.market().listing.symbol, *_ids(call))
    if view is None:
        raise refusal(Refused(Reason.UNKNOWN_ORDER))
    return _row(view)


def open_orders(call: Call) -> object:
    """GET orders/open: of one symbol or of all."""
    wanted = None if call.params.text("symbol") is None else [call.market().listing.symbol]
    return [_row(view) for view in call.engine.open_orders(call.account, wanted)]


def history(call: Call) -> object:
    """GET orders: those created in the window, newest first."""
    first_ms, last_ms, limit = call.window()
    views = call.engine.order_history(call.account, call.market().listing.symbol, first_ms, last_ms)
    return [_row(view) for view in views[:limit]]


def trades(call: Call) -> object:
    """GET trades: newest first."""
    first_ms, last_ms, limit = call.window()
    fills = call.engine.trades(
        call.account, call.market().listing.symbol, first_ms, last_ms, order_id=call.params.text("order_id")
    )
    return [_trade(fill) for fill in fills[:limit]]


def _request(call: Call) -> OrderRequest:
    params = call.params
    side, kind = params.required("side"), params.required("type")
    time_in_force = params.text("time_in_force") or ("IOC" if kind == "MARKET" else "GTC")
    for name, value, known in (
        ("side", side, tuple(Side.__members__)),
        ("type", kind, _TYPES),
        ("time_in_force", time_in_force, tuple(TimeInForce.__members__)),
    ):
        if value not in known:
            raise malformed(name)
    symbol = call.market().listing.symbol
    if not call.owner.may_trade(symbol):
        raise Refusal("no_permission", f"the key is not open for {_wire(symbol)}", status=403)
    quantity, quote_quantity = params.decimal("quantity"), params.decimal("quote_quantity")
    if (quantity is None) == (quote_quantity is None) or (quantity is None and kind != "MARKET"):
        raise malformed("quantity")
    return OrderRequest(
        account=call.account,
        symbol=symbol,
        side=Side[side],
        order_type=OrderType[kind],
        time_in_force=TimeInForce[time_in_force],
        quantity=quantity,
        quote_quantity=quote_quantity,
        price=params.decimal("price"),
        client_order_id=params.required("client_id"),
    )


def _ids(call: Call) -> tuple[str | None, str | None]:
    order_id, client_id = call.params.text("id"), call.params.text("client_id")
    if (order_id is None) == (client_id is None):
        raise malformed("id")
    return order_id, client_id


def _symbol(market: Market) -> dict[str, object]:
    listing = market.listing
    return {
        "symbol": _wire(listing.symbol),
        "base": listing.base,
        "quote": listing.quote,
        "tick": plain(listing.tick),
        "lot": plain(listing.lot),
        "min_quantity": plain(listing.min_quantity),
        "max_quantity": _text(listing.max_quantity),
        "min_notional": plain(listing.min_notional),
        "max_notional": plain(listing.max_notional),
        "sides": sorted(side.value for side in listing.sides),
        "types": sorted(kind.value for kind in listing.order_types),
        "status": "open" if listing.is_online and listing.is_open_to_api else "closed",
    }


def _row(view: OrderView) -> dict[str, object]:
    record = view.record
    request = record.request
    return {
        "symbol": _wire(record.symbol),
        "id": record.order_id,
        "client_id": record.client_order_id,
        "side": record.side.value,
        "type": request.order_type.value,
        "time_in_force": request.time_in_force.value,
        "status": view.status.value,
        "price": _text(record.price),
        "quantity": _text(record.quantity),
        "quote_quantity": _text(request.quote_quantity),
        "filled": plain(view.filled_quantity),
        "filled_quote": plain(view.filled_quote_quantity),
        "created": record.created_ms,
        "updated": view.updated_ms,
    }


def _trade(fill: Fill) -> dict[str, object]:
    return {
        "symbol": _wire(fill.symbol),
        "id": f"{fill.trade_id}-{fill.order_id}",
        "order_id": fill.order_id,
        "client_id": fill.client_order_id,
        "side": fill.side.value,
        "price": plain(fill.price),
        "quantity": plain(fill.quantity),
        "quote_quantity": plain(fill.quote_quantity),
        "fee": plain(fill.fee),
        "fee_asset": fill.fee_asset,
        "maker": fill.is_maker,
        "time": fill.time_ms,
    }


def _view(record: OrderRecord) -> OrderView:
    return record.views[-1]


def _wire(symbol: str) -> str:
    return symbol.replace("/", "-")


def _text(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)
