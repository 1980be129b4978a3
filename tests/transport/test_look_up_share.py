"""What look-ups of outcomes may use of the rate budget: a third, so that everything else goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from spotlane.errors import BudgetExhausted
from spotlane.exchanges.mexc.spec import SPEC
from spotlane.spec import Bucket, Endpoint
from spotlane.transport import (
    Budget,
    Channel,
    ExchangeClock,
    ManualClock,
    MemoryCarrier,
    Reply,
    Request,
    resolving,
    thirds,
)

BUCKET = Bucket("weight", limit=100, window_ms=10_000, reserve=10, burst=50)
READ = Endpoint("read", "GET", "/read", signed=False, costs={"weight": 10})


def test_thirds_are_buckets_of_a_third_of_the_size() -> None:
    for whole, third in zip(SPEC.buckets, thirds(SPEC.buckets), strict=True):
        assert (third.name, third.window_ms, third.limit) == (whole.name, whole.window_ms, whole.limit // 3)
        assert third.burst is not None
        assert 0 < third.burst <= third.limit
    assert thirds([Bucket("single", 1, 1_000)])[0].limit == 1


async def test_look_ups_leave_most_of_what_flows_to_the_others() -> None:
    clock = ManualClock()
    sent: list[str] = []

    async def answer(method: str, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
        return Reply(200, (), b"{}")

    channel = Channel(
        MemoryCarrier(answer, clock=clock),
        clock=clock,
        exchange_clock=ExchangeClock(clock),
        authenticator=None,
        budget=Budget([BUCKET], clock=clock),
        look_ups=Budget(thirds([BUCKET]), clock=clock),
    )
    await channel.open()

    async def ask(name: str) -> None:
        await channel.send(Request.to(READ), deadline=clock.monotonic() + 1_000)
        sent.append(name)

    async def look_up() -> None:
        with resolving():
            await ask("look-up")

    calls = [asyncio.create_task(look_up()) for _ in range(40)] + [asyncio.create_task(ask("read")) for _ in range(15)]
    for _ in range(300):
        for _ in range(5):
            await asyncio.sleep(0)
        if sent.count("read") == 15:
            break
        clock.advance(0.2)
    # Fifteen reads are 150 of weight, at no less than two thirds of the five a second that flow.
    assert sent.count("read") == 15
    assert clock.monotonic() - 1_000.0 <= 150 / 3.3
    assert sent.count("look-up") >= 5
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    await channel.close()


async def test_a_look_up_that_its_share_has_no_room_for_is_refused() -> None:
    clock = ManualClock()
    budget = Budget(thirds([BUCKET]), clock=clock)
    for _ in range(1):
        await budget.take(READ, deadline=clock.monotonic())
    with pytest.raises(BudgetExhausted):
        await budget.take(READ, deadline=clock.monotonic() + 0.5)
