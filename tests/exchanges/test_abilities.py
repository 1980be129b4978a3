"""What an exchange declares that it can't do is refused before anything is sent, with the declared reason."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from spotlane import OrderParams, OrderType, Side, Symbol, registry
from spotlane.errors import NotSupported
from spotlane.sandbox import Sandbox

ORDER = OrderParams(Symbol("BTC", "USDT"), Side.BUY, OrderType.LIMIT, Decimal(1), Decimal(20_000))
CALLS = {
    "order.test": lambda exchange: exchange.test_order(ORDER),
    "withdrawal.cancel": lambda exchange: exchange.cancel_withdrawal("1"),
}
UNSUPPORTED = [
    (exchange, ability)
    for exchange in registry.exchange_names()
    for ability in CALLS
    if not registry.spec(exchange).capability(ability).supported
]


@pytest.mark.parametrize(("name", "ability"), UNSUPPORTED)
async def test_an_undeclared_ability_is_refused_unsent(name: str, ability: str) -> None:
    async with Sandbox(name) as venue:
        exchange: Any = registry.open_exchange(name, venue.credentials, base_url=venue.url)
        async with exchange:
            venue.requests.clear()
            with pytest.raises(NotSupported) as refusal:
                await CALLS[ability](exchange)
            assert registry.spec(name).capability(ability).reason in str(refusal.value)
            assert len(venue.requests) == 0


def test_there_is_such_an_exchange_for_each() -> None:
    assert {ability for _, ability in UNSUPPORTED} == set(CALLS)
