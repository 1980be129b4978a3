"""Gate's wire tables on payloads as Gate sends them, and the bytes that go out."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from spotlane import OrderParams, OrderStatus, OrderType, Side, Symbol, TimeInForce
from spotlane._core.decoding import UnknownWireSymbol
from spotlane.errors import DecodeError
from spotlane.exchanges.gateio import wire, wire_rules
from spotlane.safety import Intent, RuleBook

BTC_USDT = Symbol("BTC", "USDT")
PAIR: dict[str, Any] = {
    "id": "BTC_USDT", "base": "BTC", "quote": "USDT", "fee": "0.2", "min_quote_amount": "3", "amount_precision": 6,
    "precision": 1, "trade_status": "tradable", "sell_start": 0, "buy_start": 0, "type": "normal",
}  # fmt: skip
# A resting limit order and a market buy of 20 USDT as they were recorded, the market order filled up to its full form.
LIMIT: dict[str, Any] = {
    "id": "376835979523", "text": "t-valid-limit-buy-order", "amend_text": "-", "create_time": "1691015713",
    "update_time": "1691015713", "create_time_ms": 1691015713247, "update_time_ms": 1691015713247, "status": "open",
    "currency_pair": "BTC_USDT", "type": "limit", "account": "spot", "side": "buy", "amount": "0.00068",
    "price": "10000.7", "biz_info": "-", "time_in_force": "gtc", "iceberg": "0", "left": "0.00068", "fill_price": "0",
    "filled_total": "0", "fee": "0", "fee_currency": "BTC", "point_fee": "0", "gt_fee": "0", "gt_maker_fee": "0",
    "gt_taker_fee": "0", "gt_discount": False, "rebated_fee": "0", "rebated_fee_currency": "USDT", "finish_as": "open",
}  # fmt: skip
MARKET_BUY: dict[str, Any] = {
    **LIMIT, "id": "342251629898", "text": "t-valid-market-buy-order", "status": "closed", "type": "market",
    "side": "buy", "amount": "20", "price": "0", "time_in_force": "ioc", "left": "1.07319", "fill_price": "18.92681",
    "filled_total": "18.92681", "avg_deal_price": "27038.3", "fee": "0.0000014", "fee_currency": "BTC",
    "finish_as": "filled",
}  # fmt: skip
# Reported in 2025: a market sell that ended as "filled" with two thirds of it left.
MARKET_SELL: dict[str, Any] = {
    **LIMIT, "status": "closed", "type": "market", "side": "sell", "amount": "589107410.1", "price": "0",
    "time_in_force": "ioc", "left": "405612794.3", "filled_amount": "183494615.8", "filled_total": "1.83494615",
    "avg_deal_price": "0.00000001", "fee": "0.00366", "fee_currency": "USDT", "finish_as": "filled",
}  # fmt: skip
TRADE: dict[str, Any] = {
    "id": "5736713", "create_time": "1691702924", "create_time_ms": "1691702924010.071000",
    "currency_pair": "BTC_USDT", "side": "sell", "role": "maker", "amount": "0.0007", "price": "29441",
    "order_id": "381064942553", "fee": "0.0412174", "fee_currency": "USDT", "point_fee": "0", "gt_fee": "0",
    "amend_text": "-", "sequence_id": "588018", "text": "t-own",
}  # fmt: skip


def encoded(value: object) -> bytes:
    return json.dumps(value).encode()


def rule_book(**changes: Any) -> RuleBook:
    rules, unread = wire_rules.read_rules(encoded([{**PAIR, **changes}]))
    assert unread == []
    return RuleBook("gateio", rules)


BOOK = rule_book()


def unread(field: str, text: str) -> None:
    raise AssertionError(f"unknown {field}={text}")


def read(row: dict[str, Any], **changes: Any) -> Any:
    left_out = {name for name, value in changes.items() if value is ...}
    told = {name: value for name, value in {**row, **changes}.items() if name not in left_out}
    return wire.read_order(encoded(told), BOOK.symbols, BOOK, unread)


def intent(**changes: Any) -> Intent:
    params = OrderParams(BTC_USDT, Side.BUY, OrderType.LIMIT, quantity=Decimal("0.00068"), price=Decimal("10000.7"))
    return Intent(params.replace(**changes), BOOK.find(BTC_USDT), "t-valid-limit-buy-order", 0.0, 0, 1_000)


def test_a_recorded_limit_order() -> None:
    order = read(LIMIT)
    assert (order.exchange, order.symbol) == ("gateio", BTC_USDT)
    assert (order.order_id, order.client_order_id) == ("376835979523", "t-valid-limit-buy-order")
    assert (order.side, order.order_type, order.time_in_force) == (Side.BUY, OrderType.LIMIT, TimeInForce.GTC)
    assert (order.status, order.raw_status, order.raw_type) == (OrderStatus.NEW, "open", "limit")
    assert (order.price, order.quantity, order.quote_quantity) == (Decimal("10000.7"), Decimal("0.00068"), None)
    assert (order.filled_quantity, order.filled_quote_quantity, order.average_price) == (0, 0, None)
    assert (order.fee, order.fee_asset) == (0, "BTC")
    assert order.created_ms == order.updated_ms == 1691015713247
    assert order.remaining_quantity == Decimal("0.00068")


def test_a_recorded_market_buy_is_sized_and_left_in_quote() -> None:
    order = read(MARKET_BUY)
    assert (order.quantity, order.quote_quantity, order.price) == (None, 20, None)
    assert (order.filled_quote_quantity, order.fee, order.fee_asset) == (
        Decimal("18.92681"), Decimal("0.0000014"), "BTC",
    )  # fmt: skip
    # Less than the smallest order is left: nothing more could have been bought.
    assert (order.status, order.raw_status, order.is_done) == (OrderStatus.FILLED, "closed/filled", True)
    # How much base that was is not in the record, and quote divided by a rounded price would be a guess.
    assert (order.filled_quantity, order.average_price, order.remaining_quantity) == (None, None, None)
    told = read(MARKET_BUY, filled_amount="0.0007")
    assert (told.filled_quantity, told.average_price) == (Decimal("0.0007"), Decimal("27038.3"))


def test_what_a_market_buy_leaves_is_compared_with_the_smallest_order() -> None:
    assert read(MARKET_BUY, left="2.99", filled_total="17.01").status is OrderStatus.FILLED
    assert read(MARKET_BUY, left="3", filled_total="17").status is OrderStatus.PARTIALLY_CANCELED
    # Dust or not: without a fill it was not filled.
    untouched = {"amount": "2", "left": "2", "filled_total": "0", "filled_amount": "0"}
    assert read(MARKET_BUY, **untouched).status is OrderStatus.CANCELED
    # A pair that publishes no smallest order.
    book = rule_book(min_quote_amount=None)
    order = wire.read_order(encoded(MARKET_BUY), book.symbols, book, unread)
    assert order.status is OrderStatus.PARTIALLY_CANCELED


def test_a_market_sell_that_is_called_filled_was_not() -> None:
    order = read(MARKET_SELL)
    assert (order.status, order.raw_status, order.is_done) == (OrderStatus.PARTIALLY_CANCELED, "closed/filled", True)
    assert (order.quantity, order.quote_quantity) == (Decimal("589107410.1"), None)
    assert (order.filled_quantity, order.remaining_quantity) == (Decimal("183494615.8"), Decimal("405612794.3"))


@pytest.mark.parametrize(
    ("status", "finish_as", "filled", "expected"),
    [
        ("open", "open", "0", OrderStatus.NEW),
        ("open", "open", "0.4", OrderStatus.PARTIALLY_FILLED),
        ("closed", "filled", "1", OrderStatus.FILLED),
        ("closed", "filled", "0.4", OrderStatus.PARTIALLY_CANCELED),
        ("closed", "ioc", "0.4", OrderStatus.PARTIALLY_CANCELED),
        ("closed", "cancelled", "0", OrderStatus.CANCELED),
        ("closed", "cancelled", "1", OrderStatus.FILLED),
        ("cancelled", "cancelled", "0", OrderStatus.CANCELED),
        ("cancelled", "cancelled", "0.4", OrderStatus.PARTIALLY_CANCELED),
        ("cancelled", "cancelled", "1", OrderStatus.FILLED),
        ("cancelled", "ioc", "0", OrderStatus.CANCELED),
        ("cancelled", "ioc", "0.4", OrderStatus.PARTIALLY_CANCELED),
        ("cancelled", "fok", "0", OrderStatus.EXPIRED),
        ("cancelled", "poc", "0", OrderStatus.REJECTED),
        ("cancelled", "stp", "0.4", OrderStatus.PARTIALLY_CANCELED),
        ("cancelled", "small", "0.9999", OrderStatus.PARTIALLY_CANCELED),
        ("cancelled", "depth_not_enough", "0", OrderStatus.CANCELED),
        ("cancelled", "trader_not_enough", "0", OrderStatus.CANCELED),
        ("cancelled", "price_protect_cancelled", "0.4", OrderStatus.PARTIALLY_CANCELED),
        ("cancelled", "liquidate_cancelled", "0", OrderStatus.CANCELED),
        ("cancelled", "a_word_of_next_year", "0", OrderStatus.CANCELED),
        ("cancelled", "-", "0.4", OrderStatus.PARTIALLY_CANCELED),
        ("cancelled", "unknown", "0", OrderStatus.CANCELED),
        ("cancelled", None, "0", OrderStatus.CANCELED),
        ("cancelled", ..., "0.4", OrderStatus.PARTIALLY_CANCELED),
    ],
)
@pytest.mark.parametrize("is_told", [True, False])
def test_the_state_follows_from_the_quantities(
    status: str, finish_as: Any, filled: str, expected: OrderStatus, is_told: bool
) -> None:
    row = {**LIMIT, "amount": "1", "left": str(1 - Decimal(filled)), "filled_total": str(Decimal(filled) * 100)}
    order = read(row, status=status, finish_as=finish_as, filled_amount=filled if is_told else ...)
    assert order.status is expected
    assert order.filled_quantity == Decimal(filled)
    assert order.is_done is (status != "open")
    words = [status] if finish_as in (status, None, ...) else [status, finish_as]
    assert order.raw_status == "/".join(words)


def test_the_average_price_is_that_of_the_totals() -> None:
    order = read(
        LIMIT, status="closed", finish_as="filled", amount="3", left="0", filled_amount="3", filled_total="20000",
        fill_price="20000", avg_deal_price="6666.7",
    )  # fmt: skip
    assert order.average_price == Decimal("6666.666666666666666666666666666667")


def test_padded_decimals_and_zeros() -> None:
    order = read(LIMIT, amount="0.00068000", left="0.00000000", price="10000.70", filled_total="6.8004760", fee="0.00")
    assert (order.quantity, order.price, order.filled_quantity) == (
        Decimal("0.00068"), Decimal("10000.7"), Decimal("0.00068"),
    )  # fmt: skip
    assert read(MARKET_SELL, price="0.0").price is None
    assert read(MARKET_SELL, price="0.00").price is None


@pytest.mark.parametrize("sent", [1691015713247, "1691015713247", 1691015713247.125, "1691015713247.999"])
def test_times_of_every_type(sent: object) -> None:
    order = read(LIMIT, create_time_ms=sent, update_time_ms=sent)
    assert (order.created_ms, order.updated_ms) == (1691015713247, 1691015713247)


@pytest.mark.parametrize(
    ("told", "client_order_id"),
    [("t-a.B_c-1", "t-a.B_c-1"), ("apiv4", None), ("web", None), ("101", None), ("-", None), ("", None), (None, None)],
)
def test_a_text_is_a_client_id_only_with_its_prefix(told: str | None, client_order_id: str | None) -> None:
    assert read(LIMIT, text=told).client_order_id == client_order_id


def test_words_that_no_table_knows_are_kept_and_told() -> None:
    told: list[tuple[str, str]] = []
    row = {**LIMIT, "status": "paused", "type": "limit_borrow", "time_in_force": "gtd"}
    order = wire.read_order(encoded(row), BOOK.symbols, BOOK, lambda field, text: told.append((field, text)))
    assert (order.status, order.raw_status, order.is_done) == (OrderStatus.UNKNOWN, "paused/open", False)
    assert (order.order_type, order.raw_type, order.time_in_force) == (OrderType.OTHER, "limit_borrow", None)
    assert {text for _, text in told} == {"paused", "limit_borrow", "gtd"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"side": "hold"}, "side"),
        ({"left": ...}, "left"),
        ({"amount": None}, "amount"),
        ({"amount": "1e"}, "amount"),
        ({"filled_total": "NaN"}, "filled_total"),
        ({"id": ...}, "id"),
        ({"create_time_ms": "yesterday"}, "create_time_ms"),
    ],
)
def test_a_row_that_does_not_fit(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(DecodeError, match=field):
        read(LIMIT, **changes)


def test_a_pair_that_the_rules_do_not_list() -> None:
    with pytest.raises(UnknownWireSymbol, match="NEW_USDT"):
        read(LIMIT, currency_pair="NEW_USDT")


@pytest.mark.parametrize(
    "changes", [{"text": "t-another"}, {"text": None}, {"side": "sell"}, {"amount": "0.00069"}, {"text": "apiv4"}]
)
def test_the_reply_to_another_order_is_not_believed(changes: dict[str, Any]) -> None:
    assert wire.read_placed(encoded(LIMIT), intent(), unread).order_id == "376835979523"
    with pytest.raises(DecodeError, match="another order"):
        wire.read_placed(encoded({**LIMIT, **changes}), intent(), unread)


def test_a_refusal_says_what_was_told_and_what_was_sent() -> None:
    with pytest.raises(DecodeError, match=r"amount is 0\.00069, 0\.00068 was sent") as refused:
        wire.read_placed(encoded({**LIMIT, "amount": "0.00069"}), intent(), unread)
    assert refused.value.field == "amount"
    market = {"order_type": OrderType.MARKET, "price": None, "quantity": None, "quote_quantity": Decimal("20.5")}
    reply = {**LIMIT, "type": "market", "time_in_force": "ioc", "amount": "20.50"}
    order = wire.read_placed(encoded(reply), intent(**market), unread)
    assert (order.quantity, order.quote_quantity, order.client_order_id) == (
        None,
        Decimal("20.5"),
        intent().client_order_id,
    )
    with pytest.raises(DecodeError, match=r"amount is 20\.4, 20\.5 was sent"):
        wire.read_placed(encoded({**reply, "amount": "20.4"}), intent(**market), unread)


def test_the_reply_to_an_order_of_another_pair_is_not_believed() -> None:
    with pytest.raises(DecodeError, match="ETH_USDT"):
        wire.read_placed(encoded({**LIMIT, "currency_pair": "ETH_USDT"}), intent(), unread)


def test_an_early_acknowledgement_is_no_order() -> None:
    with pytest.raises(DecodeError):
        wire.read_placed(encoded({"id": "1", "text": "t-valid-limit-buy-order", "amend_text": "-"}), intent(), unread)


@pytest.mark.parametrize(
    ("changes", "sent"),
    [
        ({}, {"type": "limit", "time_in_force": "gtc"}),
        ({"time_in_force": TimeInForce.GTC}, {"type": "limit", "time_in_force": "gtc"}),
        ({"time_in_force": TimeInForce.IOC}, {"type": "limit", "time_in_force": "ioc"}),
        ({"time_in_force": TimeInForce.FOK}, {"type": "limit", "time_in_force": "fok"}),
        ({"order_type": OrderType.LIMIT_MAKER}, {"type": "limit", "time_in_force": "poc"}),
        ({"side": Side.SELL}, {"type": "limit", "time_in_force": "gtc", "side": "sell"}),
        ({"iceberg_quantity": Decimal("0.0001")}, {"type": "limit", "time_in_force": "gtc", "iceberg": "0.0001"}),
        ({"self_trade_prevention": "co"}, {"type": "limit", "time_in_force": "gtc", "stp_act": "co"}),
        ({"quantity": Decimal("1E-5"), "price": Decimal("1.0E+4")},
         {"type": "limit", "time_in_force": "gtc", "amount": "0.00001", "price": "10000"}),
    ],
)  # fmt: skip
def test_the_body_of_a_limit_order(changes: dict[str, Any], sent: dict[str, str]) -> None:
    told = json.loads(wire.place_body("BTC_USDT", intent(**changes).params, "t-1"))
    assert told == {
        "text": "t-1", "currency_pair": "BTC_USDT", "account": "spot", "side": "buy", "amount": "0.00068",
        "price": "10000.7", **sent,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("params", "sent"),
    [
        (OrderParams(BTC_USDT, Side.BUY, OrderType.MARKET, quote_quantity=Decimal("20.5")),
         {"side": "buy", "amount": "20.5", "time_in_force": "ioc"}),
        (OrderParams(BTC_USDT, Side.SELL, OrderType.MARKET, quantity=Decimal("0.01")),
         {"side": "sell", "amount": "0.01", "time_in_force": "ioc"}),
        (OrderParams(BTC_USDT, Side.SELL, OrderType.MARKET, quantity=Decimal(1), time_in_force=TimeInForce.FOK),
         {"side": "sell", "amount": "1", "time_in_force": "fok"}),
    ],
)  # fmt: skip
def test_the_body_of_a_market_order_says_ioc_and_no_price(params: OrderParams, sent: dict[str, str]) -> None:
    told = json.loads(wire.place_body("BTC_USDT", params, "t-1"))
    assert told == {"text": "t-1", "currency_pair": "BTC_USDT", "type": "market", "account": "spot", **sent}


def test_open_orders_of_all_pairs_are_one_list() -> None:
    book = RuleBook("gateio", wire_rules.read_rules(encoded([PAIR, {**PAIR, "id": "ETH_BTC", "base": "ETH"}]))[0])
    eth = {**LIMIT, "id": "2", "currency_pair": "ETH_BTC", "create_time_ms": 1691015713247.125}
    body = encoded(
        [
            {"currency_pair": "BTC_USDT", "total": 2, "orders": [LIMIT, {**LIMIT, "id": "3"}]},
            {"currency_pair": "ETH_BTC", "total": 1, "orders": [eth]},
        ]
    )
    # Base and quote of ETH_BTC are those of its row, whatever its name looks like.
    orders = wire.read_open_orders(body, book.symbols, book, unread)
    assert [order.order_id for order in orders] == ["376835979523", "3", "2"]
    assert (orders[2].symbol, orders[2].created_ms) == (Symbol("ETH", "USDT"), 1691015713247)
    assert wire.read_open_orders(b"[]", book.symbols, book, unread) == []
    for misfit in (b"{}", b'[{"currency_pair":"BTC_USDT"}]', b'[{"orders":{}}]', b"[1]", b"<html>"):
        with pytest.raises(DecodeError):
            wire.read_open_orders(misfit, book.symbols, book, unread)


def test_a_recorded_trade() -> None:
    (trade,) = wire.read_trades(encoded([TRADE]), BOOK.symbols)
    assert (trade.exchange, trade.symbol, trade.side, trade.is_maker) == ("gateio", BTC_USDT, Side.SELL, True)
    assert (trade.trade_id, trade.order_id, trade.client_order_id) == ("5736713", "381064942553", "t-own")
    assert (trade.price, trade.quantity) == (Decimal(29441), Decimal("0.0007"))
    assert trade.quote_quantity == Decimal("20.6087")
    assert (trade.fee, trade.fee_asset, trade.time_ms) == (Decimal("0.0412174"), "USDT", 1691702924010)
    (newer,) = wire.read_trades(encoded([{**TRADE, "deal": "20.61", "role": "taker", "text": "web"}]), BOOK.symbols)
    assert (newer.quote_quantity, newer.is_maker, newer.client_order_id) == (Decimal("20.61"), False, None)


@pytest.mark.parametrize(
    ("changes", "fee", "fee_asset"),
    [
        ({}, "0.0412174", "USDT"),
        ({"fee": "0", "gt_fee": "0.0091"}, "0.0091", "GT"),
        ({"fee": "0", "point_fee": "0.04"}, "0.04", "POINT"),
        ({"fee": "0"}, "0", "USDT"),
        # GT ran out on the way: what was taken out of the proceeds is told.
        ({"gt_fee": "0.0001"}, "0.0412174", "USDT"),
        ({"gt_fee": ..., "point_fee": ...}, "0.0412174", "USDT"),
    ],
)
def test_a_fee_is_told_in_the_asset_that_it_was_paid_in(changes: dict[str, Any], fee: str, fee_asset: str) -> None:
    paid = {name: value for name, value in {**TRADE, **changes}.items() if value is not ...}
    (trade,) = wire.read_trades(encoded([paid]), BOOK.symbols)
    order = read(LIMIT, **{"fee": "0.0412174", "fee_currency": "USDT", **changes})
    assert (trade.fee, trade.fee_asset) == (order.fee, order.fee_asset) == (Decimal(fee), fee_asset)


def test_the_rules_of_a_pair() -> None:
    rules = BOOK.find(BTC_USDT)
    assert (rules.wire, rules.tick, rules.lot) == ("BTC_USDT", Decimal("0.1"), Decimal("0.000001"))
    assert (rules.minimum_notional, rules.maximum_notional) == (Decimal(3), None)
    assert (rules.minimum_quantity, rules.maximum_quantity, rules.market_maximum_notional) == (None, None, None)
    full = rule_book(
        min_base_amount="0.0001", max_base_amount="9", max_quote_amount="5000000", market_order_max_money="1000000"
    ).find(BTC_USDT)
    assert (full.minimum_quantity, full.maximum_quantity) == (Decimal("0.0001"), Decimal(9))
    assert (full.maximum_notional, full.market_maximum_notional) == (Decimal(5_000_000), Decimal(1_000_000))
    none = rule_book(min_base_amount=None, max_base_amount="0", market_order_max_money="0").find(BTC_USDT)
    assert (none.minimum_quantity, none.maximum_quantity, none.market_maximum_notional) == (None, None, None)


@pytest.mark.parametrize(
    ("status", "sides"),
    [("tradable", set(Side)), ("buyable", {Side.BUY}), ("sellable", {Side.SELL}), ("untradable", set()), ("x", set())],
)
def test_the_sides_that_a_pair_is_open_for(status: str, sides: set[Side]) -> None:
    rules = rule_book(trade_status=status).find(BTC_USDT)
    assert rules.sides == sides
    assert bool(rules.closed) is not bool(sides)


@pytest.mark.parametrize("changes", [{"precision": "1"}, {"amount_precision": None}, {"base": "btc"}, {"quote": 1}])
def test_a_pair_that_can_not_be_read_closes_no_other(changes: dict[str, Any]) -> None:
    odd = {**PAIR, "id": "ODD_USDT", "base": "ODD", **changes}
    rules, unread_names = wire_rules.read_rules(encoded([odd, PAIR]))
    assert ([rule.wire for rule in rules], unread_names) == (["BTC_USDT"], ["ODD_USDT"])
