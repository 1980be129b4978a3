"""The whole interface of a private spot client."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from spotlane.interfaces.trading import PrivateTradingInterface
from spotlane.interfaces.withdrawal import WithdrawalInterface


class PrivateSpotRest(PrivateTradingInterface, WithdrawalInterface, Protocol):
    """One account on one exchange. Use as an async context manager, or call open() and close()."""

    @property
    def exchange(self) -> str:
        """Return the registry name of the exchange."""
        ...

    async def open(self) -> None:
        """Fetch the trading rules, synchronise the clock and warm the connections."""
        ...

    async def close(self, grace_s: float = 0.0) -> None:
        """Let calls that are under way finish for at most grace_s seconds, then close every connection."""
        ...

    def new_client_order_id(self) -> str:
        """Return a client order id that this process has not used and will not use again."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
