"""One guardian from its settings to its end, as whoever starts it sees it."""

from __future__ import annotations

import asyncio
import hmac
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from guardian_rig import resting, trading, until

import spotlane.exchanges
from spotlane.errors import UsageError
from spotlane.guardian.report import Report
from spotlane.guardian.settings import read_settings
from spotlane.sandbox import Sandbox

COMMAND = f"exec {sys.executable} -P -m spotlane.guardian"


def settings_for(venue: Sandbox, **changes: Any) -> dict[str, Any]:
    """Return what a client would tell a guardian of this exchange."""
    told = {
        "exchange": venue.exchange, "folders": list(spotlane.exchanges.__path__), "seconds": 30.0, "watch_s": 0.3,
        "base_url": venue.url, "timeout_s": 2.0, "transport": "lane", "enforce_limits": False, "source_address": None,
        "authorities": [], "api_key": venue.api_key,
    }  # fmt: skip
    return {**told, **changes}


def framed(secret: str) -> bytes:
    """Return a secret as it stands before the settings: its length in four bytes, and itself."""
    return len(secret).to_bytes(4, "little") + secret.encode()


def told_to(venue: Sandbox, **changes: Any) -> bytes:
    """Return all that a client would tell a guardian of this exchange, without the last line end."""
    return framed(venue.api_secret) + json.dumps(settings_for(venue, **changes)).encode()


class Started:
    """A guardian that was started by hand."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process, self.to, self.out = process, process.stdin, process.stdout

    def tell(self, line: bytes) -> None:
        self.to.write(line + b"\n")

    async def hear(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(await self.out.readline())
        return told

    async def rest(self) -> list[str]:
        """Hang up, and return the events until its end."""
        self.to.close()
        return [json.loads(line)["event"] for line in (await self.out.read()).splitlines()]


@asynccontextmanager
async def started(redirection: str = "") -> AsyncIterator[Started]:
    process = await asyncio.create_subprocess_shell(
        f"{COMMAND} {redirection}", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    try:
        async with asyncio.timeout(20):
            yield Started(process)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def test_from_the_settings_to_the_end() -> None:
    async with trading() as (venue, exchange), started() as guardian:
        order = await exchange.place_order(resting())
        guardian.tell(told_to(venue))
        assert await guardian.hear() == {"event": "armed"}
        guardian.tell(b"beat")
        assert await guardian.hear() == {"event": "alive"}
        assert await guardian.rest() == ["fired", "cancelled", "done"]
        assert await guardian.process.wait() == 0
        assert guardian.process.stderr is not None
        said = await guardian.process.stderr.read()
        lines = [json.loads(line) for line in said.splitlines()]
        assert [line["event"] for line in lines] == ["fired", "cancelled", "done"]
        assert {(line["guardian"], line["exchange"]) for line in lines} == {(guardian.process.pid, "mexc")}
        assert (lines[1]["symbol"], lines[1]["order_ids"]) == ("BTC/USDT", [order.order_id])
        assert venue.api_key.encode() not in said
        assert not venue.ledger.live_orders()


async def test_taken_off() -> None:
    async with trading() as (venue, exchange), started() as guardian:
        await exchange.place_order(resting())
        guardian.tell(told_to(venue) + b"\nbeat\noff")
        assert "fired" not in await guardian.rest()
        assert await guardian.process.wait() == 0
        assert len(venue.ledger.live_orders()) == 1


async def test_late_heartbeat_is_answered_and_changes_nothing() -> None:
    async with trading() as (venue, exchange), started() as guardian:
        await exchange.place_order(resting())
        guardian.tell(told_to(venue, seconds=0.3, watch_s=20.0))
        assert [(await guardian.hear())["event"] for _ in range(3)] == ["armed", "fired", "cancelled"]
        guardian.tell(b"beat")
        assert await guardian.hear() == {"event": "fired", "reason": "a heartbeat came late"}
        late = await exchange.place_order(resting())
        assert (await guardian.hear())["order_ids"] == [late.order_id]
        guardian.tell(b"off")
        assert await guardian.rest() == ["taken off"]


async def test_closed_standard_error_leads_nowhere_else() -> None:
    async with trading() as (venue, exchange), started("2>&-") as guardian:
        await exchange.place_order(resting())
        guardian.tell(told_to(venue))
        assert await guardian.hear() == {"event": "armed"}
        assert os.readlink(f"/proc/{guardian.process.pid}/fd/2") == os.devnull
        assert await guardian.rest() == ["fired", "cancelled", "done"]


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b'{"api_key": "hidden"}'])
async def test_settings_that_make_no_sense(line: bytes) -> None:
    async with started() as guardian:
        guardian.tell(framed("hidden") + line)
        guardian.to.close()
        assert await guardian.process.wait() == 1
        assert guardian.process.stderr is not None
        said = await guardian.process.stderr.read()
        assert said == b"spotlane.guardian: the line of settings can't be understood\n"


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b"", b"no secret was sent"),
        (b"\x05\0\0", b"no secret was sent"),
        (b"\x05\0\0\0hid", b"what was sent is no secret"),
        (b'{"api_key": "hidden"}', b"what was sent is no secret"),
        (b"\x07\0\0\0hidden ", b"api_secret holds blanks, line ends or non-ASCII characters: copy it again"),
    ],
)
async def test_secret_that_is_none(sent: bytes, told: bytes) -> None:
    async with started() as guardian:
        guardian.to.write(sent)
        guardian.to.close()
        assert await guardian.process.wait() == 1
        assert guardian.process.stderr is not None
        assert await guardian.process.stderr.read() == b"spotlane.guardian: " + told + b"\n"


async def test_settings_are_one_line_and_what_follows_is_kept(venue: Sandbox) -> None:
    pipe, end = os.pipe()
    os.write(end, told_to(venue) + b"\nbe")
    settings, credentials, rest = read_settings(pipe)
    assert (settings.exchange, settings.seconds, settings.watch_s, rest) == ("mexc", 30.0, 0.3, b"be")
    assert settings.options["connections"] == 2
    assert credentials.api_key not in repr(settings)
    assert credentials.signer("sha256").hexdigest(b"x") == hmac.digest(venue.api_secret.encode(), b"x", "sha256").hex()
    os.close(end)
    with pytest.raises(UsageError):
        read_settings(pipe)
    os.close(pipe)


async def test_nobody_who_stopped_listening_stops_a_guardian() -> None:
    silent, full = os.pipe()
    heard, speaking = os.pipe()
    report = Report("mexc", to_bot=full, to_operator=speaking)
    for number in range(5_000):
        report.say("cancelled", number=number, filling="x" * 100)
    os.set_blocking(heard, False)
    received = b""

    def read() -> bool:
        nonlocal received
        with suppress(BlockingIOError):
            received += os.read(heard, 1 << 16)
        return received.count(b"\n") >= 100

    await until(read)
    os.close(silent)  # lets the thread that writes there end
    report.finish()
    for descriptor in (full, heard, speaking):
        os.close(descriptor)
