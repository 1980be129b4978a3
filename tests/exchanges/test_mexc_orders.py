"""Orders on MEXC, from the call to the exchange's own books."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import decimal
import pickle
from decimal import Decimal
from typing import Any

import pytest
from mexc_rig import (
    BTC_USDT,
    ETH_USDT,
    MX_USDT,
    ORDER_PATH,
    connect,
    market_buy,
    parameters,
    pass_time,
    resting,
    until,
)

from spotlane import OrderParams, OrderStatus, OrderType, OutcomeUnknown, Side, Symbol, TimeInForce, UsageError
from spotlane.errors import (
    InsufficientBalance,
    MaximumError,
    MinimumError,
    NotSent,
    NotSupported,
    OrderNotFound,
    OrderRejected,
    PrecisionError,
    SymbolNotTradable,
    UnknownSymbol,
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


@pytest.mark.parametrize("client_order_id", ["", "x" * 33, "with space", "über", "a&b=c", "a/b"])
async def test_a_client_id_that_mexc_can_not_take_is_refused(
    venue: Sandbox, exchange: MexcPrivateRest, client_order_id: str
) -> None:
    with pytest.raises(UsageError, match="client_order_id"):
        await exchange.place_order(resting(client_order_id=client_order_id))
    assert venue.requests.total == 0


async def test_ten_orders_at_once(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    wanted = [resting(quantity=Decimal(number) / 1000) for number in range(1, 11)]

    orders = await asyncio.gather(*(exchange.place_order(params) for params in wanted))

    assert [order.quantity for order in orders] == [params.quantity for params in wanted]
    assert len({order.client_order_id for order in orders}) == 10
    for order in orders:
        (booked,) = venue.ledger.orders(order.client_order_id)
        assert (booked.order_id, booked.quantity) == (order.order_id, order.quantity)


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
    venue.clock.freeze()
    async with connect(venue, timeout_s=0.2) as exchange:
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
    venue.clock.freeze()
    async with connect(venue) as first, connect(venue) as second:
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


async def test_cancelling_all_orders_without_confirmation(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    order = await exchange.place_order(resting())
    venue.requests.clear()

    (acknowledged,) = await exchange.cancel_all_orders(BTC_USDT, confirm=False)

    assert (acknowledged.order_id, acknowledged.status) == (order.order_id, OrderStatus.UNKNOWN)
    assert venue.requests.total == 1
    assert venue.ledger.live_orders() == []


async def test_an_order_that_was_just_placed_is_waited_for(venue: Sandbox) -> None:
    venue.clock.freeze()
    async with connect(venue) as exchange:
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


@pytest.mark.parametrize(
    ("order_id", "client_order_id"), [(None, None), ("1", "2"), ("", None), (None, ""), ("", "2")]
)
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


async def test_a_test_order_is_checked_here_and_there_and_placed_nowhere(
    venue: Sandbox, exchange: MexcPrivateRest
) -> None:
    await exchange.test_order(resting())
    assert venue.requests.count("POST", "/api/v3/order/test") == 1
    with pytest.raises(PrecisionError):
        await exchange.test_order(resting(price=Decimal("20000.001")))
    assert venue.requests.total == 1

    listing = venue.engine.markets["BTC/USDT"].listing
    venue.engine.list_symbol(dataclasses.replace(listing, is_online=False))
    with pytest.raises(OrderRejected) as refusal:
        await exchange.test_order(resting())
    assert refusal.value.code == 30000
    assert venue.ledger.orders() == []


@pytest.mark.parametrize("side", list(Side))
async def test_insufficient_balance(venue: Sandbox, exchange: MexcPrivateRest, side: Side) -> None:
    with pytest.raises(InsufficientBalance) as refusal:
        await exchange.place_order(resting(side=side, quantity=Decimal(20), price=Decimal(70_000)))
    assert refusal.value.code == (30004 if side is Side.BUY else 30005)
    assert refusal.value.http_status == 400
    assert not refusal.value.safe_to_retry
    assert venue.ledger.orders() == []


@pytest.mark.parametrize(
    ("changes", "error", "nearest", "words"),
    [
        ({"price": Decimal("20000.004")}, PrecisionError, "20000", "price goes in steps of 0.01, was 20000.004"),
        ({"price": Decimal("20000.005")}, PrecisionError, "20000.01", "20000.01 would pass"),
        ({"quantity": Decimal("0.0000000019")}, PrecisionError, "0.00005", "0.00005000 would pass"),
        ({"quantity": Decimal("0.0010000019")}, PrecisionError, "0.001", "quantity goes in steps of 0.00000001"),
        ({"quantity": Decimal("0.0000005")}, MinimumError, "0.00005", "quantity is at least 0.000001, was 0.0000005"),
        ({"quantity": Decimal("0.00001")}, MinimumError, "0.00005", "at least 1, was 0.20000: quantity 0.00005000"),
        ({"quantity": Decimal(300)}, MaximumError, "200", "at most 4000000, was 6000000: quantity 200"),
        ({"symbol": MX_USDT, "price": Decimal(2), "quantity": Decimal("4.99")}, MinimumError, "5", "at least 5"),
    ],
)
async def test_a_value_that_breaks_a_rule_is_refused_with_the_nearest_that_passes(
    venue: Sandbox,
    exchange: MexcPrivateRest,
    changes: dict[str, Any],
    error: type[UsageError],
    nearest: str,
    words: str,
) -> None:
    with pytest.raises((MinimumError, MaximumError, PrecisionError)) as refusal:
        await exchange.place_order(resting(**changes))
    broken: Any = refusal.value
    assert (type(broken), broken.nearest, venue.requests.total) == (error, Decimal(nearest), 0)
    assert broken.given in changes.values()
    assert words in str(broken)

    venue.engine.credit("USDT", 10_000_000)
    await exchange.place_order(resting(**{**changes, broken.field: broken.nearest}))


@pytest.mark.parametrize(
    ("quote_quantity", "error", "nearest"),
    [
        (Decimal("0.5"), MinimumError, 1),
        (Decimal("5_000_000"), MaximumError, 4_000_000),
        (Decimal("10.009"), PrecisionError, 10),
    ],
)
async def test_a_market_order_sized_in_quote_is_checked(
    venue: Sandbox, exchange: MexcPrivateRest, quote_quantity: Decimal, error: type[UsageError], nearest: int
) -> None:
    with pytest.raises((MinimumError, MaximumError, PrecisionError)) as refusal:
        await exchange.place_order(market_buy(quote_quantity=quote_quantity))
    broken: Any = refusal.value
    assert (type(broken), broken.field, broken.nearest) == (error, "quote_quantity", Decimal(nearest))
    assert venue.requests.total == 0


@pytest.mark.parametrize(
    ("params", "error", "words"),
    [
        (resting(symbol=Symbol("BTX", "USDT")), UnknownSymbol, "lists no symbol BTX/USDT; did you mean BTC/USDT"),
        (resting(symbol=Symbol("EOS", "USDT")), SymbolNotTradable, "open to SELL on mexc now, was BUY"),
        (
            market_buy(symbol=Symbol("XRP", "USDT")),
            SymbolNotTradable,
            "takes LIMIT, LIMIT_MAKER on mexc, was MARKET",
        ),
        (resting(symbol=Symbol("LUNC", "USDT")), SymbolNotTradable, "not open to trading over the API"),
        (resting(symbol=Symbol("FTT", "USDT")), SymbolNotTradable, "it is paused"),
        (
            resting(order_type=OrderType.STOP_LIMIT, stop_price=Decimal(1)),
            NotSupported,
            "watch the price and place a LIMIT or MARKET order",
        ),
        (resting(iceberg_quantity=Decimal("0.0001")), NotSupported, "split the quantity"),
        (market_buy(time_in_force=TimeInForce.FOK), NotSupported, "use LIMIT with FOK"),
        (resting(price=None), UsageError, "a LIMIT order needs a price"),
        (market_buy(price=Decimal(1)), UsageError, "takes no price, was 1"),
        (resting(quantity=None), UsageError, "needs a quantity"),
        (resting(quantity=0), UsageError, "quantity must be above zero"),
        (resting(quote_quantity=Decimal(5)), UsageError, "not both"),
        (resting(order_type=OrderType.OTHER), UsageError, "can't be placed"),
    ],
)
async def test_what_mexc_can_not_do_is_refused_before_anything_is_sent(
    venue: Sandbox, exchange: MexcPrivateRest, params: OrderParams, error: type[UsageError], words: str
) -> None:
    with pytest.raises(error) as refusal:
        await exchange.place_order(params)
    assert type(refusal.value) is error
    assert words in str(refusal.value)
    assert venue.requests.total == 0


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
