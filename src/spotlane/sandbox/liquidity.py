"""The default market: which symbols are listed, and the house's orders on both sides of each book."""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal

from spotlane.sandbox.accounts import LIQUIDITY
from spotlane.sandbox.matching import Market
from spotlane.sandbox.money import floor_quotient, floor_to
from spotlane.sandbox.records import Listing, OrderRecord, OrderRequest
from spotlane.structs.enums import OrderType, Side, TimeInForce

_LEVELS = 25
_LEVEL_SPACING = Decimal("0.00005")
# A level holds 3,000 to 24,000 times the minimum notional; all levels of a side together hold about five BTC.
_LEVEL_UNIT = 3000
_LEVEL_UNITS = 8


def default_listings() -> tuple[Listing, ...]:
    """Return the default symbols: two liquid pairs, and one for each way in which a symbol can be restricted."""
    tick, lot = Decimal("0.01"), Decimal("0.00000001")
    coarse, whole = Decimal("0.0001"), Decimal("0.01")
    return (
        Listing("BTC", "USDT", tick, lot, Decimal("0.000001"), full_name="Bitcoin", opening_price=Decimal(60000)),
        Listing("ETH", "USDT", tick, Decimal("0.00001"), full_name="Ethereum", opening_price=Decimal(3000)),
        Listing("MX", "USDT", coarse, whole, Decimal(5), full_name="MX Token", opening_price=Decimal("2.5")),
        Listing(
            "XRP", "USDT", coarse, whole, full_name="XRP", opening_price=Decimal("0.6"),
            order_types=frozenset({OrderType.LIMIT, OrderType.LIMIT_MAKER}),
        ),
        Listing(
            "EOS", "USDT", coarse, whole, full_name="EOS", opening_price=Decimal("0.5"), sides=frozenset({Side.SELL}),
        ),
        Listing("LUNC", "USDT", Decimal("0.00000001"), Decimal(1), full_name="Terra Classic",
                opening_price=Decimal("0.0001"), is_open_to_api=False),
        Listing("FTT", "USDT", coarse, whole, full_name="FTX Token", opening_price=Decimal(1), is_online=False),
        Listing("ETH", "BTC", Decimal("0.000001"), Decimal("0.0001"), min_notional=Decimal("0.00001"),
                max_notional=Decimal(50), max_market_notional=Decimal(50), full_name="Ethereum",
                opening_price=Decimal("0.05")),
    )  # fmt: skip


class Liquidity:
    """Keeps the house's orders around a price.

    place puts a house order through the market and returns it, or None where it must not rest (a maker order that
    would take). Levels are drawn from the seed, symbol by symbol.
    """

    def __init__(
        self, seed: int, place: Callable[[OrderRequest], OrderRecord | None], cancel: Callable[[OrderRecord], None]
    ) -> None:
        self._seed = seed
        self._place = place
        self._cancel = cancel
        self._levels: dict[str, list[tuple[Side, Decimal, Decimal]]] = {}
        self._orders: dict[tuple[str, Side, Decimal], OrderRecord] = {}
        self._whole: set[str] = set()

    def quote(self, market: Market, middle: Decimal) -> None:
        """Put new levels around a price; what crosses other orders trades with them first."""
        symbol = market.listing.symbol
        self.withdraw(symbol)
        self.disturb(symbol)
        self._levels[symbol] = self._draw(market.listing, middle)
        for side, price, quantity in self._levels[symbol]:
            self._quote_level(symbol, side, price, quantity, OrderType.LIMIT)

    def withdraw(self, symbol: str) -> None:
        """Take all house orders of one symbol out of the book."""
        self._levels.pop(symbol, None)
        for key in [key for key in self._orders if key[0] == symbol]:
            order = self._orders.pop(key)
            if order.is_open:
                self._cancel(order)

    def disturb(self, symbol: str) -> None:
        """Note that some of the house's orders are no longer as they were put."""
        self._whole.discard(symbol)

    def refill(self, symbol: str) -> None:
        """Bring every level back to its size, except where it would trade with somebody's order."""
        if symbol in self._whole:
            return
        is_whole = True
        for side, price, quantity in self._levels.get(symbol, ()):
            order = self._orders.get((symbol, side, price))
            if order is not None and order.is_open:
                if not order.filled_quantity:
                    continue
                self._cancel(order)
            is_whole &= self._quote_level(symbol, side, price, quantity, OrderType.LIMIT_MAKER)
        if is_whole:
            self._whole.add(symbol)

    def _quote_level(self, symbol: str, side: Side, price: Decimal, quantity: Decimal, order_type: OrderType) -> bool:
        request = OrderRequest(LIQUIDITY, symbol, side, order_type, TimeInForce.GTC, quantity=quantity, price=price)
        order = self._place(request)
        if order is None:
            return False
        self._orders[symbol, side, price] = order
        return not order.filled_quantity

    def _draw(self, listing: Listing, middle: Decimal) -> list[tuple[Side, Decimal, Decimal]]:
        draw = random.Random(f"{self._seed} {listing.symbol} {middle}")
        unit = listing.min_notional * _LEVEL_UNIT
        levels = []
        for distance in range(1, _LEVELS + 1):
            step = max(floor_to(middle * _LEVEL_SPACING * distance, listing.tick), listing.tick * distance)
            for side, price in ((Side.BUY, middle - step), (Side.SELL, middle + step)):
                if price > 0:
                    size = floor_quotient(unit * draw.randint(1, _LEVEL_UNITS), price, listing.lot)
                    levels.append((side, price, max(size, listing.min_quantity, listing.lot)))
        return levels
