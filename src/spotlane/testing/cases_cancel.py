"""Cancelling: the order's true final state, whatever happens on the way."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from spotlane.errors import OrderNotFound, UsageError
from spotlane.structs import OrderStatus
from spotlane.testing.case import case
from spotlane.testing.context import Context
from spotlane.testing.expect import equal, raises, that


@case("C50", live=True)
async def cancel_by_id(context: Context) -> None:
    """A cancel by id returns the order in its final state."""
    async with context.connected() as client:
        order = await client.place_order(context.resting())
        cancelled = await client.cancel_order(context.symbol, order.order_id)
        equal("order_id", cancelled.order_id, order.order_id)
        equal("status", cancelled.status, OrderStatus.CANCELED)
        equal("filled_quantity", cancelled.filled_quantity, 0)
        read = await client.get_order(context.symbol, order.order_id)
        equal("status as read", read.status, OrderStatus.CANCELED)


@case("C51", live=True)
async def cancel_by_client_id(context: Context) -> None:
    """A cancel by client id returns the order in its final state."""
    async with context.connected() as client:
        order = await client.place_order(context.resting())
        cancelled = await client.cancel_order(context.symbol, client_order_id=order.client_order_id)
        equal("order_id", cancelled.order_id, order.order_id)
        equal("status", cancelled.status, OrderStatus.CANCELED)


@case("C52")
async def cancel_frees_the_money(context: Context) -> None:
    """A cancel frees what the order had locked, and the balances say so."""
    async with context.connected() as client:
        before = await client.get_account_balance()
        order = await client.place_order(context.resting())
        locked = await client.get_account_balance()
        that(locked["USDT"].locked > 0, "the open order locks money")
        await client.cancel_order(context.symbol, order.order_id)
        equal("balances after the cancel", (await client.get_account_balance())["USDT"], before["USDT"])


@case("C53")
async def cancel_of_a_partly_filled_order(context: Context) -> None:
    """A cancel of a partly filled order tells the filled part."""
    async with context.connected() as client:
        order = await client.place_order(context.resting())
        context.venue.engine.trade_against(order.order_id, Decimal("0.0003"))
        cancelled = await client.cancel_order(context.symbol, order.order_id)
        equal("status", cancelled.status, OrderStatus.PARTIALLY_CANCELED)
        equal("filled_quantity", cancelled.filled_quantity, Decimal("0.0003"))
        equal("filled_quote_quantity", cancelled.filled_quote_quantity, Decimal(6))


async def _race(
    context: Context, quantity: Decimal, *, by_client_id: bool = False
) -> tuple[OrderStatus, Decimal | None]:
    """Cancel an order of which a quantity is filled just before the cancel takes effect."""
    engine = context.venue.engine
    async with context.connected() as client:
        order = await client.place_order(context.resting())
        engine.before_next("cancel", lambda: engine.trade_against(order.order_id, quantity))
        if by_client_id:
            cancelled = await client.cancel_order(context.symbol, client_order_id=order.client_order_id)
        else:
            cancelled = await client.cancel_order(context.symbol, order.order_id)
        equal("order_id", cancelled.order_id, order.order_id)
        return cancelled.status, cancelled.filled_quantity


@case("C54")
async def filled_just_before_the_cancel(context: Context) -> None:
    """An order that is filled just before its cancel is returned as filled."""
    found = await _race(context, context.quantity)
    equal("status and filled_quantity", found, (OrderStatus.FILLED, context.quantity))


@case("C55")
async def partly_filled_just_before_the_cancel(context: Context) -> None:
    """A fill that comes just before the cancel is in its result, although the acknowledgement may not know of it."""
    found = await _race(context, Decimal("0.0004"))
    equal("status and filled_quantity", found, (OrderStatus.PARTIALLY_CANCELED, Decimal("0.0004")))


@case("C56")
async def filled_just_before_the_cancel_by_client_id(context: Context) -> None:
    """The same race, the cancel being by client id."""
    found = await _race(context, context.quantity, by_client_id=True)
    equal("status and filled_quantity", found, (OrderStatus.FILLED, context.quantity))


async def _cancel_done(context: Context, finish: Callable[[str], object]) -> OrderStatus:
    async with context.connected() as client:
        order = await client.place_order(context.resting())
        finish(order.order_id)
        done = await client.cancel_order(context.symbol, order.order_id)
        equal("order_id", done.order_id, order.order_id)
        return done.status


@case("C57")
async def cancel_of_a_filled_order(context: Context) -> None:
    """A cancel of a filled order returns that order."""
    engine = context.venue.engine
    status = await _cancel_done(context, lambda order_id: engine.trade_against(order_id, context.quantity))
    equal("status", status, OrderStatus.FILLED)


@case("C58", live=True)
async def cancel_of_a_cancelled_order(context: Context) -> None:
    """A cancel of a cancelled order returns that order."""
    async with context.connected() as client:
        order = await client.place_order(context.resting())
        await client.cancel_order(context.symbol, order.order_id)
        again = await client.cancel_order(context.symbol, order.order_id)
        equal("the order", (again.order_id, again.status), (order.order_id, OrderStatus.CANCELED))


def other_id(order_id: str) -> str:
    """Return an order id of the same form that no order has: its last nine digits are other ones, far away."""
    return order_id[:-9] + "".join(
        str((int(letter) + 5) % 10) if letter.isdecimal() else letter for letter in order_id[-9:]
    )


@case("C59", live=True)
async def cancel_of_an_unknown_order(context: Context) -> None:
    """A cancel of an order that was never placed is OrderNotFound, by either id."""
    async with context.connected() as client:
        order = await client.place_order(context.resting())
        try:
            with raises("cancelling an unknown id", OrderNotFound):
                await client.cancel_order(context.symbol, other_id(order.order_id))
            with raises("cancelling an unknown client id", OrderNotFound):
                await client.cancel_order(context.symbol, client_order_id=client.new_client_order_id())
        finally:
            await context.tidy(client, order)


@case("C60")
async def cancel_without_confirmation(context: Context) -> None:
    """confirm=False returns after the acknowledgement: one request, and the order is cancelled."""
    async with context.connected() as client:
        order = await client.place_order(context.resting())
        context.venue.requests.clear()
        told = await client.cancel_order(context.symbol, order.order_id, confirm=False)
        equal("order_id", told.order_id, order.order_id)
        equal("requests", len(context.venue.requests), 1)
        equal("status in the books", context.booked(order).status, OrderStatus.CANCELED)


@case("C61")
async def exactly_one_id(context: Context) -> None:
    """An order is named by exactly one id; neither or both is refused and not sent."""
    async with context.connected() as client:
        for call in (client.cancel_order, client.get_order):
            with raises("naming no id", UsageError):
                await call(context.symbol)
            with raises("naming both ids", UsageError):
                await call(context.symbol, "1", client_order_id=client.new_client_order_id())
        context.nothing_sent()
