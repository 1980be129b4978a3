"""Binance spot as data. What lies behind it stands in this folder's README.md."""

from __future__ import annotations

from types import MappingProxyType

from spotlane.exchanges.binance.networks import CODES
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

CLIENT = "BinancePrivateRest"

_DAY_MS = 86_400_000
_LIST_BYTES = 16 << 20
_READ = "Enable Reading (enableReading)"
_TRADE = "Enable Spot & Margin Trading (enableSpotAndMarginTrading)"
_WITHDRAW = "Enable Withdrawals (enableWithdrawals)"

_JITTER_MS = 50
_WEIGHT = Bucket(
    "weight", limit=6_000, window_ms=60_000, reserve=500, burst=3_000, jitter_ms=_JITTER_MS,
    used_header="X-MBX-USED-WEIGHT-1M", is_aligned=True,
)  # fmt: skip
_RAW = Bucket("raw", limit=300_000, window_ms=300_000, reserve=1_000, jitter_ms=_JITTER_MS)
# The published samples; accounts may have more. A fill gives a unit back on the exchange, which is not counted here.
_ORDERS_10S = Bucket(
    "orders_10s", limit=50, window_ms=10_000, burst=25, jitter_ms=_JITTER_MS,
    used_header="X-MBX-ORDER-COUNT-10S", is_aligned=True,
)  # fmt: skip
_ORDERS_DAY = Bucket(
    "orders_day", limit=160_000, window_ms=_DAY_MS, jitter_ms=_JITTER_MS,
    used_header="X-MBX-ORDER-COUNT-1D", is_aligned=True,
)  # fmt: skip
# Whether a wallet's windows are those of the clock is not documented.
_WALLET_IP = Bucket(
    "wallet_ip", limit=12_000, window_ms=60_000, per_endpoint=True, jitter_ms=_JITTER_MS,
    used_header="X-SAPI-USED-IP-WEIGHT-1M",
)  # fmt: skip
_WALLET_UID = Bucket(
    "wallet_uid", limit=180_000, window_ms=60_000, per_endpoint=True, jitter_ms=_JITTER_MS,
    used_header="X-SAPI-USED-UID-WEIGHT-1M",
)  # fmt: skip
_WITHDRAWALS = Bucket("withdrawals", limit=180_000, window_ms=1_000, burst=90_000, jitter_ms=_JITTER_MS)

# What a refusal can be about without saying which; an endpoint takes from some of them.
SHARED_LIMITS = (_WEIGHT.name, _RAW.name, _WALLET_IP.name, _WALLET_UID.name, _WITHDRAWALS.name)
ORDER_LIMIT, DAY_LIMIT = (_ORDERS_10S.name,), (_ORDERS_DAY.name,)


def _endpoint(
    name: str,
    method: str,
    path: str,
    weight: int,
    *,
    verb: Verb = Verb.READ,
    signed: bool = True,
    permission: str | None = _READ,
    max_reply_bytes: int = 1 << 20,
) -> Endpoint:
    costs = {_WEIGHT.name: weight, _RAW.name: 1}
    if verb is Verb.PLACE:
        costs |= {_ORDERS_10S.name: 1, _ORDERS_DAY.name: 1}
    return Endpoint(name, method, f"/api/v3/{path}", verb, signed, MappingProxyType(costs), permission, max_reply_bytes)


def _wallet(
    name: str,
    method: str,
    path: str,
    bucket: Bucket,
    weight: int,
    *,
    verb: Verb = Verb.READ,
    permission: str = _READ,
    max_reply_bytes: int = 1 << 20,
) -> Endpoint:
    costs = MappingProxyType({bucket.name: weight})
    return Endpoint(name, method, f"/sapi/v1/{path}", verb, True, costs, permission, max_reply_bytes)


TIME = _endpoint("time", "GET", "time", 1, signed=False, permission=None)
RULES = _endpoint("exchangeInfo", "GET", "exchangeInfo", 20, signed=False, permission=None, max_reply_bytes=_LIST_BYTES)
ACCOUNT = _endpoint("account", "GET", "account", 20)
COMMISSION = _endpoint("account/commission", "GET", "account/commission", 20)

# Placing and cancelling have weight only where they are refused; counting it always errs on the safe side.
PLACE = _endpoint("order", "POST", "order", 1, verb=Verb.PLACE, permission=_TRADE)
TEST_ORDER = _endpoint("order/test", "POST", "order/test", 1, permission=_TRADE)
CANCEL = _endpoint("cancel order", "DELETE", "order", 1, verb=Verb.CANCEL, permission=_TRADE)
CANCEL_ALL = _endpoint("cancel all", "DELETE", "openOrders", 1, verb=Verb.CANCEL_ALL, permission=_TRADE)
ORDER = _endpoint("query order", "GET", "order", 4)
OPEN_ORDERS = _endpoint("openOrders", "GET", "openOrders", 6, max_reply_bytes=_LIST_BYTES)
ALL_OPEN_ORDERS = _endpoint("openOrders of all", "GET", "openOrders", 80, max_reply_bytes=_LIST_BYTES)
ORDERS = _endpoint("allOrders", "GET", "allOrders", 20, max_reply_bytes=_LIST_BYTES)
TRADES = _endpoint("myTrades", "GET", "myTrades", 20, max_reply_bytes=_LIST_BYTES)
TRADES_OF_ORDER = _endpoint("myTrades of an order", "GET", "myTrades", 5, max_reply_bytes=_LIST_BYTES)

NETWORKS = _wallet("config/getall", "GET", "capital/config/getall", _WALLET_IP, 10, max_reply_bytes=_LIST_BYTES)
SAVED_ADDRESSES = _wallet("address/list", "GET", "capital/withdraw/address/list", _WALLET_IP, 10)
DEPOSIT_ADDRESS = _wallet("deposit/address", "GET", "capital/deposit/address", _WALLET_IP, 10)
WITHDRAW = _wallet(
    "withdraw/apply", "POST", "capital/withdraw/apply", _WALLET_UID, 900, verb=Verb.MOVE, permission=_WITHDRAW
)
WITHDRAWALS = _wallet(
    "withdraw/history", "GET", "capital/withdraw/history", _WITHDRAWALS, 18_000, max_reply_bytes=_LIST_BYTES
)
DEPOSITS = _wallet("deposit/hisrec", "GET", "capital/deposit/hisrec", _WALLET_IP, 1, max_reply_bytes=_LIST_BYTES)

# Orders that ended without a fill are archived after 90 days. Fills go back further, but by days only at a price of 20
# units of weight each: older ones can be had by order id.
_ACTIVITY = HistoryLimit(max_span_ms=_DAY_MS, reach_ms=90 * _DAY_MS, page_rows=1_000)
_TRANSFERS = HistoryLimit(max_span_ms=90 * _DAY_MS, reach_ms=360 * _DAY_MS, page_rows=1_000, resolution_ms=1_000)

_STOPS = "Binance's stop orders are not offered by this client: watch the price and place a LIMIT or MARKET order"

SPEC = ExchangeSpec(
    name="binance",
    title="Binance",
    urls=MappingProxyType(
        {
            "live": "https://api.binance.com",
            "testnet": "https://testnet.binance.vision",
            "demo": "https://demo-api.binance.com",
        }
    ),
    buckets=(_WEIGHT, _RAW, _ORDERS_10S, _ORDERS_DAY, _WALLET_IP, _WALLET_UID, _WITHDRAWALS),
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
        Capability("order.stop_limit", False, _STOPS),
        Capability("order.stop_market", False, _STOPS),
        Capability("order.iceberg", True),
        Capability("order.self_trade_prevention.NONE", True),
        Capability("order.self_trade_prevention.EXPIRE_TAKER", True),
        Capability("order.self_trade_prevention.EXPIRE_MAKER", True),
        Capability("order.self_trade_prevention.EXPIRE_BOTH", True),
        Capability("order.self_trade_prevention.DECREMENT", True),
        Capability("order.self_trade_prevention.TRANSFER", True),
        Capability("order.amend", False, "this client doesn't amend: cancel and place anew"),
        Capability("order.test", True),
        Capability("dead_man", False, "Binance has no countdown of its own: dead_man() starts a guardian process"),
        Capability("withdrawal.cancel", False, "Binance's API can't cancel a withdrawal: use its web site"),
        Capability("withdrawal.remark", False, "leave it out, client_withdrawal_id is kept"),
        Capability("withdrawal.one_time_code", False, "Binance's API takes none: leave it out"),
        Capability("testnet", True),
    ),
    client_ids=ClientIdRule(max_length=36),
    # The engine answers or gives up within 10 seconds, and queries lag behind it, by more than 10 in one report.
    cancel_reply_is_final=True,
    horizons=Horizons(validity_ms=1_500, processing_ms=10_000, visibility_ms=15_000),
    histories=MappingProxyType(
        {"orders": _ACTIVITY, "trades": _ACTIVITY, "withdrawals": _TRANSFERS, "deposits": _TRANSFERS}
    ),
    credential_variables=("BINANCE_API_KEY", "BINANCE_API_SECRET"),
    network_codes=CODES,
    # observed: clients add the fee to reach a sum, and an amount not above the fee is refused (-4028).
    withdrawal_fee_included=True,
)
