"""Whatever is thrown at it: the engine conserves money and keeps price-time priority."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from spotlane.sandbox.accounts import LIQUIDITY, OUTSIDE, TRADER
from spotlane.sandbox.clock import SandboxClock
from spotlane.sandbox.engine import Engine, EngineSettings
from spotlane.sandbox.matching import FeeAsset
from spotlane.sandbox.money import EXACT
from spotlane.sandbox.records import Listing, OrderRecord, OrderRequest, Refused, SelfTrade
from spotlane.structs.enums import OrderStatus, OrderType, Side, TimeInForce

_TICK, _LOT = Decimal("0.01"), Decimal("0.001")
_LISTING = Listing(
    "AAA", "BBB", _TICK, _LOT, min_notional=Decimal("0.00001"), maker_fee=Decimal("0.0002"), taker_fee=Decimal("0.0005")
)
_SYMBOL = "AAA/BBB"
_ACCOUNTS = (TRADER, "second", "third")
_KINDS = (
    (OrderType.LIMIT, TimeInForce.GTC),
    (OrderType.LIMIT, TimeInForce.IOC),
    (OrderType.LIMIT, TimeInForce.FOK),
    (OrderType.LIMIT_MAKER, TimeInForce.GTC),
    (OrderType.MARKET, TimeInForce.IOC),
)


@dataclass(frozen=True)
class Placing:
    account: str
    side: Side
    kind: tuple[OrderType, TimeInForce]
    lots: int
    ticks: int
    is_quote_sized: bool
    self_trade: SelfTrade


@dataclass(frozen=True)
class Cancelling:
    position: int


@dataclass(frozen=True)
class Countering:
    position: int
    lots: int


_PLACING = st.builds(
    Placing,
    st.sampled_from(_ACCOUNTS),
    st.sampled_from(Side),
    st.one_of(st.just(_KINDS[0]), st.sampled_from(_KINDS)),
    st.integers(1, 6),
    st.integers(97, 103),
    st.booleans(),
    st.sampled_from(SelfTrade),
)
_STEPS = st.lists(
    st.one_of(
        _PLACING,
        _PLACING,
        st.builds(Cancelling, st.integers(0, 30)),
        st.builds(Countering, st.integers(0, 30), st.integers(1, 6)),
    ),
    min_size=12,
    max_size=40,
)


def _engine(fee_asset: FeeAsset, funds: str = "0.05") -> Engine:
    engine = Engine(
        clock=SandboxClock(start_ms=1_700_000_000_000, frozen=True),
        settings=EngineSettings(listings=(_LISTING,), balances={}, fee_asset=fee_asset),
    )
    for account in _ACCOUNTS:
        engine.credit("AAA", Decimal(funds), account)
        engine.credit("BBB", Decimal(funds), account)
    return engine


def _request(step: Placing) -> OrderRequest:
    order_type, time_in_force = step.kind
    is_market = order_type is OrderType.MARKET
    is_quote_sized = is_market and step.is_quote_sized
    with_price = None if is_market else step.ticks * _TICK
    return OrderRequest(
        step.account,
        _SYMBOL,
        step.side,
        order_type,
        time_in_force,
        None if is_quote_sized else step.lots * _LOT,
        step.lots * _LOT if is_quote_sized else None,
        with_price,
        self_trade=step.self_trade,
    )


def _apply(engine: Engine, step: object, orders: list[OrderRecord]) -> None:
    try:
        if isinstance(step, Placing):
            orders.append(engine.place(_request(step)))
        elif isinstance(step, Cancelling) and orders:
            order = orders[step.position % len(orders)]
            engine.cancel(order.request.account, _SYMBOL, order.order_id)
        elif isinstance(step, Countering) and orders:
            engine.trade_against(orders[step.position % len(orders)].order_id, step.lots * _LOT)
    except Refused:
        pass


def _check_money(engine: Engine, orders: list[OrderRecord]) -> None:
    accounts = engine.accounts
    for asset in ("AAA", "BBB"):
        assert accounts.total(asset) == 0
        for account in accounts.names():
            holding = accounts.holding(account, asset)
            assert account == OUTSIDE or min(holding.available, holding.locked) >= 0
    for account in _ACCOUNTS:
        for asset, side in (("AAA", Side.SELL), ("BBB", Side.BUY)):
            mine = [order for order in orders if order.request.account == account and order.side is side]
            locked = sum((_owed(order, engine) for order in mine), Decimal(0))
            assert accounts.holding(account, asset).locked == locked


def _owed(order: OrderRecord, engine: Engine) -> Decimal:
    """Return what an open order still needs, fees included."""
    if not order.is_open or order.price is None:
        return Decimal(0)
    if order.side is Side.SELL:
        return order.remaining_quantity
    on_top = _LISTING.maker_fee if engine.settings.fee_asset is FeeAsset.QUOTE else 0
    return order.remaining_quantity * order.price * (1 + on_top)


def _check_order(order: OrderRecord) -> None:
    assert sum((fill.quantity for fill in order.fills), Decimal(0)) == order.filled_quantity
    assert sum((fill.quote_quantity for fill in order.fills), Decimal(0)) == order.filled_quote_quantity
    if order.quantity is not None:
        assert order.filled_quantity <= order.quantity
        if order.status is not OrderStatus.FILLED:
            assert order.filled_quantity < order.quantity
    if order.request.quote_quantity is not None:
        assert order.filled_quote_quantity <= order.request.quote_quantity
    if order.price is not None:
        for fill in order.fills:
            assert fill.price <= order.price if order.side is Side.BUY else fill.price >= order.price


@settings(max_examples=150)
@given(_STEPS, st.sampled_from(FeeAsset))
def test_money_is_conserved_and_never_negative(steps: list[object], fee_asset: FeeAsset) -> None:
    engine = _engine(fee_asset)
    orders: list[OrderRecord] = []
    for step in steps:
        _apply(engine, step, orders)
        _check_money(engine, orders)
    for order in orders:
        _check_order(order)
    engine.cancel_all(TRADER)
    assert engine.accounts.holding(TRADER, "AAA").locked == 0
    assert engine.accounts.holding(TRADER, "BBB").locked == 0


@settings(max_examples=60)
@given(_STEPS)
def test_balances_follow_from_the_fills_alone(steps: list[object]) -> None:
    engine = _engine(FeeAsset.QUOTE)
    orders: list[OrderRecord] = []
    for step in steps:
        _apply(engine, step, orders)
    for account in _ACCOUNTS:
        base = quote = Decimal("0.05")
        for order in orders:
            for fill in order.fills if order.request.account == account else ():
                sign = 1 if fill.side is Side.BUY else -1
                base = EXACT.add(base, sign * fill.quantity)
                quote = EXACT.subtract(quote, EXACT.add(sign * fill.quote_quantity, fill.fee))
        assert engine.accounts.holding(account, "AAA").total == base
        assert engine.accounts.holding(account, "BBB").total == quote


@dataclass
class NaiveOrder:
    number: int
    side: Side
    ticks: int
    left: int
    fills: list[tuple[int, int]] = field(default_factory=list)


def _naive_match(resting: list[NaiveOrder], order: NaiveOrder, kind: tuple[OrderType, TimeInForce]) -> None:
    """Search the whole list for the best price, then the lowest number, again and again."""
    order_type, time_in_force = kind

    def candidates() -> list[NaiveOrder]:
        return [
            other
            for other in resting
            if other.side is not order.side
            and other.left
            and (
                order_type is OrderType.MARKET
                or (other.ticks <= order.ticks if order.side is Side.BUY else other.ticks >= order.ticks)
            )
        ]

    if order_type is OrderType.LIMIT_MAKER and candidates():
        return
    if time_in_force is TimeInForce.FOK and sum(other.left for other in candidates()) < order.left:
        return
    while order.left and candidates():
        sign = 1 if order.side is Side.BUY else -1
        best = min(candidates(), key=lambda other: (sign * other.ticks, other.number))
        lots = min(best.left, order.left)
        best.left -= lots
        order.left -= lots
        best.fills.append((best.ticks, lots))
        order.fills.append((best.ticks, lots))
    if time_in_force is TimeInForce.GTC:
        resting.append(order)


@settings(max_examples=150)
@given(st.lists(_PLACING, min_size=5, max_size=40))
def test_matching_equals_a_naive_search(placings: list[Placing]) -> None:
    engine = _engine(FeeAsset.QUOTE, funds="1000000")
    resting: list[NaiveOrder] = []
    for number, placing in enumerate(placings):
        step = Placing(placing.account, placing.side, placing.kind, placing.lots, placing.ticks, False, SelfTrade.ALLOW)
        naive = NaiveOrder(number, step.side, step.ticks, step.lots)
        try:
            order = engine.place(_request(step))
        except Refused:
            _naive_match(resting, naive, step.kind)
            assert not naive.fills
            continue
        before = {id(other): len(other.fills) for other in resting}
        _naive_match(resting, naive, step.kind)
        assert [(int(fill.price / _TICK), int(fill.quantity / _LOT)) for fill in order.fills] == naive.fills
        touched = [other for other in resting if len(other.fills) > before.get(id(other), len(other.fills))]
        assert len(touched) == len(naive.fills)
    for side in Side:
        sign = -1 if side is Side.BUY else 1
        book = [(order.price, order.remaining_quantity) for order in engine.markets[_SYMBOL].book.resting(side)]
        left = [other for other in resting if other.side is side and other.left]
        left.sort(key=lambda other: (sign * other.ticks, other.number))
        assert book == [(other.ticks * _TICK, other.left * _LOT) for other in left]


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.lists(_PLACING, max_size=15))
def test_equal_seeds_and_equal_calls_give_equal_exchanges(seed: int, placings: list[Placing]) -> None:
    def run() -> list[object]:
        engine = Engine(clock=SandboxClock(start_ms=1_700_000_000_000, frozen=True), seed=seed)
        outcomes: list[object] = []
        for placing in placings:
            order_type, time_in_force = placing.kind
            price = None if order_type is OrderType.MARKET else Decimal(59_000 + 10 * placing.ticks)
            quantity = placing.lots * _LOT
            request = OrderRequest(TRADER, "BTC/USDT", placing.side, order_type, time_in_force, quantity, None, price)
            order = engine.place(request)
            outcomes.append((order.status, tuple(order.fills)))
        house = engine.accounts.balances(LIQUIDITY)
        return [outcomes, {asset: holding.total for asset, holding in house.items()}]

    assert run() == run()
