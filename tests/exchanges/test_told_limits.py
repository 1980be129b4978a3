"""What replies tell of the limits: other programs on the key leave less room, our own requests change nothing."""

from __future__ import annotations

import json
from contextlib import nullcontext
from decimal import Decimal
from typing import Any

import pytest

from spotlane import OrderParams, OrderType, Side, Symbol, open_exchange
from spotlane.errors import DecodeError
from spotlane.sandbox import Fault, ReplaceReply, Sandbox, SwapReply

PAIR = Symbol("BTC", "USDT")


def options(venue: Sandbox, **changes: Any) -> dict[str, Any]:
    return {"base_url": venue.url, "connections": 1, "share_budget": False, **changes}


def begin_window(venue: Sandbox) -> None:
    """Freeze the exchange's clock five seconds after the begin of its next minute."""
    venue.clock.freeze()
    venue.clock.advance(60_000 - venue.clock.now_ms() % 60_000 + 5_000)


@pytest.mark.parametrize(
    ("name", "limit", "least"), [("binance", "weight", 600), ("gateio", "endpoint:spot/accounts", 20)]
)
async def test_what_another_program_used_is_not_there_any_more(name: str, limit: str, least: int) -> None:
    async with Sandbox(name) as venue:
        begin_window(venue)
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


@pytest.mark.parametrize("is_stale", [False, True])
async def test_the_usage_of_a_minute_that_is_over_is_not_believed(is_stale: bool) -> None:
    """A reply that is out of step tells what was used when it was made, and nothing else may show that it is old."""
    async with Sandbox("binance") as venue:
        begin_window(venue)
        async with open_exchange("binance", venue.credentials, **options(venue, enforce_limits=False)) as other:
            for _ in range(100):
                await other.get_account_balance()
        if is_stale:
            begin_window(venue)
        async with open_exchange("binance", venue.credentials, **options(venue)) as ours:
            venue.faults.add(Fault(SwapReply(), "GET", "/api/v3/account"))
            await ours.get_account_balance()
            assert len(venue.faults.hits) == 1
            free = ours.status().budget.limits["weight"].free
            assert free > 2_300 if is_stale else free < 1_500


@pytest.mark.parametrize("is_ours", [False, True])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_the_usage_that_another_requests_reply_tells_is_not_believed(method: str, is_ours: bool) -> None:
    params = OrderParams(PAIR, Side.BUY, OrderType.LIMIT, quantity=Decimal("0.001"), price=Decimal(20_000))
    async with Sandbox("binance") as venue:
        begin_window(venue)
        async with open_exchange("binance", venue.credentials, **options(venue)) as ours:
            order = await ours.place_order(params)
            name = ours.new_client_order_id()
            told = {
                "symbol": "BTCUSDT", "orderId": int(order.order_id) + (method == "POST"), "orderListId": -1,
                "clientOrderId": order.client_order_id if method == "GET" else name, "price": "20000",
                "origQty": "0.001", "executedQty": "0", "cummulativeQuoteQty": "0", "status": "NEW",
                "timeInForce": "GTC", "type": "LIMIT", "side": "BUY", "transactTime": venue.clock.now_ms() + 1_000,
                "time": venue.clock.now_ms(), "updateTime": venue.clock.now_ms(), "fills": [],
            }  # fmt: skip
            if not is_ours:
                told["orderId"] = told["clientOrderId"] = "1"
            usage = (("X-MBX-USED-WEIGHT-1M", "5000"),)
            reply = ReplaceReply(200, json.dumps(told).encode(), "application/json", usage)
            venue.faults.add(Fault(reply, method, "/api/v3/order"))
            before = ours.status().budget.limits["weight"].free
            with nullcontext() if is_ours or method == "POST" else pytest.raises(DecodeError):
                if method == "GET":
                    await ours.get_order(PAIR, order.order_id)
                else:
                    await ours.place_order(params.replace(client_order_id=name))
            assert len(venue.faults.hits) == 1
            free = ours.status().budget.limits["weight"].free
            assert free <= before - 600 if is_ours else free >= before - 100
