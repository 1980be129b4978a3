"""Orders and trades: placing, cancelling, asking."""

from __future__ import annotations

import json
import re
from decimal import Decimal

from spotlane.exchanges.mexc.dialect_call import Call, Params, Refusal, missing, wire_name
from spotlane.exchanges.mexc.dialect_wire import ack, cancel_row, canceled, order_row, order_text, trade_text
from spotlane.sandbox.engine import DAY_MS
from spotlane.sandbox.matching import Market
from spotlane.sandbox.money import floor_quotient, floor_to, plain
from spotlane.sandbox.records import OrderRecord, OrderRequest, Reason, Refused, SelfTrade
from spotlane.sandbox.rows import Rows
from spotlane.structs.enums import OrderType, Side, TimeInForce

_ORDER_DAYS = 7
_TRADE_DAYS = 30
_MAX_BATCH = 20
_MAX_OPEN_ROWS = 1000
_MAX_ORDER_ROWS = 1000
_MAX_TRADE_ROWS = 100
_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)
_TYPES = {
    "LIMIT": (OrderType.LIMIT, TimeInForce.GTC),
    "MARKET": (OrderType.MARKET, TimeInForce.IOC),
    "LIMIT_MAKER": (OrderType.LIMIT_MAKER, TimeInForce.GTC),
    "IMMEDIATE_OR_CANCEL": (OrderType.LIMIT, TimeInForce.IOC),
    "FILL_OR_KILL": (OrderType.LIMIT, TimeInForce.FOK),
}
_STP_MODES = {
    "": SelfTrade.ALLOW,
    "cancel_maker": SelfTrade.CANCEL_MAKER,
    "cancel_taker": SelfTrade.CANCEL_TAKER,
    "cancel_both": SelfTrade.CANCEL_BOTH,
}
_REASONS = {
    Reason.UNKNOWN_SYMBOL: (10007, "bad symbol"),
    Reason.TRADING_PAUSED: (30000, "trading of this symbol is suspended"),
    Reason.API_CLOSED: (10007, "symbol not support api"),
    Reason.SIDE_CLOSED: (30001, "this side is not allowed for the symbol"),
    Reason.TYPE_CLOSED: (30018, "market orders are disabled for the symbol"),
    Reason.MALFORMED: (33333, "Parameter error"),
    Reason.PRICE_PRECISION: (33333, "Parameter error: price"),
    Reason.QUANTITY_PRECISION: (33333, "Parameter error: quantity"),
    Reason.PRICE_OUTSIDE_BAND: (30087, "Order price exceeds the allowed range"),
    Reason.TOO_MANY_ORDERS: (30029, "Maximum order limit reached"),
    Reason.NO_COUNTERPARTY: (30025, "No counter-order"),
    Reason.WOULD_TAKE: (30041, "This order type would execute immediately"),
    Reason.DUPLICATE_CLIENT_ID: (603, "Repeated request"),
}
_BOUNDS = {
    Reason.QUANTITY_TOO_SMALL: (30002, "The minimum transaction volume cannot be less than:"),
    Reason.NOTIONAL_TOO_SMALL: (30002, "The minimum transaction volume cannot be less than:"),
    Reason.QUANTITY_TOO_LARGE: (30003, "The maximum transaction volume cannot be greater than:"),
    Reason.NOTIONAL_TOO_LARGE: (30003, "The maximum transaction volume cannot be greater than:"),
}
_ID_BASE = 593_034_730_388_221_952_036


def format_order_id(number: int) -> str:
    """Return the exchange's order id, in the form in use since 2024: C02__ and 21 digits."""
    return f"C02__{_ID_BASE + number}"


def test_order(call: Call) -> object:
    """POST order/test: the checks of an order except for its balance."""
    request = _request(call, call.params)
    try:
        call.engine.check(request)
    except Refused as refused:
        raise _refusal(refused, request) from None
    return {}


def place_order(call: Call) -> object:
    """POST order: a bare acknowledgement."""
    return ack(_place(call, call.params), wire_name(call.market(call.params.required("symbol"))))


def place_batch(call: Call) -> object:
    """POST batchOrders: one element for each order, in order; a refused one carries its code."""
    elements = _batch(call.params.required("batchOrders"))
    if len({element.get("symbol") for element in elements}) > 1:
        raise Refusal(33333, "Parameter error: all orders of a batch are for one symbol")
    results: list[dict[str, object]] = []
    for element in elements:
        client_id = element.get("newClientOrderId") or None
        result: dict[str, object] = {}
        try:
            order = _place(call, Params(element))
            result["symbol"] = element["symbol"]
            result["orderId"] = order.order_id
            if client_id is not None:
                result["newClientOrderId"] = client_id
            result["orderListId"] = -1
        except Refusal as refusal:
            if client_id is not None:
                result["newClientOrderId"] = client_id
            result["msg"] = refusal.message
            result["code"] = refusal.code
        results.append(result)
    return results


def cancel_order(call: Call) -> object:
    """DELETE order: the order as it stood before the cancel."""
    market = call.market(call.params.required("symbol"))
    order_id, client_id = _one_id(call)
    try:
        before = call.engine.cancel(call.account, market.listing.symbol, order_id, client_id)
    except Refused:
        raise Refusal(-2011, "Unknown order sent.") from None
    return canceled(before, wire_name(market))


def cancel_open_orders(call: Call) -> object:
    """DELETE openOrders: the orders of up to five symbols as they stood before."""
    markets = {market.listing.symbol: market for market in call.markets(call.params.required("symbol"))}
    before = call.engine.cancel_all(call.account, markets)
    return [cancel_row(view, wire_name(markets[view.record.symbol])) for view in before]


def cancel_everything(call: Call) -> object:
    """DELETE order/all: names no orders."""
    call.engine.cancel_all(call.account)
    return {"code": 200, "msg": "success", "timestamp": call.now_ms}


def get_order(call: Call) -> object:
    """GET order: by orderId or origClientOrderId, of the last seven days."""
    market = call.market(call.params.required("symbol"))
    order_id, client_id = _one_id(call)
    view = call.engine.order(call.account, market.listing.symbol, order_id, client_id)
    if view is None or view.record.created_ms < call.now_ms - _ORDER_DAYS * DAY_MS:
        raise Refusal(-2013, "Order does not exist.", extra={"_extend": None})
    return order_row(view, wire_name(market), no_client_id=None)


def get_open_orders(call: Call) -> object:
    """GET openOrders: of all symbols or up to five."""
    given = call.params.text("symbol")
    markets = list(call.engine.markets.values()) if given is None else call.markets(given)
    names = {market.listing.symbol: wire_name(market) for market in markets}
    views = call.engine.open_orders(call.account, names)[:_MAX_OPEN_ROWS]
    return Rows(order_text(view, names[view.record.symbol], no_client_id="") for view in views)


def get_all_orders(call: Call) -> object:
    """GET allOrders: the last 24 hours unless told otherwise, never more than seven days back; newest first."""
    market = call.market(call.params.required("symbol"))
    start_ms, end_ms = _window(call, default_days=1, reach_days=_ORDER_DAYS)
    limit = _limit(call, 500, _MAX_ORDER_ROWS)
    views = call.engine.order_history(call.account, market.listing.symbol, start_ms, end_ms)
    return Rows(order_text(view, wire_name(market), no_client_id=None) for view in views[:limit])


def get_trades(call: Call) -> object:
    """GET myTrades: the last month, at most 100 rows, newest first."""
    market = call.market(call.params.required("symbol"))
    start_ms, end_ms = _window(call, default_days=_TRADE_DAYS, reach_days=_TRADE_DAYS)
    limit = _limit(call, _MAX_TRADE_ROWS, _MAX_TRADE_ROWS)
    fills = call.engine.trades(
        call.account, market.listing.symbol, start_ms, end_ms, order_id=call.params.text("orderId")
    )
    return Rows(trade_text(fill, wire_name(market)) for fill in fills[:limit])


def _batch(text: str) -> list[dict[str, str]]:
    try:
        parsed = json.loads(text, parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        raise Refusal(33333, "Parameter error: batchOrders") from None
    well_formed = isinstance(parsed, list) and all(
        isinstance(element, dict) and all(isinstance(value, str) for value in element.values()) for element in parsed
    )
    if not well_formed or not 1 <= len(parsed) <= _MAX_BATCH:
        raise Refusal(33333, "Parameter error: batchOrders")
    return [dict(element) for element in parsed]


def _one_id(call: Call) -> tuple[str | None, str | None]:
    order_id, client_id = call.params.text("orderId"), call.params.text("origClientOrderId")
    if order_id is None and client_id is None:
        raise Refusal(700004, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
    return order_id, client_id


def _limit(call: Call, default: int, highest: int) -> int:
    limit = call.params.integer("limit")
    return default if not limit else min(limit, highest)


def _window(call: Call, *, default_days: int, reach_days: int) -> tuple[int, int]:
    start_ms, end_ms = call.params.integer("startTime"), call.params.integer("endTime")
    last_ms = call.now_ms if end_ms is None else end_ms
    first_ms = last_ms - default_days * DAY_MS if start_ms is None else start_ms
    return max(first_ms, call.now_ms - reach_days * DAY_MS), last_ms


def _place(call: Call, params: Params) -> OrderRecord:
    request = _request(call, params)
    try:
        return call.engine.place(request)
    except Refused as refused:
        raise _refusal(refused, request) from None


def _request(call: Call, params: Params) -> OrderRequest:
    market = call.find_market(params.required("symbol"))
    if market is None:
        raise Refusal(10007, "bad symbol")
    if not call.owner.may_trade(market.listing.symbol):
        raise Refusal(70011, "This key may not trade the symbol")
    side_text, type_text = params.required("side"), params.required("type")
    if side_text not in Side.__members__:
        raise Refusal(33333, "Parameter error: side")
    if type_text not in _TYPES:
        raise Refusal(33333, "Parameter error: type")
    stp_text = params.text("stpMode") or ""
    if stp_text not in _STP_MODES:
        raise Refusal(33333, "Parameter error: stpMode")
    client_id = params.text("newClientOrderId")
    if client_id is not None and not _CLIENT_ID.fullmatch(client_id):
        raise Refusal(700008, "Illegal characters found in parameter 'newClientOrderId'.")
    side = Side[side_text]
    order_type, time_in_force = _TYPES[type_text]
    quantity, quote_quantity, price = _size(call, params, market, side, order_type)
    return OrderRequest(
        account=call.account,
        symbol=market.listing.symbol,
        side=side,
        order_type=order_type,
        time_in_force=time_in_force,
        quantity=quantity,
        quote_quantity=quote_quantity,
        price=price,
        client_order_id=client_id,
        self_trade=_STP_MODES[stp_text] if call.settings.stp_group else SelfTrade.ALLOW,
        as_received=params.values,
    )


def _size(
    call: Call, params: Params, market: Market, side: Side, order_type: OrderType
) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    listing = market.listing
    quantity, price = params.decimal("quantity"), params.decimal("price")
    if call.settings.truncate_precision:
        quantity = None if quantity is None else floor_to(quantity, listing.lot)
        price = None if price is None else floor_to(price, listing.tick)
    if order_type is not OrderType.MARKET:
        if quantity is None or price is None:
            raise missing("quantity" if quantity is None else "price")
        return quantity, None, price
    quote_quantity = params.decimal("quoteOrderQty")
    if quantity is not None and quote_quantity is not None:
        raise Refusal(-1128, "Combination of optional parameters invalid.")
    if quantity is None and quote_quantity is None:
        raise missing("quantity")
    best = market.book.best_price(side.opposite)
    if best is None:
        raise Refusal(30025, "No counter-order")
    away = call.settings.market_protection * (1 if side is Side.BUY else -1)
    worst = max(floor_to(best * (1 + away), listing.tick), listing.tick)
    if quote_quantity is None:
        return quantity, None, worst
    sized = floor_quotient(quote_quantity, worst, listing.lot)
    if not sized:
        raise Refusal(30002, f"{_BOUNDS[Reason.NOTIONAL_TOO_SMALL][1]}{plain(listing.min_notional)}{listing.quote}")
    return sized, quote_quantity, worst


def _refusal(refused: Refused, request: OrderRequest) -> Refusal:
    if refused.reason is Reason.INSUFFICIENT_BALANCE:
        return Refusal(30004, "Insufficient position") if request.side is Side.BUY else Refusal(30005, "Oversold")
    if refused.reason is Reason.TYPE_CLOSED and request.order_type is not OrderType.MARKET:
        return Refusal(30041, "This order type is not allowed now")
    if refused.reason in _BOUNDS:
        code, text = _BOUNDS[refused.reason]
        return Refusal(code, f"{text}{plain(refused.limit or Decimal(0))}{refused.asset}")
    code, text = _REASONS[refused.reason]
    return Refusal(code, text)
