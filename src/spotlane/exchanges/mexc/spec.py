"""MEXC spot as data. Section numbers are those of this folder's README.md."""

from __future__ import annotations

from types import MappingProxyType

from spotlane.exchanges.mexc.networks import CODES
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

CLIENT = "MexcPrivateRest"

_DAY_MS = 86_400_000
_LIST_BYTES = 16 << 20

# Published limits contradict each other (README, "Limits"); each of these is the strictest that a source gives.
# MEXC tells no usage: none of its headers is documented.
_JITTER_MS = 50
_ORDERS = Bucket("orders", limit=12, window_ms=1_000, reserve=2, burst=6, jitter_ms=_JITTER_MS)
_REQUESTS = Bucket("requests", limit=20, window_ms=1_000, reserve=2, burst=10, jitter_ms=_JITTER_MS)
_WEIGHT = Bucket("weight", limit=300, window_ms=10_000, reserve=10, burst=150, jitter_ms=_JITTER_MS)


def _endpoint(
    name: str,
    method: str,
    path: str,
    weight: int,
    *,
    verb: Verb = Verb.READ,
    signed: bool = True,
    orders: int = 0,
    permission: str | None = None,
    max_reply_bytes: int = 1 << 20,
) -> Endpoint:
    costs = {_REQUESTS.name: 1, _WEIGHT.name: weight}
    if orders:
        costs[_ORDERS.name] = orders
    return Endpoint(
        name=name,
        method=method,
        path=f"/api/v3/{path}",
        verb=verb,
        signed=signed,
        costs=MappingProxyType(costs),
        permission=permission,
        max_reply_bytes=max_reply_bytes,
    )


TIME = _endpoint("time", "GET", "time", 1, signed=False)
RULES = _endpoint("exchangeInfo", "GET", "exchangeInfo", 25, signed=False, max_reply_bytes=_LIST_BYTES)

PLACE = _endpoint("order", "POST", "order", 1, verb=Verb.PLACE, orders=1, permission="SPOT_DEAL_WRITE")
TEST_ORDER = _endpoint("order/test", "POST", "order/test", 1, permission="SPOT_DEAL_WRITE")
CANCEL = _endpoint("cancel order", "DELETE", "order", 1, verb=Verb.CANCEL, orders=1, permission="SPOT_DEAL_WRITE")
CANCEL_ALL = _endpoint(
    "cancel openOrders", "DELETE", "openOrders", 1, verb=Verb.CANCEL_ALL, orders=1, permission="SPOT_DEAL_WRITE"
)
ORDER = _endpoint("query order", "GET", "order", 2, permission="SPOT_DEAL_READ")
OPEN_ORDERS = _endpoint("openOrders", "GET", "openOrders", 3, permission="SPOT_DEAL_READ", max_reply_bytes=_LIST_BYTES)
ALL_ORDERS = _endpoint("allOrders", "GET", "allOrders", 10, permission="SPOT_DEAL_READ", max_reply_bytes=_LIST_BYTES)
TRADES = _endpoint("myTrades", "GET", "myTrades", 10, permission="SPOT_ACCOUNT_READ", max_reply_bytes=_LIST_BYTES)
ACCOUNT = _endpoint("account", "GET", "account", 10, permission="SPOT_ACCOUNT_READ", max_reply_bytes=_LIST_BYTES)
FEE = _endpoint("tradeFee", "GET", "tradeFee", 20, permission="SPOT_ACCOUNT_READ")

NETWORKS = _endpoint(
    "capital/config/getall", "GET", "capital/config/getall", 10,
    permission="SPOT_WITHDRAW_READ", max_reply_bytes=_LIST_BYTES,
)  # fmt: skip
WITHDRAW = _endpoint(
    "capital/withdraw", "POST", "capital/withdraw", 1, verb=Verb.MOVE, permission="SPOT_WITHDRAW_WRITE"
)
CANCEL_WITHDRAWAL = _endpoint(
    "cancel capital/withdraw", "DELETE", "capital/withdraw", 1, verb=Verb.CANCEL, permission="SPOT_WITHDRAW_WRITE"
)
WITHDRAWALS = _endpoint(
    "capital/withdraw/history", "GET", "capital/withdraw/history", 1,
    permission="SPOT_WITHDRAW_READ", max_reply_bytes=_LIST_BYTES,
)  # fmt: skip
SAVED_ADDRESSES = _endpoint(
    "capital/withdraw/address", "GET", "capital/withdraw/address", 10, permission="SPOT_WITHDRAW_READ"
)
DEPOSITS = _endpoint(
    "capital/deposit/hisrec", "GET", "capital/deposit/hisrec", 10,
    permission="SPOT_WITHDRAW_READ", max_reply_bytes=_LIST_BYTES,
)  # fmt: skip
DEPOSIT_ADDRESS = _endpoint(
    "capital/deposit/address", "GET", "capital/deposit/address", 10, permission="SPOT_WITHDRAW_READ"
)

# Order and trade histories stamp closed rows with whole seconds (README, "Times").
ORDER_HISTORY = HistoryLimit(max_span_ms=7 * _DAY_MS, reach_ms=7 * _DAY_MS, page_rows=1_000, resolution_ms=1_000)
TRADE_HISTORY = HistoryLimit(max_span_ms=30 * _DAY_MS, reach_ms=30 * _DAY_MS, page_rows=100, resolution_ms=1_000)
WALLET_HISTORY = HistoryLimit(max_span_ms=7 * _DAY_MS, reach_ms=90 * _DAY_MS, page_rows=1_000)

_NO_STOPS = "MEXC places no stop orders over its API: watch the price and place a LIMIT or MARKET order"

SPEC = ExchangeSpec(
    name="mexc",
    title="MEXC",
    urls=MappingProxyType({"live": "https://api.mexc.com"}),
    buckets=(_ORDERS, _REQUESTS, _WEIGHT),
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
        Capability("order.market.sell_by_quote", True),
        Capability("order.stop_limit", False, _NO_STOPS),
        Capability("order.stop_market", False, _NO_STOPS),
        Capability("order.iceberg", False, "MEXC has no iceberg orders: split the quantity"),
        Capability("order.self_trade_prevention.cancel_maker", True),
        Capability("order.self_trade_prevention.cancel_taker", True),
        Capability("order.self_trade_prevention.cancel_both", True),
        Capability("dead_man", False, "MEXC has no countdown of its own: dead_man() starts a guardian process"),
        Capability("order.amend", False, "MEXC can't amend: cancel and place anew"),
        Capability("order.test", True),
        Capability("withdrawal.cancel", True),
        Capability("withdrawal.remark", True),
        Capability("testnet", False, "MEXC has no spot test network: use the sandbox"),
    ),
    client_ids=ClientIdRule(max_length=32),
    cancel_reply_may_be_nameless=True,
    placed_reply_is_nameless=True,
    horizons=Horizons(validity_ms=1_500),
    histories=MappingProxyType(
        {"orders": ORDER_HISTORY, "trades": TRADE_HISTORY, "withdrawals": WALLET_HISTORY, "deposits": WALLET_HISTORY}
    ),
    credential_variables=("MEXC_API_KEY", "MEXC_API_SECRET"),
    network_codes=CODES,
    # observed: another client (ccxt) takes the fee off the amount that the history lists.
    withdrawal_fee_included=True,
)
