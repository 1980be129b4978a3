"""An engine whose clock stands still, and short ways to ask it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from spotlane.sandbox.accounts import TRADER
from spotlane.sandbox.clock import SandboxClock
from spotlane.sandbox.engine import Engine, EngineSettings
from spotlane.sandbox.records import OrderRequest, Reason, Refused, SelfTrade
from spotlane.structs.enums import OrderType, Side, TimeInForce

BTC = "BTC/USDT"
_KINDS = {
    "gtc": (OrderType.LIMIT, TimeInForce.GTC),
    "ioc": (OrderType.LIMIT, TimeInForce.IOC),
    "fok": (OrderType.LIMIT, TimeInForce.FOK),
    "maker": (OrderType.LIMIT_MAKER, TimeInForce.GTC),
    "market": (OrderType.MARKET, TimeInForce.IOC),
}


def make_engine(settings: EngineSettings | None = None, *, seed: int = 3) -> Engine:
    return Engine(clock=SandboxClock(start_ms=1_700_000_000_000, frozen=True), seed=seed, settings=settings)


def request(
    side: Side,
    quantity: str | None,
    price: str | None = None,
    kind: str = "gtc",
    *,
    quote_quantity: str | None = None,
    client_order_id: str | None = None,
    self_trade: SelfTrade = SelfTrade.ALLOW,
    account: str = TRADER,
    symbol: str = BTC,
) -> OrderRequest:
    order_type, time_in_force = _KINDS[kind]
    return OrderRequest(
        account,
        symbol,
        side,
        order_type,
        time_in_force,
        None if quantity is None else Decimal(quantity),
        None if quote_quantity is None else Decimal(quote_quantity),
        None if price is None else Decimal(price),
        client_order_id,
        self_trade,
    )


def held(engine: Engine, asset: str, account: str = TRADER) -> tuple[Decimal | int, Decimal | int]:
    holding = engine.accounts.holding(account, asset)
    return holding.available, holding.locked


def reason_of(action: Callable[[], object]) -> Reason:
    with pytest.raises(Refused) as refused:
        action()
    return refused.value.reason
