"""A key and a secret are found nowhere, whatever goes wrong: not in a log, not in an error, not in a core dump."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from canary_rig import Canary, canary, count, forms_of, memory_of, pads_of, write_credentials

from spotlane.sandbox import FAULT_POINTS, Fault, ReplaceReply, Sandbox

WHOLE = os.environ.get("CANARY") == "whole"
pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
    pytest.mark.timeout(900 if WHOLE else 180),
]

EXCHANGES = ("binance", "gateio", "mexc")
METHODS = ("POST", "DELETE", "GET")
ECHO = b'{"code":1,"label":"X","msg":"/api?a=1&signature=%b","message":"SIGN: %b"}' % (b"ab" * 32, b"cd" * 64)
BAD_REPLIES = (
    (200, b"[]", "application/json"),
    (200, b'{"balances":"x"}', "application/json"),
    (200, ECHO, "application/json"),
    (400, ECHO, "application/json"),
    (502, b"<a href='/api?signature=%b'>here</a>" % (b"ab" * 32), "text/html"),
)


def methods_for(number: int) -> tuple[str, ...]:
    """Return the kinds of requests that meet a fault: one in turn, or all where the whole matrix is asked for."""
    return METHODS if WHOLE else (METHODS[number % len(METHODS)],)


async def provoke(venue: Sandbox, bot: Canary, folder: Path) -> set[str]:
    """Have everything go wrong that can; return the names of the faults that struck."""
    struck = set()
    for number, point in enumerate(FAULT_POINTS):
        for method in methods_for(number):
            venue.faults.hits.clear()
            venue.faults.add(Fault.named(point) if point.endswith("-on-accept") else Fault.named(point, method))
            if point.endswith("-on-accept"):
                # There is an accept only where the connection that idles is gone.
                venue.faults.add(Fault.named("close-before-read", method))
            async with asyncio.timeout(30):
                while point not in struck:
                    await bot.tell("call", method=method)
                    struck |= {hit.fault.name for hit in venue.faults.hits}
            await bot.tell("call", method=method)
            venue.faults.clear()
            await bot.tell("heal")
    for number, (status, body, kind) in enumerate(BAD_REPLIES):
        for method in methods_for(number):
            venue.faults.add(Fault(ReplaceReply(status, body, kind), method=method))
            await bot.tell("call", method=method)
            venue.faults.clear()
            await bot.tell("heal")
    for number, (api_key, api_secret) in enumerate(refused_keys(venue)):
        await bot.tell("lock_out", credentials=write_credentials(folder / f"refused-{number}", api_key, api_secret))
    return struck


def refused_keys(venue: Sandbox) -> list[tuple[str, str]]:
    """Return pairs that are each wrong in one way; the wrong secrets are the canary's own, turned round."""
    expired = venue.dialect.add_key(expires_ms=venue.clock.now_ms() - 1)
    bound = venue.dialect.add_key(ip_allow_list=["203.0.113.7"])
    return [
        (venue.api_key, venue.api_secret[::-1]),
        (venue.api_key[:-1] + "0", venue.api_secret),
        (expired.api_key, expired.api_secret),
        (bound.api_key, bound.api_secret),
    ]


def needles_of(venue: Sandbox) -> dict[str, Any]:
    return {
        "secret": [form.hex() for form in forms_of(venue.api_secret)],
        "key": venue.api_key.encode().hex(),
    }


def core_of(bot: Canary, folder: Path) -> bytes | None:
    """Return a core dump of a bot, or None where there is no tool that makes one."""
    if shutil.which("gcore") is None:
        return None
    made = subprocess.run(["gcore", "-o", str(folder / "core"), str(bot.pid)], capture_output=True, text=True)
    if made.returncode:
        return None
    return (folder / f"core.{bot.pid}").read_bytes()


async def search_memory(venue: Sandbox, bot: Canary, folder: Path) -> int:
    """Return how often the secret stands in what a core dump of the bot has."""
    needles = [*forms_of(venue.api_secret), *pads_of(venue.api_secret)]
    try:
        left_out = count(memory_of(bot.pid, dumped=False), forms_of(venue.api_secret)[:1])
    except PermissionError:
        pytest.skip("this system lets no process read another one's memory: the canary was not looked for there")
    assert left_out > 0, "the search finds where it is"
    found = count(memory_of(bot.pid, dumped=True), needles)
    if bot.guardian is not None:
        # It lets nobody but root look.
        with suppress(PermissionError):
            found += count(memory_of(bot.guardian, dumped=True), needles)
    core = await asyncio.to_thread(core_of, bot, folder)
    if core is not None:
        assert venue.api_key.encode() in core, "the search finds what is in every header"
        found += count(iter([core]), needles)
    return found


@pytest.mark.parametrize("name", EXCHANGES)
async def test_the_canary_is_nowhere(name: str, tmp_path: Path) -> None:
    async with Sandbox(name, rate_limits=False, seed=random.getrandbits(60)) as venue:
        journal = tmp_path / "orders.journal"
        async with canary(venue) as bot:
            path = write_credentials(tmp_path / "key", venue.api_key, venue.api_secret)
            transport = "plain" if name == "binance" else "lane"
            await bot.tell("open", credentials=path, journal=str(journal), transport=transport)
            bot.guardian = await bot.tell("arm")
            struck = await provoke(venue, bot, tmp_path)
            assert struck == {*FAULT_POINTS}
            assert bot.failures > len(FAULT_POINTS)
            assert await search_memory(venue, bot, tmp_path) == 0
            await bot.tell("close")
            pieces = await bot.tell("snapshot")
            assert pieces["log"] > 10
            assert min(pieces.values()) > 0 or (pieces.pop("guardian") == 0 and min(pieces.values()) > 0)
            found = await bot.tell("search", **needles_of(venue))
        assert found == dict.fromkeys(found, 0)
        forms = forms_of(venue.api_secret)
        written = journal.read_bytes()
        assert len(written) > 2_000
        for text in (written, bot.said):
            assert not [form for form in [*forms, venue.api_key.encode()] if form in text]


async def test_after_a_rotation_the_old_secret_is_in_no_memory_at_all(tmp_path: Path) -> None:
    async with Sandbox("mexc", rate_limits=False, seed=random.getrandbits(60)) as venue, canary(venue) as bot:
        new = venue.dialect.add_key()
        paths = [
            write_credentials(tmp_path / "old", venue.api_key, venue.api_secret),
            write_credentials(tmp_path / "new", new.api_key, new.api_secret),
        ]
        await bot.tell("open", credentials=paths[0], journal=None, transport="lane")
        await bot.tell("heal")
        needles = [*forms_of(venue.api_secret), *pads_of(venue.api_secret)]
        try:
            assert count(memory_of(bot.pid, dumped=False), needles) == 1
        except PermissionError:
            pytest.skip("this system lets no process read another one's memory: the canary was not looked for there")
        await bot.tell("rotate", credentials=paths[1])
        await bot.tell("heal")
        for dumped in (True, False):
            assert count(memory_of(bot.pid, dumped=dumped), needles) == 0
        assert count(memory_of(bot.pid, dumped=False), forms_of(new.api_secret)) == 1
        await bot.tell("close")


async def test_a_canary_that_was_planted_is_found(tmp_path: Path) -> None:
    async with Sandbox("mexc", rate_limits=False, seed=random.getrandbits(60)) as venue, canary(venue) as bot:
        path = write_credentials(tmp_path / "key", venue.api_key, venue.api_secret)
        await bot.tell("open", credentials=path, journal=None, transport="lane")
        await bot.tell("plant", credentials=path)
        assert await search_memory(venue, bot, tmp_path) > 0
        await bot.tell("snapshot")
        found = await bot.tell("search", **needles_of(venue))
        for kind in ("log", "traceback", "pickle", "guardian", "repr", "text"):
            assert found[kind] > 0, kind
        await bot.tell("close")
