"""spotlane through its public interface, with everything that a user has on: rules, client ids, echo checks, clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import spotlane
from spotlane import Credentials, OrderParams, OrderType, PrivateSpotRest, Side, Symbol
from spotlane.transport import StageListener
from whole.clients.contract import API_KEY, API_SECRET, QUANTITY, Amount, Client, Target

_SYMBOL = Symbol("BTC", "USDT")


class Spotlane(Client):
    """The client that `open_exchange` finds. The local rate budget is lifted: the pace is the benchmark's."""

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        options: dict[str, Any] = {} if target.transport is None else {"transport": target.transport}
        client: Any = spotlane.open_exchange(
            target.exchange,
            Credentials(API_KEY, API_SECRET),
            base_url=target.url,
            max_connections=target.connections,
            connections=min(4, target.connections),
            enforce_limits=False,
            ssl_context=target.ssl_context(),
            **options,
        )
        self.exchange: PrivateSpotRest = client
        self._status = client.status
        self._listen = client.listen_to_stages

    def what(self) -> str:
        """Say in a few words what is compared, with versions."""
        return f"spotlane {spotlane.__version__}, transport {self._status().transport}"

    def listen(self, listener: StageListener | None) -> None:
        """Have a function told of the stages of each request."""
        self._listen(listener)

    async def open(self) -> None:
        """Warm the connections, fetch time and rules."""
        await self.exchange.open()

    def order(self) -> OrderParams:
        """Make an order."""
        return OrderParams(_SYMBOL, Side.BUY, OrderType.LIMIT, QUANTITY, next(self._prices))

    async def place(self, order: Any) -> str:
        """Place an order."""
        return (await self.exchange.place_order(order)).order_id

    async def cancel(self, order_id: str) -> str:
        """Cancel an order."""
        return (await self.exchange.cancel_order(_SYMBOL, order_id, confirm=False)).order_id

    async def get(self, order_id: str) -> str:
        """Query an order."""
        return (await self.exchange.get_order(_SYMBOL, order_id)).order_id

    async def open_orders(self) -> Mapping[str, Amount]:
        """Query the open orders."""
        orders = await self.exchange.get_open_orders(_SYMBOL)
        return {order.order_id: order.remaining_quantity or 0 for order in orders}

    async def balances(self) -> Mapping[str, Amount]:
        """Query the balances."""
        return {asset: balance.total for asset, balance in (await self.exchange.get_account_balance()).items()}

    async def close(self) -> None:
        """Close every connection."""
        await self.exchange.close()
