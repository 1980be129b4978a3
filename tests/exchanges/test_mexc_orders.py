"""Orders on MEXC, from the call to the exchange's own books."""

from __future__ import annotations

import asyncio
import copy
import decimal
import pickle
from decimal import Decimal

import pytest
from mexc_rig import (
    BTC_USDT,
    MX_USDT,
    ORDER_PATH,
    connect,
    market_buy,
    parameters,
    pass_time,
    resting,
    stand_still,
    until,
)

from spotlane import OrderParams, OrderStatus, OrderType, Side, TimeInForce, UsageError
from spotlane.errors import (
    NotSent,
    NotSupported,
    OrderNotFound,
    OrderRejected,
    PrecisionError,
)
from spotlane.exchanges.mexc import MexcPrivateRest
from spotlane.sandbox import Sandbox
from spotlane.transport import ManualClock

ZERO = Decimal(0)
# The parameters of a limit order, the signature aside, which the log leaves out.
HOLDS = frozenset({"symbol", "side", "type", "quantity", "price", "newClientOrderId", "recvWindow", "timestamp"})


async def test_a_placed_order_merges_request_and_acknowledgement(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    order = await exchange.place_order(resting())

    (booked,) = venue.ledger.orders()
    assert order.exchange == "mexc"
    assert order.symbol == BTC_USDT
    assert (order.order_id, order.client_order_id) == (booked.order_id, booked.client_order_id)
    assert order.client_order_id
    assert (order.side, order.order_type, order.time_in_force) == (Side.BUY, OrderType.LIMIT, TimeInForce.GTC)
    assert (order.price, order.quantity) == (Decimal(20_000), Decimal("0.001"))
    assert order.created_ms == booked.created_ms
    assert order.raw_type == "LIMIT"
    # The acknowledgement carries neither.
    assert order.status is OrderStatus.UNKNOWN
    assert not order.is_done
    assert order.filled_quantity is None


@pytest.mark.parametrize(
    ("order_type", "time_in_force", "sent"),
    [
        (OrderType.LIMIT, None, "LIMIT"),
        (OrderType.LIMIT, TimeInForce.GTC, "LIMIT"),
        (OrderType.LIMIT, TimeInForce.IOC, "IMMEDIATE_OR_CANCEL"),
        (OrderType.LIMIT, TimeInForce.FOK, "FILL_OR_KILL"),
        (OrderType.LIMIT_MAKER, None, "LIMIT_MAKER"),
        (OrderType.LIMIT_MAKER, TimeInForce.GTC, "LIMIT_MAKER"),
    ],
)
async def test_time_in_force_is_sent_as_the_type(
    venue: Sandbox, exchange: MexcPrivateRest, order_type: OrderType, time_in_force: TimeInForce | None, sent: str
) -> None:
    order = await exchange.place_order(resting(order_type=order_type, time_in_force=time_in_force))

    (request,) = venue.requests.find("POST", ORDER_PATH)
    assert parameters(request).keys() == HOLDS
    assert parameters(request)["type"] == sent
    expected = time_in_force or TimeInForce.GTC
    assert (order.order_type, order.time_in_force) == (order_type, expected)
    read = await exchange.get_order(BTC_USDT, order.order_id)
    assert (read.order_type, read.time_in_force, read.raw_type) == (order_type, expected, sent)
    rests = expected is TimeInForce.GTC
    assert read.status is (OrderStatus.NEW if rests else OrderStatus.CANCELED)


async def test_numbers_are_sent_as_plain_decimals(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    await exchange.place_order(resting(quantity=Decimal("1E-3"), price=Decimal("2.00E+4")))

    sent = parameters(venue.requests.find("POST", ORDER_PATH)[0])
    assert Decimal(sent["quantity"]) == Decimal("0.001")
    assert Decimal(sent["price"]) == 20_000
    assert not any(mark in sent["quantity"] + sent["price"] for mark in "eE+")


async def test_a_fill_or_kill_order_fills_as_a_whole_or_not_at_all(exchange: MexcPrivateRest) -> None:
    taking = resting(time_in_force=TimeInForce.FOK, price=Decimal(61_000))

    whole = await exchange.place_order(taking)
    too_large = await exchange.place_order(taking.replace(quantity=Decimal("1.5"), price=Decimal("60003")))

    assert (await exchange.get_order(BTC_USDT, whole.order_id)).status is OrderStatus.FILLED
    killed = await exchange.get_order(BTC_USDT, too_large.order_id)
    assert (killed.status, killed.filled_quantity) == (OrderStatus.CANCELED, ZERO)


async def test_an_immediate_order_fills_what_it_can(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    best = venue.engine.markets["BTC/USDT"].book.best_price(Side.SELL)
    assert best is not None
    order = await exchange.place_order(resting(time_in_force=TimeInForce.IOC, quantity=Decimal("1.5"), price=best))

    read = await exchange.get_order(BTC_USDT, order.order_id)
    assert read.status is OrderStatus.PARTIALLY_CANCELED
    assert read.is_done
    assert read.filled_quantity == venue.ledger.order(order.order_id).filled_quantity
    assert 0 < read.filled_quantity < Decimal("1.5")
    assert read.average_price == best


@pytest.mark.parametrize("side", list(Side))
async def test_a_market_order_by_base_quantity(venue: Sandbox, exchange: MexcPrivateRest, side: Side) -> None:
    order = await exchange.place_order(OrderParams(BTC_USDT, side, OrderType.MARKET, quantity=Decimal("0.01")))

    sent = parameters(venue.requests.find("POST", ORDER_PATH)[0])
    assert sent.keys() == HOLDS - {"price"}
    assert (sent["type"], sent["quantity"]) == ("MARKET", "0.01")
    # The acknowledgement shows a protection price, which nobody asked for.
    assert order.price is None
    read = await exchange.get_order(BTC_USDT, order.order_id)
    assert (read.status, read.filled_quantity) == (OrderStatus.FILLED, Decimal("0.01"))


@pytest.mark.parametrize("side", list(Side))
async def test_a_market_order_by_quote_quantity(venue: Sandbox, exchange: MexcPrivateRest, side: Side) -> None:
    order = await exchange.place_order(market_buy(side=side))

    sent = parameters(venue.requests.find("POST", ORDER_PATH)[0])
    assert sent.keys() == (HOLDS - {"price", "quantity"}) | {"quoteOrderQty"}
    assert sent["quoteOrderQty"] == "500"
    assert (order.quantity, order.quote_quantity) == (None, Decimal(500))
    read = await exchange.get_order(BTC_USDT, order.order_id)
    assert read.is_done
    assert read.quote_quantity == 500
    assert read.filled_quote_quantity == venue.ledger.order(order.order_id).filled_quote_quantity


async def test_a_maker_order_that_would_take_is_cancelled_or_rejected(exchange: MexcPrivateRest) -> None:
    crossing = resting(order_type=OrderType.LIMIT_MAKER, price=Decimal(61_000))
    order = await exchange.place_order(crossing)
    read = await exchange.get_order(BTC_USDT, order.order_id)
    assert (read.status, read.filled_quantity) == (OrderStatus.CANCELED, ZERO)

    async with Sandbox("mexc", refuse_crossing_makers=True) as strict, connect(strict) as other:
        with pytest.raises(OrderRejected) as refusal:
            await other.place_order(crossing)
        assert refusal.value.code == 30041
        assert strict.ledger.orders() == []


async def test_a_callers_client_id_is_sent_and_found(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    order = await exchange.place_order(resting(client_order_id="my-own_ID-1"))
    fresh = exchange.new_client_order_id()
    assert order.client_order_id == "my-own_ID-1"
    assert venue.ledger.orders("my-own_ID-1")[0].order_id == order.order_id

    read = await exchange.get_order(BTC_USDT, client_order_id="my-own_ID-1")
    assert (read.order_id, read.client_order_id) == (order.order_id, "my-own_ID-1")
    assert (await exchange.place_order(resting(client_order_id=fresh))).client_order_id == fresh


async def test_a_client_id_can_not_be_used_twice(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    for client_order_id in ("twice", exchange.new_client_order_id()):
        await exchange.place_order(resting(client_order_id=client_order_id))
        with pytest.raises(UsageError, match=r"was used before: new_client_order_id\(\) makes"):
            await exchange.place_order(resting(client_order_id=client_order_id))
        assert len(venue.ledger.orders(client_order_id)) == 1
    assert venue.requests.count("POST") == 2


async def test_a_client_id_is_free_again_when_nothing_was_sent(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    wanted = resting(client_order_id=exchange.new_client_order_id())
    await venue.down()
    with pytest.raises(NotSent) as failure:
        await exchange.place_order(wanted)
    assert failure.value.safe_to_retry
    await venue.up()

    order = await exchange.place_order(wanted)
    assert len(venue.ledger.orders(order.client_order_id)) == 1
    with pytest.raises(UsageError, match="was used before"):
        await exchange.place_order(wanted)


async def test_ten_orders_at_once(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    wanted = [resting(quantity=Decimal(number) / 1000) for number in range(1, 11)]

    orders = await asyncio.gather(*(exchange.place_order(params) for params in wanted))

    assert [order.quantity for order in orders] == [params.quantity for params in wanted]
    assert len({order.client_order_id for order in orders}) == 10
    for order in orders:
        (booked,) = venue.ledger.orders(order.client_order_id)
        assert (booked.order_id, booked.quantity) == (order.order_id, order.quantity)


async def test_an_order_that_was_just_placed_is_waited_for(venue: Sandbox) -> None:
    async with connect(venue) as exchange:
        stand_still(venue)
        venue.engine.set_visibility_lag(order=300)
        order = await exchange.place_order(resting())
        for ids in ({"order_id": order.order_id}, {"client_order_id": order.client_order_id}):
            venue.requests.clear()
            reading = asyncio.create_task(exchange.get_order(BTC_USDT, **ids))
            if "order_id" in ids:
                await until(lambda: venue.requests.count("GET", ORDER_PATH) >= 2)
                assert not reading.done()
                venue.clock.advance(300)
            assert (await reading).status is OrderStatus.NEW
        with pytest.raises(OrderNotFound):
            await exchange.get_order(BTC_USDT, client_order_id="never-placed")


async def test_an_order_that_was_placed_long_ago_is_not_waited_for(venue: Sandbox) -> None:
    venue.clock.freeze()
    clock = ManualClock()
    async with connect(venue, clock=clock) as exchange:
        venue.engine.set_visibility_lag(order=60_000)
        order = await exchange.place_order(resting())
        pass_time(venue, clock, 5)
        with pytest.raises(OrderNotFound):
            await exchange.get_order(BTC_USDT, order.order_id)


@pytest.mark.parametrize(("order_id", "client_order_id"), [(None, None), ("1", "2"), ("", None), (None, ""), ("", "2")])
async def test_an_order_is_named_by_exactly_one_id(
    venue: Sandbox, exchange: MexcPrivateRest, order_id: str | None, client_order_id: str | None
) -> None:
    with pytest.raises(UsageError, match="id"):
        await exchange.get_order(BTC_USDT, order_id, client_order_id=client_order_id)
    with pytest.raises(UsageError, match="id"):
        await exchange.cancel_order(BTC_USDT, order_id, client_order_id=client_order_id)
    assert venue.requests.total == 0


async def test_open_orders_of_one_symbol_and_of_all(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    first = await exchange.place_order(resting())
    second = await exchange.place_order(resting(symbol=MX_USDT, quantity=Decimal(10), price=Decimal(1)))
    await exchange.place_order(market_buy())

    both = await exchange.get_open_orders()
    assert {order.order_id for order in both} == {first.order_id, second.order_id}
    assert all(order.status is OrderStatus.NEW and order.filled_quantity == 0 for order in both)
    (only,) = await exchange.get_open_orders(BTC_USDT)
    assert (only.order_id, only.client_order_id, only.price) == (first.order_id, first.client_order_id, Decimal(20_000))


async def test_balances_orders_and_open_orders_are_never_cached(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    order = await exchange.place_order(resting())
    before = (await exchange.get_account_balance())["USDT"]
    assert (before.available, before.locked, before.total) == (Decimal(99_980), Decimal(20), Decimal(100_000))

    venue.engine.credit("USDT", 5)
    assert (await exchange.get_account_balance())["USDT"].available == 99_985

    for filled in (Decimal("0.0001"), Decimal("0.0003")):
        venue.engine.trade_against(order.order_id, filled - venue.ledger.order(order.order_id).filled_quantity)
        assert (await exchange.get_order(BTC_USDT, order.order_id)).filled_quantity == filled
        (still_open,) = await exchange.get_open_orders(BTC_USDT)
        assert (still_open.status, still_open.filled_quantity) == (OrderStatus.PARTIALLY_FILLED, filled)
    venue.engine.cancel("trader", "BTC/USDT", order.order_id)
    assert await exchange.get_open_orders(BTC_USDT) == []


async def test_self_trade_prevention_is_sent(exchange: MexcPrivateRest, venue: Sandbox) -> None:
    await exchange.place_order(resting(self_trade_prevention="cancel_both"))
    assert parameters(venue.requests.find("POST", ORDER_PATH)[0])["stpMode"] == "cancel_both"
    with pytest.raises(NotSupported, match="self_trade_prevention"):
        await exchange.place_order(resting(self_trade_prevention="decrement"))


async def test_a_caller_may_stop_waiting(venue: Sandbox) -> None:
    async with connect(venue, timeout_s=30) as exchange:
        venue.freeze()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await exchange.place_order(resting(client_order_id="given-up"))
        venue.thaw()

        # Its connection can't be trusted any more: a reply to the lost order may come over it.
        assert exchange.status().transport_status.connections.aborted == 1
        order = await exchange.place_order(resting())
        assert len(venue.ledger.orders(order.client_order_id)) == 1
        await until(lambda: venue.ledger.orders("given-up"))
        assert (await exchange.get_order(BTC_USDT, client_order_id="given-up")).status is OrderStatus.NEW


async def test_the_callers_decimal_context_does_not_matter(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    every_signal = [
        decimal.Clamped, decimal.DivisionByZero, decimal.FloatOperation, decimal.Inexact, decimal.InvalidOperation,
        decimal.Overflow, decimal.Rounded, decimal.Subnormal, decimal.Underflow,
    ]  # fmt: skip
    with decimal.localcontext(decimal.Context(prec=3, Emax=5, Emin=-5, traps=every_signal)):
        order = await exchange.place_order(resting(quantity=Decimal("0.00123456"), price=Decimal("20000.01")))
        with pytest.raises(PrecisionError, match=r"20000\.12 would pass"):
            await exchange.place_order(resting(price=Decimal("20000.1234567")))
        venue.engine.trade_against(order.order_id, Decimal("0.00023457"))
        cancelled = await exchange.cancel_order(BTC_USDT, order.order_id)
        remaining, average = cancelled.remaining_quantity, cancelled.average_price
        await exchange.place_order(market_buy(quote_quantity=Decimal("1234.56")))
        (await exchange.get_account_balance())["USDT"].total  # noqa: B018
        trades = await exchange.get_trades(BTC_USDT)
        fee = await exchange.get_trading_fee(BTC_USDT)
        total = (await exchange.get_account_balance())["BTC"].total

    assert remaining == Decimal("0.00099999")
    assert average == Decimal("20000.01")
    assert fee.taker == Decimal("0.0005")
    assert total == Decimal(10) + sum(trade.quantity for trade in trades)


async def test_what_is_returned_can_be_pickled_and_copied(exchange: MexcPrivateRest) -> None:
    placed = await exchange.place_order(market_buy())
    results: list[object] = [
        placed,
        await exchange.get_order(BTC_USDT, placed.order_id),
        *await exchange.get_trades(BTC_USDT),
        (await exchange.get_account_balance())["USDT"],
        await exchange.get_trading_fee(BTC_USDT),
    ]
    for result in results:
        assert pickle.loads(pickle.dumps(result)) == result
        assert copy.deepcopy(result) == result
        assert hash(copy.copy(result)) == hash(result)
