"""Virtual time: it jumps, it repeats, and it refuses what would take its own time."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from virtual_rig import faulted_run, limit_order

from spotlane import open_exchange
from spotlane.errors import UsageError
from spotlane.exchanges.mexc import MexcPrivateRest
from spotlane.registry import exchange_names
from spotlane.sandbox import Sandbox, VirtualClock, run_virtual
from spotlane.sandbox.virtual import START_MS, VirtualLoop


def test_a_week_passes_at_once_and_to_the_millisecond() -> None:
    async def main() -> tuple[float, int]:
        venue = Sandbox("mexc")
        loop = asyncio.get_running_loop()
        begin_s, begin_ms = loop.time(), venue.clock.now_ms()
        assert begin_ms == 1_700_000_000_000
        for _ in range(7):
            await asyncio.sleep(86_399.9)
            await asyncio.sleep(0.1)
        return loop.time() - begin_s, venue.clock.now_ms() - begin_ms

    passed_s, passed_ms = run_virtual(main, start_ms=1_700_000_000_000)
    assert passed_s == pytest.approx(604_800, abs=1e-6)
    assert passed_ms == 604_800_000


def test_timers_fire_in_order_and_not_before_what_is_ready() -> None:
    async def main() -> list[str]:
        told: list[str] = []
        loop = asyncio.get_running_loop()
        loop.call_later(2, told.append, "late")
        loop.call_later(1, told.append, "early")
        for turn in range(3):
            told.append(f"turn {turn}")
            await asyncio.sleep(0)
        await asyncio.sleep(3)
        return told

    assert run_virtual(main) == ["turn 0", "turn 1", "turn 2", "early", "late"]


def test_equal_seeds_repeat_exactly_in_any_process() -> None:
    first = faulted_run(3)
    command = [sys.executable, "-c", "from virtual_rig import faulted_run; print(faulted_run(3))"]
    for hash_seed in ("1", "2"):
        search = os.pathsep.join([str(Path(__file__).parent), *sys.path])
        told = subprocess.run(
            command,
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": search},
            capture_output=True,
            text=True,
            check=True,
        )
        assert told.stdout.strip() == first
    assert faulted_run(4) != first


@pytest.mark.parametrize("transport", ["lane", "plain"])
@pytest.mark.parametrize("exchange", exchange_names())
def test_every_exchange_and_way_of_sending_repeats(exchange: str, transport: str) -> None:
    assert faulted_run(5, exchange, transport) == faulted_run(5, exchange, transport)


def test_every_exchange_trades_in_virtual_time() -> None:
    async def main() -> None:
        for name in exchange_names():
            async with (
                Sandbox(name) as venue,
                open_exchange(name, venue.credentials, **venue.client_options) as exchange,
            ):
                order = await exchange.place_order(limit_order())
                assert [live.order_id for live in venue.ledger.live_orders()] == [order.order_id]

    run_virtual(main)


def test_the_same_options_lead_over_tcp_and_tls() -> None:
    async def main(tls: bool) -> None:
        async with Sandbox("mexc", tls=tls) as venue:
            assert venue.client_options.keys() == {"base_url", "ssl_context"} if tls else {"base_url"}
            async with MexcPrivateRest(venue.credentials, **venue.client_options) as exchange:
                await exchange.place_order(limit_order())
            assert len(venue.ledger.live_orders()) == 1

    for tls in (False, True):
        asyncio.run(main(tls))


def test_client_and_exchange_share_a_clock_that_the_client_may_have_wrong() -> None:
    async def main() -> None:
        async with Sandbox("mexc") as venue:
            options = venue.client_options
            clock = options["clock"]
            assert isinstance(clock, VirtualClock)
            clock.skew_ms = -40_000
            async with MexcPrivateRest(venue.credentials, **options) as exchange:
                assert exchange.status().clock_offset_ms == pytest.approx(40_000, abs=2)
                assert clock.time_ms() == venue.clock.now_ms() - 40_000
                await exchange.place_order(limit_order())

    run_virtual(main)


def test_the_date_of_a_reply_is_the_exchanges_and_so_in_the_seed() -> None:
    async def main() -> str:
        async with Sandbox("mexc") as venue:
            session = venue.client_options["session"]
            async with session.get(f"{venue.url}/api/v3/time") as reply:
                return str(reply.headers["Date"])

    assert START_MS == 1_767_225_600_000
    assert run_virtual(main) == "Thu, 01 Jan 2026 00:00:00 GMT"


def test_what_takes_its_own_time_is_refused() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        attempts: list[Callable[[], Any]] = [
            lambda: asyncio.to_thread(lambda: None),
            lambda: asyncio.open_connection("127.0.0.1", 9),
            lambda: asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0),
            lambda: loop.getaddrinfo("localhost", 80),
        ]
        for attempt in attempts:
            with pytest.raises(UsageError, match=r"in virtual time there are no (threads|sockets)"):
                await attempt()
        for register in (loop.add_reader, loop.add_writer):
            with pytest.raises(UsageError, match="no sockets"):
                register(0, print)
        with pytest.raises(UsageError, match="there is no TLS"):
            Sandbox("mexc", tls=True)

        async def nothing() -> None: ...

        with pytest.raises(UsageError, match="makes an event loop of its own"):
            run_virtual(nothing)

    run_virtual(main)


def test_a_thread_that_calls_in_is_refused() -> None:
    async def main() -> list[object]:
        loop = asyncio.get_running_loop()
        told: list[object] = []

        def call_in() -> None:
            try:
                loop.call_soon_threadsafe(told.append, "came through")
            except UsageError as error:
                told.append(error)

        thread = threading.Thread(target=call_in)
        thread.start()
        thread.join()
        loop.call_soon_threadsafe(told.append, "from within")
        await asyncio.sleep(0)
        return told

    refused, within = run_virtual(main)
    assert "there are no threads" in str(refused)
    assert within == "from within"


def test_a_sandbox_starts_where_it_was_made() -> None:
    outside = Sandbox("mexc")

    async def main() -> Sandbox:
        with pytest.raises(UsageError, match="make it inside run_virtual"):
            await outside.start()
        return Sandbox("mexc")

    inside = run_virtual(main)
    with pytest.raises(UsageError, match="make it inside run_virtual"):
        asyncio.run(inside.start())


def test_a_program_that_waits_for_ever_is_told_so() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="nothing is left to happen"):
        run_virtual(main)


def test_chance_is_seeded_inside_and_left_alone_outside() -> None:
    async def main() -> tuple[float, bytes]:
        return random.random(), os.urandom(8)

    real_urandom = os.urandom
    random.seed(7)
    expected = random.random()
    random.seed(7)
    assert run_virtual(main, seed=1) == run_virtual(main, seed=1)
    assert random.random() == expected
    assert run_virtual(main, seed=1) != run_virtual(main, seed=2)
    assert os.urandom is real_urandom


def test_what_a_program_raises_comes_out_and_everything_is_closed() -> None:
    async def main() -> None:
        venue = Sandbox("mexc")
        await venue.start()
        async with venue.client_options["session"].get(f"{venue.url}/api/v3/time"):
            assert venue.connections_open == 1
        raise LookupError("of its own")

    with pytest.raises(LookupError, match="of its own"):
        run_virtual(main)


def test_the_loop_may_be_made_by_hand() -> None:
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(seed=3, start_ms=5)) as runner:
        runner.run(asyncio.sleep(1.5))
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        assert loop.time_ms() == 1_505
