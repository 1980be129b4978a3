"""What the tests of the Binance client share: an exchange with a client, orders, and what went over the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from spotlane import OrderParams, OrderType, Side, Symbol
from spotlane.exchanges.binance import BinancePrivateRest
from spotlane.sandbox import Sandbox

BTC_USDT = Symbol("BTC", "USDT")


def connect(venue: Sandbox, **options: Any) -> BinancePrivateRest:
    """Return a client of a venue, not opened yet, without a rate budget and with one warm connection."""
    settings: dict[str, Any] = {"base_url": venue.url, "enforce_limits": False, "connections": 1, **options}
    return BinancePrivateRest(venue.credentials, **settings)


@asynccontextmanager
async def binance(
    options: dict[str, Any] | None = None, **settings: Any
) -> AsyncIterator[tuple[Sandbox, BinancePrivateRest]]:
    """Give an exchange, without rate limits unless settings say else, and an open client of it with these options."""
    async with Sandbox("binance", **{"rate_limits": False, **settings}) as venue:
        async with connect(venue, **(options or {})) as exchange:
            venue.requests.clear()
            yield venue, exchange
        assert venue.errors == ()


def resting(**changes: Any) -> OrderParams:
    """Return a buy order far below the market."""
    order = OrderParams(
        symbol=BTC_USDT, side=Side.BUY, order_type=OrderType.LIMIT, quantity=Decimal("0.001"), price=Decimal(20_000)
    )
    return order.replace(**changes)


def market(side: Side, **size: Any) -> OrderParams:
    """Return a market order."""
    return OrderParams(BTC_USDT, side, OrderType.MARKET, **size)


def sent(venue: Sandbox) -> list[tuple[str, str]]:
    """Return method and path of every request that arrived, in order."""
    return [(request.method, request.path) for request in venue.requests]


def parameters(venue: Sandbox) -> dict[str, str]:
    """Return the decoded parameters of the last request."""
    return dict(parse_qsl(venue.requests[-1].query, strict_parsing=True))
