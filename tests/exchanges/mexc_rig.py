"""What the tests of the MEXC client share: symbols, orders, and a client that is quick to open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from spotlane import Credentials, OrderParams, OrderType, Side, Symbol
from spotlane.exchanges.mexc import MexcPrivateRest
from spotlane.sandbox import Fault, ReceivedRequest, Sandbox
from spotlane.sandbox.keys import ApiKey
from spotlane.transport import ManualClock

BTC_USDT = Symbol("BTC", "USDT")
ETH_USDT = Symbol("ETH", "USDT")
MX_USDT = Symbol("MX", "USDT")

ORDER_PATH = "/api/v3/order"
WITHDRAW_PATH = "/api/v3/capital/withdraw"
RULES_PATH = "/api/v3/exchangeInfo"
TIME_PATH = "/api/v3/time"


def connect(venue: Sandbox, credentials: Credentials | None = None, **options: Any) -> MexcPrivateRest:
    """Return a client of a venue, not opened yet, without a rate budget and with one warm connection."""
    settings: dict[str, Any] = {"base_url": venue.url, "enforce_limits": False, "connections": 1, **options}
    return MexcPrivateRest(credentials or venue.credentials, **settings)


def resting(**changes: Any) -> OrderParams:
    """Return a buy order far below the market."""
    order = OrderParams(
        symbol=BTC_USDT, side=Side.BUY, order_type=OrderType.LIMIT, quantity=Decimal("0.001"), price=Decimal(20_000)
    )
    return order.replace(**changes)


def market_buy(**changes: Any) -> OrderParams:
    """Return a market order for 500 USDT."""
    order = OrderParams(BTC_USDT, Side.BUY, OrderType.MARKET, quote_quantity=Decimal(500))
    return order.replace(**changes)


def parameters(request: ReceivedRequest) -> dict[str, str]:
    """Return the decoded query of a received request."""
    return dict(parse_qsl(request.query, keep_blank_values=True, strict_parsing=True))


def stand_still(venue: Sandbox, *, ahead_ms: int = 500) -> None:
    """Stop the exchange's clock ahead of the client's, which runs on: no acknowledgement is older than its order."""
    venue.clock.freeze()
    venue.clock.advance(ahead_ms)


def pass_time(venue: Sandbox, clock: ManualClock, seconds: float) -> None:
    """Move the exchange's clock and the client's on by the same time."""
    venue.clock.advance(round(seconds * 1_000))
    clock.advance(seconds)


def strike(venue: Sandbox, point: str, method: str = "POST", **how: Any) -> None:
    """Let a fault happen to a request about an order."""
    venue.faults.add(Fault.named(point, method, ORDER_PATH, **how))


async def until(condition: Callable[[], object]) -> None:
    """Wait for a condition that something else on the loop brings about."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what sets the condition knows of no event
            await asyncio.sleep(0.001)


def key_of(key: ApiKey) -> Credentials:
    return Credentials(key.api_key, key.api_secret)


def every_key(venue: Sandbox) -> dict[str, Credentials]:
    """Return credentials that are each wrong in one way."""
    dialect = venue.dialect
    now_ms = venue.clock.now_ms()
    return {
        "unknown": Credentials("mx0" + "0" * 15, venue.api_secret),
        "malformed": Credentials("not-a-key", venue.api_secret),
        "secret": Credentials(venue.api_key, venue.api_secret[::-1]),
        "expired": key_of(dialect.add_key(expires_ms=now_ms - 1)),
        "address": key_of(dialect.add_key(ip_allow_list=["203.0.113.7"])),
        "permission": key_of(dialect.add_key(permissions=["SPOT_ACCOUNT_READ", "SPOT_DEAL_READ"])),
        "symbol": key_of(dialect.add_key(symbols=["ETH/USDT"])),
    }


def listening(venue: Sandbox) -> Callable[[], bool]:
    return lambda: venue._server.is_listening
