"""Orders on Gate, from the call to the exchange's own books."""

from __future__ import annotations

import dataclasses
import re
from decimal import Decimal
from typing import Any

import pytest
from gateio_rig import (
    BTC_USDT,
    gate,
    market_buy,
    resting,
    sent_orders,
)

from spotlane import OrderParams, OrderStatus, OrderType, Side, TimeInForce, UsageError
from spotlane.errors import ExchangeAPIError, NotSupported, OrderRejected
from spotlane.sandbox.http import HttpReply


async def test_a_client_id_has_its_prefix() -> None:
    async with gate() as (venue, exchange):
        made = (await exchange.place_order(resting())).client_order_id
        assert made is not None
        assert re.fullmatch(r"t-[0-9A-Za-z_.-]{1,28}", made)
        assert (await exchange.place_order(resting(client_order_id="t-my.own_ID-1"))).client_order_id == "t-my.own_ID-1"
        assert [body["text"] for body in sent_orders(venue)] == [made, "t-my.own_ID-1"]

        venue.requests.clear()
        for wrong, words in (
            ("my-own", r"must begin with 't-'"),
            ("T-own", r"must begin with 't-'"),
            ("t-" + "x" * 29, "1 to 30 characters, was 31"),
            ("t-a,b", "can't hold ','"),
            ("t-my.own_ID-1", "was used before"),
        ):
            with pytest.raises(UsageError, match=words):
                await exchange.place_order(resting(client_order_id=wrong))
        assert venue.requests.total == 0


async def test_a_market_buy_is_sized_filled_and_left_in_quote() -> None:
    async with gate() as (venue, exchange):
        order = await exchange.place_order(market_buy())

        (sent,) = sent_orders(venue)
        assert (sent["type"], sent["side"], sent["amount"], sent["time_in_force"]) == ("market", "buy", "500", "ioc")
        assert "price" not in sent
        booked = venue.ledger.order(order.order_id)
        (fill,) = booked.fills
        assert (order.quantity, order.quote_quantity, order.remaining_quantity) == (None, Decimal(500), None)
        assert (order.filled_quantity, order.filled_quote_quantity) == (
            booked.filled_quantity, booked.filled_quote_quantity,
        )  # fmt: skip
        assert (order.status, order.raw_status, order.price) == (OrderStatus.FILLED, "closed/filled", None)
        assert (order.fee, order.fee_asset) == (fill.fee, "BTC")
        assert order.average_price == fill.price
        assert await exchange.get_order(BTC_USDT, order.order_id) == order


@pytest.mark.parametrize("closes", [True, False])
async def test_a_market_buy_that_the_book_can_not_fill(closes: bool) -> None:
    async with gate(market_orders_close=closes) as (venue, exchange):
        venue.engine.credit("USDT", 1_000_000)
        order = await exchange.place_order(market_buy(quote_quantity=Decimal(900_000)))

        booked = venue.ledger.order(order.order_id)
        assert 0 < booked.filled_quote_quantity < 900_000
        # "closed", "filled" is not the truth.
        assert order.raw_status == ("closed/filled" if closes else "cancelled/depth_not_enough")
        assert (order.status, order.is_done) == (OrderStatus.PARTIALLY_CANCELED, True)
        assert order.filled_quote_quantity == booked.filled_quote_quantity
        assert order.filled_quantity == booked.filled_quantity


@pytest.mark.parametrize("closes", [True, False])
async def test_a_market_sell_that_the_book_can_not_fill(closes: bool) -> None:
    async with gate(market_orders_close=closes) as (venue, exchange):
        order = await exchange.place_order(OrderParams(BTC_USDT, Side.SELL, OrderType.MARKET, quantity=Decimal(10)))

        booked = venue.ledger.order(order.order_id)
        assert (order.status, order.quantity) == (OrderStatus.PARTIALLY_CANCELED, Decimal(10))
        assert 0 < booked.filled_quantity < 10
        assert (order.filled_quantity, order.remaining_quantity) == (
            booked.filled_quantity, 10 - booked.filled_quantity,
        )  # fmt: skip


async def test_market_orders_that_gate_does_not_have() -> None:
    async with gate() as (venue, exchange):
        with pytest.raises(NotSupported, match=r"order\.market\.buy_by_base.*give quote_quantity"):
            await exchange.place_order(OrderParams(BTC_USDT, Side.BUY, OrderType.MARKET, quantity=Decimal("0.01")))
        with pytest.raises(NotSupported, match="give quantity"):
            await exchange.place_order(market_buy(side=Side.SELL))
        with pytest.raises(NotSupported, match="no client id"):
            await exchange.place_order(resting(order_type=OrderType.STOP_LIMIT, stop_price=Decimal(19_000)))
        assert venue.requests.total == 0


@pytest.mark.parametrize("time_in_force", [None, TimeInForce.IOC, TimeInForce.FOK])
async def test_a_market_order_always_says_ioc_or_fok(time_in_force: TimeInForce | None) -> None:
    async with gate() as (venue, exchange):
        sell = OrderParams(BTC_USDT, Side.SELL, OrderType.MARKET, quantity=Decimal("0.01"), time_in_force=time_in_force)
        order = await exchange.place_order(sell)
        (sent,) = sent_orders(venue)
        assert sent["time_in_force"] == ("fok" if time_in_force is TimeInForce.FOK else "ioc")
        assert (order.status, order.filled_quantity, order.fee_asset) == (OrderStatus.FILLED, Decimal("0.01"), "USDT")


async def test_a_maker_order_is_sent_as_poc() -> None:
    async with gate() as (venue, exchange):
        order = await exchange.place_order(resting(order_type=OrderType.LIMIT_MAKER))
        assert sent_orders(venue)[0]["time_in_force"] == "poc"
        assert (order.order_type, order.time_in_force, order.raw_type) == (
            OrderType.LIMIT_MAKER, TimeInForce.GTC, "limit",
        )  # fmt: skip
        assert order.status is OrderStatus.NEW
        assert (await exchange.get_order(BTC_USDT, order.order_id)).order_type is OrderType.LIMIT_MAKER


CROSSING = {
    "poc": ("POC_FILL_IMMEDIATELY", resting(order_type=OrderType.LIMIT_MAKER, price=Decimal(61_000))),
    "fok": ("FOK_NOT_FILL", resting(time_in_force=TimeInForce.FOK, quantity=Decimal("1.5"), price=Decimal(60_004))),
}


@pytest.mark.parametrize("word", list(CROSSING))
async def test_an_order_that_ends_unfilled_as_an_error(word: str) -> None:
    label, params = CROSSING[word]
    async with gate() as (venue, exchange):
        with pytest.raises(OrderRejected, match=label) as refusal:
            await exchange.place_order(params)
        assert (refusal.value.code, refusal.value.http_status) == (label, 400)
        assert venue.ledger.orders() == []


@pytest.mark.parametrize(("word", "status"), [("poc", OrderStatus.REJECTED), ("fok", OrderStatus.EXPIRED)])
async def test_an_order_that_ends_unfilled_as_an_order(word: str, status: OrderStatus) -> None:
    async with gate(refuse_crossing_makers=False, refuse_unfilled_fok=False) as (venue, exchange):
        order = await exchange.place_order(CROSSING[word][1])
        assert (order.status, order.is_done, order.filled_quantity) == (status, True, Decimal(0))
        assert order.raw_status == f"cancelled/{word}"
        assert await exchange.get_order(BTC_USDT, client_order_id=order.client_order_id) == order
        assert venue.ledger.fills(order.order_id) == []


async def test_an_immediate_order_fills_what_it_can() -> None:
    async with gate() as (venue, exchange):
        best = venue.engine.markets["BTC/USDT"].book.best_price(Side.SELL)
        assert best is not None
        params = resting(time_in_force=TimeInForce.IOC, quantity=Decimal("1.5"), price=best)
        order = await exchange.place_order(params)
        assert (order.status, order.raw_status) == (OrderStatus.PARTIALLY_CANCELED, "cancelled/ioc")
        assert order.filled_quantity == venue.ledger.order(order.order_id).filled_quantity
        assert order.average_price == best
        nothing = await exchange.place_order(params.replace(price=Decimal(20_000)))
        assert (nothing.status, nothing.filled_quantity) == (OrderStatus.CANCELED, Decimal(0))
        assert nothing.average_price is None


async def test_an_iceberg_shows_a_part() -> None:
    async with gate() as (venue, exchange):
        order = await exchange.place_order(resting(iceberg_quantity=Decimal("0.0002")))
        assert sent_orders(venue)[0]["iceberg"] == "0.0002"
        assert venue.ledger.order(order.order_id).request.as_received["iceberg"] == "0.0002"
        await exchange.place_order(resting())
        assert "iceberg" not in sent_orders(venue)[1]
        with pytest.raises(ExchangeAPIError, match="iceberg"):
            await exchange.place_order(resting(iceberg_quantity=Decimal("0.002")))


async def test_self_trade_prevention_is_the_callers_choice() -> None:
    async with gate(stp_id=7) as (venue, exchange):
        await exchange.place_order(resting(self_trade_prevention="cb"))
        await exchange.place_order(resting())
        assert [body.get("stp_act") for body in sent_orders(venue)] == ["cb", None]
        with pytest.raises(NotSupported, match=r"self_trade_prevention\.expire_maker"):
            await exchange.place_order(resting(self_trade_prevention="expire_maker"))
        assert venue.requests.count("POST") == 2
    async with gate() as (_, exchange):
        # Outside of a group it is an error, so it is never sent unasked.
        with pytest.raises(ExchangeAPIError, match="stp_act"):
            await exchange.place_order(resting(self_trade_prevention="cn"))


async def test_an_older_exchange_without_filled_amount() -> None:
    async with gate(has_filled_amount=False) as (venue, exchange):
        bought = await exchange.place_order(market_buy())
        assert (bought.status, bought.filled_quantity, bought.average_price) == (OrderStatus.FILLED, None, None)
        assert bought.filled_quote_quantity == venue.ledger.order(bought.order_id).filled_quote_quantity
        order = await exchange.place_order(resting())
        venue.engine.trade_against(order.order_id, Decimal("0.0004"))
        part = await exchange.get_order(BTC_USDT, order.order_id)
        assert (part.status, part.filled_quantity) == (OrderStatus.PARTIALLY_FILLED, Decimal("0.0004"))
        assert (part.filled_quote_quantity, part.average_price) == (Decimal(8), Decimal(20_000))


@pytest.mark.parametrize("settings", [{"time_types": "drifting"}, {"pad_decimals": False}])
async def test_types_that_drift_change_nothing(settings: dict[str, Any]) -> None:
    async with gate(**settings) as (venue, exchange):
        for _ in range(4):
            order = await exchange.place_order(resting())
            booked = venue.ledger.order(order.order_id)
            for read in (order, await exchange.get_order(BTC_USDT, order.order_id)):
                assert (read.created_ms, read.updated_ms) == (booked.created_ms, booked.created_ms)
                assert (read.quantity, read.price) == (Decimal("0.001"), Decimal(20_000))
        assert len(await exchange.get_open_orders()) == 4


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_every_status_of_success(status: int) -> None:
    async with gate() as (venue, exchange):
        answer = venue._server._handle

        def restated(request: Any) -> HttpReply:
            reply = answer(request)
            changed = dataclasses.replace(reply, status=status) if request.method == "POST" else reply
            return dataclasses.replace(changed, body=b"") if changed.status == 204 else changed

        venue._server._handle = restated
        order = await exchange.place_order(resting())
        (booked,) = venue.ledger.orders()
        assert (order.order_id, order.client_order_id) == (booked.order_id, booked.client_order_id)
        # Nothing can be read from an empty reply, neither that there is an order nor which: it is looked for.
        assert bool(venue.requests.count("GET")) is (status == 204)
