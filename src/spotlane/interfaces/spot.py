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
        """Let calls finish and orders in doubt be resolved for at most grace_s seconds, then close every connection.

        Raises OutcomeUnknown, with the rest in its `unresolved`, where orders are still in doubt then; the client is
        closed all the same. The end of `async with` gives as much time as a call has.
        """
        ...

    async def dead_man(self, seconds: float | None) -> None:
        """Have every open order of the account cancelled once there was no sign of life for so many seconds.

        It is armed when the call returns. None takes it off, and so does close(). Raises UsageError for a time that the
        exchange does not take, and what kept it from being armed.
        """
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
