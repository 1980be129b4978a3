"""Orders and cancels under every fault of the network: never one too many, never a wrong word about one."""

from __future__ import annotations

import re
from collections.abc import Awaitable
from decimal import Decimal

import pytest
from mexc_rig import (
    BTC_USDT,
    ORDER_PATH,
    connect,
    listening,
    resolved,
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

ACCOUNT_PATH = "/api/v3/account"
SIGNATURE = re.compile(r"[0-9a-fA-F]{64}")

# What an order gets whose request meets each fault; "unknown" is OutcomeUnknown.
OUTCOMES = {
    "outage": "placed",
    "reset-mid-request": "unknown",
    "close-mid-request": "unknown",
    "reset-before-read": "unknown",
    "drop-request": "unknown",
    "reset-after-execution": "unknown",
    "close-after-execution": "unknown",
    "silent-after-execution": "unknown",
    "reset-on-accept": "placed",
    "silent-on-accept": "placed",
    "close-on-accept": "placed",
    "close-before-read": "unknown",
    "gateway-error-executed": "unknown",
    "gateway-error-refused": "unknown",
    "delay-reply": "unknown",
    "cut-status-line": "unknown",
    "status-line-only": "unknown",
    "cut-headers": "unknown",
    "cut-body": "unknown",
    "reset-mid-body": "unknown",
    "stall-mid-body": "unknown",
    "cut-chunked": "unknown",
    "cut-close-delimited": "unknown",
    "chunked": "placed",
    "close-delimited": "unknown",
    "duplicate-reply": "placed",
    "stray-408": "placed",
    "stray-bytes": "placed",
    "stale-keepalive": "unknown",
    "close-idle": "placed",
    "html-200": "unknown",
    "other-reply": "unknown",
    "gzip": "unknown",
    "oversize": "unknown",
    "drip": "unknown",
    "split": "placed",
    "rate-limited": "refused",
    "banned": "refused",
    "deliver-late": "unknown",
    "deliver-late-reset": "unknown",
    "answer-late": "placed",
    "interim": "placed",
    "clock-jump": "refused",
}
NEVER_EXECUTED = {
    "reset-mid-request", "close-mid-request", "reset-before-read", "drop-request", "close-before-read",
    "gateway-error-refused", "stale-keepalive",
}  # fmt: skip
LATE = {"deliver-late", "deliver-late-reset"}
# The cancel was executed, but no time was left to see it.
SLOW = {"silent-after-execution", "delay-reply", "stall-mid-body", "drip"}
VALUES = {"deliver-late": 0.1, "deliver-late-reset": 0.1, "answer-late": 0.1, "clock-jump": 10_000, "outage": 0.1}


async def _outcome_of(call: Awaitable[Order]) -> Order | SpotlaneError:
    try:
        return await call
    except SpotlaneError as error:
        return error


def test_every_fault_point_has_its_expected_outcome() -> None:
    assert OUTCOMES.keys() == FAULT_POINTS.keys()


@pytest.mark.parametrize("point", list(OUTCOMES))
async def test_an_order_meets_a_fault(venue: Sandbox, point: str) -> None:
    async with connect(venue, timeout_s=0.5) as exchange:
        earlier = await exchange.place_order(resting())
        fault = Fault.named(point, value=VALUES.get(point)) if point.endswith("-on-accept") else Fault.named(
            point, "POST", ORDER_PATH, value=VALUES.get(point)
        )  # fmt: skip
        venue.faults.add(fault)
        result = await _outcome_of(exchange.place_order(resting(client_order_id="under-test")))
        kinds = {Order: "placed", OutcomeUnknown: "unknown", RateLimited: "refused", TimestampRejected: "refused"}
        outcome = kinds[type(result)]
        assert outcome == OUTCOMES[point]
        assert bool(venue.faults.hits) is not point.endswith("-on-accept")
        venue.faults.clear()

        if point == "outage":
            await until(lambda: not listening(venue)())
        if point in LATE:
            await until(lambda: venue.ledger.orders("under-test"))
        booked = venue.ledger.orders("under-test")
        assert len(booked) == (outcome != "refused" and point not in NEVER_EXECUTED)
        assert sum("under-test" in request.query for request in venue.requests) <= 1
        if isinstance(result, Order):
            assert result.order_id == booked[0].order_id != earlier.order_id
        if isinstance(result, OutcomeUnknown):
            assert result.client_order_id == "under-test"
            assert not result.safe_to_retry
            await resolved(venue, result)

        # Whatever the connection still holds is not taken for the reply to the next order.
        await until(listening(venue))
        if point == "clock-jump":
            await exchange.get_account_balance()
        following = await exchange.place_order(resting(quantity=Decimal("0.002")))
        assert venue.ledger.orders(following.client_order_id)[0].order_id == following.order_id
        assert venue.ledger.order(following.order_id).quantity == Decimal("0.002")


@pytest.mark.parametrize("point", [point for point in OUTCOMES if not point.endswith("-on-accept")])
async def test_a_cancel_meets_a_fault_and_is_sent_once(venue: Sandbox, point: str) -> None:
    async with connect(venue, timeout_s=0.5) as exchange:
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
        # A refused timestamp proves that nothing was executed: that alone is sent anew.
        assert venue.requests.count("DELETE") == (2 if point == "clock-jump" else 1)


async def test_a_reply_that_belongs_to_an_earlier_order_is_not_believed(venue: Sandbox) -> None:
    async with connect(venue) as exchange:
        earlier = await exchange.place_order(resting())
        venue.faults.add(Fault.named("other-reply", "POST", ORDER_PATH))
        # The same symbol, side, price and quantity.
        with pytest.raises(OutcomeUnknown, match="was acknowledged before") as unknown:
            await exchange.place_order(resting())
        assert (await unknown.value.resolve()).order_id != earlier.order_id


async def test_cancelling_all_orders_with_a_lost_reply(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    await exchange.place_order(resting())
    venue.faults.add(Fault.named("reset-before-read", "DELETE", "/api/v3/openOrders"))
    with pytest.raises(OutcomeUnknown, match="cancelling of all orders of BTC/USDT") as unknown:
        await exchange.cancel_all_orders(BTC_USDT)
    assert len(await unknown.value.resolve()) == 1
    assert venue.requests.count("DELETE") == 1


async def test_an_ambiguous_refusal_is_an_unknown_outcome(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    for status, body, kind in (
        (400, b'{"code":20002,"msg":"system error"}', ExchangeUnavailable),
        (400, b'{"code":424242,"msg":"a new code"}', ExchangeAPIError),
        (504, b'{"code":30004,"msg":"insufficient, says a gateway"}', ExchangeAPIError),
        (404, b"<html>nothing here</html>", ExchangeAPIError),
    ):
        venue.faults.add(Fault(ReplaceReply(status, body, "application/json"), "POST", ORDER_PATH))
        with pytest.raises(OutcomeUnknown) as unknown:
            await exchange.place_order(resting())
        assert isinstance(unknown.value.__cause__, kind)
        assert (await unknown.value.resolve()).status is OrderStatus.NEW


async def test_looking_an_outcome_up_never_looks_like_a_refusal(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    venue.faults.add(Fault.named("reset-after-execution", "POST", ORDER_PATH))
    with pytest.raises(OutcomeUnknown) as unknown:
        await exchange.place_order(resting())
    for point in ("rate-limited", "gateway-error-refused", "html-200", "reset-before-read"):
        venue.faults.add(Fault.named(point, "GET", ORDER_PATH))
        with pytest.raises(OutcomeUnknown):
            await unknown.value.resolve()
    assert (await unknown.value.resolve()).status is OrderStatus.NEW


async def test_an_order_that_arrives_after_its_window_is_not_executed(venue: Sandbox) -> None:
    async with connect(venue, timeout_s=0.2) as exchange:
        venue.faults.add(Fault.named("deliver-late-reset", "POST", ORDER_PATH, value=0.25))
        with pytest.raises(OutcomeUnknown):
            await exchange.place_order(resting())
        await until(venue.ledger.refused)
        (refused,) = venue.ledger.refused()
        assert (refused.data["path"], refused.data["code"]) == (ORDER_PATH, 700003)
        assert venue.ledger.orders() == []
