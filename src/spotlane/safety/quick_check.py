"""check_order's answer for the orders of every day, prepared once for each symbol."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from decimal import Decimal

from spotlane._core.order_check import OrderCheck, Shapes
from spotlane.errors import UsageError
from spotlane.safety.rules import SymbolRules, check_abilities, market_rules, quote_bounds
from spotlane.spec import ExchangeSpec
from spotlane.structs import OrderParams, OrderType, Side, Symbol, TimeInForce

# Orders with a trigger are left to check_order.
_TYPES = (OrderType.LIMIT, OrderType.LIMIT_MAKER, OrderType.MARKET)
_TIMES = (None, *TimeInForce)
_SIZES = (("price", "quantity"), ("quantity",), ("quote_quantity",))

_Shape = tuple[Side, OrderType, TimeInForce | None, tuple[str, ...]]


def shapes_of(spec: ExchangeSpec) -> Shapes:
    """Find out, by asking check_abilities, which combinations an exchange takes."""
    return Shapes(OrderParams, allowed=_allowed(spec), market=OrderType.MARKET, ignored=("symbol", "client_order_id"))


def _allowed(spec: ExchangeSpec) -> Iterator[_Shape]:
    pair, one = Symbol("A", "B"), Decimal(1)
    for side, kind, time_in_force, sizes in itertools.product(Side, _TYPES, _TIMES, _SIZES):
        try:
            bare = OrderParams(pair, side, kind, time_in_force=time_in_force)
            check_abilities(spec, bare.replace(**dict.fromkeys(sizes, one)))
        except UsageError:
            continue
        yield side, kind, time_in_force, sizes


def prepare(shapes: Shapes, rules: SymbolRules) -> OrderCheck:
    """Make the check of one symbol: what it passes, check_order passes too."""
    market = market_rules(rules)
    return OrderCheck(
        shapes,
        sides=rules.sides,
        order_types=frozenset() if rules.closed else rules.order_types,
        price=(rules.tick, rules.minimum_price, rules.maximum_price),
        quantity=(rules.lot, rules.minimum_quantity, rules.maximum_quantity),
        market_quantity=(market.lot, market.minimum_quantity, market.maximum_quantity),
        notional=(None, rules.minimum_notional, rules.maximum_notional),
        quote_quantity=(rules.quote_step, *quote_bounds(rules)),
    )
