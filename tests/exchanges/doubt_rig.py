"""What the tests of orders whose replies are lost share, whatever the exchange."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from spotlane import Order, OrderParams, OutcomeUnknown
from spotlane.errors import NotPlaced
from spotlane.exchanges._placing import PlacingClient
from spotlane.sandbox import Sandbox
from spotlane.spec import ExchangeSpec, Horizons
from spotlane.structs import OutcomeState, Resolution
from spotlane.testing.loop_clock import LoopClock

# Short enough to be waited out; the exchange here neither delays nor hides anything for as long.
HORIZONS = Horizons(
    validity_ms=1_500, skew_ms=20, processing_ms=50, visibility_ms=500, give_up_ms=30_000, spacing_ms=50
)


class Reports(list[Resolution]):
    """What a client told through on_resolved, in order."""

    @property
    def states(self) -> list[OutcomeState]:
        return [each.state for each in self]

    def of(self, client_order_id: str | None) -> Reports:
        """Return what was told of one order."""
        return Reports(each for each in self if each.client_order_id == client_order_id)


# How much of a doubtful client's time passes in one second of the machine.
SPEED = 5


def doubtful(
    spec: ExchangeSpec, reports: Reports | None = None, *, timeout_s: float = 1.0, venue: Sandbox | None = None
) -> dict[str, Any]:
    """Return the options of a client that proves an order absent soon after the order's call has ended, never before.

    An order that is stamped at once is fenced by 0.3 of the timeout; the rest of the horizon ends 1.2 timeouts after
    the stamp. With a venue both are on a clock of SPEED times the machine's, which stands still while that stalls.
    """
    horizons = spec.horizons._replace(
        skew_ms=10, processing_ms=10, visibility_ms=round(900 * timeout_s) - 20, spacing_ms=10
    )
    options: dict[str, Any] = {"timeout_s": timeout_s, "horizons": horizons}
    if venue is not None:
        options["clock"] = LoopClock(venue, speed=SPEED)
    return options if reports is None else {**options, "on_resolved": reports.append}


async def doubt(exchange: PlacingClient, params: OrderParams) -> OutcomeUnknown:
    """Place an order that does not show and return the error; the order is among the client's unresolved ones then."""
    with pytest.raises(OutcomeUnknown) as unknown:
        await exchange.place_order(params)
    error = unknown.value
    assert error.client_order_id is not None
    assert not error.safe_to_retry
    (entry,) = (each for each in exchange.unresolved() if each.client_order_id == error.client_order_id)
    assert entry.state is OutcomeState.AMBIGUOUS
    assert (entry.symbol, entry.params.price, entry.params.quantity) == (params.symbol, params.price, params.quantity)
    return error


async def expect_absent(exchange: PlacingClient, unknown: OutcomeUnknown) -> None:
    """Check that an order in doubt is proven absent in the end, and is no exposure any more."""
    with pytest.raises(NotPlaced, match="proven absent") as absent:
        await unknown.resolve()
    assert absent.value.safe_to_retry
    assert unknown.client_order_id not in {each.client_order_id for each in exchange.unresolved()}


async def found(unknown: OutcomeUnknown) -> Order:
    """Wait until an order in doubt is found, for longer than one resolve() does."""
    async with asyncio.timeout(20):
        while True:
            try:
                order: Order = await unknown.resolve()
            except OutcomeUnknown:
                continue
            return order


async def adopted(venue: Sandbox, exchange: PlacingClient, params: OrderParams) -> Order:
    """Place an order whose reply is lost, and check the order that is returned against the exchange's books."""
    before = {order.order_id for order in venue.ledger.orders()}
    order = await exchange.place_order(params)
    (booked,) = (each for each in venue.ledger.orders() if each.order_id not in before)
    assert (order.order_id, order.client_order_id) == (booked.order_id, booked.client_order_id)
    assert exchange.unresolved() == ()
    return order
