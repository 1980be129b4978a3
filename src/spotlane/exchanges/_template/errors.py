"""Acme's error codes, each with what it proves."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from spotlane.errors import (
    AuthenticationError,
    ExchangeAPIError,
    ExchangeUnavailable,
    InsufficientBalance,
    IpNotAllowed,
    OrderNotFound,
    OrderRejected,
    PermissionDenied,
    RateLimited,
    TimestampRejected,
    WithdrawalRejected,
)
from spotlane.safety import Told
from spotlane.spec import ErrorRow, ErrorTable, Outcome

_R, _A = Outcome.REJECTED, Outcome.AMBIGUOUS

# FILL: the exchange's whole table: exception, outcome, hint, codes. REJECTED says that a request with this answer was
# certainly not executed; where the documentation leaves a doubt it is AMBIGUOUS, which becomes OutcomeUnknown for
# whatever changes something. A code that is missing here is ambiguous too. Codes may be numbers. `replaces` is for a
# code with two meanings, `within` for cases that only the message tells apart.
_BLOCKS: tuple[tuple[type[ExchangeAPIError], Outcome, str, tuple[str, ...]], ...] = (
    (AuthenticationError, _R, "check the key and the secret", ("bad_key", "bad_signature", "key_expired")),
    (IpNotAllowed, _R, "add this machine's public address to the key's list on Acme", ("ip_not_allowed",)),
    (PermissionDenied, _R, "this call needs {permission}: edit the key on Acme", ("no_permission",)),
    (TimestampRejected, _R, "the clock is being synchronised anew; the request was not executed", ("bad_timestamp",)),
    (RateLimited, _R, "fewer requests", ("too_many_requests",)),
    (InsufficientBalance, _R, "", ("insufficient_balance",)),
    (OrderNotFound, _R, "it was never placed under this symbol", ("unknown_order",)),
    (OrderRejected, _R, "", (
        "unknown_symbol", "symbol_closed", "side_closed", "type_closed", "price_precision", "quantity_precision",
        "too_small", "too_large", "no_counterparty", "would_take", "too_many_orders",
    )),
    # The id is never used twice here, so this may be the echo of the very request that placed the order.
    (OrderRejected, _A, "an order with this client id exists: look it up", ("duplicate_client_id",)),
    (WithdrawalRejected, _R, "", (
        "unknown_asset", "unknown_network", "network_closed", "bad_amount", "address_not_saved", "memo_missing",
        "unknown_withdrawal", "too_late",
    )),
    (ExchangeAPIError, _R, "the request was malformed: please report this with the call that made it", (
        "bad_parameter", "unknown_path",
    )),
    (ExchangeUnavailable, _A, "", ("internal",)),
)  # fmt: skip

# FILL: what a reply without a code means, by HTTP status: mostly answers of the gateway in front of the exchange. A 5xx
# needs no row, and proves nothing.
_HTTP_ROWS = (ErrorRow(429, RateLimited, _R, "too many requests"),)


def _rows() -> Iterator[ErrorRow]:
    for error, outcome, hint, codes in _BLOCKS:
        for code in codes:
            yield ErrorRow(code, error, outcome, code.replace("_", " "), hint)


ERRORS = ErrorTable(_rows(), _HTTP_ROWS)


def tell(body: bytes) -> Told | None:
    """Read an error body: an object with a code."""
    # FILL: how an error looks. It is asked about every reply that is no success, and about a success that does not fit
    # its table, so it must return None for whatever is not an error of this exchange.
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(told, dict) or not isinstance(told.get("code"), str):
        return None
    message = told.get("message")
    return Told(told["code"], message if isinstance(message, str) else "")
