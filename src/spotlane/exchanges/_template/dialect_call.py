"""What every handler works with: settings, who calls, parameters, refusals."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from spotlane.sandbox.engine import Engine
from spotlane.sandbox.http import HttpRequest
from spotlane.sandbox.keys import ApiKey, KeyRing
from spotlane.sandbox.limits import Limit
from spotlane.sandbox.matching import Market
from spotlane.sandbox.money import plain
from spotlane.sandbox.parameters import Parameters
from spotlane.sandbox.records import Reason, Refused

_MAX_AHEAD_MS = 1_000
_MAX_WINDOW_MS = 60_000
_LIMIT = Limit(100, 10_000)


@dataclass(frozen=True, slots=True)
class AcmeSettings:
    """What can be chosen about the dialect: `limit` is the weight that an address may use, where rate_limits is set."""

    rate_limits: bool = True
    limit: Limit = _LIMIT


class Refusal(Exception):
    """An error reply."""

    def __init__(self, code: str, message: str, *, status: int = 400, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.status = status
        self.headers = headers or {}


def malformed(name: str) -> Refusal:
    """Return the refusal for a parameter that is missing or has a value that it can't have."""
    return Refusal("bad_parameter", f"parameter {name!r} is missing or wrong")


# FILL: the exchange's code for each reason; its words need not be its own.
_CODES = {
    Reason.UNKNOWN_SYMBOL: "unknown_symbol",
    Reason.TRADING_PAUSED: "symbol_closed",
    Reason.API_CLOSED: "symbol_closed",
    Reason.SIDE_CLOSED: "side_closed",
    Reason.TYPE_CLOSED: "type_closed",
    Reason.MALFORMED: "bad_parameter",
    Reason.PRICE_PRECISION: "price_precision",
    Reason.QUANTITY_PRECISION: "quantity_precision",
    Reason.QUANTITY_TOO_SMALL: "too_small",
    Reason.QUANTITY_TOO_LARGE: "too_large",
    Reason.NOTIONAL_TOO_SMALL: "too_small",
    Reason.NOTIONAL_TOO_LARGE: "too_large",
    Reason.PRICE_OUTSIDE_BAND: "too_large",
    Reason.TOO_MANY_ORDERS: "too_many_orders",
    Reason.INSUFFICIENT_BALANCE: "insufficient_balance",
    Reason.NO_COUNTERPARTY: "no_counterparty",
    Reason.WOULD_TAKE: "would_take",
    Reason.FOK_UNFILLED: "no_counterparty",
    Reason.DUPLICATE_CLIENT_ID: "duplicate_client_id",
    Reason.UNKNOWN_ORDER: "unknown_order",
    Reason.UNKNOWN_ASSET: "unknown_asset",
    Reason.UNKNOWN_NETWORK: "unknown_network",
    Reason.NETWORK_CLOSED: "network_closed",
    Reason.AMOUNT_TOO_SMALL: "bad_amount",
    Reason.AMOUNT_TOO_LARGE: "bad_amount",
    Reason.AMOUNT_PRECISION: "bad_amount",
    Reason.ADDRESS_NOT_SAVED: "address_not_saved",
    Reason.MEMO_MISSING: "memo_missing",
    Reason.UNKNOWN_WITHDRAWAL: "unknown_withdrawal",
    Reason.NOT_CANCELABLE: "too_late",
}


def refusal(refused: Refused) -> Refusal:
    """Return the error reply for what the engine refused."""
    bound = "" if refused.limit is None else f", {plain(refused.limit)} {refused.asset}"
    return Refusal(_CODES[refused.reason], f"{refused.reason.value}{bound}")


@dataclass(slots=True)
class Call:
    """One request on its way through a handler; key is None on public endpoints."""

    engine: Engine
    params: Parameters[str]
    key: ApiKey | None

    @property
    def owner(self) -> ApiKey:
        """The key of a signed call."""
        if self.key is None:
            raise ValueError("this endpoint is public")
        return self.key

    @property
    def account(self) -> str:
        """The account that the key belongs to."""
        return self.owner.account

    def market(self) -> Market:
        """Return the market that the parameter `symbol` (BTC-USDT) names."""
        market = self.engine.markets.get(self.params.required("symbol").replace("-", "/"))
        if market is None:
            raise Refusal("unknown_symbol", "there is no such symbol")
        return market

    def window(self) -> tuple[int, int, int]:
        """Return the first and the last moment that are asked for, and how many rows at most."""
        last_ms = self.params.integer("to")
        limit = self.params.integer("limit") or 100
        return self.params.integer("from") or 0, self.engine.clock.now_ms() if last_ms is None else last_ms, limit


def parameters(request: HttpRequest) -> Parameters[str]:
    """Return the decoded parameters of the query."""
    try:
        pairs = parse_qsl(request.query, keep_blank_values=True, strict_parsing=bool(request.query), errors="strict")
    except ValueError:
        raise malformed("query") from None
    return Parameters(dict(pairs), missing=malformed, invalid=malformed)


def verified(request: HttpRequest, keys: KeyRing, moments: tuple[int, ...]) -> ApiKey:
    """Return the key that signed the request, or refuse: key, expiry, address, signature, time.

    It must be valid at each of the moments, of which the last is now.
    """
    # FILL: the exchange's own order of these checks, on the bytes that arrived and with the standard library: the
    # client's signer is what is being checked.
    key = keys.find(request.headers.get("x-acme-key", ""))
    if key is None:
        raise Refusal("bad_key", "there is no such key", status=401)
    if key.expires_ms is not None and moments[-1] >= key.expires_ms:
        raise Refusal("key_expired", "the key has expired", status=401)
    if key.ip_allow_list and request.peer_ip not in key.ip_allow_list:
        raise Refusal("ip_not_allowed", f"{request.peer_ip} is not on the key's list", status=403)
    signed, _, signature = request.query.rpartition("&signature=")
    expected = hmac.new(key.api_secret.encode(), signed.encode(errors="surrogateescape"), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), signature.encode(errors="replace")):
        raise Refusal("bad_signature", "the signature does not fit", status=401)
    params = parameters(request)
    stamp_ms, window_ms = params.integer("timestamp"), params.integer("window") or 0
    last_ms = (stamp_ms or 0) + min(window_ms, _MAX_WINDOW_MS)
    if stamp_ms is None or not all(stamp_ms - _MAX_AHEAD_MS < at_ms <= last_ms for at_ms in moments):
        raise Refusal("bad_timestamp", "the timestamp is outside the window")
    return key
