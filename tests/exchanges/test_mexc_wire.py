"""MEXC's wire tables on payloads of the shapes that MEXC sends."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from spotlane import (
    Order,
    OrderParams,
    OrderStatus,
    OrderType,
    Side,
    Symbol,
    TimeInForce,
)
from spotlane._core.decoding import UnknownWireSymbol
from spotlane.errors import DecodeError
from spotlane.exchanges.mexc import wire
from spotlane.safety import Intent, SymbolRules

ZANO = Symbol("ZANO", "USDT")
SYMBOLS = {"ZANOUSDT": ZANO, "FUSDUSDT": Symbol("FUSD", "USDT"), "MXUSDT": Symbol("MX", "USDT")}

ORDER: dict[str, Any] = {
    "symbol": "ZANOUSDT", "orderId": "C02__593034730388221952036", "orderListId": -1, "clientOrderId": "11",
    "price": "17.341", "origQty": "0.11", "executedQty": "0.11", "cummulativeQuoteQty": "1.90751", "status": "FILLED",
    "stpMode": "", "timeInForce": None, "type": "LIMIT", "side": "SELL", "stopPrice": None, "icebergQty": None,
    "time": 1757172734000, "updateTime": 1757177392000, "isWorking": True, "origQuoteOrderQty": "1.90751",
}  # fmt: skip
TRADE: dict[str, Any] = {
    "symbol": "FUSDUSDT", "id": "565809460614950913X1", "orderId": "C02__565809460614950913036", "orderListId": -1,
    "price": "1", "qty": "3", "quoteQty": "3", "commission": "0.0015", "commissionAsset": "USDT",
    "time": 1750681724000, "isBuyer": True, "isMaker": False, "isBestMatch": True, "isSelfTrade": False,
    "clientOrderId": None,
}  # fmt: skip
ACK: dict[str, Any] = {
    "symbol": "MXUSDT", "orderId": "06a480e69e604477bfb48dddd5f0b750", "orderListId": -1, "price": "0.1",
    "origQty": "50", "type": "LIMIT", "side": "BUY", "stpMode": "", "transactTime": 1666676533741,
}  # fmt: skip


def encoded(value: object) -> bytes:
    return json.dumps(value).encode()


def changed(row: dict[str, Any], **changes: Any) -> bytes:
    return encoded({**row, **changes})


def unread(field: str, text: str) -> None:
    raise AssertionError(f"unknown {field}={text}")


def test_an_order_row() -> None:
    order = wire.read_order(encoded(ORDER), SYMBOLS, unread)
    assert (order.exchange, order.symbol) == ("mexc", ZANO)
    assert (order.order_id, order.client_order_id) == ("C02__593034730388221952036", "11")
    assert (order.side, order.order_type, order.time_in_force) == (Side.SELL, OrderType.LIMIT, TimeInForce.GTC)
    assert (order.status, order.raw_status, order.raw_type) == (OrderStatus.FILLED, "FILLED", "LIMIT")
    assert (order.price, order.quantity, order.filled_quantity) == (Decimal("17.341"), Decimal("0.11"), Decimal("0.11"))
    assert order.filled_quote_quantity == Decimal("1.90751")
    assert order.average_price == Decimal("17.341")
    assert (order.created_ms, order.updated_ms) == (1757172734000, 1757177392000)
    assert order.is_done
    assert order.remaining_quantity == 0


@pytest.mark.parametrize(
    ("sent", "status", "is_done"),
    [
        ("NEW", OrderStatus.NEW, False),
        ("PARTIALLY_FILLED", OrderStatus.PARTIALLY_FILLED, False),
        ("FILLED", OrderStatus.FILLED, True),
        ("CANCELED", OrderStatus.CANCELED, True),
        ("PARTIALLY_CANCELED", OrderStatus.PARTIALLY_CANCELED, True),
    ],
)
def test_every_documented_status(sent: str, status: OrderStatus, is_done: bool) -> None:
    order = wire.read_order(changed(ORDER, status=sent), SYMBOLS, unread)
    assert (order.status, order.is_done, order.raw_status) == (status, is_done, sent)


@pytest.mark.parametrize(
    ("sent", "order_type", "time_in_force"),
    [
        ("LIMIT", OrderType.LIMIT, TimeInForce.GTC),
        ("MARKET", OrderType.MARKET, TimeInForce.IOC),
        ("LIMIT_MAKER", OrderType.LIMIT_MAKER, TimeInForce.GTC),
        ("IMMEDIATE_OR_CANCEL", OrderType.LIMIT, TimeInForce.IOC),
        ("FILL_OR_KILL", OrderType.LIMIT, TimeInForce.FOK),
        ("STOP_MARKET_ORDER", OrderType.STOP_MARKET, TimeInForce.IOC),
    ],
)
def test_every_documented_type(sent: str, order_type: OrderType, time_in_force: TimeInForce) -> None:
    order = wire.read_order(changed(ORDER, type=sent), SYMBOLS, unread)
    assert (order.order_type, order.time_in_force) == (order_type, time_in_force)


def test_only_a_market_order_is_sized_in_quote_and_has_no_price() -> None:
    market = {**ORDER, "orderId": "M", "type": "MARKET", "price": "18.2", "origQuoteOrderQty": "2"}
    assert wire.read_order(encoded(ORDER), SYMBOLS, unread).quote_quantity is None
    limit, sized, unsized = wire.read_orders(
        encoded([ORDER, market, {**market, "origQuoteOrderQty": "0"}]), SYMBOLS, unread
    )
    assert wire.read_order(encoded(market), SYMBOLS, unread) == sized
    assert (limit.order_id, limit.price, limit.quote_quantity) == (ORDER["orderId"], Decimal("17.341"), None)
    assert (sized.order_id, sized.price, sized.quote_quantity) == ("M", None, Decimal(2))
    assert (unsized.price, unsized.quote_quantity) == (None, None)
    assert sized.filled_quantity == Decimal("0.11")
    assert wire.read_orders(b"[]", SYMBOLS, unread) == []


def test_words_that_no_table_knows_are_kept_and_told() -> None:
    told: list[tuple[str, str]] = []
    body = changed(ORDER, status="EXPIRED_IN_MATCH", type="TWAP")
    order = wire.read_order(body, SYMBOLS, lambda field, text: told.append((field, text)))
    assert (order.status, order.raw_status) == (OrderStatus.UNKNOWN, "EXPIRED_IN_MATCH")
    assert (order.order_type, order.time_in_force, order.raw_type) == (OrderType.OTHER, None, "TWAP")
    assert sorted(told) == [("status", "EXPIRED_IN_MATCH"), ("type", "TWAP")]


@pytest.mark.parametrize("client_order_id", [None, ""])
def test_an_order_without_client_id_and_update(client_order_id: str | None) -> None:
    body = changed(ORDER, clientOrderId=client_order_id, updateTime=None, executedQty="0", cummulativeQuoteQty="0")
    order = wire.read_order(body, SYMBOLS, unread)
    assert order.client_order_id is None
    assert order.updated_ms is None
    assert order.filled_quantity == 0
    assert order.average_price is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"status": None}, "status"),
        ({"executedQty": None}, "executedQty"),
        ({"executedQty": "NaN"}, "executedQty"),
        ({"executedQty": "-1"}, "executedQty"),
        ({"price": "1,5"}, "price"),
        ({"price": True}, "price"),
        ({"orderId": None}, "orderId"),
        ({"orderId": {}}, "orderId"),
        ({"side": "SHORT"}, "side"),
        ({"time": "yesterday"}, "time"),
        ({"time": True}, "time"),
    ],
)
def test_an_order_row_that_does_not_fit(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(DecodeError) as misfit:
        wire.read_order(changed(ORDER, **changes), SYMBOLS, unread)
    assert field in f"{misfit.value.field} {misfit.value}"


def test_an_id_sent_as_a_number_is_an_id() -> None:
    assert wire.read_order(changed(ORDER, orderId=593034730388221952), SYMBOLS, unread).order_id == "593034730388221952"


def test_an_unknown_symbol_is_named() -> None:
    with pytest.raises(UnknownWireSymbol, match="GHOSTUSDT"):
        wire.read_order(changed(ORDER, symbol="GHOSTUSDT"), SYMBOLS, unread)


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{}", encoded(ORDER)[:-1], encoded(ORDER) + b"x", b"<html>"])
def test_what_is_no_order_is_refused(body: bytes) -> None:
    with pytest.raises(DecodeError):
        wire.read_order(body, SYMBOLS, unread)


def test_a_trade_row() -> None:
    (trade,) = wire.TRADE.many(encoded([TRADE]), SYMBOLS)
    assert (trade.trade_id, trade.order_id) == ("565809460614950913X1", "C02__565809460614950913036")
    assert (trade.side, trade.is_maker, trade.client_order_id) == (Side.BUY, False, None)
    assert (trade.price, trade.quantity, trade.quote_quantity) == (Decimal(1), Decimal(3), Decimal(3))
    assert (trade.fee, trade.fee_asset, trade.time_ms) == (Decimal("0.0015"), "USDT", 1750681724000)
    assert wire.TRADE.many(changed_list(isBuyer=False), SYMBOLS)[0].side is Side.SELL
    assert wire.TRADE.many(b"[]", SYMBOLS) == []


def changed_list(**changes: Any) -> bytes:
    return encoded([{**TRADE, **changes}])


@pytest.mark.parametrize("snapshot", [
    {"symbol": "ZANOUSDT", "orderId": "1", "price": "2", "origQty": "3", "type": "LIMIT", "side": "SELL"},
    {"symbol": "ZANOUSDT", "orderId": "1", "origClientOrderId": None, "clientOrderId": None, "price": "2",
     "origQty": "3", "type": "LIMIT", "side": "SELL", "executedQty": "0", "cummulativeQuoteQty": "0",
     "status": "CANCELED"},
])  # fmt: skip
def test_the_reply_to_a_cancel_is_not_taken_for_the_present(snapshot: dict[str, Any]) -> None:
    order = wire.CANCELLED.one(encoded(snapshot), SYMBOLS)
    assert (order.order_id, order.client_order_id, order.quantity) == ("1", None, Decimal(3))
    assert (order.status, order.filled_quantity, order.is_done) == (OrderStatus.UNKNOWN, None, False)


def test_balances() -> None:
    body = encoded({
        "makerCommission": None, "canTrade": True, "updateTime": None, "accountType": "SPOT",
        "balances": [
            {"asset": "MX", "free": "3", "locked": "0.5", "available": "3"},
            {"asset": "BTC", "free": "0.000000000674", "locked": "0", "available": "0.000000000674"},
        ], "permissions": ["SPOT"],
    })  # fmt: skip
    mx, btc = wire.BALANCES.many(body, None)
    assert (mx.asset, mx.available, mx.locked, mx.total) == ("MX", Decimal(3), Decimal("0.5"), Decimal("3.5"))
    assert btc.available == Decimal("0.000000000674")


RULES = SymbolRules(SYMBOLS["MXUSDT"], "MXUSDT", tick=Decimal("0.0001"), lot=Decimal("0.01"))


def intent(**changes: Any) -> Intent:
    params = OrderParams(SYMBOLS["MXUSDT"], Side.BUY, OrderType.LIMIT, quantity=Decimal(50), price=Decimal("0.1"))
    return Intent(params.replace(**changes), RULES, "id-1", deadline=0.0, not_after_ms=0, window_ms=1_000)


def test_an_acknowledgement_is_filled_up_from_the_intent() -> None:
    order = wire.read_placed(encoded(ACK), intent())
    assert (order.order_id, order.client_order_id) == ("06a480e69e604477bfb48dddd5f0b750", "id-1")
    assert (order.price, order.quantity, order.created_ms) == (Decimal("0.1"), Decimal(50), 1666676533741)
    assert (order.status, order.time_in_force, order.raw_type) == (OrderStatus.UNKNOWN, TimeInForce.GTC, "LIMIT")


def test_a_market_order_acknowledged_as_another_type_with_a_price() -> None:
    body = changed(ACK, type="IMMEDIATE_OR_CANCEL", price="0.498441", origQty="10.83")
    order = wire.read_placed(
        body, intent(order_type=OrderType.MARKET, quantity=None, price=None, quote_quantity=Decimal("5.4"))
    )
    assert (order.order_type, order.time_in_force) == (OrderType.MARKET, TimeInForce.IOC)
    assert (order.price, order.quantity, order.quote_quantity) == (None, None, Decimal("5.4"))
    assert order.raw_type == "IMMEDIATE_OR_CANCEL"


@pytest.mark.parametrize("changes", [{"side": "SELL"}, {"origQty": "49.99"}, {"symbol": "ZANOUSDT"}, {"orderId": None}])
def test_an_acknowledgement_of_something_else_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(DecodeError):
        wire.read_placed(changed(ACK, **changes), intent())


def test_a_refusal_says_what_was_told_and_what_was_sent() -> None:
    with pytest.raises(DecodeError, match=r"origQty is 49\.99, 50 was sent") as refused:
        wire.read_placed(changed(ACK, origQty="49.99"), intent())
    assert (refused.value.field, refused.value.endpoint) == ("origQty", "placed order")


@pytest.mark.parametrize(
    ("changes", "time_in_force"),
    [
        ({}, TimeInForce.GTC),
        ({"time_in_force": TimeInForce.FOK}, TimeInForce.FOK),
        ({"order_type": OrderType.LIMIT_MAKER}, TimeInForce.GTC),
    ],
)
def test_an_acknowledged_order_is_the_one_that_was_sent(changes: dict[str, Any], time_in_force: TimeInForce) -> None:
    sent = intent(**changes)
    order = wire.read_placed(changed(ACK, origQty=None, price=None, type="MARKET"), sent)
    assert order == Order(
        exchange="mexc",
        symbol=sent.params.symbol,
        order_id="06a480e69e604477bfb48dddd5f0b750",
        client_order_id="id-1",
        side=Side.BUY,
        order_type=sent.params.order_type,
        time_in_force=time_in_force,
        price=Decimal("0.1"),
        quantity=Decimal(50),
        created_ms=1666676533741,
        raw_type="MARKET",
    )


@pytest.mark.parametrize(
    ("changes", "query"),
    [
        ({}, "type=LIMIT&quantity=50&price=0.1"),
        ({"time_in_force": TimeInForce.GTC}, "type=LIMIT&quantity=50&price=0.1"),
        ({"time_in_force": TimeInForce.IOC}, "type=IMMEDIATE_OR_CANCEL&quantity=50&price=0.1"),
        ({"time_in_force": TimeInForce.FOK}, "type=FILL_OR_KILL&quantity=50&price=0.1"),
        ({"order_type": OrderType.LIMIT_MAKER}, "type=LIMIT_MAKER&quantity=50&price=0.1"),
        ({"order_type": OrderType.MARKET, "price": None}, "type=MARKET&quantity=50"),
        (
            {"order_type": OrderType.MARKET, "price": None, "quantity": None, "quote_quantity": Decimal("1E+2")},
            "type=MARKET&quoteOrderQty=100",
        ),
        ({"quantity": Decimal("1E-8")}, "type=LIMIT&quantity=0.00000001&price=0.1"),
    ],
)
def test_an_order_as_it_is_sent(changes: dict[str, Any], query: str) -> None:
    params = intent(**changes).params
    assert (
        wire.place_query("MXUSDT", params, "a b") == f"symbol=MXUSDT&side=BUY&{query}&newClientOrderId=a%20b".encode()
    )
    guarded = params.replace(side=Side.SELL, self_trade_prevention="cm")
    assert wire.place_query("MXUSDT", guarded, "1").endswith(b"&newClientOrderId=1&stpMode=cm")
    assert b"side=SELL" in wire.place_query("MXUSDT", guarded, "1")


def test_a_padded_quantity_is_the_same_quantity() -> None:
    assert wire.read_placed(changed(ACK, origQty="50.000000000000000000"), intent()).quantity == 50


@pytest.mark.parametrize("body", [b"{}", b'{"serverTime":"1645539742000"}', b'{"serverTime":1.5}', b"[]", b"<html>"])
def test_a_time_that_is_none(body: bytes) -> None:
    with pytest.raises(DecodeError):
        wire.read_time_ms(body)
    assert wire.read_time_ms(b'{"serverTime":1645539742000}') == 1645539742000
