"""Acme's codes of networks."""

from __future__ import annotations

from types import MappingProxyType

# FILL: canonical name (spotlane.safety.networks) to the exchange's code, with where each comes from: documented,
# observed or guessed. Leave out what you can't tell: a wrong row would pass one chain off as another.
CODES = MappingProxyType({"BTC": "BTC", "ERC20": "ETH", "TRC20": "TRX", "BEP20": "BSC", "XRP": "XRP", "EOS": "EOS"})
