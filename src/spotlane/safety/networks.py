"""Networks under one name on every exchange, and whether two exchanges mean the same one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple

from spotlane.errors import UsageError
from spotlane.structs import AssetNetwork, WithdrawalReason


class MemoNeed(Enum):
    """What a chain does with a memo (tag).

    NONE: it has none. OPTIONAL: few use one. EXPECTED: exchanges tell their customers' deposits apart by it, so that
    money without one gets lost there; an own wallet needs none.
    """

    NONE = "none"
    OPTIONAL = "optional"
    EXPECTED = "expected"


class NetworkRow(NamedTuple):
    """A network: the names that people give it besides, the family of its addresses, what it does with a memo.

    family is a name of spotlane.safety.addresses, None where there is no check for such addresses.
    """

    name: str
    aliases: tuple[str, ...]
    family: str | None
    memo: MemoNeed = MemoNeed.NONE


_ROWS = (
    NetworkRow("BTC", ("BITCOIN",), "bitcoin"),
    NetworkRow("ERC20", ("ETH", "ETHEREUM"), "evm"),
    NetworkRow("TRC20", ("TRX", "TRON"), "tron"),
    NetworkRow("BEP20", ("BSC", "BNB SMART CHAIN", "BINANCE SMART CHAIN"), "evm"),
    NetworkRow("SOL", ("SOLANA", "SPL"), "solana", MemoNeed.OPTIONAL),
    NetworkRow("ARBITRUM", ("ARB", "ARBITRUM ONE"), "evm"),
    NetworkRow("OPTIMISM", ("OP", "OP MAINNET"), "evm"),
    NetworkRow("POLYGON", ("MATIC", "POL", "POLYGON POS"), "evm"),
    NetworkRow("BASE", ("BASE MAINNET",), "evm"),
    NetworkRow("AVAXC", ("AVAX", "AVALANCHE C-CHAIN"), "evm"),
    NetworkRow("LTC", ("LITECOIN",), "litecoin"),
    NetworkRow("DOGE", ("DOGECOIN",), "dogecoin"),
    NetworkRow("BCH", ("BITCOIN CASH",), "bitcoin-cash"),
    NetworkRow("XRP", ("RIPPLE", "XRP LEDGER"), "xrp", MemoNeed.EXPECTED),
    NetworkRow("XLM", ("STELLAR",), "stellar", MemoNeed.EXPECTED),
    NetworkRow("TON", ("TONCOIN", "THE OPEN NETWORK"), "ton", MemoNeed.EXPECTED),
    NetworkRow("ATOM", ("COSMOS", "COSMOS HUB"), "cosmos", MemoNeed.EXPECTED),
    NetworkRow("EOS", (), None, MemoNeed.EXPECTED),
    NetworkRow("HBAR", ("HEDERA",), None, MemoNeed.EXPECTED),
    NetworkRow("ADA", ("CARDANO",), "cardano"),
    NetworkRow("NEAR", ("NEAR PROTOCOL",), "near", MemoNeed.OPTIONAL),
    NetworkRow("APT", ("APTOS",), "aptos"),
    NetworkRow("SUI", (), "sui"),
    NetworkRow("ALGO", ("ALGORAND",), "algorand", MemoNeed.OPTIONAL),
    NetworkRow("XTZ", ("TEZOS",), "tezos"),
)
NETWORKS: Mapping[str, NetworkRow] = MappingProxyType({row.name: row for row in _ROWS})
_BY_ALIAS = {alias: row.name for row in _ROWS for alias in row.aliases}


def meant_by(name: str) -> str | None:
    """Return the canonical name that a name stands for, in whatever case, or None for a name of no network here."""
    upper = name.upper()
    return upper if upper in NETWORKS else _BY_ALIAS.get(upper)


def canonical_name(codes: Mapping[str, str], code: str) -> str | None:
    """Return the canonical name of an exchange's code, given the exchange's table, or None where it is not there."""
    return next((name for name, each in codes.items() if each == code), None)


def named(network: AssetNetwork, codes: Mapping[str, str]) -> AssetNetwork:
    """Return a network with its canonical name, as far as the exchange's table has it."""
    return network.replace(canonical=canonical_name(codes, network.network))


def choose_network(exchange: str, asset: str, wanted: str, networks: Sequence[AssetNetwork]) -> AssetNetwork:
    """Return the network that a name means: a code to the letter; a code, a displayed or canonical name in any case.

    Raises UsageError, with what there is, for a name of none of them and for one that more than one answers to.
    """
    folded = wanted.casefold()
    found = [
        each
        for each in networks
        if folded in (each.network.casefold(), (each.network_name or "").casefold(), (each.canonical or "").casefold())
    ]
    choices = ", ".join(f"{each.network} ({each.network_name})" for each in networks)
    if len(found) == 1:
        return found[0]
    if found:
        several = ", ".join(each.network for each in found)
        refusal = UsageError(
            f"{exchange} moves {asset} on {choices}; network was {wanted!r}, which {several} all answer to: give a "
            "code that no other is displayed as"
        )
        refusal.reason = WithdrawalReason.AMBIGUOUS_NETWORK
        raise refusal
    meant = meant_by(wanted)
    hint = next((f": {wanted} is {each.network} here" for each in networks if meant and each.canonical == meant), "")
    refusal = UsageError(f"{exchange} moves {asset} on {choices}; network was {wanted!r}{hint}")
    refusal.reason = WithdrawalReason.UNKNOWN_NETWORK
    raise refusal


def same_contract(one: str, other: str) -> bool:
    """Say whether two texts are the same contract address; only hexadecimal ones are written in any case."""
    if one[:2].lower() == other[:2].lower() == "0x":
        return one.lower() == other.lower()
    return one == other


class NetworkPair(NamedTuple):
    """A network on which one exchange can send an asset and the other receive it.

    is_contract_compared says that both publish the token's contract, which is the same; False where one does not.
    """

    canonical: str
    sender: AssetNetwork
    receiver: AssetNetwork
    is_contract_compared: bool


def match_networks(sender: Sequence[AssetNetwork], receiver: Sequence[AssetNetwork]) -> list[NetworkPair]:
    """Return the networks that two exchanges share, by canonical name; those without one are left out.

    Both are what get_networks() returns for the asset. Whether they are open now is left to the caller: see
    withdraw_enabled of the one, deposit_enabled of the other. Raises UsageError, naming both, where the exchanges
    publish different contracts for the asset on one network: it is then not the same token.
    """
    pairs = []
    for one in sender:
        for other in receiver:
            if one.canonical is None or one.canonical != other.canonical:
                continue
            contracts = one.contract_address, other.contract_address
            if contracts[0] and contracts[1] and not same_contract(contracts[0], contracts[1]):
                refusal = UsageError(
                    f"{one.asset} on {one.canonical} is contract {contracts[0]} on {one.exchange} and {contracts[1]} "
                    f"on {other.exchange}: these are different tokens"
                )
                refusal.reason = WithdrawalReason.WRONG_CONTRACT
                raise refusal
            pairs.append(NetworkPair(one.canonical, one, other, bool(contracts[0] and contracts[1])))
    return pairs
