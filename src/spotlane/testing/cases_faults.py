"""What goes wrong between the client and the exchange: never an order too many, and never a guess."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal

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

# The longest call of a client that meets a fault, and what "in time" means at most: a loaded machine is slow.
_TIMEOUT_S = 0.4
_IN_TIME_S = 15.0


@contextmanager
def _fault(context: Context, point: str, method: str, value: float | None = None) -> Iterator[None]:
    """Let the next request of a method meet a fault, and state that it did."""
    context.venue.faults.hits.clear()
    context.venue.faults.add(Fault.named(point, method, value=value))
    yield
    equal(f"requests hit by {point}", len(context.venue.faults.hits), 1)
    context.venue.faults.clear()


async def _method_of(context: Context, call: Callable[[], Awaitable[object]]) -> str:
    """Return the HTTP method of a call's last request."""
    context.venue.requests.clear()
    await call()
    return context.venue.requests[-1].method


async def _in_time(call: Awaitable[Order]) -> Order:
    async with asyncio.timeout(_IN_TIME_S):
        return await call


async def _resolve(unknown: OutcomeUnknown) -> Order | None:
    """Return the order that resolve() finds, or None where it says that there is none or that it can't tell."""
    try:
        order = await unknown.resolve()
    except (OutcomeUnknown, NotPlaced):
        return None
    that(isinstance(order, Order), "resolve() returns the order")
    found: Order = order
    return found


async def _place_under(
    context: Context, points: dict[str, float | None], *, executed: bool, client: PrivateSpotRest
) -> None:
    """State that an order whose request meets each fault is OutcomeUnknown, sent once, and resolved by the books."""
    method = await _method_of(context, lambda: client.place_order(context.resting()))
    for point, value in points.items():
        context.venue.requests.clear()
        with _fault(context, point, method, value), raises(f"placing under {point}", OutcomeUnknown) as raised:
            await _in_time(client.place_order(context.resting()))
        unknown = raised.error
        that(not unknown.safe_to_retry, "an unknown outcome is never safe to retry")
        that(unknown.client_order_id, "the error names the client id")
        equal(f"requests under {point}", context.venue.requests.count(method), 1)
        booked = context.venue.ledger.orders(unknown.client_order_id)
        equal(f"orders in the books after {point}", len(booked), int(executed))
        found = await _resolve(unknown)
        equal(
            f"the order that resolve() finds after {point}",
            found and found.order_id,
            booked[0].order_id if executed else None,
        )
        following = await client.place_order(context.resting(quantity=context.quantity * 2))
        equal("the following order", context.booked(following).order_id, following.order_id)
        equal(f"requests after {point}", context.venue.requests.count(method), 2)


@case("C100")
async def placing_lost_before_execution(context: Context) -> None:
    """An order whose request is lost is OutcomeUnknown, never executed by sending it again."""
    points = dict.fromkeys(("reset-before-read", "close-before-read", "drop-request", "reset-mid-request"))
    async with context.connected(timeout_s=_TIMEOUT_S) as client:
        await _place_under(context, points, executed=False, client=client)


@case("C101")
async def placing_lost_after_execution(context: Context) -> None:
    """An order whose reply is lost is OutcomeUnknown; there is one such order, and resolve() finds it."""
    points = dict.fromkeys(("reset-after-execution", "close-after-execution", "silent-after-execution"))
    async with context.connected(timeout_s=_TIMEOUT_S) as client:
        await _place_under(context, points, executed=True, client=client)


@case("C102")
async def placing_with_half_a_reply(context: Context) -> None:
    """Half a reply is no reply: OutcomeUnknown, one order, found by resolve()."""
    points = dict.fromkeys(
        (
            "cut-status-line", "status-line-only", "cut-headers", "cut-body", "reset-mid-body", "stall-mid-body",
            "cut-chunked",
        )
    )  # fmt: skip
    async with context.connected(timeout_s=_TIMEOUT_S) as client:
        await _place_under(context, points, executed=True, client=client)


@case("C103")
async def placing_with_html_instead(context: Context) -> None:
    """HTML instead of JSON, whatever its status, is OutcomeUnknown: a gateway's word proves nothing."""
    async with context.connected(timeout_s=_TIMEOUT_S) as client:
        await _place_under(context, {"gateway-error-executed": 503, "html-200": None}, executed=True, client=client)
        await _place_under(context, {"gateway-error-refused": 503}, executed=False, client=client)


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
    """The reply to an earlier order is not believed: OutcomeUnknown, and resolve() finds the right one."""
    async with context.connected(timeout_s=_TIMEOUT_S) as client:
        await _place_under(context, {"other-reply": None}, executed=True, client=client)


@case("C106")
async def placing_with_a_late_reply(context: Context) -> None:
    """A reply after the deadline is OutcomeUnknown; the order is found, and its reply not taken for the next one's."""
    async with context.connected(timeout_s=_TIMEOUT_S) as client:
        await _place_under(context, {"delay-reply": 2 * _TIMEOUT_S}, executed=True, client=client)


@case("C107")
async def request_delivered_late(context: Context) -> None:
    """A request that arrives after its window is refused by the exchange: the client's stamp sees to that."""
    horizon_s = context.spec.horizons.validity_ms / 1_000
    async with context.connected(timeout_s=_TIMEOUT_S) as client:
        method = await _method_of(context, lambda: client.place_order(context.resting()))
        with (
            _fault(context, "deliver-late-reset", method, min(horizon_s, _TIMEOUT_S) + 0.1),
            raises("placing an order that is held up", OutcomeUnknown) as raised,
        ):
            await client.place_order(context.resting())
        await until(context.venue.ledger.refused)
        equal("orders in the books", context.venue.ledger.orders(raised.error.client_order_id), [])
        equal("what resolve() finds", await _resolve(raised.error), None)


@case("C108")
async def reading_under_faults(context: Context) -> None:
    """A read that fails says so in time, with its own error, is sent once, and the next one works."""
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
    async with context.connected(timeout_s=_TIMEOUT_S) as client:
        for point, wanted in kinds.items():
            context.venue.requests.clear()
            value = 20 if point == "oversize" else None
            with _fault(context, point, "GET", value), raises(f"reading under {point}", *wanted):
                async with asyncio.timeout(_IN_TIME_S):
                    await client.get_account_balance()
            equal(f"requests under {point}", len(context.venue.requests), 1)
            equal("the balance read next", (await client.get_account_balance())["USDT"].available, 100_000)


@case("C109")
async def cancelling_under_faults(context: Context) -> None:
    """A cancel under a fault returns the final state or is OutcomeUnknown; it is sent once, and resolve() goes on."""
    points = (
        "reset-before-read", "drop-request", "reset-after-execution", "silent-after-execution", "cut-status-line",
        "cut-body", "html-200", "gateway-error-executed", "gateway-error-refused", "duplicate-reply", "split",
    )  # fmt: skip
    async with context.connected(timeout_s=_TIMEOUT_S) as client:
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
            equal(f"cancels sent under {point}", context.venue.requests.count(method), 1)
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
    async with context.connected(timeout_s=_TIMEOUT_S) as client:
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
            found = await _resolve(placing.error)
            that(found is None or found.price == 19_000, "resolve() finds that order or none")


@case("C112")
async def untrusted_connections_are_closed(context: Context) -> None:
    """A connection on which a call failed is not used again."""
    points = ("silent-after-execution", "cut-body", "stall-mid-body", "duplicate-reply", "drip")
    async with context.connected(timeout_s=_TIMEOUT_S) as client:
        for point in points:
            with _fault(context, point, "GET"):
                with suppress(ReadFailed):
                    await client.get_account_balance()
                hit = context.venue.faults.hits[0].connection
            await client.get_account_balance()
            that(context.venue.requests[-1].connection != hit, f"the connection that met {point} is not used again")


@case("C113")
async def a_refused_look_up_proves_nothing(context: Context) -> None:
    """resolve() whose own look-up fails stays OutcomeUnknown, and can be called again."""
    async with context.connected(timeout_s=_TIMEOUT_S) as client:
        method = await _method_of(context, lambda: client.place_order(context.resting()))
        with _fault(context, "reset-after-execution", method), raises("placing", OutcomeUnknown) as raised:
            await client.place_order(context.resting())
        for point in ("rate-limited", "gateway-error-refused", "html-200", "reset-before-read"):
            with _fault(context, point, "GET"), raises(f"resolving under {point}", OutcomeUnknown):
                await raised.error.resolve()
        found = await raised.error.resolve()
        equal("the order found", found.order_id, context.booked(raised.error.client_order_id).order_id)


@case("C114")
async def a_refusal_is_not_a_lost_reply(context: Context) -> None:
    """What the exchange refuses is an ExchangeAPIError, not OutcomeUnknown: nothing was executed."""
    async with context.connected() as client:
        with raises("an order that the exchange refuses", ExchangeAPIError):
            await client.place_order(context.resting(quantity=Decimal(60)))
        with raises("reading an unknown order", OrderNotFound):
            await client.get_order(context.symbol, client_order_id=client.new_client_order_id())
        equal("orders in the books", context.venue.ledger.orders(), [])
