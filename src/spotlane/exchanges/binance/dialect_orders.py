"""Placing and cancelling orders."""

from __future__ import annotations

from decimal import Decimal

from spotlane.exchanges.binance.dialect_access import check_symbol
from spotlane.exchanges.binance.dialect_call import Call, Params, Refusal
from spotlane.exchanges.binance.dialect_filters import check_bounds, check_count, failure
from spotlane.exchanges.binance.dialect_limits import OrderLimits
from spotlane.exchanges.binance.dialect_market import commission_rates
from spotlane.exchanges.binance.dialect_wire import canceled, padded, placed
from spotlane.sandbox.matching import Market
from spotlane.sandbox.records import OrderRequest, Reason, Refused, SelfTrade
from spotlane.structs.enums import OrderStatus, OrderType, Side, TimeInForce

ORDER_PARAMETERS = frozenset(
    {
        "symbol", "side", "type", "timeInForce", "quantity", "quoteOrderQty", "price", "newClientOrderId", "stopPrice",
        "trailingDelta", "icebergQty", "newOrderRespType", "selfTradePreventionMode", "pegPriceType", "pegOffsetType",
        "pegOffsetValue", "strategyId", "strategyType",
    }
)  # fmt: skip
_ID_BASE = 28_457_000_000
_TYPES = {"LIMIT": OrderType.LIMIT, "LIMIT_MAKER": OrderType.LIMIT_MAKER, "MARKET": OrderType.MARKET}
_TYPE_NAMES = {
    "LIMIT": "Limit orders",
    "LIMIT_MAKER": "Limit maker orders",
    "MARKET": "Market orders",
    "STOP_LOSS": "Stop loss orders",
    "STOP_LOSS_LIMIT": "Stop loss limit orders",
    "TAKE_PROFIT": "Take profit orders",
    "TAKE_PROFIT_LIMIT": "Take profit limit orders",
}
_TRIGGERED = ("STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
_PEGS = ("pegPriceType", "pegOffsetType", "pegOffsetValue")
_MODES = ("ACK", "RESULT", "FULL")
_CANCEL_RESTRICTIONS = {
    "ONLY_NEW": OrderStatus.NEW,
    "ONLY_PARTIALLY_FILLED": OrderStatus.PARTIALLY_FILLED,
}
_SELF_TRADE = {
    "NONE": SelfTrade.ALLOW,
    "EXPIRE_MAKER": SelfTrade.CANCEL_MAKER,
    "EXPIRE_TAKER": SelfTrade.CANCEL_TAKER,
    "EXPIRE_BOTH": SelfTrade.CANCEL_BOTH,
}
_ALL_SELF_TRADE_MODES = (*_SELF_TRADE, "DECREMENT", "TRANSFER")
_LEAST_STRATEGY_TYPE = 1_000_000
_FILTERS = {
    Reason.PRICE_PRECISION: "PRICE_FILTER",
    Reason.QUANTITY_PRECISION: "LOT_SIZE",
    Reason.QUANTITY_TOO_SMALL: "LOT_SIZE",
    Reason.QUANTITY_TOO_LARGE: "LOT_SIZE",
    Reason.NOTIONAL_TOO_SMALL: "NOTIONAL",
    Reason.NOTIONAL_TOO_LARGE: "NOTIONAL",
    Reason.PRICE_OUTSIDE_BAND: "PERCENT_PRICE_BY_SIDE",
    Reason.TOO_MANY_ORDERS: "EXCHANGE_MAX_NUM_ORDERS",
}
_REASONS = {
    Reason.TRADING_PAUSED: (-1013, "Market is closed."),
    Reason.API_CLOSED: (-2010, "This symbol is not permitted for this account."),
    Reason.SIDE_CLOSED: (-2010, "This action is disabled on this account."),
    Reason.INSUFFICIENT_BALANCE: (-2010, "Account has insufficient balance for requested action."),
    Reason.NO_COUNTERPARTY: (-2010, "Order book liquidity is less than LOT_SIZE filter minimum quantity."),
    Reason.WOULD_TAKE: (-2010, "Order would immediately match and take."),
    Reason.FOK_UNFILLED: (-2010, "Order book liquidity is less than LOT_SIZE filter minimum quantity."),
    Reason.DUPLICATE_CLIENT_ID: (-2010, "Duplicate order sent."),
}


def format_order_id(number: int) -> str:
    """Return the exchange's order id: digits, beyond what 32 bits hold."""
    return str(_ID_BASE + number)


def test_order(call: Call) -> object:
    """POST order/test: parameters and filters, without balance, book and duplicate ids."""
    wants_rates = call.params.flag("computeCommissionRates")
    market = call.market()
    request, _ = _request(call, market)
    check_bounds(call, market, request)
    try:
        call.engine.check(request)
    except Refused as refused:
        raise _refusal(refused, request) from None
    return commission_rates(market, "ForOrder") if wants_rates else {}


def place_order(call: Call, limits: OrderLimits) -> object:
    """POST order."""
    market = call.market()
    request, mode = _request(call, market)
    check_bounds(call, market, request)
    check_count(call, market)
    limits.check(call.account, call.now_ms)
    try:
        record = call.engine.place(request)
    except Refused as refused:
        raise _refusal(refused, request) from None
    limits.add(record, call.headers, call.now_ms)
    return placed(call, record, mode)


def cancel_order(call: Call) -> object:
    """DELETE order: the final state of the order."""
    params = call.params
    symbol = call.market().listing.symbol
    order_id, client_id = order_ids(params)
    cancel_id = params.client_id("newClientOrderId")
    restriction = params.choice("cancelRestrictions", tuple(_CANCEL_RESTRICTIONS))
    record = call.engine.find(call.account, symbol, order_id, client_id)
    if record is None or client_id not in (None, record.client_order_id):
        raise _unknown()
    # What is to happen just before a cancel happens before its restriction is looked at.
    call.engine.settle("cancel")
    if restriction is not None and record.is_open and record.status is not _CANCEL_RESTRICTIONS[restriction]:
        raise Refusal(-2011, "Order was not canceled due to cancel restrictions.")
    try:
        call.engine.cancel(call.account, symbol, record.order_id)
    except Refused:
        raise _unknown() from None
    return canceled(call, record, cancel_id or call.memory.new_client_id())


def cancel_open_orders(call: Call) -> object:
    """DELETE openOrders: the final state of each; an error where nothing is open."""
    views = call.engine.cancel_all(call.account, [call.market().listing.symbol])
    if not views:
        raise _unknown()
    return [canceled(call, view.record, call.memory.new_client_id()) for view in views]


def order_ids(params: Params) -> tuple[str | None, str | None]:
    """Return orderId and origClientOrderId, of which one at least is given."""
    if not any(params.values.get(name) for name in ("orderId", "origClientOrderId")):
        raise Refusal(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
    order_id = params.integer("orderId")
    return None if order_id is None else str(order_id), params.client_id("origClientOrderId")


def _unknown() -> Refusal:
    return Refusal(-2011, "Unknown order sent.")


def _request(call: Call, market: Market) -> tuple[OrderRequest, str]:
    params = call.params
    check_symbol(call.owner, market.listing.symbol)
    side = _side(params)
    kind = _type(params)
    stamp = _time_in_force(params, kind)
    client_id = params.client_id("newClientOrderId") or call.memory.new_client_id()
    quantity, quote_quantity, price = _size(params, kind)
    iceberg = _iceberg(params, kind, stamp, quantity)
    mode = params.choice("newOrderRespType", _MODES) or ("ACK" if kind == "LIMIT_MAKER" else "FULL")
    self_trade = _self_trade(call)
    request = OrderRequest(
        account=call.account,
        symbol=market.listing.symbol,
        side=side,
        order_type=_TYPES[kind],
        time_in_force=TimeInForce.IOC if kind == "MARKET" else TimeInForce[stamp],
        quantity=quantity,
        quote_quantity=quote_quantity,
        price=price,
        client_order_id=client_id,
        self_trade=_SELF_TRADE[self_trade],
        as_received={
            "type": kind,
            "timeInForce": stamp,
            "selfTradePreventionMode": self_trade,
            **({"icebergQty": padded(iceberg)} if iceberg else {}),
            **_strategy(params),
        },
    )
    return request, mode


def _side(params: Params) -> Side:
    text = params.required("side")
    if text not in Side.__members__:
        raise Refusal(-1117, "Invalid side.")
    return Side[text]


def _type(params: Params) -> str:
    kind = params.required("type")
    if kind not in _TYPE_NAMES:
        raise Refusal(-1116, "Invalid orderType.")
    if kind in _TRIGGERED:
        raise _not_supported("Trailing stop orders" if "trailingDelta" in params.values else _TYPE_NAMES[kind])
    params.forbid("stopPrice", "trailingDelta")
    if params.given(*_PEGS):
        raise _not_supported("Pegged orders")
    return kind


def _time_in_force(params: Params, kind: str) -> str:
    if kind != "LIMIT":
        params.forbid("timeInForce")
        return "GTC"
    text = params.required("timeInForce")
    if text not in TimeInForce.__members__:
        raise Refusal(-1115, "Invalid timeInForce.")
    return text


def _size(params: Params, kind: str) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    if kind != "MARKET":
        params.forbid("quoteOrderQty")
        for name in ("quantity", "price"):
            params.required(name)
        return params.decimal("quantity"), None, params.decimal("price")
    params.forbid("price")
    quantity, quote_quantity = params.decimal("quantity"), params.decimal("quoteOrderQty")
    if quantity is not None and quote_quantity is not None:
        raise Refusal(-1128, "Combination of optional parameters invalid.")
    if quantity is None and quote_quantity is None:
        raise Refusal(-1102, "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!")
    return quantity, quote_quantity, None


def _iceberg(params: Params, kind: str, stamp: str, quantity: Decimal | None) -> Decimal | None:
    if kind == "MARKET":
        params.forbid("icebergQty")
    shown = params.decimal("icebergQty")
    if not shown or quantity is None:
        return None
    if stamp != "GTC":
        raise Refusal(-1013, "Limit iceberg orders must be GTC.")
    if shown > quantity:
        raise Refusal(-1013, "IcebergQty exceeds QTY.")
    return shown


def _self_trade(call: Call) -> str:
    mode = call.params.choice("selfTradePreventionMode", _ALL_SELF_TRADE_MODES) or call.settings.default_self_trade_mode
    if mode not in call.settings.self_trade_modes:
        raise Refusal(-1013, "This symbol does not allow the specified self-trade prevention mode.")
    return mode


def _strategy(params: Params) -> dict[str, str]:
    strategy_type = params.integer("strategyType")
    if strategy_type is not None and strategy_type < _LEAST_STRATEGY_TYPE:
        raise Refusal(-1134, f"strategyType was less than {_LEAST_STRATEGY_TYPE}.")
    given = {"strategyId": params.integer("strategyId"), "strategyType": strategy_type}
    return {name: str(value) for name, value in given.items() if value is not None}


def _not_supported(kind: str) -> Refusal:
    return Refusal(-2010, f"{kind} are not supported for this symbol.")


def _refusal(refused: Refused, request: OrderRequest) -> Refusal:
    reason = refused.reason
    if reason in _FILTERS:
        return failure(_FILTERS[reason])
    if reason is Reason.MALFORMED:
        return failure("PRICE_FILTER" if request.quantity else "LOT_SIZE")
    if reason is Reason.TYPE_CLOSED:
        return _not_supported(_TYPE_NAMES[request.as_received["type"]])
    code, text = _REASONS[reason]
    return Refusal(code, text)
