"""python-binance's asynchronous client."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from importlib import import_module
from typing import Any

import aiohttp

from whole.clients.contract import API_KEY, API_SECRET, QUANTITY, Amount, Client, version

_SYMBOL = "BTCUSDT"


class PythonBinance(Client):
    """binance.AsyncClient; amounts are texts, made Decimal here."""

    exchanges = ("binance",)
    package = "binance"
    _client: Any

    def what(self) -> str:
        """Say in a few words what is compared, with versions."""
        return f"{version('python-binance')} async ({version('aiohttp')})"

    async def open(self) -> None:
        """Make the client, without the ping of its create()."""
        context = self.target.ssl_context()
        settings = {} if context is None else {"connector": aiohttp.TCPConnector(ssl=context)}
        self._client = import_module("binance").AsyncClient(API_KEY, API_SECRET, session_params=settings)
        self._client.API_URL = f"{self.target.url}/api"

    def order(self) -> str:
        """Return the next price."""
        return str(next(self._prices))

    async def place(self, order: Any) -> str:
        """Place an order."""
        placed = await self._client.order_limit_buy(symbol=_SYMBOL, quantity=str(QUANTITY), price=order)
        return str(placed["orderId"])

    async def cancel(self, order_id: str) -> str:
        """Cancel an order."""
        return str((await self._client.cancel_order(symbol=_SYMBOL, orderId=order_id))["orderId"])

    async def get(self, order_id: str) -> str:
        """Query an order."""
        return str((await self._client.get_order(symbol=_SYMBOL, orderId=order_id))["orderId"])

    async def open_orders(self) -> Mapping[str, Amount]:
        """Query the open orders."""
        rows = await self._client.get_open_orders(symbol=_SYMBOL)
        return {row["orderId"]: Decimal(row["origQty"]) - Decimal(row["executedQty"]) for row in rows}

    async def balances(self) -> Mapping[str, Amount]:
        """Query the balances."""
        rows = (await self._client.get_account())["balances"]
        return {row["asset"]: Decimal(row["free"]) + Decimal(row["locked"]) for row in rows}

    async def close(self) -> None:
        """Close the session."""
        await self._client.close_connection()
