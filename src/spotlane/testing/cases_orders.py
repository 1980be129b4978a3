"""An order's life: placed, read, listed, filled; its ids; nothing of it cached."""

from __future__ import annotations

import asyncio
import decimal
from dataclasses import replace
from decimal import Decimal
from typing import cast

from spotlane.errors import InsufficientBalance, UsageError
from spotlane.structs import Order, OrderParams, OrderStatus, OrderType, Side
from spotlane.testing.case import case
from spotlane.testing.context import Context
from spotlane.testing.expect import equal, raises, same_type, that


def matches(order: Order, params: OrderParams) -> None:
    """State that an order is the one that was asked for."""
    for name in ("symbol", "side", "order_type", "quantity", "price"):
        equal(name, getattr(order, name), getattr(params, name))


@case("C10", live=True)
async def limit_order_rests(context: Context) -> None:
    """A limit order rests; placing returns what was asked for, with the exchange's id."""
    params = context.resting()
    async with context.connected() as client:
        order = await client.place_order(params)
        try:
            matches(order, params)
            that(order.order_id, "the order has an id")
            that(not order.is_done, "the order is not done")
        finally:
            await context.tidy(client, order)


@case("C11")
async def order_arrives_as_asked(context: Context) -> None:
    """What arrives at the exchange is what was asked for, to the last digit, whatever the caller's decimal context."""
    params = context.resting(quantity=context.in_lots(Decimal("0.00123456")), price=Decimal("20123.45"))
    async with context.connected() as client:
        with decimal.localcontext(decimal.Context(prec=3, traps=list(decimal.Context().flags))):
            order = await client.place_order(params)
            read = await client.get_order(context.symbol, order.order_id)
        booked = context.booked(order)
        arrived = (booked.side, booked.quantity, booked.price)
        equal("the booked order", arrived, (params.side, params.quantity, params.price))
        equal("its symbol", booked.symbol, str(params.symbol))
        equal("its id", booked.order_id, order.order_id)
        matches(read, params)


@case("C12", live=True)
async def order_is_read_by_its_id(context: Context) -> None:
    """An order is read by its id: state, size, nothing filled yet."""
    params = context.resting()
    async with context.connected() as client:
        order = await client.place_order(params)
        try:
            read = await client.get_order(context.symbol, order.order_id)
            matches(read, params)
            equal("status", read.status, OrderStatus.NEW)
            equal("filled_quantity", read.filled_quantity, 0)
            equal("remaining_quantity", read.remaining_quantity, params.quantity)
        finally:
            await context.tidy(client, order)


@case("C13", live=True)
async def order_is_read_by_its_client_id(context: Context) -> None:
    """An open order is read by its client id, and both ids are told."""
    async with context.connected() as client:
        order = await client.place_order(context.resting())
        try:
            read = await client.get_order(context.symbol, client_order_id=order.client_order_id)
            equal("both ids", (read.order_id, read.client_order_id), (order.order_id, order.client_order_id))
        finally:
            await context.tidy(client, order)


@case("C14", live=True)
async def open_orders_list_it(context: Context) -> None:
    """Open orders hold an order while it rests, by symbol and over all symbols, and not after its cancel."""
    async with context.connected() as client:
        order = await client.place_order(context.resting())
        try:
            for symbol in (context.symbol, None):
                listed = [each.order_id for each in await client.get_open_orders(symbol)]
                equal(f"{order.order_id} in the open orders of {symbol}", listed.count(order.order_id), 1)
        finally:
            await context.tidy(client, order)
        listed = [each.order_id for each in await client.get_open_orders(context.symbol)]
        that(order.order_id not in listed, "a cancelled order is not open")


@case("C15")
async def client_ids_are_sent(context: Context) -> None:
    """Every order carries a client id of its own, made by the client where the caller gives none."""
    async with context.connected() as client:
        orders = [await client.place_order(context.resting()) for _ in range(3)]
        ids = {order.client_order_id for order in orders}
        equal("the number of client ids", len(ids), 3)
        for order in orders:
            equal("the booked order's id", context.booked(order).order_id, order.order_id)


@case("C16")
async def own_client_id_is_used(context: Context) -> None:
    """A caller's own client id is sent as it is; using it twice is refused and not sent."""
    own = context.client().new_client_order_id()
    async with context.connected() as client:
        order = await client.place_order(context.resting(client_order_id=own))
        equal("client_order_id", order.client_order_id, own)
        equal("the booked order's id", context.booked(own).order_id, order.order_id)
        context.venue.requests.clear()
        with raises("placing with a used client id", UsageError):
            await client.place_order(context.resting(client_order_id=own))
        context.nothing_sent()


@case("C17")
async def unfit_client_id_is_refused(context: Context) -> None:
    """A client id that the exchange would not take is refused before it is sent."""
    rule = context.spec.client_ids
    longest = rule.prefix + rule.alphabet[0] * (rule.max_length - len(rule.prefix))
    async with context.connected() as client:
        for unfit in (longest + rule.alphabet[0], rule.prefix + "\u00e9", ""):
            with raises(f"client_order_id={unfit!r}", UsageError):
                await client.place_order(context.resting(client_order_id=unfit))
        context.nothing_sent()
        order = await client.place_order(context.resting(client_order_id=longest))
        equal("the longest client id", context.booked(longest).order_id, order.order_id)


@case("C18")
async def partial_fills_are_told(context: Context) -> None:
    """A partial fill is told with quantity, quote quantity, average price and remainder; then the rest of it."""
    async with context.connected() as client:
        order = await client.place_order(context.resting())
        context.venue.engine.trade_against(order.order_id, Decimal("0.0004"))
        part = await client.get_order(context.symbol, order.order_id)
        equal("status", part.status, OrderStatus.PARTIALLY_FILLED)
        equal("filled_quantity", part.filled_quantity, Decimal("0.0004"))
        equal("filled_quote_quantity", part.filled_quote_quantity, Decimal(8))
        equal("average_price", part.average_price, context.price)
        equal("remaining_quantity", part.remaining_quantity, Decimal("0.0006"))
        context.venue.engine.trade_against(order.order_id, Decimal("0.0006"))
        whole = await client.get_order(context.symbol, order.order_id)
        equal("status", whole.status, OrderStatus.FILLED)
        equal("filled_quantity", whole.filled_quantity, context.quantity)
        equal("remaining_quantity", whole.remaining_quantity, 0)


@case("C19")
async def open_orders_are_never_cached(context: Context) -> None:
    """Open orders that changed between two calls are told as they are."""
    async with context.connected() as client:
        orders = [await client.place_order(context.resting()) for _ in range(2)]
        equal("open orders", len(await client.get_open_orders(context.symbol)), 2)
        context.venue.engine.trade_against(orders[0].order_id, context.quantity)
        equal("open orders", [each.order_id for each in await client.get_open_orders()], [orders[1].order_id])
        context.venue.engine.trade_against(orders[1].order_id, Decimal("0.0001"))
        (left,) = await client.get_open_orders(context.symbol)
        equal("filled_quantity", left.filled_quantity, Decimal("0.0001"))


@case("C20")
async def concurrent_orders_stay_apart(context: Context) -> None:
    """Ten orders placed at once become ten orders, each reply with its own request."""
    wanted = [context.resting(price=context.price + step) for step in range(10)]
    async with context.connected(connections=4) as client:
        orders = await asyncio.gather(*(client.place_order(params) for params in wanted))
        equal("the number of ids", len({order.order_id for order in orders}), 10)
        for order, params in zip(orders, wanted, strict=True):
            matches(order, params)
            booked = context.booked(order)
            equal("the booked order", (booked.order_id, booked.price), (order.order_id, params.price))
        cancelled = await asyncio.gather(*(client.cancel_order(each.symbol, each.order_id) for each in orders))
        equal("cancelled", [order.order_id for order in cancelled], [order.order_id for order in orders])
        equal("orders left open", context.venue.ledger.live_orders(), [])


@case("C21")
async def lag_is_waited_out(context: Context) -> None:
    """An order that the exchange's queries do not show yet is not taken as absent once it was acknowledged."""
    context.venue.engine.set_visibility_lag(order=40, open_orders=40)
    async with context.connected() as client:
        order = await client.place_order(context.resting())
        read = await client.get_order(context.symbol, order.order_id)
        equal("the order read at once", read.order_id, order.order_id)
        cancelled = await client.cancel_order(context.symbol, order.order_id)
        equal("status after the cancel", cancelled.status, OrderStatus.CANCELED)


@case("C22")
async def unknown_symbol_in_a_reply(context: Context) -> None:
    """An order on a symbol that was listed after the client had opened is read: the rules are fetched anew."""
    engine = context.venue.engine
    async with context.connected() as early:
        engine.list_symbol(replace(context.listing, base="NEWCOIN", full_name="New Coin"))
        async with context.client() as late:
            params = OrderParams(
                context.symbol.replace(base="NEWCOIN"), Side.BUY, OrderType.LIMIT, context.quantity, context.price
            )
            order = await late.place_order(params)
        equal("the order's symbol", [each.symbol for each in await early.get_open_orders()], [order.symbol])


@case("C23")
async def several_orders_are_placed_at_once(context: Context) -> None:
    """Several orders placed with one call are orders of their own, returned in the order given; one may be refused."""
    wanted = [context.resting(price=context.price + step) for step in range(6)]
    wanted[2] = wanted[2].replace(quantity=Decimal(60))
    async with context.connected(connections=3) as client:
        endings = await client.place_orders(wanted)
        equal("the number of outcomes", len(endings), len(wanted))
        same_type("the outcome of an order for more than the account holds", endings.pop(2), InsufficientBalance)
        del wanted[2]
        for ending, params in zip(endings, wanted, strict=True):
            same_type("an outcome", ending, Order)
            matches(cast(Order, ending), params)
            booked = context.booked(cast(Order, ending))
            equal("the booked order", (booked.order_id, booked.price), (cast(Order, ending).order_id, params.price))
        equal("orders in the books", len(context.venue.ledger.orders()), len(wanted))


@case("C24")
async def an_unfit_order_keeps_all_from_being_sent(context: Context) -> None:
    """Of several orders none is sent where one is unfit or two have the same client id; the message says which."""
    async with context.connected() as client:
        own = context.resting(client_order_id=client.new_client_order_id())
        unfit = context.resting(price=context.price + Decimal("0.000000000001"))
        for orders in ([own, context.resting(), unfit], [own, context.resting(), own]):
            with raises("placing them", UsageError) as raised:
                await client.place_orders(orders)
            that("order 3 of 3" in str(raised.error), "the message says which one is unfit")
        context.nothing_sent()
        (placed,) = await client.place_orders([own])
        same_type("the outcome", placed, Order)
        equal("the booked order's id", context.booked(own.client_order_id).order_id, cast(Order, placed).order_id)
