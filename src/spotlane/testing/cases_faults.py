"""What goes wrong between the client and the exchange: never an order too many, and never a guess."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from typing import cast

from spotlane.errors import (
    DecodeError,
    ExchangeAPIError,
    ExchangeUnavailable,
    NotPlaced,
    NotSent,
    OrderNotFound,
    OutcomeUnknown,
    RateLimited,
    ReadFailed,
)
from spotlane.interfaces import PrivateSpotRest
from spotlane.sandbox import Fault
from spotlane.structs import Order, OrderStatus
from spotlane.testing.case import case
from spotlane.testing.context import Context
from spotlane.testing.expect import equal, raises, that, until

# What "in time" means at most: a loaded machine is slow.
_IN_TIME_S = 15.0
# Beyond every deadline of a hurried client, on a machine that stalls, too.
_LATE_S = 10.0


@contextmanager
def _fault(
    context: Context, point: str, method: str, value: float | None = None, times: int | None = 1
) -> Iterator[None]:
    """Let the next requests of a method meet a fault (None for all from now on), and state that they did."""
    context.venue.faults.hits.clear()
    context.venue.faults.add(Fault.named(point, method, value=value, times=times))
    yield
    hits = len(context.venue.faults.hits)
    that(hits >= 1 if times is None else hits == times, f"{times or 'some'} requests are hit by {point}, were {hits}")
    context.venue.faults.clear()


async def _method_of(context: Context, call: Callable[[], Awaitable[object]]) -> str:
    """Return the HTTP method of a call's last request."""
    context.venue.requests.clear()
    await call()
    return context.venue.requests[-1].method


async def _in_time(call: Awaitable[Order]) -> Order:
    async with asyncio.timeout(_IN_TIME_S):
        return await call


async def _settled(unknown: OutcomeUnknown) -> Order | None:
    """Wait until it is known what became of an order; return it, or None where it is proven absent."""
    async with asyncio.timeout(_IN_TIME_S):
        while True:
            try:
                found: Order = await unknown.resolve()
            except NotPlaced:
                return None
            except OutcomeUnknown:
                continue
            return found


async def _place_under(context: Context, points: dict[str, float | None]) -> None:
    """State that an order whose reply meets each fault is sent once, and that the order in the books is returned."""
    async with context.hurried() as client:
        method = await _method_of(context, lambda: client.place_order(context.resting()))
        for point, value in points.items():
            context.venue.requests.clear()
            with _fault(context, point, method, value):
                order = await _in_time(client.place_order(context.resting()))
            equal(f"requests under {point}", context.venue.requests.count(method), 1)
            equal(f"the order returned under {point}", order.order_id, context.booked(order).order_id)
            following = await client.place_order(context.resting(quantity=context.quantity * 2))
            equal("the following order", context.booked(following).order_id, following.order_id)
            equal(f"requests after {point}", context.venue.requests.count(method), 2)


async def _doubt(context: Context, client: PrivateSpotRest) -> OutcomeUnknown:
    """State that an order is in doubt at the end of its call; return the error."""
    with raises("placing an order that is lost", OutcomeUnknown) as raised:
        await _in_time(client.place_order(context.resting()))
    that(not raised.error.safe_to_retry, "an unknown outcome is never safe to retry")
    that(raised.error.client_order_id, "the error names the client id")
    return raised.error


async def _lose(context: Context, points: dict[str, float | None]) -> None:
    """State that orders that are never executed are in doubt, sent once each, and proven absent in the end."""
    async with context.hurried() as client:
        method = await _method_of(context, lambda: client.place_order(context.resting()))
        context.venue.requests.clear()
        context.venue.faults.hits.clear()
        for point, value in points.items():
            context.venue.faults.add(Fault.named(point, method, value=value))
        doubts = await asyncio.gather(*(_doubt(context, client) for _ in points))
        equal("requests hit", len(context.venue.faults.hits), len(points))
        for unknown in doubts:
            with raises("resolving an order that was never executed", NotPlaced) as absent:
                await unknown.resolve()
            that(absent.error.safe_to_retry, "an order that is proven absent may be placed again")
            equal("orders in the books", context.venue.ledger.orders(unknown.client_order_id), [])
        equal("requests", context.venue.requests.count(method), len(points))
        following = await client.place_order(context.resting())
        equal("the following order", context.booked(following).order_id, following.order_id)


@case("C100")
async def placing_lost_before_execution(context: Context) -> None:
    """An order whose request is lost is sent once: OutcomeUnknown, and NotPlaced once it is proven absent."""
    await _lose(context, dict.fromkeys(("reset-before-read", "close-before-read", "drop-request", "reset-mid-request")))


@case("C101")
async def placing_lost_after_execution(context: Context) -> None:
    """An order whose reply is lost is sent once, found at the exchange and returned."""
    await _place_under(
        context, dict.fromkeys(("reset-after-execution", "close-after-execution", "silent-after-execution"))
    )


@case("C102")
async def placing_with_half_a_reply(context: Context) -> None:
    """Half a reply is no reply: the one order is found and returned."""
    points = dict.fromkeys(
        (
            "cut-status-line", "status-line-only", "cut-headers", "cut-body", "reset-mid-body", "stall-mid-body",
            "cut-chunked",
        )
    )  # fmt: skip
    await _place_under(context, points)


@case("C103")
async def placing_with_html_instead(context: Context) -> None:
    """HTML instead of JSON proves nothing, whatever its status: the order is looked for, and returned if it exists."""
    await _place_under(context, {"gateway-error-executed": 503, "html-200": None})
    await _lose(context, {"gateway-error-refused": 503})


@case("C104")
async def placing_with_an_odd_reply(context: Context) -> None:
    """A whole reply that comes in pieces, twice or late is the order's; nothing of it is taken for the next one's."""
    points = {"split": None, "chunked": None, "duplicate-reply": None, "interim": None, "answer-late": 0.05}
    async with context.connected(timeout_s=5.0) as client:
        method = await _method_of(context, lambda: client.place_order(context.resting()))
        for point, value in points.items():
            with _fault(context, point, method, value):
                order = await client.place_order(context.resting())
            equal(f"the order placed under {point}", context.booked(order).order_id, order.order_id)
            following = await client.place_order(context.resting(quantity=context.quantity * 2))
            equal(f"the order after {point}", context.booked(following).order_id, following.order_id)


@case("C105")
async def placing_with_the_reply_to_another(context: Context) -> None:
    """The reply to an earlier order is not believed: the right one is found and returned."""
    await _place_under(context, {"other-reply": None})


@case("C106")
async def placing_with_a_late_reply(context: Context) -> None:
    """A reply that comes too late is not waited for: the order is found, and the reply not taken for the next one's."""
    await _place_under(context, {"delay-reply": _LATE_S})


@case("C107")
async def request_delivered_late(context: Context) -> None:
    """A request that arrives after its window is refused by the exchange: the client's stamp sees to that."""
    await _lose(context, {"deliver-late-reset": 1.0})
    await until(context.venue.ledger.refused)
    equal("orders in the books, but for the two after the faults", len(context.venue.ledger.orders()), 2)


@case("C108")
async def reading_under_faults(context: Context) -> None:
    """A read that meets a fault is repeated; one that fails for good says so in time, with its own error."""
    kinds: dict[str, tuple[type[Exception], ...]] = {
        "reset-before-read": (ReadFailed,),
        "drop-request": (ReadFailed,),
        "reset-after-execution": (ReadFailed,),
        "silent-after-execution": (ReadFailed,),
        "cut-status-line": (ReadFailed,),
        "cut-headers": (ReadFailed,),
        "cut-body": (ReadFailed,),
        "stall-mid-body": (ReadFailed,),
        "drip": (ReadFailed,),
        "oversize": (ReadFailed, DecodeError),
        "gzip": (ReadFailed, DecodeError),
        "html-200": (DecodeError,),
        "gateway-error-refused": (ExchangeUnavailable,),
        "rate-limited": (RateLimited,),
    }
    for point, wanted in kinds.items():
        value = 20 if point == "oversize" else None
        # Each with a client of its own: what fails again and again is no longer asked.
        async with context.hurried() as client:
            if ReadFailed in wanted or ExchangeUnavailable in wanted:
                context.venue.requests.clear()
                with _fault(context, point, "GET", value):
                    balances = await client.get_account_balance()
                equal(f"the balance read under {point}", balances["USDT"].available, 100_000)
                paths = [request.path for request in context.venue.requests]
                equal(f"requests under {point}", paths.count(paths[0]), 2)
            with _fault(context, point, "GET", value, None), raises(f"reading under {point} for good", *wanted):
                async with asyncio.timeout(_IN_TIME_S):
                    await client.get_account_balance()
            context.venue.faults.clear()
        async with context.connected() as client:
            equal("the balance read next", (await client.get_account_balance())["USDT"].available, 100_000)


@case("C109")
async def cancelling_under_faults(context: Context) -> None:
    """A cancel under a fault is repeated where its reply was lost; it returns the final state, or is OutcomeUnknown."""
    points = (
        "reset-before-read", "drop-request", "reset-after-execution", "silent-after-execution", "cut-status-line",
        "cut-body", "html-200", "gateway-error-executed", "gateway-error-refused", "duplicate-reply", "split",
    )  # fmt: skip
    async with context.hurried() as client:
        order = await client.place_order(context.resting())
        method = await _method_of(context, lambda: client.cancel_order(context.symbol, order.order_id, confirm=False))
        for point in points:
            order = await client.place_order(context.resting())
            context.venue.requests.clear()
            cancelled: Order | None = None
            with _fault(context, point, method):
                try:
                    cancelled = await _in_time(client.cancel_order(context.symbol, order.order_id))
                except OutcomeUnknown as unknown:
                    equal("the error's order id", unknown.order_id, order.order_id)
            is_answered = point in ("html-200", "duplicate-reply", "split")
            equal(f"cancels sent under {point}", context.venue.requests.count(method), 1 if is_answered else 2)
            if cancelled is not None:
                equal(f"status after a cancel under {point}", cancelled.status, OrderStatus.CANCELED)
                equal("status in the books", context.booked(order).status, OrderStatus.CANCELED)


@case("C110")
async def exchange_that_is_down(context: Context) -> None:
    """An exchange that is down is NotSent, safe to retry; when it is back, the same client works."""
    async with context.connected() as client:
        order = await client.place_order(context.resting())
        await context.venue.down()
        calls: tuple[Callable[[], Awaitable[object]], ...] = (
            lambda: client.place_order(context.resting()),
            client.get_account_balance,
            lambda: client.cancel_order(context.symbol, order.order_id),
        )
        for call in calls:
            with raises("a call while the exchange is down", NotSent) as failure:
                await call()
            that(failure.error.safe_to_retry, "no byte has left")
        await context.venue.up()
        cancelled = await client.cancel_order(context.symbol, order.order_id)
        equal("status", cancelled.status, OrderStatus.CANCELED)


@case("C111")
async def exchange_that_is_silent(context: Context) -> None:
    """An exchange that falls silent ends every call at its deadline: ReadFailed, or OutcomeUnknown for an order."""
    async with context.hurried() as client:
        order = await client.place_order(context.resting())
        context.venue.freeze()
        with raises("reading", ReadFailed):
            async with asyncio.timeout(_IN_TIME_S):
                await client.get_account_balance()
        with raises("placing", OutcomeUnknown, NotSent) as placing:
            await _in_time(client.place_order(context.resting(price=Decimal(19_000))))
        with raises("cancelling", OutcomeUnknown, NotSent):
            await _in_time(client.cancel_order(context.symbol, order.order_id))
        context.venue.thaw()
        if isinstance(placing.error, OutcomeUnknown):
            found = await _settled(placing.error)
            booked = context.venue.ledger.orders(placing.error.client_order_id)
            equal("the order found", found and found.order_id, booked[0].order_id if booked else None)


@case("C112")
async def untrusted_connections_are_closed(context: Context) -> None:
    """A connection on which a call failed is not used again."""
    points = ("silent-after-execution", "cut-body", "stall-mid-body", "duplicate-reply", "drip")
    async with context.hurried() as client:
        for point in points:
            with _fault(context, point, "GET"):
                with suppress(ReadFailed):
                    await client.get_account_balance()
                hit = context.venue.faults.hits[0].connection
            await client.get_account_balance()
            that(context.venue.requests[-1].connection != hit, f"the connection that met {point} is not used again")


@case("C113")
async def a_refused_look_up_proves_nothing(context: Context) -> None:
    """Looking an order up in vain, for however long, leaves it OutcomeUnknown; when that ends, the order is found."""
    for point in ("rate-limited", "gateway-error-refused", "html-200", "reset-before-read"):
        await _look_up_under(context, point)


async def _look_up_under(context: Context, point: str) -> None:
    async with context.hurried() as client:
        method = await _method_of(context, lambda: client.place_order(context.resting()))
        context.venue.faults.add(Fault.named("reset-after-execution", method))
        context.venue.faults.add(Fault.named(point, "GET", times=None))
        unknown = await _doubt(context, client)
        with raises(f"resolving under {point}", OutcomeUnknown):
            await unknown.resolve()
        context.venue.faults.clear()
        found = await _settled(unknown)
        equal("the order found", found and found.order_id, context.booked(unknown.client_order_id).order_id)


@case("C114")
async def a_refusal_is_not_a_lost_reply(context: Context) -> None:
    """What the exchange refuses is an ExchangeAPIError, not OutcomeUnknown: nothing was executed."""
    async with context.connected() as client:
        with raises("an order that the exchange refuses", ExchangeAPIError):
            await client.place_order(context.resting(quantity=Decimal(60)))
        with raises("reading an unknown order", OrderNotFound):
            await client.get_order(context.symbol, client_order_id=client.new_client_order_id())
        equal("orders in the books", context.venue.ledger.orders(), [])


@case("C115")
async def faults_on_some_of_several_orders(context: Context) -> None:
    """Of several orders placed with one call, those that meet a fault are found, or in doubt; the others are placed."""
    async with context.hurried(connections=5) as client:
        method = await _method_of(context, lambda: client.place_order(context.resting()))
        context.venue.requests.clear()
        context.venue.faults.hits.clear()
        context.venue.faults.add(Fault.named("reset-after-execution", method, nth=2))
        context.venue.faults.add(Fault.named("reset-before-read", method, nth=3))
        wanted = [context.resting(client_order_id=client.new_client_order_id()) for _ in range(5)]
        endings = await client.place_orders(wanted)
        equal("requests hit", len(context.venue.faults.hits), 2)
        equal("requests", context.venue.requests.count(method), len(wanted))
        equal("outcomes that are no order", sum(not isinstance(ending, Order) for ending in endings), 1)
        for ending, params in zip(endings, wanted, strict=True):
            if isinstance(ending, Order):
                equal("the order returned", ending.order_id, context.booked(params.client_order_id).order_id)
                continue
            that(isinstance(ending, OutcomeUnknown), f"the order that never arrived is in doubt, was {ending!r}")
            equal("the client id", getattr(ending, "client_order_id", None), params.client_order_id)
            equal(
                "the orders in doubt", [each.client_order_id for each in client.unresolved()], [params.client_order_id]
            )
            equal("the order in the end", await _settled(cast(OutcomeUnknown, ending)), None)
            equal("orders in the books", context.venue.ledger.orders(params.client_order_id), [])
