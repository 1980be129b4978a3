"""Addresses: from memory, refreshed in the background, the last good ones while DNS is down."""

from __future__ import annotations

import asyncio
import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from raw_server import until

from spotlane.transport import ManualClock
from spotlane.transport.resolver import LastGoodResolver


class NameServer(AbstractResolver):
    def __init__(self) -> None:
        self.asked = 0
        self.is_down = False
        self.is_closed = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked += 1
        await self.gate.wait()
        if self.is_down:
            raise socket.gaierror(socket.EAI_AGAIN, "down")
        address = f"192.0.2.{self.asked}"
        return [ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        self.is_closed = True


async def address(resolver: LastGoodResolver) -> str:
    return (await resolver.resolve("exchange.example", 443))[0]["host"]


async def test_answer_is_kept_and_refreshed_without_waiting_for_it() -> None:
    inner, clock = NameServer(), ManualClock()
    resolver = LastGoodResolver(inner, clock=clock)
    assert [await address(resolver), await address(resolver)] == ["192.0.2.1"] * 2
    clock.advance(31)
    inner.gate.clear()
    assert [await address(resolver), await address(resolver)] == ["192.0.2.1"] * 2
    await until(lambda: inner.asked == 2)
    inner.gate.set()
    await until(lambda: not resolver._refreshing)
    assert await address(resolver) == "192.0.2.2"
    await resolver.close()
    assert inner.is_closed


async def test_last_good_answer_outlives_the_name_server() -> None:
    inner, clock = NameServer(), ManualClock()
    resolver = LastGoodResolver(inner, clock=clock)
    await address(resolver)
    inner.is_down = True
    for pause_s in (31, 31, 601):
        clock.advance(pause_s)
        assert await address(resolver) == "192.0.2.1"
        await until(lambda: not resolver._refreshing)
    assert inner.asked == 4
    inner.is_down = False
    assert await address(resolver) == "192.0.2.5"
    await resolver.close()


async def test_name_that_never_resolved_is_an_error() -> None:
    inner = NameServer()
    inner.is_down = True
    with pytest.raises(socket.gaierror):
        await address(LastGoodResolver(inner, clock=ManualClock()))


async def test_closing_ends_a_refresh_under_way() -> None:
    inner, clock = NameServer(), ManualClock()
    resolver = LastGoodResolver(inner, clock=clock)
    await address(resolver)
    clock.advance(31)
    inner.gate.clear()
    await address(resolver)
    await until(lambda: inner.asked == 2)
    await resolver.close()
    assert len(asyncio.all_tasks()) == 1
