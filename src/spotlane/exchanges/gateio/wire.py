"""Gate's wire format for orders and trades: what goes out, what comes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from types import MappingProxyType

import orjson

from spotlane._core.decoding import Decoder, choice, number, symbol, text, timestamp
from spotlane._core.encoding import QueryTemplate
from spotlane._core.json_encoding import JsonTemplate
from spotlane._core.structs import Struct, field, money, timestamp_ms
from spotlane.exchanges._json import load, load_object, require_echo, rows, whole
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
_SIDES_OUT = {Side.BUY: "buy", Side.SELL: "sell"}
_SIDES_IN = {"buy": Side.BUY, "sell": Side.SELL}

_OPEN = "open"
_FINISHED = ("closed", "cancelled")
# What an order that ended without a fill ended as; anything else that is finished without a fill was cancelled.
_UNFILLED = {"poc": OrderStatus.REJECTED, "fok": OrderStatus.EXPIRED}

PLACE_BODY = JsonTemplate(
    ("text", "currency_pair", "type", "account", "side", "amount", "price", "time_in_force", "iceberg", "stp_act")
)
PAIR_QUERY = QueryTemplate(("currency_pair", "account"))
OPEN_QUERY = QueryTemplate(("currency_pair", "status", "page", "limit", "account"))
FINISHED_QUERY = QueryTemplate(("currency_pair", "status", "from", "to", "limit", "account"))
PAGE_QUERY = QueryTemplate(("page", "limit", "account"))
TRADES_QUERY = QueryTemplate(("currency_pair", "order_id", "from", "to", "limit"))
ACCOUNT = "spot"


class _OrderRow(Struct, kw_only=True):
    """An order as Gate sends it; quantities are in base or, for a market buy, in quote."""

    __slots__ = ()

    symbol: Symbol = field(of=Symbol)
    order_id: str = field(of=str)
    text: str | None = field(of=str, default=None)
    side: Side = field(of=Side)
    order_type: OrderType = field(of=OrderType)
    raw_type: str | None = field(of=str, default=None)
    time_in_force: TimeInForce | None = field(of=TimeInForce, default=None)
    raw_time_in_force: str | None = field(of=str, default=None)
    state: str = field(of=str)
    raw_status: str | None = field(of=str, default=None)
    finish_as: str | None = field(of=str, default=None)
    amount: Decimal = money()
    left: Decimal = money()
    price: Decimal | None = money(default=None)
    filled_base: Decimal | None = money(default=None)
    filled_quote: Decimal = money()
    fee: Decimal | None = money(default=None, signed=True)
    fee_asset: str | None = field(of=str, default=None)
    gt_fee: Decimal | None = money(default=None)
    point_fee: Decimal | None = money(default=None)
    created_ms: int | None = timestamp_ms(default=None)
    updated_ms: int | None = timestamp_ms(default=None)


_ORDER_ROW = Decoder(
    _OrderRow,
    "order",
    columns=(
        text("id", "order_id"),
        text("text", "text"),
        timestamp("create_time_ms", "created_ms"),
        timestamp("update_time_ms", "updated_ms"),
        choice("status", "state", {state: state for state in (_OPEN, *_FINISHED)}, unknown="", raw="raw_status"),
        symbol("currency_pair"),
        choice("type", "order_type", _TYPES_IN, unknown=OrderType.OTHER, raw="raw_type"),
        choice("side", "side", _SIDES_IN),
        number("amount", "amount"),
        number("price", "price", zero_is_none=True),
        choice("time_in_force", "time_in_force", _TIMES_IN_FORCE, unknown=None, raw="raw_time_in_force"),
        number("left", "left"),
        number("filled_amount", "filled_base"),
        number("filled_total", "filled_quote"),
        number("fee", "fee"),
        text("fee_currency", "fee_asset"),
        number("gt_fee", "gt_fee"),
        number("point_fee", "point_fee"),
        text("finish_as", "finish_as"),
    ),
)


class _TradeRow(Struct, kw_only=True):
    __slots__ = ()

    symbol: Symbol = field(of=Symbol)
    trade_id: str = field(of=str)
    order_id: str | None = field(of=str, default=None)
    text: str | None = field(of=str, default=None)
    side: Side = field(of=Side)
    price: Decimal = money()
    quantity: Decimal = money()
    quote_quantity: Decimal | None = money(default=None)
    fee: Decimal | None = money(default=None, signed=True)
    fee_asset: str | None = field(of=str, default=None)
    gt_fee: Decimal | None = money(default=None)
    point_fee: Decimal | None = money(default=None)
    is_maker: bool | None = field(of=bool, default=None)
    time_ms: int | None = timestamp_ms(default=None)


_TRADE_ROW = Decoder(
    _TradeRow,
    "trade",
    columns=(
        text("id", "trade_id"),
        timestamp("create_time_ms", "time_ms"),
        symbol("currency_pair"),
        choice("side", "side", _SIDES_IN),
        choice("role", "is_maker", {"maker": True, "taker": False}),
        number("amount", "quantity"),
        number("price", "price"),
        number("deal", "quote_quantity"),
        text("order_id", "order_id"),
        text("text", "text"),
        number("fee", "fee"),
        text("fee_currency", "fee_asset"),
        number("gt_fee", "gt_fee"),
        number("point_fee", "point_fee"),
    ),
)

BALANCES = Decoder(
    AssetBalance,
    "balance",
    columns=(text("currency", "asset"), number("available", "available"), number("locked", "locked")),
)


def place_body(wire_symbol: str, params: OrderParams, client_order_id: str) -> bytes:
    """Encode an order that has been checked. The amount of a market buy is in quote."""
    kind, time_in_force = _TYPES_OUT[params.order_type, params.time_in_force]
    return PLACE_BODY.fill(
        client_order_id,
        wire_symbol,
        kind,
        ACCOUNT,
        _SIDES_OUT[params.side],
        params.quantity if params.quantity is not None else params.quote_quantity,
        params.price,
        time_in_force,
        params.iceberg_quantity,
        params.self_trade_prevention,
    )


def read_placed(body: bytes, intent: Intent, on_unknown: OnUnknown) -> Order:
    """Read the reply to a new order, which shows it in full.

    Raises DecodeError where id, symbol, side or amount are not those that were sent: it is then the reply to something
    else.
    """
    params = intent.params
    row = _ORDER_ROW.one(body, {intent.rules.wire: params.symbol}, on_unknown=on_unknown)
    sent = params.quantity if params.quantity is not None else params.quote_quantity
    for name, told, expected in (
        ("text", row.text, intent.client_order_id),
        ("side", row.side, params.side),
        ("amount", row.amount, sent),
    ):
        require_echo(name, told, expected)
    return _order(row, intent.rules.minimum_notional)


def read_order(body: bytes, symbols: Mapping[str, Symbol], book: RuleBook, on_unknown: OnUnknown) -> Order:
    """Read one order."""
    row = _ORDER_ROW.one(body, symbols, on_unknown=on_unknown)
    return _order(row, book.find(row.symbol).minimum_notional)


def read_orders(body: bytes, symbols: Mapping[str, Symbol], book: RuleBook, on_unknown: OnUnknown) -> list[Order]:
    """Read an array of orders."""
    told = _ORDER_ROW.many(body, symbols, on_unknown=on_unknown)
    return [_order(row, book.find(row.symbol).minimum_notional) for row in told]


def read_open_orders(body: bytes, symbols: Mapping[str, Symbol], book: RuleBook, on_unknown: OnUnknown) -> list[Order]:
    """Read a page of the open orders of all pairs."""
    groups = [rows(pair.get("orders"), "orders") for pair in rows(load(body))]
    # Written again as one flat array for the strict decoder: every amount is a string, so nothing is rounded.
    flat = orjson.dumps([row for group in groups for row in group])
    return read_orders(flat, symbols, book, on_unknown)


def read_trades(body: bytes, symbols: Mapping[str, Symbol]) -> list[Trade]:
    """Read an array of fills."""
    return [_trade(row) for row in _TRADE_ROW.many(body, symbols)]


def read_time_ms(body: bytes) -> int:
    """Read Gate's clock."""
    return whole(load_object(body), "server_time")


def _order(row: _OrderRow, minimum_notional: Decimal | None) -> Order:
    sized_in_quote = row.order_type is OrderType.MARKET and row.side is Side.BUY
    filled = row.filled_base
    if filled is None and not row.filled_quote:
        filled = Decimal(0)
    if filled is None and not sized_in_quote:
        filled = _EXACT.subtract(row.amount, row.left)
    fee, fee_asset = _fee(row)
    is_post_only = row.raw_time_in_force == _POST_ONLY and row.order_type is OrderType.LIMIT
    return Order(
        exchange="gateio",
        symbol=row.symbol,
        order_id=row.order_id,
        client_order_id=_client_id(row.text),
        side=row.side,
        order_type=OrderType.LIMIT_MAKER if is_post_only else row.order_type,
        time_in_force=row.time_in_force,
        status=_status(row, sized_in_quote, minimum_notional),
        price=row.price,
        quantity=None if sized_in_quote else row.amount,
        quote_quantity=row.amount if sized_in_quote else None,
        filled_quantity=filled,
        filled_quote_quantity=row.filled_quote,
        fee=fee,
        fee_asset=fee_asset,
        created_ms=row.created_ms,
        updated_ms=row.updated_ms,
        raw_status=row.raw_status if row.finish_as in (None, row.raw_status) else f"{row.raw_status}/{row.finish_as}",
        raw_type=row.raw_type,
    )


def _trade(row: _TradeRow) -> Trade:
    fee, fee_asset = _fee(row)
    return Trade(
        exchange="gateio",
        symbol=row.symbol,
        trade_id=row.trade_id,
        order_id=row.order_id,
        client_order_id=_client_id(row.text),
        side=row.side,
        price=row.price,
        quantity=row.quantity,
        quote_quantity=row.quote_quantity or _EXACT.multiply(row.price, row.quantity),
        fee=fee,
        fee_asset=fee_asset,
        is_maker=row.is_maker,
        time_ms=row.time_ms,
    )


def _fee(row: _OrderRow | _TradeRow) -> tuple[Decimal | None, str | None]:
    """Return the fee and its asset: `fee` is zero where GT or points paid instead of the proceeds."""
    if not row.fee:
        for paid, asset in ((row.gt_fee, "GT"), (row.point_fee, "POINT")):
            if paid:
                return paid, asset
    return row.fee, row.fee_asset


def _status(row: _OrderRow, sized_in_quote: bool, minimum_notional: Decimal | None) -> OrderStatus:
    """Tell an order's state from its quantities: Gate calls a market order filled that was filled in part."""
    has_fills = bool(row.filled_quote or row.filled_base)
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


def _client_id(told: str | None) -> str | None:
    """Return the client id: `text` holds one only when it begins with t-, otherwise where the order came from."""
    return told if told is not None and told.startswith("t-") else None
