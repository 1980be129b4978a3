"""What a test may ask of any exchange's dialect, in words that are the same for all of them.

Everything else that a test controls belongs to the sandbox itself: the clock (skew, waiting), the engine (fills,
prices, credits, races, visibility lag), its wallet (states of a withdrawal) and the faults.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar, Protocol

from spotlane.sandbox.keys import ApiKey

__all__ = ["PERMISSION_WORDS", "DialectControls"]

# The keys of DialectControls.permission_words.
PERMISSION_WORDS = ("read", "trade", "withdraw")


class DialectControls(Protocol):
    """The part of a dialect that tests control.

    permission_words says which of the exchange's own permissions a key needs to "read" (balances, orders, trades,
    withdrawals), to "trade" (place, cancel) and to "withdraw"; each set is complete for what goes beyond reading, but
    does not include reading. settings_type has a field rate_limits: False answers any number of requests.
    """

    permission_words: ClassVar[Mapping[str, frozenset[str]]]

    def add_key(
        self,
        *,
        permissions: Iterable[str] = ...,
        account: str = ...,
        ip_allow_list: Iterable[str] = ...,
        expires_ms: int | None = ...,
        symbols: Iterable[object] | None = ...,
    ) -> ApiKey:
        """Issue a further key.

        permissions are the exchange's own names, all of them where left out. A key with an ip_allow_list is refused
        from any other address, and any key from expires_ms on. symbols are neutral names ("BTC/USDT"); None opens all.
        """
