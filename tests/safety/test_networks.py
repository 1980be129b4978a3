"""Networks under one name on every exchange."""

from __future__ import annotations

from typing import Any

import pytest

from spotlane import registry
from spotlane.errors import UsageError
from spotlane.safety.networks import NETWORKS, canonical_name, choose_network, match_networks, meant_by, named
from spotlane.structs import AssetNetwork, WithdrawalReason

EXCHANGES = registry.exchange_names()
TETHER = "0xdAC17F958D2ee523a2206206994597C13D831ec7"


def network(code: str, canonical: str | None = None, **fields: Any) -> AssetNetwork:
    return AssetNetwork(**{"exchange": "one", "asset": "USDT", "network": code, "canonical": canonical, **fields})


def test_no_name_means_two_networks() -> None:
    names = [*NETWORKS, *(alias for row in NETWORKS.values() for alias in row.aliases)]
    assert len(names) == len(set(names))
    assert all(name == name.upper() for name in names)
    assert [meant_by(name) for name in ("trc20", "Tron", "trx", "nothing")] == ["TRC20", "TRC20", "TRC20", None]


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_codes_and_names_lead_to_each_other(exchange: str) -> None:
    codes = registry.spec(exchange).network_codes
    assert {"BTC", "ERC20", "TRC20", "BEP20", "XRP"} <= codes.keys() <= NETWORKS.keys()
    assert len(set(codes.values())) == len(codes)
    for name, code in codes.items():
        assert canonical_name(codes, code) == name
        assert named(network(code), codes).canonical == name
        # A code that elsewhere means another chain would pass one off as the other.
        assert meant_by(code) in (None, name)
    assert named(network("NO-SUCH-CODE"), codes).canonical is None


def test_every_family_of_addresses_is_known() -> None:
    from spotlane.safety.addresses import FAMILIES

    assert {row.family for row in NETWORKS.values()} - {None} <= FAMILIES.keys()


LIST = (
    network("TRX", "TRC20", network_name="Tron(TRC20)"),
    network("ETH", "ERC20", network_name="Ethereum(ERC20)"),
    network("BNB", None, network_name="Beacon"),
    network("BSC", "BEP20", network_name="BNB"),
)


@pytest.mark.parametrize("name", ["TRX", "trx", "TRC20", "trc20", "tron(TRC20)"])
def test_a_network_is_taken_by_each_of_its_names(name: str) -> None:
    assert choose_network("one", "USDT", name, LIST) is LIST[0]


@pytest.mark.parametrize(
    ("name", "reason", "words"),
    [
        ("BNB", WithdrawalReason.AMBIGUOUS_NETWORK, "which BNB, BSC all answer to"),
        ("KASPA", WithdrawalReason.UNKNOWN_NETWORK, r"TRX \(Tron\(TRC20\)\), ETH .*network was 'KASPA'$"),
        ("tron", WithdrawalReason.UNKNOWN_NETWORK, "network was 'tron': tron is TRX here"),
    ],
)
def test_a_name_of_none_or_of_several_is_refused_with_the_choices(
    name: str, reason: WithdrawalReason, words: str
) -> None:
    with pytest.raises(UsageError, match=words) as refusal:
        choose_network("one", "USDT", name, LIST)
    assert refusal.value.reason is reason


def test_the_networks_that_two_exchanges_share() -> None:
    one = [network("ETH", "ERC20", contract_address=TETHER), network("TRX", "TRC20"), network("X"), network("B", "BTC")]
    other = [
        network("Y", None, exchange="two"),
        network("TRON", "TRC20", exchange="two", contract_address="TR7N"),
        network("ETHEREUM", "ERC20", exchange="two", contract_address=TETHER.lower()),
    ]
    pairs = match_networks(one, other)
    told = [(each.canonical, each.sender.network, each.receiver.network, each.is_contract_compared) for each in pairs]
    assert told == [("ERC20", "ETH", "ETHEREUM", True), ("TRC20", "TRX", "TRON", False)]


def test_another_contract_is_another_token() -> None:
    one = [network("ETH", "ERC20", contract_address=TETHER)]
    other = [network("ETHEREUM", "ERC20", exchange="two", contract_address=TETHER[:-1] + "8")]
    with pytest.raises(UsageError, match=f"contract {TETHER} on one and {TETHER[:-1]}8 on two") as refusal:
        match_networks(one, other)
    assert refusal.value.reason is WithdrawalReason.WRONG_CONTRACT
