"""Orders whose replies were lost, and what became of them."""

from __future__ import annotations

from typing import NamedTuple

from spotlane.structs.common import Order, OrderParams, Symbol
from spotlane.structs.enums import OutcomeState
from spotlane.structs.types import ExchangeName, TimestampMs


class Unresolved(NamedTuple):
    """An order that may be live: count it as exposure until it is resolved.

    state is AMBIGUOUS, or UNKNOWN once it was looked for in vain for long. since_ms and expires_ms are the exchange's
    times: when it was sent at the earliest, and from when on the exchange no longer admits it. look_ups counts the
    times it was looked for; doubt says what stands in the way of knowing.
    """

    exchange: ExchangeName
    symbol: Symbol
    client_order_id: str
    params: OrderParams
    state: OutcomeState
    since_ms: TimestampMs
    expires_ms: TimestampMs
    look_ups: int
    doubt: str


class Resolution(NamedTuple):
    """What became of an order whose outcome was open when its call ended.

    state is ADOPTED, with the order as it was found; PROVEN_ABSENT; or UNKNOWN, which is no end: it goes on being
    looked for, and a second resolution may follow.
    """

    exchange: ExchangeName
    symbol: Symbol
    client_order_id: str
    state: OutcomeState
    order: Order | None = None
