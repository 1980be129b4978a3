"""The client is the class that the contract describes."""

from __future__ import annotations

from decimal import Decimal

from spotlane import registry
from spotlane.interfaces.contract import check_exchange_class
from spotlane.structs import AssetBalance, Order, OrderStatus, Trade
from spotlane.testing.case import case
from spotlane.testing.context import Context
from spotlane.testing.expect import equal, same_type, that


@case("C01", live=True)
async def keeps_the_contract(context: Context) -> None:
    """Every method of PrivateSpotRest is there, with its parameters, awaitable where it should be."""
    check_exchange_class(registry.client_class(context.exchange))


@case("C02", live=True)
async def says_its_name(context: Context) -> None:
    """The client says its registry name, in its property and in every order."""
    async with context.connected() as client:
        equal("client.exchange", client.exchange, context.exchange)
        order = await client.place_order(context.resting())
        equal("order.exchange", order.exchange, context.exchange)
        equal("exchange of the order as cancelled", (await client.cancel_order(order.symbol, order.order_id)).exchange,
              context.exchange)  # fmt: skip


@case("C03", live=True)
async def opens_and_closes(context: Context) -> None:
    """open() and close() do what `async with` does; close() can be repeated."""
    client = context.client()
    await client.open()
    try:
        await client.get_account_balance()
    finally:
        await client.close()
    await client.close(grace_s=0.1)


@case("C04", live=True)
async def returns_the_documented_types(context: Context) -> None:
    """Every trading method returns its documented type, money as Decimal and times as int."""
    async with context.connected() as client:
        balances = await client.get_account_balance()
        same_type("get_account_balance()", balances, dict)
        for asset, balance in balances.items():
            same_type(f"balance of {asset}", balance, AssetBalance)
            same_type(f"available {asset}", balance.available, Decimal)
            equal("the balance's key", asset, balance.asset)
        order = await client.place_order(context.resting())
        try:
            read = await client.get_order(context.symbol, order.order_id)
            lists = [await client.get_open_orders(), await client.get_open_orders(context.symbol)]
        finally:
            cancelled = await client.cancel_order(context.symbol, order.order_id)
        lists.append(await client.get_order_history(context.symbol))
        trades = await client.get_trades(context.symbol)
        for each in (order, read, cancelled, *(row for rows in lists for row in rows)):
            _is_an_order(each)
        for rows in (*lists, trades):
            same_type("a list of orders or trades", rows, list)
        for trade in trades:
            same_type("a trade", trade, Trade)
            same_type("a trade's price", trade.price, Decimal)


def _is_an_order(order: Order) -> None:
    same_type("an order", order, Order)
    same_type("an order's id", order.order_id, str)
    same_type("an order's status", order.status, OrderStatus)
    same_type("an order's quantity", order.quantity, Decimal)
    that(order.created_ms is None or type(order.created_ms) is int, "created_ms is an int, or None where it is unknown")


@case("C05")
async def balances_are_exact(context: Context) -> None:
    """Balances are exact to the last unit, available and locked, and complete."""
    engine = context.venue.engine
    engine.credit("USDT", Decimal("0.00000001"))
    engine.credit("ETH", Decimal("123456789.12345678"))
    quantity = context.in_lots(Decimal("0.00123456"))
    async with context.connected() as client:
        await client.place_order(context.resting(quantity=quantity, price=Decimal("20000.01")))
        told = await client.get_account_balance()
        for asset, holding in engine.balances().items():
            if holding.total:
                that(asset in told, f"the balance of {asset} is told")
                equal(f"{asset} available", told[asset].available, holding.available)
                equal(f"{asset} locked", told[asset].locked, holding.locked)
        that(told["USDT"].locked >= quantity * Decimal("20000.01"), "the order's money is locked")


@case("C06")
async def balances_are_never_cached(context: Context) -> None:
    """A balance that changed between two calls is told as it is."""
    async with context.connected() as client:
        before = await client.get_account_balance()
        context.venue.engine.credit("BTC", Decimal("0.5"))
        after = await client.get_account_balance()
        equal("the growth of BTC", after["BTC"].available - before["BTC"].available, Decimal("0.5"))
