"""The data types by which an exchange describes itself.

An exchange's folder holds one frozen ExchangeSpec and one tuple of ErrorRow; nothing in here knows an exchange.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, NamedTuple

from spotlane.errors import ExchangeAPIError

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Verb(Enum):
    """What a request does, as far as repeating it goes.

    READ may be repeated at will. CANCEL is idempotent by id. PLACE, CANCEL_ALL and MOVE (withdrawals, transfers) are
    never sent a second time unless it is proven that no byte of the first left.
    """

    READ = "read"
    CANCEL = "cancel"
    PLACE = "place"
    CANCEL_ALL = "cancel_all"
    MOVE = "move"

    @property
    def is_replayable(self) -> bool:
        """Say whether sending the same request twice can't execute anything twice."""
        return self in (Verb.READ, Verb.CANCEL)


class Endpoint(NamedTuple):
    """One request of an exchange's API.

    costs maps a Bucket's name to what one call takes from it. max_reply_bytes caps the body; a longer one is an error.
    permission is the exchange's own name of the key permission, for messages.
    """

    name: str
    method: str
    path: str
    verb: Verb = Verb.READ
    signed: bool = True
    costs: Mapping[str, int] = _NOTHING
    permission: str | None = None
    max_reply_bytes: int = 1 << 20


class Bucket(NamedTuple):
    """A rate limit: at most `limit` units in any window of window_ms.

    burst of them can be had at once, the rest flow evenly over the window; None leaves the share to the budget. reserve
    units of the burst are kept for cancels and for looking up what became of orders; half of them, rounded up, for
    cancels alone. jitter_ms is by how much the travel times of two requests may differ before the exchange could count
    more in a window than was sent in one. per_endpoint and per_symbol: each endpoint, or each symbol, has a bucket of
    its own of this size.

    used_header names the reply header that tells how much of the present window is used, left_header the one that tells
    how much is left. is_aligned: that window begins at a whole multiple of window_ms since the epoch.
    """

    name: str
    limit: int
    window_ms: int
    reserve: int = 0
    burst: int | None = None
    per_endpoint: bool = False
    per_symbol: bool = False
    jitter_ms: int = 0
    used_header: str = ""
    left_header: str = ""
    is_aligned: bool = False


class Outcome(Enum):
    """What an error reply says about a request that changes something.

    REJECTED: nothing was executed. AMBIGUOUS: it may have been.
    """

    REJECTED = "rejected"
    AMBIGUOUS = "ambiguous"


class ErrorRow(NamedTuple):
    """One code of an exchange's error table: what it means, which exception it is, what it proves.

    code is the exchange's own (int or label). outcome counts for requests that change something; for a read it has no
    meaning. hint is the remedy, appended to the exchange's own words. replaces maps an endpoint's name to the exception
    that the same code means there, for codes with two meanings. within is a part of the message, in lower case: the row
    then holds only for messages with it, and is there because the exchange has no code of its own for the case. limits
    names the buckets that a RateLimited may be about: of these, the ones that the refused endpoint takes from have to
    wait; without any, see ExchangeSpec.limits_apart. address_after is the part of the message, in lower case, behind
    which an IpNotAllowed names the address that the exchange saw.
    """

    code: int | str
    error: type[ExchangeAPIError]
    outcome: Outcome
    meaning: str
    hint: str = ""
    replaces: Mapping[str, type[ExchangeAPIError]] = _NOTHING
    within: str = ""
    limits: tuple[str, ...] = ()
    address_after: str = ""


class ErrorTable:
    """Rows by code; among rows of one code, the first whose `within` stands in the message.

    http_rows are the rows for replies whose body carries no code but the HTTP status, by that. reset_header names the
    header in which the exchange tells, beside or in place of Retry-After, the moment at which it takes requests again,
    in seconds or milliseconds since the epoch. Raises ValueError for two rows of the same code and `within`.
    """

    def __init__(self, rows: Iterable[ErrorRow], http_rows: Iterable[ErrorRow] = (), *, reset_header: str = "") -> None:
        self.reset_header = reset_header
        self.rows = _by_code(rows)
        self.http_rows = _by_code(http_rows)

    def find(self, code: int | str | None, message: str, http_status: int) -> ErrorRow | None:
        """Return the row of a code, or for a reply without one that of its HTTP status, or None."""
        # A gateway that has no code of its own may repeat the status in the body.
        if code is None or (code == http_status and code not in self.rows):
            candidates = self.http_rows.get(http_status, ())
        else:
            candidates = self.rows.get(code, ())
        lowered = message.lower()
        return next((row for row in candidates if row.within in lowered), None)


def _by_code(rows: Iterable[ErrorRow]) -> Mapping[int | str, tuple[ErrorRow, ...]]:
    table: dict[int | str, list[ErrorRow]] = {}
    for row in rows:
        group = table.setdefault(row.code, [])
        if any(each.within == row.within for each in group):
            raise ValueError(f"error code {row.code!r} stands twice in the table")
        group.append(row)
    # The row without a condition is the last resort, wherever the exchange's table has it.
    return MappingProxyType(
        {code: tuple(sorted(group, key=lambda row: not row.within)) for code, group in table.items()}
    )


class Capability(NamedTuple):
    """Whether an exchange can do a thing; where it can't, reason says why and names the alternative."""

    name: str
    supported: bool
    reason: str = ""


class ClientIdRule(NamedTuple):
    """How an exchange wants client order ids: an obligatory prefix, the longest length with it, the characters."""

    prefix: str = ""
    max_length: int = 32
    alphabet: str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


class Horizons(NamedTuple):
    """The times after which an exchange's silence means something.

    validity_ms: how long after its timestamp a request may still be admitted (recvWindow, expiry header).
    skew_ms: spread of the clocks of the exchange's own front ends. processing_ms: from admission to execution.
    visibility_ms: from execution until a query shows it. An order is proven absent when all four have passed since its
    stamp, and then `confirmations` surveys at least spacing_ms apart show nothing. give_up_ms: for how long an order
    may be in doubt before that is said aloud.
    """

    validity_ms: int
    skew_ms: int = 1_000
    processing_ms: int = 10_000
    visibility_ms: int = 5_000
    give_up_ms: int = 30_000
    confirmations: int = 3
    spacing_ms: int = 250


class HistoryLimit(NamedTuple):
    """How far a history endpoint reaches: span of one request, age of the oldest row, rows of one page.

    resolution_ms is the grid of its time stamps: two rows of one grid step can't be told apart by time.
    """

    max_span_ms: int
    reach_ms: int
    page_rows: int
    resolution_ms: int = 1


class ExchangeSpec(NamedTuple):
    """Everything about an exchange that is data and not a table of its wire format.

    withdrawal_ids are the rules for client ids of withdrawals, where they are not those of orders. limits_apart says
    that a refusal for one rate limit leaves the other buckets as they are; otherwise a client that was refused sends
    nothing at all until it may again. cancel_reply_is_final says that the reply to a cancel shows the state in
    which the order ended, fills included, so that it need not be read again; cancel_reply_may_be_nameless that it may
    leave the client order id out; placed_reply_is_nameless that an acknowledgement always does. exemptions maps the
    number of a conformance case ("C51") to the reason why it can't apply to this exchange; what a Capability declares
    unsupported needs none. network_codes maps the canonical names of networks to the exchange's codes.
    withdrawal_fee_included says whether the amount of a withdrawal includes its fee, so that less arrives; None where
    that is not known: what would arrive is then not told.
    """

    name: str
    title: str
    urls: Mapping[str, str]
    buckets: tuple[Bucket, ...]
    capabilities: tuple[Capability, ...]
    client_ids: ClientIdRule
    horizons: Horizons
    histories: Mapping[str, HistoryLimit]
    credential_variables: tuple[str, str]
    rules_max_age_s: float = 3_600.0
    clock_refresh_s: float = 30.0
    keepalive_s: float = 15.0
    withdrawal_ids: ClientIdRule | None = None
    limits_apart: bool = False
    cancel_reply_is_final: bool = False
    cancel_reply_may_be_nameless: bool = False
    placed_reply_is_nameless: bool = False
    exemptions: Mapping[str, str] = _NOTHING
    network_codes: Mapping[str, str] = _NOTHING
    withdrawal_fee_included: bool | None = None

    def capability(self, name: str) -> Capability:
        """Return the named capability; an undeclared one is unsupported without a reason."""
        for capability in self.capabilities:
            if capability.name == name:
                return capability
        return Capability(name, supported=False)
