"""Placing and cancelling orders in the Binance dialect."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from binance_caller import START_MS, Caller, limit_order, make_caller

from spotlane.exchanges.binance.dialect import BinanceDialect
from spotlane.exchanges.binance.dialect_call import BinanceSettings
from spotlane.structs.enums import Side

ORDER = {"symbol": "BTCUSDT", "side": "BUY"}
MARKET = {**ORDER, "type": "MARKET"}


@pytest.fixture
def caller() -> Caller:
    return make_caller()


def test_acknowledgements_grow_from_ack_over_result_to_full(caller: Caller) -> None:
    ack, result, full = (
        caller.limit("BUY", "0.001", "20000", newOrderRespType=mode) for mode in ("ACK", "RESULT", "FULL")
    )
    assert list(ack) == ["symbol", "orderId", "orderListId", "clientOrderId", "transactTime"]
    assert (ack["symbol"], ack["orderListId"], ack["transactTime"]) == ("BTCUSDT", -1, START_MS)
    assert isinstance(ack["orderId"], int)
    assert ack["orderId"] > 2**32
    assert list(result)[5:] == [
        "price", "origQty", "executedQty", "origQuoteOrderQty", "cummulativeQuoteQty", "status", "timeInForce", "type",
        "side", "workingTime", "selfTradePreventionMode",
    ]  # fmt: skip
    assert (result["price"], result["origQty"], result["executedQty"]) == ("20000.00000000", "0.00100000", "0.00000000")
    assert (result["status"], result["timeInForce"], result["type"], result["side"]) == ("NEW", "GTC", "LIMIT", "BUY")
    assert set(full) - set(result) == {"fills"}
    assert full["fills"] == []


@pytest.mark.parametrize(("kind", "is_full"), [("LIMIT", True), ("MARKET", True), ("LIMIT_MAKER", False)])
def test_the_default_reply_depends_on_the_type(caller: Caller, kind: str, is_full: bool) -> None:
    sizes: dict[str, Any] = {
        "LIMIT": {"timeInForce": "GTC", "price": "20000"}, "MARKET": {}, "LIMIT_MAKER": {"price": "20000"},
    }[kind]  # fmt: skip
    reply = caller.ok("POST", "order", **ORDER, type=kind, quantity="0.001", **sizes)
    assert ("fills" in reply, "status" in reply) == (is_full, is_full)


def test_a_generated_client_id_has_22_characters_and_is_shown(caller: Caller) -> None:
    order = caller.limit("BUY", "0.001", "20000")
    assert len(order["clientOrderId"]) == 22
    assert caller.order(order["orderId"])["clientOrderId"] == order["clientOrderId"]
    assert caller.limit("BUY", "0.001", "20000")["clientOrderId"] != order["clientOrderId"]


def test_fills_carry_the_fee_in_what_was_received(caller: Caller) -> None:
    bought = caller.ok("POST", "order", **MARKET, quantity="0.002")
    (fill,) = bought["fills"]
    assert (bought["status"], bought["price"], bought["timeInForce"]) == ("FILLED", "0.00000000", "GTC")
    assert list(fill) == ["price", "qty", "commission", "commissionAsset", "tradeId"]
    assert (fill["qty"], fill["commission"], fill["commissionAsset"]) == ("0.00200000", "0.00000200", "BTC")
    assert Decimal(bought["cummulativeQuoteQty"]) == Decimal(fill["price"]) * Decimal(fill["qty"])
    sold = caller.ok("POST", "order", **{**MARKET, "side": "SELL"}, quantity="0.002")
    assert sold["fills"][0]["commissionAsset"] == "USDT"
    assert Decimal(sold["fills"][0]["commission"]) == Decimal(sold["cummulativeQuoteQty"]) / 1000


def test_a_market_order_sized_in_quote_never_spends_more(caller: Caller) -> None:
    bought = caller.ok("POST", "order", **MARKET, quoteOrderQty="100")
    assert bought["origQuoteOrderQty"] == "100.00000000"
    assert Decimal(99) < Decimal(bought["cummulativeQuoteQty"]) <= 100
    assert bought["origQty"] == bought["executedQty"]
    assert bought["status"] == "FILLED"


@pytest.mark.parametrize(
    ("stamp", "quantity", "status", "reason"),
    [
        ("IOC", "0.001", "FILLED", None),
        ("FOK", "0.001", "FILLED", None),
        ("GTC", "1.6", "PARTIALLY_FILLED", None),
        ("IOC", "1.6", "EXPIRED", "UNFILLED_IOC_QUANTITY_EXPIRED"),
        ("FOK", "1.6", "EXPIRED", "UNFILLED_FOK_ORDER_EXPIRED"),
    ],
)
def test_time_in_force(caller: Caller, stamp: str, quantity: str, status: str, reason: str | None) -> None:
    price = caller.engine.markets["BTC/USDT"].book.best_price(Side.SELL)
    order = caller.limit("BUY", quantity, price, timeInForce=stamp)
    assert (order["status"], order.get("expiryReason")) == (status, reason)
    assert (Decimal(order["executedQty"]) > 0) is (status != "EXPIRED" or stamp == "IOC")
    found = caller.order(order["orderId"])
    assert (found["status"], found.get("expiryReason"), found["timeInForce"]) == (status, reason, stamp)


def test_unfilled_immediate_order_is_accepted_and_expired(caller: Caller) -> None:
    order = caller.limit("BUY", "0.001", "20000", timeInForce="IOC")
    assert (order["status"], order["executedQty"], order["fills"]) == ("EXPIRED", "0.00000000", [])


def test_market_order_on_a_thin_and_on_an_empty_book(caller: Caller) -> None:
    caller.engine.clear_liquidity("BTC/USDT")
    code, text = caller.refused("POST", "order", **MARKET, quantity="0.001")
    assert (code, text.startswith("Order book liquidity is less than")) == (-2010, True)
    other = caller.dialect.add_key(account="maker")
    caller.engine.credit("BTC", 1, "maker")
    caller.with_key(other).limit("SELL", "0.001", "60000")
    order = caller.ok("POST", "order", **MARKET, quantity="0.003")
    assert (order["status"], order["executedQty"]) == ("EXPIRED", "0.00100000")
    assert order["expiryReason"] == "INSUFFICIENT_LIQUIDITY"


def test_post_only_that_would_take_is_refused(caller: Caller) -> None:
    refused = caller.refused("POST", "order", **ORDER, type="LIMIT_MAKER", quantity="0.001", price="70000")
    assert refused == (-2010, "Order would immediately match and take.")
    assert caller.engine.ledger.orders() == []


def test_a_client_id_is_taken_only_while_its_order_is_open(caller: Caller) -> None:
    first = caller.limit("BUY", "0.001", "20000", newClientOrderId="mine")
    again = limit_order(newClientOrderId="mine")
    assert caller.refused("POST", "order", **again) == (-2010, "Duplicate order sent.")
    caller.ok("DELETE", "order", symbol="BTCUSDT", orderId=first["orderId"])
    second = caller.ok("POST", "order", **again)
    assert second["orderId"] != first["orderId"]
    found = caller.ok("GET", "order", symbol="BTCUSDT", origClientOrderId="mine")
    assert found["orderId"] == second["orderId"]


def test_a_filled_order_s_client_id_executes_twice(caller: Caller) -> None:
    for _ in range(2):
        assert caller.ok("POST", "order", **MARKET, quantity="0.001", newClientOrderId="twice")["status"] == "FILLED"
    assert len(caller.engine.ledger.orders("twice")) == 2


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"price": "20000.001"}, (-1013, "Filter failure: PRICE_FILTER")),
        ({"price": "1000000.01"}, (-1013, "Filter failure: PRICE_FILTER")),
        ({"price": "0"}, (-1013, "Filter failure: PRICE_FILTER")),
        ({"quantity": "0.000015", "price": "60000"}, (-1013, "Filter failure: LOT_SIZE")),
        ({"quantity": "0"}, (-1013, "Filter failure: LOT_SIZE")),
        ({"quantity": "9000000000.00001"}, (-1013, "Filter failure: LOT_SIZE")),
        ({"quantity": "0.0002"}, (-1013, "Filter failure: NOTIONAL")),
        ({"quantity": "451", "side": "SELL"}, (-1013, "Filter failure: NOTIONAL")),
        ({"quantity": "1.66"}, None),
        ({"quantity": "5.1"}, (-2010, "Account has insufficient balance for requested action.")),
        ({"quantity": "10.1", "side": "SELL", "price": "70000"},
         (-2010, "Account has insufficient balance for requested action.")),
        ({"symbol": "FTTUSDT", "quantity": "10", "price": "1"}, (-1013, "Market is closed.")),
        ({"symbol": "LUNCUSDT", "quantity": "100000", "price": "0.0001"},
         (-2010, "This symbol is not permitted for this account.")),
        ({"symbol": "NOSUCH"}, (-1121, "Invalid symbol.")),
    ],
)  # fmt: skip
def test_filters_and_the_engine_s_refusals(
    caller: Caller, changes: dict[str, str], refused: tuple[int, str] | None
) -> None:
    order = limit_order(**changes)
    if refused is None:
        caller.ok("POST", "order", **order)
    else:
        assert caller.refused("POST", "order", **order) == refused
        assert caller.engine.ledger.orders() == []


def test_market_filters(caller: Caller) -> None:
    assert caller.refused("POST", "order", **MARKET, quantity="90000000.00001") == (
        -1013,
        "Filter failure: MARKET_LOT_SIZE",
    )
    assert caller.refused("POST", "order", **MARKET, quantity="0.00008") == (-1013, "Filter failure: NOTIONAL")
    assert caller.refused("POST", "order", **MARKET, quoteOrderQty="4.99") == (-1013, "Filter failure: NOTIONAL")
    xrp = {**MARKET, "symbol": "XRPUSDT", "quantity": "100"}
    assert caller.refused("POST", "order", **xrp) == (-2010, "Market orders are not supported for this symbol.")


def test_price_band_is_a_filter() -> None:
    settings = replace(BinanceDialect.engine_settings, price_band=(Decimal("0.1"), Decimal("0.2")))
    caller = make_caller(engine_settings=settings)
    failure = (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE")
    assert caller.refused("POST", "order", **limit_order(price="66000.01")) == failure
    assert caller.refused("POST", "order", **limit_order("SELL", price="47999.99")) == failure
    filters = caller.ok_public("exchangeInfo", "symbol=BTCUSDT")["symbols"][0]["filters"]
    band = next(row for row in filters if row["filterType"] == "PERCENT_PRICE_BY_SIDE")
    assert (band["bidMultiplierUp"], band["askMultiplierDown"]) == ("1.1", "0.8")


def test_order_counts_are_filters() -> None:
    caller = make_caller(
        BinanceSettings(rate_limits=False, max_num_orders=2),
        replace(BinanceDialect.engine_settings, open_order_limit=3),
    )
    first = caller.limit("BUY", "0.001", "20000")
    caller.limit("BUY", "0.001", "20000")
    assert caller.refused("POST", "order", **limit_order()) == (-1013, "Filter failure: MAX_NUM_ORDERS")
    ether = {"symbol": "ETHUSDT", "price": "1000", "quantity": "0.01"}
    caller.ok("POST", "order", **limit_order(**ether))
    assert caller.refused("POST", "order", **limit_order(**ether)) == (-1013, "Filter failure: EXCHANGE_MAX_NUM_ORDERS")
    caller.ok("DELETE", "order", symbol="BTCUSDT", orderId=first["orderId"])
    caller.limit("BUY", "0.001", "20000")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"timeInForce": None}, -1102),
        ({"timeInForce": "GTX"}, -1115),
        ({"type": "LIMITED"}, -1116),
        ({"side": "buy"}, -1117),
        ({"price": None}, -1102),
        ({"quantity": ""}, -1102),
        ({"quoteOrderQty": "10"}, -1106),
        ({"stopPrice": "1"}, -1106),
        ({"quantity": "0.000000001"}, -1111),
        ({"quantity": "1e-3"}, -1100),
        ({"quantity": "+1"}, -1100),
        ({"price": ".5"}, -1100),
        ({"price": "\u0661"}, -1100),
        ({"price": "123456789012345678901"}, -1100),
        ({"newClientOrderId": "a" * 37}, -1100),
        ({"newClientOrderId": "a.b"}, -1100),
        ({"newClientOrderId": ""}, -1105),
        ({"newOrderRespType": "EVERYTHING"}, -1130),
        ({"selfTradePreventionMode": "NONE"}, -1013),
        ({"selfTradePreventionMode": "DECREMENT"}, -1013),
        ({"selfTradePreventionMode": "SOMETIMES"}, -1130),
        ({"strategyType": "999999"}, -1134),
        ({"icebergQty": "0.0011"}, -1013),
        ({"icebergQty": "0.0005", "timeInForce": "IOC"}, -1013),
        ({"pegPriceType": "PRIMARY_PEG"}, -2010),
        ({"newClientOrderID": "misspelled"}, -1104),
        ({"symbol": "btcusdt"}, -1100),
        ({"symbol": None}, -1102),
    ],
)
def test_parameters_of_a_limit_order(caller: Caller, changes: dict[str, str | None], code: int) -> None:
    assert caller.code("POST", "order", **limit_order(**changes)) == code  # type: ignore[arg-type]
    assert caller.code("POST", "order/test", **limit_order(**changes)) == code  # type: ignore[arg-type]
    assert caller.engine.ledger.orders() == []


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"quantity": "1", "price": "1"}, -1106),
        ({"quantity": "1", "timeInForce": "IOC"}, -1106),
        ({"quantity": "1", "quoteOrderQty": "1"}, -1128),
        ({}, -1102),
        ({"quantity": ""}, -1105),
    ],
)
def test_parameters_of_a_market_order(caller: Caller, more: dict[str, str], code: int) -> None:
    assert caller.code("POST", "order", **MARKET, **more) == code


@pytest.mark.parametrize("kind", ["STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"])
def test_triggered_orders_are_refused_in_plain_words(caller: Caller, kind: str) -> None:
    order = limit_order(type=kind, stopPrice="30000")
    code, text = caller.refused("POST", "order", **order)
    assert (code, text) == (-2010, f"{kind.replace('_', ' ').capitalize()} orders are not supported for this symbol.")
    row = caller.ok_public("exchangeInfo", "symbol=BTCUSDT")["symbols"][0]
    assert kind not in row["orderTypes"]


def test_strategy_is_echoed(caller: Caller) -> None:
    order = caller.limit("BUY", "0.001", "20000", strategyId="37463720", strategyType="1000000")
    assert (order["strategyId"], order["strategyType"]) == (37463720, 1000000)
    assert caller.order(order["orderId"])["strategyId"] == 37463720


def test_a_test_order_is_checked_and_never_placed(caller: Caller) -> None:
    assert caller.ok("POST", "order/test", **limit_order(quantity="100")) == {}
    rates = caller.ok("POST", "order/test", **limit_order(), computeCommissionRates="true")
    assert rates["standardCommissionForOrder"]["taker"] == "0.00100000"
    assert caller.code("POST", "order/test", **limit_order(price="0.001")) == -1013
    assert caller.engine.ledger.orders() == []


def test_own_orders_that_meet_expire_as_the_taker_says(caller: Caller) -> None:
    caller.engine.clear_liquidity("BTC/USDT")
    resting = caller.limit("SELL", "0.001", "60000")
    taker = caller.limit("BUY", "0.002", "60000")
    assert (taker["status"], taker["selfTradePreventionMode"]) == ("NEW", "EXPIRE_MAKER")
    assert caller.order(resting["orderId"])["status"] == "EXPIRED_IN_MATCH"
    stopped = caller.limit("SELL", "0.001", "60000", selfTradePreventionMode="EXPIRE_TAKER")
    assert stopped["status"] == "EXPIRED_IN_MATCH"
    assert caller.order(taker["orderId"])["status"] == "NEW"


def test_self_trades_are_a_setting() -> None:
    caller = make_caller(BinanceSettings(rate_limits=False, self_trade_modes=("NONE",), default_self_trade_mode="NONE"))
    caller.engine.clear_liquidity("BTC/USDT")
    caller.limit("SELL", "0.001", "60000")
    assert caller.limit("BUY", "0.001", "60000")["status"] == "FILLED"


@pytest.mark.parametrize(
    "settings", [{"self_trade_modes": ("NONE",)}, {"self_trade_modes": ("EXPIRE_MAKER", "DECREMENT")}]
)
def test_self_trade_settings_that_make_no_sense(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="self_trade_modes"):
        BinanceSettings(**settings)


def test_cancel_answers_with_the_final_state_and_an_id_of_its_own(caller: Caller) -> None:
    order = caller.limit("BUY", "0.002", "20000", newClientOrderId="mine")
    caller.engine.trade_against(str(order["orderId"]), Decimal("0.0005"))
    reply = caller.ok("DELETE", "order", symbol="BTCUSDT", orderId=order["orderId"], newClientOrderId="the-cancel")
    assert (reply["origClientOrderId"], reply["clientOrderId"]) == ("mine", "the-cancel")
    assert (reply["status"], reply["executedQty"], reply["transactTime"]) == ("CANCELED", "0.00050000", START_MS)
    assert reply["cummulativeQuoteQty"] == "10.00000000"
    found = caller.order(order["orderId"])
    assert (found["status"], found["clientOrderId"]) == ("CANCELED", "mine")


def test_cancel_of_what_is_not_open(caller: Caller) -> None:
    order = caller.limit("BUY", "0.001", "20000", newClientOrderId="mine")
    unknown = (-2011, "Unknown order sent.")
    assert caller.refused("DELETE", "order", symbol="BTCUSDT", orderId="1") == unknown
    assert caller.refused("DELETE", "order", symbol="ETHUSDT", orderId=order["orderId"]) == unknown
    assert caller.refused("DELETE", "order", symbol="BTCUSDT", origClientOrderId="yours") == unknown
    both = {"symbol": "BTCUSDT", "orderId": order["orderId"], "origClientOrderId": "yours"}
    assert caller.refused("DELETE", "order", **both) == unknown
    assert caller.code("DELETE", "order", symbol="BTCUSDT") == -1102
    generated = caller.ok("DELETE", "order", symbol="BTCUSDT", origClientOrderId="mine")
    assert len(generated["clientOrderId"]) == 22
    assert caller.refused("DELETE", "order", symbol="BTCUSDT", orderId=order["orderId"]) == unknown


def test_a_fill_that_wins_the_race_against_a_cancel(caller: Caller) -> None:
    order = caller.limit("BUY", "0.001", "20000")
    caller.engine.before_next("cancel", lambda: caller.engine.trade_against(str(order["orderId"]), Decimal("0.001")))
    assert caller.code("DELETE", "order", symbol="BTCUSDT", orderId=order["orderId"]) == -2011
    assert caller.order(order["orderId"])["status"] == "FILLED"


def test_cancel_restrictions(caller: Caller) -> None:
    order = caller.limit("BUY", "0.002", "20000")
    ids = {"symbol": "BTCUSDT", "orderId": order["orderId"]}
    text = "Order was not canceled due to cancel restrictions."
    assert caller.refused("DELETE", "order", **ids, cancelRestrictions="ONLY_PARTIALLY_FILLED") == (-2011, text)
    caller.engine.trade_against(str(order["orderId"]), Decimal("0.001"))
    assert caller.refused("DELETE", "order", **ids, cancelRestrictions="ONLY_NEW") == (-2011, text)
    assert caller.code("DELETE", "order", **ids, cancelRestrictions="ONLY_SOMETIMES") == -1130
    assert caller.ok("DELETE", "order", **ids, cancelRestrictions="ONLY_PARTIALLY_FILLED")["status"] == "CANCELED"


def test_cancel_all_of_a_symbol(caller: Caller) -> None:
    assert caller.code("DELETE", "openOrders", symbol="BTCUSDT") == -2011
    ids = {caller.limit("BUY", "0.001", price)["orderId"] for price in ("20000", "21000")}
    kept = caller.ok("POST", "order", **limit_order(symbol="ETHUSDT", price="1000", quantity="0.01"))
    rows = caller.ok("DELETE", "openOrders", symbol="BTCUSDT")
    assert {row["orderId"] for row in rows} == ids
    assert {row["status"] for row in rows} == {"CANCELED"}
    assert [order.order_id for order in caller.engine.ledger.live_orders()] == [str(kept["orderId"])]
    assert caller.code("DELETE", "openOrders") == -1102


def test_orders_of_others_are_out_of_reach(caller: Caller) -> None:
    order = caller.limit("BUY", "0.001", "20000")
    stranger = caller.with_key(caller.dialect.add_key(account="stranger"))
    ids = {"symbol": "BTCUSDT", "orderId": order["orderId"]}
    assert stranger.code("DELETE", "order", **ids) == -2011
    assert stranger.code("GET", "order", **ids) == -2013


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "order/cancelReplace"), ("PUT", "order/amend/keepPriority"), ("POST", "orderList/oco")],
)
def test_what_the_sandbox_does_not_play_says_so(caller: Caller, method: str, path: str) -> None:
    code, text = caller.refused(method, path)
    assert code == -1020
    assert "does not play" in text
