"""Cancels on MEXC: the true final state, whatever the reply shows."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from mexc_rig import (
    BTC_USDT,
    ETH_USDT,
    ORDER_PATH,
    connect,
    market_buy,
    parameters,
    resting,
    stand_still,
    until,
)

from spotlane import OrderParams, OrderStatus, OrderType, OutcomeUnknown, Side
from spotlane.errors import OrderNotFound
from spotlane.exchanges.mexc import MexcPrivateRest
from spotlane.sandbox import Fault, Sandbox

ZERO = Decimal(0)
# The parameters of a limit order, the signature aside, which the log leaves out.
HOLDS = frozenset({"symbol", "side", "type", "quantity", "price", "newClientOrderId", "recvWindow", "timestamp"})


async def test_a_cancel_returns_the_final_state_with_what_was_filled_meanwhile(
    venue: Sandbox, exchange: MexcPrivateRest
) -> None:
    order = await exchange.place_order(resting())
    # The reply to the cancel is the order as it stood before this fill.
    venue.engine.before_next("cancel", lambda: venue.engine.trade_against(order.order_id, Decimal("0.0004")))

    cancelled = await exchange.cancel_order(BTC_USDT, order.order_id)

    assert cancelled.status is OrderStatus.PARTIALLY_CANCELED
    assert cancelled.is_done
    assert cancelled.filled_quantity == Decimal("0.0004")
    assert cancelled.remaining_quantity == Decimal("0.0006")
    assert cancelled.filled_quote_quantity == 8
    assert cancelled.client_order_id == order.client_order_id
    assert venue.requests.count("DELETE") == 1


async def test_a_cancel_that_loses_the_race_returns_the_filled_order(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    order = await exchange.place_order(resting())
    venue.engine.before_next("cancel", lambda: venue.engine.trade_against(order.order_id, Decimal("0.001")))

    result = await exchange.cancel_order(BTC_USDT, order.order_id)

    assert (result.status, result.filled_quantity) == (OrderStatus.FILLED, Decimal("0.001"))


async def test_a_cancel_of_an_order_that_is_done_returns_it(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    filled = await exchange.place_order(market_buy())
    assert (await exchange.cancel_order(BTC_USDT, filled.order_id)).status is OrderStatus.FILLED

    rested = await exchange.place_order(resting())
    for _ in range(2):
        cancelled = await exchange.cancel_order(BTC_USDT, client_order_id=rested.client_order_id)
        assert (cancelled.order_id, cancelled.status) == (rested.order_id, OrderStatus.CANCELED)


async def test_a_cancel_of_an_unknown_order(exchange: MexcPrivateRest) -> None:
    with pytest.raises(OrderNotFound) as by_id:
        await exchange.cancel_order(BTC_USDT, "C02__1")
    assert by_id.value.code == -2013
    with pytest.raises(OrderNotFound):
        await exchange.cancel_order(BTC_USDT, client_order_id="never-placed")
    order = await exchange.place_order(resting())
    with pytest.raises(OrderNotFound, match="under this symbol"):
        await exchange.cancel_order(ETH_USDT, order.order_id)


async def test_an_unconfirmed_cancel_returns_after_its_ack(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    order = await exchange.place_order(resting())
    venue.requests.clear()

    acknowledged = await exchange.cancel_order(BTC_USDT, order.order_id, confirm=False)

    assert [request.method for request in venue.requests] == ["DELETE"]
    assert (acknowledged.order_id, acknowledged.client_order_id) == (order.order_id, order.client_order_id)
    # What the acknowledgement says of state and fills is the past.
    assert (acknowledged.status, acknowledged.raw_status) == (OrderStatus.UNKNOWN, "NEW")
    assert acknowledged.filled_quantity is None
    assert venue.ledger.order(order.order_id).status is OrderStatus.CANCELED
    with pytest.raises(OrderNotFound):
        await exchange.cancel_order(BTC_USDT, "C02__1", confirm=False)


async def test_a_cancel_that_is_not_seen_to_be_final_says_so(venue: Sandbox) -> None:
    async with connect(venue, timeout_s=0.5) as exchange:
        stand_still(venue, ahead_ms=140)
        order = await exchange.place_order(resting())
        venue.clock.advance(1_000)
        venue.engine.set_visibility_lag(order=500)

        with pytest.raises(OutcomeUnknown, match="it is NEW still") as unconfirmed:
            await exchange.cancel_order(BTC_USDT, order.order_id)

        assert unconfirmed.value.order_id == order.order_id
        assert not unconfirmed.value.safe_to_retry
        assert venue.requests.count("DELETE") == 1
        with pytest.raises(OutcomeUnknown):
            await unconfirmed.value.resolve()
        venue.clock.advance(1_000)
        assert (await unconfirmed.value.resolve()).status is OrderStatus.CANCELED
        assert venue.requests.count("DELETE") == 1


async def test_a_cancel_acknowledged_to_another_client_is_not_taken_for_an_unknown_order(venue: Sandbox) -> None:
    async with connect(venue) as first, connect(venue) as second:
        stand_still(venue)
        order = await first.place_order(resting())
        venue.engine.set_visibility_lag(order=500)
        venue.requests.clear()

        cancelling = asyncio.create_task(second.cancel_order(BTC_USDT, order.order_id))
        await until(lambda: venue.requests.count("GET", ORDER_PATH) >= 2)
        venue.clock.advance(1_000)

        assert (await cancelling).status is OrderStatus.CANCELED


async def test_cancelling_all_orders_of_a_symbol(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    first = await exchange.place_order(resting())
    second = await exchange.place_order(resting(price=Decimal(21_000)))
    other = await exchange.place_order(
        OrderParams(ETH_USDT, Side.BUY, OrderType.LIMIT, quantity=Decimal("0.1"), price=Decimal(1_000))
    )
    venue.engine.trade_against(second.order_id, Decimal("0.0002"))

    cancelled = {order.order_id: order for order in await exchange.cancel_all_orders(BTC_USDT)}

    assert cancelled.keys() == {first.order_id, second.order_id}
    assert cancelled[first.order_id].status is OrderStatus.CANCELED
    assert cancelled[first.order_id].client_order_id == first.client_order_id
    assert cancelled[second.order_id].status is OrderStatus.PARTIALLY_CANCELED
    assert cancelled[second.order_id].filled_quantity == Decimal("0.0002")
    assert [order.order_id for order in venue.ledger.live_orders()] == [other.order_id]
    assert await exchange.cancel_all_orders(BTC_USDT) == []


async def test_all_orders_cancelled_for_another_client_are_waited_for(venue: Sandbox) -> None:
    async with connect(venue) as first, connect(venue) as second:
        stand_still(venue)
        order = await first.place_order(resting())
        venue.engine.set_visibility_lag(order=500)
        venue.requests.clear()

        cancelling = asyncio.create_task(second.cancel_all_orders(BTC_USDT))
        await until(lambda: venue.requests.count("GET", ORDER_PATH) >= 2)
        venue.clock.advance(1_000)

        (cancelled,) = await cancelling
        assert (cancelled.order_id, cancelled.status) == (order.order_id, OrderStatus.CANCELED)


async def test_an_order_cancelled_before_its_acknowledgement_arrives_is_still_ours(venue: Sandbox) -> None:
    async with connect(venue, connections=2) as exchange:
        venue.faults.add(Fault.named("delay-reply", "POST", ORDER_PATH, value=0.1))
        placing = asyncio.create_task(exchange.place_order(resting()))
        await until(venue.ledger.orders)
        (cancelled,) = await exchange.cancel_all_orders(BTC_USDT)
        assert not placing.done()
        assert (await placing).order_id == cancelled.order_id


async def test_cancelling_all_orders_without_confirmation(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    order = await exchange.place_order(resting())
    venue.requests.clear()

    (acknowledged,) = await exchange.cancel_all_orders(BTC_USDT, confirm=False)

    assert (acknowledged.order_id, acknowledged.status) == (order.order_id, OrderStatus.UNKNOWN)
    assert venue.requests.total == 1
    assert venue.ledger.live_orders() == []


async def test_cancelling_all_can_not_be_admitted_after_the_calls_end(
    venue: Sandbox, exchange: MexcPrivateRest
) -> None:
    await exchange.cancel_all_orders(BTC_USDT)
    (sent,) = venue.requests.find("DELETE", "/api/v3/openOrders")
    # The call has two seconds, and half of them for the exchange: later it would reach orders that are placed after it.
    assert 900 <= int(parameters(sent)["recvWindow"]) <= 1_000
