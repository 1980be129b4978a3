"""The chains that assets move on, and the default ones."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Network:
    """One asset on one chain; code is its short name, name is for display; step is the smallest unit of an amount."""

    asset: str
    code: str
    name: str
    fee: Decimal
    minimum: Decimal
    maximum: Decimal
    step: Decimal
    deposit_enabled: bool = True
    withdraw_enabled: bool = True
    memo_required: bool = False
    confirmations: int = 12
    contract: str = ""
    address_prefix: str = "0x"


@dataclass(frozen=True, slots=True)
class SavedAddress:
    """An entry of an account's address book; network is the code."""

    asset: str
    network: str
    address: str
    memo: str | None = None
    label: str = ""


def default_networks() -> tuple[Network, ...]:
    """Return the default chains: single, several, one that is closed, two that need a memo."""
    dec = Decimal
    micro, satoshi = dec("0.000001"), dec("0.00000001")
    million = dec(1_000_000)
    tether = "0xdac17f958d2ee523a2206206994597c13d831ec7"
    return (
        Network("BTC", "BTC", "Bitcoin(BTC)", dec("0.000014"), dec("0.00008"), dec(50), satoshi,
                confirmations=3, address_prefix="bc1q"),
        Network("USDT", "TRX", "Tron(TRC20)", dec(1), dec(2), million, micro, confirmations=20, address_prefix="T"),
        Network("USDT", "ETH", "Ethereum(ERC20)", dec("0.8"), dec(5), million, micro, contract=tether),
        Network("USDT", "BSC", "BNB Smart Chain(BEP20)", dec("0.01"), dec(1), million, micro, withdraw_enabled=False),
        Network("ETH", "ETH", "Ethereum(ERC20)", dec("0.0004"), dec("0.002"), dec(1000), satoshi),
        Network("MX", "ETH", "Ethereum(ERC20)", dec("0.3"), dec(1), million, dec("0.01")),
        Network("XRP", "XRP", "Ripple(XRP)", dec("0.2"), dec(2), million, micro, memo_required=True,
                address_prefix="r"),
        Network("EOS", "EOS", "EOS", dec(0), dec(1), million, dec("0.0001"), memo_required=True, address_prefix="eos"),
    )  # fmt: skip


def default_saved_addresses() -> tuple[SavedAddress, ...]:
    """Return the trading account's default address book."""
    return (
        SavedAddress("USDT", "TRX", "TQrY8tryqsYVCYS3MFbtffiPp2ccyn4STm", label="own wallet"),
        SavedAddress("BTC", "BTC", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", label="cold storage"),
        SavedAddress("XRP", "XRP", "rEb8TK3gBgk5auZkwc6sHnwrGVJH8DuaLh", "104100", label="exchange account"),
    )
