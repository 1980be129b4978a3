"""Orders, trades, rules and balances as the Binance dialect shows them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from binance_caller import START_MS, Caller, error_of, limit_order, make_caller

from spotlane.exchanges.binance.dialect_call import BinanceSettings

DAY_MS = 86_400_000
HOUR_MS = 3_600_000


@pytest.fixture
def caller() -> Caller:
    return make_caller()


def fill(caller: Caller, order: Any, quantity: str) -> None:
    caller.engine.trade_against(str(order["orderId"]), Decimal(quantity))


def test_an_order_as_queries_show_it(caller: Caller) -> None:
    order = caller.limit("BUY", "0.002", "20000", newClientOrderId="mine")
    caller.clock.advance(1_234)
    fill(caller, order, "0.0005")
    assert caller.ok("GET", "order", symbol="BTCUSDT", origClientOrderId="mine") == {
        "symbol": "BTCUSDT",
        "orderId": order["orderId"],
        "orderListId": -1,
        "clientOrderId": "mine",
        "price": "20000.00000000",
        "origQty": "0.00200000",
        "executedQty": "0.00050000",
        "cummulativeQuoteQty": "10.00000000",
        "status": "PARTIALLY_FILLED",
        "timeInForce": "GTC",
        "type": "LIMIT",
        "side": "BUY",
        "stopPrice": "0.00000000",
        "icebergQty": "0.00000000",
        "time": START_MS,
        "updateTime": START_MS + 1_234,
        "isWorking": True,
        "workingTime": START_MS,
        "origQuoteOrderQty": "0.00000000",
        "selfTradePreventionMode": "EXPIRE_MAKER",
    }


def test_ids_that_do_not_fit(caller: Caller) -> None:
    order = caller.limit("BUY", "0.001", "20000", newClientOrderId="mine")
    both = {"symbol": "BTCUSDT", "orderId": order["orderId"]}
    assert caller.ok("GET", "order", **both, origClientOrderId="mine")["orderId"] == order["orderId"]
    assert caller.code("GET", "order", **both, origClientOrderId="yours") == -2039
    assert caller.refused("GET", "order", symbol="BTCUSDT", orderId=1) == (-2013, "Order does not exist.")
    assert caller.code("GET", "order", symbol="ETHUSDT", orderId=order["orderId"]) == -2013
    assert caller.code("GET", "order", symbol="BTCUSDT") == -1102
    assert caller.code("GET", "order", symbol="BTCUSDT", orderId="abc") == -1100
    assert caller.code("GET", "order", orderId=1) == -1102


def test_a_fresh_order_may_be_out_of_sight(caller: Caller) -> None:
    caller.engine.set_visibility_lag(order=300)
    order = caller.limit("BUY", "0.001", "20000")
    assert caller.code("GET", "order", symbol="BTCUSDT", orderId=order["orderId"]) == -2013
    caller.clock.advance(300)
    assert caller.order(order["orderId"])["status"] == "NEW"


def test_unfilled_dead_orders_are_archived_after_90_days(caller: Caller) -> None:
    dead, partly = caller.limit("BUY", "0.001", "20000"), caller.limit("BUY", "0.002", "20000")
    fill(caller, partly, "0.001")
    caller.ok("DELETE", "openOrders", symbol="BTCUSDT")
    resting = caller.limit("BUY", "0.001", "20000")
    caller.clock.advance(90 * DAY_MS)
    assert caller.order(dead["orderId"])["status"] == "CANCELED"
    caller.clock.advance(1)
    assert caller.code("GET", "order", symbol="BTCUSDT", orderId=dead["orderId"]) == -2026
    rows = caller.ok("GET", "allOrders", symbol="BTCUSDT")
    assert [row["orderId"] for row in rows] == [partly["orderId"], resting["orderId"]]


def test_open_orders_of_one_symbol_and_of_all(caller: Caller) -> None:
    bitcoin = caller.limit("BUY", "0.001", "20000")
    ether = caller.ok("POST", "order", **limit_order(symbol="ETHUSDT", price="1000", quantity="0.01"))
    rows = caller.ok("GET", "openOrders")
    assert [(row["symbol"], row["orderId"]) for row in rows] == [
        ("BTCUSDT", bitcoin["orderId"]), ("ETHUSDT", ether["orderId"]),
    ]  # fmt: skip
    assert caller.ok("GET", "openOrders", symbol="ETHUSDT") == rows[1:]
    caller.ok("DELETE", "order", symbol="BTCUSDT", orderId=bitcoin["orderId"])
    assert caller.ok("GET", "openOrders") == rows[1:]


def history(caller: Caller, path: str, **params: object) -> list[int]:
    id_name = "orderId" if path == "allOrders" else "id"
    return [row[id_name] for row in caller.ok("GET", path, symbol="BTCUSDT", **params)]


def test_all_orders_by_id_and_by_time(caller: Caller) -> None:
    ids = []
    for _ in range(5):
        ids.append(caller.limit("BUY", "0.001", "20000")["orderId"])
        caller.clock.advance(10 * HOUR_MS)
    assert history(caller, "allOrders") == ids
    assert history(caller, "allOrders", limit=2) == ids[-2:]
    assert history(caller, "allOrders", orderId=ids[1], limit=2) == ids[1:3]
    assert history(caller, "allOrders", startTime=START_MS) == ids[:3]
    assert history(caller, "allOrders", startTime=START_MS, limit=1) == ids[:1]
    assert history(caller, "allOrders", endTime=START_MS + 40 * HOUR_MS) == ids[2:]
    span = {"startTime": START_MS + 1, "endTime": START_MS + 1 + DAY_MS}
    assert history(caller, "allOrders", **span) == ids[1:3]
    refused = caller.refused("GET", "allOrders", symbol="BTCUSDT", startTime=START_MS, endTime=START_MS + DAY_MS + 1)
    assert refused == (-1127, "More than 24 hours between startTime and endTime.")


@pytest.mark.parametrize(("ahead_ms", "first"), [(5_000, 1), (10_000, 2), (DAY_MS, 2), (10**13, 2)])
def test_an_end_in_the_future_is_moved_to_ten_seconds_ahead(caller: Caller, ahead_ms: int, first: int) -> None:
    ids = []
    for _ in range(3):
        ids.append(caller.limit("BUY", "0.001", "20000")["orderId"])
        caller.clock.advance(6_000)
    caller.clock.advance(DAY_MS - 18_000)
    # Now the orders are 24 hours, and six and twelve seconds less than that, old.
    assert history(caller, "allOrders", endTime=START_MS + DAY_MS + ahead_ms) == ids[first:]
    assert history(caller, "allOrders", endTime=START_MS + DAY_MS) == ids


@pytest.mark.parametrize("path", ["allOrders", "myTrades"])
@pytest.mark.parametrize("limit", [0, 1001])
def test_row_limits(caller: Caller, path: str, limit: int) -> None:
    assert caller.code("GET", path, symbol="BTCUSDT", limit=limit) == -1102
    assert caller.ok("GET", path, symbol="BTCUSDT", limit=1000) == []


def test_more_than_the_default_of_500_rows() -> None:
    caller = make_caller(BinanceSettings(rate_limits=False, max_num_orders=1_000))
    ids = [caller.limit("BUY", "0.0005", "20000", newOrderRespType="ACK")["orderId"] for _ in range(502)]
    assert history(caller, "allOrders") == ids[-500:]
    assert history(caller, "allOrders", limit=1000) == ids


def test_a_trade_as_queries_show_it(caller: Caller) -> None:
    order = caller.limit("SELL", "0.002", "70000")
    fill(caller, order, "0.001")
    (row,) = caller.ok("GET", "myTrades", symbol="BTCUSDT")
    assert row == {
        "symbol": "BTCUSDT",
        "id": row["id"],
        "orderId": order["orderId"],
        "orderListId": -1,
        "price": "70000.00000000",
        "qty": "0.00100000",
        "quoteQty": "70.00000000",
        "commission": "0.07000000",
        "commissionAsset": "USDT",
        "time": START_MS,
        "isBuyer": False,
        "isMaker": True,
        "isBestMatch": True,
    }
    assert isinstance(row["id"], int)


def test_trades_by_id_order_and_time(caller: Caller) -> None:
    orders = []
    for _ in range(4):
        orders.append(caller.ok("POST", "order", symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.001"))
        caller.clock.advance(10 * HOUR_MS)
    ids = [order["fills"][0]["tradeId"] for order in orders]
    assert ids == sorted(ids)
    assert history(caller, "myTrades") == ids
    assert history(caller, "myTrades", limit=2) == ids[-2:]
    assert history(caller, "myTrades", fromId=ids[1]) == ids[1:]
    assert history(caller, "myTrades", fromId=ids[1], limit=2) == ids[1:3]
    assert history(caller, "myTrades", orderId=orders[2]["orderId"]) == [ids[2]]
    assert history(caller, "myTrades", orderId=orders[2]["orderId"], fromId=ids[3]) == []
    assert history(caller, "myTrades", startTime=START_MS) == ids[:3]
    assert history(caller, "myTrades", endTime=START_MS + 30 * HOUR_MS) == ids[1:]
    span = {"startTime": START_MS, "endTime": START_MS + DAY_MS + 1}
    assert caller.code("GET", "myTrades", symbol="BTCUSDT", **span) == -1127


@pytest.mark.parametrize(
    "names",
    [("orderId", "startTime"), ("fromId", "startTime"), ("fromId", "endTime"), ("orderId", "startTime", "endTime")],
)
def test_most_mixtures_of_trade_filters_are_refused(caller: Caller, names: tuple[str, ...]) -> None:
    assert caller.code("GET", "myTrades", symbol="BTCUSDT", **dict.fromkeys(names, START_MS)) == -1128


def test_account(caller: Caller) -> None:
    caller.limit("BUY", "0.001", "20000")
    account = caller.ok("GET", "account")
    balances = {row["asset"]: (row["free"], row["locked"]) for row in account["balances"]}
    assert balances["USDT"] == ("99980.00000000", "20.00000000")
    assert balances["BTC"] == ("10.00000000", "0.00000000")
    assert balances["EOS"] == ("0.00000000", "0.00000000")
    assert (account["makerCommission"], account["commissionRates"]["taker"]) == (10, "0.00100000")
    assert (account["permissions"], account["uid"]) == (["SPOT"], 354937868)
    held = caller.ok("GET", "account", omitZeroBalances="true")["balances"]
    assert [row["asset"] for row in held] == ["BTC", "USDT"]
    assert caller.code("GET", "account", omitZeroBalances="yes") == -1100


def test_rules_of_a_symbol(caller: Caller) -> None:
    info = caller.ok_public("exchangeInfo", "symbol=BTCUSDT")
    (row,) = info["symbols"]
    filters = {each["filterType"]: each for each in row["filters"]}
    assert (row["status"], row["baseAsset"], row["quoteAsset"]) == ("TRADING", "BTC", "USDT")
    assert row["orderTypes"] == ["LIMIT", "LIMIT_MAKER", "MARKET"]
    assert (row["permissions"], row["permissionSets"]) == ([], [["SPOT"]])
    assert row["defaultSelfTradePreventionMode"] in row["allowedSelfTradePreventionModes"]
    assert (filters["PRICE_FILTER"]["tickSize"], filters["LOT_SIZE"]["stepSize"]) == ("0.01000000", "0.00001000")
    assert (filters["MARKET_LOT_SIZE"]["minQty"], filters["MARKET_LOT_SIZE"]["stepSize"]) == ("0.00000000",) * 2
    assert (filters["NOTIONAL"]["minNotional"], filters["NOTIONAL"]["applyMinToMarket"]) == ("5.00000000", True)
    assert filters["MAX_NUM_ORDERS"]["maxNumOrders"] == 200
    assert info["exchangeFilters"] == [{"filterType": "EXCHANGE_MAX_NUM_ORDERS", "maxNumOrders": 1000}]
    assert [
        (each["rateLimitType"], each["interval"], each["intervalNum"], each["limit"]) for each in info["rateLimits"]
    ] == [
        ("REQUEST_WEIGHT", "MINUTE", 1, 6000),
        ("ORDERS", "SECOND", 10, 50),
        ("ORDERS", "DAY", 1, 160_000),
        ("RAW_REQUESTS", "MINUTE", 5, 300_000),
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("symbols=%5B%22BTCUSDT%22%2C%22FTTUSDT%22%5D", ["BTCUSDT", "FTTUSDT"]),
        ("symbolStatus=BREAK", ["FTTUSDT"]),
        ("permissions=TRD_GRP_004", ["LUNCUSDT"]),
        ("permissions=%5B%22TRD_GRP_004%22%5D", ["LUNCUSDT"]),
        ("symbol=NOSUCH", -1121),
        ("symbols=%5B%22BTCUSDT%22%2C%22BTCUSDT%22%5D", -1151),
        ("symbols=BTCUSDT", -1100),
        ("symbols=%5B%5D", -1100),
        ("symbols=%5B1%5D", -1100),
        ("symbol=BTCUSDT&permissions=SPOT", -1128),
        ("symbolStatus=ASLEEP", -1122),
    ],
)
def test_choosing_symbols(caller: Caller, query: str, expected: list[str] | int) -> None:
    if isinstance(expected, int):
        assert error_of(caller.raw("GET", "exchangeInfo", query))[0] == expected
    else:
        assert [row["symbol"] for row in caller.ok_public("exchangeInfo", query)["symbols"]] == expected


def test_permission_sets_can_be_left_out(caller: Caller) -> None:
    (row,) = caller.ok_public("exchangeInfo", "symbol=BTCUSDT&showPermissionSets=false")["symbols"]
    assert "permissionSets" not in row


def test_commissions(caller: Caller) -> None:
    rates = caller.ok("GET", "account/commission", symbol="BTCUSDT")
    assert (rates["symbol"], rates["standardCommission"]["maker"]) == ("BTCUSDT", "0.00100000")
    assert rates["discount"]["enabledForAccount"] is False
    assert caller.ok("GET", "/sapi/v1/asset/tradeFee", symbol="BTCUSDT") == [
        {"symbol": "BTCUSDT", "makerCommission": "0.001", "takerCommission": "0.001"}
    ]
    assert len(caller.ok("GET", "/sapi/v1/asset/tradeFee")) == len(caller.engine.markets)


def test_filters_of_an_account(caller: Caller) -> None:
    mine = caller.ok("GET", "myFilters", symbol="BTCUSDT")
    info = caller.ok_public("exchangeInfo", "symbol=BTCUSDT")
    assert mine["symbolFilters"] == info["symbols"][0]["filters"]
    assert mine["exchangeFilters"] == info["exchangeFilters"]


def test_ping(caller: Caller) -> None:
    assert caller.ok_public("ping") == {}
