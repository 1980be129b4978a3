"""What a test can do to the engine: lag, races, prices, credits, the ledger, the clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal, localcontext

import pytest
from engine_rig import BTC, held, make_engine, reason_of, request

from spotlane.sandbox.accounts import TRADER
from spotlane.sandbox.clock import SandboxClock
from spotlane.sandbox.engine import EngineSettings
from spotlane.sandbox.records import Reason
from spotlane.structs.enums import OrderStatus, Side


def test_reads_lag_behind_writes() -> None:
    engine = make_engine(EngineSettings(visibility_lag_ms={"order": 300, "open_orders": 300, "balances": 300}))
    engine.set_visibility_lag(trades=300)
    engine.clock.advance(1000)
    order = engine.place(request(Side.BUY, "0.001", "20000", client_order_id="late"))
    assert engine.order(TRADER, BTC, order.order_id) is None
    assert engine.open_orders(TRADER) == []
    assert engine.balances()["USDT"].locked == 0
    engine.clock.advance(300)
    seen = engine.order(TRADER, BTC, client_order_id="late")
    assert seen is not None
    assert seen.status is OrderStatus.NEW
    assert engine.balances()["USDT"].locked == 20
    engine.trade_against(order.order_id, Decimal("0.001"))
    assert engine.trades(TRADER, BTC, 0, 2**62) == []
    assert [view.status for view in engine.open_orders(TRADER)] == [OrderStatus.NEW]
    engine.clock.advance(300)
    assert len(engine.trades(TRADER, BTC, 0, 2**62)) == 1
    assert engine.open_orders(TRADER) == []


def test_a_cancel_may_not_see_a_fresh_order_either() -> None:
    engine = make_engine(EngineSettings(visibility_lag_ms={"cancel": 200}))
    order = engine.place(request(Side.BUY, "0.001", "20000"))
    assert reason_of(lambda: engine.cancel(TRADER, BTC, order.order_id)) is Reason.UNKNOWN_ORDER
    engine.clock.advance(200)
    assert engine.cancel(TRADER, BTC, order.order_id).status is OrderStatus.NEW


def test_a_fill_can_win_or_partly_win_the_race_against_a_cancel() -> None:
    engine = make_engine()
    order = engine.place(request(Side.BUY, "0.002", "20000"))
    engine.before_next("cancel", lambda: engine.trade_against(order.order_id, Decimal("0.0005")))
    before = engine.cancel(TRADER, BTC, order.order_id)
    assert (before.status, before.filled_quantity) == (OrderStatus.NEW, Decimal(0))
    assert (order.status, order.filled_quantity) == (OrderStatus.PARTIALLY_CANCELED, Decimal("0.0005"))
    other = engine.place(request(Side.BUY, "0.002", "20000"))
    engine.before_next("cancel", lambda: engine.trade_against(other.order_id, Decimal("0.002")))
    assert reason_of(lambda: engine.cancel(TRADER, BTC, other.order_id)) is Reason.UNKNOWN_ORDER
    assert other.status is OrderStatus.FILLED


def test_scheduled_actions_run_once_their_time_has_come() -> None:
    engine = make_engine()
    order = engine.place(request(Side.BUY, "0.001", "20000"))
    engine.after(500, lambda: engine.trade_against(order.order_id, Decimal("0.0005")))
    engine.after(100, lambda: engine.credit("USDT", 5))
    engine.clock.advance(499)
    assert engine.balances()["USDT"].available == 99_985
    assert order.filled_quantity == 0
    engine.clock.advance(1)
    engine.balances()
    engine.balances()
    assert order.filled_quantity == Decimal("0.0005")


def test_set_price_fills_what_it_crosses_and_moves_the_book() -> None:
    engine = make_engine()
    crossed = engine.place(request(Side.BUY, "0.001", "59000"))
    untouched = engine.place(request(Side.BUY, "0.001", "50000"))
    engine.set_price(BTC, 55_000)
    assert crossed.status is OrderStatus.FILLED
    assert crossed.fills[0].price == 59_000
    assert untouched.status is OrderStatus.NEW
    ask = engine.markets[BTC].book.best_price(Side.SELL)
    assert ask is not None
    assert Decimal(54_900) < ask < Decimal(55_100)


def test_house_levels_come_back_but_never_trade_with_what_rests() -> None:
    engine = make_engine(EngineSettings(balances={"USDT": Decimal(1_000_000)}))
    book = engine.markets[BTC].book
    before = [(order.price, order.quantity) for order in book.resting(Side.SELL)]
    engine.place(request(Side.BUY, "1", "61000", "ioc"))
    assert [(order.price, order.remaining_quantity) for order in book.resting(Side.SELL)] == before
    best = before[0][0]
    resting = engine.place(request(Side.BUY, "1", str(best)))
    assert resting.status is OrderStatus.PARTIALLY_FILLED
    left = resting.remaining_quantity
    engine.place(request(Side.BUY, "0.001", "20000"))
    assert resting.remaining_quantity == left
    engine.cancel(TRADER, BTC, resting.order_id)
    assert book.best_price(Side.SELL) == best


def test_a_book_without_refill_runs_dry() -> None:
    engine = make_engine(EngineSettings(refill=False, balances={"BTC": Decimal(100)}))
    order = engine.place(request(Side.SELL, "60", "50000", "ioc"))
    assert order.status is OrderStatus.PARTIALLY_CANCELED
    assert engine.markets[BTC].book.best_price(Side.BUY) is None


def test_listing_can_be_replaced_while_orders_rest() -> None:
    engine = make_engine()
    order = engine.place(request(Side.BUY, "0.001", "20000"))
    engine.list_symbol(replace(engine.markets[BTC].listing, is_online=False))
    assert reason_of(lambda: engine.place(request(Side.BUY, "0.001", "20000"))) is Reason.TRADING_PAUSED
    assert engine.cancel(TRADER, BTC, order.order_id).status is OrderStatus.NEW


def test_ledger_tells_what_really_happened() -> None:
    engine = make_engine()
    order = engine.place(request(Side.BUY, "0.001", "20000", client_order_id="mine"))
    engine.trade_against(order.order_id, Decimal("0.001"))
    assert engine.ledger.orders("mine") == [order]
    assert engine.ledger.orders("other") == []
    assert engine.ledger.orders(symbol="ETH/USDT") == []
    assert engine.ledger.live_orders() == []
    assert [fill.quantity for fill in engine.ledger.fills(order.order_id)] == [Decimal("0.001")]
    assert engine.ledger.fills("none") == []
    kinds = [event.kind for event in engine.ledger.events if event.kind != "credited"]
    assert kinds == ["order_accepted", "order_filled", "order_closed"]
    assert [event.sequence for event in engine.ledger.events] == list(range(1, len(engine.ledger.events) + 1))


def test_orders_of_another_account_are_out_of_sight() -> None:
    engine = make_engine()
    engine.credit("USDT", 1000, account="other")
    order = engine.place(request(Side.BUY, "0.001", "20000", account="other"))
    assert engine.order(TRADER, BTC, order.order_id) is None
    assert reason_of(lambda: engine.cancel(TRADER, BTC, order.order_id)) is Reason.UNKNOWN_ORDER
    assert engine.open_orders(TRADER) == []
    assert len(engine.open_orders("other")) == 1


@pytest.mark.parametrize("action", ["set_visibility_lag", "before_next"])
def test_unknown_operation_is_named(action: str) -> None:
    engine = make_engine()
    calls: dict[str, Callable[[], object]] = {
        "before_next": lambda: engine.before_next("ordr", engine.balances),
        "set_visibility_lag": lambda: engine.set_visibility_lag(ordr=5),
    }
    with pytest.raises(ValueError, match="no operation is called 'ordr'"):
        calls[action]()


def test_credit_can_take_away_but_not_below_zero() -> None:
    engine = make_engine()
    engine.credit("USDT", -99_999)
    assert held(engine, "USDT") == (1, 0)
    assert reason_of(lambda: engine.credit("USDT", -2)) is Reason.INSUFFICIENT_BALANCE


@pytest.mark.parametrize("quantity", ["0", "0.0011", "-1"])
def test_trade_against_takes_at_most_what_is_left(quantity: str) -> None:
    engine = make_engine()
    order = engine.place(request(Side.BUY, "0.001", "20000"))
    assert reason_of(lambda: engine.trade_against(order.order_id, Decimal(quantity))) is Reason.QUANTITY_TOO_LARGE
    assert order.filled_quantity == 0


def test_the_callers_decimal_context_does_not_matter() -> None:
    with localcontext() as context:
        context.prec = 3
        for trap in context.traps:
            context.traps[trap] = True
        engine = make_engine()
        order = engine.place(request(Side.BUY, "0.12345678", "60123.45", "ioc"))
        assert order.status is OrderStatus.FILLED
        context.prec = 60
        paid = order.filled_quote_quantity + sum(fill.fee for fill in order.fills)
        assert held(engine, "USDT")[0] == 100_000 - paid


def test_clock_freezes_follows_and_advances() -> None:
    machine = [5_000]
    clock = SandboxClock(start_ms=1_000, source=lambda: machine[0])
    machine[0] += 50
    assert (clock.now_ms(), clock.offset_ms) == (1_050, -4_000)
    clock.freeze()
    machine[0] += 50
    assert clock.now_ms() == 1_050
    clock.advance(10)
    assert clock.now_ms() == 1_060
    clock.follow()
    machine[0] += 5
    assert (clock.now_ms(), clock.is_frozen) == (1_065, False)
    clock.offset_ms = 2_000
    assert clock.now_ms() == machine[0] + 2_000
    with pytest.raises(ValueError, match="not by -1"):
        clock.advance(-1)
