"""Binance's error codes, each with what it proves. Classes and outcomes follow its documentation."""

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
    TwoFactorRequired,
    WithdrawalRejected,
)
from spotlane.exchanges.binance.spec import DAY_LIMIT, ORDER_LIMIT, SHARED_LIMITS
from spotlane.safety import Told
from spotlane.spec import ErrorRow, ErrorTable, Outcome

_R, _A = Outcome.REJECTED, Outcome.AMBIGUOUS


class KeyRefused(AuthenticationError, IpNotAllowed, PermissionDenied):
    """The key is unknown, or may not be used from this address, or not for this: Binance has one code for the three."""


_KEY = "check the key and the secret"
_REFUSED = "check the key, its list of IP addresses and its permissions; this call needs {permission}"
_PERMISSION = "this call needs {permission}: edit the key on Binance"
_ACCOUNT = "the account is restricted: ask Binance's support"
_CLOCK = "the clock is being synchronised anew; the request was not executed"
_SLOW = "fewer requests; going on after this leads to a ban of minutes, then days"
_GONE = "it was filled, cancelled or never placed under this symbol"
_ECHO = "an open order has this client id: look it up"
_REPORT = "the request was malformed: please report this with the call that made it"
_BOOK = "add the address to the withdrawal address list on Binance's web site"

# error, outcome, hint, codes and what they mean
_BLOCKS: tuple[tuple[type[ExchangeAPIError], Outcome, str, tuple[tuple[int, str], ...]], ...] = (
    (ExchangeUnavailable, _A, "", (
        (-1000, "unknown error"), (-1001, "internal error"), (-1004, "server busy"), (-1006, "unexpected answer"),
        (-1007, "the engine did not answer in time"), (-1008, "overloaded"),
        (-3000, "internal error"), (-3044, "system busy"), (-4045, "asset look-up failed"),
    )),
    (ExchangeUnavailable, _R, "", ((-1016, "service gone"), (-21015, "endpoint gone"), (1, "maintenance"))),
    (AuthenticationError, _R, _KEY, (
        (-1022, "bad signature"), (-1099, "key not found"), (-2008, "unknown key"), (-2014, "malformed key"),
        (-4004, "not logged in or not authorised"),
    )),
    (KeyRefused, _R, _REFUSED, ((-2015, "key, address or permission"),)),
    (PermissionDenied, _R, _PERMISSION, ((-1002, "not authorised"), (-4006, "main account only"))),
    (PermissionDenied, _R, _ACCOUNT, (
        (-4046, "agreement not confirmed"), (100001003, "verification needed"), (200003903, "identity check needed"),
    )),
    (TwoFactorRequired, _R, "switch it on in the account's settings", (
        (-3001, "two-factor authentication is off"), (-4013, "two-factor authentication is off"),
    )),
    (TimestampRejected, _R, _CLOCK, ((-1021, "timestamp outside recvWindow"),)),
    (OrderNotFound, _R, _GONE, ((-2013, "order does not exist"), (-2026, "archived: it ended unfilled 90 days ago"))),
    (OrderRejected, _R, "", (
        (-1111, "too many decimals"), (-1112, "no orders on the book"), (-1121, "invalid symbol"),
        (-2016, "no trading window"), (-2043, "no reference price"),
    )),
    (InsufficientBalance, _R, "", tuple((code, "insufficient balance") for code in (
        -4024, -4025, -4026, -5002, -5003, -5013,
    ))),
    (WithdrawalRejected, _R, _BOOK, (
        (-4010, "address list"), (-4012, "address list not open"), (-4035, "address not on the list"),
        (-4036, "new address still locked"),
    )),
    (WithdrawalRejected, _R, "", (
        (-3002, "asset not supported"), (-4018, "asset not supported"), (-4019, "asset not open for withdrawal"),
        (-4007, "invalid address"), (-4008, "invalid address or tag"), (-4033, "suspicious address"),
        (-4034, "suspicious address"), (-4106, "the network takes no tag"),
        (-4021, "not a multiple of the step"), (-4022, "below the minimum"), (-4028, "not above the fee"),
        (-4014, "too soon"), (-4015, "locked after a change of login"), (-4016, "locked after a change of password"),
        (-4017, "locked after a change of authentication"), (-4023, "24 hour maximum"), (-4032, "verification needed"),
        (-4044, "country"), (-4060, "deposit not confirmed"), (-4029, "no such record"),
    )),
    (WithdrawalRejected, _A, "", (
        (-3007, "transaction pending"), (-3037, "balance being cleared"), (-5012, "transfer pending"),
        (-3029, "transfer failed"), (-4027, "no transaction id"), (-5010, "transfer failed"),
    )),
    (ExchangeAPIError, _R, _REPORT, (
        (-1014, "order combination"), (-1020, "unsupported operation"), (-1100, "illegal characters"),
        (-1101, "too many parameters"), (-1102, "parameter missing or malformed"), (-1103, "unknown parameter"),
        (-1104, "unread parameters"), (-1105, "empty parameter"), (-1106, "parameter not wanted"), (-1108, "overflow"),
        (-1114, "time in force not wanted"), (-1115, "time in force"), (-1116, "order type"), (-1117, "side"),
        (-1118, "empty client id"), (-1119, "empty client id"), (-1127, "range too long"), (-1128, "combination"),
        (-1130, "invalid value"), (-1131, "recvWindow"), (-1135, "JSON"), (-1145, "cancel restrictions"),
        (-1194, "time unit"), (-1220, "symbol status"), (-2039, "ids of two orders"),
        (-4001, "invalid operation"), (-4002, "invalid request"), (-4003, "e-mail"), (-4011, "user"), (-4039, "user"),
        (-4030, "mail"), (-4031, "mail"), (-4037, "deposit address"), (-4040, "deposit address"),
        (-4042, "deposit address"), (-4043, "deposit address"), (-4047, "range too long"),
        (-5001, "dust"), (-5004, "amount"), (-5011, "account"), (-5021, "relation"),
    )),
)  # fmt: skip

# Codes of many meanings: a part of the message decides, as nothing else tells them apart.
_ENGINE: tuple[tuple[type[ExchangeAPIError], Outcome, str, tuple[str, ...]], ...] = (
    # The id is never used twice here, so this may be the echo of the very request that placed the order.
    (OrderRejected, _A, _ECHO, ("duplicate order sent",)),
    (InsufficientBalance, _R, "", ("insufficient balance",)),
    (OrderNotFound, _R, _GONE, ("unknown order sent", "cancel order is invalid")),
    (PermissionDenied, _R, _ACCOUNT, (
        "for this account", "disabled on this account", "may not place or cancel orders",
    )),
    (ExchangeUnavailable, _R, "", ("rest api trading is not enabled",)),
    (OrderRejected, _R, "", (
        "filter failure", "would immediately match and take", "would trigger immediately",
        "relationship of the prices", "market is closed", "in this trading phase", "for this phase",
        "not supported for this symbol", "order book liquidity", "price * qty is zero or less",
        "icebergqty exceeds qty", "unsupported order combination", "self-trade prevention mode",
    )),
)  # fmt: skip
_FAMILIES = (-1010, -1013, -2010, -2011)

_LIMITS = (
    ErrorRow(-1003, RateLimited, _R, "banned", _SLOW, within="banned until"),
    ErrorRow(-1003, RateLimited, _R, "too many requests", _SLOW, limits=SHARED_LIMITS),
    ErrorRow(-1015, RateLimited, _R, "too many open orders", "cancels pass", within=" day", limits=DAY_LIMIT),
    ErrorRow(-1015, RateLimited, _R, "too many open orders", "cancels pass", limits=ORDER_LIMIT),
    *(ErrorRow(code, RateLimited, _R, "too many requests", _SLOW, limits=SHARED_LIMITS)
      for code in (-4005, -4038, -4041, -12014)),
)  # fmt: skip

_HTTP_ROWS = (
    # The firewall before the exchange; that it never forwards what it refuses is a guess.
    ErrorRow(403, ExchangeUnavailable, _A, "blocked by the firewall"),
    ErrorRow(404, ExchangeAPIError, _R, "no such endpoint", _REPORT),
    ErrorRow(418, RateLimited, _R, "address banned", _SLOW),
    ErrorRow(429, RateLimited, _R, "too many requests", _SLOW, limits=SHARED_LIMITS),
)


def _rows() -> Iterator[ErrorRow]:
    for error, outcome, hint, codes in _BLOCKS:
        for code, meaning in codes:
            yield ErrorRow(code, error, outcome, meaning, hint)
    for code in _FAMILIES:
        for error, outcome, hint, parts in _ENGINE:
            for part in parts:
                yield ErrorRow(code, error, outcome, part, hint, within=part)
    # Refused before the engine, for a reason that no row knows; what the engine says in unknown words is looked up.
    yield ErrorRow(-1013, OrderRejected, _R, "the order was not accepted")
    for code in (-1010, -2010, -2011):
        yield ErrorRow(code, OrderRejected, _A, "refused by the engine")
    yield from _LIMITS


ERRORS = ErrorTable(_rows(), _HTTP_ROWS)


def tell(body: bytes) -> Told | None:
    """Read an error body: an object with a number as its code, or the wallet's with a success that is false."""
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(told, dict):
        return None
    code, message = told.get("code"), told.get("msg") or told.get("errorMessage")
    if isinstance(code, str) and code.lstrip("-").isdigit():
        code = int(code)
    is_refusal = told.get("success") is False or told.get("status") == "FAIL"
    if not is_refusal and (type(code) is not int or code in (0, 200)):
        return None
    return Told(code if type(code) is int else None, message if isinstance(message, str) else "")
