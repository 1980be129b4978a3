"""Gate's orders looked for, listed and cancelled."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from gateio_rig import (
    BTC_USDT,
    ETH_USDT,
    OPEN_PATH,
    ORDERS_PATH,
    book_at_once,
    connect,
    fault,
    gate,
    parameters,
    pass_time,
    resting,
)

from spotlane import OrderStatus, OutcomeUnknown, Symbol
from spotlane.errors import OrderNotFound
from spotlane.sandbox.http import HttpReply
from spotlane.transport import ManualClock


async def test_an_order_is_found_by_its_client_id_while_it_is_open() -> None:
    async with gate() as (venue, exchange):
        order = await exchange.place_order(resting())
        venue.requests.clear()
        assert await exchange.get_order(BTC_USDT, client_order_id=order.client_order_id) == order
        (look_up,) = venue.requests
        assert look_up.path == f"{ORDERS_PATH}/{order.client_order_id}"
        assert parameters(look_up.query) == {"currency_pair": "BTC_USDT", "account": "spot"}


async def test_an_order_is_found_by_its_client_id_after_its_end() -> None:
    async with gate() as (venue, exchange):
        order = await exchange.place_order(resting())
        await exchange.place_order(resting())
        venue.engine.trade_against(order.order_id, Decimal("0.001"))
        venue.requests.clear()

        found = await exchange.get_order(BTC_USDT, client_order_id=order.client_order_id)

        assert (found.order_id, found.status) == (order.order_id, OrderStatus.FILLED)
        assert venue.ledger.refused()[-1].data["code"] == "CLIENT_ID_NOT_FOUND"
        lists = [parameters(request.query) for request in venue.requests.find("GET", ORDERS_PATH)]
        assert {query["status"] for query in lists} == {"open", "finished"}
        assert {query["currency_pair"] for query in lists} == {"BTC_USDT"}
        # Cancelling what is done returns it.
        assert await exchange.cancel_order(BTC_USDT, client_order_id=order.client_order_id) == found


async def test_an_order_is_found_among_more_than_a_page_of_others() -> None:
    async with gate() as (venue, _):
        ended = book_at_once(venue, price=20_000, text="t-early")
        for _ in range(1_050):
            venue.clock.advance(50)
            book_at_once(venue, price=20_000)
        # Opened now, so that its clock knows what time it has become.
        async with connect(venue, clock=ManualClock()) as exchange:
            found = await exchange.get_order(BTC_USDT, client_order_id="t-early")
        assert (found.order_id, found.status) == (ended, OrderStatus.CANCELED)


async def test_an_order_that_ended_long_ago_is_found_by_its_id_only() -> None:
    clock = ManualClock()
    async with gate({"clock": clock}) as (venue, exchange):
        venue.clock.freeze()
        order = await exchange.place_order(resting())
        await exchange.cancel_order(BTC_USDT, order.order_id)
        pass_time(venue, clock, 2 * 86_400)
        with pytest.raises(OrderNotFound, match="while they are open"):
            await exchange.get_order(BTC_USDT, client_order_id=order.client_order_id)
        assert (await exchange.get_order(BTC_USDT, order.order_id)).status is OrderStatus.CANCELED


async def test_of_two_orders_with_one_client_id_the_older_one_is_told() -> None:
    async with gate() as (venue, exchange):
        venue.clock.advance(1_000)
        older = book_at_once(venue, price=20_000, text="t-twice", rests=True)
        venue.clock.advance(1_000)
        newer = book_at_once(venue, price=20_000, text="t-twice", rests=True)
        # Gate's own look-up tells the later one, and nothing else once that is done.
        assert (await exchange.get_order(BTC_USDT, client_order_id="t-twice")).order_id == newer
        venue.engine.cancel("trader", "BTC/USDT", newer)
        found = await exchange.get_order(BTC_USDT, client_order_id="t-twice")
        assert (found.order_id, found.status) == (older, OrderStatus.NEW)

        cancelled = await exchange.cancel_order(BTC_USDT, client_order_id="t-twice")
        assert (cancelled.order_id, cancelled.status) == (older, OrderStatus.CANCELED)


async def test_an_order_that_was_never_placed() -> None:
    async with gate() as (_, exchange):
        never = exchange.new_client_order_id()
        with pytest.raises(OrderNotFound) as refusal:
            await exchange.get_order(BTC_USDT, client_order_id=never)
        assert (refusal.value.code, refusal.value.http_status) == ("CLIENT_ID_NOT_FOUND", 404)
        with pytest.raises(OrderNotFound) as refusal:
            await exchange.get_order(BTC_USDT, "376835970000")
        assert refusal.value.code == "ORDER_NOT_FOUND"
        for order_id, client_order_id in ((None, never), ("376835970000", None)):
            with pytest.raises(OrderNotFound):
                await exchange.cancel_order(BTC_USDT, order_id, client_order_id=client_order_id)


@pytest.mark.parametrize("label", ["ORDER_CLOSED", "ORDER_CANCELLED", "ORDER_NOT_FOUND", "CANCEL_FAIL"])
async def test_a_cancel_that_is_refused_is_looked_into(label: str) -> None:
    async with gate({"timeout_s": 0.3}) as (venue, exchange):
        order = await exchange.place_order(resting())
        path = f"{ORDERS_PATH}/{order.order_id}"
        venue.engine.trade_against(order.order_id, Decimal("0.001"))
        venue.faults.add(fault(label, "DELETE", path))
        assert (await exchange.cancel_order(BTC_USDT, order.order_id)).status is OrderStatus.FILLED
        # Whatever the word was: an order that is open still was not cancelled.
        live = await exchange.place_order(resting())
        venue.faults.add(fault(label, "DELETE", f"{ORDERS_PATH}/{live.order_id}"))
        with pytest.raises(OutcomeUnknown, match="open still") as unknown:
            await exchange.cancel_order(BTC_USDT, live.order_id)
        assert unknown.value.order_id == live.order_id
        assert venue.ledger.live_orders()[0].order_id == live.order_id


async def test_open_orders_of_all_pairs_are_paged() -> None:
    async with gate() as (venue, exchange):
        expected = [book_at_once(venue, price=20_000, rests=True) for _ in range(230)]
        eth = await exchange.place_order(resting(symbol=ETH_USDT, price=Decimal(1_000), quantity=Decimal("0.1")))
        venue.requests.clear()

        orders = await exchange.get_open_orders()

        assert sorted(order.order_id for order in orders) == sorted([*expected, eth.order_id])
        assert venue.requests.count("GET", OPEN_PATH) == 3
        of_pair = await exchange.get_open_orders(BTC_USDT)
        assert sorted(order.order_id for order in of_pair) == sorted(expected)
        assert {parameters(request.query)["account"] for request in venue.requests} == {"spot"}
        assert [order.order_id for order in await exchange.get_open_orders(ETH_USDT)] == [eth.order_id]


async def test_a_full_page_of_open_orders_is_not_the_end() -> None:
    async with gate() as (venue, exchange):
        for _ in range(100):
            book_at_once(venue, price=20_000, rests=True)
        for symbol in (None, BTC_USDT):
            assert len(await exchange.get_open_orders(symbol)) == 100


@pytest.mark.parametrize("symbol", [None, BTC_USDT])
@pytest.mark.parametrize("ended", [1, 5])
async def test_orders_that_end_between_two_pages_hide_no_other(symbol: Symbol | None, ended: int) -> None:
    async with gate() as (venue, exchange):
        resting_ids = [book_at_once(venue, price=20_000, rests=True) for _ in range(150)]
        # The newest come first, so these stand on the first page.
        gone = resting_ids[-ended:]
        answer = venue._server._handle

        def end_some(request: Any) -> HttpReply:
            reply = answer(request)
            while gone:
                venue.engine.cancel("trader", "BTC/USDT", gone.pop())
            return reply

        venue._server._handle = end_some
        listed = {order.order_id for order in await exchange.get_open_orders(symbol)}
        assert listed >= set(resting_ids[:-ended])


async def test_a_cancel_of_many_of_which_one_failed_is_not_called_done() -> None:
    async with gate() as (venue, exchange):
        first, second = [await exchange.place_order(resting()) for _ in range(2)]
        failed = {"currency_pair": "BTC_USDT", "id": second.order_id, "succeeded": False, "label": "CANCEL_FAIL"}
        answer = venue._server._handle

        def fail_one(request: Any) -> HttpReply:
            if request.method != "DELETE":
                return answer(request)
            venue.engine.cancel("trader", "BTC/USDT", first.order_id)
            return HttpReply(200, json.dumps([failed]).encode())

        venue._server._handle = fail_one
        with pytest.raises(OutcomeUnknown, match="cancelling of all orders") as unknown:
            await exchange.cancel_all_orders(BTC_USDT)
        assert [order.order_id for order in await unknown.value.resolve()] == [second.order_id]


async def test_cancelling_all_reaches_one_pair_and_one_account() -> None:
    async with gate() as (venue, exchange):
        first, second = [await exchange.place_order(resting()) for _ in range(2)]
        other = await exchange.place_order(resting(symbol=ETH_USDT, price=Decimal(1_000), quantity=Decimal("0.1")))
        venue.engine.trade_against(second.order_id, Decimal("0.0004"))

        cancelled = await exchange.cancel_all_orders(BTC_USDT)

        assert {order.order_id: order.status for order in cancelled} == {
            first.order_id: OrderStatus.CANCELED,
            second.order_id: OrderStatus.PARTIALLY_CANCELED,
        }
        (request,) = venue.requests.find("DELETE", ORDERS_PATH)
        assert parameters(request.query) == {"currency_pair": "BTC_USDT", "account": "spot"}
        assert [order.order_id for order in venue.ledger.live_orders()] == [other.order_id]
