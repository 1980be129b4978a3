"""Replies of any length, and how msgspec and the standard library read them: what decoding is compared with.

The orders are MEXC's (Spot V3 documentation, GET order; Binance's have the same members), every one different. msgspec
reads the same 13 fields into a typed Struct: enums typed, four Decimals. The plain way makes dataclasses of what json
or orjson has parsed.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any

import msgspec
import orjson

from spotlane.structs import OrderStatus, OrderType, Side, TimeInForce

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


TYPED_ORDERS = msgspec.json.Decoder(list[TypedOrder])
TYPED_ORDER = msgspec.json.Decoder(TypedOrder)
TYPED_ACCOUNT = msgspec.json.Decoder(TypedAccount)
TYPED_TRADES = msgspec.json.Decoder(list[TypedTrade])


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


@dataclass
class PlainBalance:
    asset: str
    available: Decimal
    locked: Decimal


def plain_orders(rows: list[dict[str, Any]]) -> list[PlainOrder]:
    """Make dataclasses of parsed orders."""
    return [
        PlainOrder(
            row["symbol"], row["orderId"], row["clientOrderId"], Decimal(row["price"]), Decimal(row["origQty"]),
            Decimal(row["executedQty"]), Decimal(row["cummulativeQuoteQty"]), StatusWord(row["status"]),
            TypeWord(row["type"]), Side(row["side"]), row["time"], row["updateTime"],
        )
        for row in rows
    ]  # fmt: skip


def plain_balances(account: dict[str, Any]) -> list[PlainBalance]:
    """Make dataclasses of a parsed account."""
    return [PlainBalance(row["asset"], Decimal(row["free"]), Decimal(row["locked"])) for row in account["balances"]]


@cache
def orders(count: int) -> bytes:
    """Return an array of open orders."""
    draw = random.Random(17)
    rows = []
    for index in range(count):
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


@cache
def account(count: int) -> bytes:
    """Return an account with that many balances."""
    draw = random.Random(18)
    rows = []
    for index in range(count):
        free = f"{draw.randint(0, 10**12) / 10**8:.8f}"
        rows.append({"asset": f"A{index}", "free": free, "locked": f"0.{index}", "available": free})
    head = {"makerCommission": None, "canTrade": True, "updateTime": None, "accountType": "SPOT"}
    return orjson.dumps(head | {"balances": rows, "permissions": ["SPOT"]})


@cache
def trades(count: int) -> bytes:
    """Return an array of fills."""
    draw = random.Random(19)
    rows = []
    for index in range(count):
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
