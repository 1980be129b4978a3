"""Amending orders: money, queue and refusals."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spotlane.sandbox.clock import SandboxClock
from spotlane.sandbox.engine import Engine, EngineSettings
from spotlane.sandbox.matching import FeeAsset
from spotlane.sandbox.records import OrderRecord, OrderRequest, Reason, Refused
from spotlane.structs.enums import OrderStatus, OrderType, Side, TimeInForce

SYMBOL = "BTC/USDT"


def make_engine(fee_asset: FeeAsset = FeeAsset.QUOTE) -> Engine:
    engine = Engine(clock=SandboxClock(start_ms=1_000_000, frozen=True), settings=EngineSettings(fee_asset=fee_asset))
    engine.clear_liquidity(SYMBOL)
    return engine


def place(
    engine: Engine, side: Side, quantity: str, price: str, *, account: str = "trader", kind: OrderType = OrderType.LIMIT
) -> OrderRecord:
    return engine.place(
        OrderRequest(account, SYMBOL, side, kind, TimeInForce.GTC, Decimal(quantity), None, Decimal(price))
    )


def amend(engine: Engine, order: OrderRecord, quantity: str | None = None, price: str | None = None) -> OrderRecord:
    return engine.amend(
        order.request.account,
        SYMBOL,
        order.order_id,
        quantity=None if quantity is None else Decimal(quantity),
        price=None if price is None else Decimal(price),
    )


def queue(engine: Engine, side: Side) -> list[str]:
    return [order.order_id for order in engine.markets[SYMBOL].book.resting(side)]


def test_only_a_smaller_size_keeps_the_place_in_the_queue() -> None:
    engine = make_engine()
    one, two = (place(engine, Side.BUY, "0.01", "50000") for _ in range(2))
    amend(engine, one, quantity="0.005")
    assert queue(engine, Side.BUY) == [one.order_id, two.order_id]
    amend(engine, one, quantity="0.006")
    assert queue(engine, Side.BUY) == [two.order_id, one.order_id]
    amend(engine, two, price="49000")
    assert queue(engine, Side.BUY) == [one.order_id, two.order_id]


@pytest.mark.parametrize("side", list(Side))
def test_lock_follows_the_terms(side: Side) -> None:
    engine = make_engine()
    order = place(engine, side, "0.01", "50000")
    asset, unit = ("USDT", Decimal(50_000)) if side is Side.BUY else ("BTC", Decimal(1))
    for quantity in ("0.02", "0.004", "0.03"):
        amend(engine, order, quantity=quantity)
        assert engine.accounts.holding("trader", asset).locked == Decimal(quantity) * unit
    engine.cancel("trader", SYMBOL, order.order_id)
    assert engine.accounts.holding("trader", asset).locked == 0


def test_amended_order_takes_what_it_crosses_and_rests() -> None:
    engine = make_engine()
    engine.credit("BTC", 1, "other")
    ask = place(engine, Side.SELL, "0.01", "51000", account="other")
    order = place(engine, Side.BUY, "0.03", "50000")
    amend(engine, order, price="52000")
    assert (ask.status, order.status, order.filled_quantity) == (
        OrderStatus.FILLED, OrderStatus.PARTIALLY_FILLED, Decimal("0.01"),
    )  # fmt: skip
    assert order.fills[0].price == 51_000
    assert not order.fills[0].is_maker
    assert engine.accounts.holding("trader", "USDT").locked == Decimal("0.02") * 52_000
    amend(engine, order, quantity="0.01")
    assert (order.status, order.quantity) == (OrderStatus.PARTIALLY_CANCELED, Decimal("0.03"))
    assert engine.accounts.holding("trader", "USDT").locked == 0


@pytest.mark.parametrize(
    ("quantity", "price", "reason"),
    [
        (None, None, Reason.NO_CHANGE),
        ("0.01", "50000.00", Reason.NO_CHANGE),
        ("0", None, Reason.MALFORMED),
        ("3", None, Reason.INSUFFICIENT_BALANCE),
        (None, "50000.001", Reason.PRICE_PRECISION),
        (None, "60000", Reason.WOULD_TAKE),
    ],
)
def test_refused_amendments_change_nothing(quantity: str | None, price: str | None, reason: Reason) -> None:
    engine = make_engine()
    engine.credit("BTC", 1, "other")
    place(engine, Side.SELL, "0.01", "51000", account="other")
    order = place(engine, Side.BUY, "0.01", "50000", kind=OrderType.LIMIT_MAKER)
    before = (order.request, order.locked, len(order.views), engine.accounts.holding("trader", "USDT"))
    with pytest.raises(Refused) as caught:
        amend(engine, order, quantity, price)
    assert caught.value.reason is reason
    assert (order.request, order.locked, len(order.views), engine.accounts.holding("trader", "USDT")) == before
    assert queue(engine, Side.BUY) == [order.order_id]


def test_amend_loses_the_race_against_a_fill() -> None:
    engine = make_engine()
    order = place(engine, Side.BUY, "0.01", "50000")
    engine.before_next("amend", lambda: engine.trade_against(order.order_id, Decimal("0.01")))
    with pytest.raises(Refused) as caught:
        amend(engine, order, price="51000")
    assert caught.value.reason is Reason.UNKNOWN_ORDER
    assert order.status is OrderStatus.FILLED


def test_due_actions_come_before_controls() -> None:
    engine = make_engine()
    order = place(engine, Side.BUY, "0.01", "50000")
    engine.after(10, lambda: engine.cancel_all("trader"))
    engine.clock.advance(10)
    with pytest.raises(Refused):
        engine.trade_against(order.order_id, Decimal("0.01"))
    assert order.status is OrderStatus.CANCELED


def test_cancel_all_of_one_side() -> None:
    engine = make_engine()
    bid, ask = place(engine, Side.BUY, "0.01", "50000"), place(engine, Side.SELL, "0.01", "70000")
    assert [view.record for view in engine.cancel_all("trader", side=Side.SELL)] == [ask]
    assert (bid.is_open, ask.is_open) == (True, False)


def test_unfilled_fok_can_be_refused() -> None:
    engine = Engine(settings=EngineSettings(refuse_unfilled_fok=True))
    request = OrderRequest(
        "trader", SYMBOL, Side.BUY, OrderType.LIMIT, TimeInForce.FOK, Decimal("0.01"), None, Decimal(50_000)
    )
    with pytest.raises(Refused) as caught:
        engine.place(request)
    assert caught.value.reason is Reason.FOK_UNFILLED
    assert engine.ledger.orders() == []


_STEPS = st.lists(
    st.tuples(st.sampled_from(["place", "amend", "trade"]), st.integers(0, 9), st.integers(1, 40), st.integers(-8, 8)),
    max_size=25,
)


@pytest.mark.parametrize("fee_asset", list(FeeAsset))
@settings(max_examples=60)
@given(steps=_STEPS)
def test_no_amendment_makes_or_loses_money(fee_asset: FeeAsset, steps: list[tuple[str, int, int, int]]) -> None:
    engine = make_engine(fee_asset)
    engine.credit("BTC", 10, "other")
    engine.credit("USDT", 100_000, "other")
    orders: list[OrderRecord] = []
    for kind, choice, size, offset in steps:
        quantity, price = Decimal(size) / 100, Decimal(50_000 + offset * 100)
        try:
            if kind == "place" or not orders:
                side, account = list(Side)[choice % 2], ("trader", "other")[choice // 2 % 2]
                orders.append(place(engine, side, str(quantity), str(price), account=account))
            elif kind == "amend":
                amend(engine, orders[choice % len(orders)], str(quantity), str(price))
            else:
                engine.trade_against(orders[choice % len(orders)].order_id, quantity)
        except Refused:
            pass
        for asset in engine.accounts.assets():
            assert engine.accounts.total(asset) == 0
        for account, asset, side in (
            (account, asset, side)
            for account in ("trader", "other")
            for asset, side in (("USDT", Side.BUY), ("BTC", Side.SELL))
        ):
            own = [order for order in orders if (order.request.account, order.side) == (account, side)]
            held = engine.accounts.holding(account, asset)
            assert held.locked == sum(order.locked for order in own) >= 0
            assert held.available >= 0
            assert all(order.locked == 0 for order in own if not order.is_open)
