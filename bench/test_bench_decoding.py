"""Decoding of orders, balances and trades, beside msgspec and the standard way.

The orders are MEXC's (Spot V3 documentation, GET order), every one different. msgspec reads the same 13 fields into a
typed Struct: enums typed, four Decimals. "ids and states" reads order id, client order id and status of every row;
"every decimal" reads the four amounts as well.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any

import msgspec
import orjson
import pytest

from spotlane._core import decoding
from spotlane._core.decoding import Decoder
from spotlane.structs import AssetBalance, Order, OrderStatus, OrderType, Side, Symbol, TimeInForce, Trade

COUNT = 1_000
SYMBOLS = {"BTCUSDT": Symbol("BTC", "USDT")}
STATUSES = {
    "NEW": OrderStatus.NEW,
    "PARTIALLY_FILLED": OrderStatus.PARTIALLY_FILLED,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELED,
    "PARTIALLY_CANCELED": OrderStatus.PARTIALLY_CANCELED,
}
TYPES = {
    "LIMIT": (OrderType.LIMIT, TimeInForce.GTC),
    "MARKET": (OrderType.MARKET, None),
    "LIMIT_MAKER": (OrderType.LIMIT_MAKER, TimeInForce.GTC),
    "IMMEDIATE_OR_CANCEL": (OrderType.LIMIT, TimeInForce.IOC),
    "FILL_OR_KILL": (OrderType.LIMIT, TimeInForce.FOK),
}
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
StatusWord = Enum("StatusWord", {name: name for name in STATUSES})  # type: ignore[misc]
TypeWord = Enum("TypeWord", {name: name for name in TYPES})  # type: ignore[misc]


class TypedOrder(msgspec.Struct):
    symbol: str
    orderId: str
    clientOrderId: str | None
    price: Decimal
    origQty: Decimal
    executedQty: Decimal
    cummulativeQuoteQty: Decimal
    status: StatusWord
    type: TypeWord
    side: Side
    time: int
    updateTime: int | None
    isWorking: bool


class TypedBalance(msgspec.Struct):
    asset: str
    free: Decimal
    locked: Decimal


class TypedAccount(msgspec.Struct):
    balances: list[TypedBalance]


class TypedTrade(msgspec.Struct):
    symbol: str
    id: str
    orderId: str
    price: Decimal
    qty: Decimal
    quoteQty: Decimal
    commission: Decimal
    commissionAsset: str
    time: int
    isBuyer: bool
    isMaker: bool
    clientOrderId: str | None


@dataclass
class PlainOrder:
    symbol: str
    order_id: str
    client_order_id: str | None
    price: Decimal
    quantity: Decimal
    filled_quantity: Decimal
    filled_quote_quantity: Decimal
    status: StatusWord
    order_type: TypeWord
    side: Side
    created_ms: int
    updated_ms: int | None


def _orders() -> bytes:
    draw = random.Random(17)
    rows = []
    for index in range(COUNT):
        quantity = draw.randint(1, 10**6)
        rows.append(
            {
                "symbol": "BTCUSDT", "orderId": f"C02__{593034730388221952036 + index}", "orderListId": -1,
                "clientOrderId": f"sl{draw.getrandbits(96):024x}", "price": f"{draw.randint(10**6, 10**7) / 100:.2f}",
                "origQty": f"{quantity / 1000:.4f}", "executedQty": f"{quantity / 3000:.4f}",
                "cummulativeQuoteQty": f"{quantity / 7:.6f}", "status": draw.choice(["NEW", "PARTIALLY_FILLED"]),
                "stpMode": "", "timeInForce": None, "type": draw.choice(["LIMIT", "LIMIT_MAKER"]),
                "side": draw.choice(["BUY", "SELL"]), "stopPrice": None, "icebergQty": None,
                "time": 1757172734000 + index, "updateTime": 1757177392000 + 7 * index, "isWorking": True,
            }
        )  # fmt: skip
    return orjson.dumps(rows)


def _account() -> bytes:
    draw = random.Random(18)
    rows = []
    for index in range(COUNT):
        free = f"{draw.randint(0, 10**12) / 10**8:.8f}"
        rows.append({"asset": f"A{index}", "free": free, "locked": f"0.{index}", "available": free})
    head = {"makerCommission": None, "canTrade": True, "updateTime": None, "accountType": "SPOT"}
    return orjson.dumps(head | {"balances": rows, "permissions": ["SPOT"]})


def _trades() -> bytes:
    draw = random.Random(19)
    rows = []
    for index in range(COUNT):
        quantity = draw.randint(1, 10**6)
        rows.append(
            {
                "symbol": "BTCUSDT", "id": f"{565809460614950913 + index}X1",
                "orderId": f"C02__{565809460614950 + index}", "orderListId": -1,
                "price": f"{draw.randint(10**6, 10**7) / 100:.2f}", "qty": f"{quantity / 10**4:.4f}",
                "quoteQty": f"{quantity / 7:.6f}", "commission": f"{quantity / 10**7:.8f}", "commissionAsset": "USDT",
                "time": 1750681724000 + index, "isBuyer": draw.random() < 0.5, "isMaker": False, "isBestMatch": True,
                "isSelfTrade": False, "clientOrderId": None,
            }
        )  # fmt: skip
    return orjson.dumps(rows)


ORDERS = _orders()
ONE_ORDER = orjson.dumps(orjson.loads(ORDERS)[0])
ACCOUNT = _account()
TRADES = _trades()
_TYPED_ORDERS = msgspec.json.Decoder(list[TypedOrder])
_TYPED_ORDER = msgspec.json.Decoder(TypedOrder)
_TYPED_ACCOUNT = msgspec.json.Decoder(TypedAccount)
_TYPED_TRADES = msgspec.json.Decoder(list[TypedTrade])


def orders_ids_spotlane() -> None:
    for order in ORDER.many(ORDERS, SYMBOLS):
        order.order_id, order.client_order_id, order.status  # noqa: B018


def orders_ids_msgspec() -> None:
    for order in _TYPED_ORDERS.decode(ORDERS):
        order.orderId, order.clientOrderId, order.status  # noqa: B018


def orders_decimals_spotlane() -> None:
    for order in ORDER.many(ORDERS, SYMBOLS):
        order.order_id, order.client_order_id, order.status  # noqa: B018
        order.price, order.quantity, order.filled_quantity, order.filled_quote_quantity  # noqa: B018


def orders_decimals_msgspec() -> None:
    for order in _TYPED_ORDERS.decode(ORDERS):
        order.orderId, order.clientOrderId, order.status  # noqa: B018
        order.price, order.origQty, order.executedQty, order.cummulativeQuoteQty  # noqa: B018


def _plain(rows: list[dict[str, Any]]) -> list[PlainOrder]:
    return [
        PlainOrder(
            row["symbol"], row["orderId"], row["clientOrderId"], Decimal(row["price"]), Decimal(row["origQty"]),
            Decimal(row["executedQty"]), Decimal(row["cummulativeQuoteQty"]), StatusWord(row["status"]),
            TypeWord(row["type"]), Side(row["side"]), row["time"], row["updateTime"],
        )
        for row in rows
    ]  # fmt: skip


def orders_orjson() -> list[PlainOrder]:
    return _plain(orjson.loads(ORDERS))


def orders_json() -> list[PlainOrder]:
    return _plain(json.loads(ORDERS))


def one_order_spotlane() -> Order:
    return ORDER.one(ONE_ORDER, SYMBOLS)


def one_order_msgspec() -> TypedOrder:
    return _TYPED_ORDER.decode(ONE_ORDER)


def one_order_orjson() -> list[PlainOrder]:
    return _plain([orjson.loads(ONE_ORDER)])


def balances_spotlane() -> None:
    for balance in BALANCE.many(ACCOUNT):
        balance.asset, balance.available, balance.locked  # noqa: B018


def balances_msgspec() -> None:
    for balance in _TYPED_ACCOUNT.decode(ACCOUNT).balances:
        balance.asset, balance.free, balance.locked  # noqa: B018


def trades_spotlane() -> None:
    for trade in TRADE.many(TRADES, SYMBOLS):
        trade.trade_id, trade.order_id, trade.price, trade.quantity, trade.quote_quantity, trade.fee  # noqa: B018


def trades_msgspec() -> None:
    for trade in _TYPED_TRADES.decode(TRADES):
        trade.id, trade.orderId, trade.price, trade.qty, trade.quoteQty, trade.commission  # noqa: B018


# What is compared, spotlane first. The last entry is the most that spotlane may take of msgspec's time, where there is
# such a target.
CASES: tuple[tuple[str, tuple[Callable[[], object], ...], float | None], ...] = (
    ("1,000 orders, ids and states", (orders_ids_spotlane, orders_ids_msgspec, orders_orjson, orders_json), 0.40),
    ("1,000 orders, every decimal", (orders_decimals_spotlane, orders_decimals_msgspec, orders_orjson), 1.0),
    ("one order, nothing read", (one_order_spotlane, one_order_msgspec, one_order_orjson), None),
    ("1,000 balances, every decimal", (balances_spotlane, balances_msgspec), None),
    ("1,000 trades, every decimal", (trades_spotlane, trades_msgspec), None),
)


def check_same_values() -> None:
    """Both sides must read the same, or their times say nothing."""
    for ours, theirs in zip(ORDER.many(ORDERS, SYMBOLS), _TYPED_ORDERS.decode(ORDERS), strict=True):
        assert (ours.order_id, ours.client_order_id) == (theirs.orderId, theirs.clientOrderId)
        assert (ours.price, ours.quantity) == (theirs.price, theirs.origQty)
        assert (ours.filled_quantity, ours.filled_quote_quantity) == (theirs.executedQty, theirs.cummulativeQuoteQty)
        assert (ours.raw_status, ours.raw_type) == (theirs.status.value, theirs.type.value)
        assert (ours.side, ours.created_ms, ours.updated_ms) == (theirs.side, theirs.time, theirs.updateTime)
    for balance, typed in zip(BALANCE.many(ACCOUNT), _TYPED_ACCOUNT.decode(ACCOUNT).balances, strict=True):
        assert (balance.asset, balance.available, balance.locked) == (typed.asset, typed.free, typed.locked)
    for trade, fill in zip(TRADE.many(TRADES, SYMBOLS), _TYPED_TRADES.decode(TRADES), strict=True):
        assert (trade.trade_id, trade.price, trade.fee) == (fill.id, fill.price, fill.commission)


@pytest.mark.parametrize(
    ("title", "function"),
    [(title, function) for title, functions, _ in CASES for function in functions],
    ids=[f"{title} - {function.__name__}" for title, functions, _ in CASES for function in functions],
)
def test_decoding(benchmark: Any, title: str, function: Callable[[], object]) -> None:
    check_same_values()
    benchmark.group = title
    benchmark(function)
