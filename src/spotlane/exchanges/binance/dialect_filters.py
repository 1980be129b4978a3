"""A symbol's filters: what exchangeInfo shows, and the checks that the engine does not make itself."""

from __future__ import annotations

from decimal import Decimal

from spotlane.exchanges.binance.dialect_call import Call, Refusal
from spotlane.exchanges.binance.dialect_wire import padded
from spotlane.sandbox.matching import Market
from spotlane.sandbox.money import ZERO, floor_quotient, floor_to, is_multiple, plain
from spotlane.sandbox.records import Listing, OrderRequest
from spotlane.structs.enums import OrderType

_MAX_PRICE = Decimal(1_000_000)
_MAX_QUANTITY = Decimal(9_000_000_000)
_AVERAGE_MINUTES = 5
_ICEBERG_PARTS = 100
# How far from the market a price may be on the side that the engine's band leaves open.
_OPEN_ABOVE = Decimal(1_000)


def filters_of(call: Call, market: Market) -> list[dict[str, object]]:
    """Return the filters of a symbol."""
    listing = market.listing
    rows: list[dict[str, object]] = [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": padded(listing.tick),
            "maxPrice": padded(_MAX_PRICE),
            "tickSize": padded(listing.tick),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": padded(max(listing.min_quantity, listing.lot)),
            "maxQty": padded(_max_quantity(listing)),
            "stepSize": padded(listing.lot),
        },
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": padded(ZERO),
            "maxQty": padded(_max_market_quantity(call, listing)),
            "stepSize": padded(ZERO),
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": padded(listing.min_notional),
            "applyMinToMarket": True,
            "maxNotional": padded(listing.max_notional),
            "applyMaxToMarket": listing.max_market_notional <= listing.max_notional,
            "avgPriceMins": _AVERAGE_MINUTES,
        },
        {"filterType": "ICEBERG_PARTS", "limit": _ICEBERG_PARTS},
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": call.settings.max_num_orders},
    ]
    if listing.price_band is not None:
        above, below = listing.price_band
        rows.append(
            {
                "filterType": "PERCENT_PRICE_BY_SIDE",
                "bidMultiplierUp": plain(1 + above),
                "bidMultiplierDown": "0",
                "askMultiplierUp": plain(_OPEN_ABOVE),
                "askMultiplierDown": plain(1 - below),
                "avgPriceMins": _AVERAGE_MINUTES,
            }
        )
    return rows


def exchange_filters(call: Call) -> list[dict[str, object]]:
    """Return the filters of an account as a whole."""
    return [{"filterType": "EXCHANGE_MAX_NUM_ORDERS", "maxNumOrders": call.engine.settings.open_order_limit}]


def failure(name: str) -> Refusal:
    """Return the refusal for a filter."""
    return Refusal(-1013, f"Filter failure: {name}")


def check_bounds(call: Call, market: Market, request: OrderRequest) -> None:
    """Refuse an order that is too large, or whose price is, and an iceberg of odd or too many parts."""
    listing = market.listing
    if request.price is not None and request.price > _MAX_PRICE:
        raise failure("PRICE_FILTER")
    quantity = request.quantity
    if quantity is None:
        # What the order is worth at the last price: the engine finds out the exact size while it trades.
        quote_quantity = request.quote_quantity or ZERO
        quantity = ZERO if not market.last_price else floor_quotient(quote_quantity, market.last_price, listing.lot)
    if quantity > _max_quantity(listing):
        raise failure("LOT_SIZE")
    iceberg = Decimal(request.as_received.get("icebergQty", 0))
    if iceberg and not is_multiple(iceberg, listing.lot):
        raise failure("LOT_SIZE")
    if iceberg and quantity > iceberg * _ICEBERG_PARTS:
        raise failure("ICEBERG_PARTS")
    if request.order_type is OrderType.MARKET and quantity > _max_market_quantity(call, listing):
        raise failure("MARKET_LOT_SIZE")


def check_count(call: Call, market: Market) -> None:
    """Refuse an order where too many of the symbol are open already."""
    if call.memory.open_orders(call.account, market.listing.symbol) >= call.settings.max_num_orders:
        raise failure("MAX_NUM_ORDERS")


def _max_quantity(listing: Listing) -> Decimal:
    return _MAX_QUANTITY if listing.max_quantity is None else listing.max_quantity


def _max_market_quantity(call: Call, listing: Listing) -> Decimal:
    return floor_to(_max_quantity(listing) * call.settings.market_lot_fraction, listing.lot)
