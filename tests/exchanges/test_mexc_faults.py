"""Orders and cancels under every fault of the network: never one too many, never a wrong word about one."""

from __future__ import annotations

import re
from collections.abc import Awaitable
from decimal import Decimal

import pytest
from doubt_rig import Reports, adopted, doubt, doubtful, expect_absent, found
from mexc_rig import (
    BTC_USDT,
    ORDER_PATH,
    connect,
    listening,
    resting,
    until,
)

from spotlane import (
    Order,
    OrderStatus,
    OutcomeUnknown,
)
from spotlane.errors import (
    ExchangeAPIError,
    ExchangeUnavailable,
    RateLimited,
    SpotlaneError,
    TimestampRejected,
)
from spotlane.exchanges.mexc import MexcPrivateRest
from spotlane.sandbox import FAULT_POINTS, Fault, ReplaceReply, Sandbox
from spotlane.structs import OutcomeState
from spotlane.testing.loop_clock import LoopClock
from spotlane.transport import ManualClock

ACCOUNT_PATH = "/api/v3/account"
SIGNATURE = re.compile(r"[0-9a-fA-F]{64}")

# What becomes of an order whose request meets each fault. An absent one is in doubt when its call ends, and proven
# absent after that.
OUTCOMES = {
    "outage": "placed",
    "reset-mid-request": "absent",
    "close-mid-request": "absent",
    "reset-before-read": "absent",
    "drop-request": "absent",
    "reset-after-execution": "adopted",
    "close-after-execution": "adopted",
    "silent-after-execution": "adopted",
    "slow-on-accept": "placed",
    "reset-on-accept": "placed",
    "silent-on-accept": "placed",
    "close-on-accept": "placed",
    "close-before-read": "absent",
    "gateway-error-executed": "adopted",
    "gateway-error-refused": "absent",
    "delay-reply": "adopted",
    "cut-status-line": "adopted",
    "status-line-only": "adopted",
    "cut-headers": "adopted",
    "cut-body": "adopted",
    "reset-mid-body": "adopted",
    "stall-mid-body": "adopted",
    "cut-chunked": "adopted",
    "cut-close-delimited": "adopted",
    "chunked": "placed",
    "close-delimited": "adopted",
    "duplicate-reply": "placed",
    "stray-408": "placed",
    "stray-bytes": "placed",
    "stale-keepalive": "absent",
    "close-idle": "placed",
    "html-200": "adopted",
    "other-reply": "adopted",
    "gzip": "adopted",
    "oversize": "adopted",
    "drip": "adopted",
    "split": "placed",
    "rate-limited": "refused",
    "banned": "refused",
    "deliver-soon": "adopted",
    "deliver-late": "adopted",
    "deliver-late-reset": "adopted",
    "answer-late": "placed",
    "interim": "placed",
    "clock-jump": "refused",
    "clock-jump-back": "refused",
}
NEVER_EXECUTED = {point for point, outcome in OUTCOMES.items() if outcome == "absent"}
LATE = {"deliver-late", "deliver-late-reset"}
# The cancel was executed, but no time was left to see it.
SLOW = {"silent-after-execution", "delay-reply", "stall-mid-body", "drip"}
VALUES = {
    "deliver-soon": 0.02, "deliver-late": 0.02, "deliver-late-reset": 0.02, "answer-late": 0.02, "clock-jump": 10_000,
    "clock-jump-back": 10_000, "outage": 0.1,
}  # fmt: skip


async def _outcome_of(call: Awaitable[Order]) -> Order | SpotlaneError:
    try:
        return await call
    except SpotlaneError as error:
        return error


def test_every_fault_point_has_its_expected_outcome() -> None:
    assert OUTCOMES.keys() == FAULT_POINTS.keys()


@pytest.mark.parametrize("point", list(OUTCOMES))
async def test_an_order_meets_a_fault(venue: Sandbox, point: str) -> None:
    reports = Reports()
    async with connect(venue, **doubtful(MexcPrivateRest.spec, reports, venue=venue)) as exchange:
        earlier = await exchange.place_order(resting())
        fault = Fault.named(point, value=VALUES.get(point)) if point.endswith("-on-accept") else Fault.named(
            point, "POST", ORDER_PATH, value=VALUES.get(point)
        )  # fmt: skip
        venue.faults.add(fault)
        wanted = resting(client_order_id="under-test")
        outcome = OUTCOMES[point]
        if outcome == "absent":
            unknown = await doubt(exchange, wanted)
            assert unknown.client_order_id == "under-test"
        elif outcome == "refused":
            with pytest.raises((RateLimited, TimestampRejected)):
                await exchange.place_order(wanted)
        else:
            order = await exchange.place_order(wanted)
            (booked,) = venue.ledger.orders("under-test")
            assert order.client_order_id == "under-test"
            assert order.order_id == booked.order_id != earlier.order_id
        assert bool(venue.faults.hits) is not point.endswith("-on-accept")
        venue.faults.clear()
        # One that was found after its reply was lost was looked for.
        assert bool(venue.requests.find("GET", ORDER_PATH)) is (outcome in ("adopted", "absent"))
        assert sum("under-test" in request.query for request in venue.requests.find("POST", ORDER_PATH)) <= 1

        if point == "outage":
            await until(lambda: not listening(venue)())
        if outcome == "absent":
            await expect_absent(exchange, unknown)
        assert len(venue.ledger.orders("under-test")) == (outcome in ("placed", "adopted"))
        assert reports.of("under-test").states == ([OutcomeState.PROVEN_ABSENT] if outcome == "absent" else [])

        # Whatever the connection still holds is not taken for the reply to the next order.
        await until(listening(venue))
        if point.startswith("clock-jump"):
            await exchange.get_account_balance()
        following = await exchange.place_order(resting(quantity=Decimal("0.002")))
        assert venue.ledger.orders(following.client_order_id)[0].order_id == following.order_id
        assert venue.ledger.order(following.order_id).quantity == Decimal("0.002")


@pytest.mark.parametrize("point", [point for point in OUTCOMES if not point.endswith("-on-accept")])
async def test_a_cancel_meets_a_fault_and_is_repeated_where_its_reply_was_lost(venue: Sandbox, point: str) -> None:
    async with connect(venue, timeout_s=0.5, clock=LoopClock(venue)) as exchange:
        first = await exchange.place_order(resting())
        await exchange.cancel_order(BTC_USDT, first.order_id)
        order = await exchange.place_order(resting())
        venue.requests.clear()
        venue.faults.add(Fault.named(point, "DELETE", ORDER_PATH, value=VALUES.get(point)))
        result = await _outcome_of(exchange.cancel_order(BTC_USDT, order.order_id))
        if isinstance(result, Order):
            assert (result.order_id, result.status) == (order.order_id, OrderStatus.CANCELED)
            assert venue.ledger.order(order.order_id).status is OrderStatus.CANCELED
        elif isinstance(result, OutcomeUnknown):
            assert result.order_id == order.order_id
            assert point in NEVER_EXECUTED | LATE | SLOW
        else:
            assert isinstance(result, RateLimited)
            assert point in ("rate-limited", "banned")
        assert venue.faults.hits
        # A reply that is there, fit or not, is not asked for again; after a refused timestamp nothing was executed.
        is_answered = OUTCOMES[point] in ("placed", "refused") or point in ("html-200", "other-reply")
        assert venue.requests.count("DELETE") == (1 if is_answered and not point.startswith("clock-jump") else 2)


async def test_a_reply_that_belongs_to_an_earlier_order_is_not_believed(venue: Sandbox) -> None:
    # At one time: a reply that is older than its order is refused for that alone.
    venue.clock.freeze()
    async with connect(venue, clock=ManualClock()) as exchange:
        earlier = await exchange.place_order(resting())
        venue.faults.add(Fault.named("other-reply", "POST", ORDER_PATH))
        # The same symbol, side, price and quantity.
        order = await adopted(venue, exchange, resting())
        assert order.order_id != earlier.order_id
        assert venue.requests.count("POST", ORDER_PATH) == 2


async def test_cancelling_all_orders_with_a_lost_reply(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    await exchange.place_order(resting())
    venue.faults.add(Fault.named("reset-before-read", "DELETE", "/api/v3/openOrders"))
    with pytest.raises(OutcomeUnknown, match="cancelling of all orders of BTC/USDT") as unknown:
        await exchange.cancel_all_orders(BTC_USDT)
    assert len(await unknown.value.resolve()) == 1
    assert venue.requests.count("DELETE") == 1


AMBIGUOUS = (
    (400, b'{"code":20002,"msg":"system error"}', ExchangeUnavailable),
    (400, b'{"code":424242,"msg":"a new code"}', ExchangeAPIError),
    (504, b'{"code":30004,"msg":"insufficient, says a gateway"}', ExchangeAPIError),
    (404, b"<html>nothing here</html>", ExchangeAPIError),
)


async def test_an_order_is_found_after_an_ambiguous_refusal(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    for sent, (status, body, _) in enumerate(AMBIGUOUS, start=1):
        venue.faults.add(Fault(ReplaceReply(status, body, "application/json"), "POST", ORDER_PATH))
        assert (await adopted(venue, exchange, resting())).status is OrderStatus.NEW
        assert venue.requests.count("POST", ORDER_PATH) == sent


@pytest.mark.parametrize(("status", "body", "kind"), AMBIGUOUS)
async def test_an_ambiguous_refusal_of_an_order_that_does_not_show_proves_nothing(
    venue: Sandbox, status: int, body: bytes, kind: type[SpotlaneError]
) -> None:
    async with connect(venue, **doubtful(MexcPrivateRest.spec, venue=venue)) as exchange:
        reply = ReplaceReply(status, body, "application/json", executed=False)
        venue.faults.add(Fault(reply, "POST", ORDER_PATH))
        unknown = await doubt(exchange, resting())
        assert isinstance(unknown.__cause__, kind)
        await expect_absent(exchange, unknown)
        assert venue.requests.count("POST", ORDER_PATH) == 1


@pytest.mark.parametrize("point", ["rate-limited", "gateway-error-refused", "html-200", "reset-before-read"])
async def test_looking_an_outcome_up_never_looks_like_a_refusal(venue: Sandbox, point: str) -> None:
    reports = Reports()
    async with connect(venue, **doubtful(MexcPrivateRest.spec, reports, venue=venue)) as exchange:
        venue.faults.add(Fault.named("reset-after-execution", "POST", ORDER_PATH))
        venue.faults.add(Fault.named(point, "GET", times=None))
        unknown = await doubt(exchange, resting())
        # By now its window and every other time have passed: only well-formed answers prove that it is absent.
        with pytest.raises(OutcomeUnknown):
            await unknown.resolve()
        assert reports == []
        venue.faults.clear()
        order = await found(unknown)
        (booked,) = venue.ledger.orders(unknown.client_order_id)
        assert (order.order_id, order.status) == (booked.order_id, OrderStatus.NEW)
        assert reports.of(unknown.client_order_id).states == [OutcomeState.ADOPTED]
        assert venue.requests.count("POST", ORDER_PATH) == 1


async def test_whoever_asks_about_an_order_in_doubt_has_it_looked_for_at_once(venue: Sandbox) -> None:
    async with connect(venue, **doubtful(MexcPrivateRest.spec, timeout_s=0.6, venue=venue)) as exchange:
        venue.faults.add(Fault.named("reset-after-execution", "POST", ORDER_PATH))
        venue.faults.add(Fault.named("html-200", "GET", times=None))
        unknown = await doubt(exchange, resting())
        # Left alone, it is looked for ever more rarely.
        for _ in range(3):
            (before,) = exchange.unresolved()
            with pytest.raises(OutcomeUnknown):
                await unknown.resolve()
            (after,) = exchange.unresolved()
            assert after.look_ups > before.look_ups
        venue.faults.clear()
        await found(unknown)


async def test_an_order_that_arrives_after_its_window_is_not_executed(venue: Sandbox) -> None:
    async with connect(venue, **doubtful(MexcPrivateRest.spec, venue=venue)) as exchange:
        venue.faults.add(Fault.named("deliver-late-reset", "POST", ORDER_PATH, value=0.65))
        unknown = await doubt(exchange, resting())
        await expect_absent(exchange, unknown)

        def late() -> list[str]:
            return [event.data["path"] for event in venue.ledger.refused() if event.data["code"] == 700003]

        await until(late)
        assert late() == [ORDER_PATH]
        assert venue.ledger.orders() == []
