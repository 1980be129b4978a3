"""What the caller wants, made sure of before any byte is built."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from spotlane.safety.client_ids import ClientIds
from spotlane.safety.quick_check import prepare, shapes_of
from spotlane.safety.rules import RuleBook, SymbolRules, check_order
from spotlane.spec import ExchangeSpec
from spotlane.structs import OrderParams, Symbol

# Of a call's time the first part is for the reply, and what is left of it for looking up what became of the order.
REPLY_SHARE = 0.6


class Intent(NamedTuple):
    """One order that may be sent once.

    client_order_id is the caller's or a fresh one. deadline, on the monotonic clock in seconds, is until when its reply
    is waited for; not_after_ms is the last exchange time at which the request may be stamped, so that it can't be
    admitted after the deadline; window_ms is how long after its stamp the exchange may admit it.
    """

    params: OrderParams
    rules: SymbolRules
    client_order_id: str
    deadline: float
    not_after_ms: int
    window_ms: int

    @property
    def expires_ms(self) -> int:
        """The exchange's time from which it can't be admitted any more."""
        return self.not_after_ms + self.window_ms


class Intents:
    """Opens intents for one client. Does no I/O."""

    def __init__(self, spec: ExchangeSpec, client_ids: ClientIds) -> None:
        self._spec = spec
        self._client_ids = client_ids
        self._shapes = shapes_of(spec)
        # Prepared when a symbol is first used, for the book that was given last.
        self._book: RuleBook | None = None
        self._checks: dict[Symbol, tuple[SymbolRules, Callable[[OrderParams], bool]]] = {}
        self._fenced_s = 0.0
        self._fence_ms = fence(spec, 0, 0.0)

    def open(self, params: OrderParams, book: RuleBook, *, now_ms: int, deadline: float, timeout_s: float) -> Intent:
        """Check an order and give it an identity.

        now_ms is the exchange's time; timeout_s is how far away the deadline, that of the reply, is. Raises UsageError;
        nothing was sent and the client order id may be used again.
        """
        rules = self.check(params, book)
        client_order_id = params.client_order_id
        if client_order_id is None:
            client_order_id = self._client_ids.issue()
        else:
            self._client_ids.spend(client_order_id)
        if timeout_s != self._fenced_s:
            self._fenced_s, self._fence_ms = timeout_s, fence(self._spec, 0, timeout_s)
        not_after_ms, window_ms = self._fence_ms
        return Intent(params, rules, client_order_id, deadline, now_ms + not_after_ms, window_ms)

    def check(self, params: OrderParams, book: RuleBook) -> SymbolRules:
        """Check everything about an order but its client id, and return the rules of its symbol. Raises UsageError."""
        if not isinstance(params, OrderParams):
            raise TypeError(f"place_order takes an OrderParams, was {type(params).__name__}")
        if book is not self._book:
            self._book, self._checks = book, {}
        rules, passes = self._checks.get(params.symbol) or self._prepare(params.symbol, book)
        if not passes(params):
            check_order(self._spec, rules, params)
        return rules

    def again(self, intent: Intent, *, now_ms: int, deadline: float, left_s: float) -> Intent:
        """Open the next attempt of an intent that is proven absent, under an id of its own."""
        not_after_ms, window_ms = fence(self._spec, now_ms, left_s)
        client_order_id = self._client_ids.again(intent.client_order_id)
        return Intent(intent.params, intent.rules, client_order_id, deadline, not_after_ms, window_ms)

    def _prepare(self, symbol: Symbol, book: RuleBook) -> tuple[SymbolRules, Callable[[OrderParams], bool]]:
        rules = book.find(symbol)
        self._checks[symbol] = prepared = (rules, prepare(self._shapes, rules).passes)
        return prepared


def fence(spec: ExchangeSpec, now_ms: int, left_s: float) -> tuple[int, int]:
    """Return until when a request may be stamped and for how long it may be valid, in milliseconds.

    What the exchange can still admit after the caller's deadline, left_s seconds away, can't be answered for: stamp and
    window together end before it, and the window takes half of the time at most.
    """
    window_ms = min(spec.horizons.validity_ms, max(1, int(left_s * 500)))
    return now_ms + int(left_s * 1_000) - window_ms, window_ms
