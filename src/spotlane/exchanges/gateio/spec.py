"""Gate spot as data. What lies behind it stands in this folder's README.md."""

from __future__ import annotations

from types import MappingProxyType

from spotlane.exchanges.gateio.networks import CODES
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

CLIENT = "GateioPrivateRest"

_DAY_MS = 86_400_000
_LIST_BYTES = 16 << 20

# Placing is limited per pair, everything else per endpoint; both per account. The header is that of the bucket which
# the request took from.
_LEFT = "X-Gate-RateLimit-Requests-Remain"
_JITTER_MS = 50
_PLACE = Bucket("place", limit=10, window_ms=1_000, burst=5, per_symbol=True, jitter_ms=_JITTER_MS, left_header=_LEFT)
_CANCEL = Bucket("cancel", limit=200, window_ms=1_000, jitter_ms=_JITTER_MS, left_header=_LEFT)
_WITHDRAW = Bucket("withdraw", limit=1, window_ms=3_000, jitter_ms=_JITTER_MS, left_header=_LEFT)
_PER_ENDPOINT = Bucket(
    "endpoint", limit=200, window_ms=10_000, reserve=4, per_endpoint=True, jitter_ms=_JITTER_MS, left_header=_LEFT
)


def _endpoint(
    name: str,
    method: str,
    path: str,
    bucket: Bucket = _PER_ENDPOINT,
    *,
    verb: Verb = Verb.READ,
    signed: bool = True,
    permission: str | None = None,
    max_reply_bytes: int = 1 << 20,
) -> Endpoint:
    return Endpoint(
        name=name,
        method=method,
        path=f"/api/v4/{path}",
        verb=verb,
        signed=signed,
        costs=MappingProxyType({bucket.name: 1}),
        permission=permission,
        max_reply_bytes=max_reply_bytes,
    )


TIME = _endpoint("spot/time", "GET", "spot/time", signed=False)
RULES = _endpoint("spot/currency_pairs", "GET", "spot/currency_pairs", signed=False, max_reply_bytes=_LIST_BYTES)

PLACE = _endpoint("place order", "POST", "spot/orders", _PLACE, verb=Verb.PLACE, permission="spot (read-write)")
CANCEL = _endpoint("cancel order", "DELETE", "spot/orders/", _CANCEL, verb=Verb.CANCEL, permission="spot (read-write)")
CANCEL_ALL = _endpoint(
    "cancel orders", "DELETE", "spot/orders", _CANCEL, verb=Verb.CANCEL_ALL, permission="spot (read-write)"
)
ORDER = _endpoint("query order", "GET", "spot/orders/", permission="spot")
ORDERS = _endpoint("query orders", "GET", "spot/orders", permission="spot", max_reply_bytes=_LIST_BYTES)
OPEN_ORDERS = _endpoint("spot/open_orders", "GET", "spot/open_orders", permission="spot", max_reply_bytes=_LIST_BYTES)
TRADES = _endpoint("spot/my_trades", "GET", "spot/my_trades", permission="spot", max_reply_bytes=_LIST_BYTES)
ACCOUNTS = _endpoint("spot/accounts", "GET", "spot/accounts", permission="spot", max_reply_bytes=_LIST_BYTES)
# To set the countdown twice leaves it where it is, like a cancel by id.
COUNTDOWN = _endpoint(
    "countdown cancel", "POST", "spot/countdown_cancel_all", verb=Verb.CANCEL, permission="spot (read-write)"
)
FEE = _endpoint("wallet/fee", "GET", "wallet/fee", permission="wallet")

CHAINS = _endpoint("wallet/currency_chains", "GET", "wallet/currency_chains", signed=False)
WITHDRAW_STATUS = _endpoint("wallet/withdraw_status", "GET", "wallet/withdraw_status", permission="wallet")
SAVED_ADDRESSES = _endpoint("wallet/saved_address", "GET", "wallet/saved_address", permission="wallet")
WITHDRAW = _endpoint(
    "withdrawals", "POST", "withdrawals", _WITHDRAW, verb=Verb.MOVE, permission="withdrawal (read-write)"
)
CANCEL_WITHDRAWAL = _endpoint(
    "cancel withdrawal", "DELETE", "withdrawals/", verb=Verb.CANCEL, permission="withdrawal (read-write)"
)
WITHDRAWALS = _endpoint(
    "wallet/withdrawals", "GET", "wallet/withdrawals", permission="wallet", max_reply_bytes=_LIST_BYTES
)
DEPOSITS = _endpoint("wallet/deposits", "GET", "wallet/deposits", permission="wallet", max_reply_bytes=_LIST_BYTES)
DEPOSIT_ADDRESS = _endpoint("wallet/deposit_address", "GET", "wallet/deposit_address", permission="wallet")

# Lists are asked for in whole seconds. How far orders reach back is not documented: no further than fills do.
ORDER_HISTORY = HistoryLimit(max_span_ms=30 * _DAY_MS, reach_ms=30 * _DAY_MS, page_rows=1_000, resolution_ms=1_000)
TRADE_HISTORY = HistoryLimit(max_span_ms=30 * _DAY_MS, reach_ms=30 * _DAY_MS, page_rows=1_000, resolution_ms=1_000)
WITHDRAWAL_HISTORY = HistoryLimit(max_span_ms=30 * _DAY_MS, reach_ms=90 * _DAY_MS, page_rows=1_000, resolution_ms=1_000)
DEPOSIT_HISTORY = HistoryLimit(max_span_ms=30 * _DAY_MS, reach_ms=90 * _DAY_MS, page_rows=500, resolution_ms=1_000)
OPEN_PAGE_ROWS = 100
COUNTDOWN_LEAST_S = 5

_ID_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
_NO_STOPS = "Gate's trigger orders take no client id, so their outcome can't be proven: watch the price instead"

SPEC = ExchangeSpec(
    name="gateio",
    title="Gate",
    urls=MappingProxyType({"live": "https://api.gateio.ws", "testnet": "https://api-testnet.gateapi.io"}),
    buckets=(_PLACE, _CANCEL, _WITHDRAW, _PER_ENDPOINT),
    capabilities=(
        Capability("order.limit", True),
        Capability("order.limit.ioc", True),
        Capability("order.limit.fok", True),
        Capability("order.limit_maker", True),
        Capability("order.market", True),
        Capability("order.market.ioc", True),
        Capability("order.market.fok", True),
        Capability("order.market.buy_by_base", False, "a market buy is sized in quote: give quote_quantity"),
        Capability("order.market.buy_by_quote", True),
        Capability("order.market.sell_by_base", True),
        Capability("order.market.sell_by_quote", False, "a market sell is sized in base: give quantity"),
        Capability("order.stop_limit", False, _NO_STOPS),
        Capability("order.stop_market", False, _NO_STOPS),
        Capability("order.iceberg", True),
        Capability("order.self_trade_prevention.cn", True),
        Capability("order.self_trade_prevention.co", True),
        Capability("order.self_trade_prevention.cb", True),
        Capability("order.test", False, "Gate has no test orders: use the sandbox or Gate's testnet"),
        Capability("dead_man", True),
        Capability("order.amend", False, "this client doesn't amend: cancel and place anew"),
        Capability("withdrawal.cancel", True),
        Capability("withdrawal.remark", False, "leave it out, client_withdrawal_id is kept"),
        Capability("testnet", True),
    ),
    client_ids=ClientIdRule(prefix="t-", max_length=30, alphabet=_ID_LETTERS),
    withdrawal_ids=ClientIdRule(max_length=32, alphabet=_ID_LETTERS),
    horizons=Horizons(validity_ms=1_500),
    limits_apart=True,
    histories=MappingProxyType(
        {
            "orders": ORDER_HISTORY,
            "trades": TRADE_HISTORY,
            "withdrawals": WITHDRAWAL_HISTORY,
            "deposits": DEPOSIT_HISTORY,
        }
    ),
    credential_variables=("GATEIO_API_KEY", "GATEIO_API_SECRET"),
    network_codes=CODES,
    # guessed: it is not documented; another client (ccxt) takes the fee off the amount.
    withdrawal_fee_included=True,
)
