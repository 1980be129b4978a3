"""ccxt's asynchronous clients, markets loaded once before the first request, no rate limiter."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from whole.clients.contract import QUANTITY, Amount, Client, version

_SYMBOL = "BTC/USDT"
_IDS = {"mexc": "mexc", "gateio": "gate", "binance": "binance"}
_LIVE = {"mexc": "https://api.mexc.com", "gateio": "https://api.gateio.ws", "binance": "https://api.binance.com"}
_OPTIONS = {
    "mexc": {"defaultType": "spot"},
    "gateio": {"defaultType": "spot", "unifiedAccount": False},
    "binance": {"defaultType": "spot", "fetchMarkets": {"types": ["spot"]}, "fetchMargins": False},
}


class Ccxt(Client):
    """ccxt gives floats. It uses orjson because that is installed."""

    package = "ccxt"
    _exchange: Any

    def what(self) -> str:
        """Say in a few words what is compared, with versions."""
        return f"{version('ccxt')} async ({version('aiohttp')}, {version('orjson')})"

    async def open(self) -> None:
        """Make the exchange and give it its spot markets; currencies aren't needed to trade."""
        name = self.target.exchange
        settings: dict[str, Any] = {"apiKey": "key", "secret": "secret", "enableRateLimit": False}
        if self.target.authority is not None:
            settings["cafile"] = self.target.authority
        module = import_module("ccxt.async_support")
        self._exchange = getattr(module, _IDS[name])(settings | {"options": _OPTIONS[name]})
        _redirect(self._exchange.urls["api"], _LIVE[name], self.target.url)
        fetch = self._exchange.fetch_markets if name == "binance" else self._exchange.fetch_spot_markets
        self._exchange.set_markets(await fetch())

    def order(self) -> float:
        """Return the next price."""
        return float(next(self._prices))

    async def place(self, order: Any) -> str:
        """Place an order."""
        return str((await self._exchange.create_order(_SYMBOL, "limit", "buy", float(QUANTITY), order))["id"])

    async def cancel(self, order_id: str) -> str:
        """Cancel an order."""
        return str((await self._exchange.cancel_order(order_id, _SYMBOL))["id"])

    async def get(self, order_id: str) -> str:
        """Query an order."""
        return str((await self._exchange.fetch_order(order_id, _SYMBOL))["id"])

    async def open_orders(self) -> Mapping[str, Amount]:
        """Query the open orders."""
        return {row["id"]: row["remaining"] for row in await self._exchange.fetch_open_orders(_SYMBOL)}

    async def balances(self) -> Mapping[str, Amount]:
        """Query the balances."""
        totals: Mapping[str, float] = (await self._exchange.fetch_balance())["total"]
        return totals

    async def close(self) -> None:
        """Close the session."""
        await self._exchange.close()


def _redirect(urls: dict[str, Any], live: str, local: str) -> None:
    """Replace the exchange's address in a tree of them."""
    for name, url in urls.items():
        if isinstance(url, dict):
            _redirect(url, live, local)
        elif isinstance(url, str):
            urls[name] = url.replace(live, local)
