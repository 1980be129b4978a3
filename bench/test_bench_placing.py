"""The two ends of placing one order: the request from what the caller wants, and the order from the acknowledgement.

"keywords" is how the same is done with the same decoder or encoder and Python: values one by one into a template, and a
second Order made of what was told and sent. The others parse, compare symbol, side, quantity and client id, and make a
dataclass with exact decimals.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import msgspec
import orjson
import pytest

from spotlane import Order, OrderParams, OrderStatus, OrderType, Side, Symbol, TimeInForce
from spotlane._core import decoding
from spotlane._core.encoding import QueryTemplate
from spotlane._core.json_encoding import JsonTemplate
from spotlane.exchanges.binance import wire as binance
from spotlane.exchanges.gateio import wire as gate
from spotlane.exchanges.mexc import wire as mexc
from spotlane.safety import Intent, SymbolRules

BTC = Symbol("BTC", "USDT")
PARAMS = OrderParams(BTC, Side.BUY, OrderType.LIMIT, quantity=Decimal("0.0002"), price=Decimal("64999.98"))
CLIENT_ID = "t-k1_00Zx-9"
TYPES = {(OrderType.LIMIT, None): "LIMIT", (OrderType.LIMIT, TimeInForce.IOC): "IMMEDIATE_OR_CANCEL"}
QUERY = QueryTemplate(("symbol", "side", "type", "quantity", "quoteOrderQty", "price", "newClientOrderId", "stpMode"))
BODY = JsonTemplate(("text", "currency_pair", "type", "account", "side", "amount", "price", "time_in_force"))


def intent(wire_symbol: str) -> Intent:
    rules = SymbolRules(BTC, wire_symbol, tick=Decimal("0.01"), lot=Decimal("0.00001"))
    return Intent(PARAMS, rules, CLIENT_ID, deadline=0.0, not_after_ms=0, window_ms=1_000)


INTENT = intent("BTCUSDT")
GATE_INTENT = intent("BTC_USDT")


def query_library(params: OrderParams) -> bytes:
    order = {
        "symbol": "BTCUSDT",
        "side": params.side.value,
        "type": TYPES[params.order_type, params.time_in_force],
        "quantity": params.quantity,
        "price": params.price,
        "newClientOrderId": CLIENT_ID,
    }
    return urlencode(order, quote_via=quote).encode()


def query_keywords(params: OrderParams) -> bytes:
    return QUERY.fill(
        "BTCUSDT", params.side.value, TYPES[params.order_type, params.time_in_force], params.quantity,
        params.quote_quantity, params.price, CLIENT_ID, params.self_trade_prevention,
    )  # fmt: skip


def query_spotlane(params: OrderParams) -> bytes:
    return mexc.place_query("BTCUSDT", params, CLIENT_ID)


def body_library(params: OrderParams) -> bytes:
    order = {
        "text": CLIENT_ID,
        "currency_pair": "BTC_USDT",
        "type": params.order_type.value.lower(),
        "account": "spot",
        "side": params.side.value.lower(),
        "amount": str(params.quantity),
        "price": str(params.price),
        "time_in_force": "gtc",
    }
    return json.dumps(order, separators=(",", ":")).encode()


def body_keywords(params: OrderParams) -> bytes:
    return BODY.fill(
        CLIENT_ID, "BTC_USDT", params.order_type.value.lower(), "spot", params.side.value.lower(), params.quantity,
        params.price, "gtc",
    )  # fmt: skip


def body_spotlane(params: OrderParams) -> bytes:
    return gate.place_body("BTC_USDT", params, CLIENT_ID)


MEXC_REPLY = orjson.dumps(
    {
        "symbol": "BTCUSDT", "orderId": "C02__593034730388221952036", "orderListId": -1, "price": "64999.98",
        "origQty": "0.0002", "type": "LIMIT", "side": "BUY", "stpMode": "", "transactTime": 1757172734000,
    }
)  # fmt: skip
GATE_REPLY = orjson.dumps(
    {
        "id": "376835979523", "text": CLIENT_ID, "amend_text": "-", "create_time": "1757172734",
        "update_time": "1757172734", "create_time_ms": 1757172734010, "update_time_ms": 1757172734010, "status": "open",
        "currency_pair": "BTC_USDT", "type": "limit", "account": "spot", "side": "buy", "amount": "0.0002",
        "price": "64999.98", "time_in_force": "gtc", "iceberg": "0", "left": "0.0002", "filled_amount": "0",
        "fill_price": "0", "filled_total": "0", "fee": "0", "fee_currency": "BTC", "point_fee": "0", "gt_fee": "0",
        "gt_maker_fee": "0", "gt_taker_fee": "0", "gt_discount": False, "rebated_fee": "0",
        "rebated_fee_currency": "USDT", "finish_as": "open", "stp_id": 0, "stp_act": "-",
    }
)  # fmt: skip
BINANCE_REPLY = orjson.dumps(
    {
        "symbol": "BTCUSDT", "orderId": 28, "orderListId": -1, "clientOrderId": CLIENT_ID,
        "transactTime": 1757172734000, "price": "64999.98000000", "origQty": "0.00020000", "executedQty": "0.00000000",
        "origQuoteOrderQty": "0.000000", "cummulativeQuoteQty": "0.00000000", "status": "NEW", "timeInForce": "GTC",
        "type": "LIMIT", "side": "BUY", "workingTime": 1757172734000, "selfTradePreventionMode": "NONE", "fills": [],
    }
)  # fmt: skip


class TypedReply(msgspec.Struct):
    symbol: str
    orderId: str
    origQty: Decimal
    type: str
    side: Side
    transactTime: int


@dataclass
class PlainReply:
    order_id: str
    client_order_id: str
    side: Side
    price: Decimal | None
    quantity: Decimal | None
    filled: Decimal | None
    created_ms: int


_TYPED_REPLY = msgspec.json.Decoder(TypedReply)
_PLACED = decoding.Decoder(
    Order,
    "placed order",
    columns=(
        decoding.symbol("symbol"),
        decoding.text("orderId", "order_id"),
        decoding.number("origQty", "quantity"),
        decoding.text("type", "raw_type"),
        decoding.choice("side", "side", {"BUY": Side.BUY, "SELL": Side.SELL}),
        decoding.timestamp("transactTime", "created_ms"),
    ),
    constants={"exchange": "mexc"},
)


def mexc_spotlane(body: bytes) -> Order:
    return mexc.read_placed(body, INTENT)


def mexc_keywords(body: bytes) -> Order:
    params = INTENT.params
    told = _PLACED.one(body, {INTENT.rules.wire: params.symbol})
    if told.side != params.side or told.quantity != params.quantity:
        raise ValueError(body)
    return Order(
        exchange=told.exchange,
        symbol=params.symbol,
        order_id=told.order_id,
        client_order_id=INTENT.client_order_id,
        side=params.side,
        order_type=params.order_type,
        time_in_force=TimeInForce.GTC,
        status=OrderStatus.UNKNOWN,
        price=params.price,
        quantity=params.quantity,
        quote_quantity=params.quote_quantity,
        created_ms=told.created_ms,
        raw_type=told.raw_type,
    )


def mexc_msgspec(body: bytes) -> PlainReply:
    told, params = _TYPED_REPLY.decode(body), PARAMS
    if told.symbol != "BTCUSDT" or told.side is not params.side or told.origQty != params.quantity:
        raise ValueError(body)
    return PlainReply(
        told.orderId, CLIENT_ID, params.side, params.price, params.quantity, None, told.transactTime
    )  # fmt: skip


def mexc_orjson(body: bytes) -> PlainReply:
    told, params = orjson.loads(body), PARAMS
    if told["symbol"] != "BTCUSDT" or told["side"] != "BUY" or Decimal(told["origQty"]) != params.quantity:
        raise ValueError(body)
    return PlainReply(
        told["orderId"], CLIENT_ID, params.side, params.price, params.quantity, None, told["transactTime"]
    )  # fmt: skip


def gate_spotlane(body: bytes) -> Order:
    return gate.read_placed(body, GATE_INTENT, _unread)


def gate_orjson(body: bytes) -> PlainReply:
    told = orjson.loads(body)
    amount = Decimal(told["amount"])
    if (told["currency_pair"], told["text"], told["side"], amount) != ("BTC_USDT", CLIENT_ID, "buy", PARAMS.quantity):
        raise ValueError(body)
    return PlainReply(
        told["id"], told["text"], Side.BUY, Decimal(told["price"]), amount, Decimal(told["filled_amount"]),
        told["create_time_ms"],
    )  # fmt: skip


def binance_spotlane(body: bytes) -> Order:
    return binance.read_placed(body, INTENT, _unread)


def binance_orjson(body: bytes) -> PlainReply:
    told = orjson.loads(body)
    amount = Decimal(told["origQty"])
    if (told["symbol"], told["clientOrderId"], told["side"], amount) != ("BTCUSDT", CLIENT_ID, "BUY", PARAMS.quantity):
        raise ValueError(body)
    return PlainReply(
        str(told["orderId"]), told["clientOrderId"], Side.BUY, Decimal(told["price"]), amount,
        Decimal(told["executedQty"]), told["transactTime"],
    )  # fmt: skip


def _unread(field: str, text: str) -> None:
    raise AssertionError(f"{field}={text}")


class Case(NamedTuple):
    """What is compared, spotlane first, on one argument."""

    title: str
    functions: tuple[Callable[[Any], Any], ...]
    argument: Any


CASES = (
    Case("MEXC: an order's query", (query_spotlane, query_keywords, query_library), PARAMS),
    Case("Gate: an order's body", (body_spotlane, body_keywords, body_library), PARAMS),
    Case("MEXC: an acknowledgement", (mexc_spotlane, mexc_keywords, mexc_msgspec, mexc_orjson), MEXC_REPLY),
    Case("Gate: an acknowledgement", (gate_spotlane, gate_orjson), GATE_REPLY),
    Case("Binance: an acknowledgement", (binance_spotlane, binance_orjson), BINANCE_REPLY),
)


def check_same_results() -> None:
    """Every way must come to the same, or the times say nothing."""
    for case in CASES[:2]:
        assert len({make(case.argument) for make in case.functions}) == 1
    assert mexc_spotlane(MEXC_REPLY) == mexc_keywords(MEXC_REPLY)
    for case in CASES[2:]:
        order, *others = [read(case.argument) for read in case.functions]
        for other in others:
            assert (order.order_id, order.client_order_id) == (other.order_id, other.client_order_id)
            assert (order.price, order.quantity, order.created_ms) == (other.price, other.quantity, other.created_ms)


@pytest.mark.parametrize(
    ("case", "function"),
    [(case, function) for case in CASES for function in case.functions],
    ids=[f"{case.title} - {function.__name__}" for case in CASES for function in case.functions],
)
def test_placing(benchmark: Any, case: Case, function: Callable[[Any], Any]) -> None:
    check_same_results()
    benchmark.group = case.title
    benchmark(function, case.argument)
