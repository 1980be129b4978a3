"""The system's clock, the manual one, the deadline on them, and the exchange's."""

from __future__ import annotations

import asyncio
import time
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotlane.transport import Clock, ExchangeClock, ManualClock, SystemClock
from spotlane.transport.deadline import DeadlineScope

SERVER_MS = 1_800_000_000_000


async def test_system_clock_reads_the_machines_clocks() -> None:
    clock: Clock = SystemClock()
    before = (time.monotonic(), time.time_ns() // 1_000_000)
    now = (clock.monotonic(), clock.time_ms())
    assert before[0] <= now[0] <= time.monotonic()
    assert before[1] <= now[1] <= time.time_ns() // 1_000_000
    called = asyncio.Event()
    clock.call_later(0, called.set)
    clock.call_later(0, called.clear).cancel()
    await called.wait()
    await clock.sleep(0)


async def test_manual_clock_calls_in_order_and_each_at_its_own_moment() -> None:
    clock = ManualClock(monotonic_s=0.0, time_ms=0)
    calls: list[tuple[str, float]] = []

    def note(name: str) -> None:
        calls.append((name, clock.monotonic()))

    for name, delay_s in (("late", 3.0), ("soon", 1.0), ("cancelled", 2.0), ("also soon", 1.0)):
        timer = clock.call_later(delay_s, partial(note, name))
        if name == "cancelled":
            timer.cancel()
    clock.advance(2.5)
    assert calls == [("soon", 1.0), ("also soon", 1.0)]
    sleeping = asyncio.create_task(clock.sleep(0.25))
    await asyncio.sleep(0)
    assert clock.pending_timers == 2
    clock.advance(1.0)
    await sleeping
    assert (calls[-1], clock.time_ms(), clock.pending_timers) == (("late", 3.0), 3_500, 0)


async def test_deadline_ends_the_body() -> None:
    clock = ManualClock()
    scope = DeadlineScope(clock, clock.monotonic() + 1)

    async def wait() -> None:
        async with scope:
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    clock.advance(1.0)
    with pytest.raises(TimeoutError):
        await task
    assert scope.has_expired


async def test_cancellation_is_not_taken_for_the_deadline() -> None:
    clock = ManualClock()
    scope = DeadlineScope(clock, clock.monotonic() + 1)

    async def wait() -> None:
        async with scope:
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not scope.has_expired
    assert clock.pending_timers == 0


async def test_cancellation_at_the_deadline_is_still_a_cancellation() -> None:
    clock = ManualClock()

    async def wait() -> None:
        async with DeadlineScope(clock, clock.monotonic() + 1):
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    clock.advance(1.0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_local_time_counts_until_there_is_a_sample() -> None:
    clock = ManualClock(time_ms=5_000)
    exchange = ExchangeClock(clock)
    assert (exchange.now_ms(), exchange.offset_ms, exchange.is_synchronised) == (5_000, 0.0, False)
    assert exchange.uncertainty_ms == float("inf")


@given(
    offset_ms=st.integers(-(10**9), 10**9),
    there_ms=st.integers(0, 2_000),
    back_ms=st.integers(0, 2_000),
)
def test_exchange_time_is_within_the_stated_uncertainty(offset_ms: int, there_ms: int, back_ms: int) -> None:
    clock = ManualClock()
    exchange = ExchangeClock(clock)
    sent = clock.monotonic()
    clock.advance(there_ms / 1_000)
    shown = clock.time_ms() + offset_ms
    clock.advance(back_ms / 1_000)
    exchange.add_sample(shown, sent, clock.monotonic())
    true_ms = clock.time_ms() + offset_ms
    assert abs(exchange.now_ms() - true_ms) <= exchange.uncertainty_ms + 1
    assert exchange.uncertainty_ms == pytest.approx((there_ms + back_ms) / 2 + 0.5, rel=1e-3)
    assert exchange.is_synchronised


def test_most_certain_of_the_recent_samples_counts() -> None:
    clock = ManualClock()
    exchange = ExchangeClock(clock, keep_samples=3)
    now = clock.monotonic()
    exchange.add_sample(SERVER_MS, now, now + 0.010)
    exchange.add_sample(SERVER_MS + 40, now, now + 0.100)
    assert exchange.uncertainty_ms == pytest.approx(5.5, abs=0.01)
    for _ in range(3):
        exchange.add_sample(SERVER_MS, now, now + 0.100)
    assert exchange.uncertainty_ms == pytest.approx(50.5, abs=0.01)


def test_old_certainty_wears_off() -> None:
    clock = ManualClock()
    exchange = ExchangeClock(clock)
    exchange.add_sample(SERVER_MS, clock.monotonic(), clock.monotonic())
    clock.advance(1_000)
    assert exchange.uncertainty_ms == pytest.approx(100.5)
    exchange.add_sample(SERVER_MS + 1_000_000, clock.monotonic() - 0.010, clock.monotonic())
    assert exchange.uncertainty_ms == pytest.approx(5.5, abs=0.01)


@pytest.mark.parametrize("is_synchronised", [False, True])
def test_the_time_at_another_moment_is_told_by_the_monotonic_clock(is_synchronised: bool) -> None:
    clock = ManualClock()
    exchange_clock = ExchangeClock(clock)
    if is_synchronised:
        exchange_clock.add_sample(SERVER_MS, clock.monotonic(), clock.monotonic())
    then_s, then_ms = clock.monotonic(), exchange_clock.now_ms()
    clock.advance(2.5)
    assert exchange_clock.at_ms(then_s) == then_ms
    assert exchange_clock.at_ms(clock.monotonic()) == exchange_clock.now_ms() == then_ms + 2_500
    assert exchange_clock.at_ms(then_s + 5) == then_ms + 5_000


def test_step_of_the_local_wall_clock_changes_nothing() -> None:
    clock = ManualClock()
    exchange = ExchangeClock(clock)
    exchange.add_sample(SERVER_MS, clock.monotonic(), clock.monotonic())
    clock.step_wall_clock(-3_600_000)
    clock.advance(1.0)
    assert exchange.now_ms() == SERVER_MS + 1_000
    assert exchange.offset_ms == pytest.approx(SERVER_MS + 1_000.5 - clock.time_ms())


def test_step_of_the_exchanges_clock_replaces_what_was_known() -> None:
    clock = ManualClock()
    exchange = ExchangeClock(clock)
    exchange.add_sample(SERVER_MS, clock.monotonic(), clock.monotonic())
    clock.advance(1.0)
    exchange.add_sample(SERVER_MS + 6_000, clock.monotonic(), clock.monotonic() + 0.2)
    assert abs(exchange.now_ms() - (SERVER_MS + 6_000)) <= 101


def test_reply_before_its_request_is_refused() -> None:
    with pytest.raises(ValueError, match="before its request"):
        ExchangeClock(ManualClock()).add_sample(SERVER_MS, 2.0, 1.0)
