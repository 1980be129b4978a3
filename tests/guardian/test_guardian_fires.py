"""A bot that is killed, stopped or stalled has its open orders cancelled by its guardian; real processes over TCP."""

from __future__ import annotations

import os
import signal

from guardian_rig import GRACE_S, SECONDS, bot, is_running, until

from spotlane.sandbox import Sandbox


async def cancelled_in_time(venue: Sandbox, seconds: float = SECONDS) -> None:
    """Wait until no order is open, and state that this took no longer than it may."""
    assert len(venue.ledger.live_orders()) == 3
    await until(lambda: not venue.ledger.live_orders(), seconds + GRACE_S)


async def test_bot_that_is_killed(venue: Sandbox) -> None:
    async with bot(venue, "live") as killed:
        killed.send(signal.SIGKILL)
        await cancelled_in_time(venue)


async def test_bot_that_is_stopped_and_comes_back(venue: Sandbox) -> None:
    async with bot(venue, "live") as stopped:
        stopped.send(signal.SIGSTOP)
        await cancelled_in_time(venue)
        stopped.send(signal.SIGCONT)
        assert await stopped.hear() == {"state": "FIRED"}


async def test_bot_whose_event_loop_stalls(venue: Sandbox) -> None:
    async with bot(venue, "stall") as stalled:
        await cancelled_in_time(venue)
        assert await stalled.hear() == {"state": "FIRED"}


async def test_bot_that_ends_by_an_exception(venue: Sandbox) -> None:
    async with bot(venue, "fail"):
        await cancelled_in_time(venue)


async def test_bot_that_ends_in_good_order_keeps_its_orders(venue: Sandbox) -> None:
    async with bot(venue, "end") as ended:
        assert await ended.process.wait() == 0
        assert not is_running(ended.guardian)
    assert len(venue.ledger.live_orders()) == 3
    assert venue.requests.count("DELETE") == 0


async def test_exchange_that_is_away_when_the_guardian_fires(venue: Sandbox) -> None:
    async with bot(venue, "live") as killed:
        await venue.down()
        killed.send(signal.SIGKILL)
        await killed.process.wait()
        assert len(venue.ledger.live_orders()) == 3
        await venue.up()
        await until(lambda: not venue.ledger.live_orders())


async def test_what_ends_other_processes_does_not_end_a_guardian(venue: Sandbox) -> None:
    async with bot(venue, "live") as stopped:
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            os.kill(stopped.guardian, number)
        # What a terminal sends on Ctrl-C reaches the bot's process group.
        assert os.getpgid(stopped.guardian) != os.getpgid(stopped.process.pid)
        stopped.send(signal.SIGKILL)
        await cancelled_in_time(venue)


async def test_orders_on_binance_are_cancelled_too() -> None:
    async with Sandbox("binance", rate_limits=False) as venue:
        async with bot(venue, "live") as killed:
            killed.send(signal.SIGKILL)
            await cancelled_in_time(venue)
        assert venue.errors == ()
