"""Asking the MEXC dialect about orders and fills: shapes, windows, lag."""

from __future__ import annotations

from decimal import Decimal

import pytest
from mexc_caller import START_MS, Caller, make_caller

DAY_MS = 86_400_000
SECOND_MS = START_MS // 1000 * 1000


@pytest.fixture
def caller() -> Caller:
    return make_caller()


def test_open_order_has_true_milliseconds_and_no_update_time(caller: Caller) -> None:
    ack = caller.limit("SELL", "0.11", "90000.5", newClientOrderId="11")
    row = caller.order(ack["orderId"])
    assert list(row.items()) == [
        ("symbol", "BTCUSDT"),
        ("orderId", ack["orderId"]),
        ("orderListId", -1),
        ("clientOrderId", "11"),
        ("price", "90000.5"),
        ("origQty", "0.11"),
        ("executedQty", "0"),
        ("cummulativeQuoteQty", "0"),
        ("status", "NEW"),
        ("stpMode", ""),
        ("timeInForce", None),
        ("type", "LIMIT"),
        ("side", "SELL"),
        ("stopPrice", None),
        ("icebergQty", None),
        ("time", START_MS),
        ("updateTime", None),
        ("isWorking", True),
        ("origQuoteOrderQty", "9900.055"),
    ]
    assert caller.ok("GET", "openOrders", symbol="BTCUSDT") == [row]


def test_closed_order_has_whole_seconds(caller: Caller) -> None:
    ack = caller.limit("BUY", "0.001", "20000")
    caller.clock.advance(2_000)
    caller.engine.trade_against(ack["orderId"], Decimal("0.0005"))
    partly = caller.order(ack["orderId"])
    assert (partly["time"], partly["updateTime"], partly["status"]) == (START_MS, START_MS + 2000, "PARTIALLY_FILLED")
    caller.engine.trade_against(ack["orderId"], Decimal("0.0005"))
    done = caller.order(ack["orderId"])
    assert (done["time"], done["updateTime"], done["status"]) == (SECOND_MS, SECOND_MS + 2000, "FILLED")
    assert (done["executedQty"], done["cummulativeQuoteQty"], done["isWorking"]) == ("0.001", "20", True)


def test_absent_client_id_is_null_in_one_place_and_empty_in_the_other(caller: Caller) -> None:
    ack = caller.limit("BUY", "0.001", "20000")
    assert caller.order(ack["orderId"])["clientOrderId"] is None
    assert caller.ok("GET", "openOrders")[0]["clientOrderId"] == ""


def test_unknown_order(caller: Caller) -> None:
    reply = caller.reply("GET", "order", symbol="BTCUSDT", orderId="C02__1")
    assert (reply.status, reply.body) == (400, b'{"code":-2013,"msg":"Order does not exist.","_extend":null}')
    ack = caller.limit("BUY", "0.001", "20000")
    assert caller.code("GET", "order", symbol="ETHUSDT", orderId=ack["orderId"]) == -2013
    assert caller.code("GET", "order", symbol="NOSUCH", orderId=ack["orderId"]) == -1121


def test_fresh_order_may_not_be_found_yet(caller: Caller) -> None:
    caller.engine.set_visibility_lag(order=700, open_orders=300)
    ack = caller.limit("BUY", "0.001", "20000", newClientOrderId="new")
    assert caller.code("GET", "order", symbol="BTCUSDT", origClientOrderId="new") == -2013
    assert caller.ok("GET", "openOrders") == []
    caller.clock.advance(300)
    assert len(caller.ok("GET", "openOrders")) == 1
    assert caller.code("GET", "order", symbol="BTCUSDT", orderId=ack["orderId"]) == -2013
    caller.clock.advance(400)
    assert caller.order(ack["orderId"])["status"] == "NEW"


def test_open_orders_of_one_some_and_all_symbols(caller: Caller) -> None:
    caller.limit("BUY", "0.001", "20000")
    caller.ok("POST", "order", symbol="MXUSDT", side="BUY", type="LIMIT", quantity="50", price="0.1")
    assert [row["symbol"] for row in caller.ok("GET", "openOrders")] == ["BTCUSDT", "MXUSDT"]
    assert [row["symbol"] for row in caller.ok("GET", "openOrders", symbol="MXUSDT")] == ["MXUSDT"]
    assert len(caller.ok("GET", "openOrders", symbol="MXUSDT,BTCUSDT,ETHUSDT")) == 2
    assert caller.code("GET", "openOrders", symbol="BTCUSDT,NOSUCH") == -1121


def test_order_look_up_reaches_seven_days_back(caller: Caller) -> None:
    ack = caller.limit("BUY", "0.001", "20000")
    caller.clock.advance(7 * DAY_MS)
    assert caller.order(ack["orderId"])["status"] == "NEW"
    caller.clock.advance(1)
    assert caller.code("GET", "order", symbol="BTCUSDT", orderId=ack["orderId"]) == -2013
    assert len(caller.ok("GET", "openOrders")) == 1


def test_all_orders_windows(caller: Caller) -> None:
    ids = []
    for _ in range(10):
        ids.append(caller.limit("BUY", "0.001", "20000")["orderId"])
        caller.clock.advance(DAY_MS)
    now_ms = caller.clock.now_ms()

    def found(**params: object) -> list[str]:
        rows = caller.ok("GET", "allOrders", symbol="BTCUSDT", **params)
        return [row["orderId"] for row in rows]

    assert found() == ids[:-2:-1]
    assert found(startTime=0, endTime=now_ms) == ids[:-8:-1]
    assert found(startTime=now_ms - 3 * DAY_MS, endTime=now_ms - 2 * DAY_MS) == [ids[-2], ids[-3]]
    assert found(startTime=now_ms - 3 * DAY_MS) == ids[:-4:-1]
    assert found(endTime=now_ms - 2 * DAY_MS) == [ids[-2], ids[-3]]
    assert found(startTime=0, endTime=now_ms, limit=2) == ids[:-3:-1]
    assert found(startTime=now_ms, endTime=now_ms - 1) == []
    assert caller.code("GET", "allOrders") == 700004
    assert caller.code("GET", "allOrders", symbol="BTCUSDT", limit="many") == 33333


def test_all_orders_holds_open_and_closed_ones(caller: Caller) -> None:
    closed = caller.limit("BUY", "0.001", "61000")
    opened = caller.limit("BUY", "0.001", "20000")
    rows = caller.ok("GET", "allOrders", symbol="BTCUSDT")
    assert [(row["orderId"], row["status"]) for row in rows] == [
        (opened["orderId"], "NEW"), (closed["orderId"], "FILLED")
    ]  # fmt: skip


def test_default_and_highest_number_of_orders(caller: Caller) -> None:
    for _ in range(501):
        caller.limit("BUY", "0.001", "20000", type="IMMEDIATE_OR_CANCEL")
    assert len(caller.ok("GET", "allOrders", symbol="BTCUSDT")) == 500
    assert len(caller.ok("GET", "allOrders", symbol="BTCUSDT", limit=5000)) == 501


def test_a_fill_on_the_wire(caller: Caller) -> None:
    ack = caller.limit("BUY", "0.001", "20000", newClientOrderId="mine")
    caller.engine.trade_against(ack["orderId"], Decimal("0.0004"))
    fill = caller.ok("GET", "myTrades", symbol="BTCUSDT")[0]
    assert list(fill.items()) == [
        ("symbol", "BTCUSDT"),
        ("id", fill["id"]),
        ("orderId", ack["orderId"]),
        ("orderListId", -1),
        ("price", "20000"),
        ("qty", "0.0004"),
        ("quoteQty", "8"),
        ("commission", "0"),
        ("commissionAsset", "USDT"),
        ("time", SECOND_MS),
        ("isBuyer", True),
        ("isMaker", True),
        ("isBestMatch", True),
        ("isSelfTrade", False),
        ("clientOrderId", None),
    ]


def test_taker_fee_is_in_the_quote_asset_on_both_sides(caller: Caller) -> None:
    caller.limit("BUY", "0.001", "61000", type="IMMEDIATE_OR_CANCEL")
    caller.limit("SELL", "0.001", "59000", type="IMMEDIATE_OR_CANCEL")
    for fill in caller.ok("GET", "myTrades", symbol="BTCUSDT"):
        assert (fill["commissionAsset"], fill["isMaker"]) == ("USDT", False)
        assert Decimal(fill["commission"]) == Decimal(fill["quoteQty"]) * Decimal("0.0005")


def test_fills_of_one_order_and_of_a_window(caller: Caller) -> None:
    first = caller.limit("BUY", "0.5", "61000")
    caller.clock.advance(DAY_MS)
    second = caller.limit("SELL", "0.5", "59000")
    every = caller.ok("GET", "myTrades", symbol="BTCUSDT")
    assert len({fill["id"] for fill in every}) == len(every) > 2
    assert [fill["time"] for fill in every] == sorted((fill["time"] for fill in every), reverse=True)
    of_first = caller.ok("GET", "myTrades", symbol="BTCUSDT", orderId=first["orderId"])
    assert sum(Decimal(fill["qty"]) for fill in of_first) == Decimal("0.5")
    early = caller.ok("GET", "myTrades", symbol="BTCUSDT", startTime=START_MS, endTime=START_MS + 1)
    assert early == of_first
    late = caller.ok("GET", "myTrades", symbol="BTCUSDT", startTime=START_MS + 1)
    assert {fill["orderId"] for fill in late} == {second["orderId"]}
    assert caller.ok("GET", "myTrades", symbol="ETHUSDT") == []


def test_fills_reach_a_month_and_a_hundred_rows(caller: Caller) -> None:
    caller.limit("BUY", "0.001", "61000")
    caller.clock.advance(30 * DAY_MS + 1)
    assert caller.ok("GET", "myTrades", symbol="BTCUSDT", startTime=START_MS) == []
    for _ in range(101):
        caller.limit("BUY", "0.0001", "61000")
    assert len(caller.ok("GET", "myTrades", symbol="BTCUSDT")) == 100
    assert len(caller.ok("GET", "myTrades", symbol="BTCUSDT", limit=1000)) == 100
    assert len(caller.ok("GET", "myTrades", symbol="BTCUSDT", limit=7)) == 7


def test_books_balance_to_the_last_unit(caller: Caller) -> None:
    caller.limit("BUY", "0.12345678", "60010.07")
    caller.limit("SELL", "0.5", "59990.01")
    caller.ok("POST", "order", symbol="BTCUSDT", side="BUY", type="MARKET", quoteOrderQty="777.77")
    caller.ok("DELETE", "openOrders", symbol="BTCUSDT")
    base, quote = Decimal(10), Decimal(100_000)
    for fill in caller.ok("GET", "myTrades", symbol="BTCUSDT"):
        sign = 1 if fill["isBuyer"] else -1
        base += sign * Decimal(fill["qty"])
        quote -= sign * Decimal(fill["quoteQty"]) + Decimal(fill["commission"])
    balances = {row["asset"]: row for row in caller.ok("GET", "account")["balances"]}
    assert Decimal(balances["BTC"]["free"]) == base
    assert Decimal(balances["USDT"]["free"]) == quote
    assert (balances["BTC"]["locked"], balances["USDT"]["locked"]) == ("0", "0")
