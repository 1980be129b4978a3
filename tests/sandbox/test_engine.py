"""How the engine matches, refuses and pays, case by case."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from engine_rig import BTC, held, make_engine, reason_of, request

from spotlane.sandbox.accounts import FEES, TRADER
from spotlane.sandbox.engine import DuplicateIds, EngineSettings
from spotlane.sandbox.matching import FeeAsset
from spotlane.sandbox.records import OrderRecord, OrderRequest, Reason, SelfTrade
from spotlane.structs.enums import OrderStatus, Side


def test_default_account_and_book() -> None:
    engine = make_engine()
    assert {asset: holding.available for asset, holding in engine.balances().items()} == {"USDT": 100_000, "BTC": 10}
    book = engine.markets[BTC].book
    bid, ask = book.best_price(Side.BUY), book.best_price(Side.SELL)
    assert bid is not None
    assert ask is not None
    assert Decimal(59_900) < bid < ask < Decimal(60_100)
    for side in Side:
        assert sum(order.remaining_quantity for order in book.resting(side)) > 2
    assert engine.markets[BTC].listing.min_notional <= 5


def test_equal_seeds_give_equal_books_and_others_do_not() -> None:
    def levels(seed: int) -> list[tuple[Decimal | None, Decimal | None]]:
        book = make_engine(seed=seed).markets[BTC].book
        return [(order.price, order.quantity) for side in Side for order in book.resting(side)]

    assert levels(5) == levels(5)
    assert levels(5) != levels(6)


def test_one_bitcoin_takes_several_levels_and_pays_each_at_its_price() -> None:
    engine = make_engine()
    asks = [(order.price, order.remaining_quantity) for order in engine.markets[BTC].book.resting(Side.SELL)]
    order = engine.place(request(Side.BUY, "1", kind="market"))
    assert order.status is OrderStatus.FILLED
    assert len(order.fills) > 1
    assert [(fill.price, fill.quantity) for fill in order.fills[:-1]] == asks[: len(order.fills) - 1]
    cost = sum(fill.price * fill.quantity for fill in order.fills)
    fee = cost * Decimal("0.0005")
    assert held(engine, "USDT") == (100_000 - cost - fee, 0)
    assert held(engine, "BTC") == (11, 0)
    assert held(engine, "USDT", FEES)[0] == fee


def test_resting_order_locks_fills_partially_and_releases_on_cancel() -> None:
    engine = make_engine()
    order = engine.place(request(Side.BUY, "0.001", "20000"))
    assert (order.status, order.updated_ms) == (OrderStatus.NEW, None)
    assert held(engine, "USDT") == (99_980, 20)
    fill = engine.trade_against(order.order_id, Decimal("0.0004"))
    assert (fill.price, fill.quantity) == (Decimal(20_000), Decimal("0.0004"))
    assert fill.is_maker
    assert fill.fee == 0
    assert held(engine, "USDT") == (99_980, 12)
    before = engine.cancel(TRADER, BTC, order.order_id)
    assert before.status is OrderStatus.PARTIALLY_FILLED
    assert order.status is OrderStatus.PARTIALLY_CANCELED
    assert held(engine, "USDT") == (99_992, 0)
    assert held(engine, "BTC") == (Decimal("10.0004"), 0)


@pytest.mark.parametrize("maker_fee", ["0", "0.001"])
def test_buyer_who_locked_all_he_has_can_still_pay_his_fees(maker_fee: str) -> None:
    engine = make_engine(EngineSettings(balances={}))
    engine.list_symbol(replace(engine.markets[BTC].listing, maker_fee=Decimal(maker_fee)))
    ask = engine.markets[BTC].book.best_price(Side.SELL)
    assert ask is not None
    taken = ask * Decimal("0.01") * Decimal("1.0005")
    resting = 20_000 * Decimal("0.01") * (1 + Decimal(maker_fee))
    engine.credit("USDT", taken + resting - Decimal("1E-20"))
    order = engine.place(request(Side.BUY, "0.01", "20000"))
    assert reason_of(lambda: engine.place(request(Side.BUY, "0.01", str(ask)))) is Reason.INSUFFICIENT_BALANCE
    engine.credit("USDT", Decimal("1E-20"))
    assert engine.place(request(Side.BUY, "0.01", str(ask))).status is OrderStatus.FILLED
    assert held(engine, "USDT") == (0, resting)
    engine.trade_against(order.order_id, Decimal("0.01"))
    assert held(engine, "USDT") == (0, 0)


def test_sell_pays_its_fee_from_the_proceeds() -> None:
    engine = make_engine()
    order = engine.place(request(Side.SELL, "0.01", "59000", "ioc"))
    assert order.status is OrderStatus.FILLED
    assert held(engine, "BTC") == (Decimal("9.99"), 0)
    assert held(engine, "USDT")[0] == 100_000 + order.filled_quote_quantity * Decimal("0.9995")


def test_fee_in_the_received_asset() -> None:
    engine = make_engine(EngineSettings(fee_asset=FeeAsset.RECEIVED))
    order = engine.place(request(Side.BUY, "0.01", "61000", "ioc"))
    assert held(engine, "BTC") == (10 + Decimal("0.01") * Decimal("0.9995"), 0)
    assert held(engine, "USDT") == (100_000 - order.filled_quote_quantity, 0)
    assert order.fills[0].fee_asset == "BTC"


def test_market_order_sized_in_quote_never_spends_more() -> None:
    engine = make_engine()
    order = engine.place(request(Side.BUY, None, kind="market", quote_quantity="50000"))
    assert order.status is OrderStatus.FILLED
    assert 0 <= 50_000 - order.filled_quote_quantity < Decimal("0.01")


def test_market_order_stops_at_its_worst_price_and_cancels_the_rest() -> None:
    engine = make_engine()
    best = engine.markets[BTC].book.best_price(Side.SELL)
    order = engine.place(request(Side.BUY, "1", str(best), "market"))
    assert order.status is OrderStatus.PARTIALLY_CANCELED
    assert {fill.price for fill in order.fills} == {best}


@pytest.mark.parametrize(
    ("kind", "price", "status"),
    [
        ("ioc", "20000", OrderStatus.CANCELED),
        ("fok", "60003", OrderStatus.CANCELED),
        ("fok", "61000", OrderStatus.FILLED),
        ("ioc", "60003", OrderStatus.PARTIALLY_CANCELED),
        ("gtc", "60003", OrderStatus.PARTIALLY_FILLED),
        ("maker", "60003", OrderStatus.CANCELED),
        ("maker", "60002", OrderStatus.NEW),
    ],
)
def test_what_is_left_of_an_order(kind: str, price: str, status: OrderStatus) -> None:
    engine = make_engine()
    order = engine.place(request(Side.BUY, "1", price, kind))
    assert order.status is status
    assert order.is_resting == (status in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED))
    locked = order.remaining_quantity * Decimal(price) if order.is_resting else 0
    assert held(engine, "USDT")[1] == locked


def test_crossing_maker_can_be_refused_instead() -> None:
    engine = make_engine(EngineSettings(refuse_crossing_makers=True))
    assert reason_of(lambda: engine.place(request(Side.BUY, "1", "60003", "maker"))) is Reason.WOULD_TAKE
    assert engine.ledger.orders() == []


@pytest.mark.parametrize(
    ("mode", "taker", "maker", "filled"),
    [
        (SelfTrade.ALLOW, OrderStatus.FILLED, OrderStatus.FILLED, "0.01"),
        (SelfTrade.CANCEL_MAKER, OrderStatus.NEW, OrderStatus.CANCELED, "0"),
        (SelfTrade.CANCEL_TAKER, OrderStatus.CANCELED, OrderStatus.NEW, "0"),
        (SelfTrade.CANCEL_BOTH, OrderStatus.CANCELED, OrderStatus.CANCELED, "0"),
    ],
)
def test_self_trade_prevention(mode: SelfTrade, taker: OrderStatus, maker: OrderStatus, filled: str) -> None:
    engine = make_engine()
    engine.clear_liquidity(BTC)
    resting = engine.place(request(Side.SELL, "0.01", "60000"))
    arriving = engine.place(request(Side.BUY, "0.01", "60000", self_trade=mode))
    assert (arriving.status, resting.status) == (taker, maker)
    assert arriving.filled_quantity == Decimal(filled)
    if mode is SelfTrade.ALLOW:
        assert arriving.fills[0].is_self_trade
        assert held(engine, "BTC") == (10, 0)
    else:
        cancelled = [order for order in (arriving, resting) if not order.is_open]
        assert {order.cancel_reason for order in cancelled} == {"stp_cancel"}


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (request(Side.BUY, "1", "1", symbol="NO/SUCH"), Reason.UNKNOWN_SYMBOL),
        (request(Side.BUY, "10", "1", symbol="FTT/USDT"), Reason.TRADING_PAUSED),
        (request(Side.BUY, "100000", "0.0001", symbol="LUNC/USDT"), Reason.API_CLOSED),
        (request(Side.BUY, "10", "0.5", symbol="EOS/USDT"), Reason.SIDE_CLOSED),
        (request(Side.BUY, "10", symbol="XRP/USDT", kind="market"), Reason.TYPE_CLOSED),
        (request(Side.BUY, "0", "60000"), Reason.MALFORMED),
        (request(Side.BUY, "1", "60000.001"), Reason.PRICE_PRECISION),
        (request(Side.BUY, "0.000000001", "60000"), Reason.QUANTITY_PRECISION),
        (request(Side.BUY, "4.99", "2", symbol="MX/USDT"), Reason.QUANTITY_TOO_SMALL),
        (request(Side.BUY, "0.00001", "60000"), Reason.NOTIONAL_TOO_SMALL),
        (request(Side.BUY, "100", "60000"), Reason.NOTIONAL_TOO_LARGE),
        (request(Side.BUY, "2", "60000"), Reason.INSUFFICIENT_BALANCE),
        (request(Side.SELL, "10.00000001", "61000"), Reason.INSUFFICIENT_BALANCE),
    ],
)
def test_refusals_change_nothing(order: OrderRequest, reason: Reason) -> None:
    engine = make_engine()
    assert reason_of(lambda: engine.place(order)) is reason
    assert held(engine, "USDT") == (100_000, 0)
    assert held(engine, "BTC") == (10, 0)
    assert engine.ledger.orders() == []


def test_no_counterparty_for_a_market_order_on_an_empty_book() -> None:
    engine = make_engine()
    engine.clear_liquidity(BTC)
    assert reason_of(lambda: engine.place(request(Side.BUY, "1", kind="market"))) is Reason.NO_COUNTERPARTY


def test_price_band_holds_for_each_side() -> None:
    engine = make_engine(EngineSettings(price_band=(Decimal("0.05"), Decimal("0.1"))))
    assert reason_of(lambda: engine.place(request(Side.BUY, "0.1", "63000.01"))) is Reason.PRICE_OUTSIDE_BAND
    assert reason_of(lambda: engine.place(request(Side.SELL, "0.1", "53999.99"))) is Reason.PRICE_OUTSIDE_BAND
    assert engine.place(request(Side.BUY, "0.1", "30000")).status is OrderStatus.NEW


def test_open_order_limit_counts_open_orders_only() -> None:
    engine = make_engine(EngineSettings(open_order_limit=2))
    first = engine.place(request(Side.BUY, "0.001", "20000"))
    engine.place(request(Side.BUY, "0.001", "20000"))
    assert reason_of(lambda: engine.place(request(Side.BUY, "0.001", "20000"))) is Reason.TOO_MANY_ORDERS
    engine.cancel(TRADER, BTC, first.order_id)
    assert engine.place(request(Side.BUY, "0.001", "20000")).is_open


@pytest.mark.parametrize(
    ("model", "while_open", "after_close", "found"),
    [
        (DuplicateIds.ACCEPT, True, True, "first"),
        (DuplicateIds.OVERRIDE, True, True, "last"),
        ("open_only", False, True, "last"),
        ("for_ever", False, False, "first"),
    ],
)
def test_duplicate_client_ids(model: DuplicateIds | str, while_open: bool, after_close: bool, found: str) -> None:
    engine = make_engine(EngineSettings(duplicate_client_ids=model))
    first = engine.place(request(Side.BUY, "0.001", "20000", client_order_id="same"))

    def again(is_accepted: bool) -> OrderRecord | None:
        same = request(Side.BUY, "0.001", "20000", client_order_id="same")
        if is_accepted:
            return engine.place(same)
        assert reason_of(lambda: engine.place(same)) is Reason.DUPLICATE_CLIENT_ID
        return None

    second = again(while_open)
    engine.cancel_all(TRADER)
    third = again(after_close)
    last = third or second or first
    view = engine.order(TRADER, BTC, client_order_id="same")
    assert view is not None
    assert view.record is {"first": first, "last": last}[found]
