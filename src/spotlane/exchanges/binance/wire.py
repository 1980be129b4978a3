"""Binance's wire format for orders and trades: what goes out, what comes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, Inexact, InvalidOperation
from types import MappingProxyType

import orjson

from spotlane._core import forms
from spotlane._core.decoding import Decoder, choice, flag, number, symbol, text, timestamp
from spotlane._core.echoes import Echo
from spotlane._core.encoding import QueryTemplate
from spotlane._core.structs import Struct, field, money
from spotlane.errors import DecodeError
from spotlane.exchanges._json import load, load_object, rows, whole
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
    TradingFee,
)

OnUnknown = Callable[[str, str], None]

EXCHANGE = MappingProxyType({"exchange": "binance"})

_EXACT = Context(prec=200, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[Inexact, InvalidOperation])

# A timeInForce is obligatory for LIMIT and refused for the others.
_TYPES_OUT: Mapping[tuple[OrderType, TimeInForce | None], tuple[str, str | None]] = {
    (OrderType.LIMIT, None): ("LIMIT", "GTC"),
    (OrderType.LIMIT, TimeInForce.GTC): ("LIMIT", "GTC"),
    (OrderType.LIMIT, TimeInForce.IOC): ("LIMIT", "IOC"),
    (OrderType.LIMIT, TimeInForce.FOK): ("LIMIT", "FOK"),
    (OrderType.LIMIT_MAKER, None): ("LIMIT_MAKER", None),
    (OrderType.LIMIT_MAKER, TimeInForce.GTC): ("LIMIT_MAKER", None),
    (OrderType.MARKET, None): ("MARKET", None),
    (OrderType.MARKET, TimeInForce.IOC): ("MARKET", None),
}
_TYPE_FIELDS = ("order_type", "time_in_force")

TYPES = {
    "LIMIT": OrderType.LIMIT,
    "MARKET": OrderType.MARKET,
    "LIMIT_MAKER": OrderType.LIMIT_MAKER,
    "STOP_LOSS_LIMIT": OrderType.STOP_LIMIT,
    "STOP_LOSS": OrderType.STOP_MARKET,
    # Stops on the other side of the market, for which there is no type: as STOP_LIMIT they would be placed as stops.
    "TAKE_PROFIT_LIMIT": OrderType.OTHER,
    "TAKE_PROFIT": OrderType.OTHER,
}
_TIMES_IN_FORCE = {"GTC": TimeInForce.GTC, "IOC": TimeInForce.IOC, "FOK": TimeInForce.FOK}
_SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
_STATUSES = {
    "NEW": OrderStatus.NEW,
    "PENDING_NEW": OrderStatus.NEW,
    "PARTIALLY_FILLED": OrderStatus.PARTIALLY_FILLED,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELED,
    "REJECTED": OrderStatus.REJECTED,
    "EXPIRED": OrderStatus.EXPIRED,
    "EXPIRED_IN_MATCH": OrderStatus.EXPIRED,
}
_ENDED_EARLY = (OrderStatus.CANCELED, OrderStatus.EXPIRED)

PLACE_QUERY = forms.query_form(
    OrderParams,
    forms.given("symbol"),
    forms.word("side", "side", {side: word for word, side in _SIDES.items()}),
    forms.word("type", _TYPE_FIELDS, {fields: kind for fields, (kind, _) in _TYPES_OUT.items()}),
    forms.word("timeInForce", _TYPE_FIELDS, {fields: time for fields, (_, time) in _TYPES_OUT.items()}),
    forms.amount("quantity", "quantity"),
    forms.amount("quoteOrderQty", "quote_quantity"),
    forms.amount("price", "price"),
    forms.given("newClientOrderId"),
    forms.amount("icebergQty", "iceberg_quantity"),
    forms.text("selfTradePreventionMode", "self_trade_prevention"),
    forms.constant("newOrderRespType", "FULL"),
)
ORDER_QUERY = QueryTemplate(("symbol", "orderId", "origClientOrderId"))
SYMBOL_QUERY = QueryTemplate(("symbol",))
ORDERS_QUERY = QueryTemplate(("symbol", "startTime", "endTime", "limit"))
TRADES_QUERY = QueryTemplate(("symbol", "orderId", "startTime", "endTime", "limit"))
TRADES_OF_ORDER_QUERY = QueryTemplate(("symbol", "orderId", "fromId", "limit"))
BALANCES_QUERY = QueryTemplate(("omitZeroBalances",)).fill("true")

_STATE = (
    symbol("symbol"),
    text("orderId", "order_id"),
    choice("side", "side", _SIDES),
    choice("type", "order_type", TYPES, unknown=OrderType.OTHER, raw="raw_type"),
    # It is told of a MARKET order, too, which has none.
    choice("timeInForce", "time_in_force", _TIMES_IN_FORCE, unknown=None, unless=("order_type", OrderType.MARKET)),
    choice("status", "status", _STATUSES, unknown=OrderStatus.UNKNOWN, raw="raw_status"),
    number("price", "price", zero_is_none=True),
    number("origQty", "quantity"),
    number("origQuoteOrderQty", "quote_quantity", zero_is_none=True),
    number("executedQty", "filled_quantity"),
)
_SPENT = number("cummulativeQuoteQty", "filled_quote_quantity")
_READ = (
    *_STATE,
    text("clientOrderId", "client_order_id"),
    timestamp("time", "created_ms"),
    timestamp("updateTime", "updated_ms"),
)
_REQUIRED = ("order_type", "status", "quantity", "filled_quantity")

_PLACED = Decoder(
    Order,
    "placed order",
    columns=(*_STATE, _SPENT, text("clientOrderId", "client_order_id"), timestamp("transactTime", "created_ms")),
    constants=EXCHANGE,
    required=(*_REQUIRED, "filled_quote_quantity", "client_order_id", "created_ms"),
)
_ECHO = Echo(_PLACED, OrderParams, ("client_order_id", "side", "order_type", "price", "quantity", "quote_quantity"))
_CANCELLED = Decoder(
    Order,
    "cancelled order",
    # clientOrderId is the cancel's own here.
    columns=(*_STATE, _SPENT, text("origClientOrderId", "client_order_id"), timestamp("transactTime", "updated_ms")),
    constants=EXCHANGE,
    required=(*_REQUIRED, "filled_quote_quantity"),
)
_ORDER = Decoder(
    Order,
    "order",
    columns=(*_READ, _SPENT),
    constants=EXCHANGE,
    required=(*_REQUIRED, "filled_quote_quantity", "created_ms"),
)


class _Spent(Struct):
    __slots__ = ()

    told: Decimal = money(signed=True)


class _Fill(Struct):
    __slots__ = ()

    fee: Decimal = money(signed=True)
    asset: str = field(of=str)


# For the old orders of which Binance no longer knows what they cost, and says so by a negative number.
_OLD_ORDER = Decoder(Order, "order", columns=_READ, constants=EXCHANGE, required=(*_REQUIRED, "created_ms"))
_OLD_SPENT = Decoder(_Spent, "order", columns=(number("cummulativeQuoteQty", "told"),))

_FILL = Decoder(
    _Fill, "fill", columns=(number("commission", "fee"), text("commissionAsset", "asset")), within=("fills",)
)


TRADE = Decoder(
    Trade,
    "trade",
    columns=(
        symbol("symbol"),
        text("id", "trade_id"),
        text("orderId", "order_id"),
        flag("isBuyer", "side", Side.BUY, Side.SELL),
        number("price", "price"),
        number("qty", "quantity"),
        number("quoteQty", "quote_quantity"),
        number("commission", "fee"),
        text("commissionAsset", "fee_asset"),
        flag("isMaker", "is_maker"),
        timestamp("time", "time_ms"),
    ),
    constants=EXCHANGE,
    required=("order_id", "fee", "time_ms"),
)
BALANCE = Decoder(
    AssetBalance,
    "balance",
    columns=(text("asset", "asset"), number("free", "available"), number("locked", "locked")),
    within=("balances",),
)


class _Rates(Struct):
    __slots__ = ()

    maker: Decimal = money(signed=True)
    taker: Decimal = money(signed=True)
    buyer: Decimal = money(signed=True)
    seller: Decimal = money(signed=True)


_RATES = tuple(
    Decoder(_Rates, group, columns=tuple(number(name, name) for name in _Rates.__match_args__), within=(group,))
    for group in ("standardCommission", "specialCommission", "taxCommission")
)


def place_query(wire_symbol: str, params: OrderParams, client_order_id: str) -> bytes:
    """Encode an order that has been checked."""
    return PLACE_QUERY.fill(params, wire_symbol, client_order_id)


def read_placed(body: bytes, intent: Intent, on_unknown: OnUnknown) -> Order:
    """Read the full reply to a new order, with the fee of its first fills.

    Raises DecodeError where it is about another order.
    """
    params = intent.params
    order = _PLACED.one(body, {intent.rules.wire: params.symbol}, on_unknown=on_unknown)
    _ECHO.settle(order, params.replace(client_order_id=intent.client_order_id))
    fee, asset = _sum_fees(_FILL.many(body)) if order.filled_quantity else (None, None)
    return _settled(order.replace(updated_ms=order.created_ms, fee=fee, fee_asset=asset))


def _sum_fees(fills: Sequence[_Fill]) -> tuple[Decimal | None, str | None]:
    """Return fee and asset of all fills; fees in several assets, as when BNB runs out, have no sum."""
    assets = {fill.asset for fill in fills}
    if len(assets) != 1:
        return None, None
    total = Decimal(0)
    for fill in fills:
        total = _EXACT.add(total, fill.fee)
    return total, assets.pop()


def read_order(body: bytes, symbols: Mapping[str, Symbol], on_unknown: OnUnknown) -> Order:
    """Read one order."""
    try:
        order = _ORDER.one(body, symbols, on_unknown=on_unknown)
    except DecodeError:
        order = _with_spent(_OLD_ORDER.one(body, symbols, on_unknown=on_unknown), _OLD_SPENT.one(body))
    return _settled(order)


def read_orders(body: bytes, symbols: Mapping[str, Symbol], on_unknown: OnUnknown) -> list[Order]:
    """Read an array of orders."""
    try:
        orders = _ORDER.many(body, symbols, on_unknown=on_unknown)
    except DecodeError:
        old, spent = _OLD_ORDER.many(body, symbols, on_unknown=on_unknown), _OLD_SPENT.many(body)
        orders = [_with_spent(order, told) for order, told in zip(old, spent, strict=True)]
    return [_settled(order) if order.status.is_terminal else order for order in orders]


def read_cancelled(body: bytes, symbols: Mapping[str, Symbol], on_unknown: OnUnknown) -> Order:
    """Read the reply to a cancel, which shows the order's final state."""
    return _settled(_CANCELLED.one(body, symbols, on_unknown=on_unknown))


def read_all_cancelled(body: bytes, symbols: Mapping[str, Symbol], on_unknown: OnUnknown) -> list[Order]:
    """Read the reply to cancelling all: orders, and order lists that hold the reports of theirs."""
    reports = [report for row in rows(load(body)) for report in rows(row.get("orderReports", [row]))]
    # Every amount is a string, so no digit is lost on this way.
    orders = _CANCELLED.many(orjson.dumps(reports), symbols, on_unknown=on_unknown)
    return [_settled(order) for order in orders]


def _with_spent(order: Order, spent: _Spent) -> Order:
    return order.replace(filled_quote_quantity=spent.told if spent.told >= 0 else None)


def _settled(order: Order) -> Order:
    """Tell apart what Binance has one word for: ended with fills or without."""
    if order.status in _ENDED_EARLY and order.filled_quantity:
        return order.replace(status=OrderStatus.PARTIALLY_CANCELED)
    return order


def read_fee(body: bytes, symbols: Mapping[str, Symbol]) -> TradingFee:
    """Read the rates of a symbol: all three groups together, with the dearer of the buyer's and the seller's part."""
    wire_symbol = load_object(body).get("symbol")
    if not isinstance(wire_symbol, str) or wire_symbol not in symbols:
        raise DecodeError("a symbol was expected", field="symbol")
    maker = taker = Decimal(0)
    for group in _RATES:
        rates = group.one(body)
        side = max(rates.buyer, rates.seller)
        maker = _EXACT.add(maker, _EXACT.add(rates.maker, side))
        taker = _EXACT.add(taker, _EXACT.add(rates.taker, side))
    return TradingFee("binance", symbols[wire_symbol], maker, taker)


def read_time_ms(body: bytes) -> int:
    """Read Binance's clock."""
    return whole(load_object(body), "serverTime")
