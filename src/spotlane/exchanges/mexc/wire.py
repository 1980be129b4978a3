"""MEXC's wire format for orders and trades: what goes out, what comes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from spotlane._core.decoding import Decoder, choice, flag, number, symbol, text, timestamp
from spotlane._core.encoding import QueryTemplate
from spotlane.exchanges._json import load_object, require_echo, whole
from spotlane.safety import Intent
from spotlane.structs import (
    AssetBalance,
    Order,
    OrderParams,
    OrderStatus,
    OrderType,
    Side,
    Symbol,
    TimeInForce,
    Trade,
)

EXCHANGE = MappingProxyType({"exchange": "mexc"})

# Time in force is the type on MEXC: a timeInForce parameter is ignored, and the order rests.
_TYPES_OUT: Mapping[tuple[OrderType, TimeInForce | None], str] = {
    (OrderType.LIMIT, None): "LIMIT",
    (OrderType.LIMIT, TimeInForce.GTC): "LIMIT",
    (OrderType.LIMIT, TimeInForce.IOC): "IMMEDIATE_OR_CANCEL",
    (OrderType.LIMIT, TimeInForce.FOK): "FILL_OR_KILL",
    (OrderType.LIMIT_MAKER, None): "LIMIT_MAKER",
    (OrderType.LIMIT_MAKER, TimeInForce.GTC): "LIMIT_MAKER",
    (OrderType.MARKET, None): "MARKET",
    (OrderType.MARKET, TimeInForce.IOC): "MARKET",
}

_TYPES_IN = {
    "LIMIT": (OrderType.LIMIT, TimeInForce.GTC),
    "IMMEDIATE_OR_CANCEL": (OrderType.LIMIT, TimeInForce.IOC),
    "FILL_OR_KILL": (OrderType.LIMIT, TimeInForce.FOK),
    "LIMIT_MAKER": (OrderType.LIMIT_MAKER, TimeInForce.GTC),
    "MARKET": (OrderType.MARKET, TimeInForce.IOC),
    # Can't be placed over the API; seen in answers since November 2025.
    "STOP_MARKET_ORDER": (OrderType.STOP_MARKET, TimeInForce.IOC),
}

_SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}

_STATUSES = {
    "NEW": OrderStatus.NEW,
    "PARTIALLY_FILLED": OrderStatus.PARTIALLY_FILLED,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELED,
    "PARTIALLY_CANCELED": OrderStatus.PARTIALLY_CANCELED,
}

PLACE_QUERY = QueryTemplate(
    ("symbol", "side", "type", "quantity", "quoteOrderQty", "price", "newClientOrderId", "stpMode")
)
ORDER_QUERY = QueryTemplate(("symbol", "orderId", "origClientOrderId"))
SYMBOL_QUERY = QueryTemplate(("symbol",))
ORDERS_QUERY = QueryTemplate(("symbol", "startTime", "endTime", "limit"))
TRADES_QUERY = QueryTemplate(("symbol", "orderId", "startTime", "endTime", "limit"))

_TYPE = choice("type", ("order_type", "time_in_force"), _TYPES_IN, unknown=(OrderType.OTHER, None), raw="raw_type")

_ORDER_COLUMNS = (
    symbol("symbol"),
    text("orderId", "order_id"),
    text("clientOrderId", "client_order_id"),
    number("origQty", "quantity"),
    number("executedQty", "filled_quantity"),
    number("cummulativeQuoteQty", "filled_quote_quantity"),
    choice("status", "status", _STATUSES, unknown=OrderStatus.UNKNOWN, raw="raw_status"),
    _TYPE,
    choice("side", "side", _SIDES),
    timestamp("time", "created_ms"),
    timestamp("updateTime", "updated_ms"),
)
_ORDER_REQUIRED = ("status", "order_type", "filled_quantity")

_ORDER = Decoder(
    Order, "order", columns=(*_ORDER_COLUMNS, number("price", "price")), constants=EXCHANGE, required=_ORDER_REQUIRED
)
# The price of a MARKET order is a protection price, not one that was asked or traded at; and only of a MARKET order is
# the quote amount what it was sized by, although it is told of every order.
_MARKET_ORDER = Decoder(
    Order,
    "market order",
    columns=(*_ORDER_COLUMNS, number("origQuoteOrderQty", "quote_quantity", zero_is_none=True)),
    constants=EXCHANGE,
    required=_ORDER_REQUIRED,
)

# The reply to a cancel shows the order as it was before: neither its status nor its fills are taken for the present.
CANCELLED = Decoder(
    Order,
    "cancelled order",
    columns=(
        symbol("symbol"),
        text("orderId", "order_id"),
        text("origClientOrderId", "client_order_id"),
        number("price", "price"),
        number("origQty", "quantity"),
        text("status", "raw_status"),
        _TYPE,
        choice("side", "side", _SIDES),
    ),
    constants=EXCHANGE,
)

_PLACED = Decoder(
    Order,
    "placed order",
    columns=(
        symbol("symbol"),
        text("orderId", "order_id"),
        number("origQty", "quantity"),
        text("type", "raw_type"),
        choice("side", "side", _SIDES),
        timestamp("transactTime", "created_ms"),
    ),
    constants=EXCHANGE,
)

TRADE = Decoder(
    Trade,
    "trade",
    columns=(
        symbol("symbol"),
        text("id", "trade_id"),
        text("orderId", "order_id"),
        number("price", "price"),
        number("qty", "quantity"),
        number("quoteQty", "quote_quantity"),
        number("commission", "fee"),
        text("commissionAsset", "fee_asset"),
        timestamp("time", "time_ms"),
        flag("isBuyer", "side", Side.BUY, Side.SELL),
        flag("isMaker", "is_maker"),
        text("clientOrderId", "client_order_id"),
    ),
    constants=EXCHANGE,
)

BALANCES = Decoder(
    AssetBalance,
    "balance",
    columns=(text("asset", "asset"), number("free", "available"), number("locked", "locked")),
    within=("balances",),
)


def place_query(wire_symbol: str, params: OrderParams, client_order_id: str) -> bytes:
    """Encode an order that has been checked."""
    return PLACE_QUERY.fill(
        wire_symbol,
        params.side.value,
        _TYPES_OUT[params.order_type, params.time_in_force],
        params.quantity,
        params.quote_quantity,
        params.price,
        client_order_id,
        params.self_trade_prevention,
    )


def read_order(body: bytes, symbols: Mapping[str, Symbol], on_unknown: Callable[[str, str], None]) -> Order:
    """Read one order."""
    order = _ORDER.one(body, symbols, on_unknown=on_unknown)
    return _MARKET_ORDER.one(body, symbols) if order.order_type is OrderType.MARKET else order


def read_orders(body: bytes, symbols: Mapping[str, Symbol], on_unknown: Callable[[str, str], None]) -> list[Order]:
    """Read an array of orders."""
    orders = _ORDER.many(body, symbols, on_unknown=on_unknown)
    if not any(order.order_type is OrderType.MARKET for order in orders):
        return orders
    by_market = _MARKET_ORDER.many(body, symbols)
    return [
        market if order.order_type is OrderType.MARKET else order
        for order, market in zip(orders, by_market, strict=True)
    ]


def read_placed(body: bytes, intent: Intent) -> Order:
    """Read an acknowledgement, which carries neither status nor client id, and fill it up from the intent.

    Its price is not taken over: for a MARKET order it is a protection price that nobody asked for. Raises DecodeError
    where symbol, side or base quantity are not those that were sent: it is then the reply to something else.
    """
    params = intent.params
    told = _PLACED.one(body, {intent.rules.wire: params.symbol})
    require_echo("side", told.side, params.side)
    if params.quantity is not None and told.quantity is not None:
        require_echo("origQty", told.quantity, params.quantity)
    return Order(
        exchange=told.exchange,
        symbol=params.symbol,
        order_id=told.order_id,
        client_order_id=intent.client_order_id,
        side=params.side,
        order_type=params.order_type,
        time_in_force=params.time_in_force or _TYPES_IN[_TYPES_OUT[params.order_type, None]][1],
        status=OrderStatus.UNKNOWN,
        price=params.price,
        quantity=params.quantity,
        quote_quantity=params.quote_quantity,
        created_ms=told.created_ms,
        raw_type=told.raw_type,
    )


def read_time_ms(body: bytes) -> int:
    """Read MEXC's clock."""
    return whole(load_object(body), "serverTime")
