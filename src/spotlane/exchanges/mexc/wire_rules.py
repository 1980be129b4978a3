"""MEXC's exchangeInfo as trading rules. What its field names hide stands in README.md, "Rules"."""

from __future__ import annotations

from spotlane.exchanges._json import Row, limit, load_object, read_each, rows, step
from spotlane.safety import SymbolRules
from spotlane.structs import OrderType, Side, Symbol

# "ENABLED" was sent until August 2024.
_ONLINE = frozenset({"1", "ENABLED"})
_STATES = {"2": "it is paused", "3": "it is offline"}
# Documented as a string, sent as a number.
_SIDES = {
    "1": frozenset(Side),
    "2": frozenset({Side.BUY}),
    "3": frozenset({Side.SELL}),
    "4": frozenset[Side](),
}


def read_rules(body: bytes) -> tuple[list[SymbolRules], list[str]]:
    """Read the rules of every symbol; the second list names those that could not be read and are left out."""
    return read_each(rows(load_object(body).get("symbols"), "symbols"), _read_symbol, "symbol")


def _read_symbol(row: Row) -> SymbolRules:
    tick = step(row, "quotePrecision")
    order_types = {OrderType.LIMIT, OrderType.LIMIT_MAKER}
    if OrderType.MARKET.value in row["orderTypes"]:
        order_types.add(
            OrderType.MARKET
        )  # the list leaves out types that work, except that MARKET may really be absent
    return SymbolRules(
        symbol=Symbol(row["baseAsset"], row["quoteAsset"]),
        wire=row["symbol"],
        tick=tick,
        lot=step(row, "baseAssetPrecision"),
        minimum_quantity=limit(row, "baseSizePrecision"),
        minimum_notional=limit(row, "quoteAmountPrecision"),
        maximum_notional=limit(row, "maxQuoteAmount"),
        market_minimum_notional=limit(row, "quoteAmountPrecisionMarket"),
        market_maximum_notional=limit(row, "maxQuoteAmountMarket"),
        quote_step=tick,
        sides=_SIDES[str(row.get("tradeSideType", 1))],
        order_types=frozenset(order_types),
        closed=_why_closed(row),
    )


def _why_closed(row: Row) -> str:
    if str(row["status"]) not in _ONLINE:
        return _STATES.get(str(row["status"]), f"its status is {row['status']!r}")
    if not row.get("isSpotTradingAllowed", True):
        return "it is not open to trading over the API"
    return ""
