"""What most people write: one aiohttp session, urlencode, hmac and orjson, no checks."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import aiohttp
import orjson

from whole.clients.contract import Amount, Client, Target, version
from whole.clients.wire import Call, dialect


class PlainAiohttp(Client):
    """session.request and nothing else; amounts become Decimal."""

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self._dialect = dialect(target.exchange)
        self._session: aiohttp.ClientSession | None = None

    def what(self) -> str:
        """Say in a few words what is compared, with versions."""
        return f"{version('aiohttp')} + hmac + {version('orjson')}"

    async def open(self) -> None:
        """Open the session."""
        context = self.target.ssl_context()
        connector = aiohttp.TCPConnector(limit=self.target.connections, ssl=True if context is None else context)
        self._session = aiohttp.ClientSession(connector=connector)

    def order(self) -> Decimal:
        """Return the next price."""
        return next(self._prices)

    async def place(self, order: Any) -> str:
        """Place an order."""
        return str((await self._call(self._dialect.place(order)))[self._dialect.id_key])

    async def cancel(self, order_id: str) -> str:
        """Cancel an order."""
        return str((await self._call(self._dialect.cancel(order_id)))[self._dialect.id_key])

    async def get(self, order_id: str) -> str:
        """Query an order."""
        return str((await self._call(self._dialect.get(order_id)))[self._dialect.id_key])

    async def open_orders(self) -> Mapping[str, Amount]:
        """Query the open orders."""
        rows = await self._call(self._dialect.open_orders())
        if self.target.exchange == "gateio":
            return {row["id"]: Decimal(row["left"]) for row in rows}
        return {row["orderId"]: Decimal(row["origQty"]) - Decimal(row["executedQty"]) for row in rows}

    async def balances(self) -> Mapping[str, Amount]:
        """Query the balances."""
        rows = await self._call(self._dialect.balances())
        if self.target.exchange == "gateio":
            return {row["currency"]: Decimal(row["available"]) + Decimal(row["locked"]) for row in rows}
        return {row["asset"]: Decimal(row["free"]) + Decimal(row["locked"]) for row in rows["balances"]}

    async def close(self) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()

    async def _call(self, call: Call) -> Any:
        assert self._session is not None
        sent = self._dialect.sign(call)
        async with self._session.request(
            sent.method, f"{self.target.url}{sent.target}", headers=sent.headers, data=sent.body or None
        ) as response:
            response.raise_for_status()
            return orjson.loads(await response.read())
