"""Orders on Gate whose reply was lost: what became of them, and what is told about it."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import traceback
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal

import pytest
from doubt_rig import Reports, doubt, doubtful, expect_absent, found
from gateio_rig import (
    BTC_USDT,
    OPEN_PATH,
    ORDERS_PATH,
    connect,
    fault,
    gate,
    market_buy,
    resting,
)

from spotlane import Credentials, OrderStatus, OutcomeUnknown
from spotlane.errors import (
    AuthenticationError,
    SpotlaneError,
    TransportError,
)
from spotlane.exchanges.gateio import GateioPrivateRest
from spotlane.sandbox import Fault, ReplaceReply, Sandbox
from spotlane.structs import OutcomeState

SIGNATURE = re.compile(r"[0-9a-fA-F]{128}")


def hide_by_text(venue: Sandbox, text: str) -> None:
    """Let Gate's look-up by client id fail, as it may for an order that exists."""
    hidden = fault("CLIENT_ID_NOT_FOUND", "GET", f"{ORDERS_PATH}/{text}", status=404)
    venue.faults.add(Fault(hidden.action, "GET", f"{ORDERS_PATH}/{text}", times=None))


def fill_and_cancel(venue: Sandbox, text: str) -> None:
    """Let an order be filled in part and be cancelled then."""
    (booked,) = venue.ledger.orders(text)
    venue.engine.trade_against(booked.order_id, Decimal("0.0004"))
    venue.engine.cancel("trader", "BTC/USDT", booked.order_id)


AFTER = ("reset-after-execution", "cut-body", "html-200", "gateway-error-executed")
BEFORE = ("reset-before-read", "gateway-error-refused")


@pytest.mark.parametrize("point", AFTER)
@pytest.mark.parametrize("found_in", ["text", "open", "finished", "filled"])
async def test_an_order_whose_reply_was_lost_is_found(point: str, found_in: str) -> None:
    async with gate() as (venue, exchange):
        await exchange.place_order(resting())
        venue.faults.add(Fault.named(point, "POST", ORDERS_PATH))
        text = exchange.new_client_order_id()
        params = market_buy() if found_in == "filled" else resting()
        if found_in == "open":
            hide_by_text(venue, text)
        elif found_in == "finished":
            venue.engine.before_next("order", lambda: fill_and_cancel(venue, text))

        order = await exchange.place_order(params.replace(client_order_id=text))

        (booked,) = venue.ledger.orders(text)
        assert (order.order_id, order.client_order_id) == (booked.order_id, text)
        assert order.status is booked.status
        assert order.filled_quantity == booked.filled_quantity
        assert bool(order.filled_quantity) is (found_in in ("finished", "filled"))
        assert exchange.unresolved() == ()
        assert venue.requests.count("POST", ORDERS_PATH) == 2
        assert len(venue.ledger.orders()) == 2


@pytest.mark.parametrize("point", BEFORE)
async def test_an_order_that_never_arrived_is_in_doubt_until_it_is_proven_absent(point: str) -> None:
    reports = Reports()
    async with gate(doubtful(GateioPrivateRest.spec, reports)) as (venue, exchange):
        venue.faults.add(Fault.named(point, "POST", ORDERS_PATH))
        # That no list shows it is no proof: the lists may lag.
        unknown = await doubt(exchange, resting())
        await expect_absent(exchange, unknown)
        assert reports.of(unknown.client_order_id).states == [OutcomeState.PROVEN_ABSENT]
        assert venue.ledger.orders() == []
        assert venue.requests.count("POST") == 1


@pytest.mark.parametrize("is_hidden", [False, True])
@pytest.mark.parametrize("disturbance", ["gateway-error-refused", "html-200", "TOO_MANY_REQUESTS", "INVALID_KEY"])
async def test_a_look_up_that_fails_is_no_answer(disturbance: str, is_hidden: bool) -> None:
    reports = Reports()
    async with gate(doubtful(GateioPrivateRest.spec, reports)) as (venue, exchange):
        text = exchange.new_client_order_id()
        statuses = {"TOO_MANY_REQUESTS": 429, "INVALID_KEY": 401}
        action = (
            fault(disturbance, status=statuses[disturbance]).action
            if disturbance in statuses
            else Fault.named(disturbance).action
        )
        venue.faults.add(Fault.named("reset-after-execution", "POST", ORDERS_PATH))
        if is_hidden:
            hide_by_text(venue, text)
        venue.faults.add(Fault(action, "GET", ORDERS_PATH if is_hidden else f"{ORDERS_PATH}/{text}", times=None))
        venue.faults.add(Fault(action, "GET", OPEN_PATH, times=None))
        unknown = await doubt(exchange, resting(client_order_id=text))
        # By now every time has passed that an order may take to show.
        with pytest.raises(OutcomeUnknown):
            await unknown.resolve()
        assert reports == []
        venue.faults.clear()
        assert (await found(unknown)).status is OrderStatus.NEW
        assert reports.of(text).states == [OutcomeState.ADOPTED]


async def test_a_cancel_whose_reply_was_lost_is_looked_into() -> None:
    async with gate() as (venue, exchange):
        for point in AFTER:
            order = await exchange.place_order(resting())
            venue.requests.clear()
            venue.faults.add(Fault.named(point, "DELETE", f"{ORDERS_PATH}/{order.order_id}"))
            cancelled = await exchange.cancel_order(BTC_USDT, order.order_id)
            assert (cancelled.order_id, cancelled.status) == (order.order_id, OrderStatus.CANCELED)
            # The second is told that there is no such order: the order itself is read then.
            assert venue.requests.count("DELETE") == (1 if point == "html-200" else 2)


def frames(error: BaseException) -> Iterator[str]:
    """Give the texts of an error and of all behind it, and the local variables of the client's own frames."""
    waiting: list[traceback.TracebackException | None] = [
        traceback.TracebackException.from_exception(error, capture_locals=True)
    ]
    while waiting:
        told = waiting.pop()
        if told is None:
            continue
        waiting += [told.__cause__, told.__context__]
        yield "".join(told.format_exception_only())
        for frame in told.stack:
            if "/spotlane/" in frame.filename and "/sandbox/" not in frame.filename:
                yield f"{frame.name} {frame.locals}"


async def test_no_error_and_no_log_line_gives_a_secret_away(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    failures: list[SpotlaneError] = []
    secrets: set[str] = set()

    async def attempt(call: Callable[[], Awaitable[object]]) -> None:
        try:
            await call()
        except SpotlaneError as error:
            failures.append(error)

    async def suffer(point: str) -> None:
        value = 70_000 if point == "clock-jump" else None
        async with gate({"timeout_s": 0.3}) as (venue, exchange):
            order = await exchange.place_order(resting())
            for call, method in (
                (lambda: exchange.place_order(resting()), "POST"),
                (exchange.get_account_balance, "GET"),
                (lambda: exchange.cancel_order(BTC_USDT, order.order_id, confirm=False), "DELETE"),
            ):
                venue.faults.clear()
                # One that is over soon is outlived by whatever may be repeated.
                venue.faults.add(Fault.named(point, method, value=value, times=1 if value else None))
                await attempt(call)
            venue.faults.clear()
            # Some of the orders were never executed: what is told of them at the end counts, too.
            await attempt(exchange.close)
            secrets.update((venue.api_secret, venue.api_secret[::-1]))

    points = (*AFTER, *BEFORE, "silent-after-execution", "rate-limited", "clock-jump", "oversize")
    await asyncio.gather(*(suffer(point) for point in points))
    async with gate({"timeout_s": 0.3}) as (venue, exchange):
        # A gateway that quotes what it was sent.
        quoting = f"headers were SIGN: {'ab' * 64}".encode()
        venue.faults.add(Fault(ReplaceReply(403, json.dumps({"label": "X", "message": quoting.decode()}).encode())))
        await attempt(exchange.get_account_balance)
        stranger = Credentials(venue.api_key, venue.api_secret[::-1])
        secrets.update((venue.api_secret, venue.api_secret[::-1]))
        async with connect(venue, stranger) as other:
            await attempt(other.get_account_balance)
            await attempt(lambda: other.place_order(resting()))

    kinds = {type(failure) for failure in failures}
    assert {OutcomeUnknown, AuthenticationError} <= kinds
    assert any(issubclass(kind, TransportError) for kind in kinds)
    assert len(failures) > 20
    texts = [text for failure in failures for text in frames(failure)]
    texts += [record.getMessage() for record in caplog.records]
    for text in texts:
        assert not any(secret in text for secret in secrets)
        assert not SIGNATURE.search(text), text
