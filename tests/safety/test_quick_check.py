"""The compiled check of an order: it never takes what check_order refuses, and takes what is plain and right."""

from __future__ import annotations

import dataclasses
import decimal
from decimal import Decimal
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_order_rules import PAIR, RULES, SPEC, limit, market

from spotlane import OrderParams, OrderType, Side, Symbol, TimeInForce, UsageError
from spotlane._core.order_check import Shapes
from spotlane.safety import SymbolRules, check_order
from spotlane.safety.quick_check import prepare, shapes_of
from spotlane.safety.rules import check_abilities
from spotlane.spec import Capability, ExchangeSpec

SHAPES = shapes_of(SPEC)
ABILITIES = (
    "order.limit", "order.limit.ioc", "order.limit.fok", "order.limit_maker", "order.market", "order.market.ioc",
    "order.market.fok", "order.market.buy_by_base", "order.market.sell_by_base", "order.market.buy_by_quote",
    "order.market.sell_by_quote", "order.stop_limit", "order.stop_market", "order.iceberg",
    "order.self_trade_prevention.x",
)  # fmt: skip
PLAIN_TYPES = (OrderType.LIMIT, OrderType.MARKET, OrderType.LIMIT_MAKER)
# Binance's way of saying that there is no maximum.
NINES = Decimal("99999999999999999999")
KEPT = decimal.Context(prec=18, rounding=decimal.ROUND_DOWN)


def takes(spec: ExchangeSpec, rules: SymbolRules, params: OrderParams) -> bool:
    try:
        check_order(spec, rules, params)
    except UsageError:
        return False
    return True


def amount(digits: int, exponents: range) -> st.SearchStrategy[Decimal]:
    """Draw amounts of up to so many digits."""
    return st.builds(
        lambda whole, exponent: Decimal(whole).scaleb(exponent),
        st.integers(1, 999) | st.integers(1, 10**digits - 1),
        st.sampled_from(exponents),
    )


steps = st.sampled_from(
    [Decimal(text) for text in ("1", "0.01", "1E-8", "0.05", "2.5", "7", "1E+2", "0.0100", "1E-18", "4294967291E-12")]
)


@st.composite
def bounds(draw: st.DrawFn, value: Decimal, *, far: bool = True) -> tuple[Decimal | None, Decimal | None]:
    """Draw bounds for a value, which most of them let pass, a few of them only just."""
    low = draw(st.sampled_from([None, None, value, value / 2, value - Decimal("1E-9"), Decimal(0), Decimal(1)]))
    high = draw(st.sampled_from([None, None, value, value * 2, value + Decimal("1E-9"), NINES, Decimal(10**9)]))
    if not draw(st.integers(0, 9)):
        low = draw(st.sampled_from([value + Decimal("1E-12"), value * 2, Decimal("1E+39")]))
    if not draw(st.integers(0, 9)):
        high = draw(
            st.sampled_from([value - Decimal("1E-12"), value / 2, Decimal(0), Decimal("123456789012345678E-25")])
        )
    # A bound of price x quantity is exact in as many digits as are kept.
    if not far:
        low, high = (None if each is None else KEPT.plus(each) for each in (low, high))
    return (None if low is None else abs(low)), (None if high is None else abs(high))


@st.composite
def sizes(draw: st.DrawFn, step: Decimal) -> Decimal:
    """Draw a size: mostly whole steps, with zeros behind them or without."""
    value = step * draw(st.integers(1, 999) | st.integers(1, 10**8))
    if not draw(st.integers(0, 15)):
        value = draw(amount(18, range(-30, 30)) | amount(30, range(-60, 60)))
    zeros = draw(st.integers(-12, 0))
    return value.normalize() if zeros < -8 else value + Decimal((0, (0,), zeros))


@st.composite
def cases(draw: st.DrawFn) -> tuple[ExchangeSpec, SymbolRules, OrderParams]:
    with decimal.localcontext(decimal.Context(prec=200)):
        tick, lot, market_lot, quote_step = draw(steps), draw(steps), draw(st.none() | steps), draw(st.none() | steps)
        price, quote_quantity = draw(sizes(tick)), draw(sizes(quote_step or Decimal("0.001")))
        quantity = draw(sizes(max(lot, market_lot or lot)))
        price_bounds, quantity_bounds = draw(bounds(price)), draw(bounds(quantity))
        market_bounds, quote_bounds = draw(bounds(quantity)), draw(bounds(quote_quantity))
        notional_bounds = draw(bounds(price * quantity, far=False))
        rarely = not draw(st.integers(0, 7))
        rules = SymbolRules(
            PAIR, "ABCXYZ", tick=tick, lot=lot, market_lot=market_lot, quote_step=quote_step,
            minimum_price=price_bounds[0], maximum_price=price_bounds[1],
            minimum_quantity=quantity_bounds[0], maximum_quantity=quantity_bounds[1],
            market_minimum_quantity=market_bounds[0], market_maximum_quantity=market_bounds[1],
            minimum_notional=notional_bounds[0], maximum_notional=notional_bounds[1],
            market_minimum_notional=quote_bounds[0], market_maximum_notional=quote_bounds[1],
            sides=frozenset(draw(st.sets(st.sampled_from(Side)))) if rarely else frozenset(Side),
            order_types=frozenset(draw(st.sets(st.sampled_from(OrderType))) if rarely else OrderType),
            closed="it is paused" if rarely and draw(st.booleans()) else "",
        )  # fmt: skip
        missing = draw(st.sets(st.sampled_from(ABILITIES), max_size=2))
        kind = draw(st.sampled_from(OrderType if rarely else PLAIN_TYPES))
        by_quote = kind is OrderType.MARKET and draw(st.booleans())
        is_odd = not draw(st.integers(0, 9))

        def given_if(usual: bool, value: object) -> Any:
            return value if (draw(st.booleans()) if is_odd else usual) else None

        params = OrderParams(
            PAIR, draw(st.sampled_from(Side)), kind,
            price=given_if(kind is not OrderType.MARKET, price),
            quantity=given_if(not by_quote, quantity),
            quote_quantity=given_if(by_quote, quote_quantity),
            time_in_force=given_if(draw(st.booleans()), draw(st.sampled_from(TimeInForce))),
            client_order_id=draw(st.sampled_from([None, "mine"])),
            stop_price=given_if(False, price), iceberg_quantity=given_if(False, quantity),
            self_trade_prevention=given_if(False, "x"),
        )  # fmt: skip
    spec = SPEC._replace(capabilities=tuple(Capability(each, each not in missing) for each in ABILITIES))
    return spec, rules, params


def is_plain(params: OrderParams) -> bool:
    """Say whether an order is one of every day: nothing but a price and a size of up to 18 digits."""
    told = [params.scaled(name) for name in ("price", "quantity", "quote_quantity")]
    return (
        params.order_type in PLAIN_TYPES
        and (params.stop_price, params.iceberg_quantity, params.self_trade_prevention) == (None, None, None)
        and all(each is None or (each[0] < 10**18 and abs(each[1]) <= 40) for each in told)
    )


def is_near(rules: SymbolRules) -> bool:
    """Say whether no bound is so large that the quick check leaves it to the other."""
    bounds = [value for value in dataclasses.astuple(rules) if isinstance(value, Decimal)]
    return all(not each or each.adjusted() < 38 for each in bounds)


@settings(max_examples=400)
@given(case=cases())
@example(case=(SPEC, RULES, limit()))
@example(case=(SPEC, RULES, market()))
@example(case=(SPEC, RULES, limit(stop_price=Decimal(1))))
def test_what_passes_quickly_passes_check_order_and_plain_orders_pass_quickly(
    case: tuple[ExchangeSpec, SymbolRules, OrderParams],
) -> None:
    spec, rules, params = case
    passes = prepare(shapes_of(spec), rules).passes(params)
    if passes:
        check_order(spec, rules, params)
    elif is_plain(params) and is_near(rules):
        assert not takes(spec, rules, params)


PASSING = [
    limit(), limit(time_in_force=TimeInForce.IOC), limit(time_in_force=TimeInForce.FOK),
    limit(time_in_force=TimeInForce.GTC), limit(order_type=OrderType.LIMIT_MAKER), limit(side=Side.SELL), market(),
    market(quote_quantity=None, quantity=Decimal("0.004")), market(time_in_force=TimeInForce.IOC),
    limit(quantity=Decimal(100), price=Decimal("50.00")), limit(quantity=Decimal("0.214")),
    limit(quantity=Decimal("1E+1"), price=Decimal("5E+2")), limit(quantity=2, price=50),
    limit(quantity=Decimal("1.00000000000000000"), client_order_id="mine"),
]  # fmt: skip


@pytest.mark.parametrize("params", PASSING)
def test_an_order_that_passes_quickly(params: OrderParams) -> None:
    assert prepare(SHAPES, RULES).passes(params)


@pytest.mark.parametrize(
    "params",
    [
        limit(price=Decimal("50.02")), limit(quantity=Decimal("1.0039")), limit(quantity=Decimal("0.212")),
        limit(quantity=Decimal("100.002"), price=Decimal(1)), limit(quantity=Decimal(90), price=Decimal(60)),
        market(quote_quantity=Decimal("19.99")), market(quote_quantity=Decimal("5000.01")),
        market(quote_quantity=None, quantity=Decimal("0.002")), limit(price=None), limit(quantity=None),
        limit(quantity=Decimal(0)), limit(price=Decimal("0.00")), limit(stop_price=Decimal(1)),
        limit(iceberg_quantity=Decimal(1)), limit(self_trade_prevention="none"), market(side=Side.SELL),
        market(quantity=Decimal(1)), market(price=Decimal(1)), market(time_in_force=TimeInForce.FOK),
        market(time_in_force=TimeInForce.GTC), limit(order_type=OrderType.OTHER),
        limit(order_type=OrderType.STOP_LIMIT, stop_price=Decimal(1)),
        limit(order_type=OrderType.LIMIT_MAKER, time_in_force=TimeInForce.IOC),
        limit(quantity=Decimal("1.000000000000000000000000")), limit(quantity=Decimal("1E+41")),
    ],
)  # fmt: skip
def test_an_order_that_has_to_be_looked_at(params: OrderParams) -> None:
    assert not prepare(SHAPES, RULES).passes(params)


@pytest.mark.parametrize(
    "changes",
    [
        {"closed": "it is paused"}, {"sides": frozenset({Side.SELL})}, {"sides": frozenset()},
        {"order_types": frozenset({OrderType.MARKET})}, {"minimum_price": Decimal("50.01")},
        {"maximum_price": Decimal("49.99")}, {"lot": Decimal(0)}, {"lot": Decimal(-1)}, {"tick": Decimal("NaN")},
        {"tick": Decimal("1E-41")}, {"lot": Decimal(2**32)}, {"minimum_quantity": Decimal("Infinity")},
        {"maximum_notional": Decimal("1E+41")}, {"minimum_notional": Decimal("50.0000000000000000000001")},
    ],
)  # fmt: skip
def test_rules_under_which_an_order_has_to_be_looked_at(changes: dict[str, Any]) -> None:
    assert prepare(SHAPES, RULES).passes(limit())
    assert not prepare(SHAPES, dataclasses.replace(RULES, **changes)).passes(limit())


@pytest.mark.parametrize(
    ("changes", "passing", "refused"),
    [
        ({"market_lot": Decimal("0.5")}, "1.5", "1.502"),
        ({"market_minimum_quantity": Decimal(2)}, "2", "1.998"),
        ({"market_maximum_quantity": Decimal(2)}, "2", "2.002"),
    ],
)
def test_market_orders_have_their_own_limits(changes: dict[str, Any], passing: str, refused: str) -> None:
    check = prepare(SHAPES, dataclasses.replace(RULES, **changes))
    assert check.passes(market(quote_quantity=None, quantity=Decimal(passing)))
    assert not check.passes(market(quote_quantity=None, quantity=Decimal(refused)))
    assert check.passes(limit(quantity=Decimal(refused)))


def test_bounds_of_more_digits_than_are_kept() -> None:
    rules = dataclasses.replace(
        RULES, maximum_notional=NINES, market_maximum_notional=NINES,
        minimum_price=Decimal("0.04999999999999999999999"), maximum_price=Decimal("99.94999999999999999999999"),
    )  # fmt: skip
    check = prepare(SHAPES, rules)
    assert check.passes(market(quote_quantity=Decimal("999999999999999999E+2")))
    assert not check.passes(market(quote_quantity=Decimal("1E+20")))
    for price, is_right in (("0.05", True), ("99.90", True), ("99.95", False)):
        order = limit(price=Decimal(price), quantity=Decimal(100) if price == "0.05" else Decimal(1))
        changed = dataclasses.replace(rules, minimum_notional=None)
        assert prepare(SHAPES, changed).passes(order) is takes(SPEC, changed, order) is is_right


BARE = dataclasses.replace(
    RULES, tick=Decimal(1), lot=Decimal(1), minimum_quantity=None, maximum_quantity=None, minimum_notional=None,
    maximum_notional=None,
)  # fmt: skip


@pytest.mark.parametrize("step", ["0.04", "0.7", "2.5", "7", "25", "4294967291E-9"])
@pytest.mark.parametrize("price", ["0.1", "0.2", "1", "1E+1", "7E+1", "5E+1", "1E+2", "1E+9", "4294967291E+1", "1E+30"])
def test_a_price_coarser_than_its_step(price: str, step: str) -> None:
    rules, order = dataclasses.replace(BARE, tick=Decimal(step)), limit(price=Decimal(price))
    assert prepare(SHAPES, rules).passes(order) is takes(SPEC, rules, order)


@given(price=st.integers(10**17, 10**18 - 1), quantity=st.integers(10**17, 10**18 - 1))
def test_a_notional_of_36_digits(price: int, quantity: int) -> None:
    notional, order = Decimal(price * quantity), limit(price=price, quantity=quantity)
    above = KEPT.next_plus(below := KEPT.plus(notional))
    for low, high in ((below, above), (above, None), (None, below)):
        rules = dataclasses.replace(BARE, minimum_notional=low, maximum_notional=high)
        assert prepare(SHAPES, rules).passes(order) is takes(SPEC, rules, order)


def test_shapes_that_can_not_be_told() -> None:
    kinds = [(Side.BUY, OrderType.LIMIT, number, ("price",)) for number in range(4)]
    with pytest.raises(ValueError, match="more than 3 of the kind of 3"):
        Shapes(OrderParams, allowed=kinds, market=OrderType.MARKET)
    with pytest.raises(KeyError, match="stop_price"):
        Shapes(OrderParams, allowed=[(Side.BUY, OrderType.LIMIT, None, ("stop_price",))], market=OrderType.MARKET)
    with pytest.raises(KeyError, match="side"):
        Shapes(Symbol, allowed=(), market=OrderType.MARKET)


def test_only_an_order_passes() -> None:
    check = prepare(SHAPES, RULES)
    for wrong in (None, PAIR, "BTC/USDT", Mock(spec=OrderParams)):
        assert not check.passes(wrong)  # type: ignore[arg-type]


def test_the_callers_context_changes_nothing() -> None:
    signals = [decimal.Inexact, decimal.Rounded, decimal.Clamped, decimal.InvalidOperation, decimal.FloatOperation]
    with decimal.localcontext(decimal.Context(prec=2, Emax=3, Emin=-3, traps=signals)):
        check = prepare(shapes_of(SPEC), RULES)
        assert check.passes(limit(quantity=Decimal("12.344"), price=Decimal("123.45")))
        assert not check.passes(limit(price=Decimal("123.4567")))


@pytest.mark.parametrize("name", ["mexc", "gateio", "binance"])
def test_every_exchange_takes_the_shapes_that_its_abilities_name(name: str) -> None:
    from importlib import import_module

    spec: ExchangeSpec = import_module(f"spotlane.exchanges.{name}.spec").SPEC
    check = prepare(shapes_of(spec), dataclasses.replace(RULES, market_minimum_notional=None))
    for params in PASSING:
        try:
            check_abilities(spec, params)
        except UsageError:
            assert not check.passes(params)
        else:
            assert check.passes(params)
