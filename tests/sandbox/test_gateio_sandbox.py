"""The Gate dialect behind the real TCP server."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest
from gateio_caller import PREFIX, limit_order, sign

from spotlane.errors import UsageError
from spotlane.sandbox import Sandbox


async def ask(
    session: aiohttp.ClientSession, venue: Sandbox, method: str, path: str, body: object = None
) -> tuple[int, Any, dict[str, str]]:
    content = b"" if body is None else json.dumps(body).encode()
    stamp = str(venue.clock.now_ms() / 1000)
    headers = {
        "KEY": venue.api_key,
        "Timestamp": stamp,
        "SIGN": sign(venue.api_secret, method, PREFIX + path, "", content, stamp),
        "Content-Type": "application/json",
    }
    async with session.request(method, f"{venue.url}{PREFIX}{path}", data=content, headers=headers) as reply:
        return reply.status, await reply.json(), {name.lower(): value for name, value in reply.headers.items()}


async def test_orders_and_withdrawals_travel_over_tcp() -> None:
    async with Sandbox("gateio") as venue, aiohttp.ClientSession() as session:
        status, order, headers = await ask(session, venue, "POST", "/spot/orders", limit_order(text="t-tcp"))
        assert (status, order["status"]) == (201, "open")
        assert venue.ledger.orders("t-tcp")[0].order_id == order["id"]
        assert headers["x-gate-ratelimit-requests-remain"] == "9"
        assert int(headers["x-in-time"]) <= int(headers["x-out-time"])
        withdrawal = {"currency": "USDT", "chain": "TRX", "address": "T1", "amount": "5"}
        status, refusal, _ = await ask(session, venue, "POST", "/withdrawals", withdrawal)
        assert (status, refusal["label"]) == (400, "INVALID_PARAM_VALUE")
        assert venue.requests.count("POST", f"{PREFIX}/withdrawals") == 1
        assert venue.errors == ()


async def test_a_clock_that_is_off_is_told_by_status_403() -> None:
    async with Sandbox("gateio") as venue, aiohttp.ClientSession() as session:
        venue.clock.offset_ms = 61_000
        stamp = str(venue.clock.now_ms() // 1000 - 61)
        headers = {"KEY": venue.api_key, "Timestamp": stamp, "SIGN": "x"}
        async with session.get(f"{venue.url}{PREFIX}/spot/accounts", headers=headers) as reply:
            assert (reply.status, (await reply.json())["label"]) == (403, "REQUEST_EXPIRED")


async def test_settings_of_engine_and_dialect() -> None:
    venue = Sandbox("gateio", refuse_crossing_makers=False, time_types="text")
    assert (venue.engine.settings.refuse_crossing_makers, venue.engine.settings.refuse_unfilled_fok) == (False, True)
    async with venue, aiohttp.ClientSession() as session:
        body = limit_order(price="61000", time_in_force="poc")
        status, order, _ = await ask(session, venue, "POST", "/spot/orders", body)
        assert (status, order["finish_as"], type(order["create_time_ms"])) == (201, "poc", str)


def test_settings_that_can_not_be() -> None:
    with pytest.raises(UsageError, match="ack_is_early"):
        Sandbox("gateio", ack_is_earl=True)
    with pytest.raises(ValueError, match="sometimes"):
        Sandbox("gateio", time_types="sometimes")
    with pytest.raises(ValueError, match="error_text"):
        Sandbox("gateio", error_text="text")
