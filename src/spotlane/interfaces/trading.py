"""What a bot may ask of an exchange about orders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from spotlane.errors import SpotlaneError
from spotlane.structs import AssetBalance, AssetName, Order, OrderParams, Symbol, Trade, Unresolved


class PrivateTradingInterface(Protocol):
    """Balances, orders and trades of one account.

    Every method raises UsageError for the caller's mistakes (nothing was sent), ExchangeAPIError for the exchange's
    refusals, TransportError where nothing was done or only a read was lost, DecodeError for a reply that does not fit.
    """

    async def get_account_balance(self) -> dict[AssetName, AssetBalance]:
        """Return what the account holds now, by asset; assets never held are absent. Never cached."""
        ...

    async def place_order(self, params: OrderParams) -> Order:
        """Place one order and return it as far as the exchange tells.

        Where an acknowledgement carries no status the returned one is UNKNOWN. At most 60 % of the call's time waits
        for the reply; without a usable one the order is looked for, and returned as it is found. Raises NotPlaced once
        it is proven absent, and OutcomeUnknown when neither is known in time: never repeat the call then. It goes on
        being looked for; await the error's resolve(), or let on_resolved be told.
        """
        ...

    async def place_orders(self, params: Sequence[OrderParams]) -> list[Order | SpotlaneError]:
        """Place several orders at once, each on its own, and return what became of each, in the order given.

        That is the Order, or the error that place_order would have raised for it; what becomes of one changes nothing
        for the others. They share the rate limits and the connections, and those that get none in time are NotSent.

        Raises UsageError, and sends nothing, where one of them can't be placed by what is known beforehand, or two have
        the same client id: who asks for several has a plan, and half a plan may be worse than none. The message says
        which one. A cancelled call sends nothing more; what has left by then, answered or not, is in unresolved(), and
        on_resolved is told what became of it.
        """
        ...

    def unresolved(self) -> tuple[Unresolved, ...]:
        """Return the orders that may be live although no reply said so: count them as exposure. Sends nothing."""
        ...

    async def cancel_order(
        self,
        symbol: Symbol,
        order_id: str | None = None,
        *,
        client_order_id: str | None = None,
        confirm: bool = True,
    ) -> Order:
        """Cancel one order, named by exactly one of its two ids, and return its final state, fills included.

        An order that is already done is returned as it ended. confirm=True reads until the order is final, or raises
        OutcomeUnknown at the deadline; confirm=False returns after the exchange's acknowledgement, with whatever the
        acknowledgement tells. Raises OrderNotFound. By its client id, an order that is being placed is waited for, and
        one that is in doubt is cancelled as soon as it shows; NotPlaced once that one is proven absent.
        """
        ...

    async def get_order(
        self, symbol: Symbol, order_id: str | None = None, *, client_order_id: str | None = None
    ) -> Order:
        """Return one order, named by exactly one of its two ids. Never cached. Raises OrderNotFound."""
        ...

    async def get_open_orders(self, symbol: Symbol | None = None) -> list[Order]:
        """Return the orders that are open now, of one symbol or of all. Never cached."""
        ...

    async def get_order_history(
        self, symbol: Symbol, *, start_ms: int | None = None, end_ms: int | None = None
    ) -> list[Order]:
        """Return every order of a symbol created in [start_ms, end_ms], oldest first.

        Without bounds: as far back as the exchange reaches. Raises NotSupported naming the part it cannot give.
        """
        ...

    async def get_trades(
        self,
        symbol: Symbol,
        *,
        order_id: str | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
    ) -> list[Trade]:
        """Return every fill of a symbol in [start_ms, end_ms], or of one order, oldest first, each once.

        Without bounds: as far back as the exchange reaches. Raises NotSupported naming the part it cannot give.
        """
        ...
