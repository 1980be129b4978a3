"""What is wrong with an order is found before it is sent, and the error names what would pass."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal

from spotlane.errors import MinimumError, PrecisionError, SymbolNotTradable, UnknownSymbol, UsageError
from spotlane.structs import OrderParams, OrderType, Side, Symbol
from spotlane.testing.case import case
from spotlane.testing.context import Context
from spotlane.testing.expect import equal, raises, that


async def _refused(
    context: Context, params: OrderParams, kind: type[PrecisionError] | type[MinimumError], field: str
) -> Decimal:
    """State that an order is refused locally, and that the value that the error names is taken; return that value."""
    async with context.connected() as client:
        with raises(f"an unfit {field}", kind) as refusal:
            await client.place_order(params)
        context.nothing_sent()
        error = refusal.error
        equal("the error's field", error.field, field)
        equal("the error's given", error.given, getattr(params, field))
        that(f"{error.given:f}" in str(error) or f"{error.nearest:f}" in str(error), "the message names the values")
        that(isinstance(error.nearest, Decimal), "the error names the nearest value that passes")
        nearest = Decimal(str(error.nearest))
        order = await client.place_order(params.replace(**{field: nearest}))
        equal("the booked value", getattr(context.booked(order), field), nearest)
        return nearest


@case("C70")
async def price_off_the_tick(context: Context) -> None:
    """A price off the tick is a PrecisionError; the nearest price that passes is named."""
    tick = context.listing.tick
    nearest = await _refused(context, context.resting(price=context.price + tick / 4), PrecisionError, "price")
    equal("the nearest price", nearest, context.price)


@case("C71")
async def quantity_off_the_lot(context: Context) -> None:
    """A quantity off the lot is a PrecisionError; the nearest quantity that passes is not larger than the given one."""
    given = context.quantity + context.listing.lot * 3 / 4
    nearest = await _refused(context, context.resting(quantity=given), PrecisionError, "quantity")
    equal("the nearest quantity", nearest, context.quantity)


@case("C72")
async def quantity_below_the_minimum(context: Context) -> None:
    """An order below the minimum is a MinimumError; the smallest quantity that passes is named."""
    quantity = context.in_lots(context.listing.min_notional / context.price / 2)
    nearest = await _refused(context, context.resting(quantity=quantity), MinimumError, "quantity")
    that(nearest * context.price >= context.listing.min_notional, "the named quantity reaches the minimum")


@case("C73", live=True)
async def unknown_symbol(context: Context) -> None:
    """A symbol that the exchange does not list is UnknownSymbol, in every method that takes one."""
    unknown = Symbol(f"{context.symbol.base}X", context.symbol.quote)
    async with context.connected() as client:
        calls: tuple[Callable[[], Awaitable[object]], ...] = (
            lambda: client.place_order(context.resting(symbol=unknown)),
            lambda: client.cancel_order(unknown, "1"),
            lambda: client.get_order(unknown, "1"),
            lambda: client.get_open_orders(unknown),
            lambda: client.get_order_history(unknown),
            lambda: client.get_trades(unknown),
        )
        for call in calls:
            with raises(f"a call for {unknown}", UnknownSymbol) as refusal:
                await call()
            that(str(unknown) in str(refusal.error), "the message names the symbol")
            that(str(context.symbol) in str(refusal.error), "the message names a symbol that is near")
        if context.sandbox is not None:
            context.nothing_sent()


@case("C74")
async def symbol_that_is_closed(context: Context) -> None:
    """A symbol that is listed but closed is SymbolNotTradable, and nothing is sent."""
    closed = next(market.listing for market in context.venue.engine.markets.values() if not market.listing.is_online)
    async with context.connected() as client:
        params = OrderParams(Symbol.parse(closed.symbol), Side.BUY, OrderType.LIMIT, Decimal(10), closed.opening_price)
        with raises("an order on a closed symbol", SymbolNotTradable, UnknownSymbol):
            await client.place_order(params)
        context.nothing_sent()


@case("C75", live=True)
async def incomplete_orders(context: Context) -> None:
    """An order without a size, without its price, of size zero, or sized twice is a UsageError."""
    limit, market, size = OrderType.LIMIT, OrderType.MARKET, context.quantity
    orders = (
        OrderParams(context.symbol, Side.BUY, limit, price=context.price),
        OrderParams(context.symbol, Side.BUY, limit, size),
        OrderParams(context.symbol, Side.BUY, limit, Decimal(0), context.price),
        OrderParams(context.symbol, Side.BUY, limit, size, Decimal(0)),
        OrderParams(context.symbol, Side.BUY, market, size, quote_quantity=Decimal(100)),
        OrderParams(context.symbol, Side.SELL, market, size, context.price),
    )
    async with context.connected() as client:
        for params in orders:
            with raises(f"placing {params}", UsageError):
                await client.place_order(params)
        if context.sandbox is not None:
            context.nothing_sent()
