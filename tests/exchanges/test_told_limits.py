"""What replies tell of the limits: other programs on the key leave less room, our own requests change nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from spotlane import OrderParams, OrderType, Side, Symbol, open_exchange
from spotlane.sandbox import Sandbox

PAIR = Symbol("BTC", "USDT")


def options(venue: Sandbox, **changes: Any) -> dict[str, Any]:
    return {"base_url": venue.url, "connections": 1, "share_budget": False, **changes}


@pytest.mark.parametrize(
    ("name", "limit", "least"), [("binance", "weight", 600), ("gateio", "endpoint:spot/accounts", 20)]
)
async def test_what_another_program_used_is_not_there_any_more(name: str, limit: str, least: int) -> None:
    async with Sandbox(name) as venue:
        # A window that has just begun.
        venue.clock.freeze()
        venue.clock.advance(60_000 - venue.clock.now_ms() % 60_000 + 5_000)
        async with (
            open_exchange(name, venue.credentials, **options(venue)) as ours,
            open_exchange(name, venue.credentials, **options(venue, enforce_limits=False)) as other,
        ):
            await ours.get_account_balance()
            alone = ours.status().budget.limits[limit].free
            for _ in range(180):
                await other.get_account_balance()
            assert ours.status().budget.limits[limit].free >= alone
            await ours.get_account_balance()
            assert ours.status().budget.limits[limit].free <= alone - least


@pytest.mark.parametrize(("name", "limit"), [("binance", "orders_10s"), ("gateio", "place:BTC_USDT")])
async def test_our_own_requests_are_not_counted_twice(name: str, limit: str) -> None:
    params = OrderParams(PAIR, Side.BUY, OrderType.LIMIT, quantity=Decimal("0.001"), price=Decimal(20_000))
    async with Sandbox(name) as venue, open_exchange(name, venue.credentials, **options(venue)) as ours:
        before = ours.status().budget.limits[limit.partition(":")[0]].free
        for _ in range(3):
            await ours.place_order(params)
        assert ours.status().budget.limits[limit].free >= before - 4
