"""Decoding of orders, balances and trades, beside msgspec and the standard way; see decoding_samples.

"ids and states" reads order id, client order id and status of every row; "every decimal" reads the amounts as well.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import decoding_samples as samples
import orjson
import pytest
from decoding_samples import STATUSES, TYPED_ACCOUNT, TYPED_ORDER, TYPED_ORDERS, TYPED_TRADES, TYPES

from spotlane._core import decoding
from spotlane._core.decoding import Decoder
from spotlane.structs import AssetBalance, Order, OrderStatus, OrderType, Side, Symbol, Trade

SYMBOLS = {"BTCUSDT": Symbol("BTC", "USDT")}
ORDER = Decoder(
    Order,
    "order",
    columns=(
        decoding.symbol("symbol"),
        decoding.text("orderId", "order_id"),
        decoding.text("clientOrderId", "client_order_id"),
        decoding.number("price", "price"),
        decoding.number("origQty", "quantity"),
        decoding.number("executedQty", "filled_quantity"),
        decoding.number("cummulativeQuoteQty", "filled_quote_quantity"),
        decoding.choice("status", "status", STATUSES, unknown=OrderStatus.UNKNOWN, raw="raw_status"),
        decoding.choice(
            "type", ("order_type", "time_in_force"), TYPES, unknown=(OrderType.OTHER, None), raw="raw_type"
        ),
        decoding.choice("side", "side", {"BUY": Side.BUY, "SELL": Side.SELL}),
        decoding.timestamp("time", "created_ms"),
        decoding.timestamp("updateTime", "updated_ms"),
    ),
    constants={"exchange": "mexc"},
    required=("order_id", "symbol"),
)
BALANCE = Decoder(
    AssetBalance,
    "account",
    columns=(
        decoding.text("asset", "asset"),
        decoding.number("free", "available"),
        decoding.number("locked", "locked"),
    ),
    within=("balances",),
)
TRADE = Decoder(
    Trade,
    "trade",
    columns=(
        decoding.symbol("symbol"),
        decoding.text("id", "trade_id"),
        decoding.text("orderId", "order_id"),
        decoding.number("price", "price"),
        decoding.number("qty", "quantity"),
        decoding.number("quoteQty", "quote_quantity"),
        decoding.number("commission", "fee"),
        decoding.text("commissionAsset", "fee_asset"),
        decoding.timestamp("time", "time_ms"),
        decoding.flag("isBuyer", "side", Side.BUY, Side.SELL),
        decoding.flag("isMaker", "is_maker"),
        decoding.text("clientOrderId", "client_order_id"),
    ),
    constants={"exchange": "mexc"},
)
ONE_ORDER = orjson.dumps(orjson.loads(samples.orders(1))[0])


def orders_ids_spotlane(data: bytes) -> None:
    for order in ORDER.many(data, SYMBOLS):
        order.order_id, order.client_order_id, order.status  # noqa: B018


def orders_ids_msgspec(data: bytes) -> None:
    for order in TYPED_ORDERS.decode(data):
        order.orderId, order.clientOrderId, order.status  # noqa: B018


def orders_decimals_spotlane(data: bytes) -> None:
    for order in ORDER.many(data, SYMBOLS):
        order.order_id, order.client_order_id, order.status  # noqa: B018
        order.price, order.quantity, order.filled_quantity, order.filled_quote_quantity  # noqa: B018


def orders_decimals_msgspec(data: bytes) -> None:
    for order in TYPED_ORDERS.decode(data):
        order.orderId, order.clientOrderId, order.status  # noqa: B018
        order.price, order.origQty, order.executedQty, order.cummulativeQuoteQty  # noqa: B018


def orders_orjson(data: bytes) -> object:
    return samples.plain_orders(orjson.loads(data))


def orders_json(data: bytes) -> object:
    return samples.plain_orders(json.loads(data))


def one_order_spotlane(data: bytes) -> object:
    return ORDER.one(data, SYMBOLS)


def one_order_msgspec(data: bytes) -> object:
    return TYPED_ORDER.decode(data)


def one_order_orjson(data: bytes) -> object:
    return samples.plain_orders([orjson.loads(data)])


def balances_spotlane(data: bytes) -> None:
    for balance in BALANCE.many(data):
        balance.asset, balance.available, balance.locked  # noqa: B018


def balances_msgspec(data: bytes) -> None:
    for balance in TYPED_ACCOUNT.decode(data).balances:
        balance.asset, balance.free, balance.locked  # noqa: B018


def trades_spotlane(data: bytes) -> None:
    for trade in TRADE.many(data, SYMBOLS):
        trade.trade_id, trade.order_id, trade.price, trade.quantity, trade.quote_quantity, trade.fee  # noqa: B018


def trades_msgspec(data: bytes) -> None:
    for trade in TYPED_TRADES.decode(data):
        trade.id, trade.orderId, trade.price, trade.qty, trade.quoteQty, trade.commission  # noqa: B018


class Case(NamedTuple):
    """What is compared, spotlane first and msgspec second, on one reply.

    target is the most that spotlane may take of msgspec's time, where there is such a target.
    """

    title: str
    functions: tuple[Callable[[bytes], object], ...]
    data: bytes
    target: float | None = None


ORDERS_IDS = (orders_ids_spotlane, orders_ids_msgspec, orders_orjson, orders_json)
ORDERS_DECIMALS = (orders_decimals_spotlane, orders_decimals_msgspec, orders_orjson)
ONE = (one_order_spotlane, one_order_msgspec, one_order_orjson)
BALANCES = (balances_spotlane, balances_msgspec)
TRADES = (trades_spotlane, trades_msgspec)
CASES = (
    Case("one order, nothing read", ONE, ONE_ORDER),
    Case("1,000 orders, ids and states", ORDERS_IDS, samples.orders(1_000), 0.40),
    Case("1,000 orders, every decimal", ORDERS_DECIMALS, samples.orders(1_000), 1.0),
    Case("5,000 orders, ids and states", ORDERS_IDS, samples.orders(5_000), 0.40),
    Case("5,000 orders, every decimal", ORDERS_DECIMALS, samples.orders(5_000), 1.0),
    Case("1,000 balances, every decimal", BALANCES, samples.account(1_000), 1.0),
    Case("2,000 balances, every decimal", BALANCES, samples.account(2_000), 1.0),
    Case("1,000 trades, every decimal", TRADES, samples.trades(1_000), 1.0),
    Case("5,000 trades, every decimal", TRADES, samples.trades(5_000), 1.0),
)


def check_same_values() -> None:
    """Both sides must read the same, or their times say nothing."""
    data = samples.orders(1_000)
    for ours, theirs in zip(ORDER.many(data, SYMBOLS), TYPED_ORDERS.decode(data), strict=True):
        assert (ours.order_id, ours.client_order_id) == (theirs.orderId, theirs.clientOrderId)
        assert (ours.price, ours.quantity) == (theirs.price, theirs.origQty)
        assert (ours.filled_quantity, ours.filled_quote_quantity) == (theirs.executedQty, theirs.cummulativeQuoteQty)
        assert (ours.raw_status, ours.raw_type) == (theirs.status.value, theirs.type.value)
        assert (ours.side, ours.created_ms, ours.updated_ms) == (theirs.side, theirs.time, theirs.updateTime)
    data = samples.account(1_000)
    for balance, typed in zip(BALANCE.many(data), TYPED_ACCOUNT.decode(data).balances, strict=True):
        assert (balance.asset, balance.available, balance.locked) == (typed.asset, typed.free, typed.locked)
    data = samples.trades(1_000)
    for trade, fill in zip(TRADE.many(data, SYMBOLS), TYPED_TRADES.decode(data), strict=True):
        assert (trade.trade_id, trade.price, trade.fee) == (fill.id, fill.price, fill.commission)


@pytest.mark.parametrize(
    ("case", "function"),
    [(case, function) for case in CASES for function in case.functions],
    ids=[f"{case.title} - {function.__name__}" for case in CASES for function in case.functions],
)
def test_decoding(benchmark: Any, case: Case, function: Callable[[bytes], object]) -> None:
    check_same_values()
    benchmark.group = case.title
    benchmark(function, case.data)
