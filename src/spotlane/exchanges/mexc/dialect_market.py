"""Exchange rules, time, and the account's own figures."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from spotlane.exchanges.mexc.dialect_call import Call, Refusal, wire_name
from spotlane.sandbox.matching import Market
from spotlane.sandbox.money import decimal_places, plain
from spotlane.structs.enums import OrderType, Side

_NUMBER_SCALE = Decimal("1E-18")
_DAY_MS = 86_400_000
_ORDER_TYPES = (OrderType.LIMIT, OrderType.MARKET, OrderType.LIMIT_MAKER)
_SIDE_TYPES = {frozenset(Side): 1, frozenset({Side.BUY}): 2, frozenset({Side.SELL}): 3, frozenset[Side](): 4}


def ping(call: Call) -> object:
    """GET ping."""
    return {}


def server_time(call: Call) -> object:
    """GET time."""
    return {"serverTime": call.now_ms}


def exchange_info(call: Call) -> object:
    """GET exchangeInfo: all symbols, one (symbol=), or some (symbols=A,B)."""
    one, some = call.params.text("symbol"), call.params.text("symbols")
    if one is not None:
        markets = [call.market(one)]
    elif some is not None:
        markets = [call.market(name) for name in some.split(",")]
    else:
        markets = list(call.engine.markets.values())
    return {
        "timezone": "CST",
        "serverTime": call.now_ms,
        "rateLimits": [],
        "exchangeFilters": [],
        "symbols": [_symbol(market) for market in markets],
    }


def _symbol(market: Market) -> dict[str, object]:
    listing = market.listing
    price_digits = decimal_places(listing.tick)
    filters = []
    if listing.price_band is not None:
        above, below = listing.price_band
        filters.append(
            {
                "filterType": "PERCENT_PRICE_BY_SIDE",
                "bidMultiplierUp": plain(above),
                "askMultiplierDown": plain(below),
            }
        )
    return {
        "symbol": wire_name(market),
        "status": "1" if listing.is_online else "2",
        "baseAsset": listing.base,
        "baseAssetPrecision": decimal_places(listing.lot),
        "quoteAsset": listing.quote,
        "quotePrecision": price_digits,
        "quoteAssetPrecision": price_digits,
        "baseCommissionPrecision": decimal_places(listing.lot),
        "quoteCommissionPrecision": price_digits,
        "orderTypes": [kind.value for kind in _ORDER_TYPES if kind in listing.order_types],
        "isSpotTradingAllowed": listing.is_open_to_api,
        "isMarginTradingAllowed": False,
        "quoteAmountPrecision": plain(listing.min_notional),
        "baseSizePrecision": plain(listing.min_quantity),
        "permissions": ["SPOT"],
        "filters": filters,
        "maxQuoteAmount": plain(listing.max_notional),
        "makerCommission": plain(listing.maker_fee),
        "takerCommission": plain(listing.taker_fee),
        "quoteAmountPrecisionMarket": plain(listing.min_notional),
        "maxQuoteAmountMarket": plain(listing.max_market_notional),
        "fullName": listing.full_name,
        "tradeSideType": _SIDE_TYPES[listing.sides],
        "contractAddress": "",
        "conceptPlateIds": [],
        "st": False,
    }


def default_symbols(call: Call) -> object:
    """GET defaultSymbols: the symbols that are open to the API."""
    names = [wire_name(market) for market in call.engine.markets.values() if market.listing.is_open_to_api]
    return {"code": 200, "data": names, "msg": None}


def self_symbols(call: Call) -> object:
    """GET selfSymbols: the symbols that this key may trade."""
    names = [
        wire_name(market)
        for market in call.engine.markets.values()
        if market.listing.is_open_to_api and call.owner.may_trade(market.listing.symbol)
    ]
    return {"code": 200, "data": names, "msg": None}


def offline_symbols(call: Call) -> object:
    """GET symbol/offline: the symbols that are suspended."""
    return {
        "data": [
            {"symbol": wire_name(market), "state": 2}
            for market in call.engine.markets.values()
            if not market.listing.is_online
        ]
    }


def contracts(call: Call) -> object:
    """GET the list of futures contracts: none. Clients that load every market at once ask for it."""
    return {"success": True, "code": 0, "data": []}


def account(call: Call) -> object:
    """GET account: assets of which nothing is held are left out."""
    balances = [
        {
            "asset": asset,
            "free": plain(holding.available),
            "locked": plain(holding.locked),
            "available": plain(holding.available),
        }
        for asset, holding in sorted(call.engine.balances(call.account).items())
        if holding.total
    ]
    return {
        "makerCommission": None,
        "takerCommission": None,
        "buyerCommission": None,
        "sellerCommission": None,
        "canTrade": True,
        "canWithdraw": True,
        "canDeposit": True,
        "updateTime": None,
        "accountType": "SPOT",
        "balances": balances,
        "permissions": ["SPOT"],
    }


def trade_fee(call: Call) -> object:
    """GET tradeFee: the fees are JSON numbers with 18 decimals, a zero is 0E-18."""
    listing = call.market(call.params.required("symbol")).listing
    maker, taker = (str(fee.quantize(_NUMBER_SCALE)) for fee in (listing.maker_fee, listing.taker_fee))
    return (
        f'{{"data":{{"makerCommission":{maker},"takerCommission":{taker}}},'
        f'"code":0,"msg":"success","timestamp":{call.now_ms}}}'
    ).encode()


def kyc_status(call: Call) -> object:
    """GET kyc/status."""
    return {"status": "3"}


def uid(call: Call) -> object:
    """GET uid."""
    return {"uid": call.settings.uid}


def api_key_info(call: Call) -> object:
    """GET apiKeyInfo: what the key is allowed; only a key of the same account can be asked about."""
    key = call.owner
    if call.params.text("accessKey") not in (None, key.api_key):
        raise Refusal(10072, "Api key info invalid")
    left_ms = None if key.expires_ms is None else key.expires_ms - call.now_ms
    created = datetime.fromtimestamp(key.created_ms // 1000, UTC)
    return {
        "note": "",
        "accessKey": key.api_key,
        "createTime": created.strftime("%Y-%m-%dT%H:%M:%S.000+00:00"),
        "permissions": ",".join(sorted(key.permissions)),
        "remainingValidity": 90 if left_ms is None else max(left_ms // _DAY_MS, 0),
        "ipWhiteList": ",".join(sorted(key.ip_allow_list)),
        "status": "VALID",
    }


def get_mx_deduct(call: Call) -> object:
    """GET mxDeduct/enable."""
    enabled = call.account in call.mx_deduct
    return {"data": {"mxDeductEnable": enabled}, "code": 0, "msg": "success", "timestamp": call.now_ms}


def set_mx_deduct(call: Call) -> object:
    """POST mxDeduct/enable; the switch is kept and shown, fees stay in the quote asset."""
    wanted = call.params.required("mxDeductEnable")
    if wanted not in ("true", "false"):
        raise Refusal(33333, "Parameter error: mxDeductEnable")
    (call.mx_deduct.add if wanted == "true" else call.mx_deduct.discard)(call.account)
    return get_mx_deduct(call)
