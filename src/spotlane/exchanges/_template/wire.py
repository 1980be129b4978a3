"""Acme's wire format: what goes out, what comes back."""

from __future__ import annotations

from types import MappingProxyType

from spotlane._core import forms
from spotlane._core.decoding import Decoder, choice, flag, integer, number, symbol, text, timestamp
from spotlane._core.echoes import Echo
from spotlane._core.encoding import QueryTemplate
from spotlane.exchanges._json import Row, amount, limit, load, load_object, read_each, rows, whole, word
from spotlane.safety import Intent, SymbolRules
from spotlane.structs import (
    AssetBalance,
    AssetNetwork,
    Deposit,
    DepositAddress,
    Order,
    OrderParams,
    OrderStatus,
    OrderType,
    SavedAddress,
    Side,
    Symbol,
    TimeInForce,
    Trade,
    TradingFee,
    WithdrawalResponse,
    WithdrawalStatus,
)

_EXCHANGE = MappingProxyType({"exchange": "acme"})

# FILL: the exchange's words for these. A word that no table has becomes OTHER or UNKNOWN with its raw text; for a side,
# which has no such value, it is a DecodeError.
_TYPES = {"LIMIT": OrderType.LIMIT, "MARKET": OrderType.MARKET, "LIMIT_MAKER": OrderType.LIMIT_MAKER}
_TIMES_IN_FORCE = {"GTC": TimeInForce.GTC, "IOC": TimeInForce.IOC, "FOK": TimeInForce.FOK}
_SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
_STATUSES = {
    "NEW": OrderStatus.NEW,
    "PARTIALLY_FILLED": OrderStatus.PARTIALLY_FILLED,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELED,
    "PARTIALLY_CANCELED": OrderStatus.PARTIALLY_CANCELED,
}
_WITHDRAWAL_STATUSES = {
    "PENDING": WithdrawalStatus.PENDING,
    "SENT": WithdrawalStatus.PROCESSING,
    "DONE": WithdrawalStatus.COMPLETED,
    "FAILED": WithdrawalStatus.FAILED,
    "CANCELED": WithdrawalStatus.CANCELED,
    "MANUAL": WithdrawalStatus.MANUAL_REVIEW,
}

# FILL: the parameters of each request, in the order in which they are sent; None leaves one out. A JSON body is a
# forms.json_form or a spotlane._core.json_encoding.JsonTemplate. All write decimals exactly, never with an exponent.
_PLACE = forms.query_form(
    OrderParams,
    forms.given("symbol"),
    forms.word("side", "side", {side: word for word, side in _SIDES.items()}),
    forms.word("type", "order_type", {kind: word for word, kind in _TYPES.items()}),
    forms.word("time_in_force", "time_in_force", {None: None} | {time: word for word, time in _TIMES_IN_FORCE.items()}),
    forms.amount("quantity", "quantity"),
    forms.amount("quote_quantity", "quote_quantity"),
    forms.amount("price", "price"),
    forms.given("client_id"),
)
ORDER_QUERY = QueryTemplate(("symbol", "id", "client_id"))
SYMBOL_QUERY = QueryTemplate(("symbol",))
ORDERS_QUERY = QueryTemplate(("symbol", "from", "to", "limit"))
TRADES_QUERY = QueryTemplate(("symbol", "order_id", "from", "to", "limit"))
ASSET_QUERY = QueryTemplate(("asset",))
TRANSFERS_QUERY = QueryTemplate(("asset", "from", "to", "limit"))
WITHDRAW_QUERY = QueryTemplate(("asset", "network", "address", "memo", "amount", "client_id", "remark"))
ID_QUERY = QueryTemplate(("id",))

# FILL: the members of each reply and the fields that they fill. `required` names what has a default in the struct but
# must not be missing in a reply: an order without a status must not pass for one whose status is unknown. A member that
# means something else in some rows (the price of a MARKET order) is limited by `where` or `unless`, as in mexc/wire.py.
# What needs more than a table (a quantity in another unit) is read into a subclass of Order, as in gateio/wire.py.
ORDER = Decoder(
    Order,
    "order",
    columns=(
        symbol("symbol"),
        text("id", "order_id"),
        text("client_id", "client_order_id"),
        choice("side", "side", _SIDES),
        choice("type", "order_type", _TYPES, unknown=OrderType.OTHER, raw="raw_type"),
        choice("time_in_force", "time_in_force", _TIMES_IN_FORCE, unknown=None),
        choice("status", "status", _STATUSES, unknown=OrderStatus.UNKNOWN, raw="raw_status"),
        number("price", "price"),
        number("quantity", "quantity"),
        number("quote_quantity", "quote_quantity"),
        number("filled", "filled_quantity"),
        number("filled_quote", "filled_quote_quantity"),
        timestamp("created", "created_ms"),
        timestamp("updated", "updated_ms"),
    ),
    constants=_EXCHANGE,
    required=("order_type", "status", "filled_quantity", "filled_quote_quantity"),
)
# FILL: all that the reply to a new order repeats of it: a reply that went astray on its connection must not pass for
# this order's. An acknowledgement that tells less is filled up with what was sent (`taken`); mexc/wire.py does so.
_ECHO = Echo(ORDER, OrderParams, ("client_order_id", "side", "quantity"))
TRADE = Decoder(
    Trade,
    "trade",
    columns=(
        symbol("symbol"),
        text("id", "trade_id"),
        text("order_id", "order_id"),
        text("client_id", "client_order_id"),
        choice("side", "side", _SIDES),
        number("price", "price"),
        number("quantity", "quantity"),
        number("quote_quantity", "quote_quantity"),
        number("fee", "fee"),
        text("fee_asset", "fee_asset"),
        flag("maker", "is_maker"),
        timestamp("time", "time_ms"),
    ),
    constants=_EXCHANGE,
)
BALANCE = Decoder(
    AssetBalance,
    "balance",
    columns=(text("asset", "asset"), number("available", "available"), number("locked", "locked")),
)
FEE = Decoder(
    TradingFee,
    "fee",
    columns=(symbol("symbol"), number("maker", "maker"), number("taker", "taker")),
    constants=_EXCHANGE,
)
NETWORK = Decoder(
    AssetNetwork,
    "network",
    columns=(
        text("asset", "asset"),
        text("network", "network"),
        text("name", "network_name"),
        flag("deposits", "deposit_enabled"),
        flag("withdrawals", "withdraw_enabled"),
        number("fee", "withdrawal_fee"),
        number("minimum", "withdrawal_minimum"),
        number("maximum", "withdrawal_maximum"),
        number("step", "withdrawal_step"),
        integer("confirmations", "confirmations"),
        flag("needs_memo", "memo_required"),
    ),
    constants=_EXCHANGE,
)
_PLACE_TO_SEND = (text("asset", "asset"), text("network", "network"), text("address", "address"), text("memo", "memo"))
SAVED_ADDRESS = Decoder(
    SavedAddress, "saved address", columns=(*_PLACE_TO_SEND, text("label", "label")), constants=_EXCHANGE
)
DEPOSIT_ADDRESS = Decoder(DepositAddress, "deposit address", columns=_PLACE_TO_SEND, constants=_EXCHANGE)
WITHDRAWAL = Decoder(
    WithdrawalResponse,
    "withdrawal",
    columns=(
        *_PLACE_TO_SEND,
        text("id", "withdrawal_id"),
        text("client_id", "client_withdrawal_id"),
        number("amount", "amount"),
        number("fee", "fee"),
        choice("status", "status", _WITHDRAWAL_STATUSES, unknown=WithdrawalStatus.UNKNOWN),
        text("tx_id", "tx_id"),
        timestamp("created", "created_ms"),
        timestamp("updated", "updated_ms"),
        text("remark", "remark"),
    ),
    constants=_EXCHANGE,
    required=("status",),
)
DEPOSIT = Decoder(
    Deposit,
    "deposit",
    columns=(
        *_PLACE_TO_SEND,
        number("amount", "amount"),
        text("tx_id", "tx_id"),
        text("status", "status"),
        flag("credited", "is_credited"),
        timestamp("created", "created_ms"),
        timestamp("updated", "updated_ms"),
    ),
    constants=_EXCHANGE,
    required=("is_credited",),
)


def place_query(intent: Intent) -> bytes:
    """Encode an order that has been checked."""
    return _PLACE.fill(intent.params, intent.rules.wire, intent.client_order_id)


def read_placed(body: bytes, intent: Intent) -> Order:
    """Read the reply to a new order. Raises DecodeError where it is about another one."""
    params = intent.params
    sent = params.replace(client_order_id=intent.client_order_id)
    return _ECHO.settle(ORDER.one(body, {intent.rules.wire: params.symbol}), sent)


def read_time_ms(body: bytes) -> int:
    """Read Acme's clock."""
    return whole(load_object(body), "time")


def read_rules(body: bytes) -> tuple[list[SymbolRules], list[str]]:
    """Read the rules of every symbol; the second list names those that could not be read and are left out."""
    return read_each(rows(load(body)), _read_symbol, "symbol")


def _read_symbol(row: Row) -> SymbolRules:
    # FILL: whatever an order can be checked against before it is sent. A limit that is unknown is None; a step is a
    # number such as 0.01 (`step` in spotlane.exchanges._json makes one of a number of decimals).
    tick, lot = amount(row, "tick"), amount(row, "lot")
    if not tick or not lot:
        raise TypeError("a symbol without steps can't be traded")
    return SymbolRules(
        symbol=Symbol(word(row, "base"), word(row, "quote")),
        wire=word(row, "symbol"),
        tick=tick,
        lot=lot,
        minimum_quantity=limit(row, "min_quantity"),
        maximum_quantity=limit(row, "max_quantity"),
        minimum_notional=limit(row, "min_notional"),
        maximum_notional=limit(row, "max_notional"),
        quote_step=tick,
        sides=frozenset(_SIDES[side] for side in row["sides"]),
        order_types=frozenset(_TYPES[kind] for kind in row["types"] if kind in _TYPES),
        closed="" if row["status"] == "open" else f"its status is {row['status']}",
    )
