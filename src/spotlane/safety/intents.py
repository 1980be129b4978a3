"""What the caller wants, made sure of before any byte is built."""

from __future__ import annotations

from dataclasses import dataclass

from spotlane.safety.client_ids import ClientIds
from spotlane.safety.rules import RuleBook, SymbolRules, check_order
from spotlane.spec import ExchangeSpec
from spotlane.structs import OrderParams


@dataclass(frozen=True, slots=True)
class Intent:
    """One order that may be sent once.

    client_order_id is the caller's or a fresh one. deadline is on the monotonic clock, in seconds; not_after_ms is the
    last exchange time at which the request may be stamped, so that it can't be admitted after the deadline; window_ms
    is how long after its stamp the exchange may admit it.
    """

    params: OrderParams
    rules: SymbolRules
    client_order_id: str
    deadline: float
    not_after_ms: int
    window_ms: int


class Intents:
    """Opens intents for one client. Does no I/O."""

    def __init__(self, spec: ExchangeSpec, client_ids: ClientIds) -> None:
        self._spec = spec
        self._client_ids = client_ids

    def open(self, params: OrderParams, book: RuleBook, *, now_ms: int, deadline: float, timeout_s: float) -> Intent:
        """Check an order and give it an identity.

        now_ms is the exchange's time; timeout_s is how far away the deadline is. Raises UsageError; nothing was sent
        and the client order id may be used again.
        """
        if not isinstance(params, OrderParams):
            raise TypeError(f"place_order takes an OrderParams, was {type(params).__name__}")
        rules = book.find(params.symbol)
        check_order(self._spec, rules, params)
        client_order_id = params.client_order_id
        if client_order_id is None:
            client_order_id = self._client_ids.new()
        self._client_ids.spend(client_order_id)
        not_after_ms, window_ms = fence(self._spec, now_ms, timeout_s)
        return Intent(
            params=params,
            rules=rules,
            client_order_id=client_order_id,
            deadline=deadline,
            not_after_ms=not_after_ms,
            window_ms=window_ms,
        )


def fence(spec: ExchangeSpec, now_ms: int, left_s: float) -> tuple[int, int]:
    """Return until when a request may be stamped and for how long it may be valid, in milliseconds.

    What the exchange can still admit after the caller's deadline, left_s seconds away, can't be answered for: stamp and
    window together end before it, and the window takes half of the time at most.
    """
    window_ms = min(spec.horizons.validity_ms, max(1, int(left_s * 500)))
    return now_ms + int(left_s * 1_000) - window_ms, window_ms
