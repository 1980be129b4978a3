"""What a conformance case works with: an exchange, a symbol on it, and clients of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from spotlane import registry
from spotlane.errors import OrderNotFound
from spotlane.structs import Order, OrderParams, OrderType, Side, Symbol
from spotlane.testing.expect import that
from spotlane.testing.loop_clock import LoopClock

if TYPE_CHECKING:
    from spotlane.credentials import Credentials
    from spotlane.interfaces import PrivateSpotRest
    from spotlane.sandbox import Sandbox
    from spotlane.sandbox.records import Listing, OrderRecord
    from spotlane.spec import ExchangeSpec


SYMBOL = Symbol("BTC", "USDT")
PRICE = Decimal(20_000)
QUANTITY = Decimal("0.001")


@dataclass(frozen=True, slots=True)
class Context:
    """One exchange, as a case meets it.

    exchange is its registry name. A buy order of `quantity` at `price` rests: the price is far below the market, and
    the order above the minimum. sandbox is None against a real exchange.
    """

    exchange: str
    url: str
    credentials: Credentials
    sandbox: Sandbox | None = None
    symbol: Symbol = SYMBOL
    price: Decimal = PRICE
    quantity: Decimal = QUANTITY
    # One at most: two would both move the sandbox's clock.
    _clocks: list[LoopClock] = field(default_factory=list, compare=False, repr=False)

    @property
    def venue(self) -> Sandbox:
        """The sandbox, for a case that uses it."""
        if self.sandbox is None:
            raise RuntimeError("this case needs the sandbox")
        return self.sandbox

    @property
    def spec(self) -> ExchangeSpec:
        """The exchange's own description."""
        spec: ExchangeSpec = registry.spec(self.exchange)
        return spec

    @property
    def listing(self) -> Listing:
        """The rules of the symbol as the sandbox applies them."""
        return self.venue.engine.markets[str(self.symbol)].listing

    def client(self, credentials: Credentials | None = None, **options: Any) -> PrivateSpotRest:
        """Return a client that is not open yet.

        It has one connection, and against the sandbox no rate budget; options are the client's own.
        """
        defaults: dict[str, Any] = {"base_url": self.url, "connections": 1, "enforce_limits": self.sandbox is None}
        if self.sandbox is not None and self.sandbox.ssl_context is not None:
            defaults["ssl_context"] = self.sandbox.ssl_context
        client: PrivateSpotRest = registry.open_exchange(
            self.exchange, credentials or self.credentials, **{**defaults, **options}
        )
        return client

    @asynccontextmanager
    async def connected(self, credentials: Credentials | None = None, **options: Any) -> AsyncIterator[PrivateSpotRest]:
        """Open a client, and forget in the sandbox's log what opening took."""
        async with self.client(credentials, **options) as client:
            if self.sandbox is not None:
                self.sandbox.requests.clear()
            yield client

    def hurried(self, **options: Any) -> AbstractAsyncContextManager[PrivateSpotRest]:
        """Open a client that has a second for each call, and a clock that runs through one in a fifth.

        The clock stands still while the machine stalls: a call ends at its deadline only if its reply is kept back. An
        order is proven absent soon after its call has ended, never before: one that is stamped at once is fenced by 0.3
        seconds, and the rest of the horizon ends 1.2 seconds after the stamp.
        """
        if not self._clocks:
            self._clocks.append(LoopClock(self.venue, speed=5))
        horizons = self.spec.horizons._replace(skew_ms=10, processing_ms=10, visibility_ms=880, spacing_ms=10)
        settings = {"timeout_s": 1.0, "horizons": horizons, "clock": self._clocks[0], **options}
        return self.connected(**settings)

    def resting(self, **changes: Any) -> OrderParams:
        """Return a buy order that rests."""
        order = OrderParams(
            symbol=self.symbol, side=Side.BUY, order_type=OrderType.LIMIT, quantity=self.quantity, price=self.price
        )
        return order.replace(**changes) if changes else order

    def crossing(self, side: Side = Side.BUY, **changes: Any) -> OrderParams:
        """Return a limit order that fills at once, at the sandbox's prices."""
        price = self.price * 4 if side is Side.BUY else self.price
        return self.resting(side=side, price=price, **changes)

    def booked(self, order: Order | str | None) -> OrderRecord:
        """Return an order as the sandbox's books have it, found by its client id: it stands there exactly once."""
        client_order_id = order.client_order_id if isinstance(order, Order) else order
        found = self.venue.ledger.orders(client_order_id)
        that(len(found) == 1, f"the exchange has one order with client id {client_order_id!r}, not {len(found)}")
        return found[0]

    def in_lots(self, quantity: Decimal) -> Decimal:
        """Return the largest quantity in whole lots up to the given one."""
        return quantity // self.listing.lot * self.listing.lot

    def nothing_sent(self) -> None:
        """State that no request arrived at the sandbox since the client was opened, or its log was cleared."""
        sent = [f"{request.method} {request.path}" for request in self.venue.requests]
        that(not sent, f"nothing is sent; {', '.join(sent)} was")

    async def tidy(self, client: PrivateSpotRest, order: Order) -> None:
        """Cancel an order that a case against a real exchange may have left open."""
        with suppress(OrderNotFound):
            await client.cancel_order(order.symbol, order.order_id)
