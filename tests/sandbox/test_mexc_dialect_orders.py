"""Placing and cancelling on the MEXC dialect: shapes, codes, and what really happens."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from mexc_caller import START_MS, Caller, make_caller

from spotlane.exchanges.mexc.dialect_call import MexcSettings
from spotlane.sandbox.engine import EngineSettings
from spotlane.structs.enums import OrderStatus, OrderType

LIMIT = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.001", "price": "20000"}


@pytest.fixture
def caller() -> Caller:
    return make_caller()


def changed(**changes: object) -> dict[str, object]:
    order: dict[str, object] = {**LIMIT, **changes}
    return {name: value for name, value in order.items() if value is not None}


def test_acknowledgement_tells_nothing_about_the_outcome(caller: Caller) -> None:
    ack = caller.limit("BUY", "0.0010", "61000.00", newClientOrderId="mine")
    assert ack == {
        "symbol": "BTCUSDT",
        "orderId": ack["orderId"],
        "orderListId": -1,
        "price": "61000",
        "origQty": "0.001",
        "type": "LIMIT",
        "side": "BUY",
        "stpMode": "",
        "transactTime": START_MS,
    }
    assert list(ack)[:2] == ["symbol", "orderId"]
    assert ack["orderId"].startswith("C02__")
    assert len(ack["orderId"]) == 26
    assert caller.engine.ledger.orders("mine")[0].status is OrderStatus.FILLED


def test_order_ids_are_unique_and_looked_up_by_either_id(caller: Caller) -> None:
    ids = {caller.limit("BUY", "0.001", "20000", newClientOrderId=f"c{number}")["orderId"] for number in range(5)}
    assert len(ids) == 5
    by_client_id = caller.ok("GET", "order", symbol="BTCUSDT", origClientOrderId="c3")
    assert caller.order(by_client_id["orderId"]) == by_client_id
    assert by_client_id["clientOrderId"] == "c3"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"symbol": None}, 700004),
        ({"symbol": "NOSUCH"}, 10007),
        ({"symbol": "btcusdt"}, 10007),
        ({"side": None}, 700004),
        ({"side": "LONG"}, 33333),
        ({"type": "LIMIT_ORDER"}, 33333),
        ({"type": "STOP_MARKET_ORDER"}, 33333),
        ({"price": None}, 700004),
        ({"quantity": None}, 700004),
        ({"quantity": ""}, 700004),
        ({"quantity": "1e-3"}, 33333),
        ({"quantity": "-1"}, 33333),
        ({"quantity": "0"}, 33333),
        ({"quantity": "NaN"}, 33333),
        ({"quantity": "٣"}, 33333),
        ({"quantity": "9" * 41}, 33333),
        ({"price": "0"}, 33333),
        ({"price": "20000.001"}, 33333),
        ({"quantity": "0.000000001"}, 33333),
        ({"quantity": "0.00004"}, 30002),
        ({"quantity": "201"}, 30003),
        ({"quantity": "5.1"}, 30004),
        ({"side": "SELL", "price": "61000", "quantity": "10.00000001"}, 30005),
        ({"newClientOrderId": "x" * 33}, 700008),
        ({"newClientOrderId": "a b"}, 700008),
        ({"stpMode": "cancel_all"}, 33333),
        ({"symbol": "FTTUSDT", "price": "1", "quantity": "10"}, 30000),
        ({"symbol": "LUNCUSDT", "price": "0.0001", "quantity": "100000"}, 10007),
        ({"symbol": "EOSUSDT", "price": "0.5", "quantity": "10"}, 30001),
        ({"symbol": "XRPUSDT", "type": "MARKET", "price": None, "quantity": "10"}, 30018),
        ({"symbol": "MXUSDT", "price": "2", "quantity": "4.99"}, 30002),
        ({"type": "MARKET", "price": None, "quoteOrderQty": "10"}, -1128),
        ({"type": "MARKET", "price": None, "quantity": None}, 700004),
        ({"type": "MARKET", "price": None, "quantity": None, "quoteOrderQty": "0.9"}, 30002),
        ({"type": "MARKET", "price": None, "quantity": None, "quoteOrderQty": "0.000001"}, 30002),
        ({"type": "MARKET", "price": None, "quantity": None, "quoteOrderQty": "5000000"}, 30003),
    ],
)
def test_refused_orders(caller: Caller, changes: Mapping[str, object], code: int) -> None:
    assert caller.code("POST", "order", **changed(**changes)) == code
    assert caller.engine.ledger.orders() == []
    if code not in (30004, 30005):
        assert caller.code("POST", "order/test", **changed(**changes)) == code


def test_the_limit_stands_in_the_text_of_30002(caller: Caller) -> None:
    reply = caller.reply("POST", "order", **changed(quantity="0.00004"))
    assert json.loads(reply.body)["msg"] == "The minimum transaction volume cannot be less than:1USDT"


def test_order_test_checks_and_places_nothing(caller: Caller) -> None:
    assert caller.ok("POST", "order/test", **LIMIT) == {}
    assert caller.ok("POST", "order/test", **changed(quantity="100")) == {}
    assert caller.engine.ledger.orders() == []


def test_key_that_is_closed_for_the_symbol(caller: Caller) -> None:
    limited = caller.with_key(caller.dialect.add_key(symbols=["ETH/USDT"]))
    assert limited.code("POST", "order", **LIMIT) == 70011


def test_surplus_decimals_can_be_cut_instead(caller: Caller) -> None:
    cutting = make_caller(MexcSettings(rate_limits=False, truncate_precision=True))
    ack = cutting.limit("BUY", "0.0010000019", "20000.019")
    assert (ack["origQty"], ack["price"]) == ("0.001", "20000.01")


def test_time_in_force_is_ignored_and_the_type_decides(caller: Caller) -> None:
    resting = caller.limit("BUY", "0.001", "20000", timeInForce="IOC")
    assert caller.order(resting["orderId"])["status"] == "NEW"
    immediate = caller.limit("BUY", "0.001", "20000", type="IMMEDIATE_OR_CANCEL")
    row = caller.order(immediate["orderId"])
    assert (row["status"], row["type"], row["timeInForce"]) == ("CANCELED", "IMMEDIATE_OR_CANCEL", None)


@pytest.mark.parametrize(
    ("order_type", "price", "status"),
    [
        ("IMMEDIATE_OR_CANCEL", "60003", "PARTIALLY_CANCELED"),
        ("IMMEDIATE_OR_CANCEL", "61000", "FILLED"),
        ("FILL_OR_KILL", "60003", "CANCELED"),
        ("FILL_OR_KILL", "61000", "FILLED"),
        ("LIMIT_MAKER", "60003", "CANCELED"),
        ("LIMIT_MAKER", "60002", "NEW"),
        ("LIMIT", "60003", "PARTIALLY_FILLED"),
    ],
)
def test_types_end_as_documented(caller: Caller, order_type: str, price: str, status: str) -> None:
    ack = caller.limit("BUY", "1", price, type=order_type)
    assert (ack["type"], caller.order(ack["orderId"])["status"]) == (order_type, status)


def test_type_that_is_closed(caller: Caller) -> None:
    listing = caller.engine.markets["BTC/USDT"].listing
    caller.engine.list_symbol(replace(listing, order_types=frozenset({OrderType.LIMIT})))
    assert caller.code("POST", "order", **changed(type="LIMIT_MAKER")) == 30041
    assert caller.code("POST", "order", **changed(type="MARKET", price=None)) == 30018


def test_crossing_maker_can_be_refused() -> None:
    caller = make_caller(engine_settings=EngineSettings(refuse_crossing_makers=True))
    assert caller.code("POST", "order", **changed(type="LIMIT_MAKER", price="61000")) == 30041


def test_market_buy_by_quantity_shows_a_protection_price(caller: Caller) -> None:
    ack = caller.ok("POST", "order", symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.5")
    row = caller.order(ack["orderId"])
    assert ack["price"] == row["price"] == "63003.15"
    assert (row["type"], row["status"], row["executedQty"]) == ("MARKET", "FILLED", "0.5")
    fills = caller.ok("GET", "myTrades", symbol="BTCUSDT", orderId=ack["orderId"])
    assert all(Decimal(fill["price"]) < 60100 for fill in fills)
    assert sum(Decimal(fill["quoteQty"]) for fill in fills) == Decimal(row["cummulativeQuoteQty"])


def test_market_buy_by_quote_under_spends(caller: Caller) -> None:
    ack = caller.ok("POST", "order", symbol="BTCUSDT", side="BUY", type="MARKET", quoteOrderQty="100")
    row = caller.order(ack["orderId"])
    assert row["origQuoteOrderQty"] == "100"
    assert row["origQty"] == ack["origQty"] == row["executedQty"] == "0.00158722"
    assert Decimal(90) < Decimal(row["cummulativeQuoteQty"]) < Decimal(100)


def test_market_sell_by_quote(caller: Caller) -> None:
    ack = caller.ok("POST", "order", symbol="BTCUSDT", side="SELL", type="MARKET", quoteOrderQty="100")
    row = caller.order(ack["orderId"])
    assert (row["price"], row["status"]) == ("56997.15", "FILLED")


def test_market_order_beyond_the_protection_ends_partially_canceled(caller: Caller) -> None:
    caller.engine.clear_liquidity("BTC/USDT")
    caller.limit("SELL", "0.001", "60000")
    caller.limit("SELL", "0.001", "70000")
    ack = caller.ok("POST", "order", symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.002")
    row = caller.order(ack["orderId"])
    assert (row["price"], row["status"], row["executedQty"]) == ("63000", "PARTIALLY_CANCELED", "0.001")


def test_market_order_without_counter_orders(caller: Caller) -> None:
    caller.engine.clear_liquidity("BTC/USDT")
    assert caller.code("POST", "order", symbol="BTCUSDT", side="BUY", type="MARKET", quantity="1") == 30025


def test_five_hundred_open_orders_at_most() -> None:
    caller = make_caller(engine_settings=EngineSettings(open_order_limit=3))
    for _ in range(3):
        caller.limit("BUY", "0.001", "20000")
    assert caller.code("POST", "order", **LIMIT) == 30029
    assert EngineSettings().open_order_limit == 500


def test_price_band_is_off_and_can_be_switched_on(caller: Caller) -> None:
    caller.limit("SELL", "0.001", "200000")
    banded = make_caller(engine_settings=EngineSettings(price_band=(Decimal("0.05"), Decimal("0.05"))))
    assert banded.code("POST", "order", **changed(price="64000")) == 30087


def test_same_client_id_is_a_second_order_by_default(caller: Caller) -> None:
    first = caller.limit("BUY", "0.001", "20000", newClientOrderId="same")
    second = caller.limit("BUY", "0.001", "20000", newClientOrderId="same")
    assert first["orderId"] != second["orderId"]
    assert len(caller.engine.ledger.orders("same")) == 2
    refusing = make_caller(engine_settings=EngineSettings(duplicate_client_ids="for_ever"))
    refusing.limit("BUY", "0.001", "20000", newClientOrderId="same")
    assert refusing.code("POST", "order", **changed(newClientOrderId="same")) == 603


@pytest.mark.parametrize("has_group", [True, False])
def test_self_trade_prevention_needs_a_group(has_group: bool) -> None:
    caller = make_caller(MexcSettings(rate_limits=False, stp_group=has_group))
    caller.engine.clear_liquidity("BTC/USDT")
    maker = caller.limit("SELL", "0.001", "60000")
    taker = caller.limit("BUY", "0.001", "60000", stpMode="cancel_both")
    rows = [caller.order(ack["orderId"]) for ack in (maker, taker)]
    if has_group:
        assert [(row["status"], row["cancelReason"]) for row in rows] == [("CANCELED", "stp_cancel")] * 2
    else:
        assert [row["status"] for row in rows] == ["FILLED", "FILLED"]
        fills = caller.ok("GET", "myTrades", symbol="BTCUSDT")
        assert [fill["isSelfTrade"] for fill in fills] == [True, True]
        assert all("cancelReason" not in row for row in rows)
    assert (taker["stpMode"], rows[1]["stpMode"]) == ("cancel_both", "cancel_both")


def test_cancel_answers_with_the_order_as_it_stood_before(caller: Caller) -> None:
    ack = caller.limit("BUY", "0.001", "20000", newClientOrderId="mine")
    caller.engine.trade_against(ack["orderId"], Decimal("0.0004"))
    reply = caller.ok("DELETE", "order", symbol="BTCUSDT", orderId=ack["orderId"])
    assert reply == {
        "symbol": "BTCUSDT", "origClientOrderId": "mine", "orderId": ack["orderId"], "clientOrderId": "mine",
        "price": "20000", "origQty": "0.001", "executedQty": "0.0004", "cummulativeQuoteQty": "8",
        "status": "PARTIALLY_FILLED", "type": "LIMIT", "side": "BUY",
    }  # fmt: skip
    assert caller.order(ack["orderId"])["status"] == "PARTIALLY_CANCELED"


def test_cancelled_quantity_in_the_reply_may_be_stale(caller: Caller) -> None:
    ack = caller.limit("BUY", "0.001", "20000")
    caller.engine.before_next("cancel", lambda: caller.engine.trade_against(ack["orderId"], Decimal("0.0004")))
    reply = caller.ok("DELETE", "order", symbol="BTCUSDT", orderId=ack["orderId"])
    assert (reply["status"], reply["executedQty"]) == ("NEW", "0")
    row = caller.order(ack["orderId"])
    assert (row["status"], row["executedQty"]) == ("PARTIALLY_CANCELED", "0.0004")


def test_cancel_of_what_is_not_open(caller: Caller) -> None:
    filled = caller.limit("BUY", "0.001", "61000", newClientOrderId="filled")
    for ids in ({"orderId": filled["orderId"]}, {"origClientOrderId": "filled"}, {"orderId": "C02__1"}):
        assert caller.code("DELETE", "order", symbol="BTCUSDT", **ids) == -2011
    assert caller.code("DELETE", "order", symbol="BTCUSDT") == 700004
    assert caller.code("GET", "order", symbol="BTCUSDT") == 700004
    resting = caller.limit("BUY", "0.001", "20000")
    assert caller.code("DELETE", "order", symbol="ETHUSDT", orderId=resting["orderId"]) == -2011
    assert caller.code("DELETE", "order", symbol="NOSUCH", orderId=resting["orderId"]) == -1121


def test_cancel_all_of_symbols(caller: Caller) -> None:
    first = caller.limit("BUY", "0.001", "20000", newClientOrderId="a")
    second = caller.ok("POST", "order", symbol="ETHUSDT", side="BUY", type="LIMIT", quantity="0.01", price="1000")
    third = caller.ok("POST", "order", symbol="MXUSDT", side="BUY", type="LIMIT", quantity="50", price="0.1")
    rows = caller.ok("DELETE", "openOrders", symbol="BTCUSDT,ETHUSDT")
    assert rows[0] == {
        "symbol": "BTCUSDT", "orderId": first["orderId"], "price": "20000", "origQty": "0.001", "type": "LIMIT",
        "side": "BUY", "executedQty": "0", "cummulativeQuoteQty": "0", "status": "NEW",
    }  # fmt: skip
    assert [row["orderId"] for row in rows] == [first["orderId"], second["orderId"]]
    assert [order.order_id for order in caller.engine.ledger.live_orders()] == [third["orderId"]]
    assert caller.ok("DELETE", "openOrders", symbol="BTCUSDT") == []
    assert caller.code("DELETE", "openOrders", symbol="BTCUSDT," * 5 + "ETHUSDT") == 33333
    assert caller.code("DELETE", "openOrders") == 700004


def test_cancel_everything_names_nothing(caller: Caller) -> None:
    caller.limit("BUY", "0.001", "20000")
    caller.ok("POST", "order", symbol="MXUSDT", side="BUY", type="LIMIT", quantity="50", price="0.1")
    assert caller.ok("DELETE", "order/all") == {"code": 200, "msg": "success", "timestamp": START_MS}
    assert caller.engine.ledger.live_orders() == []


def batch(caller: Caller, orders: object) -> Any:
    return caller.ok("POST", "batchOrders", batchOrders=json.dumps(orders, separators=(",", ":")))


def test_batch_answers_each_order_in_its_place(caller: Caller) -> None:
    results = batch(
        caller,
        [
            {**LIMIT, "newClientOrderId": "a-1"},
            {**LIMIT, "quantity": "0.00001", "newClientOrderId": "a-2"},
            {**LIMIT, "quantity": 0.002},
        ],
    )
    placed = {order.client_order_id: order for order in caller.engine.ledger.orders()}
    assert results == [
        {"symbol": "BTCUSDT", "orderId": placed["a-1"].order_id, "newClientOrderId": "a-1", "orderListId": -1},
        {
            "newClientOrderId": "a-2",
            "msg": "The minimum transaction volume cannot be less than:1USDT",
            "code": 30002,
        },
        {"symbol": "BTCUSDT", "orderId": placed[None].order_id, "orderListId": -1},
    ]
    assert placed[None].quantity == Decimal("0.002")


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", "[1]", "nonsense", '[{"symbol":null}]', "[" * 5000,
        json.dumps([LIMIT] * 21), json.dumps([LIMIT, {**LIMIT, "symbol": "ETHUSDT"}]),
    ],
)  # fmt: skip
def test_malformed_batches(caller: Caller, text: str) -> None:
    assert caller.code("POST", "batchOrders", batchOrders=text) in (33333, 700004)
    assert caller.engine.ledger.orders() == []
