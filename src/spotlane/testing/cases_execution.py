"""How an order executes: at market, at once or not at all, as maker only; and what the exchange can't do."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import Any

from spotlane.errors import ExchangeAPIError, NotSupported, OrderRejected
from spotlane.structs import Order, OrderParams, OrderStatus, OrderType, Side, TimeInForce
from spotlane.testing.case import case
from spotlane.testing.context import Context
from spotlane.testing.expect import equal, raises, that

# More than all levels of the sandbox's book between the market and the price hold.
_TOO_MUCH = Decimal(9)


async def _executed(context: Context, params: OrderParams) -> Order:
    """Place an order and return it as read afterwards, its fills being those of the books."""
    async with context.connected() as client:
        placed = await client.place_order(params)
        order = await client.get_order(context.symbol, placed.order_id)
    booked = context.booked(placed)
    equal("filled_quantity", order.filled_quantity, booked.filled_quantity)
    equal("filled_quote_quantity", order.filled_quote_quantity, booked.filled_quote_quantity)
    equal("order_type", order.order_type, params.order_type)
    equal("side", order.side, params.side)
    return order


@case("C30")
async def limit_order_that_crosses(context: Context) -> None:
    """A limit order that crosses the market is filled at the market's price."""
    order = await _executed(context, context.crossing())
    equal("status", order.status, OrderStatus.FILLED)
    that(order.average_price is not None and order.average_price < context.price * 4, "it pays the market's price")


@case("C31", needs=("order.limit.ioc",))
async def immediate_or_cancel_fills(context: Context) -> None:
    """IOC fills at once where the market allows it."""
    order = await _executed(context, context.crossing(time_in_force=TimeInForce.IOC))
    equal("status", order.status, OrderStatus.FILLED)
    equal("time_in_force", order.time_in_force, TimeInForce.IOC)


@case("C32", needs=("order.limit.ioc",))
async def immediate_or_cancel_does_not_rest(context: Context) -> None:
    """IOC takes what there is and never rests: the remainder is cancelled or expires."""
    nothing = await _executed(context, context.resting(time_in_force=TimeInForce.IOC))
    that(nothing.is_done, "an order that found nothing is done")
    that(nothing.status in (OrderStatus.CANCELED, OrderStatus.EXPIRED), f"it has ended unfilled, not {nothing.status}")
    price = Decimal(59_990)
    part = await _executed(
        context, context.resting(side=Side.SELL, price=price, quantity=_TOO_MUCH, time_in_force=TimeInForce.IOC)
    )
    that(part.filled_quantity and part.filled_quantity < _TOO_MUCH, "a part is filled")
    equal("status", part.status, OrderStatus.PARTIALLY_CANCELED)


@case("C33", needs=("order.limit.fok",))
async def fill_or_kill(context: Context) -> None:
    """FOK is filled as a whole, or not at all: then it is refused or cancelled, and nothing is traded."""
    order = await _executed(context, context.crossing(time_in_force=TimeInForce.FOK))
    equal("status", order.status, OrderStatus.FILLED)
    wanted = context.resting(side=Side.SELL, price=Decimal(59_990), quantity=_TOO_MUCH, time_in_force=TimeInForce.FOK)
    await _void(context, wanted)


@case("C34", needs=("order.limit_maker",))
async def post_only(context: Context) -> None:
    """A post-only order rests; one that would take is refused or cancelled, and nothing is traded."""
    order = await _executed(context, context.resting(order_type=OrderType.LIMIT_MAKER))
    equal("status", order.status, OrderStatus.NEW)
    await _void(context, context.crossing(order_type=OrderType.LIMIT_MAKER))


async def _void(context: Context, params: OrderParams) -> None:
    fills = len(context.venue.ledger.of_kind("order_filled"))
    try:
        order = await _executed(context, params)
    except OrderRejected:
        pass
    else:
        that(order.is_done and not order.filled_quantity, "an order that may not execute is done, and unfilled")
    equal("the number of fills", len(context.venue.ledger.of_kind("order_filled")), fills)


def _market(context: Context, side: Side, **size: Any) -> OrderParams:
    return OrderParams(context.symbol, side, OrderType.MARKET, **size)


@case("C35", needs=("order.market", "order.market.buy_by_base"))
async def market_buy_by_base(context: Context) -> None:
    """A market buy of a base quantity buys exactly that."""
    order = await _executed(context, _market(context, Side.BUY, quantity=Decimal("0.01")))
    equal("status", order.status, OrderStatus.FILLED)
    equal("filled_quantity", order.filled_quantity, Decimal("0.01"))


@case("C36", needs=("order.market", "order.market.buy_by_quote"))
async def market_buy_by_quote(context: Context) -> None:
    """A market buy for a quote amount spends no more than that, and not much less; base and quote are not mixed up."""
    order = await _executed(context, _market(context, Side.BUY, quote_quantity=Decimal(600)))
    that(order.is_done, "it is done")
    that(540 <= (order.filled_quote_quantity or 0) <= 600, f"600 at most are spent, and not much less: {order}")
    that(Decimal("0.009") < (order.filled_quantity or 0) < Decimal("0.011"), "about 0.01 are bought")
    equal("quote_quantity", order.quote_quantity, 600)


@case("C37", needs=("order.market", "order.market.sell_by_base"))
async def market_sell_by_base(context: Context) -> None:
    """A market sell of a base quantity sells exactly that."""
    order = await _executed(context, _market(context, Side.SELL, quantity=Decimal("0.01")))
    equal("status", order.status, OrderStatus.FILLED)
    equal("filled_quantity", order.filled_quantity, Decimal("0.01"))


@case("C38", needs=("order.market", "order.market.sell_by_quote"))
async def market_sell_by_quote(context: Context) -> None:
    """A market sell for a quote amount earns about that: an exchange may size it by a price that is not the fill's."""
    order = await _executed(context, _market(context, Side.SELL, quote_quantity=Decimal(600)))
    that(order.is_done, "it is done")
    that(540 <= (order.filled_quote_quantity or 0) <= 660, f"about 600 are earned: {order}")


@case("C39")
async def unsupported_orders_are_refused(context: Context) -> None:
    """What the exchange can't do is NotSupported, names a reason, and is not sent."""
    market, stop = OrderType.MARKET, Decimal(70_000)
    orders = {
        "order.stop_limit": context.resting(order_type=OrderType.STOP_LIMIT, stop_price=stop),
        "order.stop_market": OrderParams(
            context.symbol, Side.BUY, OrderType.STOP_MARKET, context.quantity, stop_price=stop
        ),
        "order.iceberg": context.resting(iceberg_quantity=Decimal("0.0005")),
        "order.limit.ioc": context.resting(time_in_force=TimeInForce.IOC),
        "order.limit.fok": context.resting(time_in_force=TimeInForce.FOK),
        "order.limit_maker": context.resting(order_type=OrderType.LIMIT_MAKER),
        "order.market.fok": OrderParams(
            context.symbol, Side.SELL, market, context.quantity, time_in_force=TimeInForce.FOK
        ),
        "order.market.buy_by_base": _market(context, Side.BUY, quantity=context.quantity),
        "order.market.buy_by_quote": _market(context, Side.BUY, quote_quantity=Decimal(100)),
        "order.market.sell_by_base": _market(context, Side.SELL, quantity=context.quantity),
        "order.market.sell_by_quote": _market(context, Side.SELL, quote_quantity=Decimal(100)),
    }
    async with context.connected() as client:
        for name, params in orders.items():
            capability = context.spec.capability(name)
            if not capability.supported:
                that(capability.reason, f"{name} has a reason, which names the alternative")
                with raises(f"an order that needs {name}", NotSupported) as refusal:
                    await client.place_order(params)
                that(capability.reason in str(refusal.error), f"the error names the reason: {capability.reason}")
        context.nothing_sent()


@case("C40", needs=("order.market.ioc",))
async def market_order_with_ioc(context: Context) -> None:
    """A market order that says IOC is taken, as the market order that it is."""
    order = await _executed(
        context, _market(context, Side.SELL, quantity=Decimal("0.01"), time_in_force=TimeInForce.IOC)
    )
    equal("status", order.status, OrderStatus.FILLED)


@case("C41", needs=("order.market.fok",))
async def market_order_with_fok(context: Context) -> None:
    """A market order that says FOK is filled as a whole."""
    order = await _executed(
        context, _market(context, Side.SELL, quantity=Decimal("0.01"), time_in_force=TimeInForce.FOK)
    )
    equal("status", order.status, OrderStatus.FILLED)


@case("C42", needs=("order.iceberg",))
async def iceberg(context: Context) -> None:
    """An iceberg order is taken with its whole size, and what it shows is sent."""
    async with context.connected() as client:
        order = await client.place_order(context.resting(iceberg_quantity=Decimal("0.0005")))
        equal("quantity", order.quantity, context.quantity)
        equal("quantity in the books", context.booked(order).quantity, context.quantity)
        sent = context.venue.requests[-1]
        that("0.0005" in sent.query or b"0.0005" in sent.body, "the request holds the quantity that is shown")


@case("C43")
async def self_trade_prevention(context: Context) -> None:
    """Each declared way of self-trade prevention is sent as it is; an undeclared one is NotSupported."""
    prefix = "order.self_trade_prevention."
    async with context.connected() as client:
        for capability in context.spec.capabilities:
            if capability.name.startswith(prefix) and capability.supported:
                choice = capability.name.removeprefix(prefix)
                # An account without a prevention group may be refused; that is the exchange's word, not the client's.
                with suppress(ExchangeAPIError):
                    await client.place_order(context.resting(self_trade_prevention=choice))
                sent = context.venue.requests[-1]
                that(choice in sent.query or choice.encode() in sent.body, f"the request holds {choice!r}")
        context.venue.requests.clear()
        with raises("an undeclared self-trade prevention", NotSupported):
            await client.place_order(context.resting(self_trade_prevention="no-such-way"))
        context.nothing_sent()
