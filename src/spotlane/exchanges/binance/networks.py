"""Binance's codes of networks (`network`)."""

from __future__ import annotations

from types import MappingProxyType

# documented, in the examples of the wallet's pages: BEP20 (BSC), ERC20 (ETH). observed in the table of another client
# (ccxt 4.5.90): the others. A code that is not here only means that the network has no canonical name.
CODES = MappingProxyType(
    {
        "BTC": "BTC",
        "ERC20": "ETH",
        "TRC20": "TRX",
        "BEP20": "BSC",
        "SOL": "SOL",
        "ARBITRUM": "ARBITRUM",
        "OPTIMISM": "OPTIMISM",
        "POLYGON": "MATIC",
        "BASE": "BASE",
        "AVAXC": "AVAXC",
        "LTC": "LTC",
        "DOGE": "DOGE",
        "BCH": "BCH",
        "XRP": "XRP",
        "XLM": "XLM",
        "TON": "TON",
        "ATOM": "ATOM",
        "EOS": "EOS",
        "HBAR": "HBAR",
        "ADA": "ADA",
        "NEAR": "NEAR",
        "APT": "APT",
        "SUI": "SUI",
        "ALGO": "ALGO",
        "XTZ": "XTZ",
    }
)
