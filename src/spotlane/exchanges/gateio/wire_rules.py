"""Gate's currency pairs as trading rules. A limit that a pair does not have is absent, null or 0."""

from __future__ import annotations

from spotlane.exchanges._json import Row, limit, load, read_each, rows, step
from spotlane.safety import SymbolRules
from spotlane.structs import Side, Symbol

_SIDES = {
    "tradable": frozenset(Side),
    "buyable": frozenset({Side.BUY}),
    "sellable": frozenset({Side.SELL}),
}


def read_rules(body: bytes) -> tuple[list[SymbolRules], list[str]]:
    """Read the rules of every pair; the second list names those that could not be read and are left out."""
    return read_each(rows(load(body)), _read_pair, "id")


def _read_pair(row: Row) -> SymbolRules:
    tick = step(row, "precision")
    sides = _SIDES.get(row["trade_status"], frozenset[Side]())
    return SymbolRules(
        symbol=Symbol(row["base"], row["quote"]),
        wire=row["id"],
        tick=tick,
        lot=step(row, "amount_precision"),
        minimum_quantity=limit(row, "min_base_amount"),
        maximum_quantity=limit(row, "max_base_amount"),
        minimum_notional=limit(row, "min_quote_amount"),
        maximum_notional=limit(row, "max_quote_amount"),
        market_maximum_notional=limit(row, "market_order_max_money"),
        quote_step=tick,
        sides=sides,
        closed="" if sides else f"its trade status is {row['trade_status']}",
    )
