"""The client's side of a guardian: armed or refused, replaced where it is lost, taken off without a trace."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from mexc_rig import connect, key_of, resting, until

from spotlane import Credentials, DeadManState
from spotlane.errors import AuthenticationError, PermissionDenied, TransportError, UsageError
from spotlane.exchanges.mexc import MexcPrivateRest
from spotlane.safety.dead_man import DeadManStatus
from spotlane.sandbox import Sandbox
from spotlane.transport import ManualClock

LONG_S = 60.0


def children() -> set[int]:
    """Return the processes that this one started and has not seen the end of, zombies included."""
    listed = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return {int(pid) for file in listed for pid in file.read_text().split()}


def exists(pid: int) -> bool:
    """Tell whether there is such a process, be it a zombie."""
    return Path(f"/proc/{pid}").exists()


@pytest.fixture(autouse=True)
async def no_process_is_left() -> AsyncIterator[None]:
    before = children()
    yield
    try:
        await until(lambda: children() <= before)
    except TimeoutError:
        for left in children() - before:
            os.kill(left, signal.SIGKILL)
        raise


def standing(exchange: MexcPrivateRest) -> DeadManStatus:
    status = exchange.status().dead_man
    assert status is not None
    return status


def guardian_of(exchange: MexcPrivateRest) -> int:
    pid = standing(exchange).pid
    assert pid is not None
    return pid


async def test_armed_and_taken_off(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    assert exchange.status().dead_man is None
    await exchange.place_order(resting())
    await exchange.dead_man(LONG_S)
    guardian = guardian_of(exchange)
    status = standing(exchange)
    assert (status.kind, status.state, status.seconds) == ("guardian", DeadManState.ARMED, LONG_S)
    assert (status.failures, status.replaced) == (0, 0)
    await exchange.dead_man(None)
    assert exchange.status().dead_man is None
    assert not exists(guardian)
    assert len(venue.ledger.live_orders()) == 1
    assert venue.requests.count("DELETE") == 0


async def test_another_call_changes_the_time_without_a_gap(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    await exchange.place_order(resting())
    await exchange.dead_man(LONG_S)
    first = guardian_of(exchange)
    await exchange.dead_man(LONG_S / 2)
    assert not exists(first)
    assert exists(guardian_of(exchange))
    assert standing(exchange).seconds == LONG_S / 2
    assert len(venue.ledger.live_orders()) == 1


async def test_guardian_that_is_killed_is_replaced(exchange: MexcPrivateRest, caplog: pytest.LogCaptureFixture) -> None:
    await exchange.dead_man(LONG_S)
    first = guardian_of(exchange)
    os.kill(first, signal.SIGKILL)
    await until(lambda: standing(exchange).state is DeadManState.INTERRUPTED)
    assert standing(exchange).pid is None
    await until(lambda: standing(exchange).state is DeadManState.ARMED)
    assert standing(exchange).replaced == 1
    assert guardian_of(exchange) != first
    told = [record.levelno for record in caplog.records if "guardian" in record.message]
    assert told == [logging.ERROR, logging.WARNING]


async def test_guardian_that_can_not_be_replaced_yet(
    venue: Sandbox, exchange: MexcPrivateRest, monkeypatch: pytest.MonkeyPatch
) -> None:
    await exchange.dead_man(LONG_S)
    await venue.down()
    os.kill(guardian_of(exchange), signal.SIGKILL)
    await until(lambda: standing(exchange).failures)
    assert standing(exchange).state is DeadManState.INTERRUPTED
    await venue.up()
    await until(lambda: standing(exchange).state is DeadManState.ARMED)
    assert standing(exchange).failures == 0


async def test_guardian_that_no_longer_answers_is_replaced(venue: Sandbox) -> None:
    clock = ManualClock()
    async with connect(venue, clock=clock) as exchange:
        await exchange.dead_man(LONG_S)
        first = guardian_of(exchange)
        os.kill(first, signal.SIGSTOP)
        clock.advance(LONG_S * 3)
        assert standing(exchange).state is DeadManState.INTERRUPTED
        await until(lambda: standing(exchange).state is DeadManState.ARMED)
        await until(lambda: not exists(first))


async def test_heartbeats_are_answered(venue: Sandbox) -> None:
    clock = ManualClock()
    async with connect(venue, clock=clock) as exchange:
        await exchange.dead_man(LONG_S)
        await asyncio.sleep(0)
        for _ in range(3):
            clock.advance(LONG_S / 4 + 0.001)
            await until(lambda: standing(exchange).age_s == 0)
        assert standing(exchange).state is DeadManState.ARMED


async def test_one_that_fired_is_armed_again_by_a_new_guardian(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    await exchange.place_order(resting())
    await exchange.dead_man(1)
    first = guardian_of(exchange)
    switch: Any = exchange._switch
    switch._beating.cancel()
    await until(lambda: not venue.ledger.live_orders())
    assert standing(exchange).state is DeadManState.FIRED
    await exchange.dead_man(LONG_S)
    assert not exists(first)
    assert standing(exchange).state is DeadManState.ARMED
    await exchange.place_order(resting())
    await exchange.dead_man(None)
    assert len(venue.ledger.live_orders()) == 1


async def test_wrong_secret(venue: Sandbox) -> None:
    wrong = Credentials(venue.api_key, venue.api_secret[::-1])
    async with connect(venue, wrong) as exchange:
        with pytest.raises(AuthenticationError) as refusal:
            await exchange.dead_man(LONG_S)
        assert (refusal.value.exchange, refusal.value.code, refusal.value.http_status) == ("mexc", 700002, 400)
        assert exchange.status().dead_man is None


async def test_key_without_the_permission_to_see_orders(venue: Sandbox) -> None:
    key = venue.dialect.add_key(permissions=["SPOT_ACCOUNT_READ"])
    async with connect(venue, key_of(key)) as exchange:
        with pytest.raises(PermissionDenied, match="SPOT_DEAL_READ"):
            await exchange.dead_man(LONG_S)


async def test_exchange_that_can_not_be_reached(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    await venue.down()
    with pytest.raises(TransportError, match="the guardian could not reach mexc"):
        await exchange.dead_man(LONG_S)
    assert exchange.status().dead_man is None


async def test_call_that_is_given_up_leaves_nothing(exchange: MexcPrivateRest) -> None:
    arming = asyncio.create_task(exchange.dead_man(LONG_S))
    before = children()
    await until(lambda: children() - before)
    arming.cancel()
    with pytest.raises(asyncio.CancelledError):
        await arming
    assert exchange.status().dead_man is None
    await until(lambda: children() <= before)


@pytest.mark.parametrize("seconds", [0.99, 0, -1, float("nan"), 100_000])
async def test_times_that_can_not_be_are_refused(exchange: MexcPrivateRest, seconds: float) -> None:
    with pytest.raises(UsageError, match="from 1 to 86400 seconds"):
        await exchange.dead_man(seconds)


async def test_the_key_is_nowhere_to_be_seen(
    venue: Sandbox,
    exchange: MexcPrivateRest,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    # Where a bot may have it.
    monkeypatch.setenv("BOT_SECRET", venue.api_secret)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    await exchange.dead_man(LONG_S)
    process = Path(f"/proc/{guardian_of(exchange)}")
    environment, command = (process / "environ").read_bytes(), (process / "cmdline").read_bytes()
    assert b"LC_ALL=C.UTF-8" in environment
    assert b"spotlane.guardian" in command
    os.kill(guardian_of(exchange), signal.SIGKILL)
    await until(lambda: standing(exchange).replaced == 1)
    shown = (environment.decode(), command.decode(), repr(exchange.status()), caplog.text, *capfd.readouterr())
    switch: Any = exchange._switch
    for text in (*shown, repr(vars(switch)), repr(vars(switch._guardian))):
        assert venue.api_secret not in text
        assert venue.api_key not in text


async def test_guardian_over_tls_trusts_what_its_client_trusts() -> None:
    async with Sandbox("mexc", rate_limits=False, tls=True) as venue:
        async with connect(venue, ssl_context=venue.ssl_context) as exchange:
            await exchange.dead_man(LONG_S)
            assert standing(exchange).state is DeadManState.ARMED
        assert venue.errors == ()
