"""Binance's trading rules of a symbol: its filters."""

from __future__ import annotations

from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal

from spotlane.errors import DecodeError
from spotlane.exchanges._json import Row, limit, load_object, optional, read_each, rows, step, word
from spotlane.exchanges.binance.wire import TYPES
from spotlane.safety import SymbolRules
from spotlane.structs import OrderType, Symbol

# Permission groups are most of the reply, and tell nothing that an order is checked against.
RULES_QUERY = b"showPermissionSets=false"

_EXACT = Context(prec=200, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])

# Numbers have at most 20 digits before the point.
_NO_MAXIMUM = Decimal("99999999999999999999")


def read_rules(body: bytes) -> tuple[list[SymbolRules], list[str]]:
    """Read the rules of every symbol; the second list names those that could not be read and are left out."""
    return read_each(rows(load_object(body).get("symbols"), "symbols"), _read_symbol, "symbol")


def _read_symbol(row: Row) -> SymbolRules:
    filters = {word(each, "filterType"): each for each in rows(row.get("filters"), "filters")}
    price, lot, market = (filters.get(name, {}) for name in ("PRICE_FILTER", "LOT_SIZE", "MARKET_LOT_SIZE"))
    if not price or not lot:
        raise DecodeError("a symbol without PRICE_FILTER and LOT_SIZE can't be traded", field="filters")
    quote_step = step(row, "quoteAssetPrecision")
    low, high, market_low, market_high = _notionals(filters)
    status = word(row, "status")
    closed = "" if status == "TRADING" else f"its status is {status}"
    if optional(row, "isSpotTradingAllowed", bool) is False:
        closed = "spot trading is not allowed"
    return SymbolRules(
        symbol=Symbol(word(row, "baseAsset"), word(row, "quoteAsset")),
        wire=word(row, "symbol"),
        tick=_limit(price, "tickSize") or quote_step,
        lot=_limit(lot, "stepSize") or step(row, "baseAssetPrecision"),
        minimum_price=_limit(price, "minPrice"),
        maximum_price=_limit(price, "maxPrice"),
        minimum_quantity=_limit(lot, "minQty"),
        maximum_quantity=_limit(lot, "maxQty"),
        market_lot=_limit(market, "stepSize"),
        market_minimum_quantity=_limit(market, "minQty"),
        market_maximum_quantity=_limit(market, "maxQty"),
        minimum_notional=low,
        maximum_notional=high,
        market_minimum_notional=market_low,
        market_maximum_notional=market_high,
        quote_step=quote_step,
        order_types=frozenset(TYPES.get(kind, OrderType.OTHER) for kind in row["orderTypes"]) - {OrderType.OTHER},
        closed=closed,
    )


def _limit(row: Row, key: str) -> Decimal | None:
    # Steps come with eight decimals, and the values that are named in messages would have them, too.
    told = limit(row, key)
    return None if told is None else told.normalize(_EXACT)


def _notionals(filters: dict[str, Row]) -> tuple[Decimal | None, Decimal | None, Decimal | None, Decimal | None]:
    """Return the smallest and the largest notional of an order with a price, and those of one sized in quote."""
    plain, ranged = filters.get("MIN_NOTIONAL", {}), filters.get("NOTIONAL", {})
    lows = [each for each in (_limit(plain, "minNotional"), _limit(ranged, "minNotional")) if each is not None]
    market_lows = [
        each
        for each, applies in (
            (_limit(plain, "minNotional"), optional(plain, "applyToMarket", bool)),
            (_limit(ranged, "minNotional"), optional(ranged, "applyMinToMarket", bool)),
        )
        if each is not None and applies
    ]
    high = _limit(ranged, "maxNotional")
    market_high = high if optional(ranged, "applyMaxToMarket", bool) else None
    return max(lows, default=None), high, max(market_lows, default=Decimal(0)), market_high or _NO_MAXIMUM
