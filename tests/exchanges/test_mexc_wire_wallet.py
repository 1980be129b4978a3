"""MEXC's tables of rules and of the wallet on payloads of the shapes that MEXC sends."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from spotlane import (
    Credentials,
    OrderType,
    Side,
    Symbol,
    WithdrawalRequest,
    WithdrawalStatus,
)
from spotlane.errors import DecodeError
from spotlane.exchanges.mexc import wire_rules, wire_wallet
from spotlane.exchanges.mexc.auth import MexcAuthenticator
from spotlane.exchanges.mexc.spec import PLACE, SPEC, TRADES
from spotlane.transport import Request

ZANO = Symbol("ZANO", "USDT")
LISTED: dict[str, Any] = {
    "symbol": "BTCUSDT", "status": "1", "baseAsset": "BTC", "baseAssetPrecision": 8, "quoteAsset": "USDT",
    "quotePrecision": 2, "quoteAssetPrecision": 2, "baseCommissionPrecision": 8, "quoteCommissionPrecision": 2,
    "orderTypes": ["LIMIT", "MARKET", "LIMIT_MAKER"], "isSpotTradingAllowed": True, "isMarginTradingAllowed": False,
    "quoteAmountPrecision": "1", "baseSizePrecision": "0.000001", "permissions": ["SPOT"],
    "filters": [{"filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": "0.005", "askMultiplierDown": "0.005"}],
    "maxQuoteAmount": "4000000", "makerCommission": "0", "takerCommission": "0.0005",
    "quoteAmountPrecisionMarket": "5.000000000000000000", "maxQuoteAmountMarket": "100000", "fullName": "Bitcoin",
    "tradeSideType": 1, "contractAddress": "", "conceptPlateIds": [50, 5], "st": False,
}  # fmt: skip
WITHDRAWAL: dict[str, Any] = {
    "id": "bb17a2d452684f00a523c015d512a341", "txId": None, "coin": "EOS", "network": "EOS", "netWork": "EOS",
    "address": "zzqqqqqqqqqq", "amount": "10", "transferType": 0, "status": 3, "transactionFee": "0",
    "confirmNo": None, "applyTime": 1665300874000, "updateTime": 1712134082000, "remark": "", "memo": "MX10086",
    "transHash": "0x0ced", "explorerUrl": "https://example.org", "coinId": "128f", "vcoinId": "af42",
}  # fmt: skip
COIN: dict[str, Any] = {
    "coin": "BTC", "name": "BTC-BSC", "networkList": [{
        "coin": "BTC", "name": "Bitcoin", "network": "Bitcoin(BTC)", "netWork": "BTC", "depositEnable": True,
        "withdrawEnable": True, "minConfirm": 3, "withdrawFee": "0.000014", "withdrawMin": "0.00008",
        "withdrawMax": "50", "withdrawIntegerMultiple": None, "sameAddress": False, "contract": "",
        "depositDesc": None, "withdrawTips": "", "depositTips": None,
    }],
}  # fmt: skip


def encoded(value: object) -> bytes:
    return json.dumps(value).encode()


def unread(field: str, text: str) -> None:
    raise AssertionError(f"unknown {field}={text}")


def test_the_rules_of_a_symbol() -> None:
    (rules,), unreadable = wire_rules.read_rules(encoded({"timezone": "CST", "symbols": [LISTED]}))
    assert unreadable == []
    assert (rules.symbol, rules.wire) == (Symbol("BTC", "USDT"), "BTCUSDT")
    assert (rules.tick, rules.lot) == (Decimal("0.01"), Decimal("0.00000001"))
    assert (rules.minimum_quantity, rules.maximum_quantity) == (Decimal("0.000001"), None)
    assert (rules.minimum_notional, rules.maximum_notional) == (Decimal(1), Decimal(4_000_000))
    assert (rules.market_minimum_notional, rules.market_maximum_notional) == (Decimal(5), Decimal(100_000))
    assert rules.sides == frozenset(Side)
    assert OrderType.MARKET in rules.order_types
    assert rules.closed == ""


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"status": "ENABLED"}, {"closed": ""}),
        ({"status": "2"}, {"closed": "it is paused"}),
        ({"status": "3"}, {"closed": "it is offline"}),
        ({"status": "9"}, {"closed": "its status is '9'"}),
        ({"isSpotTradingAllowed": False}, {"closed": "it is not open to trading over the API"}),
        ({"tradeSideType": 2}, {"sides": frozenset({Side.BUY})}),
        ({"tradeSideType": "3"}, {"sides": frozenset({Side.SELL})}),
        ({"tradeSideType": 4}, {"sides": frozenset()}),
        ({"baseSizePrecision": "0"}, {"minimum_quantity": None}),
        ({"baseSizePrecision": ""}, {"minimum_quantity": None}),
        ({"maxQuoteAmountMarket": None}, {"market_maximum_notional": None}),
        ({"orderTypes": ["LIMIT", "LIMIT_MAKER"]}, {"order_types": {OrderType.LIMIT, OrderType.LIMIT_MAKER}}),
        ({"quotePrecision": 0}, {"tick": Decimal(1)}),
    ],
)
def test_what_the_fields_of_a_symbol_mean(changes: dict[str, Any], expected: dict[str, object]) -> None:
    (rules,), _ = wire_rules.read_rules(encoded({"symbols": [{**LISTED, **changes}]}))
    assert {name: getattr(rules, name) for name in expected} == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"quotePrecision": "2"}, {"quotePrecision": -1}, {"quotePrecision": True}, {"baseAssetPrecision": None},
        {"baseAsset": ""}, {"baseAsset": "b t c"}, {"orderTypes": None}, {"quoteAmountPrecision": "lots"},
        {"quoteAmountPrecision": 1}, {"tradeSideType": 9}, {"tradeSideType": [1]},
    ],
)  # fmt: skip
def test_a_symbol_that_can_not_be_read_is_left_out_and_named(changes: dict[str, Any]) -> None:
    other = {**LISTED, "symbol": "ETHUSDT", "baseAsset": "ETH"}
    rules, unreadable = wire_rules.read_rules(encoded({"symbols": [{**LISTED, **changes}, other]}))
    assert [rule.wire for rule in rules] == ["ETHUSDT"]
    assert unreadable == ["BTCUSDT"]


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"symbols":{}}', b'{"symbols":[7]}', b'{"symbols":null}', b"<html>"])
def test_what_is_no_list_of_symbols(body: bytes) -> None:
    with pytest.raises(DecodeError):
        wire_rules.read_rules(body)


def test_a_withdrawal_row() -> None:
    (row,) = wire_wallet.read_withdrawals(encoded([WITHDRAWAL]), unread)
    assert (row.withdrawal_id, row.client_withdrawal_id) == ("bb17a2d452684f00a523c015d512a341", None)
    assert (row.asset, row.network, row.amount, row.fee) == ("EOS", "EOS", Decimal(10), Decimal(0))
    assert (row.status, row.memo, row.tx_id) == (WithdrawalStatus.PENDING, "MX10086", "0x0ced")
    assert (row.created_ms, row.updated_ms) == (1665300874000, 1712134082000)


@pytest.mark.parametrize(
    ("changes", "field", "expected"),
    [
        ({"coin": "USDT-ETH", "netWork": "ETH"}, "asset", "USDT"),
        ({"coin": "USDT-ETH", "netWork": "TRX"}, "asset", "USDT-ETH"),
        ({"netWork": None, "network": "Tron(TRC20)"}, "network", "Tron(TRC20)"),
        ({"transHash": None, "txId": "0xab:0"}, "tx_id", "0xab"),
        ({"transHash": None}, "tx_id", None),
        ({"withdrawOrderId": "mine"}, "client_withdrawal_id", "mine"),
        ({"status": 6}, "status", WithdrawalStatus.PROCESSING),
        ({"status": 7}, "status", WithdrawalStatus.COMPLETED),
        ({"status": 8}, "status", WithdrawalStatus.FAILED),
        ({"status": 9}, "status", WithdrawalStatus.CANCELED),
        ({"status": 10}, "status", WithdrawalStatus.MANUAL_REVIEW),
    ],
)
def test_what_the_fields_of_a_withdrawal_mean(changes: dict[str, Any], field: str, expected: object) -> None:
    (row,) = wire_wallet.read_withdrawals(encoded([{**WITHDRAWAL, **changes}]), unread)
    assert getattr(row, field) == expected


def test_a_withdrawal_state_that_no_table_knows() -> None:
    told: list[tuple[str, str]] = []
    body = encoded([{**WITHDRAWAL, "status": 11}])
    (row,) = wire_wallet.read_withdrawals(body, lambda field, text: told.append((field, text)))
    assert row.status is WithdrawalStatus.UNKNOWN
    assert told == [("status", "11")]


def test_deposits_count_only_when_they_are_credited() -> None:
    row = {
        "amount": "50000", "coin": "EOS", "network": "EOS", "status": 5, "address": "0x20b7", "txId": "01391d:0",
        "insertTime": 1659513342000, "unlockConfirm": "10", "confirmTimes": "241", "memo": "xxyy1122",
    }  # fmt: skip
    deposits = wire_wallet.read_deposits(encoded([{**row, "status": status} for status in range(1, 13)]), None)
    assert [deposit.status for deposit in deposits if deposit.is_credited] == ["5"]
    assert (deposits[0].tx_id, deposits[0].created_ms, deposits[0].memo) == ("01391d", 1659513342000, "xxyy1122")


def test_networks() -> None:
    (network,) = wire_wallet.read_networks(encoded([COIN]), None)["BTC"]
    assert (network.network, network.network_name) == ("BTC", "Bitcoin(BTC)")
    assert (network.withdrawal_fee, network.withdrawal_minimum) == (Decimal("0.000014"), Decimal("0.00008"))
    assert (network.withdrawal_maximum, network.withdrawal_step) == (Decimal(50), None)
    assert (network.memo_required, network.contract_address, network.confirmations) == (False, None, 3)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"netWork": None}, "netWork"),
        ({"netWork": 5}, "netWork"),
        ({"minConfirm": "3"}, "minConfirm"),
        ({"withdrawEnable": "true"}, "withdrawEnable"),
        ({"withdrawFee": 0.1}, "withdrawFee"),
        ({"withdrawFee": "free"}, "withdrawFee"),
        ({"withdrawFee": "-1"}, "withdrawFee"),
        ({"network": ["Tron"]}, "network"),
    ],
)
def test_a_network_that_does_not_fit_names_its_field(changes: dict[str, Any], field: str) -> None:
    coin = {**COIN, "networkList": [{**COIN["networkList"][0], **changes}]}
    with pytest.raises(DecodeError) as misfit:
        wire_wallet.read_networks(encoded([coin]), None)
    assert misfit.value.field == field


@pytest.mark.parametrize(
    ("tips", "wanted"),
    [
        ("Both a MEMO and an Address are required.", True),
        ("A memo is Required", True),
        ("No memo", False),
        (None, False),
    ],
)
def test_only_the_tips_say_that_a_memo_is_needed(tips: str | None, wanted: bool) -> None:
    coin = {**COIN, "networkList": [{**COIN["networkList"][0], "withdrawTips": tips}]}
    assert wire_wallet.read_networks(encoded([coin]), None)["BTC"][0].memo_required is wanted


def test_deposit_addresses_as_array_and_as_object() -> None:
    row = {"coin": "EOS", "network": "EOS", "address": "a", "memo": "MX1"}
    assert wire_wallet.read_deposit_addresses(encoded(row), None) == wire_wallet.read_deposit_addresses(
        encoded([row]), None
    )
    (old,) = wire_wallet.read_deposit_addresses(encoded({"coin": "EOS", "address": "a", "tag": "MX2"}), None)
    assert (old.memo, old.network) == ("MX2", None)


def test_the_label_of_a_saved_address_is_not_its_memo() -> None:
    body = encoded({
        "data": [
            {"coin": "USDT", "network": "TRC20", "netWork": "TRX", "address": "T", "addressTag": "l", "memo": None}
        ],
        "totalRecords": 2, "page": 1, "totalPageNum": 2,
    })  # fmt: skip
    (saved,), pages = wire_wallet.read_saved_addresses(body, None)
    assert (saved.network, saved.label, saved.memo, pages) == ("TRX", "l", None, 2)


@pytest.mark.parametrize("number", ["0.003000000000000000", "0E-18", "-0.00010", "0.0005"])
def test_fee_rates_are_json_numbers_and_stay_exact(number: str) -> None:
    body = f'{{"data":{{"makerCommission":{number},"takerCommission":0.1}},"code":0,"msg":"success"}}'
    fee = wire_wallet.read_fee(body.encode(), ZANO)
    assert (fee.maker, fee.taker) == (Decimal(number), Decimal("0.1"))


def test_a_withdrawal_request_in_rfc_3986() -> None:
    request = WithdrawalRequest(
        "XRP", Decimal("10.5"), "rEb8", "XRP", memo="1234:ab/c", client_withdrawal_id="w-1", remark="café + 50% β"
    )
    assert wire_wallet.withdraw_query(request) == (
        b"coin=XRP&withdrawOrderId=w-1&netWork=XRP&address=rEb8&memo=1234%3Aab%2Fc&amount=10.5"
        b"&remark=caf%C3%A9%20%2B%2050%25%20%CE%B2"
    )


def test_the_documented_signature() -> None:
    credentials = Credentials("mx0aBYs33eIilxBWC5", "45d0b3c26f2644f19bfb98b07741b2f5")
    query = b"symbol=MXUSDT&side=BUY&type=LIMIT&quantity=50&price=0.1&newClientOrderId=k1_00Zx-9"
    signed = MexcAuthenticator(credentials).sign(Request(PLACE, PLACE.path, query, window_ms=2_000), 1758043350233)
    assert signed.target == (
        f"/api/v3/order?{query.decode()}&recvWindow=2000&timestamp=1758043350233"
        "&signature=889ff395b0606f2ff84edaa8b1492db29adfbf243e6b5274415678601c7240d6"
    )
    assert signed.headers["X-MEXC-APIKEY"] == credentials.api_key
    assert signed.headers["Content-Type"] == "application/json"


def test_every_capability_that_is_missing_names_what_to_do_instead() -> None:
    for capability in SPEC.capabilities:
        assert capability.supported or capability.reason
    assert TRADES.permission == "SPOT_ACCOUNT_READ"
