"""Gate's official client. It blocks: each call is made straight from the coroutine, as a script of one task would."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from decimal import Decimal
from importlib import import_module
from typing import Any

from whole.clients.contract import API_KEY, API_SECRET, QUANTITY, Amount, Client, version

_PAIR = "BTC_USDT"


class GateApi(Client):
    """gate_api.SpotApi over urllib3; amounts are texts, made Decimal here."""

    exchanges = ("gateio",)
    package = "gate_api"
    blocks = True
    _module: Any
    _api: Any

    def what(self) -> str:
        """Say in a few words what is compared, with versions."""
        return f"{version('gate-api')}, blocking ({version('urllib3')})"

    async def open(self) -> None:
        """Make the client; it connects at the first request."""
        self._module = import_module("gate_api")
        settings = self._module.Configuration(host=f"{self.target.url}/api/v4", key=API_KEY, secret=API_SECRET)
        settings.ssl_ca_cert = self.target.authority
        self._api = self._module.SpotApi(self._module.ApiClient(settings))

    def order(self) -> str:
        """Return the next price."""
        return str(next(self._prices))

    async def place(self, order: Any) -> str:
        """Place an order."""
        request = self._module.Order(
            text=f"t-{uuid.uuid4().hex[:28]}",
            currency_pair=_PAIR,
            type="limit",
            account="spot",
            side="buy",
            amount=str(QUANTITY),
            price=order,
            time_in_force="gtc",
        )
        return str(self._api.create_order(request).id)

    async def cancel(self, order_id: str) -> str:
        """Cancel an order."""
        return str(self._api.cancel_order(order_id, _PAIR).id)

    async def get(self, order_id: str) -> str:
        """Query an order."""
        return str(self._api.get_order(order_id, _PAIR).id)

    async def open_orders(self) -> Mapping[str, Amount]:
        """Query the open orders."""
        return {order.id: Decimal(order.left) for order in self._api.list_orders(_PAIR, "open")}

    async def balances(self) -> Mapping[str, Amount]:
        """Query the balances."""
        rows = self._api.list_spot_accounts()
        return {row.currency: Decimal(row.available) + Decimal(row.locked) for row in rows}

    async def close(self) -> None:
        """Close the connections."""
        self._api.api_client.close()
