"""Where a client may be used, and what becomes of calls that are given up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from spotlane.errors import UsageError, WrongContext
from spotlane.interfaces import PrivateSpotRest
from spotlane.sandbox import Fault
from spotlane.structs import OrderStatus, OutcomeState, Resolution, WithdrawalRequest
from spotlane.testing.case import case
from spotlane.testing.context import Context
from spotlane.testing.expect import equal, raises, that, until

_IN_TIME_S = 15.0


def _every_call(context: Context, client: PrivateSpotRest) -> dict[str, Callable[[], Awaitable[Any]]]:
    request = WithdrawalRequest("USDT", context.quantity, "address", "network")
    return {
        "get_account_balance": client.get_account_balance,
        "place_order": lambda: client.place_order(context.resting()),
        "place_orders": lambda: client.place_orders([context.resting()]),
        "cancel_order": lambda: client.cancel_order(context.symbol, "1"),
        "get_order": lambda: client.get_order(context.symbol, "1"),
        "get_open_orders": client.get_open_orders,
        "get_order_history": lambda: client.get_order_history(context.symbol),
        "get_trades": lambda: client.get_trades(context.symbol),
        "dead_man": lambda: client.dead_man(30.0),
        "withdraw": lambda: client.withdraw(request),
        "get_withdrawal_status": lambda: client.get_withdrawal_status("1"),
        "get_withdrawal_history": client.get_withdrawal_history,
    }


async def _all_refused(context: Context, client: PrivateSpotRest) -> None:
    for name, call in _every_call(context, client).items():
        with raises(f"{name}()", WrongContext):
            await call()


@case("C120")
async def only_while_open(context: Context) -> None:
    """Before open() and after close() every call is WrongContext, and nothing is sent; a client is opened once."""
    client = context.client()
    await _all_refused(context, client)
    async with client:
        with raises("opening an open client", WrongContext, UsageError):
            await client.open()
        await client.get_account_balance()
        context.venue.requests.clear()
    await _all_refused(context, client)
    context.nothing_sent()


@case("C121")
async def only_on_its_loop(context: Context) -> None:
    """On another event loop every call is WrongContext, and nothing is sent."""
    async with context.connected() as client:
        await asyncio.to_thread(asyncio.run, _all_refused(context, client))
        context.nothing_sent()
        that(await client.get_account_balance(), "on its own loop it works on")


@case("C122")
async def call_that_is_given_up(context: Context) -> None:
    """A call that its caller cancels ends at once; its connection is not used again, and no order is sent twice."""
    async with context.connected(timeout_s=30.0) as client:
        context.venue.faults.add(Fault.named("silent-after-execution"))
        own = client.new_client_order_id()
        placing = asyncio.create_task(client.place_order(context.resting(client_order_id=own)))
        await until(lambda: context.venue.ledger.orders(own))
        placing.cancel()
        async with asyncio.timeout(_IN_TIME_S):
            with raises("the call that was given up", asyncio.CancelledError):
                await placing
        hit = context.venue.faults.hits[0].connection
        order = await client.get_order(context.symbol, client_order_id=own)
        equal("the order", order.order_id, context.booked(own).order_id)
        that(context.venue.requests[-1].connection != hit, "its connection is not used again")
        equal("status", (await client.cancel_order(context.symbol, order.order_id)).status, OrderStatus.CANCELED)


@case("C123")
async def closing_waits_for_calls(context: Context) -> None:
    """close(grace_s) lets a call that is under way finish."""
    client = context.client()
    await client.open()
    context.venue.requests.clear()
    context.venue.latency_s = 0.1
    placing = asyncio.create_task(client.place_order(context.resting()))
    await until(context.venue.ledger.orders)
    await client.close(grace_s=10.0)
    order = await placing
    equal("the order", context.booked(order).order_id, order.order_id)


@case("C124")
async def secure_connections(context: Context) -> None:
    """Plain http to anything but this machine is refused: keys and orders travel encrypted."""
    with raises("a base_url with http", UsageError):
        await context.client(base_url="http://exchange.example").open()


@case("C125")
async def dead_man_switch(context: Context) -> None:
    """A dead-man switch is armed when the call returns, and taken off again without an order being touched."""
    async with context.connected() as client:
        order = await client.place_order(context.resting())
        context.venue.requests.clear()
        for seconds in (0, -1, float("nan")):
            with raises(f"a switch of {seconds} s", UsageError):
                await client.dead_man(seconds)
        context.nothing_sent()
        await client.dead_man(60)
        that(len(context.venue.requests), "arming it asks the exchange")
        await client.dead_man(None)
        context.venue.clock.advance(61_000)
        equal("what is open long after", [each.order_id for each in await client.get_open_orders()], [order.order_id])
        context.venue.requests.clear()
        await client.dead_man(None)
        context.nothing_sent()


@case("C126")
async def several_orders_that_are_given_up(context: Context) -> None:
    """Several orders whose call is cancelled: what was sent is in doubt and told, answered or not; no more is sent."""
    told: list[Resolution] = []
    async with context.hurried(connections=1, max_connections=2, on_resolved=told.append) as client:
        wanted = [context.resting(client_order_id=client.new_client_order_id()) for _ in range(4)]
        # One is answered; its connection and the other then carry two that are not, and one has none.
        context.venue.faults.add(Fault.named("silent-after-execution", "POST", nth=2, times=None))
        placing = asyncio.create_task(client.place_orders(wanted))
        await until(lambda: len(context.venue.ledger.orders()) == 3)
        placing.cancel()
        async with asyncio.timeout(_IN_TIME_S):
            with raises("the call that was given up", asyncio.CancelledError):
                await placing
        context.venue.faults.clear()
        sent = {order.client_order_id for order in context.venue.ledger.orders()}
        equal("the orders in doubt", {each.client_order_id for each in client.unresolved()}, sent)
        await until(lambda: not client.unresolved())
        equal("the orders told", {each.client_order_id for each in told}, sent)
        equal("what was told", {each.state for each in told}, {OutcomeState.ADOPTED})
        equal("the number of times", len(told), len(sent))
        equal("requests", context.venue.requests.count("POST"), len(sent))
