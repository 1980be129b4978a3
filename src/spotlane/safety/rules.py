"""What an exchange accepts of an order, checked before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, Inexact, InvalidOperation
from types import MappingProxyType

from spotlane.errors import (
    MaximumError,
    MinimumError,
    NotSupported,
    PrecisionError,
    SymbolNotTradable,
    UnknownSymbol,
    UsageError,
)
from spotlane.spec import ExchangeSpec
from spotlane.structs import OrderParams, OrderType, Side, Symbol, TimeInForce

# Products of two values that an exchange accepts have far fewer digits; Inexact would say so if one had not.
_EXACT = Context(prec=200, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[Inexact, InvalidOperation])

_PRICED = frozenset({OrderType.LIMIT, OrderType.LIMIT_MAKER, OrderType.STOP_LIMIT})
_STOPPED = frozenset({OrderType.STOP_LIMIT, OrderType.STOP_MARKET})


@dataclass(frozen=True, slots=True)
class SymbolRules:
    """What one exchange accepts for one symbol.

    wire is the exchange's own spelling of it. tick and lot are the steps of price and base quantity. Notionals are in
    quote units; the market_* pair holds for MARKET orders sized in quote. A limit that the exchange does not publish is
    None. minimum_price and maximum_price hold for stop prices, too. market_lot, market_minimum_quantity and
    market_maximum_quantity hold for MARKET orders sized in base, beside those of every order. closed says why the
    symbol can't be traded at all, or is empty.
    """

    symbol: Symbol
    wire: str
    tick: Decimal
    lot: Decimal
    minimum_quantity: Decimal | None = None
    maximum_quantity: Decimal | None = None
    minimum_notional: Decimal | None = None
    maximum_notional: Decimal | None = None
    minimum_price: Decimal | None = None
    maximum_price: Decimal | None = None
    market_lot: Decimal | None = None
    market_minimum_quantity: Decimal | None = None
    market_maximum_quantity: Decimal | None = None
    market_minimum_notional: Decimal | None = None
    market_maximum_notional: Decimal | None = None
    quote_step: Decimal | None = None
    sides: frozenset[Side] = frozenset(Side)
    order_types: frozenset[OrderType] = frozenset({OrderType.LIMIT, OrderType.MARKET, OrderType.LIMIT_MAKER})
    closed: str = ""


class RuleBook:
    """The rules of every symbol of one exchange, as fetched at one moment.

    symbols maps the exchange's spellings to Symbols: decoders read with it.
    """

    def __init__(self, exchange: str, rules: Iterable[SymbolRules]) -> None:
        self.exchange = exchange
        self._by_symbol = {rule.symbol: rule for rule in rules}
        self.symbols: Mapping[str, Symbol] = MappingProxyType(
            {rule.wire: rule.symbol for rule in self._by_symbol.values()}
        )

    def __len__(self) -> int:
        return len(self._by_symbol)

    def find(self, symbol: Symbol) -> SymbolRules:
        """Return the rules of a symbol. Raises UnknownSymbol naming the nearest one that exists."""
        rules = self._by_symbol.get(symbol)
        if rules is None:
            if not isinstance(symbol, Symbol):
                raise TypeError(
                    f"symbol must be a Symbol, was {type(symbol).__name__}: Symbol.parse('BTC/USDT') makes one"
                )
            known = [str(each) for each in self._by_symbol]
            import difflib  # only a mistake needs it

            near = difflib.get_close_matches(str(symbol), known, n=1)
            raise UnknownSymbol(
                f"{self.exchange} lists no symbol {symbol}" + (f"; did you mean {near[0]}?" if near else "")
            )
        return rules


def check_order(spec: ExchangeSpec, rules: SymbolRules, params: OrderParams) -> None:
    """Check an order against an exchange's abilities and a symbol's rules.

    Raises a UsageError that names the field, the value given and the nearest value that passes.
    """
    check_abilities(spec, params)
    _check_open(spec.name, rules, params)
    if params.price is not None:
        _check_price(rules, "price", params.price)
    if params.stop_price is not None:
        _check_price(rules, "stop_price", params.stop_price)
    if params.quantity is not None:
        rules = market_rules(rules) if params.order_type is OrderType.MARKET else rules
        _check_quantity(rules, params.quantity, params.price)
    if params.iceberg_quantity is not None:
        check_step("iceberg_quantity", params.iceberg_quantity, rules.lot, rules.symbol, round_down=True)
    if params.quote_quantity is not None:
        _check_quote_quantity(rules, params.quote_quantity)


def check_abilities(spec: ExchangeSpec, params: OrderParams) -> None:
    """Check that an order means something and that the exchange has such orders at all. Raises UsageError."""
    _check_shape(params)
    for name in _abilities_needed(params):
        capability = spec.capability(name)
        if not capability.supported:
            raise NotSupported(f"{spec.name} can't do this ({name}): {capability.reason or 'no such order there'}")


def _check_shape(params: OrderParams) -> None:
    kind, given = params.order_type, params.order_type.value
    if kind is OrderType.OTHER:
        raise UsageError("order_type OTHER only describes orders that were read; it can't be placed")
    for name in ("price", "quantity", "quote_quantity", "stop_price", "iceberg_quantity"):
        if getattr(params, name) == 0:
            raise UsageError(f"{name} must be above zero, was {getattr(params, name)}")
    if kind in _PRICED and params.price is None:
        raise UsageError(f"a {given} order needs a price")
    if kind not in _PRICED and params.price is not None:
        raise UsageError(f"a {given} order takes no price, was {params.price}: use LIMIT with IOC to cap the price")
    if kind in _STOPPED and params.stop_price is None:
        raise UsageError(f"a {given} order needs a stop_price")
    if kind not in _STOPPED and params.stop_price is not None:
        raise UsageError(f"a {given} order takes no stop_price, was {params.stop_price}")
    if params.quantity is None and params.quote_quantity is None:
        raise UsageError("an order needs a quantity (base) or, for MARKET, a quote_quantity")
    if params.quote_quantity is not None:
        if params.quantity is not None:
            raise UsageError("give either quantity (base) or quote_quantity, not both")
        if kind is not OrderType.MARKET:
            raise UsageError(f"only a MARKET order can be sized in quote, was {given}: give quantity in base")
    if kind is OrderType.LIMIT_MAKER and params.time_in_force not in (None, TimeInForce.GTC):
        raise UsageError(f"a LIMIT_MAKER order rests until cancelled (GTC), was {params.time_in_force.value}")
    if kind is OrderType.MARKET and params.time_in_force is TimeInForce.GTC:
        raise UsageError("a MARKET order can't rest: leave time_in_force out, or give IOC")


def _abilities_needed(params: OrderParams) -> Iterator[str]:
    kind = params.order_type
    yield f"order.{kind.value.lower()}"
    if kind is OrderType.MARKET:
        yield f"order.market.{params.side.value.lower()}_by_{'quote' if params.quantity is None else 'base'}"
    if params.time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
        yield f"order.{kind.value.lower()}.{params.time_in_force.value.lower()}"
    if params.iceberg_quantity is not None:
        yield "order.iceberg"
    if params.self_trade_prevention is not None:
        yield f"order.self_trade_prevention.{params.self_trade_prevention}"


def _check_open(exchange: str, rules: SymbolRules, params: OrderParams) -> None:
    if rules.closed:
        raise SymbolNotTradable(f"{rules.symbol} can't be traded on {exchange}: {rules.closed}")
    if params.side not in rules.sides:
        allowed = " and ".join(sorted(side.value for side in rules.sides)) or "nothing"
        raise SymbolNotTradable(f"{rules.symbol} is open to {allowed} on {exchange} now, was {params.side.value}")
    if params.order_type not in rules.order_types:
        allowed = ", ".join(sorted(each.value for each in rules.order_types))
        raise SymbolNotTradable(f"{rules.symbol} takes {allowed} on {exchange}, was {params.order_type.value}")


def _check_price(rules: SymbolRules, field: str, price: Decimal) -> None:
    low, high = rules.minimum_price, rules.maximum_price
    least = None if low is None else _whole_steps(low, rules.tick, up=True)
    most = None if high is None else _whole_steps(high, rules.tick, up=False)
    check_step(field, price, rules.tick, rules.symbol, least=least, most=most)
    _check_bounds(f"{rules.symbol} {field}", price, low, high, field=field, given=price, least=least, most=most)


def market_rules(rules: SymbolRules) -> SymbolRules:
    """Return the rules with the limits of MARKET orders beside the others; of two steps the larger is a multiple."""
    if (rules.market_lot, rules.market_minimum_quantity, rules.market_maximum_quantity) == (None, None, None):
        return rules
    low = [each for each in (rules.minimum_quantity, rules.market_minimum_quantity) if each is not None]
    high = [each for each in (rules.maximum_quantity, rules.market_maximum_quantity) if each is not None]
    return replace(
        rules,
        lot=max(rules.lot, rules.market_lot or rules.lot),
        minimum_quantity=max(low, default=None),
        maximum_quantity=min(high, default=None),
    )


def _check_quantity(rules: SymbolRules, quantity: Decimal, price: Decimal | None) -> None:
    least, most = _passing_quantities(rules, price)
    check_step("quantity", quantity, rules.lot, rules.symbol, round_down=True, least=least, most=most)
    low, high = rules.minimum_quantity, rules.maximum_quantity
    what = f"{rules.symbol} quantity"
    _check_bounds(what, quantity, low, high, field="quantity", given=quantity, least=least, most=most)
    if price is not None:
        notional = _EXACT.multiply(price, quantity)
        what = f"{rules.symbol} notional (price x quantity)"
        low, high = rules.minimum_notional, rules.maximum_notional
        _check_bounds(what, notional, low, high, field="quantity", given=quantity, least=least, most=most)


def quote_bounds(rules: SymbolRules) -> tuple[Decimal | None, Decimal | None]:
    """Return the least and the most that an order sized in quote may be worth."""
    low, high = rules.market_minimum_notional, rules.market_maximum_notional
    return (
        low if low is not None else rules.minimum_notional,
        high if high is not None else rules.maximum_notional,
    )


def _check_quote_quantity(rules: SymbolRules, quote_quantity: Decimal) -> None:
    low, high = quote_bounds(rules)
    if rules.quote_step is not None:
        least = None if low is None else _whole_steps(low, rules.quote_step, up=True)
        most = None if high is None else _whole_steps(high, rules.quote_step, up=False)
        check_step(
            "quote_quantity", quote_quantity, rules.quote_step, rules.symbol, round_down=True, least=least, most=most
        )
    else:
        least, most = low, high
    what = f"{rules.symbol} quote_quantity"
    _check_bounds(what, quote_quantity, low, high, field="quote_quantity", given=quote_quantity, least=least, most=most)


def _check_bounds(
    what: str,
    value: Decimal,
    low: Decimal | None,
    high: Decimal | None,
    *,
    field: str,
    given: Decimal,
    least: Decimal | None,
    most: Decimal | None,
) -> None:
    if low is not None and value < low:
        raise MinimumError(
            f"{what} is at least {low:f}, was {value:f}: {field} {least:f} would pass",
            field=field, given=given, nearest=least,
        )  # fmt: skip
    if high is not None and value > high:
        raise MaximumError(
            f"{what} is at most {high:f}, was {value:f}: {field} {most:f} would pass",
            field=field, given=given, nearest=most,
        )  # fmt: skip


def _passing_quantities(rules: SymbolRules, price: Decimal | None) -> tuple[Decimal | None, Decimal | None]:
    """Return the smallest and the largest quantity, in whole lots, that pass every bound at a price."""
    least = [] if rules.minimum_quantity is None else [_whole_steps(rules.minimum_quantity, rules.lot, up=True)]
    most = [] if rules.maximum_quantity is None else [_whole_steps(rules.maximum_quantity, rules.lot, up=False)]
    if price is not None:
        per_lot = _EXACT.multiply(price, rules.lot)
        if rules.minimum_notional is not None:
            least.append(_EXACT.multiply(_steps(rules.minimum_notional, per_lot, up=True), rules.lot))
        if rules.maximum_notional is not None:
            most.append(_EXACT.multiply(_steps(rules.maximum_notional, per_lot, up=False), rules.lot))
    return max(least, default=None), min(most, default=None)


def check_step(
    field: str,
    value: Decimal,
    step: Decimal,
    what: object,
    *,
    round_down: bool = False,
    least: Decimal | None = None,
    most: Decimal | None = None,
) -> None:
    """Raise PrecisionError unless a value is a whole number of steps; the nearest that is one is named.

    round_down: never name a larger one than was given, except the first step itself. what is named in the message. The
    value that is named lies between least and most, which are whole steps.
    """
    numerator, denominator = _ratio(value, step)
    steps, rest = divmod(numerator, denominator)
    if not rest:
        return
    if steps == 0 or (not round_down and 2 * rest >= denominator):
        steps += 1
    nearest = _EXACT.multiply(Decimal(steps), step)
    if most is not None and nearest > most:
        nearest = most
    if least is not None and nearest < least:
        nearest = least
    raise PrecisionError(
        f"{what} {field} goes in steps of {step:f}, was {value:f}: {nearest:f} would pass",
        field=field, given=value, nearest=nearest,
    )  # fmt: skip


def _steps(value: Decimal, step: Decimal, *, up: bool) -> Decimal:
    numerator, denominator = _ratio(value, step)
    return Decimal(-(-numerator // denominator) if up else numerator // denominator)


def _whole_steps(value: Decimal, step: Decimal, *, up: bool) -> Decimal:
    return _EXACT.multiply(_steps(value, step, up=up), step)


def _ratio(value: Decimal, step: Decimal) -> tuple[int, int]:
    """Return value / step as an exact fraction of integers; division in Decimal would round in someone's context."""
    value_top, value_bottom = value.as_integer_ratio()
    step_top, step_bottom = step.as_integer_ratio()
    return value_top * step_bottom, value_bottom * step_top
