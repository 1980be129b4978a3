"""What became of an order whose reply was lost: found, proven absent, or said to be unknown, over TCP."""

from __future__ import annotations

import asyncio
import contextlib
import pickle
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from doubt_rig import HORIZONS, Reports
from mexc_rig import BTC_USDT, ORDER_PATH, connect, resting, strike, until

from spotlane import OrderStatus, OutcomeUnknown
from spotlane.errors import InsufficientBalance, NotPlaced, NotSent, UsageError
from spotlane.exchanges.mexc import MexcPrivateRest
from spotlane.sandbox import Fault, Sandbox
from spotlane.sandbox.actions import SwapReply
from spotlane.structs import OutcomeState, Resolution
from spotlane.testing.loop_clock import LoopClock

NEVER_EXECUTED = ("reset-before-read", "drop-request", "gateway-error-refused", "close-mid-request")
EXECUTED = ("reset-after-execution", "silent-after-execution", "html-200", "cut-body", "gateway-error-executed")


@pytest.fixture
async def exchange(venue: Sandbox, told: Reports) -> AsyncIterator[MexcPrivateRest]:
    async with connect(venue, horizons=HORIZONS, on_resolved=told.append, timeout_s=1.0) as client:
        yield client


def fast(venue: Sandbox) -> dict[str, Any]:
    """Return the options of a client with short horizons, whose time and the venue's run five times as fast."""
    return {"horizons": HORIZONS, "clock": LoopClock(venue, speed=5)}


@pytest.mark.parametrize("point", EXECUTED)
async def test_an_executed_order_is_adopted_by_its_call(
    venue: Sandbox, exchange: MexcPrivateRest, told: Reports, point: str
) -> None:
    strike(venue, point)
    order = await exchange.place_order(resting())
    (booked,) = venue.ledger.orders()
    assert (order.order_id, order.client_order_id) == (booked.order_id, booked.client_order_id)
    assert order.status is OrderStatus.NEW
    assert (exchange.unresolved(), told, venue.requests.count("POST")) == ((), [], 1)
    assert (await exchange.cancel_order(BTC_USDT, order.order_id)).status is OrderStatus.CANCELED


@pytest.mark.parametrize("point", NEVER_EXECUTED)
async def test_one_that_was_not_is_proven_absent_in_the_background(venue: Sandbox, told: Reports, point: str) -> None:
    async with connect(venue, **fast(venue), on_resolved=told.append, timeout_s=0.5) as exchange:
        strike(venue, point)
        with pytest.raises(OutcomeUnknown) as unknown:
            await exchange.place_order(resting())
        (doubt,) = exchange.unresolved()
        assert (doubt.client_order_id, doubt.state) == (unknown.value.client_order_id, OutcomeState.AMBIGUOUS)
        assert (doubt.params, doubt.exchange, exchange.status().unresolved) == (resting(), "mexc", 1)
        await until(lambda: told)
        with pytest.raises(NotPlaced, match="proven absent") as absent:
            await unknown.value.resolve()
        assert absent.value.safe_to_retry
        assert told == [Resolution("mexc", BTC_USDT, doubt.client_order_id, OutcomeState.PROVEN_ABSENT)]
        assert (exchange.unresolved(), venue.ledger.orders(), venue.requests.count("POST")) == ((), [], 1)
        assert pickle.loads(pickle.dumps(unknown.value)).client_order_id == doubt.client_order_id


async def test_one_that_shows_late_is_adopted_late(venue: Sandbox, exchange: MexcPrivateRest, told: Reports) -> None:
    venue.faults.add(Fault.named("html-200", "GET", ORDER_PATH, times=None))
    strike(venue, "reset-after-execution")
    for path in ("openOrders", "allOrders", "myTrades"):
        venue.faults.add(Fault.named("gateway-error-refused", "GET", f"/api/v3/{path}", times=None))
    with pytest.raises(OutcomeUnknown) as unknown:
        await exchange.place_order(resting())
    with pytest.raises(OutcomeUnknown, match="does not tell yet"):
        await unknown.value.resolve()
    venue.faults.clear()
    await until(lambda: told)
    (booked,) = venue.ledger.orders()
    assert told.states == [OutcomeState.ADOPTED]
    assert told[0].order is not None
    assert told[0].order.order_id == booked.order_id
    assert (await unknown.value.resolve()).order_id == booked.order_id


async def test_a_filled_order_is_found_in_the_lists_alone(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    strike(venue, "reset-after-execution")
    venue.faults.add(Fault.named("rate-limited", "GET", ORDER_PATH, value=0.0, times=1))
    order = await exchange.place_order(resting(price=Decimal(61_000), time_in_force=None))
    assert order.is_done
    assert order.filled_quantity == Decimal("0.001")


async def test_a_call_cut_off_by_a_timeout_is_resolved_in_the_background(
    venue: Sandbox, exchange: MexcPrivateRest, told: Reports
) -> None:
    strike(venue, "silent-after-execution")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await exchange.place_order(resting())
    assert venue.requests.count("POST") == 1
    await until(lambda: told)
    assert told.states == [OutcomeState.ADOPTED]
    assert told[0].client_order_id == venue.ledger.orders()[0].client_order_id
    # Its connection is not used for anything else.
    assert exchange.status().transport_status.connections.aborted >= 1


@pytest.mark.parametrize("transport", ["lane", "plain"])
@pytest.mark.parametrize("point", ["", "reset-after-execution", "reset-before-read"])
async def test_a_cancellation_at_every_await(venue: Sandbox, told: Reports, transport: str, point: str) -> None:
    """After each turn of the loop that a call takes, in turn, it is cancelled."""
    async with connect(venue, **fast(venue), on_resolved=told.append, transport=transport, timeout_s=1.0) as exchange:
        turns, is_over = 0, False
        while not is_over:
            told.clear()
            venue.faults.clear()
            if point:
                strike(venue, point)
            # Now and then there is no connection in hand.
            if turns % 3 == 2:
                await venue.down()
                await venue.up()
            name = exchange.new_client_order_id()
            call = asyncio.create_task(exchange.place_order(resting(client_order_id=name)))
            for _ in range(turns):
                await asyncio.sleep(0)
            is_over = call.done() or turns > 14
            call.cancel()
            has_placed = False
            with contextlib.suppress(asyncio.CancelledError, OutcomeUnknown):
                order = await call
                assert [each.order_id for each in venue.ledger.orders(name)] == [order.order_id]
                has_placed = is_over = True
            in_doubt = {each.client_order_id for each in exchange.unresolved()}
            if call.cancelled() and name not in in_doubt:
                # No byte left, so the id can be used.
                venue.faults.clear()
                placed = await exchange.place_order(resting(client_order_id=name))
                assert placed.client_order_id == name
            else:
                await until(lambda: not exchange.unresolved())
                assert [each.client_order_id for each in told] == ([] if has_placed else [name])
                is_live = bool(venue.ledger.orders(name))
                assert told.states in ([], [OutcomeState.ADOPTED if is_live else OutcomeState.PROVEN_ABSENT])
            assert len(venue.ledger.orders(name)) <= 1
            turns += 1
        assert turns > 3


async def test_a_cancel_waits_for_the_order_that_is_being_placed(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    strike(venue, "delay-reply", value=0.2)
    name = exchange.new_client_order_id()
    placing = asyncio.create_task(exchange.place_order(resting(client_order_id=name)))
    await until(lambda: venue.requests.count("POST"))
    cancelled = await exchange.cancel_order(BTC_USDT, client_order_id=name)
    assert placing.done()
    assert (cancelled.status, cancelled.order_id) == (OrderStatus.CANCELED, (await placing).order_id)
    assert [request.method for request in venue.requests if request.path == ORDER_PATH][:2] == ["POST", "DELETE"]


async def test_a_cancel_that_can_not_wait_any_longer_is_not_sent(venue: Sandbox) -> None:
    async with connect(venue, horizons=HORIZONS, timeout_s=2.0) as exchange:
        name = exchange.new_client_order_id()
        exchange._in_flight[name] = None
        exchange._options = exchange._options._replace(timeout_s=0.05)
        with pytest.raises(NotSent, match="still being placed"):
            await exchange.cancel_order(BTC_USDT, client_order_id=name)
        assert venue.requests.count("DELETE") == 0


async def test_an_order_in_doubt_that_is_cancelled_is_cancelled_when_it_shows(venue: Sandbox) -> None:
    """It is delivered late, after the cancel was refused because there was no such order."""
    strike(venue, "deliver-late-reset", value=0.25)
    # Its window is a second and a half, so that a machine that stalls does not make the delivery come too late.
    async with connect(venue, horizons=HORIZONS, timeout_s=5.0) as exchange:
        name = exchange.new_client_order_id()
        placing = asyncio.create_task(exchange.place_order(resting(client_order_id=name)))
        await until(lambda: exchange.unresolved())
        cancelled = await exchange.cancel_order(BTC_USDT, client_order_id=name)
        (booked,) = venue.ledger.orders(name)
        assert (cancelled.order_id, cancelled.status) == (booked.order_id, OrderStatus.CANCELED)
        assert venue.ledger.order(booked.order_id).status is OrderStatus.CANCELED
        with contextlib.suppress(OutcomeUnknown):
            assert (await placing).order_id == booked.order_id


async def test_a_cancel_of_an_order_that_is_proven_absent_says_so(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    strike(venue, "reset-before-read")
    name = exchange.new_client_order_id()
    placing = asyncio.create_task(exchange.place_order(resting(client_order_id=name)))
    await until(lambda: exchange.unresolved())
    with pytest.raises((NotPlaced, OutcomeUnknown)) as refused:
        await exchange.cancel_order(BTC_USDT, client_order_id=name)
    if isinstance(refused.value, OutcomeUnknown):
        assert "will be cancelled as soon as it does" in str(refused.value)
        with pytest.raises(NotPlaced):
            await refused.value.resolve()
    with pytest.raises((NotPlaced, OutcomeUnknown)):
        await placing


async def test_closing_with_an_order_in_doubt_is_an_error(venue: Sandbox) -> None:
    exchange = connect(venue, timeout_s=0.5)
    await exchange.open()
    strike(venue, "reset-before-read")
    with pytest.raises(OutcomeUnknown):
        await exchange.place_order(resting())
    (doubt,) = exchange.unresolved()
    with pytest.raises(OutcomeUnknown, match=f"closed with 1 orders .* {doubt.client_order_id}") as rest:
        await exchange.close(grace_s=0.05)
    assert [each.client_order_id for each in rest.value.unresolved] == [doubt.client_order_id]
    assert not exchange.status().is_open
    await exchange.close()


async def test_closing_waits_for_what_can_be_resolved(venue: Sandbox) -> None:
    exchange = connect(venue, timeout_s=0.5, horizons=HORIZONS)
    await exchange.open()
    strike(venue, "reset-before-read")
    with contextlib.suppress(OutcomeUnknown):
        await exchange.place_order(resting())
    await exchange.close(grace_s=10)
    assert exchange.unresolved() == ()


async def test_the_end_of_a_block_hides_no_error(venue: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    async def use() -> None:
        async with connect(venue, timeout_s=0.1) as exchange:
            strike(venue, "reset-before-read")
            with pytest.raises(OutcomeUnknown):
                await exchange.place_order(resting())
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await use()
    assert "was closed with 1 orders" in caplog.text


async def test_an_absent_order_is_placed_again_only_when_asked_to_and_under_another_id(venue: Sandbox) -> None:
    strike(venue, "reset-before-read")
    async with connect(venue, **fast(venue), timeout_s=5.0, resubmit=True) as exchange:
        order = await exchange.place_order(resting())
    first, second = (
        request.query.partition("newClientOrderId=")[2].partition("&")[0]
        for request in venue.requests
        if request.method == "POST"
    )
    assert first != second == order.client_order_id
    # The same order, its next attempt.
    assert first[:-1] == second[:-1]
    assert len(venue.ledger.orders()) == 1


async def test_a_caller_who_did_not_ask_for_it_gets_the_proof(venue: Sandbox) -> None:
    strike(venue, "reset-before-read")
    async with connect(venue, **fast(venue), timeout_s=5.0) as exchange:
        with pytest.raises(NotPlaced):
            await exchange.place_order(resting())
    assert venue.requests.count("POST") == 1


async def test_a_refusal_proves_nothing_where_it_is_not_trusted(venue: Sandbox) -> None:
    huge = resting(quantity=Decimal(100), price=Decimal(20_000))
    async with connect(venue, **fast(venue), timeout_s=5.0, trust_refusals=False) as exchange:
        with pytest.raises(NotPlaced) as absent:
            await exchange.place_order(huge)
        assert isinstance(absent.value.__context__.__cause__, InsufficientBalance)  # type: ignore[union-attr]
        # Another's refusal: the order is live all the same.
        venue.faults.add(Fault(SwapReply(refusals=True), "POST", ORDER_PATH))
        order = await exchange.place_order(resting())
        assert [order.order_id] == [booked.order_id for booked in venue.ledger.orders()]
    async with connect(venue) as exchange:
        with pytest.raises(InsufficientBalance):
            await exchange.place_order(huge)


async def test_what_on_resolved_raises_is_logged(venue: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    def fail(resolution: Resolution) -> None:
        raise RuntimeError(resolution.state.name)

    async with connect(venue, horizons=HORIZONS, timeout_s=0.5, on_resolved=fail) as exchange:
        strike(venue, "reset-before-read")
        with pytest.raises(OutcomeUnknown):
            await exchange.place_order(resting())
        await until(lambda: not exchange.unresolved())
    assert "on_resolved failed" in caplog.text


@pytest.mark.parametrize(("option", "value"), [("on_resolved", 3), ("horizons", 5_000)])
def test_options_of_another_kind_are_refused(option: str, value: object, venue_credentials: Any) -> None:
    with pytest.raises(TypeError, match=option):
        MexcPrivateRest(venue_credentials, **{option: value})  # type: ignore[arg-type]


async def test_the_window_of_an_order_ends_before_its_reply_is_given_up(
    venue: Sandbox, exchange: MexcPrivateRest
) -> None:
    await exchange.place_order(resting())
    (request,) = [each for each in venue.requests if each.method == "POST"]
    window_ms = int(request.query.partition("recvWindow=")[2].partition("&")[0])
    assert 0 < window_ms <= 0.6 * 1_000 / 2


async def test_an_id_in_doubt_is_not_used_again(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    strike(venue, "reset-before-read")
    name = exchange.new_client_order_id()
    with pytest.raises((OutcomeUnknown, NotPlaced)):
        await exchange.place_order(resting(client_order_id=name))
    with pytest.raises(UsageError, match="was used before"):
        await exchange.place_order(resting(client_order_id=name))


@pytest.mark.parametrize("price", [20_000, 21_000])
async def test_an_acknowledgement_that_fits_an_order_in_doubt_too_is_looked_up(
    venue: Sandbox, exchange: MexcPrivateRest, price: int
) -> None:
    """MEXC's names no client id: the lost reply of an order may be given to the next one that looks like it."""
    venue.faults.add(Fault.named("html-200", "GET", "/api/v3/*", times=None))
    strike(venue, "silent-after-execution")
    with pytest.raises(OutcomeUnknown) as unknown:
        await exchange.place_order(resting())
    venue.faults.clear()
    strike(venue, "other-reply")
    order = await exchange.place_order(resting(price=Decimal(price)))
    (booked,) = venue.ledger.orders(order.client_order_id)
    assert order.order_id == booked.order_id
    assert (await unknown.value.resolve()).order_id != order.order_id


async def test_an_order_that_was_taken_for_another_is_told(
    venue: Sandbox, exchange: MexcPrivateRest, caplog: pytest.LogCaptureFixture
) -> None:
    strike(venue, "silent-after-execution")
    placing = asyncio.create_task(exchange.place_order(resting()))
    await until(venue.ledger.orders)
    (booked,) = venue.ledger.orders()
    exchange._acknowledged.add(BTC_USDT, booked.order_id, "another")
    assert (await placing).order_id == booked.order_id
    assert f"{booked.order_id!r} is that of" in caplog.text
    assert "was taken for that of 'another'" in caplog.text
