"""Histories: complete, each row once, oldest first, or an error that names the missing part."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from spotlane.errors import HistoryIncomplete
from spotlane.sandbox.accounts import TRADER
from spotlane.sandbox.records import OrderRecord
from spotlane.structs import OrderStatus, Side
from spotlane.testing.case import case
from spotlane.testing.context import Context
from spotlane.testing.expect import equal, raises, that

_DAY_MS = 86_400_000
_APART_MS = 5_000


async def _seed(context: Context, count: int = 1, **changes: Any) -> list[OrderRecord]:
    """Place orders, each some seconds after the last one, and return them as the sandbox's books have them."""
    seeded = []
    for _ in range(count):
        context.venue.clock.advance(_APART_MS)
        async with context.connected() as client:
            seeded.append(context.booked(await client.place_order(context.resting(**changes))))
    return seeded


@case("C130")
async def trades_are_complete(context: Context) -> None:
    """Every fill is told once, oldest first, with its exact price, size, fee and role."""
    engine = context.venue.engine
    (maker,) = await _seed(context)
    for size in ("0.0002", "0.0003", "0.0005"):
        context.venue.clock.advance(_APART_MS)
        engine.trade_against(maker.order_id, Decimal(size))
    await _seed(context, price=Decimal(70_000))
    await _seed(context, side=Side.SELL, price=Decimal(50_000))
    booked = [fill for order in context.venue.ledger.orders() for fill in order.fills]
    async with context.connected() as client:
        trades = await client.get_trades(context.symbol)
    equal("the number of trades", len(trades), len(booked))
    equal("the number of trade ids", len({trade.trade_id for trade in trades}), len(booked))
    step_ms = context.spec.histories["trades"].resolution_ms
    for trade, fill in zip(trades, booked, strict=True):
        equal("order_id, side", (trade.order_id, trade.side), (fill.order_id, fill.side))
        equal("price, quantity", (trade.price, trade.quantity), (fill.price, fill.quantity))
        that(trade.quote_quantity in (None, fill.quote_quantity), "the quote quantity is exact where it is told")
        equal("fee", trade.fee, fill.fee)
        equal("fee_asset", trade.fee_asset if fill.fee else fill.fee_asset, fill.fee_asset)
        equal("is_maker", trade.is_maker, fill.is_maker)
        equal("time_ms on the exchange's grid", (trade.time_ms or 0) // step_ms, fill.time_ms // step_ms)


@case("C131")
async def trades_of_one_order(context: Context) -> None:
    """The trades of one order are those of that order, all of them; an order without fills has none."""
    orders = await _seed(context, 3)
    for order in orders[:2]:
        for size in ("0.0004", "0.0006"):
            context.venue.engine.trade_against(order.order_id, Decimal(size))
    async with context.connected() as client:
        for order, count in zip(orders, (2, 2, 0), strict=True):
            trades = await client.get_trades(context.symbol, order_id=order.order_id)
            equal("trades", [trade.order_id for trade in trades], [order.order_id] * count)


@case("C132")
async def trades_are_never_cached(context: Context) -> None:
    """A fill between two calls is in the second."""
    (order,) = await _seed(context)
    async with context.connected() as client:
        for count in range(3):
            equal("trades", len(await client.get_trades(context.symbol)), count)
            context.venue.engine.trade_against(order.order_id, Decimal("0.0001"))


@case("C133")
async def order_history_holds_every_state(context: Context) -> None:
    """Order history holds filled, cancelled, partly filled and open orders, oldest first, in their present states."""
    engine = context.venue.engine
    orders = await _seed(context, 5)
    engine.trade_against(orders[0].order_id, context.quantity)
    engine.cancel(TRADER, orders[1].symbol, orders[1].order_id)
    for order in orders[2:4]:
        engine.trade_against(order.order_id, Decimal("0.0004"))
    engine.cancel(TRADER, orders[2].symbol, orders[2].order_id)
    async with context.connected() as client:
        history = await client.get_order_history(context.symbol)
    equal("orders", [order.order_id for order in history], [order.order_id for order in orders])
    status = OrderStatus
    equal(
        "statuses",
        [order.status for order in history],
        [status.FILLED, status.CANCELED, status.PARTIALLY_CANCELED, status.PARTIALLY_FILLED, status.NEW],
    )
    for told, booked in zip(history, orders, strict=True):
        equal("filled_quantity", told.filled_quantity, booked.filled_quantity)


@case("C134")
async def histories_keep_to_their_bounds(context: Context) -> None:
    """start_ms and end_ms bound a history: what was created between them, and nothing else."""
    orders = await _seed(context, 5)
    for order in orders:
        context.venue.engine.cancel(TRADER, order.symbol, order.order_id)
    start_ms, end_ms = orders[1].created_ms - 2_000, orders[3].created_ms + 2_000
    async with context.connected() as client:
        history = await client.get_order_history(context.symbol, start_ms=start_ms, end_ms=end_ms)
        equal("orders", [order.order_id for order in history], [order.order_id for order in orders[1:4]])
        equal("trades", await client.get_trades(context.symbol, start_ms=start_ms, end_ms=end_ms), [])


@case("C135")
async def order_history_of_many_pages(context: Context) -> None:
    """More orders than the exchange gives at once are all told, each once."""
    engine = context.venue.engine
    engine.clear_liquidity(context.symbol)
    (order,) = await _seed(context)
    wanted = {order.order_id}
    # Straight into the books: copies of an order that came over the wire, with other client ids.
    maker = context.client()
    for _ in range(context.spec.histories["orders"].page_rows + 5):
        engine.cancel(TRADER, order.symbol, order.order_id)
        context.venue.clock.advance(_APART_MS)
        order = engine.place(replace(order.request, client_order_id=maker.new_client_order_id()))
        wanted.add(order.order_id)
    async with context.connected(timeout_s=20.0) as client:
        history = await client.get_order_history(context.symbol)
    equal("the number of orders", len(history), len(wanted))
    equal("the orders", {each.order_id for each in history}, wanted)


@case("C136")
async def trades_of_many_pages(context: Context) -> None:
    """More trades than the exchange gives at once are all told, each once."""
    engine = context.venue.engine
    engine.clear_liquidity(context.symbol)
    count = context.spec.histories["trades"].page_rows + 5
    (order,) = await _seed(context, quantity=count * Decimal("0.0001"))
    for _ in range(count):
        context.venue.clock.advance(_APART_MS)
        engine.trade_against(order.order_id, Decimal("0.0001"))
    async with context.connected(timeout_s=20.0) as client:
        trades = await client.get_trades(context.symbol)
    equal("the number of trades", len(trades), count)
    equal("the number of trade ids", len({trade.trade_id for trade in trades}), count)


@case("C137")
async def history_beyond_reach(context: Context) -> None:
    """A history that reaches back further than the exchange's is HistoryIncomplete, naming the part, and not sent."""
    async with context.connected() as client:
        for name, call in (("orders", client.get_order_history), ("trades", client.get_trades)):
            start_ms = context.venue.clock.now_ms() - context.spec.histories[name].reach_ms - _DAY_MS
            with raises(f"{name} beyond reach", HistoryIncomplete) as refusal:
                await call(context.symbol, start_ms=start_ms)
            equal("the error's start_ms", refusal.error.start_ms, start_ms)
            that(refusal.error.end_ms > start_ms, "the error names the part that is missing")
        context.nothing_sent()
