"""The clock that the event loop moves: what a stalled machine does to it, and for how long it runs."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from spotlane.sandbox import Sandbox
from spotlane.testing.loop_clock import LoopClock

TURNS = 3


async def turns() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)


@pytest.mark.parametrize("speed", [1, 5])
async def test_a_stalled_machine_takes_no_time(venue: Sandbox, monkeypatch: pytest.MonkeyPatch, speed: int) -> None:
    loop = asyncio.get_running_loop()
    clock = LoopClock(venue, speed=speed)
    before_s, before_ms = clock.monotonic(), venue.clock.now_ms()
    machine = loop.time
    monkeypatch.setattr(loop, "time", lambda: machine() + 60)
    await turns()
    passed_ms = round((clock.monotonic() - before_s) * 1_000)
    assert passed_ms in [ticks * speed * 5 for ticks in range(1, TURNS + 1)]
    assert venue.clock.now_ms() - before_ms == passed_ms


async def test_timers_end_and_time_goes_on(venue: Sandbox) -> None:
    clock = LoopClock(venue, speed=20)
    start_s = clock.monotonic()
    for seconds in (0.1, 0.3):
        await clock.sleep(seconds)
    assert clock.monotonic() - start_s >= 0.4


async def test_time_stands_still_once_nobody_holds_the_clock(venue: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    clock = LoopClock(venue)
    await clock.sleep(0.005)
    reference = weakref.ref(clock)
    del clock
    gc.collect()
    assert reference() is None
    stands_ms = venue.clock.now_ms()
    machine = loop.time
    monkeypatch.setattr(loop, "time", lambda: machine() + 60)
    await turns()
    assert venue.clock.now_ms() == stands_ms
