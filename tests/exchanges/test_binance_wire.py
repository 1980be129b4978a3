"""Binance's wire tables on payloads as Binance sends them, and the bytes that go out."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from spotlane import OrderParams, OrderStatus, OrderType, Side, Symbol, TimeInForce
from spotlane._core.decoding import UnknownWireSymbol
from spotlane.errors import DecodeError
from spotlane.exchanges.binance import wire
from spotlane.safety import Intent, SymbolRules

BTC_USDT, LTC_BTC = Symbol("BTC", "USDT"), Symbol("LTC", "BTC")
SYMBOLS = {"BTCUSDT": BTC_USDT, "LTCBTC": LTC_BTC, "BNBBTC": Symbol("BNB", "BTC")}
FULL: dict[str, Any] = {
    "symbol": "BTCUSDT", "orderId": 28, "orderListId": -1, "clientOrderId": "6gCrw2kRUAF9CvJDGP16IP",
    "transactTime": 1507725176595, "price": "0.00000000", "origQty": "10.00000000", "executedQty": "10.00000000",
    "origQuoteOrderQty": "0.000000", "cummulativeQuoteQty": "40000.00000000", "status": "FILLED", "timeInForce": "GTC",
    "type": "MARKET", "side": "SELL", "workingTime": 1507725176595, "selfTradePreventionMode": "NONE",
    "fills": [
        {"price": "4000.00000000", "qty": "1.00000000", "commission": "4.00000000", "commissionAsset": "USDT",
         "tradeId": 56},
        {"price": "4000.00000000", "qty": "9.00000000", "commission": "36.00000001", "commissionAsset": "USDT",
         "tradeId": 57},
    ],
}  # fmt: skip
QUERIED: dict[str, Any] = {
    "symbol": "LTCBTC", "orderId": 1, "orderListId": -1, "clientOrderId": "myOrder1", "price": "0.1", "origQty": "1.0",
    "executedQty": "0.0", "cummulativeQuoteQty": "0.0", "status": "NEW", "timeInForce": "GTC", "type": "LIMIT",
    "side": "BUY", "stopPrice": "0.0", "icebergQty": "0.0", "time": 1499827319559, "updateTime": 1499827319560,
    "isWorking": True, "workingTime": 1499827319559, "origQuoteOrderQty": "0.000000", "selfTradePreventionMode": "NONE",
}  # fmt: skip
CANCELLED: dict[str, Any] = {
    "symbol": "LTCBTC", "origClientOrderId": "myOrder1", "orderId": 4, "orderListId": -1, "clientOrderId": "cancelId1",
    "transactTime": 1684804350068, "price": "2.00000000", "origQty": "1.00000000", "executedQty": "0.00000000",
    "origQuoteOrderQty": "0.000000", "cummulativeQuoteQty": "0.00000000", "status": "CANCELED", "timeInForce": "GTC",
    "type": "LIMIT", "side": "BUY", "selfTradePreventionMode": "NONE",
}  # fmt: skip
TRADE: dict[str, Any] = {
    "symbol": "BNBBTC", "id": 28457, "orderId": 100234, "orderListId": -1, "price": "4.00000100", "qty": "12.00000000",
    "quoteQty": "48.000012", "commission": "10.10000000", "commissionAsset": "BNB", "time": 1499865549590,
    "isBuyer": True, "isMaker": False, "isBestMatch": True,
}  # fmt: skip
RULES = SymbolRules(BTC_USDT, "BTCUSDT", Decimal("0.01"), Decimal("0.00001"))
SELL = OrderParams(BTC_USDT, Side.SELL, OrderType.MARKET, Decimal(10))


def encoded(value: object) -> bytes:
    return json.dumps(value).encode()


def intent(params: OrderParams = SELL, client_order_id: str = "6gCrw2kRUAF9CvJDGP16IP") -> Intent:
    return Intent(params, RULES, client_order_id, deadline=1.0, not_after_ms=1, window_ms=1)


def never(field: str, text: str) -> None:
    raise AssertionError(f"{field}={text} should be known")


def test_a_full_reply_tells_state_and_fee() -> None:
    order = wire.read_placed(encoded(FULL), intent(), never)
    assert (order.exchange, order.symbol, order.order_id) == ("binance", BTC_USDT, "28")
    assert (order.status, order.raw_status, order.side) == (OrderStatus.FILLED, "FILLED", Side.SELL)
    assert (order.price, order.time_in_force, order.quote_quantity) == (None, None, None)
    assert (order.quantity, order.filled_quantity, order.average_price) == (Decimal(10), Decimal(10), Decimal(4_000))
    assert (order.fee, order.fee_asset) == (Decimal("40.00000001"), "USDT")
    assert (order.created_ms, order.updated_ms) == (1507725176595, 1507725176595)


def test_fees_in_two_assets_have_no_sum() -> None:
    first, second = FULL["fills"]
    reply = {**FULL, "fills": [first, {**second, "commissionAsset": "BNB"}]}
    order = wire.read_placed(encoded(reply), intent(), never)
    assert (order.fee, order.fee_asset) == (None, None)


def test_an_order_without_fills_has_no_fee_yet() -> None:
    resting = SELL.replace(order_type=OrderType.LIMIT_MAKER, price=Decimal(5_000))
    reply = {**FULL, "type": "LIMIT_MAKER", "price": "5000.00", "status": "NEW", "executedQty": "0", "fills": [],
             "cummulativeQuoteQty": "0"}  # fmt: skip
    order = wire.read_placed(encoded(reply), intent(resting), never)
    assert (order.status, order.fee, order.price) == (OrderStatus.NEW, None, Decimal(5_000))


@pytest.mark.parametrize(
    "changes",
    [
        {"clientOrderId": "another"},
        {"side": "BUY"},
        {"type": "LIMIT"},
        {"origQty": "9.0"},
        {"status": None},
        {"executedQty": None},
        {"symbol": "LTCBTC"},
    ],
)
def test_a_reply_about_another_order_is_not_taken(changes: dict[str, Any]) -> None:
    with pytest.raises(DecodeError):
        wire.read_placed(encoded({**FULL, **changes}), intent(), never)


@pytest.mark.parametrize(
    ("params", "changes"),
    [
        (SELL.replace(quantity=None, quote_quantity=Decimal(100)), {"origQuoteOrderQty": "99"}),
        (SELL.replace(order_type=OrderType.LIMIT, price=Decimal(2)), {"type": "LIMIT", "price": "3"}),
    ],
)
def test_price_and_quote_size_are_compared_too(params: OrderParams, changes: dict[str, Any]) -> None:
    with pytest.raises(DecodeError, match="another order"):
        wire.read_placed(encoded({**FULL, **changes}), intent(params), never)


def test_a_refusal_says_what_was_told_and_what_was_sent() -> None:
    with pytest.raises(DecodeError, match="clientOrderId is 'another', '6gCrw2kRUAF9CvJDGP16IP' was sent") as refused:
        wire.read_placed(encoded({**FULL, "clientOrderId": "another"}), intent(), never)
    assert refused.value.field == "clientOrderId"
    priced = SELL.replace(order_type=OrderType.LIMIT, price=Decimal(2))
    with pytest.raises(DecodeError, match="price is missing, 2 was sent"):
        wire.read_placed(encoded({**FULL, "type": "LIMIT", "price": "0.00"}), intent(priced), never)


def test_a_bare_acknowledgement_is_not_taken_for_a_full_reply() -> None:
    bare = {name: FULL[name] for name in ("symbol", "orderId", "orderListId", "clientOrderId", "transactTime")}
    with pytest.raises(DecodeError):
        wire.read_placed(encoded(bare), intent(), never)


def test_an_order_that_is_read() -> None:
    order = wire.read_order(encoded(QUERIED), SYMBOLS, never)
    assert (order.symbol, order.order_id, order.client_order_id) == (LTC_BTC, "1", "myOrder1")
    assert (order.price, order.quantity, order.remaining_quantity) == (Decimal("0.1"), Decimal(1), Decimal(1))
    assert (order.time_in_force, order.order_type) == (TimeInForce.GTC, OrderType.LIMIT)
    assert (order.created_ms, order.updated_ms, order.fee) == (1499827319559, 1499827319560, None)


@pytest.mark.parametrize(
    ("word", "filled", "status"),
    [
        ("NEW", "0", OrderStatus.NEW),
        ("PENDING_NEW", "0", OrderStatus.NEW),
        ("PARTIALLY_FILLED", "0.5", OrderStatus.PARTIALLY_FILLED),
        ("FILLED", "1", OrderStatus.FILLED),
        ("CANCELED", "0", OrderStatus.CANCELED),
        ("CANCELED", "0.5", OrderStatus.PARTIALLY_CANCELED),
        ("REJECTED", "0", OrderStatus.REJECTED),
        ("EXPIRED", "0", OrderStatus.EXPIRED),
        ("EXPIRED", "0.5", OrderStatus.PARTIALLY_CANCELED),
        ("EXPIRED_IN_MATCH", "0", OrderStatus.EXPIRED),
        ("EXPIRED_IN_MATCH", "0.5", OrderStatus.PARTIALLY_CANCELED),
    ],
)
def test_statuses(word: str, filled: str, status: OrderStatus) -> None:
    order = wire.read_order(encoded({**QUERIED, "status": word, "executedQty": filled}), SYMBOLS, never)
    assert (order.status, order.raw_status) == (status, word)


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("LIMIT", OrderType.LIMIT),
        ("LIMIT_MAKER", OrderType.LIMIT_MAKER),
        ("MARKET", OrderType.MARKET),
        ("STOP_LOSS_LIMIT", OrderType.STOP_LIMIT),
        ("STOP_LOSS", OrderType.STOP_MARKET),
        ("TAKE_PROFIT_LIMIT", OrderType.OTHER),
        ("TAKE_PROFIT", OrderType.OTHER),
    ],
)
def test_types(word: str, kind: OrderType) -> None:
    order = wire.read_order(encoded({**QUERIED, "type": word}), SYMBOLS, never)
    assert (order.order_type, order.raw_type) == (kind, word)


def test_words_that_no_table_has_are_kept_and_reported() -> None:
    unknown: list[tuple[str, str]] = []
    reply = encoded({**QUERIED, "status": "NON_REPRESENTABLE", "type": "SPECIAL"})
    order = wire.read_order(reply, SYMBOLS, lambda field, text: unknown.append((field, text)))
    assert (order.status, order.raw_status, order.is_done) == (OrderStatus.UNKNOWN, "NON_REPRESENTABLE", False)
    assert (order.order_type, order.raw_type) == (OrderType.OTHER, "SPECIAL")
    assert {text for _, text in unknown} == {"NON_REPRESENTABLE", "SPECIAL"}


def test_a_negative_total_of_an_old_order_is_not_known() -> None:
    old = {**QUERIED, "status": "FILLED", "executedQty": "1.0", "cummulativeQuoteQty": "-1.0"}
    order = wire.read_order(encoded(old), SYMBOLS, never)
    assert (order.filled_quantity, order.filled_quote_quantity, order.average_price) == (Decimal(1), None, None)
    young = {**QUERIED, "orderId": 2, "executedQty": "0.5", "cummulativeQuoteQty": "0.05"}
    orders = wire.read_orders(encoded([old, young]), SYMBOLS, never)
    assert [each.filled_quote_quantity for each in orders] == [None, Decimal("0.05")]


@pytest.mark.parametrize("changes", [{"side": "HOLD"}, {"executedQty": "-1"}, {"cummulativeQuoteQty": "x"}])
def test_an_order_that_makes_no_sense(changes: dict[str, Any]) -> None:
    with pytest.raises(DecodeError):
        wire.read_order(encoded({**QUERIED, **changes}), SYMBOLS, never)


def test_an_unknown_symbol_is_told_apart() -> None:
    with pytest.raises(UnknownWireSymbol):
        wire.read_orders(encoded([{**QUERIED, "symbol": "NEWUSDT"}]), SYMBOLS, never)


def test_a_cancel_tells_the_orders_own_id_and_its_final_state() -> None:
    order = wire.read_cancelled(encoded({**CANCELLED, "executedQty": "0.25"}), SYMBOLS, never)
    assert (order.order_id, order.client_order_id) == ("4", "myOrder1")
    assert (order.status, order.filled_quantity) == (OrderStatus.PARTIALLY_CANCELED, Decimal("0.25"))
    assert (order.created_ms, order.updated_ms) == (None, 1684804350068)


def test_cancelling_all_tells_orders_and_those_of_lists() -> None:
    leg = {**CANCELLED, "orderId": 5, "orderListId": 1929, "origClientOrderId": "leg", "price": "0.123456789012345678"}
    of_list = {"orderListId": 1929, "contingencyType": "OCO", "listStatusType": "ALL_DONE", "symbol": "LTCBTC",
               "orders": [{"orderId": 5, "clientOrderId": "leg"}], "orderReports": [leg]}  # fmt: skip
    orders = wire.read_all_cancelled(encoded([CANCELLED, of_list]), SYMBOLS, never)
    assert [order.client_order_id for order in orders] == ["myOrder1", "leg"]
    assert orders[1].price == Decimal("0.123456789012345678")


def test_a_trade() -> None:
    (trade,) = wire.TRADE.many(encoded([TRADE]), SYMBOLS)
    assert (trade.symbol, trade.trade_id, trade.order_id) == (SYMBOLS["BNBBTC"], "28457", "100234")
    assert (trade.side, trade.is_maker, trade.client_order_id) == (Side.BUY, False, None)
    assert (trade.price, trade.quantity, trade.quote_quantity) == (
        Decimal("4.000001"),
        Decimal(12),
        Decimal("48.000012"),
    )
    assert (trade.fee, trade.fee_asset, trade.time_ms) == (Decimal("10.1"), "BNB", 1499865549590)
    (sold,) = wire.TRADE.many(encoded([{**TRADE, "isBuyer": False, "isMaker": True}]), SYMBOLS)
    assert (sold.side, sold.is_maker) == (Side.SELL, True)


def test_balances_are_within_the_account() -> None:
    account = {"makerCommission": 15, "canTrade": True, "accountType": "SPOT", "permissions": ["SPOT"],
               "balances": [{"asset": "BTC", "free": "4723846.89208129", "locked": "0.00000001"}]}  # fmt: skip
    (balance,) = wire.BALANCE.many(encoded(account))
    assert (balance.asset, balance.total) == ("BTC", Decimal("4723846.89208130"))


def test_fee_rates_are_those_of_all_groups_at_their_dearest() -> None:
    def rates(maker: str, taker: str, buyer: str, seller: str) -> dict[str, str]:
        return {"maker": maker, "taker": taker, "buyer": buyer, "seller": seller}

    reply = {
        "symbol": "BTCUSDT",
        "standardCommission": rates("0.00000010", "0.00000020", "0.00000030", "0.00000040"),
        "specialCommission": rates("0.01000000", "0.02000000", "0.03000000", "0.02000000"),
        "taxCommission": rates("0.00000112", "0.00000114", "0.00000118", "0.00000116"),
        "discount": {"enabledForAccount": True, "enabledForSymbol": True, "discountAsset": "BNB", "discount": "0.75"},
    }
    fee = wire.read_fee(encoded(reply), SYMBOLS)
    assert (fee.symbol, fee.maker, fee.taker) == (BTC_USDT, Decimal("0.0400028"), Decimal("0.05000292"))
    with pytest.raises(DecodeError):
        wire.read_fee(encoded({**reply, "symbol": "NEWUSDT"}), SYMBOLS)


LIMIT = OrderParams(BTC_USDT, Side.BUY, OrderType.LIMIT, Decimal("0.00100"), Decimal("20000.5"))
PLAIN = b"symbol=BTCUSDT&side=BUY&type=LIMIT"
SIZED = b"&quantity=0.00100&price=20000.5&newClientOrderId=own"


@pytest.mark.parametrize(
    ("params", "query"),
    [
        (LIMIT, PLAIN + b"&timeInForce=GTC" + SIZED),
        (LIMIT.replace(time_in_force=TimeInForce.IOC), PLAIN + b"&timeInForce=IOC" + SIZED),
        (LIMIT.replace(time_in_force=TimeInForce.FOK), PLAIN + b"&timeInForce=FOK" + SIZED),
        (LIMIT.replace(order_type=OrderType.LIMIT_MAKER), PLAIN + b"_MAKER" + SIZED),
        (LIMIT.replace(order_type=OrderType.LIMIT_MAKER, time_in_force=TimeInForce.GTC), PLAIN + b"_MAKER" + SIZED),
        (
            LIMIT.replace(iceberg_quantity=Decimal("0.0001"), self_trade_prevention="EXPIRE_TAKER"),
            PLAIN + b"&timeInForce=GTC" + SIZED + b"&icebergQty=0.0001&selfTradePreventionMode=EXPIRE_TAKER",
        ),
        (
            OrderParams(BTC_USDT, Side.SELL, OrderType.MARKET, quote_quantity=Decimal("1E+2")),
            b"symbol=BTCUSDT&side=SELL&type=MARKET&quoteOrderQty=100&newClientOrderId=own",
        ),
        (
            OrderParams(BTC_USDT, Side.SELL, OrderType.MARKET, Decimal("1E-5"), time_in_force=TimeInForce.IOC),
            b"symbol=BTCUSDT&side=SELL&type=MARKET&quantity=0.00001&newClientOrderId=own",
        ),
    ],
)
def test_an_order_as_it_is_sent(params: OrderParams, query: bytes) -> None:
    assert wire.place_query("BTCUSDT", params, "own") == query + b"&newOrderRespType=FULL"
