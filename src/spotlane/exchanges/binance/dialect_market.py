"""Exchange rules, time, and the account's own figures."""

from __future__ import annotations

import json
from decimal import Decimal

from spotlane.exchanges.binance.dialect_call import Call, Refusal, illegal, wire_name
from spotlane.exchanges.binance.dialect_filters import exchange_filters, filters_of
from spotlane.exchanges.binance.dialect_limits import OrderLimits
from spotlane.exchanges.binance.dialect_wire import padded
from spotlane.sandbox.accounts import Holding
from spotlane.sandbox.matching import Market
from spotlane.sandbox.money import ZERO, plain
from spotlane.structs.enums import OrderType

_ORDER_TYPES = (OrderType.LIMIT, OrderType.LIMIT_MAKER, OrderType.MARKET)
_PLACES = 8
_TEN_THOUSANDTHS = 10_000
_OPEN_PERMISSIONS, _CLOSED_PERMISSIONS = ["SPOT"], ["TRD_GRP_004"]
_STATUSES = ("TRADING", "CANCEL_ONLY", "HALT", "BREAK", "END_OF_DAY")


def ping(call: Call) -> object:
    """GET ping."""
    return {}


def server_time(call: Call) -> object:
    """GET time."""
    return {"serverTime": call.stamp(call.now_ms)}


def exchange_info(call: Call) -> object:
    """GET exchangeInfo: all symbols, one (symbol=), some (symbols=[...]), or those that fit the other filters."""
    params = call.params
    shows_sets = params.flag("showPermissionSets") is not False
    return {
        "timezone": "UTC",
        "serverTime": call.stamp(call.now_ms),
        "rateLimits": _rate_limits(call),
        "exchangeFilters": exchange_filters(call),
        "symbols": [_symbol(call, market, shows_sets=shows_sets) for market in _chosen(call)],
    }


def _chosen(call: Call) -> list[Market]:
    params = call.params
    chosen = params.given("symbol", "symbols", "permissions", "symbolStatus")
    if len(chosen & {"symbol", "symbols", "permissions"}) > 1 or {"symbol", "symbolStatus"} <= chosen:
        raise Refusal(-1128, "Combination of optional parameters invalid.")
    if "symbol" in chosen:
        return [call.market()]
    if "symbols" in chosen:
        return [call.market(name) for name in _names(call)]
    markets = list(call.engine.markets.values())
    wanted = params.text("permissions")
    if wanted is not None:
        permissions = json_names("permissions", wanted) if wanted.startswith("[") else [wanted]
        markets = [market for market in markets if set(_permissions(market)) & set(permissions)]
    status = params.text("symbolStatus")
    if status is not None:
        if status not in _STATUSES:
            raise Refusal(-1122, "Invalid symbolStatus.")
        markets = [market for market in markets if _status(market) == status]
    return markets


def _names(call: Call) -> list[str]:
    names = json_names("symbols", call.params.required("symbols"))
    if len(set(names)) < len(names):
        raise Refusal(-1151, "Symbol is present multiple times in the list.")
    return names


def json_names(parameter: str, text: str) -> list[str]:
    """Return the names of a JSON array of texts."""
    try:
        names = json.loads(text)
    except (ValueError, RecursionError):
        names = None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise illegal(parameter, r'^\["[\w\-._&&[^a-z]]{1,50}"(,"[\w\-._&&[^a-z]]{1,50}"){0,}\]$')
    return names


def _rate_limits(call: Call) -> list[dict[str, object]]:
    settings = call.settings
    rows = (
        ("REQUEST_WEIGHT", "MINUTE", 1, settings.weight_limit),
        ("ORDERS", "SECOND", 10, settings.orders_per_10s),
        ("ORDERS", "DAY", 1, settings.orders_per_day),
        ("RAW_REQUESTS", "MINUTE", 5, settings.raw_request_limit),
    )
    return [
        {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit}
        for kind, interval, number, limit in rows
    ]


def _symbol(call: Call, market: Market, *, shows_sets: bool) -> dict[str, object]:
    listing = market.listing
    row: dict[str, object] = {
        "symbol": wire_name(market),
        "status": _status(market),
        "baseAsset": listing.base,
        "baseAssetPrecision": _PLACES,
        "quoteAsset": listing.quote,
        "quotePrecision": _PLACES,
        "quoteAssetPrecision": _PLACES,
        "baseCommissionPrecision": _PLACES,
        "quoteCommissionPrecision": _PLACES,
        "orderTypes": [kind.value for kind in _ORDER_TYPES if kind in listing.order_types],
        "icebergAllowed": True,
        "ocoAllowed": False,
        "otoAllowed": False,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": False,
        "amendAllowed": False,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": filters_of(call, market),
        "permissions": [],
    }
    if shows_sets:
        row["permissionSets"] = [_permissions(market)]
    row["defaultSelfTradePreventionMode"] = call.settings.default_self_trade_mode
    row["allowedSelfTradePreventionModes"] = list(call.settings.self_trade_modes)
    return row


def _status(market: Market) -> str:
    return "TRADING" if market.listing.is_online else "BREAK"


def _permissions(market: Market) -> list[str]:
    return _OPEN_PERMISSIONS if market.listing.is_open_to_api else _CLOSED_PERMISSIONS


def account(call: Call) -> object:
    """GET account: every asset of the exchange, without those of which nothing is held where asked."""
    leaves_out = call.params.flag("omitZeroBalances") or False
    maker, taker = _base_fees(call)
    return {
        "makerCommission": int(maker * _TEN_THOUSANDTHS),
        "takerCommission": int(taker * _TEN_THOUSANDTHS),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": _rates(maker, taker),
        "canTrade": True,
        "canWithdraw": True,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": call.stamp(call.now_ms),
        "accountType": "SPOT",
        "balances": [
            {"asset": asset, "free": padded(holding.available), "locked": padded(holding.locked)}
            for asset, holding in holdings(call).items()
            if holding.total or not leaves_out
        ],
        "permissions": _OPEN_PERMISSIONS,
        "uid": call.settings.uid,
    }


def holdings(call: Call) -> dict[str, Holding]:
    """Return every asset of the exchange, and what the account holds of it."""
    held = call.engine.balances(call.account)
    names = {network.asset for network in call.engine.wallet.networks.values()}
    for market in call.engine.markets.values():
        names.update((market.listing.base, market.listing.quote))
    return {asset: held.get(asset, Holding()) for asset in sorted(names | held.keys())}


def _base_fees(call: Call) -> tuple[Decimal, Decimal]:
    listings = [market.listing for market in call.engine.markets.values()]
    maker = max((listing.maker_fee for listing in listings), default=ZERO)
    return maker, max((listing.taker_fee for listing in listings), default=ZERO)


def _rates(maker: Decimal, taker: Decimal) -> dict[str, str]:
    return {"maker": padded(maker), "taker": padded(taker), "buyer": padded(ZERO), "seller": padded(ZERO)}


def commission(call: Call) -> object:
    """GET account/commission: the rates of one symbol."""
    market = call.market()
    return {"symbol": wire_name(market), **commission_rates(market, "")}


def commission_rates(market: Market, suffix: str) -> dict[str, object]:
    """Return the rates of a symbol; nothing but the standard rate is charged, and never in another asset."""
    listing = market.listing
    return {
        f"standardCommission{suffix}": _rates(listing.maker_fee, listing.taker_fee),
        f"specialCommission{suffix}": _rates(ZERO, ZERO),
        f"taxCommission{suffix}": _rates(ZERO, ZERO),
        "discount": {
            "enabledForAccount": False,
            "enabledForSymbol": False,
            "discountAsset": "BNB",
            "discount": padded(ZERO),
        },
    }


def trade_fee(call: Call) -> object:
    """GET sapi asset/tradeFee: of one symbol or of all."""
    market = call.optional_market()
    return [
        {
            "symbol": wire_name(each),
            "makerCommission": plain(each.listing.maker_fee),
            "takerCommission": plain(each.listing.taker_fee),
        }
        for each in (call.engine.markets.values() if market is None else [market])
    ]


def order_counts(call: Call, limits: OrderLimits) -> object:
    """GET rateLimit/order: the unfilled orders of the present windows."""
    used = limits.used(call.account, call.now_ms)
    return [
        {
            "rateLimitType": "ORDERS",
            "interval": interval,
            "intervalNum": number,
            "limit": window.limit,
            "count": used[interval, number],
        }
        for (interval, number), window in limits.windows.items()
    ]


def my_filters(call: Call) -> object:
    """GET myFilters: the filters that apply to the account on a symbol."""
    market = call.market()
    return {"exchangeFilters": exchange_filters(call), "symbolFilters": filters_of(call, market), "assetFilters": []}
