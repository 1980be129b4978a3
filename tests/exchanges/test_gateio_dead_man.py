"""Gate's own countdown: armed when the call returns, renewed in time, taken off at the end; it tells where it fired."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from gateio_rig import PREFIX, connect, gate, pass_time, resting, until

from spotlane import Credentials, DeadManState
from spotlane.errors import DecodeError, NotSent, OutcomeUnknown, PermissionDenied, UsageError
from spotlane.exchanges.gateio import GateioPrivateRest, wire
from spotlane.safety.dead_man import DeadManStatus
from spotlane.sandbox import Fault, ReplaceReply, Sandbox
from spotlane.transport import ManualClock

COUNTDOWN_PATH = f"{PREFIX}/spot/countdown_cancel_all"


def countdowns(venue: Sandbox) -> list[int]:
    """Return the seconds of every countdown that was set, in order."""
    return [json.loads(request.body)["timeout"] for request in venue.requests.find("POST", COUNTDOWN_PATH)]


def state_of(exchange: GateioPrivateRest) -> DeadManState | None:
    status = exchange.status().dead_man
    return None if status is None else status.state


def standing(exchange: GateioPrivateRest) -> DeadManStatus:
    status = exchange.status().dead_man
    assert status is not None
    return status


async def fail(venue: Sandbox) -> None:
    """Be a bot that ends by an exception."""
    async with connect(venue) as exchange:
        await exchange.place_order(resting())
        await exchange.dead_man(5)
        raise ZeroDivisionError


def is_live(venue: Sandbox) -> bool:
    """Tell whether an order is open, after the exchange has done what is due."""
    return bool(venue.engine.open_orders("trader"))


@asynccontextmanager
async def timed(**options: Any) -> AsyncIterator[tuple[Sandbox, GateioPrivateRest, ManualClock]]:
    """Give an exchange and a client whose clocks both stand still until pass_time()."""
    clock = ManualClock()
    async with Sandbox("gateio", rate_limits=False) as venue:
        venue.clock.freeze()
        async with connect(venue, clock=clock, **options) as exchange:
            venue.requests.clear()
            yield venue, exchange, clock


async def passing(venue: Sandbox, clock: ManualClock, condition: Callable[[], object]) -> None:
    """Let both clocks run until a condition holds."""

    def passed() -> object:
        pass_time(venue, clock, 0.01)
        return condition()

    await until(passed)


async def test_it_is_armed_when_the_call_returns() -> None:
    async with gate() as (venue, exchange):
        assert exchange.status().dead_man is None
        await exchange.dead_man(30)
        assert countdowns(venue) == [30]
        status = exchange.status().dead_man
        assert status is not None
        assert (status.kind, status.state, status.seconds, status.pid) == ("countdown", DeadManState.ARMED, 30, None)


async def test_it_is_renewed_every_third_and_the_orders_live_on() -> None:
    async with timed() as (venue, exchange, clock):
        await exchange.place_order(resting())
        await exchange.dead_man(9)
        for renewals in range(1, 8):
            pass_time(venue, clock, 3.01)
            await until(lambda: standing(exchange).age_s == 0)
            assert countdowns(venue) == [9] * (1 + renewals)
        assert state_of(exchange) is DeadManState.ARMED
        assert is_live(venue)


async def test_a_bot_that_ends_by_an_exception_lets_it_run_out() -> None:
    venue = Sandbox("gateio", rate_limits=False)
    async with venue:
        with pytest.raises(ZeroDivisionError):
            await fail(venue)
        assert countdowns(venue) == [5]
        assert is_live(venue)
        venue.clock.advance(5_000)
        assert not is_live(venue)


async def test_closing_takes_it_off() -> None:
    async with Sandbox("gateio", rate_limits=False) as venue:
        async with connect(venue) as exchange:
            await exchange.place_order(resting())
            await exchange.dead_man(5)
        assert countdowns(venue) == [5, 0]
        venue.clock.advance(60_000)
        assert is_live(venue)


async def test_none_takes_it_off_and_nothing_renews_it() -> None:
    async with timed() as (venue, exchange, clock):
        await exchange.dead_man(6)
        await exchange.dead_man(None)
        assert exchange.status().dead_man is None
        pass_time(venue, clock, 20.0)
        await exchange.get_open_orders()
        assert countdowns(venue) == [6, 0]
        await exchange.dead_man(None)
        assert countdowns(venue) == [6, 0]


async def test_another_call_changes_its_time() -> None:
    async with timed() as (venue, exchange, clock):
        await exchange.dead_man(30)
        await exchange.dead_man(6)
        pass_time(venue, clock, 2.01)
        await until(lambda: len(countdowns(venue)) == 3)
        assert countdowns(venue) == [30, 6, 6]


async def test_renewals_that_fail_are_counted_and_made_good(caplog: pytest.LogCaptureFixture) -> None:
    async with timed() as (venue, exchange, clock):
        await exchange.dead_man(30)
        await venue.down()
        pass_time(venue, clock, 10.01)
        # Each is repeated while there is time, and these pauses are on the client's clock.
        await passing(venue, clock, lambda: standing(exchange).failures == 1)
        assert "renewing the dead-man countdown failed 1 times in a row" in caplog.text
        assert state_of(exchange) is DeadManState.ARMED
        await venue.up()
        await passing(venue, clock, lambda: standing(exchange).failures == 0)
        assert countdowns(venue) == [30, 30]
        assert state_of(exchange) is DeadManState.ARMED


async def test_one_that_was_not_renewed_in_time_may_have_fired(caplog: pytest.LogCaptureFixture) -> None:
    async with timed() as (venue, exchange, clock):
        await exchange.place_order(resting())
        await exchange.dead_man(6)
        # The event loop stalls for longer than the countdown.
        pass_time(venue, clock, 6.01)
        assert state_of(exchange) is DeadManState.FIRED
        await until(lambda: "may have run out" in caplog.text)
        assert [record.levelno for record in caplog.records if "run out" in record.message] == [logging.ERROR]
        pass_time(venue, clock, 20.0)
        await exchange.get_open_orders()
        assert not is_live(venue)
        assert countdowns(venue) == [6]
        await exchange.dead_man(6)
        assert state_of(exchange) is DeadManState.ARMED


async def test_the_exchanges_clock_tells_of_a_machine_that_slept(caplog: pytest.LogCaptureFixture) -> None:
    async with timed() as (venue, exchange, clock):
        await exchange.dead_man(30)
        # The monotonic clock stands still while a machine sleeps.
        venue.clock.advance(60_000)
        pass_time(venue, clock, 10.01)
        await until(lambda: state_of(exchange) is DeadManState.FIRED)
        assert "by the exchange's clock" in caplog.text


async def test_one_that_cannot_be_taken_off_stays_and_is_renewed() -> None:
    async with gate({"timeout_s": 0.3}) as (venue, exchange):
        await exchange.dead_man(5)
        await venue.down()
        with pytest.raises(NotSent):
            await exchange.dead_man(None)
        assert state_of(exchange) is DeadManState.ARMED
        await venue.up()
        await until(lambda: len(countdowns(venue)) == 2)
        await exchange.dead_man(None)
        assert countdowns(venue) == [5, 5, 0]


async def test_closing_while_the_exchange_is_away_says_what_will_happen(caplog: pytest.LogCaptureFixture) -> None:
    async with Sandbox("gateio", rate_limits=False) as venue:
        async with connect(venue, timeout_s=0.3) as exchange:
            await exchange.dead_man(5)
            await venue.down()
        assert "all open orders will be cancelled within 5 s" in caplog.text


async def test_lost_reply_is_asked_for_again() -> None:
    async with gate({"timeout_s": 5.0}) as (venue, exchange):
        venue.faults.add(Fault.named("reset-after-execution", "POST", COUNTDOWN_PATH))
        await exchange.dead_man(30)
        assert countdowns(venue) == [30, 30]
        assert state_of(exchange) is DeadManState.ARMED


async def test_no_reply_at_all_leaves_it_unknown() -> None:
    async with gate({"timeout_s": 0.2}) as (venue, exchange):
        venue.faults.add(Fault.named("silent-after-execution", "POST", COUNTDOWN_PATH, times=None))
        with pytest.raises(OutcomeUnknown, match="counts down from 30 s"):
            await exchange.dead_man(30)
        assert exchange.status().dead_man is None
        asked = countdowns(venue)
        assert len(asked) > 1
        assert set(asked) == {30}
        venue.faults.clear()
        # It may run all the same.
        await exchange.dead_man(None)
        assert countdowns(venue) == [*asked, 0]


async def test_change_of_which_no_reply_came_is_undone_at_once() -> None:
    async with gate({"timeout_s": 0.2}) as (venue, exchange):
        await exchange.dead_man(60)
        for seconds in (6, None):
            venue.requests.clear()
            venue.faults.add(Fault.named("silent-after-execution", "POST", COUNTDOWN_PATH, times=None))
            with pytest.raises(OutcomeUnknown):
                await exchange.dead_man(seconds)
            venue.faults.clear()
            await until(lambda: countdowns(venue)[-1] == 60)
            *asked, undone = countdowns(venue)
            assert (set(asked), undone) == ({seconds or 0}, 60)
            await until(lambda: standing(exchange).age_s < 0.1)
            assert (standing(exchange).state, standing(exchange).seconds) == (DeadManState.ARMED, 60)


async def test_call_that_is_given_up_changes_nothing_for_long() -> None:
    async with gate() as (venue, exchange):
        await exchange.dead_man(60)
        venue.latency_s = 0.05
        arming = asyncio.create_task(exchange.dead_man(6))
        await until(lambda: len(countdowns(venue)) == 2)
        arming.cancel()
        with pytest.raises(asyncio.CancelledError):
            await arming
        await until(lambda: len(countdowns(venue)) == 3)
        assert countdowns(venue) == [60, 6, 60]


async def test_a_renewal_never_follows_the_request_that_takes_it_off() -> None:
    async with timed() as (venue, exchange, clock):
        await exchange.dead_man(6)
        venue.latency_s = 0.1
        clock.advance(2.01)
        await until(lambda: len(countdowns(venue)) == 2)
        off = asyncio.create_task(exchange.dead_man(None))
        await off
        assert countdowns(venue) == [6, 6, 0]
        pass_time(venue, clock, 60.0)
        assert exchange.status().dead_man is None


async def test_key_that_may_only_read_is_refused() -> None:
    async with gate() as (venue, exchange):
        key = venue.dialect.add_key(permissions=["spot:read"])
        async with connect(venue, Credentials(key.api_key, key.api_secret)) as reader:
            with pytest.raises(PermissionDenied):
                await reader.dead_man(30)
            assert reader.status().dead_man is None
        assert exchange.status().dead_man is None


@pytest.mark.parametrize("seconds", [4, 4.99, 0, -1, float("nan"), float("inf"), 100_000])
async def test_times_that_can_not_be_are_refused_unsent(seconds: float) -> None:
    async with gate() as (venue, exchange):
        with pytest.raises(UsageError, match="from 5 to 86400 seconds"):
            await exchange.dead_man(seconds)
        with pytest.raises(UsageError, match="whole seconds: 8 would pass"):
            await exchange.dead_man(7.5)
        for nothing in (True, "5"):
            with pytest.raises(TypeError):
                await exchange.dead_man(nothing)  # type: ignore[arg-type]
        assert len(venue.requests) == 0


@pytest.mark.parametrize("told", [b'{"triggerTime":1660039145000}', b'{"triggerTime":"1660039145000"}'])
def test_time_is_read_in_either_published_form(told: bytes) -> None:
    assert wire.read_countdown(told) == 1_660_039_145_000


@pytest.mark.parametrize("told", [b"{}", b"[]", b'{"triggerTime":"-1"}', b'{"triggerTime":1.5}', b'{"triggerTime":""}'])
def test_no_time_is_no_countdown(told: bytes) -> None:
    with pytest.raises(DecodeError):
        wire.read_countdown(told)


async def test_countdown_is_set_with_a_signed_body() -> None:
    async with gate(time_types="text") as (venue, exchange):
        await exchange.dead_man(30)
        (request,) = venue.requests.find("POST", COUNTDOWN_PATH)
        assert (request.body, request.query) == (b'{"timeout":30}', "")
        assert state_of(exchange) is DeadManState.ARMED


async def test_reply_about_a_countdown_that_is_over_is_not_believed() -> None:
    async with gate() as (venue, exchange):
        stale = ReplaceReply(200, b'{"triggerTime":1660039145000}', "application/json", executed=False)
        venue.faults.add(Fault(stale, "POST", COUNTDOWN_PATH))
        await exchange.dead_man(30)
        assert countdowns(venue) == [30, 30]
        assert len(venue.dialect._memory.countdowns) == 1  # type: ignore[attr-defined]
