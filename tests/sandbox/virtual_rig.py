"""Trading in virtual time, and a short form of all that happened."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from decimal import Decimal

from spotlane import OrderParams, OrderType, Side, SpotlaneError, Symbol, open_exchange
from spotlane.sandbox import FAULT_POINTS, Fault, Sandbox, run_virtual

BTC = Symbol("BTC", "USDT")


def limit_order(price: str = "20000", client_order_id: str | None = None) -> OrderParams:
    return OrderParams(
        symbol=BTC,
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        quantity=Decimal("0.001"),
        price=Decimal(price),
        client_order_id=client_order_id,
    )


def every_fault(probability: float) -> list[Fault]:
    """Every fault there is, on whatever places orders."""
    return [
        Fault.named(name, "*" if point.is_on_accept else "POST", times=None, probability=probability)
        for name, point in FAULT_POINTS.items()
    ]


def digest_of(venue: Sandbox, outcomes: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for fact in (*venue.ledger.events, *venue.requests, *venue.faults.hits, *outcomes):
        digest.update(repr(fact).encode())
    return digest.hexdigest()


def faulted_run(seed: int, exchange: str = "mexc", transport: str = "lane", *, orders: int = 40) -> str:
    """Return the digest of a run in which about every third order meets a fault."""

    async def main() -> str:
        outcomes: list[str] = []
        async with (
            Sandbox(exchange, seed=seed, faults=every_fault(0.01), rate_limits=False, instant_fill=0.5) as venue,
            open_exchange(
                exchange, venue.credentials, transport=transport, enforce_limits=False, **venue.client_options
            ) as client,
        ):
            for _ in range(orders):
                try:
                    order = await client.place_order(limit_order())
                    outcomes.append(f"{order.client_order_id} {order.order_id}")
                except SpotlaneError as error:
                    outcomes.append(f"{type(error).__name__} {error}")
            await client.close(grace_s=600)
            assert venue.errors == ()
            assert venue.faults.hits
            return digest_of(venue, outcomes)

    return run_virtual(main, seed=seed)
