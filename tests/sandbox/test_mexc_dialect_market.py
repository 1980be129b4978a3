"""Rules, fees and account figures of the MEXC dialect."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from mexc_caller import START_MS, Caller, make_caller

from spotlane.structs.enums import Side


@pytest.fixture
def caller() -> Caller:
    return make_caller()


def test_time_and_ping(caller: Caller) -> None:
    assert json.loads(caller.raw("GET", "time", "").body) == {"serverTime": START_MS}
    assert caller.raw("GET", "ping", "").body == b"{}"


def test_exchange_info_of_a_symbol(caller: Caller) -> None:
    info = json.loads(caller.raw("GET", "exchangeInfo", "symbol=BTCUSDT").body)
    assert list(info) == ["timezone", "serverTime", "rateLimits", "exchangeFilters", "symbols"]
    assert info["symbols"] == [
        {
            "symbol": "BTCUSDT",
            "status": "1",
            "baseAsset": "BTC",
            "baseAssetPrecision": 8,
            "quoteAsset": "USDT",
            "quotePrecision": 2,
            "quoteAssetPrecision": 2,
            "baseCommissionPrecision": 8,
            "quoteCommissionPrecision": 2,
            "orderTypes": ["LIMIT", "MARKET", "LIMIT_MAKER"],
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False,
            "quoteAmountPrecision": "1",
            "baseSizePrecision": "0.000001",
            "permissions": ["SPOT"],
            "filters": [],
            "maxQuoteAmount": "4000000",
            "makerCommission": "0",
            "takerCommission": "0.0005",
            "quoteAmountPrecisionMarket": "1",
            "maxQuoteAmountMarket": "4000000",
            "fullName": "Bitcoin",
            "tradeSideType": 1,
            "contractAddress": "",
            "conceptPlateIds": [],
            "st": False,
        }
    ]


def test_exchange_info_shows_every_restriction(caller: Caller) -> None:
    info = json.loads(caller.raw("GET", "exchangeInfo", "").body)
    rows = {row["symbol"]: row for row in info["symbols"]}
    assert set(rows) == {"BTCUSDT", "ETHUSDT", "MXUSDT", "XRPUSDT", "EOSUSDT", "LUNCUSDT", "FTTUSDT", "ETHBTC"}
    assert rows["MXUSDT"]["baseSizePrecision"] == "5"
    assert rows["XRPUSDT"]["orderTypes"] == ["LIMIT", "LIMIT_MAKER"]
    assert rows["EOSUSDT"]["tradeSideType"] == 3
    assert rows["LUNCUSDT"]["isSpotTradingAllowed"] is False
    assert (rows["LUNCUSDT"]["quotePrecision"], rows["LUNCUSDT"]["baseAssetPrecision"]) == (8, 0)
    assert rows["FTTUSDT"]["status"] == "2"


def test_exchange_info_of_some_symbols_and_of_none(caller: Caller) -> None:
    some = json.loads(caller.raw("GET", "exchangeInfo", "symbols=ETHUSDT,BTCUSDT").body)
    assert [row["symbol"] for row in some["symbols"]] == ["ETHUSDT", "BTCUSDT"]
    refused = caller.raw("GET", "exchangeInfo", "symbol=NOSUCH")
    assert (refused.status, json.loads(refused.body)["code"]) == (400, -1121)


def test_price_band_and_closed_sides_are_shown(caller: Caller) -> None:
    listing = caller.engine.markets["BTC/USDT"].listing
    caller.engine.list_symbol(replace(listing, price_band=(Decimal("0.005"), Decimal("0.01")), sides=frozenset[Side]()))
    row = json.loads(caller.raw("GET", "exchangeInfo", "symbol=BTCUSDT").body)["symbols"][0]
    assert row["tradeSideType"] == 4
    assert row["filters"] == [
        {"filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": "0.005", "askMultiplierDown": "0.01"}
    ]


def test_account_shows_what_is_held_and_leaves_out_the_rest(caller: Caller) -> None:
    caller.limit("BUY", "0.001", "20000")
    caller.engine.credit("MX", Decimal("0.000000000674"))
    caller.engine.credit("ETH", 1)
    caller.engine.credit("ETH", -1)
    account = caller.ok("GET", "account")
    assert account["balances"] == [
        {"asset": "BTC", "free": "10", "locked": "0", "available": "10"},
        {"asset": "MX", "free": "0.000000000674", "locked": "0", "available": "0.000000000674"},
        {"asset": "USDT", "free": "99980", "locked": "20", "available": "99980"},
    ]
    assert list(account) == [
        "makerCommission", "takerCommission", "buyerCommission", "sellerCommission", "canTrade", "canWithdraw",
        "canDeposit", "updateTime", "accountType", "balances", "permissions",
    ]  # fmt: skip
    assert account["updateTime"] is None


def test_trade_fee_is_a_number_with_eighteen_decimals(caller: Caller) -> None:
    reply = caller.reply("GET", "tradeFee", symbol="BTCUSDT")
    assert reply.body == (
        b'{"data":{"makerCommission":0E-18,"takerCommission":0.000500000000000000},"code":0,"msg":"success",'
        b'"timestamp":%d}' % START_MS
    )


def test_symbol_lists(caller: Caller) -> None:
    everybody = json.loads(caller.raw("GET", "defaultSymbols", "").body)
    assert everybody["code"] == 200
    assert "LUNCUSDT" not in everybody["data"]
    limited = caller.with_key(caller.dialect.add_key(symbols=["BTC/USDT", "LUNC/USDT"]))
    assert limited.ok("GET", "selfSymbols") == {"code": 200, "data": ["BTCUSDT"], "msg": None}
    assert caller.ok("GET", "selfSymbols")["data"] == everybody["data"]
    assert json.loads(caller.raw("GET", "symbol/offline", "").body) == {"data": [{"symbol": "FTTUSDT", "state": 2}]}


def test_small_account_endpoints(caller: Caller) -> None:
    assert caller.ok("GET", "uid") == {"uid": "209302839"}
    assert caller.ok("GET", "kyc/status") == {"status": "3"}
    assert caller.ok("GET", "mxDeduct/enable")["data"] == {"mxDeductEnable": False}
    assert caller.ok("POST", "mxDeduct/enable", mxDeductEnable="true")["data"] == {"mxDeductEnable": True}
    assert caller.ok("GET", "mxDeduct/enable")["data"] == {"mxDeductEnable": True}
    assert caller.code("POST", "mxDeduct/enable", mxDeductEnable="True") == 33333


def test_api_key_info(caller: Caller) -> None:
    expires_ms = START_MS + 82 * 86_400_000 + 5000
    key = caller.dialect.add_key(
        permissions=["SPOT_DEAL_READ", "SPOT_ACCOUNT_READ"], ip_allow_list=["127.0.0.1"], expires_ms=expires_ms
    )
    caller.clock.advance(3_000)
    expected = "2025-09-06T15:32:14.000+00:00"
    info = caller.with_key(key).ok("GET", "apiKeyInfo", accessKey=key.api_key)
    assert info["createTime"] == expected
    assert info["permissions"] == "SPOT_ACCOUNT_READ,SPOT_DEAL_READ"
    assert (info["remainingValidity"], info["ipWhiteList"], info["status"]) == (82, "127.0.0.1", "VALID")
    assert caller.code("GET", "apiKeyInfo", accessKey=key.api_key) == 10072
