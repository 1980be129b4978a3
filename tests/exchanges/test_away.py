"""A client while its exchange is away, and when it is back, in virtual time."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from spotlane import OrderParams, OrderType, Side, Symbol
from spotlane.errors import SpotlaneError
from spotlane.exchanges.mexc import MexcPrivateRest
from spotlane.sandbox import Sandbox, run_virtual

PAIR = Symbol("BTC", "USDT")
ORDER = OrderParams(PAIR, Side.BUY, OrderType.LIMIT, quantity=Decimal("0.001"), price=Decimal(20_000))
AWAY_S = 90.0


@pytest.mark.parametrize("outage", ["black-hole", "refused", "dns", "unavailable", "reset", "half-open", "flapping"])
@pytest.mark.parametrize("transport", ["lane", "plain"])
def test_the_first_success_comes_within_a_second_of_the_exchanges_return(outage: str, transport: str) -> None:
    async def main() -> tuple[float, list[str]]:
        loop = asyncio.get_running_loop()
        async with Sandbox("mexc", rate_limits=False) as venue:
            client = MexcPrivateRest(
                venue.credentials, transport=transport, enforce_limits=False, **venue.client_options
            )
            async with client as exchange:
                resting = await exchange.place_order(ORDER)
                back_s = loop.time() + AWAY_S
                venue.outages.begin(outage, duration_s=AWAY_S)
                slow: list[str] = []

                async def call(kind: str) -> bool:
                    begun_s = loop.time()
                    try:
                        if kind == "cancel":
                            await exchange.cancel_order(PAIR, resting.order_id, confirm=False)
                        else:
                            await exchange.get_open_orders(PAIR)
                    except SpotlaneError:
                        return False
                    finally:
                        if loop.time() - begun_s > 2.01:
                            slow.append(kind)
                    return loop.time() > back_s

                calls: list[asyncio.Task[bool]] = []
                while not any(each.done() and each.result() for each in calls):
                    calls.append(asyncio.create_task(call("cancel" if len(calls) % 3 == 0 else "read")))
                    await asyncio.sleep(0.1)
                first_s = loop.time() - back_s
                await asyncio.gather(*calls)
                return first_s, slow

    first_s, slow = run_virtual(main)
    assert first_s <= 1.0
    assert slow == []


@pytest.mark.parametrize("outage", ["refused", "unavailable", "reset"])
def test_a_client_can_be_opened_at_once_when_the_exchange_is_back_however_often_that_failed(outage: str) -> None:
    async def main() -> list[str]:
        async with Sandbox("mexc", rate_limits=False) as venue:
            exchange = MexcPrivateRest(venue.credentials, timeout_s=0.5, **venue.client_options)
            venue.outages.begin(outage, duration_s=AWAY_S)
            failures = []
            for _ in range(10):
                try:
                    await exchange.open()
                except SpotlaneError as failure:
                    failures.append(type(failure).__name__)
            venue.outages.end()
            await exchange.open()
            await exchange.place_order(ORDER)
            await exchange.close()
            return failures

    assert len(run_virtual(main)) == 10
