"""MEXC's error codes, each with what it proves. Classes and outcomes follow the tables of MEXC's documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import MappingProxyType

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

_KEY_HINT = "check the key and the secret; a key without a bound IP address expires after 90 days"
_IP_HINT = "add this machine's public address to the key's list on MEXC"
_PERMISSION_HINT = "this call needs {permission}: edit the key's permissions on MEXC"
_CLOCK_HINT = "the clock is being synchronised anew; the request was not executed"
_SLOW_DOWN = "fewer requests; going on after this leads to a ban of minutes, then days"
_BANNED = "stop all requests until the ban ends"
_BOOK_HINT = "add the address to the withdrawal address book on MEXC's web site"

_R, _A = Outcome.REJECTED, Outcome.AMBIGUOUS

_WINDOWED = ("allOrders", "myTrades", "capital/withdraw/history", "capital/deposit/hisrec")

# code, meaning, outcome; one block per exception and hint
_BLOCKS: tuple[tuple[type[ExchangeAPIError], str, tuple[tuple[int, str, Outcome], ...]], ...] = (
    (AuthenticationError, _KEY_HINT, (
        (401, "not logged in", _R), (402, "key expired", _R),
        (602, "signature check failed", _R), (10001, "user does not exist", _R), (10015, "user id missing", _R),
        (10072, "invalid access key", _R), (700001, "API key format invalid or expired", _R),
        (700002, "signature not valid, or key expired", _R),
    )),
    (IpNotAllowed, _IP_HINT, (
        (406, "IP not on the whitelist", _R), (700006, "IP not on the key's whitelist", _R),
    )),
    (PermissionDenied, _PERMISSION_HINT, (
        (403, "access denied", _R), (511, "no access", _R), (701, "read permission missing", _R),
        (702, "write permission missing", _R), (703, "read permission missing", _R),
        (704, "write permission missing", _R),
        (26, "operation not allowed", _R), (700007, "key lacks the permission of this endpoint", _R),
        (10099, "sub-account not open", _R), (140002, "sub-account forbidden", _R),
    )),
    (PermissionDenied, "the account is restricted: ask MEXC's support", (
        (60005, "account abnormal", _R), (730100, "unusual user status", _R),
    )),
    (TimestampRejected, _CLOCK_HINT, (
        (10073, "invalid request time", _R), (700003, "timestamp outside recvWindow", _R),
    )),
    (RateLimited, _SLOW_DOWN, (
        (429, "too many requests", _R), (510, "too frequent", _R),
    )),
    (RateLimited, _BANNED, (
        (418, "address banned", _R),
    )),
    (ExchangeUnavailable, "", (
        (500, "internal error", _A), (501, "system busy", _A), (503, "service not available", _A),
        (504, "gateway timeout", _A), (604, "maintenance", _R), (801, "maintenance", _R),
        (11444, "feature temporarily unavailable", _R), (20002, "internal system error", _A),
        (10216, "no address available now", _R), (10219, "asset journal write failed", _A),
        (10259, "intermediate account not configured", _R),
    )),
    (OrderNotFound, "it was filled, cancelled or never placed under this symbol; MEXC keeps orders for 7 days", (
        (-2011, "unknown order", _R), (-2013, "order does not exist", _R), (30026, "invalid order ids", _R),
    )),
    (InsufficientBalance, "", (
        (30004, "insufficient position", _R), (30005, "oversold", _R), (10101, "insufficient balance", _R),
    )),
    (OrderRejected, "MEXC does not know this symbol", (
        (-1121, "invalid symbol", _R), (30014, "invalid symbol", _R), (30021, "invalid symbol", _R),
    )),
    (OrderRejected, "the symbol, the side or the order type is not open to the API now", (
        (10007, "symbol not open to API trading", _R), (30000, "trading suspended", _R),
        (30001, "side not allowed", _R),
        (30016, "trading disabled", _R), (30018, "market orders disabled", _R),
        (30019, "API market orders disabled", _R),
        (30020, "no permission for the symbol", _R), (70011, "key barred from the pair", _R),
        (30041, "order type not allowed now", _R), (30025, "no counter-order", _R),
    )),
    (OrderRejected, "", (
        (30002, "below the minimum amount", _R), (30003, "above the maximum amount", _R),
        (30010, "no valid trade price", _R), (30087, "price outside the allowed band", _R),
        (30027, "maximum position reached", _R), (30028, "selling suspended by risk control", _R),
        (30029, "too many open orders (500), or quantity too high", _R), (30032, "maximum position", _R),
    )),
    (OrderRejected, "MEXC says that this request was made before", (
        (603, "repeated request", _A),
    )),
    (WithdrawalRejected, _BOOK_HINT, (
        (10212, "address not in the address book", _R),
    )),
    (WithdrawalRejected, "", (
        (10095, "amount missing", _R), (10096, "too many decimals in the amount", _R), (10097, "amount wrong", _R),
        (10098, "refused by risk control", _R), (10100, "currency can't be transferred", _R),
        (10102, "amount zero or negative", _R), (10103, "these accounts can't transfer", _R),
        (10200, "transfer is being processed", _A), (10201, "crediting failed", _A), (10202, "debiting failed", _A),
        (10206, "transfer disabled", _R), (10211, "withdrawal forbidden", _R), (10222, "currency missing", _R),
        (10232, "currency or its network does not exist", _R), (10265, "refused by risk control", _R),
        (10268, "remark too long", _R),
    )),
    (ExchangeAPIError, "the request was malformed: please report this with the call that made it", (
        (700004, "neither orderId nor origClientOrderId", _R), (700005, "recvWindow must be below 60000", _R),
        (700008, "illegal characters in a parameter", _R), (700013, "invalid Content-Type", _R),
        (33333, "parameter error", _R), (44444, "parameter missing", _R),
        (-1128, "illegal combination of parameters", _R),
        (513, "invalid request", _R), (600, "invalid parameter", _R), (601, "parse error", _R),
        (730002, "parameter error", _R), (140001, "sub-account unknown", _R), (20001, "subsystem not supported", _R),
    )),
    (ExchangeAPIError, "ask MEXC's support", (
        (730000, "request failed", _A),
    )),
)  # fmt: skip

# One code, two meanings: on trading paths the pair is unknown, elsewhere the sub-account's data are wrong.
_PAIR_NOT_FOUND = ErrorRow(
    730001,
    ExchangeAPIError,
    _R,
    "pair not found, or sub-account information error",
    replaces=MappingProxyType({"order": OrderRejected, "order/test": OrderRejected}),
)

# The key is always sent, so on an endpoint with a time window this is the window's fault.
_BAD_REQUEST = ErrorRow(
    400,
    AuthenticationError,
    _R,
    "no API key was sent, or a start time that lies too far back",
    _KEY_HINT,
    replaces=MappingProxyType(dict.fromkeys(_WINDOWED, ExchangeAPIError)),
)

_NO_RECORD = ErrorRow(
    22222,
    OrderNotFound,
    _R,
    "record does not exist",
    replaces=MappingProxyType({"cancel capital/withdraw": WithdrawalRejected}),
)

_HTTP_ROWS = (
    ErrorRow(403, RateLimited, _R, "refused by the firewall in front of MEXC", "wait minutes before the next request"),
    ErrorRow(418, RateLimited, _R, "this IP address is banned for a while", _BANNED),
    ErrorRow(429, RateLimited, _R, "too many requests", _SLOW_DOWN),
    ErrorRow(401, AuthenticationError, _R, "not authenticated", _KEY_HINT),
)


def _rows() -> Iterator[ErrorRow]:
    for error, hint, codes in _BLOCKS:
        for code, meaning, outcome in codes:
            yield ErrorRow(code, error, outcome, meaning, hint)
    yield _BAD_REQUEST
    yield _PAIR_NOT_FOUND
    yield _NO_RECORD


_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,9}")

ERRORS = ErrorTable(_rows(), _HTTP_ROWS)


def tell(body: bytes) -> Told | None:
    """Read an error body: an object whose code is neither 0 nor 200. Codes come as numbers or as digits in a string."""
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(told, dict) or "code" not in told:
        return None
    code = told["code"]
    if isinstance(code, str) and _WHOLE_NUMBER.fullmatch(code):
        code = int(code)
    if code in (0, 200):
        return None
    message = told.get("msg") or told.get("message") or told.get("data")
    return Told(code if isinstance(code, int | str) else None, message if isinstance(message, str) else "")
