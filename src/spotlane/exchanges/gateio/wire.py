"""Gate's wire format for orders and trades: what goes out, what comes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from types import MappingProxyType
from typing import Any

from spotlane._core import forms
from spotlane._core.decoding import Decoder, choice, number, symbol, text, timestamp
from spotlane._core.echoes import Echo
from spotlane._core.encoding import QueryTemplate
from spotlane._core.structs import field, money
from spotlane.exchanges._json import load_object, whole
from spotlane.safety import Intent, RuleBook
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

OnUnknown = Callable[[str, str], None]

EXCHANGE = MappingProxyType({"exchange": "gateio"})

_EXACT = Context(prec=200, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])

# type and time_in_force on the wire; a market order that does not say ioc is taken as gtc and refused.
_TYPES_OUT: Mapping[tuple[OrderType, TimeInForce | None], tuple[str, str]] = {
    (OrderType.LIMIT, None): ("limit", "gtc"),
    (OrderType.LIMIT, TimeInForce.GTC): ("limit", "gtc"),
    (OrderType.LIMIT, TimeInForce.IOC): ("limit", "ioc"),
    (OrderType.LIMIT, TimeInForce.FOK): ("limit", "fok"),
    (OrderType.LIMIT_MAKER, None): ("limit", "poc"),
    (OrderType.LIMIT_MAKER, TimeInForce.GTC): ("limit", "poc"),
    (OrderType.MARKET, None): ("market", "ioc"),
    (OrderType.MARKET, TimeInForce.IOC): ("market", "ioc"),
    (OrderType.MARKET, TimeInForce.FOK): ("market", "fok"),
}
_POST_ONLY = "poc"
_TIMES_IN_FORCE = {
    "gtc": TimeInForce.GTC,
    "ioc": TimeInForce.IOC,
    "fok": TimeInForce.FOK,
    _POST_ONLY: TimeInForce.GTC,
}
_TYPES_IN = {"limit": OrderType.LIMIT, "market": OrderType.MARKET}
_TYPE_FIELDS = ("order_type", "time_in_force")
_SIDES = {"buy": Side.BUY, "sell": Side.SELL}

# Looking a member up on its class costs a tenth of a microsecond on Python 3.11, and these are needed for every row.
_LIMIT, _MARKET, _BUY = OrderType.LIMIT, OrderType.MARKET, Side.BUY

_OPEN = "open"
_FINISHED = ("closed", "cancelled")
# What an order that ended without a fill ended as; anything else that is finished without a fill was cancelled.
_UNFILLED = {"poc": OrderStatus.REJECTED, "fok": OrderStatus.EXPIRED}

ACCOUNT = "spot"
PLACE_BODY = forms.json_form(
    OrderParams,
    forms.given("text"),
    forms.given("currency_pair"),
    forms.word("type", _TYPE_FIELDS, {fields: kind for fields, (kind, _) in _TYPES_OUT.items()}),
    forms.constant("account", ACCOUNT),
    forms.word("side", "side", {side: word for word, side in _SIDES.items()}),
    # That of a market buy is in quote.
    forms.amount("amount", "quantity", "quote_quantity"),
    forms.amount("price", "price"),
    forms.word("time_in_force", _TYPE_FIELDS, {fields: time for fields, (_, time) in _TYPES_OUT.items()}),
    forms.amount("iceberg", "iceberg_quantity"),
    forms.text("stp_act", "self_trade_prevention"),
)
PAIR_QUERY = QueryTemplate(("currency_pair", "account"))
OPEN_QUERY = QueryTemplate(("currency_pair", "status", "page", "limit", "account"))
FINISHED_QUERY = QueryTemplate(("currency_pair", "status", "from", "to", "limit", "account"))
PAGE_QUERY = QueryTemplate(("page", "limit", "account"))
TRADES_QUERY = QueryTemplate(("currency_pair", "order_id", "from", "to", "limit"))


class _OrderRow(Order, kw_only=True):
    """An order as Gate sends it: quantity is in base or, for a market buy, in quote; client_order_id may be none."""

    __slots__ = ()

    raw_time_in_force: str | None = field(of=str, default=None)
    state: str = field(of=str)
    finish_as: str | None = field(of=str, default=None)
    left: Decimal = money()
    gt_fee: Decimal | None = money(default=None)
    point_fee: Decimal | None = money(default=None)


_ORDER_COLUMNS = (
    text("id", "order_id"),
    text("text", "client_order_id"),
    timestamp("create_time_ms", "created_ms"),
    timestamp("update_time_ms", "updated_ms"),
    choice("status", "state", {state: state for state in (_OPEN, *_FINISHED)}, unknown="", raw="raw_status"),
    symbol("currency_pair"),
    choice("type", "order_type", _TYPES_IN, unknown=OrderType.OTHER, raw="raw_type"),
    choice("side", "side", _SIDES),
    number("amount", "quantity"),
    number("price", "price", zero_is_none=True),
    choice("time_in_force", "time_in_force", _TIMES_IN_FORCE, unknown=None, raw="raw_time_in_force"),
    number("left", "left"),
    number("filled_amount", "filled_quantity"),
    number("filled_total", "filled_quote_quantity"),
    number("fee", "fee"),
    text("fee_currency", "fee_asset"),
    number("gt_fee", "gt_fee"),
    number("point_fee", "point_fee"),
    text("finish_as", "finish_as"),
)
_ORDER_REQUIRED = ("order_type", "quantity", "filled_quote_quantity")

_ORDER_ROW = Decoder(_OrderRow, "order", columns=_ORDER_COLUMNS, constants=EXCHANGE, required=_ORDER_REQUIRED)
# The open orders of all pairs are grouped by pair.
_OPEN_ROW = Decoder(
    _OrderRow,
    "open orders",
    columns=_ORDER_COLUMNS,
    constants=EXCHANGE,
    required=_ORDER_REQUIRED,
    within=(..., "orders"),
)
_ECHO = Echo(_ORDER_ROW, OrderParams, ("client_order_id", "side", ("quantity", "quote_quantity")))


class _TradeRow(Trade, kw_only=True):
    """A fill as Gate sends it; client_order_id may be none."""

    __slots__ = ()

    gt_fee: Decimal | None = money(default=None)
    point_fee: Decimal | None = money(default=None)


_TRADE_ROW = Decoder(
    _TradeRow,
    "trade",
    columns=(
        text("id", "trade_id"),
        timestamp("create_time_ms", "time_ms"),
        symbol("currency_pair"),
        choice("side", "side", _SIDES),
        choice("role", "is_maker", {"maker": True, "taker": False}),
        number("amount", "quantity"),
        number("price", "price"),
        number("deal", "quote_quantity"),
        text("order_id", "order_id"),
        text("text", "client_order_id"),
        number("fee", "fee"),
        text("fee_currency", "fee_asset"),
        number("gt_fee", "gt_fee"),
        number("point_fee", "point_fee"),
    ),
    constants=EXCHANGE,
)

BALANCES = Decoder(
    AssetBalance,
    "balance",
    columns=(text("currency", "asset"), number("available", "available"), number("locked", "locked")),
)


def place_body(wire_symbol: str, params: OrderParams, client_order_id: str) -> bytes:
    """Encode an order that has been checked. The amount of a market buy is in quote."""
    return PLACE_BODY.fill(params, client_order_id, wire_symbol)


def read_placed(body: bytes, intent: Intent, on_unknown: OnUnknown) -> Order:
    """Read the reply to a new order, which shows it in full.

    Raises DecodeError where id, symbol, side or amount are not those that were sent: it is then the reply to something
    else.
    """
    params = intent.params
    row = _ORDER_ROW.one(body, {intent.rules.wire: params.symbol}, on_unknown=on_unknown)
    _ECHO.settle(row, params.replace(client_order_id=intent.client_order_id))
    return _order(row, intent.rules.minimum_notional)


def read_order(body: bytes, symbols: Mapping[str, Symbol], book: RuleBook, on_unknown: OnUnknown) -> Order:
    """Read one order."""
    row = _ORDER_ROW.one(body, symbols, on_unknown=on_unknown)
    return _order(row, book.find(row.symbol).minimum_notional)


def read_orders(body: bytes, symbols: Mapping[str, Symbol], book: RuleBook, on_unknown: OnUnknown) -> list[Order]:
    """Read an array of orders."""
    return _orders(_ORDER_ROW.many(body, symbols, on_unknown=on_unknown), book)


def read_open_orders(body: bytes, symbols: Mapping[str, Symbol], book: RuleBook, on_unknown: OnUnknown) -> list[Order]:
    """Read a page of the open orders of all pairs."""
    return _orders(_OPEN_ROW.many(body, symbols, on_unknown=on_unknown), book)


def read_trades(body: bytes, symbols: Mapping[str, Symbol]) -> list[Trade]:
    """Read an array of fills."""
    return [_trade(row) for row in _TRADE_ROW.many(body, symbols)]


def read_time_ms(body: bytes) -> int:
    """Read Gate's clock."""
    return whole(load_object(body), "server_time")


def countdown_body(seconds: int) -> bytes:
    """Return the body that sets the countdown of all pairs; 0 seconds stop it."""
    return b'{"timeout":%d}' % seconds


def read_countdown(body: bytes) -> int:
    """Read when the countdown will be through, in milliseconds of Gate's time, in digits or as a number."""
    told = load_object(body)
    given = told.get("triggerTime")
    if isinstance(given, str) and given.isascii() and given.isdecimal():
        return int(given)
    return whole(told, "triggerTime")


def _orders(told: list[_OrderRow], book: RuleBook) -> list[Order]:
    return [_order(row, book.find(row.symbol).minimum_notional) for row in told]


def _order(row: _OrderRow, minimum_notional: Decimal | None) -> Order:
    filled = row.filled_quantity
    sized_in_quote = row.order_type is _MARKET and row.side is _BUY
    changes = _corrections(row)
    changes["status"] = _status(row, sized_in_quote, minimum_notional)
    if filled is None and not row.filled_quote_quantity:
        changes["filled_quantity"] = Decimal(0)
    elif filled is None and row.quantity is not None and not sized_in_quote:
        changes["filled_quantity"] = _EXACT.subtract(row.quantity, row.left)
    if sized_in_quote:
        changes |= {"quantity": None, "quote_quantity": row.quantity}
    if row.raw_time_in_force == _POST_ONLY and row.order_type is _LIMIT:
        changes["order_type"] = OrderType.LIMIT_MAKER
    if row.finish_as is not None and row.finish_as != row.raw_status:
        changes["raw_status"] = f"{row.raw_status}/{row.finish_as}"
    return row.upcast(Order, **changes)


def _trade(row: _TradeRow) -> Trade:
    changes = _corrections(row)
    if not row.quote_quantity:
        changes["quote_quantity"] = _EXACT.multiply(row.price, row.quantity)
    return row.upcast(Trade, **changes)


def _corrections(row: _OrderRow | _TradeRow) -> dict[str, Any]:
    """Return what must not be taken over from a row as it is: a text that is no client id, and a fee of zero.

    `text` holds a client id only when it begins with t-, otherwise where the order came from. `fee` is zero where GT or
    points paid instead of the proceeds.
    """
    changes: dict[str, Any] = {}
    if row.client_order_id is not None and not row.client_order_id.startswith("t-"):
        changes["client_order_id"] = None
    if not row.fee:
        for paid, asset in ((row.gt_fee, "GT"), (row.point_fee, "POINT")):
            if paid:
                return changes | {"fee": paid, "fee_asset": asset}
    return changes


def _status(row: _OrderRow, sized_in_quote: bool, minimum_notional: Decimal | None) -> OrderStatus:
    """Tell an order's state from its quantities: Gate calls a market order filled that was filled in part."""
    has_fills = bool(row.filled_quote_quantity or row.filled_quantity)
    if row.state == _OPEN:
        return OrderStatus.PARTIALLY_FILLED if has_fills else OrderStatus.NEW
    if row.state not in _FINISHED:
        return OrderStatus.UNKNOWN
    # A market buy may leave less than the smallest order: too little to spend.
    is_dust = sized_in_quote and has_fills and row.left < (minimum_notional or 0)
    if not row.left or is_dust:
        return OrderStatus.FILLED
    if has_fills:
        return OrderStatus.PARTIALLY_CANCELED
    return _UNFILLED.get(row.finish_as or "", OrderStatus.CANCELED)
