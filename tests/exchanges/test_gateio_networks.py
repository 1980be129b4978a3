"""Gate's chains, deposits, addresses and fees."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from gateio_rig import (
    BTC_USDT,
    PREFIX,
    fault,
    gate,
    parameters,
)

from spotlane import (
    UsageError,
)
from spotlane.errors import (
    DecodeError,
    ExchangeAPIError,
)
from spotlane.exchanges.gateio import wire_wallet
from spotlane.sandbox import Fault, ReplaceReply

CHAINS_PATH = f"{PREFIX}/wallet/currency_chains"
STATUS_PATH = f"{PREFIX}/wallet/withdraw_status"
DEPOSITS_PATH = f"{PREFIX}/wallet/deposits"
ADDRESS_PATH = f"{PREFIX}/wallet/deposit_address"

CHAIN: dict[str, Any] = {
    "chain": "TRX", "name_cn": "TRON", "name_en": "TRON/TRC20", "contract_address": "", "is_disabled": 0,
    "is_deposit_disabled": 0, "is_withdraw_disabled": 0, "decimal": "6", "is_tag": 0,
}  # fmt: skip
LIMITS: dict[str, Any] = {
    "currency": "USDT", "withdraw_percent": "0%", "withdraw_fix": "5", "withdraw_day_limit": "20000",
    "withdraw_amount_mini": "2", "withdraw_eachtime_limit": "15000", "withdraw_fix_on_chains": {"TRX": "1"},
    "withdraw_percent_on_chains": {"TRX": "0%"},
}  # fmt: skip


def encoded(value: object) -> bytes:
    return json.dumps(value).encode()


async def test_networks_are_put_together_from_two_calls() -> None:
    async with gate() as (venue, exchange):
        networks = {network.network: network for network in await exchange.get_networks("USDT")}
        assert {request.path for request in venue.requests} == {CHAINS_PATH, STATUS_PATH}
        tron = networks["TRX"]
        assert (tron.network_name, tron.withdrawal_fee, tron.withdrawal_step) == (
            "Tron(TRC20)", Decimal(1), Decimal("0.000001"),
        )  # fmt: skip
        assert (networks["ETH"].withdrawal_fee, networks["ETH"].contract_address is not None) == (Decimal("0.8"), True)
        assert (networks["BSC"].withdraw_enabled, networks["BSC"].deposit_enabled) == (False, True)
        # One pair of bounds for all chains of an asset.
        assert {each.withdrawal_minimum for each in networks.values()} == {Decimal(1)}
        assert {each.withdrawal_maximum for each in networks.values()} == {Decimal(1_000_000)}
        assert (await exchange.get_networks("XRP"))[0].memo_required is True
        asked = venue.requests.total
        await exchange.get_networks("USDT")
        assert venue.requests.total == asked


async def test_an_asset_without_chains() -> None:
    async with gate() as (venue, exchange):
        with pytest.raises(UsageError, match="lists no asset 'NOPE'"):
            await exchange.get_networks("NOPE")
        # An exchange that answers with nothing rather than with an error: there is nothing to ask the limits of.
        venue.faults.add(Fault(ReplaceReply(200, b"[]", "application/json"), "GET", CHAINS_PATH))
        with pytest.raises(UsageError, match="lists no asset 'NONE'"):
            await exchange.get_networks("NONE")
        assert venue.requests.count("GET", STATUS_PATH) == 0
        venue.faults.add(fault("INVALID_KEY", "GET", STATUS_PATH, status=401))
        with pytest.raises(ExchangeAPIError, match="INVALID_KEY"):
            await exchange.get_networks("USDT")
        assert await exchange.get_networks("USDT")


@pytest.mark.parametrize(
    ("chain", "limits", "expected"),
    [
        ({}, {}, {"withdrawal_fee": Decimal(1), "withdrawal_maximum": Decimal(15_000)}),
        ({}, {"withdraw_fix_on_chains": None}, {"withdrawal_fee": Decimal(5)}),
        ({}, {"withdraw_fix_on_chains": {}}, {"withdrawal_fee": Decimal(5)}),
        # A part of the amount on top: no sum can be told.
        ({}, {"withdraw_percent_on_chains": {"TRX": "0.5%"}}, {"withdrawal_fee": None}),
        ({}, {"withdraw_percent_on_chains": None, "withdraw_percent": "1%"}, {"withdrawal_fee": None}),
        ({}, {"withdraw_eachtime_limit": "0"}, {"withdrawal_maximum": None}),
        ({"decimal": None}, {}, {"withdrawal_step": None}),
        ({"decimal": 4}, {}, {"withdrawal_step": Decimal("0.0001")}),
        ({"decimal": "0"}, {}, {"withdrawal_step": Decimal(1)}),
        ({"is_disabled": 1}, {}, {"withdraw_enabled": False, "deposit_enabled": False}),
        ({"is_withdraw_disabled": 1}, {}, {"withdraw_enabled": False, "deposit_enabled": True}),
        ({"is_tag": 1}, {}, {"memo_required": True}),
        ({"name_en": ""}, {}, {"network_name": None, "contract_address": None}),
    ],
)
def test_chains_and_limits(chain: dict[str, Any], limits: dict[str, Any], expected: dict[str, Any]) -> None:
    (network,) = wire_wallet.merge_networks("USDT", [{**CHAIN, **chain}], {**LIMITS, **limits})
    assert {name: getattr(network, name) for name in expected} == expected


def test_an_asset_without_limits() -> None:
    (network,) = wire_wallet.merge_networks("USDT", [CHAIN], wire_wallet.read_withdraw_status(b"[]", None))
    assert (network.network, network.withdrawal_fee, network.withdrawal_minimum) == ("TRX", None, None)
    with pytest.raises(DecodeError) as misfit:
        wire_wallet.merge_networks("USDT", [{**CHAIN, "chain": None}], LIMITS)
    assert misfit.value.field == "chain"


async def test_deposits() -> None:
    async with gate() as (venue, exchange):
        venue.engine.wallet.deposit("USDT", 50, "TRX")
        slow = venue.engine.wallet.deposit("BTC", Decimal("0.5"), confirm_ms=60_000)
        # Both of one second, which is all that Gate tells of their order.
        deposits = sorted(await exchange.get_deposit_history(), key=lambda each: each.asset, reverse=True)
        assert [(each.asset, each.amount, each.status, each.is_credited) for each in deposits] == [
            ("USDT", 50, "DONE", True), ("BTC", Decimal("0.5"), "TRACK", False),
        ]  # fmt: skip
        assert (deposits[1].tx_id, deposits[1].address, deposits[1].network) == (slow.tx_id, slow.address, "BTC")
        assert [each.asset for each in await exchange.get_deposit_history("BTC")] == ["BTC"]
        for request in venue.requests.find("GET", DEPOSITS_PATH):
            assert parameters(request.query)["limit"] == "500"


@pytest.mark.parametrize(
    ("word", "is_credited"), [("DONE", True), ("DEP_CREDITED", True), ("TRACK", False), ("BLOCKED", False)]
)
def test_which_deposits_count(word: str, is_credited: bool) -> None:
    row = {"id": "d1", "timestamp": "1700000000", "currency": "USDT", "amount": "5", "status": word, "chain": "TRX"}
    (deposit,) = wire_wallet.read_deposits(encoded([row]), None)
    assert (deposit.is_credited, deposit.status, deposit.created_ms) == (is_credited, word, 1_700_000_000_000)


async def test_deposit_addresses_are_those_that_could_be_made() -> None:
    async with gate() as (venue, exchange):
        addresses = await exchange.get_deposit_addresses("USDT")
        made = {each.network: (each.address, each.memo) for each in addresses}
        assert made.keys() == {"TRX", "ETH", "BSC"}
        assert made["TRX"] == venue.engine.wallet.address("trader", "USDT", "TRX")
        assert [each.network for each in await exchange.get_deposit_addresses("USDT", "ETH")] == ["ETH"]
        (ripple,) = await exchange.get_deposit_addresses("XRP")
        assert (ripple.address, ripple.memo) == venue.engine.wallet.address("trader", "XRP", "XRP")
        # The address on top is a sentence at times.
        sentence = {
            "currency": "USDT", "address": "New address is being generated for you, please wait a moment",
            "multichain_addresses": [
                {"chain": "TRX", "address": "", "payment_id": "", "payment_name": "", "obtain_failed": 1},
                {"chain": "ETH", "address": "0x1", "payment_id": "", "payment_name": "", "obtain_failed": 0},
            ],
        }  # fmt: skip
        venue.faults.add(Fault(ReplaceReply(200, encoded(sentence), "application/json"), "GET", ADDRESS_PATH))
        (told,) = await exchange.get_deposit_addresses("USDT")
        assert (told.network, told.address, told.memo) == ("ETH", "0x1", None)


async def test_fee_rates_are_fractions() -> None:
    async with gate() as (venue, exchange):
        fee = await exchange.get_trading_fee(BTC_USDT)
        assert (fee.maker, fee.taker, fee.symbol) == (Decimal("0.002"), Decimal("0.002"), BTC_USDT)
        (request,) = venue.requests
        assert (request.path, request.query) == (f"{PREFIX}/wallet/fee", "currency_pair=BTC_USDT")
