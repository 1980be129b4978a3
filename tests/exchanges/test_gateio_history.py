"""Gate's histories: orders by the time of their creation though Gate lists them by their end, and fills."""

from __future__ import annotations

from decimal import Decimal

import pytest
from gateio_rig import (
    BTC_USDT,
    ETH_USDT,
    ORDERS_PATH,
    TRADES_PATH,
    book_at_once,
    connect,
    gate,
    market_buy,
    parameters,
    pass_time,
    resting,
)

from spotlane import OrderStatus, OrderType, Side, UsageError
from spotlane.errors import HistoryIncomplete
from spotlane.structs import OrderParams
from spotlane.transport import ManualClock

DAY_MS = 86_400_000


async def test_orders_count_by_their_creation_and_not_by_their_end() -> None:
    clock = ManualClock()
    async with gate({"clock": clock}) as (venue, exchange):
        venue.clock.freeze()
        before = await exchange.place_order(resting())
        pass_time(venue, clock, 60)
        start_ms = venue.clock.now_ms()
        late, within, still_open = [await exchange.place_order(resting()) for _ in range(3)]
        pass_time(venue, clock, 60)
        # Ends in the window, but was created before it.
        await exchange.cancel_order(BTC_USDT, before.order_id)
        await exchange.cancel_order(BTC_USDT, within.order_id)
        end_ms = venue.clock.now_ms()
        pass_time(venue, clock, 60)
        after = await exchange.place_order(resting())
        # Created in the window, ends long after it.
        venue.engine.trade_against(late.order_id, Decimal("0.001"))
        venue.requests.clear()

        orders = await exchange.get_order_history(BTC_USDT, start_ms=start_ms, end_ms=end_ms)

        assert {order.order_id: order.status for order in orders} == {
            late.order_id: OrderStatus.FILLED,
            within.order_id: OrderStatus.CANCELED,
            still_open.order_id: OrderStatus.NEW,
        }
        asked = [parameters(request.query) for request in venue.requests.find("GET", ORDERS_PATH)]
        finished = next(query for query in asked if query["status"] == "finished")
        assert (finished["from"], finished["limit"], finished["account"]) == (str(start_ms // 1_000), "1000", "spot")
        assert int(finished["to"]) * 1_000 >= venue.clock.now_ms()
        everything = [order.order_id for order in await exchange.get_order_history(BTC_USDT)]
        assert everything == [each.order_id for each in (before, late, within, still_open, after)]
        assert await exchange.get_order_history(ETH_USDT) == []


async def test_windows_are_exact_to_the_millisecond() -> None:
    clock = ManualClock()
    async with gate({"clock": clock}) as (venue, exchange):
        venue.clock.freeze()
        pass_time(venue, clock, (1_000 - venue.clock.now_ms() % 1_000 + 100) / 1_000)
        made = []
        for _ in range(3):
            made.append(await exchange.place_order(market_buy()))
            pass_time(venue, clock, 0.2)
        start_ms = end_ms = venue.ledger.order(made[1].order_id).created_ms
        # All three within one second, which is the finest that Gate can be asked for.
        assert {venue.ledger.order(order.order_id).created_ms // 1_000 for order in made} == {start_ms // 1_000}
        orders = await exchange.get_order_history(BTC_USDT, start_ms=start_ms, end_ms=end_ms)
        trades = await exchange.get_trades(BTC_USDT, start_ms=start_ms, end_ms=end_ms)
        assert [order.order_id for order in orders] == [made[1].order_id]
        assert [trade.order_id for trade in trades] == [made[1].order_id]
        assert len(await exchange.get_trades(BTC_USDT, start_ms=start_ms)) == 2


async def test_an_order_that_ends_between_the_two_lists_is_told_once_and_in_its_last_state() -> None:
    async with gate() as (venue, exchange):
        order = await exchange.place_order(resting())
        venue.engine.before_next("order_history", lambda: venue.engine.trade_against(order.order_id, Decimal("0.001")))
        (found,) = await exchange.get_order_history(BTC_USDT)
        assert (found.order_id, found.status, found.filled_quantity) == (
            order.order_id, OrderStatus.FILLED, Decimal("0.001"),
        )  # fmt: skip


async def test_orders_of_many_pages_are_complete() -> None:
    async with gate() as (venue, _):
        expected = []
        for number in range(1_300):
            expected.append(book_at_once(venue, price=20_000))
            # More than a page within half a minute.
            venue.clock.advance(20 if number < 1_200 else 60_000)
        async with connect(venue, clock=ManualClock()) as exchange:
            venue.requests.clear()
            orders = await exchange.get_order_history(BTC_USDT)
        assert [order.order_id for order in orders] == expected
        assert venue.requests.count("GET", ORDERS_PATH) > 3


async def test_fills_of_many_pages_are_complete() -> None:
    async with gate() as (venue, _):
        for _ in range(1_100):
            book_at_once(venue, price=70_000)
            venue.clock.advance(20)
        async with connect(venue, clock=ManualClock()) as exchange:
            trades = await exchange.get_trades(BTC_USDT)
            venue.requests.clear()
            one = trades[500].order_id
            assert await exchange.get_trades(BTC_USDT, order_id=one) == [trades[500]]
            (request,) = venue.requests
            assert parameters(request.query)["order_id"] == one
        assert len(trades) == len({trade.trade_id for trade in trades}) == 1_100
        assert [trade.time_ms for trade in trades] == sorted(trade.time_ms or 0 for trade in trades)


async def test_more_fills_in_a_second_than_a_page_holds_are_no_silent_loss() -> None:
    async with gate() as (venue, _):
        venue.clock.freeze()
        venue.clock.advance(1_000 - venue.clock.now_ms() % 1_000)
        second_ms = venue.clock.now_ms()
        for _ in range(1_001):
            last = book_at_once(venue, price=70_000)
        venue.clock.advance(5_000)
        async with connect(venue, clock=ManualClock()) as exchange:
            with pytest.raises(HistoryIncomplete, match="order id") as missing:
                await exchange.get_trades(BTC_USDT)
            assert missing.value.start_ms <= second_ms <= missing.value.end_ms
            assert [trade.order_id for trade in await exchange.get_trades(BTC_USDT, order_id=last)] == [last]


async def test_fills_reach_back_thirty_days_and_no_further() -> None:
    clock = ManualClock()
    async with gate({"clock": clock}) as (venue, exchange):
        venue.clock.freeze()
        order = await exchange.place_order(market_buy())
        pass_time(venue, clock, 20 * 86_400)
        # Without bounds Gate itself looks back seven days only.
        assert {trade.order_id for trade in await exchange.get_trades(BTC_USDT)} == {order.order_id}
        assert [each.order_id for each in await exchange.get_order_history(BTC_USDT)] == [order.order_id]
        now_ms = venue.clock.now_ms()
        for request in venue.requests.find("GET", TRADES_PATH):
            query = parameters(request.query)
            assert 0 < int(query["to"]) - int(query["from"]) <= 30 * 86_400
        venue.requests.clear()
        for ask in (exchange.get_trades, exchange.get_order_history):
            with pytest.raises(HistoryIncomplete, match="nothing older than 30 days"):
                await ask(BTC_USDT, start_ms=now_ms - 31 * DAY_MS)
            with pytest.raises(UsageError, match="lies before start_ms"):
                await ask(BTC_USDT, start_ms=now_ms, end_ms=now_ms - 5_000)
        assert venue.requests.total == 0


async def test_what_a_fill_tells() -> None:
    async with gate() as (venue, exchange):
        bought = await exchange.place_order(market_buy())
        sold = await exchange.place_order(OrderParams(BTC_USDT, Side.SELL, OrderType.MARKET, quantity=Decimal("0.01")))
        made = await exchange.place_order(resting())
        venue.engine.trade_against(made.order_id, Decimal("0.001"))

        by_order = {trade.order_id: trade for trade in await exchange.get_trades(BTC_USDT)}

        for order, side, is_maker, fee_asset in (
            (bought, Side.BUY, False, "BTC"), (sold, Side.SELL, False, "USDT"), (made, Side.BUY, True, "BTC"),
        ):  # fmt: skip
            (fill,) = venue.ledger.fills(order.order_id)
            trade = by_order[order.order_id]
            assert (trade.exchange, trade.symbol, trade.side, trade.is_maker) == ("gateio", BTC_USDT, side, is_maker)
            assert trade.client_order_id == order.client_order_id
            assert trade.trade_id == str(fill.trade_id)
            assert (trade.price, trade.quantity, trade.quote_quantity) == (
                fill.price, fill.quantity, fill.quote_quantity,
            )  # fmt: skip
            assert (trade.fee, trade.fee_asset, trade.time_ms) == (fill.fee, fee_asset, fill.time_ms)
        assert await exchange.get_trades(ETH_USDT) == []
