"""Replies of other requests: never taken for the answer, and their connection is closed."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from doubt_rig import adopted, doubt, doubtful, expect_absent
from mexc_rig import BTC_USDT, ETH_USDT, ORDER_PATH, connect, market_buy, resting

from spotlane.errors import DecodeError, OutcomeUnknown, SpotlaneError
from spotlane.exchanges.mexc import MexcPrivateRest
from spotlane.sandbox import Fault, ReplaceReply, Sandbox
from spotlane.structs import Order

pytestmark = pytest.mark.parametrize("transport", ["lane", "plain"])

Call = Callable[[MexcPrivateRest, Order], Awaitable[object]]


def acknowledgement(order_id: str, time_ms: int, **changes: object) -> bytes:
    told = {
        "symbol": "BTCUSDT", "orderId": order_id, "orderListId": -1, "price": "20000", "origQty": "0.001",
        "type": "LIMIT", "side": "BUY", "transactTime": time_ms,
    }  # fmt: skip
    return json.dumps(told | changes).encode()


def row(order_id: str, symbol: str = "BTCUSDT") -> dict[str, Any]:
    return {
        "symbol": symbol, "orderId": order_id, "clientOrderId": "other", "price": "1", "origQty": "1",
        "executedQty": "0", "cummulativeQuoteQty": "0", "status": "NEW", "type": "LIMIT", "side": "BUY",
        "time": 1_700_000_000_000, "updateTime": 1_700_000_000_000,
    }  # fmt: skip


def fill(order_id: str) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT", "id": "1", "orderId": order_id, "price": "1", "qty": "1", "quoteQty": "1",
        "commission": "0", "commissionAsset": "USDT", "time": 1_700_000_000_000, "isBuyer": True, "isMaker": False,
    }  # fmt: skip


def reply_with(venue: Sandbox, method: str, path: str, body: bytes, *, executed: bool = True) -> None:
    venue.faults.add(Fault(ReplaceReply(200, body, "application/json", executed=executed), method, path))


async def expect_doubt(venue: Sandbox, exchange: MexcPrivateRest, reply: bytes, words: str) -> None:
    """Check that this reply to an order is not believed, whether the order was executed or not."""
    aborted = exchange.status().transport_status.connections.aborted
    reply_with(venue, "POST", ORDER_PATH, reply)
    await adopted(venue, exchange, resting())
    assert exchange.status().transport_status.connections.aborted == aborted + 1

    reply_with(venue, "POST", ORDER_PATH, reply, executed=False)
    unknown = await doubt(exchange, resting())
    assert re.search(words, str(unknown))
    assert isinstance(unknown.__cause__, DecodeError)
    assert exchange.status().transport_status.connections.aborted == aborted + 2
    await expect_absent(exchange, unknown)


def in_doubt(venue: Sandbox, transport: str) -> MexcPrivateRest:
    """Return a client whose doubts end soon."""
    return connect(venue, transport=transport, **doubtful(MexcPrivateRest.spec))


async def test_an_acknowledgement_older_than_its_order_is_anothers(venue: Sandbox, transport: str) -> None:
    async with in_doubt(venue, transport) as exchange:
        await expect_doubt(
            venue, exchange, acknowledgement("C02__7", venue.clock.now_ms() - 1_000), "made before this one was sent"
        )


async def test_an_order_id_that_was_given_before_is_anothers(venue: Sandbox, transport: str) -> None:
    async with in_doubt(venue, transport) as exchange:
        first = await exchange.place_order(resting())
        await expect_doubt(
            venue, exchange, acknowledgement(first.order_id, venue.clock.now_ms() + 1_000), "was acknowledged before"
        )


@pytest.mark.parametrize("changes", [{"side": "SELL"}, {"origQty": "0.002"}, {"symbol": "ETHUSDT"}])
async def test_an_acknowledgement_of_something_else_is_anothers(
    venue: Sandbox, transport: str, changes: dict[str, str]
) -> None:
    async with in_doubt(venue, transport) as exchange:
        await expect_doubt(
            venue, exchange, acknowledgement("C02__7", venue.clock.now_ms() + 1_000, **changes), "not known whether"
        )


async def test_what_a_market_order_did_not_name_is_not_compared(venue: Sandbox, transport: str) -> None:
    """A protection price and a type that drifts are MEXC's own; symbol and side are ours."""
    async with connect(venue, transport=transport) as exchange:
        told = acknowledgement("C02__7", venue.clock.now_ms() + 1_000, price="99999", type="MARKET")
        reply_with(venue, "POST", ORDER_PATH, told)
        order = await exchange.place_order(market_buy())
        assert (order.order_id, order.price) == ("C02__7", None)


@pytest.mark.parametrize(
    ("method", "path", "body", "call"),
    [
        ("GET", ORDER_PATH, row("C02__7"), lambda exchange, order: exchange.get_order(BTC_USDT, order.order_id)),
        ("GET", "/api/v3/openOrders", [row("1", "ETHUSDT")], lambda exchange, _: exchange.get_open_orders(BTC_USDT)),
        ("GET", "/api/v3/allOrders", [row("1", "ETHUSDT")], lambda exchange, _: exchange.get_order_history(BTC_USDT)),
        ("GET", ORDER_PATH, row("1"), lambda exchange, _: exchange.get_order(ETH_USDT, "1")),
        ("GET", "/api/v3/myTrades", [fill("1")], lambda exchange, _: exchange.get_trades(BTC_USDT, order_id="2")),
        ("GET", "/api/v3/myTrades", [fill("1")], lambda exchange, _: exchange.get_trades(ETH_USDT)),
    ],
)
async def test_a_read_of_something_else_is_no_answer(
    venue: Sandbox, transport: str, method: str, path: str, body: object, call: Call
) -> None:
    async with connect(venue, transport=transport) as exchange:
        order = await exchange.place_order(resting())
        before = exchange.status().transport_status.connections.aborted
        reply_with(venue, method, path, json.dumps(body).encode())
        with pytest.raises(DecodeError):
            await call(exchange, order)
        assert exchange.status().transport_status.connections.aborted == before + 1


async def test_a_cancel_of_something_else_is_in_doubt(venue: Sandbox, transport: str) -> None:
    async with connect(venue, transport=transport) as exchange:
        order = await exchange.place_order(resting())
        before = exchange.status().transport_status.connections.aborted
        reply_with(venue, "DELETE", ORDER_PATH, json.dumps(row("C02__7")).encode())
        with pytest.raises(OutcomeUnknown):
            await exchange.cancel_order(BTC_USDT, order.order_id, confirm=False)
        assert exchange.status().transport_status.connections.aborted == before + 1


async def test_a_symbol_that_is_not_listed_yet_is_no_reason_to_close(venue: Sandbox, transport: str) -> None:
    async with connect(venue, transport=transport) as exchange:
        reply_with(venue, "GET", "/api/v3/openOrders", json.dumps([row("1", "NEWUSDT")]).encode())
        with pytest.raises(SpotlaneError):
            await exchange.get_open_orders()
        assert exchange.status().transport_status.connections.aborted == 0


async def test_a_cancel_says_nothing_of_an_order_that_has_another_name(venue: Sandbox, transport: str) -> None:
    """MEXC may leave the client id out; the id of an order that this client placed tells as much."""
    async with connect(venue, transport=transport) as exchange:
        one, other = await exchange.place_order(resting()), await exchange.place_order(resting())
        told = {**row(other.order_id), "clientOrderId": None}
        reply_with(venue, "DELETE", ORDER_PATH, json.dumps(told).encode())
        with pytest.raises(OutcomeUnknown, match="about another order"):
            await exchange.cancel_order(BTC_USDT, client_order_id=one.client_order_id, confirm=False)
        told = {**row(one.order_id), "clientOrderId": None}
        reply_with(venue, "DELETE", ORDER_PATH, json.dumps(told).encode())
        ended = await exchange.cancel_order(BTC_USDT, client_order_id=one.client_order_id, confirm=False)
        assert ended.order_id == one.order_id


async def test_an_acknowledgement_without_a_time_is_that_of_a_cancel(venue: Sandbox, transport: str) -> None:
    async with in_doubt(venue, transport) as exchange:
        told = {**row("C02__7"), "origQty": "0.001"}
        await expect_doubt(venue, exchange, json.dumps(told).encode(), "not known whether")
