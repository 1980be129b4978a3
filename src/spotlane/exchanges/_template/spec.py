"""Acme spot as data. What lies behind it stands in this folder's README.md."""

from __future__ import annotations

from types import MappingProxyType

from spotlane.exchanges._template.networks import CODES
from spotlane.spec import (
    Bucket,
    Capability,
    ClientIdRule,
    Endpoint,
    ExchangeSpec,
    HistoryLimit,
    Horizons,
    Verb,
)

# The registry looks the class up in rest.py by this name.
CLIENT = "AcmePrivateRest"

_DAY_MS = 86_400_000
_LIST_BYTES = 16 << 20

# FILL: the published rate limits, one Bucket each; where sources differ, the strictest. `reserve` keeps room for
# cancels; per_symbol and per_endpoint give each symbol or endpoint a bucket of its own.
_REQUESTS = Bucket("requests", limit=100, window_ms=10_000, reserve=10, burst=50)


def _endpoint(
    name: str,
    method: str,
    path: str,
    weight: int = 1,
    *,
    verb: Verb = Verb.READ,
    signed: bool = True,
    permission: str | None = None,
    max_reply_bytes: int = 1 << 20,
) -> Endpoint:
    return Endpoint(
        name=name,
        method=method,
        path=f"/v1/{path}",
        verb=verb,
        signed=signed,
        costs=MappingProxyType({_REQUESTS.name: weight}),
        permission=permission,
        max_reply_bytes=max_reply_bytes,
    )


# FILL: every endpoint that rest.py calls. The verb decides what a lost reply means: whatever places, withdraws or
# cancels more than one order must not be a READ, or it would be sent again. The permission is the exchange's own name
# for it, which the hint of PermissionDenied repeats. Lists get a larger cap for their replies. An id that belongs in
# the path ends it with "/" here and is the `suffix` of Request.to().
TIME = _endpoint("time", "GET", "time", signed=False)
RULES = _endpoint("symbols", "GET", "symbols", signed=False, max_reply_bytes=_LIST_BYTES)
BALANCES = _endpoint("balances", "GET", "balances", permission="read")

PLACE = _endpoint("place order", "POST", "order", verb=Verb.PLACE, permission="trade")
CANCEL = _endpoint("cancel order", "DELETE", "order", verb=Verb.CANCEL, permission="trade")
CANCEL_ALL = _endpoint("cancel all", "DELETE", "orders/open", verb=Verb.CANCEL_ALL, permission="trade")
ORDER = _endpoint("order", "GET", "order", permission="read")
OPEN_ORDERS = _endpoint("open orders", "GET", "orders/open", 2, permission="read", max_reply_bytes=_LIST_BYTES)
ORDERS = _endpoint("orders", "GET", "orders", 5, permission="read", max_reply_bytes=_LIST_BYTES)
TRADES = _endpoint("trades", "GET", "trades", 5, permission="read", max_reply_bytes=_LIST_BYTES)
FEE = _endpoint("fee", "GET", "fee", permission="read")

NETWORKS = _endpoint("networks", "GET", "networks", permission="read", max_reply_bytes=_LIST_BYTES)
SAVED_ADDRESSES = _endpoint("addresses", "GET", "addresses", permission="read")
DEPOSIT_ADDRESSES = _endpoint("deposit addresses", "GET", "deposit_addresses", permission="read")
WITHDRAW = _endpoint("withdraw", "POST", "withdrawals", verb=Verb.MOVE, permission="withdraw")
CANCEL_WITHDRAWAL = _endpoint("cancel withdrawal", "DELETE", "withdrawals", verb=Verb.CANCEL, permission="withdraw")
WITHDRAWALS = _endpoint("withdrawals", "GET", "withdrawals", permission="read", max_reply_bytes=_LIST_BYTES)
DEPOSITS = _endpoint("deposits", "GET", "deposits", permission="read", max_reply_bytes=_LIST_BYTES)

# FILL: how far each history reaches, in how long windows, with how many rows a page, on what grid of times. All four
# keys of SPEC.histories are needed. A full page is taken for an incomplete one and asked for again in halves.
_HISTORY = HistoryLimit(max_span_ms=90 * _DAY_MS, reach_ms=90 * _DAY_MS, page_rows=100)

_NO_STOPS = "Acme has no stop orders: watch the price and place a LIMIT or MARKET order"

SPEC = ExchangeSpec(
    # The folder's name, which is the name in the registry and the `exchange` of every struct.
    name="acme",
    title="Acme",
    # FILL: "live", and "testnet" where there is one.
    urls=MappingProxyType({"live": "https://api.acme.example"}),
    buckets=(_REQUESTS,),
    # FILL: every ability by name; for what the exchange can't do a reason that names the alternative: it is the text of
    # NotSupported, and of the case's "n/a" in the conformance table.
    capabilities=(
        Capability("order.limit", True),
        Capability("order.limit.ioc", True),
        Capability("order.limit.fok", True),
        Capability("order.limit_maker", True),
        Capability("order.market", True),
        Capability("order.market.ioc", True),
        Capability("order.market.fok", False, "a MARKET order fills what it can: use LIMIT with FOK"),
        Capability("order.market.buy_by_base", True),
        Capability("order.market.buy_by_quote", True),
        Capability("order.market.sell_by_base", True),
        Capability("order.market.sell_by_quote", False, "a MARKET sell is sized in base: give quantity"),
        Capability("order.stop_limit", False, _NO_STOPS),
        Capability("order.stop_market", False, _NO_STOPS),
        Capability("order.iceberg", False, "Acme has no iceberg orders: split the quantity"),
        Capability("order.test", False, "Acme has no test orders: use the sandbox"),
        Capability("dead_man", False, "Acme has no countdown of its own: dead_man() starts a guardian process"),
        Capability("withdrawal.cancel", True),
        Capability("withdrawal.remark", True),
        Capability("testnet", False, "Acme has no test network: use the sandbox"),
    ),
    # FILL: prefix, length and alphabet of client order ids. A prefix and 20 further characters must fit.
    client_ids=ClientIdRule(max_length=36),
    # FILL: validity_ms is how long after its timestamp an order may still be admitted, where the exchange lets a
    # request say so; short, because the outcome of a lost order is open for at least as long.
    horizons=Horizons(validity_ms=1_500),
    histories=MappingProxyType(dict.fromkeys(("orders", "trades", "withdrawals", "deposits"), _HISTORY)),
    # FILL: the environment variables that hold the key and the secret.
    credential_variables=("ACME_API_KEY", "ACME_API_SECRET"),
    network_codes=CODES,
    # FILL: whether the amount of a withdrawal includes its fee, and where you have that from.
    withdrawal_fee_included=True,
)
