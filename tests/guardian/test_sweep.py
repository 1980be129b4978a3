"""Cancelling every open order: at once, once for each reading, until none can show up any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from guardian_rig import BTC_USDT, ETH_USDT, resting, trading, until

from spotlane.exchanges.mexc import MexcPrivateRest
from spotlane.guardian.sweep import Sweep
from spotlane.sandbox import Fault, Sandbox
from spotlane.transport import ManualClock

CANCEL_ALL = ("DELETE", "/api/v3/openOrders")
OPEN_ORDERS = ("GET", "/api/v3/openOrders")
WATCH_S = 5.0


class Notes:
    """A report that only remembers."""

    def __init__(self) -> None:
        self.said: list[tuple[str, dict[str, object]]] = []

    def say(self, event: str, **details: object) -> None:
        self.said.append((event, details))

    def of(self, event: str) -> list[dict[str, Any]]:
        return [details for said, details in self.said if said == event]


class Sweeping:
    """A sweep that runs on a clock that stands still, beside a client whose clock does not."""

    def __init__(self, exchange: MexcPrivateRest, give_up_s: float | None) -> None:
        self.clock = ManualClock()
        self.notes = Notes()
        self.is_off = asyncio.Event()
        sweep = Sweep(
            exchange,
            self.notes,  # type: ignore[arg-type]
            clock=self.clock,
            watch_s=WATCH_S,
            is_off=self.is_off,
            give_up_s=give_up_s,
        )
        self.task = asyncio.create_task(sweep.run())

    async def on(self, condition: Callable[[], object]) -> None:
        """Let time pass until a condition holds."""

        def passed() -> object:
            assert condition() or not self.task.done()
            if self.clock.pending_timers:
                self.clock.advance(0.05)
            return condition()

        await until(passed)

    async def delays(self, count: int) -> list[float]:
        """Return how long it waits after each of its next rounds."""
        found: list[float] = []
        while len(found) < count:
            await until(lambda: self.clock.pending_timers)
            before_s = self.clock.monotonic()
            while self.clock.pending_timers:
                self.clock.advance(0.05)
            found.append(round(self.clock.monotonic() - before_s, 2))
        return found


@asynccontextmanager
async def sweeping(exchange: MexcPrivateRest, give_up_s: float | None = None) -> AsyncIterator[Sweeping]:
    sweeping = Sweeping(exchange, give_up_s)
    try:
        yield sweeping
    finally:
        sweeping.task.cancel()
        await asyncio.gather(sweeping.task, return_exceptions=True)


def sent(venue: Sandbox) -> list[tuple[str, str]]:
    return [(request.method, request.path) for request in venue.requests if "openOrders" in request.path]


async def test_every_symbol_is_cancelled_and_the_end_is_waited_for() -> None:
    async with trading() as (venue, exchange):
        placed = [await exchange.place_order(resting(symbol, price=2_000)) for symbol in (BTC_USDT, BTC_USDT, ETH_USDT)]
        venue.requests.clear()
        async with sweeping(exchange) as run:
            await run.on(lambda: not venue.ledger.live_orders())
            assert sent(venue)[:3] == [OPEN_ORDERS, CANCEL_ALL, CANCEL_ALL]
            begun_s = run.clock.monotonic()
            await run.on(run.task.done)
            assert run.task.result() == "done"
            assert run.clock.monotonic() - begun_s >= WATCH_S - 0.5
            assert venue.requests.count(*CANCEL_ALL) == 2
            told = {order_id for each in run.notes.of("cancelled") for order_id in each["order_ids"]}
            assert told == {order.order_id for order in placed}


async def test_order_that_shows_up_late_is_cancelled() -> None:
    async with trading() as (venue, exchange), sweeping(exchange) as run:
        await run.on(lambda: len(sent(venue)) >= 3)
        late = await exchange.place_order(resting())
        await run.on(run.task.done)
        assert not venue.ledger.order(late.order_id).is_open


async def test_lost_reply_is_followed_by_a_reading_and_never_by_a_repetition() -> None:
    async with trading(timeout_s=0.3) as (venue, exchange):
        await exchange.place_order(resting())
        venue.requests.clear()
        venue.faults.add(Fault.named("drop-request", *CANCEL_ALL))
        async with sweeping(exchange) as run:
            await run.on(lambda: not venue.ledger.live_orders())
            assert sent(venue)[:4] == [OPEN_ORDERS, CANCEL_ALL, OPEN_ORDERS, CANCEL_ALL]
            assert [each["error"] for each in run.notes.of("trouble")] == ["OutcomeUnknown"]


async def test_trouble_is_told_once_and_tried_again_ever_less_often() -> None:
    async with trading(timeout_s=0.2) as (venue, exchange):
        await exchange.place_order(resting())
        await venue.down()
        async with sweeping(exchange) as run:
            delays = await run.delays(6)
            assert delays == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0], abs=0.06)
            kinds = [each["error"] for each in run.notes.of("trouble")]
            assert kinds == ["NotSent", "CircuitOpen"]
            await venue.up()
            await run.on(lambda: not venue.ledger.live_orders())


async def test_it_stops_between_two_rounds_when_it_is_taken_off() -> None:
    async with trading() as (venue, exchange), sweeping(exchange) as run:
        begun_s = run.clock.monotonic()
        await run.on(lambda: len(sent(venue)) >= 2)
        run.is_off.set()
        async with asyncio.timeout(5):
            assert await run.task == "taken off"
        assert run.clock.monotonic() - begun_s < WATCH_S


@pytest.mark.parametrize("refusal", ["gateway-error-refused", "rate-limited", "html-200", "cut-body"])
async def test_refusals_are_survived(refusal: str) -> None:
    async with trading() as (venue, exchange):
        await exchange.place_order(resting())
        venue.faults.add(*[Fault.named(refusal, *request) for request in (OPEN_ORDERS, CANCEL_ALL)])
        async with sweeping(exchange) as run:
            await run.on(lambda: not venue.ledger.live_orders() and run.notes.of("trouble"))


async def test_more_open_orders_than_one_list_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spotlane.exchanges.mexc.rest._MOST_OPEN_ORDERS", 3)
    async with trading() as (venue, exchange):
        for symbol in (BTC_USDT, BTC_USDT, ETH_USDT, ETH_USDT):
            await exchange.place_order(resting(symbol, price=2_000))
        async with sweeping(exchange) as run:
            await run.on(lambda: not venue.ledger.live_orders())
            assert [each["error"] for each in run.notes.of("trouble")] == ["HistoryIncomplete"]
            await run.on(run.task.done)


async def test_sandbox_that_is_gone_is_given_up() -> None:
    async with trading(timeout_s=0.2) as (venue, exchange):
        await exchange.place_order(resting())
        async with sweeping(exchange, give_up_s=1.5) as run:
            await venue.down()
            await run.on(run.task.done)
            assert run.task.result() == "given up"
        assert len(venue.ledger.live_orders()) == 1
