"""The checks that an order passes before it may reach a market."""

from __future__ import annotations

from decimal import Decimal

from spotlane.sandbox.matching import Market
from spotlane.sandbox.money import is_multiple
from spotlane.sandbox.records import Listing, OrderRequest, Reason, Refused
from spotlane.structs.enums import OrderType, Side


def check_request(request: OrderRequest, market: Market) -> None:
    """Raise Refused for the first rule of the listing that the request breaks; balances are not looked at."""
    listing = market.listing
    _check_listing(request, listing)
    is_market = request.order_type is OrderType.MARKET
    if request.quantity is not None:
        _check_quantity(request.quantity, listing)
    if not is_market:
        _check_price(request, market)
    notional = _notional(request, market, is_market=is_market)
    if notional is None:
        return
    if notional < listing.min_notional:
        raise Refused(Reason.NOTIONAL_TOO_SMALL, limit=listing.min_notional, asset=listing.quote)
    highest = listing.max_market_notional if is_market else listing.max_notional
    if notional > highest:
        raise Refused(Reason.NOTIONAL_TOO_LARGE, limit=highest, asset=listing.quote)


def _check_listing(request: OrderRequest, listing: Listing) -> None:
    if not listing.is_online:
        raise Refused(Reason.TRADING_PAUSED)
    if not listing.is_open_to_api:
        raise Refused(Reason.API_CLOSED)
    if request.side not in listing.sides:
        raise Refused(Reason.SIDE_CLOSED)
    if request.order_type not in listing.order_types:
        raise Refused(Reason.TYPE_CLOSED)


def _check_quantity(quantity: Decimal, listing: Listing) -> None:
    if quantity <= 0:
        raise Refused(Reason.MALFORMED)
    if not is_multiple(quantity, listing.lot):
        raise Refused(Reason.QUANTITY_PRECISION, limit=listing.lot, asset=listing.base)
    if quantity < listing.min_quantity:
        raise Refused(Reason.QUANTITY_TOO_SMALL, limit=listing.min_quantity, asset=listing.base)
    if listing.max_quantity is not None and quantity > listing.max_quantity:
        raise Refused(Reason.QUANTITY_TOO_LARGE, limit=listing.max_quantity, asset=listing.base)


def _check_price(request: OrderRequest, market: Market) -> None:
    price = request.price
    listing = market.listing
    if price is None or price <= 0:
        raise Refused(Reason.MALFORMED)
    if not is_multiple(price, listing.tick):
        raise Refused(Reason.PRICE_PRECISION, limit=listing.tick, asset=listing.quote)
    if listing.price_band is None or market.last_price is None:
        return
    above, below = listing.price_band
    bound = market.last_price * (1 + above if request.side is Side.BUY else 1 - below)
    if price > bound if request.side is Side.BUY else price < bound:
        raise Refused(Reason.PRICE_OUTSIDE_BAND, limit=bound, asset=listing.quote)


def _notional(request: OrderRequest, market: Market, *, is_market: bool) -> Decimal | None:
    if request.quote_quantity is not None:
        return request.quote_quantity
    if request.quantity is None:
        raise Refused(Reason.MALFORMED)
    price = market.last_price if is_market else request.price
    return None if price is None else request.quantity * price
