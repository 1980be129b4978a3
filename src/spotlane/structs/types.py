"""Names for the plain texts and numbers that structs carry."""

from typing import TypeAlias

# "BTC", "USDT": an exchange's asset code in upper case.
AssetName: TypeAlias = str

# "mexc", "gateio": a name that the registry knows.
ExchangeName: TypeAlias = str

# Milliseconds since the epoch, UTC.
TimestampMs: TypeAlias = int
