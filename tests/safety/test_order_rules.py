"""Order rules: what is refused, and that the value which the refusal names passes."""

from __future__ import annotations

import dataclasses
import decimal
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotlane import OrderParams, OrderType, Side, Symbol, TimeInForce, UsageError
from spotlane.errors import (
    MaximumError,
    MinimumError,
    NotSupported,
    PrecisionError,
    SymbolNotTradable,
    UnknownSymbol,
)
from spotlane.safety import RuleBook, SymbolRules, check_order, check_step
from spotlane.spec import Capability, ClientIdRule, ExchangeSpec, Horizons

PAIR = Symbol("ABC", "XYZ")
SPEC = ExchangeSpec(
    name="toy",
    title="Toy",
    urls={"live": "https://toy.example"},
    buckets=(),
    capabilities=(
        *(
            Capability(name, True)
            for name in (
                "order.limit", "order.limit.ioc", "order.limit.fok", "order.limit_maker", "order.market",
                "order.market.ioc", "order.market.buy_by_base", "order.market.sell_by_base",
                "order.market.buy_by_quote",
            )
        ),
        Capability("order.iceberg", False, "split it"),
    ),
    client_ids=ClientIdRule(),
    horizons=Horizons(validity_ms=1_000),
    histories={},
    credential_variables=("K", "S"),
)  # fmt: skip
RULES = SymbolRules(
    PAIR, "ABCXYZ", tick=Decimal("0.05"), lot=Decimal("0.002"), minimum_quantity=Decimal("0.003"),
    maximum_quantity=Decimal("100.001"), minimum_notional=Decimal("10.7"), maximum_notional=Decimal("5000"),
    market_minimum_notional=Decimal(20), quote_step=Decimal("0.01"),
)  # fmt: skip


def limit(**changes: Any) -> OrderParams:
    return OrderParams(PAIR, Side.BUY, OrderType.LIMIT, quantity=Decimal(1), price=Decimal(50)).replace(**changes)


def market(**changes: Any) -> OrderParams:
    return OrderParams(PAIR, Side.BUY, OrderType.MARKET, quote_quantity=Decimal(100)).replace(**changes)


@pytest.mark.parametrize(
    "params",
    [
        limit(), limit(time_in_force=TimeInForce.IOC), limit(time_in_force=TimeInForce.FOK),
        limit(time_in_force=TimeInForce.GTC), limit(order_type=OrderType.LIMIT_MAKER), limit(side=Side.SELL), market(),
        market(quote_quantity=None, quantity=Decimal("0.004")), market(time_in_force=TimeInForce.IOC),
        limit(quantity=Decimal(100), price=Decimal("50.00")), limit(quantity=Decimal("0.214")),
        limit(quantity=Decimal("1E+1"), price=Decimal("5E+2")),
    ],
)  # fmt: skip
def test_orders_that_pass(params: OrderParams) -> None:
    check_order(SPEC, RULES, params)


@pytest.mark.parametrize(
    ("params", "error", "nearest"),
    [
        (limit(price=Decimal("50.02")), PrecisionError, "50.00"),
        (limit(price=Decimal("50.025")), PrecisionError, "50.05"),
        (limit(quantity=Decimal("1.0039")), PrecisionError, "1.002"),
        (limit(quantity=Decimal("0.0001")), PrecisionError, "0.214"),
        (limit(quantity=Decimal("100.0001"), price=Decimal(100)), PrecisionError, "50"),
        (limit(quantity=Decimal("0.002")), MinimumError, "0.214"),
        (limit(quantity=Decimal("0.002"), price=Decimal(5000)), MinimumError, "0.004"),
        (limit(quantity=Decimal("0.212")), MinimumError, "0.214"),
        (limit(quantity=Decimal("100.002"), price=Decimal(1)), MaximumError, "100"),
        (limit(quantity=Decimal(101)), MaximumError, "100"),
        (limit(quantity=Decimal(90), price=Decimal(60)), MaximumError, "83.332"),
        (market(quote_quantity=Decimal("19.99")), MinimumError, "20"),
        (market(quote_quantity=Decimal("19.999")), PrecisionError, "20"),
        (market(quote_quantity=Decimal("5000.01")), MaximumError, "5000"),
        (market(quote_quantity=Decimal("5000.019")), PrecisionError, "5000"),
        (market(quote_quantity=None, quantity=Decimal("0.002")), MinimumError, "0.004"),
    ],
)
def test_the_nearest_value_is_named_and_passes(params: OrderParams, error: type[UsageError], nearest: str) -> None:
    with pytest.raises((PrecisionError, MinimumError, MaximumError)) as refusal:
        check_order(SPEC, RULES, params)
    broken: Any = refusal.value
    assert (type(broken), broken.nearest) == (error, Decimal(nearest))
    assert broken.given == getattr(params, broken.field)
    assert f"{broken.nearest:f} would pass" in str(broken)
    assert f"was {broken.given:f}" in str(broken) or "notional" in str(broken)
    check_order(SPEC, RULES, params.replace(**{broken.field: broken.nearest}))


@pytest.mark.parametrize(
    ("params", "words"),
    [
        (limit(price=None), "a LIMIT order needs a price"),
        (limit(order_type=OrderType.LIMIT_MAKER, price=None), "a LIMIT_MAKER order needs a price"),
        (limit(quantity=None), "needs a quantity"),
        (limit(quantity=Decimal(0)), "quantity must be above zero, was 0"),
        (limit(price=Decimal("0.00")), r"price must be above zero, was 0\.00"),
        (limit(stop_price=Decimal(1)), "takes no stop_price, was 1"),
        (limit(order_type=OrderType.STOP_LIMIT), "needs a stop_price"),
        (limit(quantity=None, quote_quantity=Decimal(5)), "only a MARKET order can be sized in quote, was LIMIT"),
        (market(quantity=Decimal(1)), "not both"),
        (market(price=Decimal(1)), "takes no price, was 1: use LIMIT with IOC"),
        (market(quote_quantity=None), "needs a quantity"),
        (market(time_in_force=TimeInForce.GTC), "can't rest"),
        (limit(order_type=OrderType.LIMIT_MAKER, time_in_force=TimeInForce.IOC), "rests until cancelled"),
        (limit(order_type=OrderType.OTHER), "can't be placed"),
    ],
)
def test_an_order_of_no_meaning(params: OrderParams, words: str) -> None:
    with pytest.raises(UsageError, match=words) as refusal:
        check_order(SPEC, RULES, params)
    assert type(refusal.value) is UsageError


@pytest.mark.parametrize(
    ("params", "words"),
    [
        (limit(iceberg_quantity=Decimal(1)), r"toy can't do this \(order\.iceberg\): split it"),
        (market(side=Side.SELL), r"order\.market\.sell_by_quote"),
        (limit(self_trade_prevention="none"), "self_trade_prevention.none"),
        (limit(order_type=OrderType.STOP_LIMIT, stop_price=Decimal(1)), r"order\.stop_limit"),
        (market(time_in_force=TimeInForce.FOK), r"order\.market\.fok"),
    ],
)
def test_an_order_that_the_exchange_has_not(params: OrderParams, words: str) -> None:
    with pytest.raises(NotSupported, match=words):
        check_order(SPEC, RULES, params)


@pytest.mark.parametrize(
    ("changes", "params", "words"),
    [
        ({"closed": "it is paused"}, limit(), "ABC/XYZ can't be traded on toy: it is paused"),
        ({"sides": frozenset({Side.SELL})}, limit(), "open to SELL on toy now, was BUY"),
        ({"sides": frozenset()}, limit(), "open to nothing"),
        ({"order_types": frozenset({OrderType.LIMIT})}, market(), "takes LIMIT on toy, was MARKET"),
    ],
)
def test_a_symbol_that_is_closed(changes: dict[str, Any], params: OrderParams, words: str) -> None:
    with pytest.raises(SymbolNotTradable, match=words):
        check_order(SPEC, dataclasses.replace(RULES, **changes), params)


def test_a_book_finds_its_symbols() -> None:
    book = RuleBook("toy", [RULES])
    assert len(book) == 1
    assert book.find(PAIR) is RULES
    assert dict(book.symbols) == {"ABCXYZ": PAIR}
    with pytest.raises(UnknownSymbol, match=r"toy lists no symbol ABD/XYZ; did you mean ABC/XYZ\?"):
        book.find(Symbol("ABD", "XYZ"))
    with pytest.raises(UnknownSymbol, match=r"lists no symbol QQQQ/WWWW$"):
        book.find(Symbol("QQQQ", "WWWW"))
    for wrong in ("ABC/XYZ", None):
        with pytest.raises(TypeError, match="must be a Symbol"):
            book.find(wrong)  # type: ignore[arg-type]


positive = st.decimals(min_value="1e-12", max_value="1e12", allow_nan=False, allow_infinity=False).filter(bool)
steps = st.sampled_from(
    [Decimal(text) for text in ("1", "10", "0.1", "0.01", "0.05", "0.00000001", "2.5", "1E-18", "7")]
)


@given(value=positive, step=steps, round_down=st.booleans())
def test_a_step_against_fractions(value: Decimal, step: Decimal, round_down: bool) -> None:
    exact, unit = Fraction(value), Fraction(step)
    refusal = None
    try:
        check_step("quantity", value, step, "it", round_down=round_down)
    except PrecisionError as error:
        refusal = error
    if refusal is not None:
        assert exact % unit
        nearest = Fraction(str(refusal.nearest))
        assert nearest > 0
        assert nearest % unit == 0
        assert abs(nearest - exact) < unit
        if round_down:
            assert nearest < exact or nearest == unit
        elif nearest != unit:
            assert abs(nearest - exact) * 2 <= unit
    else:
        assert exact % unit == 0


@st.composite
def rules_and_orders(draw: st.DrawFn) -> tuple[SymbolRules, OrderParams]:
    small, large = sorted([draw(st.decimals("0.001", "10", places=4)), draw(st.decimals("50", "5000", places=3))])
    cheap, dear = sorted([draw(st.decimals("0.01", "20", places=3)), draw(st.decimals("1000", "100000", places=2))])
    rules = SymbolRules(
        PAIR, "ABCXYZ", tick=draw(steps),
        lot=draw(st.sampled_from([Decimal("0.001"), Decimal("0.1"), Decimal("0.05")])),
        minimum_quantity=draw(st.none() | st.just(small)), maximum_quantity=draw(st.none() | st.just(large)),
        minimum_notional=draw(st.none() | st.just(cheap)), maximum_notional=draw(st.none() | st.just(dear)),
    )  # fmt: skip
    price = Fraction(rules.tick) * draw(st.integers(1, 2_000))
    quantity = draw(st.decimals("0.0001", "9000", places=4))
    params = limit(price=Decimal(price.numerator) / price.denominator, quantity=quantity)
    return rules, params


def _refusal(rules: SymbolRules, params: OrderParams) -> PrecisionError | MinimumError | MaximumError | None:
    try:
        check_order(SPEC, rules, params)
    except (PrecisionError, MinimumError, MaximumError) as error:
        return error
    return None


@given(case=rules_and_orders())
def test_the_named_quantity_passes_wherever_one_can(case: tuple[SymbolRules, OrderParams]) -> None:
    rules, params = case
    assert params.price is not None
    assert params.quantity is not None
    price, quantity, lot = Fraction(params.price), Fraction(params.quantity), Fraction(rules.lot)

    def passes(amount: Fraction) -> bool:
        low, high = rules.minimum_quantity, rules.maximum_quantity
        least, most = rules.minimum_notional, rules.maximum_notional
        return (
            amount > 0
            and amount % lot == 0
            and (low is None or amount >= Fraction(low))
            and (high is None or amount <= Fraction(high))
            and (least is None or amount * price >= Fraction(least))
            and (most is None or amount * price <= Fraction(most))
        )

    refusal = _refusal(rules, params)
    if refusal is not None:
        assert not passes(quantity)
        assert refusal.field == "quantity"
        nearest = Fraction(str(refusal.nearest))
        assert nearest % lot == 0
        if passes(nearest):
            # No passing value lies between the one that was given and the one that is named.
            between = nearest - lot if nearest > quantity else nearest + lot
            assert not passes(between) or not min(nearest, quantity) < between < max(nearest, quantity)
        else:
            # Then the bounds leave no room at this price.
            ends = [nearest + lot * offset for offset in range(-3, 4)]
            assert not any(passes(amount) for amount in ends)
    else:
        assert passes(quantity)


def test_the_callers_context_changes_nothing() -> None:
    signals = [decimal.Inexact, decimal.Rounded, decimal.Clamped, decimal.InvalidOperation, decimal.FloatOperation]
    with decimal.localcontext(decimal.Context(prec=2, Emax=3, Emin=-3, traps=signals)):
        check_order(SPEC, RULES, limit(quantity=Decimal("12.344"), price=Decimal("123.45")))
        with pytest.raises(PrecisionError, match=r"was 123\.4567: 123\.45 would pass"):
            check_order(SPEC, RULES, limit(price=Decimal("123.4567")))
        with pytest.raises(MaximumError, match=r"was 12345\.00: quantity 40\.502 would pass"):
            check_order(SPEC, RULES, limit(price=Decimal("123.45"), quantity=Decimal("100")))
