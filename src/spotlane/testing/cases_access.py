"""Keys, permissions, clocks, limits: each refusal is its own typed error, and none tells a secret."""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from spotlane.credentials import Credentials
from spotlane.errors import (
    AuthenticationError,
    BudgetExhausted,
    ExchangeAPIError,
    InsufficientBalance,
    IpNotAllowed,
    OrderNotFound,
    PermissionDenied,
    RateLimited,
    SpotlaneError,
    TimestampRejected,
)
from spotlane.structs import OrderStatus, Side
from spotlane.testing.case import case
from spotlane.testing.cases_cancel import other_id
from spotlane.testing.context import Context
from spotlane.testing.expect import equal, raises, that
from spotlane.testing.relay import Relay

if TYPE_CHECKING:
    from spotlane.sandbox.keys import ApiKey

_DAY_MS = 86_400_000
_SIGNATURE = re.compile(r"[0-9a-fA-F]{64}")


async def _locked_out(context: Context, credentials: Credentials, kind: type[ExchangeAPIError]) -> None:
    """State that a key may do nothing, and that the exchange executed nothing."""
    async with context.connected(credentials) as client:
        calls: tuple[Callable[[], Awaitable[object]], ...] = (
            lambda: client.place_order(context.resting()),
            client.get_account_balance,
            lambda: client.cancel_order(context.symbol, "1"),
            lambda: client.get_open_orders(context.symbol),
        )
        for call in calls:
            with raises("a call with this key", kind) as refusal:
                await call()
            error = refusal.error
            equal("the error's exchange", error.exchange, context.exchange)
            that(error.code is not None or error.http_status >= 400, "the error has the exchange's code or status")
            that(not error.safe_to_retry, "the same call would fail again")
    equal("orders at the exchange", context.venue.ledger.orders(), [])


def _credentials(key: ApiKey) -> Credentials:
    return Credentials(key.api_key, key.api_secret)


@case("C80")
async def wrong_key(context: Context) -> None:
    """A key that does not exist is an AuthenticationError, on every call."""
    key = context.venue.api_key
    unknown = key[:-4] + key[-4:].swapcase() if key[-4:].swapcase() != key[-4:] else key[:-1] + "0"
    await _locked_out(context, Credentials(unknown, context.venue.api_secret), AuthenticationError)


@case("C81")
async def wrong_secret(context: Context) -> None:
    """A signature made with another secret is refused as AuthenticationError: the exchange checks it, so it is sent."""
    await _locked_out(context, Credentials(context.venue.api_key, context.venue.api_secret[::-1]), AuthenticationError)


@case("C82")
async def expired_key(context: Context) -> None:
    """An expired key is an AuthenticationError."""
    expired = context.venue.dialect.add_key(expires_ms=context.venue.clock.now_ms() - 1)
    await _locked_out(context, _credentials(expired), AuthenticationError)


@case("C83")
async def address_not_allowed(context: Context) -> None:
    """A key that is bound to another address is IpNotAllowed."""
    bound = context.venue.dialect.add_key(ip_allow_list=["203.0.113.7"])
    await _locked_out(context, _credentials(bound), IpNotAllowed)


@case("C84")
async def missing_permission(context: Context) -> None:
    """A key that may only read is PermissionDenied when it places or cancels, and reads all the same."""
    dialect = context.venue.dialect
    reader = dialect.add_key(permissions=dialect.permission_words["read"])
    async with context.connected() as owner, context.connected(_credentials(reader)) as client:
        order = await owner.place_order(context.resting())
        with raises("placing", PermissionDenied):
            await client.place_order(context.resting())
        with raises("cancelling", PermissionDenied):
            await client.cancel_order(context.symbol, order.order_id)
        equal("the order read", (await client.get_order(context.symbol, order.order_id)).status, OrderStatus.NEW)
        that((await client.get_account_balance())["USDT"].total == 100_000, "balances are read")
    equal("orders at the exchange", len(context.venue.ledger.orders()), 1)


@case("C85")
async def altered_on_its_way(context: Context) -> None:
    """A request of which one digit is altered on its way is refused: what is signed is what is sent, all of it."""
    async with Relay(context.url) as relay, context.connected(base_url=relay.url) as client:
        order = await client.place_order(context.resting())
        equal("the price of an unaltered order", context.booked(order).price, context.price)
        relay.replace(b"20000", b"20001")
        with raises("placing an order that is altered on its way", AuthenticationError):
            await client.place_order(context.resting())
        equal("alterations", relay.replaced, 1)
    equal("orders at the exchange", len(context.venue.ledger.orders()), 1)


@case("C86")
async def clock_that_is_off(context: Context) -> None:
    """A machine whose clock is off trades all the same: the exchange's time is asked for when the client opens."""
    for offset_ms in (-_DAY_MS, -2_000, 2_000, _DAY_MS):
        context.venue.clock.offset_ms = offset_ms
        async with context.connected() as client:
            order = await client.place_order(context.resting())
            equal("status", (await client.cancel_order(order.symbol, order.order_id)).status, OrderStatus.CANCELED)


@case("C87")
async def clock_that_is_set_while_trading(context: Context) -> None:
    """An order with a stale timestamp is TimestampRejected and not executed; reads mend the clock, then orders pass."""
    async with context.connected() as client:
        order = await client.place_order(context.resting())
        context.venue.clock.offset_ms += _DAY_MS
        with raises("placing with a stale timestamp", TimestampRejected) as refusal:
            await client.place_order(context.resting())
        that(refusal.error.safe_to_retry, "nothing was executed, so it may be repeated")
        equal("orders at the exchange", len(context.venue.ledger.orders()), 1)
        that(await client.get_account_balance(), "a read mends the clock")
        await client.place_order(context.resting())
        equal("status", (await client.cancel_order(order.symbol, order.order_id)).status, OrderStatus.CANCELED)


@case("C88")
async def insufficient_balance(context: Context) -> None:
    """An order for more than the account holds is InsufficientBalance, and nothing is executed."""
    async with context.connected() as client:
        with raises("selling more than there is", InsufficientBalance):
            await client.place_order(context.resting(side=Side.SELL, quantity=Decimal(11), price=Decimal(70_000)))
        equal("orders at the exchange", context.venue.ledger.orders(), [])
        equal("the balance", (await client.get_account_balance())["BTC"].locked, 0)


@case("C89", live=True)
async def unknown_order(context: Context) -> None:
    """An order that was never placed is OrderNotFound, by either id."""
    async with context.connected() as client:
        order = await client.place_order(context.resting())
        try:
            with raises("reading an unknown id", OrderNotFound):
                await client.get_order(context.symbol, other_id(order.order_id))
            with raises("reading an unknown client id", OrderNotFound):
                await client.get_order(context.symbol, client_order_id=client.new_client_order_id())
        finally:
            await context.tidy(client, order)


@case("C90", settings={"rate_limits": True})
async def too_many_requests(context: Context) -> None:
    """The exchange's rate limit is RateLimited, with the time to wait, and an order that meets it is not executed."""
    placed = 0
    async with context.connected() as client:
        with raises("placing without end", RateLimited) as refusal:
            for _ in range(1_000):
                order = await client.place_order(context.resting())
                placed += 1
                await client.cancel_order(order.symbol, order.order_id, confirm=False)
        wait_s = refusal.error.retry_after_s
        that(wait_s is not None and wait_s >= 0, f"retry_after_s is known, not {wait_s}")
        that(refusal.error.safe_to_retry, "nothing was executed, so it may be repeated")
    that(placed <= len(context.venue.ledger.orders()) <= placed + 1, "the refused request was not executed")


@case("C91", settings={"rate_limits": True})
async def local_rate_budget(context: Context) -> None:
    """The local rate budget keeps a burst within the exchange's limits: it waits or says BudgetExhausted, unsent."""
    async with context.hurried(enforce_limits=True) as client:
        for step in range(15):
            try:
                await client.place_order(context.resting(price=context.price + step))
            except BudgetExhausted as exhausted:
                that(exhausted.retry_after_s > 0, "retry_after_s says when there is room")
    refused = [event.data for event in context.venue.ledger.refused()]
    equal("requests that the exchange refused", refused, [])


class _Listener(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))


@case("C92")
async def no_secret_is_told(context: Context) -> None:
    """No error, traceback, repr or log line holds a secret or a signature."""
    venue = context.venue
    listener = _Listener()
    logger = logging.getLogger("spotlane")
    level = logger.level
    logger.addHandler(listener)
    logger.setLevel(logging.DEBUG)
    wrong = Credentials(venue.api_key, venue.api_secret[::-1])
    try:
        failures = await _failures(context)
        async with context.connected(wrong) as client:
            await _attempt(failures, client.place_order(context.resting()))
            await _attempt(failures, client.get_account_balance())
            listener.texts.append(repr(client))
    finally:
        logger.removeHandler(listener)
        logger.setLevel(level)
    that(len(failures) > 20, "many calls have failed")
    texts = [*listener.texts, repr(wrong), *(text for error in failures for text in _told(error))]
    for text in texts:
        that(venue.api_secret not in text and venue.api_secret[::-1] not in text, "no text holds the secret")
        that(not _SIGNATURE.search(text), "no text holds a signature")


async def _attempt(failures: list[SpotlaneError], call: Awaitable[Any]) -> None:
    try:
        await call
    except SpotlaneError as error:
        failures.append(error)


async def _failures(context: Context) -> list[SpotlaneError]:
    failures: list[SpotlaneError] = []
    for point in ("reset-before-read", "silent-after-execution", "cut-body", "html-200", "gateway-error-refused",
                  "cut-status-line", "oversize=20", "gzip"):  # fmt: skip
        # A block that ends with an order in doubt says so.
        await _attempt(failures, _meet(context, point, failures))
    return failures


async def _meet(context: Context, point: str, failures: list[SpotlaneError]) -> None:
    async with context.hurried() as client:
        for call in (
            lambda: client.place_order(context.resting()),
            client.get_account_balance,
            lambda: client.cancel_order(context.symbol, "1"),
        ):
            # Every request meets it, those that look a lost order up too.
            context.venue.faults.add(f"{point}:*:*:*")
            await _attempt(failures, call())
            context.venue.faults.clear()


def _told(error: BaseException) -> list[str]:
    told = ["".join(traceback.format_exception(error)), repr(error), repr(error.args), repr(vars(error))]
    for behind in (error.__cause__, error.__context__):
        if behind is not None:
            told += _told(behind)
    return told
