"""Orders on Gate whose reply was lost: what became of them, and what is told about it."""

from __future__ import annotations

import json
import logging
import re
import traceback
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal

import pytest
from gateio_rig import (
    BTC_USDT,
    ORDERS_PATH,
    connect,
    fault,
    gate,
    market_buy,
    resting,
)

from spotlane import Credentials, Order, OrderStatus, OutcomeUnknown
from spotlane.errors import (
    AuthenticationError,
    SpotlaneError,
    TransportError,
)
from spotlane.sandbox import Fault, ReplaceReply, Sandbox

SIGNATURE = re.compile(r"[0-9a-fA-F]{128}")


def hide_by_text(venue: Sandbox, text: str) -> None:
    """Let Gate's look-up by client id fail, as it may for an order that exists."""
    hidden = fault("CLIENT_ID_NOT_FOUND", "GET", f"{ORDERS_PATH}/{text}", status=404)
    venue.faults.add(Fault(hidden.action, "GET", f"{ORDERS_PATH}/{text}", times=None))


AFTER = ("reset-after-execution", "cut-body", "html-200", "gateway-error-executed")
BEFORE = ("reset-before-read", "gateway-error-refused")


@pytest.mark.parametrize("point", AFTER)
@pytest.mark.parametrize("found_in", ["text", "open", "finished", "filled"])
async def test_an_order_whose_reply_was_lost_is_found(point: str, found_in: str) -> None:
    async with gate() as (venue, exchange):
        await exchange.place_order(resting())
        venue.faults.add(Fault.named(point, "POST", ORDERS_PATH))
        params = market_buy() if found_in == "filled" else resting()
        with pytest.raises(OutcomeUnknown, match="don't repeat it") as unknown:
            await exchange.place_order(params)
        text = unknown.value.client_order_id
        assert text is not None
        (booked,) = venue.ledger.orders(text)
        if found_in == "open":
            hide_by_text(venue, text)
        elif found_in == "finished":
            venue.engine.trade_against(booked.order_id, Decimal("0.0004"))
            venue.engine.cancel("trader", "BTC/USDT", booked.order_id)

        found = await unknown.value.resolve()

        assert isinstance(found, Order)
        assert (found.order_id, found.client_order_id) == (booked.order_id, text)
        assert found.status is booked.status
        assert found.filled_quantity == booked.filled_quantity
        assert venue.requests.count("POST", ORDERS_PATH) == 2
        assert len(venue.ledger.orders()) == 2


@pytest.mark.parametrize("point", BEFORE)
async def test_an_order_that_never_arrived_stays_unknown(point: str) -> None:
    async with gate() as (venue, exchange):
        venue.faults.add(Fault.named(point, "POST", ORDERS_PATH))
        with pytest.raises(OutcomeUnknown) as unknown:
            await exchange.place_order(resting())
        # That no list shows it is no proof: the lists may lag.
        for _ in range(2):
            with pytest.raises(OutcomeUnknown, match="may still appear"):
                await unknown.value.resolve()
        assert venue.ledger.orders() == []
        assert venue.requests.count("POST") == 1


async def test_a_look_up_that_fails_is_no_answer() -> None:
    async with gate() as (venue, exchange):
        venue.faults.add(Fault.named("reset-after-execution", "POST", ORDERS_PATH))
        with pytest.raises(OutcomeUnknown) as unknown:
            await exchange.place_order(resting())
        text = unknown.value.client_order_id or ""
        for path in (f"{ORDERS_PATH}/{text}", ORDERS_PATH):
            for disturbance in (
                Fault.named("gateway-error-refused", "GET", path),
                Fault.named("html-200", "GET", path),
                fault("TOO_MANY_REQUESTS", "GET", path, status=429),
                fault("INVALID_KEY", "GET", path, status=401),
            ):
                venue.faults.add(disturbance)
                with pytest.raises(OutcomeUnknown):
                    await unknown.value.resolve()
                assert disturbance not in venue.faults.armed
            hide_by_text(venue, text)
        assert (await unknown.value.resolve()).status is OrderStatus.NEW


async def test_a_cancel_whose_reply_was_lost_is_looked_into() -> None:
    async with gate() as (venue, exchange):
        for point in AFTER:
            order = await exchange.place_order(resting())
            venue.requests.clear()
            venue.faults.add(Fault.named(point, "DELETE", f"{ORDERS_PATH}/{order.order_id}"))
            cancelled = await exchange.cancel_order(BTC_USDT, order.order_id)
            assert (cancelled.order_id, cancelled.status) == (order.order_id, OrderStatus.CANCELED)
            assert venue.requests.count("DELETE") == 1


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

    async def attempt(call: Callable[[], Awaitable[object]]) -> None:
        try:
            await call()
        except SpotlaneError as error:
            failures.append(error)

    async with gate({"timeout_s": 0.3}) as (venue, exchange):
        order = await exchange.place_order(resting())
        for point in (*AFTER, *BEFORE, "silent-after-execution", "rate-limited", "clock-jump", "oversize"):
            value = 70_000 if point == "clock-jump" else None
            for call, method in (
                (lambda: exchange.place_order(resting()), "POST"),
                (exchange.get_account_balance, "GET"),
                (lambda: exchange.cancel_order(BTC_USDT, order.order_id, confirm=False), "DELETE"),
            ):
                venue.faults.clear()
                venue.faults.add(Fault.named(point, method, value=value))
                await attempt(call)
        # A gateway that quotes what it was sent.
        quoting = f"headers were SIGN: {'ab' * 64}".encode()
        venue.faults.clear()
        venue.faults.add(Fault(ReplaceReply(403, json.dumps({"label": "X", "message": quoting.decode()}).encode())))
        await attempt(exchange.get_account_balance)
        stranger = Credentials(venue.api_key, venue.api_secret[::-1])
        async with connect(venue, stranger) as other:
            await attempt(other.get_account_balance)
            await attempt(lambda: other.place_order(resting()))

        kinds = {type(failure) for failure in failures}
        assert {OutcomeUnknown, AuthenticationError} <= kinds
        assert any(issubclass(kind, TransportError) for kind in kinds)
        assert len(failures) > 15
        texts = [text for failure in failures for text in frames(failure)]
        texts += [record.getMessage() for record in caplog.records]
        for text in texts:
            for secret in (venue.api_secret, venue.api_secret[::-1]):
                assert secret not in text
            assert not SIGNATURE.search(text), text
