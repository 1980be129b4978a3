"""Histories: complete across every window and page, or an error that names what is missing."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mexc_rig import BTC_USDT, MX_USDT, connect, market_buy, parameters, pass_time, resting

from spotlane import OrderStatus, OrderType, Side, TimeInForce, UsageError
from spotlane.errors import HistoryIncomplete, NotSupported
from spotlane.exchanges._history import collect, reach, windows
from spotlane.exchanges.mexc import MexcPrivateRest
from spotlane.sandbox import Sandbox
from spotlane.sandbox.records import OrderRequest
from spotlane.spec import HistoryLimit
from spotlane.transport import ManualClock

DAY_MS = 86_400_000
ORDERS_PATH = "/api/v3/allOrders"
TRADES_PATH = "/api/v3/myTrades"


def trade_at_once(venue: Sandbox, *, price: int = 70_000) -> str:
    """Fill a small buy order straight in the engine, which is faster than over the wire; return its id."""
    request = OrderRequest(
        "trader", "BTC/USDT", Side.BUY, OrderType.LIMIT, TimeInForce.IOC, Decimal("0.0001"), price=Decimal(price),
        as_received={"type": "IMMEDIATE_OR_CANCEL"},
    )  # fmt: skip
    return venue.engine.place(request).order_id


async def test_orders_of_many_pages_are_complete(venue: Sandbox) -> None:
    venue.clock.freeze()
    expected = []
    for number in range(2_300):
        expected.append(trade_at_once(venue, price=20_000))
        # Three quarters of them within three minutes, the rest over five days.
        venue.clock.advance(100 if number < 1_800 else 864_000)
    async with connect(venue, clock=ManualClock()) as exchange:
        orders = await exchange.get_order_history(BTC_USDT)

    assert sorted(order.order_id for order in orders) == sorted(expected)
    times = [order.created_ms or 0 for order in orders]
    assert times == sorted(times)
    assert {order.status for order in orders} == {OrderStatus.CANCELED}


async def test_fills_of_many_pages_are_complete(venue: Sandbox) -> None:
    venue.clock.freeze()
    for number in range(420):
        trade_at_once(venue)
        # Up to 95 fills a second, which is less than a page.
        venue.clock.advance(20 if number % 95 else 1_200)
    async with connect(venue, clock=ManualClock()) as exchange:
        trades = await exchange.get_trades(BTC_USDT)

    assert len(trades) == len({trade.trade_id for trade in trades}) == 420
    assert {trade.order_id for trade in trades} == {order.order_id for order in venue.ledger.orders()}
    assert [trade.time_ms for trade in trades] == sorted(trade.time_ms or 0 for trade in trades)


async def test_more_fills_in_a_second_than_a_page_holds_are_no_silent_loss(venue: Sandbox) -> None:
    venue.clock.freeze()
    async with connect(venue, clock=ManualClock()) as exchange:
        venue.clock.advance(1_000 - venue.clock.now_ms() % 1_000)
        second_ms = venue.clock.now_ms()
        placed = [trade_at_once(venue) for _ in range(120)]
        venue.clock.advance(5_000)

        with pytest.raises(HistoryIncomplete, match="order id") as missing:
            await exchange.get_trades(BTC_USDT, start_ms=second_ms - 60_000, end_ms=second_ms + 3_000)

        assert isinstance(missing.value, NotSupported)
        assert missing.value.start_ms <= second_ms <= missing.value.end_ms
        assert missing.value.end_ms - missing.value.start_ms < 1_000
        (only,) = await exchange.get_trades(BTC_USDT, order_id=placed[7])
        assert only.order_id == placed[7]
        assert parameters(venue.requests[-1])["orderId"] == placed[7]


async def test_a_page_that_is_just_full_is_looked_into(venue: Sandbox) -> None:
    venue.clock.freeze()
    for _ in range(50):
        trade_at_once(venue)
    venue.clock.advance(3_000)
    for _ in range(50):
        trade_at_once(venue)
    async with connect(venue, clock=ManualClock()) as exchange:
        assert len(await exchange.get_trades(BTC_USDT)) == 100
        assert venue.requests.count("GET", TRADES_PATH) > 1


async def test_what_a_fill_tells(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    taken = await exchange.place_order(market_buy())
    made = await exchange.place_order(resting())
    venue.engine.trade_against(made.order_id, Decimal("0.001"))

    by_order = {trade.order_id: trade for trade in await exchange.get_trades(BTC_USDT)}

    fill = venue.ledger.fills(taken.order_id)[0]
    trade = by_order[taken.order_id]
    assert (trade.exchange, trade.symbol, trade.side, trade.is_maker) == ("mexc", BTC_USDT, Side.BUY, False)
    assert (trade.price, trade.quantity, trade.quote_quantity) == (fill.price, fill.quantity, fill.quote_quantity)
    assert (trade.fee, trade.fee_asset) == (fill.fee, "USDT")
    assert trade.time_ms == fill.time_ms // 1_000 * 1_000
    assert by_order[made.order_id].is_maker is True
    assert by_order[made.order_id].fee == 0
    assert await exchange.get_trades(MX_USDT) == []


async def test_a_history_has_open_and_finished_orders_in_their_window_only(venue: Sandbox) -> None:
    venue.clock.freeze()
    clock = ManualClock()
    async with connect(venue, clock=clock) as exchange:
        before = await exchange.place_order(resting())
        pass_time(venue, clock, 10)
        start_ms = venue.clock.now_ms()
        resting_still = await exchange.place_order(resting())
        filled = await exchange.place_order(market_buy())
        end_ms = venue.clock.now_ms()
        pass_time(venue, clock, 10)
        after = await exchange.place_order(resting())

        inside = await exchange.get_order_history(BTC_USDT, start_ms=start_ms, end_ms=end_ms)
        assert {order.order_id for order in inside} == {resting_still.order_id, filled.order_id}
        everything = await exchange.get_order_history(BTC_USDT)
        assert [everything[0].order_id, everything[-1].order_id] == [before.order_id, after.order_id]
        assert len(everything) == 4
        assert {trade.order_id for trade in await exchange.get_trades(BTC_USDT, start_ms=end_ms + 5_000)} == set()


async def test_what_the_exchanges_clock_stamped_ahead_of_ours_is_there(venue: Sandbox) -> None:
    venue.clock.freeze()
    async with connect(venue, clock=ManualClock()) as exchange:
        venue.clock.advance(400)
        order = await exchange.place_order(market_buy())
        assert [each.order_id for each in await exchange.get_order_history(BTC_USDT)] == [order.order_id]
        assert [each.order_id for each in await exchange.get_trades(BTC_USDT)] == [order.order_id]


async def test_a_history_that_reaches_too_far_back_is_refused(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    now_ms = venue.clock.now_ms()
    for days, asking in (
        (7, exchange.get_order_history(BTC_USDT, start_ms=now_ms - 8 * DAY_MS)),
        (30, exchange.get_trades(BTC_USDT, start_ms=now_ms - 31 * DAY_MS)),
        (90, exchange.get_deposit_history(start_ms=now_ms - 91 * DAY_MS)),
    ):
        with pytest.raises(HistoryIncomplete, match=f"nothing older than {days} days: start_ms is at least") as missing:
            await asking
        assert missing.value.start_ms == now_ms - (days + 1) * DAY_MS
        assert abs(missing.value.end_ms - (now_ms - days * DAY_MS)) < 120_000
    with pytest.raises(UsageError, match="end_ms 5 lies before start_ms"):
        await exchange.get_order_history(BTC_USDT, start_ms=now_ms, end_ms=5)
    assert venue.requests.total == 0


def test_windows_cover_a_span_without_gap_or_overlap() -> None:
    assert windows(10, 10, 5) == [(10, 10)]
    assert windows(0, 9, 5) == [(0, 4), (5, 9)]
    assert windows(0, 10, 5) == [(0, 4), (5, 9), (10, 10)]


def test_a_window_starts_on_the_grid_and_ends_ahead_of_our_clock() -> None:
    limit = HistoryLimit(max_span_ms=DAY_MS, reach_ms=7 * DAY_MS, page_rows=10, resolution_ms=1_000)
    now_ms = 1_700_000_000_123
    first_ms, last_ms = reach(limit, now_ms=now_ms, skew_ms=500, start_ms=None, end_ms=None, what="orders")
    assert first_ms % 1_000 == 0
    assert now_ms - 7 * DAY_MS < first_ms < now_ms - 7 * DAY_MS + 61_000
    assert last_ms == now_ms + 500
    assert reach(limit, now_ms=now_ms, skew_ms=500, start_ms=now_ms - 999, end_ms=now_ms, what="orders") == (
        now_ms - 1_123,
        now_ms,
    )


@given(
    times_ms=st.lists(st.integers(0, 20_000), max_size=60),
    page_rows=st.integers(1, 8),
    span_ms=st.sampled_from([3_000, 7_000, 100_000]),
    resolution_ms=st.sampled_from([1, 10, 1_000]),
    is_stamped_on_grid=st.booleans(),
    is_newest_first=st.booleans(),
)
def test_every_row_comes_once_or_the_gap_is_named(
    times_ms: list[int],
    page_rows: int,
    span_ms: int,
    resolution_ms: int,
    is_stamped_on_grid: bool,
    is_newest_first: bool,
) -> None:
    rows = sorted((time_ms // resolution_ms * resolution_ms if is_stamped_on_grid else time_ms, f"row {number}")
                  for number, time_ms in enumerate(times_ms))  # fmt: skip
    if is_newest_first:
        rows.reverse()
    limit = HistoryLimit(max_span_ms=span_ms, reach_ms=10**9, page_rows=page_rows, resolution_ms=resolution_ms)

    async def fetch(first_ms: int, last_ms: int) -> list[str]:
        assert 0 <= first_ms <= last_ms <= 20_000
        assert last_ms - first_ms < span_ms
        return [name for time_ms, name in rows if first_ms <= time_ms <= last_ms][:page_rows]

    async def outcome() -> list[str] | HistoryIncomplete:
        try:
            return await collect(fetch, limit=limit, start_ms=0, end_ms=20_000, identify=lambda name: name, what="rows")
        except HistoryIncomplete as missing:
            return missing

    found = asyncio.run(outcome())
    if isinstance(found, HistoryIncomplete):
        missing = found
        crowded = [name for time_ms, name in rows if missing.start_ms <= time_ms <= missing.end_ms]
        assert len(crowded) >= page_rows
        assert missing.end_ms - missing.start_ms < resolution_ms
    else:
        assert sorted(found) == sorted(name for _, name in rows)
