"""MEXC's codes of networks: those that it withdraws with (`netWork`)."""

from __future__ import annotations

from types import MappingProxyType

# documented: BTC, EOS, ERC20 (ETH), POLYGON (MATIC), BEP20 (BSC), TRC20 (TRX) stand in the description of
# capital/config/getall. observed, in the table of another client (ccxt 4.5.90): TON, ARBITRUM, OPTIMISM, APT, AVAXC.
# The rest is guessed from the chain's own token, as MEXC does in the cases above. A code that is not here only means
# that the network has no canonical name.
CODES = MappingProxyType(
    {
        "BTC": "BTC",
        "ERC20": "ETH",
        "TRC20": "TRX",
        "BEP20": "BSC",
        "SOL": "SOL",
        "ARBITRUM": "ARB",
        "OPTIMISM": "OP",
        "POLYGON": "MATIC",
        "AVAXC": "AVAX_CCHAIN",
        "LTC": "LTC",
        "DOGE": "DOGE",
        "BCH": "BCH",
        "XRP": "XRP",
        "XLM": "XLM",
        "TON": "TONCOIN",
        "ATOM": "ATOM",
        "EOS": "EOS",
        "ADA": "ADA",
        "NEAR": "NEAR",
        "APT": "APTOS",
        "SUI": "SUI",
        "ALGO": "ALGO",
    }
)
