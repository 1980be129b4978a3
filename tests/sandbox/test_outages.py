"""Outages of the whole exchange: each does what it says from its beginning to its end, and no longer."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from spotlane.errors import UsageError
from spotlane.sandbox import OUTAGES, Sandbox, run_virtual

Ask = Callable[[], Awaitable[str]]
PATIENCE_S = 3.0


def asking(check: Callable[[Sandbox, Ask], Awaitable[None]], **settings: Any) -> None:
    """Run a check with a way to ask the exchange for its time, told in one word, over connections that are kept."""

    async def main() -> None:
        async with Sandbox("mexc", rate_limits=False, **settings) as venue:
            session = venue.client_options["session"]
            timeout = aiohttp.ClientTimeout(total=PATIENCE_S)

            async def ask() -> str:
                try:
                    async with session.get(f"{venue.url}/api/v3/time", timeout=timeout) as reply:
                        return "answered" if reply.status == 200 else str(reply.status)
                except aiohttp.ClientConnectorDNSError:
                    return "no name"
                except aiohttp.ClientConnectorError as error:
                    return type(error.os_error).__name__
                except TimeoutError:
                    return "silence"
                except (aiohttp.ClientError, ConnectionError):
                    return "lost"

            # aiohttp would send a GET again over a new connection by itself.
            session._retry_connection = False
            assert await ask() == "answered"
            await check(venue, ask)
            assert venue.errors == ()

    run_virtual(main)


def test_every_outage_is_shown() -> None:
    assert OUTAGES.keys() == {name for name, _, _ in WHILE} | {"dns", "flapping", "half-open", "slow", "clock-step"}


WHILE = [
    ("refused", {}, {"lost", "ConnectionRefusedError"}),
    ("reset", {}, {"lost"}),
    ("black-hole", {}, {"silence"}),
    ("unavailable", {"value": 504}, {"504"}),
    ("banned", {}, {"418"}),
    ("desynchronised", {}, {"answered"}),
]


@pytest.mark.parametrize(("name", "options", "told"), WHILE, ids=[name for name, _, _ in WHILE])
def test_from_beginning_to_end(name: str, options: dict[str, Any], told: set[str]) -> None:
    async def check(venue: Sandbox, ask: Ask) -> None:
        venue.outages.begin(name, **options)
        assert list(venue.outages.active) == [name]
        executed = sum(request.is_executed for request in venue.requests)
        assert {await ask() for _ in range(4)} <= told
        if name != "desynchronised":
            assert sum(request.is_executed for request in venue.requests) == executed
        venue.outages.end(name)
        assert not venue.outages.active
        await ask()
        assert {await ask() for _ in range(3)} == {"answered"}

    asking(check)


def test_a_name_server_that_is_down_stops_new_connections_only() -> None:
    async def check(venue: Sandbox, ask: Ask) -> None:
        venue.outages.begin("dns")
        assert await ask() == "answered"
        await venue.down()
        await venue.up()
        # The connection that was kept is found closed first.
        assert {await ask(), await ask()} <= {"lost", "no name"}
        assert await ask() == "no name"
        venue.outages.end("dns")
        assert await ask() == "answered"

    asking(check)


def test_an_outage_ends_by_itself() -> None:
    async def check(venue: Sandbox, ask: Ask) -> None:
        venue.outages.begin("unavailable", duration_s=10)
        venue.outages.begin("slow", value=1.5, duration_s=20)
        assert list(venue.outages.active) == ["unavailable", "slow"]
        assert await ask() == "503"
        await asyncio.sleep(11)
        began_s = asyncio.get_running_loop().time()
        assert await ask() == "answered"
        assert asyncio.get_running_loop().time() - began_s == pytest.approx(1.5, abs=0.01)
        venue.outages.end()
        assert (list(venue.outages.active), venue.latency_s) == ([], 0.0)
        await asyncio.sleep(30)
        assert await ask() == "answered"

    asking(check)


def test_desynchronised_replies_answer_the_request_before() -> None:
    async def main() -> None:
        async with Sandbox("mexc") as venue:
            session = venue.client_options["session"]

            async def told_ms() -> int:
                await asyncio.sleep(1)
                async with session.get(f"{venue.url}/api/v3/time") as reply:
                    return int((await reply.json())["serverTime"])

            true_ms = await told_ms()
            venue.outages.begin("desynchronised")
            assert [await told_ms() - true_ms for _ in range(3)] == pytest.approx([0, 1_000, 2_000], abs=10)
            venue.outages.end("desynchronised")
            assert await told_ms() - true_ms == pytest.approx(4_000, abs=10)

    run_virtual(main)


def test_what_a_black_hole_swallowed_is_executed_at_its_end() -> None:
    async def check(venue: Sandbox, ask: Ask) -> None:
        venue.outages.begin("black-hole", duration_s=60)
        total = venue.requests.total
        assert await ask() == "silence"
        assert venue.requests.total == total
        await asyncio.sleep(60)
        assert await ask() == "answered"

    asking(check)


def test_flapping_goes_up_and_down() -> None:
    async def check(venue: Sandbox, ask: Ask) -> None:
        venue.outages.begin("flapping", value=5)
        seen = []
        for _ in range(6):
            await ask()
            seen.append(await ask() == "answered")
            await asyncio.sleep(5)
        assert seen == [False, True] * 3
        venue.outages.end("flapping")
        await asyncio.sleep(60)
        assert await ask() == "answered"

    asking(check)


def test_half_open_connections_are_silent_for_ever_and_new_ones_work() -> None:
    async def check(venue: Sandbox, ask: Ask) -> None:
        venue.outages.begin("half-open")
        assert await ask() == "silence"
        assert await ask() == "answered"
        venue.outages.end("half-open")
        assert await ask() == "answered"

    asking(check)


def test_a_step_of_the_clock_is_taken_back() -> None:
    async def check(venue: Sandbox, ask: Ask) -> None:
        before_ms = venue.clock.offset_ms
        venue.outages.begin("clock-step", value=-7_000)
        assert venue.clock.offset_ms - before_ms == -7_000
        venue.outages.end("clock-step")
        assert venue.clock.offset_ms == before_ms

    asking(check)


def test_faults_of_single_requests_wait_until_an_outage_is_over() -> None:
    async def check(venue: Sandbox, ask: Ask) -> None:
        venue.faults.add("gateway-error-refused=502:GET")
        venue.outages.begin("banned")
        assert await ask() == "418"
        venue.outages.end("banned")
        assert [await ask(), await ask()] == ["502", "answered"]
        assert [hit.fault.name for hit in venue.faults.hits] == ["banned", "gateway-error-refused"]

    asking(check)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda outages: outages.begin("blackhole"), "did you mean 'black-hole'"),
        (lambda outages: outages.end("zzz"), "There are dns, refused"),
        (lambda outages: outages.begin("refused", value=3), "takes no value"),
        (lambda outages: (outages.begin("slow"), outages.begin("slow")), "under way already"),
    ],
)
def test_bad_words(call: Callable[[Any], object], told: str) -> None:
    async def main() -> None:
        async with Sandbox("mexc") as venue:
            with pytest.raises(UsageError, match=told):
                call(venue.outages)

    run_virtual(main)


def test_over_tcp_too_but_for_names() -> None:
    def fetch(url: str) -> int:
        with urllib.request.urlopen(url + "/api/v3/time", timeout=10) as reply:
            return int(reply.status)

    async def main() -> None:
        async with Sandbox("mexc") as venue:
            with pytest.raises(UsageError, match="needs run_virtual"):
                venue.outages.begin("dns")
            assert not venue.outages.active
            for name, error in (("refused", urllib.error.URLError), ("reset", OSError), ("banned", OSError)):
                venue.outages.begin(name)
                with pytest.raises(error) as caught:
                    await asyncio.to_thread(fetch, venue.url)
                if isinstance(caught.value, urllib.error.HTTPError):
                    caught.value.close()
                venue.outages.end(name)
                assert await asyncio.to_thread(fetch, venue.url) == 200

    asyncio.run(main())
