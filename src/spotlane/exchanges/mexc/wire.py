"""MEXC's wire format for orders and trades: what goes out, what comes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from spotlane._core import forms
from spotlane._core.decoding import Decoder, choice, flag, number, symbol, text, timestamp
from spotlane._core.echoes import Echo
from spotlane._core.encoding import QueryTemplate
from spotlane.exchanges._json import load_object, whole
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

# What an order whose time in force was left open is placed with.
_IMPLIED = {kind: _TYPES_IN[word][1] for (kind, time_in_force), word in _TYPES_OUT.items() if time_in_force is None}

PLACE_QUERY = forms.query_form(
    OrderParams,
    forms.given("symbol"),
    forms.word("side", "side", {side: word for word, side in _SIDES.items()}),
    forms.word("type", ("order_type", "time_in_force"), _TYPES_OUT),
    forms.amount("quantity", "quantity"),
    forms.amount("quoteOrderQty", "quote_quantity"),
    forms.amount("price", "price"),
    forms.given("newClientOrderId"),
    forms.text("stpMode", "self_trade_prevention"),
)
ORDER_QUERY = QueryTemplate(("symbol", "orderId", "origClientOrderId"))
SYMBOL_QUERY = QueryTemplate(("symbol",))
ORDERS_QUERY = QueryTemplate(("symbol", "startTime", "endTime", "limit"))
TRADES_QUERY = QueryTemplate(("symbol", "orderId", "startTime", "endTime", "limit"))

_TYPE = choice("type", ("order_type", "time_in_force"), _TYPES_IN, unknown=(OrderType.OTHER, None), raw="raw_type")
_IS_MARKET = ("order_type", OrderType.MARKET)

_ORDER = Decoder(
    Order,
    "order",
    columns=(
        symbol("symbol"),
        text("orderId", "order_id"),
        text("clientOrderId", "client_order_id"),
        # That of a MARKET order is a protection price, not one that was asked or traded at.
        number("price", "price", unless=_IS_MARKET),
        number("origQty", "quantity"),
        # Told of every order, but only a MARKET order is sized by it.
        number("origQuoteOrderQty", "quote_quantity", zero_is_none=True, where=_IS_MARKET),
        number("executedQty", "filled_quantity"),
        number("cummulativeQuoteQty", "filled_quote_quantity"),
        choice("status", "status", _STATUSES, unknown=OrderStatus.UNKNOWN, raw="raw_status"),
        _TYPE,
        choice("side", "side", _SIDES),
        timestamp("time", "created_ms"),
        timestamp("updateTime", "updated_ms"),
    ),
    constants=EXCHANGE,
    required=("status", "order_type", "filled_quantity"),
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
        number("price", "price"),
        number("origQty", "quantity"),
        text("type", "raw_type"),
        choice("side", "side", _SIDES),
        timestamp("transactTime", "created_ms"),
    ),
    constants=EXCHANGE,
    # No other reply has a transactTime: without it, that to a cancel would do for an acknowledgement.
    required=("created_ms",),
)
# Its price is compared where one was sent; of a MARKET order it is one that nobody asked for. The type may be wrong.
_ECHO = Echo(
    _PLACED,
    OrderParams,
    ("side", "price", "quantity"),
    optional=("price", "quantity"),
    taken=("client_order_id", "order_type", "time_in_force", "price", "quantity", "quote_quantity"),
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
    return PLACE_QUERY.fill(params, wire_symbol, client_order_id)


def read_order(body: bytes, symbols: Mapping[str, Symbol], on_unknown: Callable[[str, str], None]) -> Order:
    """Read one order."""
    return _ORDER.one(body, symbols, on_unknown=on_unknown)


def read_orders(body: bytes, symbols: Mapping[str, Symbol], on_unknown: Callable[[str, str], None]) -> list[Order]:
    """Read an array of orders."""
    return _ORDER.many(body, symbols, on_unknown=on_unknown)


def read_placed(body: bytes, intent: Intent) -> Order:
    """Read an acknowledgement, which carries neither status nor client id, and fill it up from the intent.

    Raises DecodeError where symbol, side, price or base quantity are not those that were sent: it is then the reply to
    something else.
    """
    params = intent.params
    sent = params.replace(
        client_order_id=intent.client_order_id,
        time_in_force=params.time_in_force or _IMPLIED[params.order_type],
    )
    return _ECHO.settle(_PLACED.one(body, {intent.rules.wire: params.symbol}), sent)


def read_time_ms(body: bytes) -> int:
    """Read MEXC's clock."""
    return whole(load_object(body), "serverTime")
