"""Gate's error labels, each with what it proves; where one has several meanings, only its message tells them apart."""

from __future__ import annotations

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
from spotlane.exchanges.gateio.spec import CANCEL_WITHDRAWAL, WITHDRAW
from spotlane.safety import Told
from spotlane.spec import ErrorRow, ErrorTable, Outcome

_KEY_HINT = "check the key and the secret, and that they belong to this host: live and testnet keys differ"
_IP_HINT = "add the address that Gate names to the key's list"
_PERMISSION_HINT = "this call needs the key group {permission}"
_CLOCK_HINT = "the clock is being synchronised anew; the request was not executed"
_PRIOR_HINT = "Gate says that it has such a request already: look for it before anything else"

_R, _A = Outcome.REJECTED, Outcome.AMBIGUOUS

# One block per exception, outcome and hint.
_BLOCKS: tuple[tuple[type[ExchangeAPIError], Outcome, str, tuple[str, ...]], ...] = (
    (AuthenticationError, _R, _KEY_HINT, (
        "INVALID_KEY", "INVALID_SIGNATURE", "INVALID_CREDENTIALS", "AUTHENTICATION_FAILED", "MISSING_REQUIRED_HEADER",
    )),
    (TimestampRejected, _R, _CLOCK_HINT, ("REQUEST_EXPIRED",)),
    (IpNotAllowed, _R, _IP_HINT, ("IP_FORBIDDEN",)),
    (PermissionDenied, _R, _PERMISSION_HINT, ("FORBIDDEN", "READ_ONLY")),
    (PermissionDenied, _R, "the account is blocked: ask Gate's support", (
        "ACCOUNT_LOCKED", "SUB_ACCOUNT_LOCKED", "ACCOUNT_EXCEPTION",
    )),
    (RateLimited, _R, "fewer requests: placing is limited to 10 a second for each pair", ("TOO_MANY_REQUESTS",)),
    (RateLimited, _R, "one withdrawal in three seconds", ("TOO_FAST",)),
    (OrderRejected, _R, "Gate does not know this symbol", ("INVALID_CURRENCY", "INVALID_CURRENCY_PAIR")),
    (OrderRejected, _R, "", (
        "INVALID_PRECISION", "AMOUNT_TOO_LITTLE", "QUANTITY_NOT_ENOUGH", "AMOUNT_TOO_MUCH", "PRICE_THRESHOLD_EXCEEDED",
        "TRADE_RESTRICTED", "MARGIN_NOT_SUPPORTED", "ORDER_BOOK_NOT_FOUND", "POC_FILL_IMMEDIATELY", "FOK_NOT_FILL",
        "NO_CHANGE", "TOO_MANY_CURRENCY_PAIRS", "TOO_MANY_ORDERS", "MIXED_ACCOUNT_TYPE",
        "AUTO_TRIGGER_PRICE_LESS_LAST", "AUTO_TRIGGER_PRICE_GREATE_LAST",
    )),
    (OrderRejected, _A, _PRIOR_HINT, ("REPEATED_CREATION", "REPEAT_REQUEST")),
    (InsufficientBalance, _R, "", (
        "BALANCE_NOT_ENOUGH", "MARGIN_BALANCE_NOT_ENOUGH", "INITIAL_MARGIN_TOO_LOW", "AUTO_BORROW_TOO_MUCH",
        "USER_LOAN_EXCEEDED", "NO_MATCHED_LOAN", "FUTURES_BALANCE_NOT_ENOUGH", "INSUFFICIENT_AVAILABLE",
    )),
    (OrderNotFound, _R, "it was never placed under this pair, or ended too long ago", ("ORDER_NOT_FOUND",)),
    (OrderNotFound, _R, "Gate finds orders by client id only while they are open", ("CLIENT_ID_NOT_FOUND",)),
    (OrderNotFound, _R, "the order is done", ("ORDER_CLOSED", "ORDER_CANCELLED")),
    (ExchangeAPIError, _A, "read the order: the engine refused the cancel", ("CANCEL_FAIL",)),
    (WithdrawalRejected, _A, _PRIOR_HINT, ("ORDER_EXISTS", "DUPLICATE_REQUEST")),
    (WithdrawalRejected, _R, "use an address that is saved and verified, or was used on Gate's web site before", (
        "ADDRESS_NOT_USED",
    )),
    (WithdrawalRejected, _R, "", (
        "WITHDRAWAL_OVER_LIMIT", "API_WITHDRAW_DISABLED", "INVALID_WITHDRAW_ID", "INVALID_WITHDRAW_CANCEL_STATUS",
        "SUB_ACCOUNT_NOT_FOUND", "MARGIN_BALANCE_EXCEPTION", "CROSS_ACCOUNT_NOT_FOUND", "USER_NOT_FOUND",
    )),
    (WithdrawalRejected, _A, "", ("MARGIN_TRANSFER_FAILED", "SUB_ACCOUNT_TRANSFER_FAILED")),
    (ExchangeUnavailable, _A, "", (
        "FAILED_RETRIEVE_ASSETS", "SERVER_ERROR", "INTERNAL", "INTERNAL_SERVER_ERROR", "TOO_BUSY", "SERVER_TIMEOUT",
    )),
    (ExchangeAPIError, _R, "the request was malformed: please report this with the call that made it", (
        "INVALID_PARAM_VALUE", "INVALID_PROTOCOL", "INVALID_ARGUMENT", "INVALID_REQUEST_BODY", "MISSING_REQUIRED_PARAM",
        "BAD_REQUEST", "INVALID_CONTENT_TYPE", "NOT_ACCEPTABLE", "NOT_FOUND", "METHOD_NOT_ALLOWED",
        "INVALID_CLIENT_ORDER_ID", "LOAN_NOT_FOUND", "LOAN_RECORD_NOT_FOUND", "REPAY_TOO_MUCH", "NOT_MERGEABLE",
        "NO_MERGEABLE_ORDERS",
    )),
)  # fmt: skip

# The exchange has no label of its own for these: a part of the message is all there is.
_BY_MESSAGE = (
    ErrorRow(
        "FORBIDDEN",
        IpNotAllowed,
        _R,
        "IP not in the whitelist",
        _IP_HINT,
        within="ip not in whitelist",
        address_after="ip not in whitelist:",
    ),
    ErrorRow("INVALID_PARAM_VALUE", OrderRejected, _R, "order too small", within="too small"),
    ErrorRow("INVALID_PARAM_VALUE", OrderRejected, _R, "pair closed", within="untradable"),
    ErrorRow("INVALID_PARAM_VALUE", OrderRejected, _R, "pair closed", within="disabled"),
    ErrorRow(
        "INVALID_PARAM_VALUE",
        WithdrawalRejected,
        _R,
        "address not used or verified",
        "save and verify the address on Gate's web site",
        within="only used addresses",
    ),
    ErrorRow("INVALID_PARAM_VALUE", WithdrawalRejected, _R, "amount too small", within="below minimum amount"),
    ErrorRow("METHOD_NOT_ALLOWED", RateLimited, _R, "too many cancels", within="too fast"),
)

_OF_WITHDRAWALS = MappingProxyType(dict.fromkeys((WITHDRAW.name, CANCEL_WITHDRAWAL.name), WithdrawalRejected))

_HTTP_ROWS = (
    ErrorRow(401, AuthenticationError, _R, "not authenticated", _KEY_HINT),
    ErrorRow(403, PermissionDenied, _R, "forbidden", _PERMISSION_HINT),
    ErrorRow(429, RateLimited, _R, "too many requests"),
)


def _rows() -> Iterator[ErrorRow]:
    for error, outcome, hint, labels in _BLOCKS:
        for label in labels:
            yield ErrorRow(label, error, outcome, label.lower().replace("_", " "), hint)
    yield from _BY_MESSAGE


def _with_withdrawals(row: ErrorRow) -> ErrorRow:
    """Let what is wrong with an order be wrong with a withdrawal on the endpoints of those: the labels are the same."""
    return row._replace(replaces=_OF_WITHDRAWALS) if row.error is OrderRejected else row


ERRORS = ErrorTable(map(_with_withdrawals, _rows()), _HTTP_ROWS, reset_header="X-Gate-RateLimit-Reset-Timestamp")


def tell(body: bytes) -> Told | None:
    """Read an error body: an object with a label. Some services write `detail` in place of `message`."""
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(told, dict) or not isinstance(told.get("label"), str) or not told["label"]:
        return None
    message = told.get("message") or told.get("detail")
    return Told(told["label"], message if isinstance(message, str) else "")
