"""Gate's names of chains: those that it withdraws with (`chain`)."""

from __future__ import annotations

from types import MappingProxyType

# observed: SOL in a recorded reply; the others in the table of another client (ccxt 4.5.90), but for those of XRP, LTC,
# DOGE, BCH and ATOM, which are guessed from the chain's own token. A name that is not here only means that the network
# has no canonical name.
CODES = MappingProxyType(
    {
        "BTC": "BTC",
        "ERC20": "ETH",
        "TRC20": "TRX",
        "BEP20": "BSC",
        "SOL": "SOL",
        "ARBITRUM": "ARBEVM",
        "OPTIMISM": "OPETH",
        "POLYGON": "MATIC",
        "BASE": "BASEEVM",
        "AVAXC": "AVAX_C",
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
