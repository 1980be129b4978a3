"""Acme's API as the server sees it: what the sandbox answers.

Written from Acme's documentation alone; DIALECT.md tags every behaviour.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from spotlane.exchanges._template import dialect_orders as orders
from spotlane.exchanges._template import dialect_wallet as wallet
from spotlane.exchanges._template.dialect_call import AcmeSettings, Call, Refusal, parameters, verified
from spotlane.sandbox.engine import DuplicateIds, Engine, EngineSettings
from spotlane.sandbox.http import HttpReply, HttpRequest
from spotlane.sandbox.keys import ApiKey, KeyIssuer, KeyRing
from spotlane.sandbox.limits import SlidingWindow
from spotlane.sandbox.money import exact


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint; permission None means public."""

    handler: Callable[[Call], object]
    permission: str | None
    weight: int = 1


# FILL: the exchange's own permissions, and every endpoint that its documentation gives and a client may use. Nothing in
# the dialect*.py files may come from the client's: they are two readings of one documentation, which the kit compares.
PERMISSIONS = frozenset({"read", "trade", "withdraw"})
ROUTES: dict[str, Route] = {
    "GET /v1/time": Route(orders.server_time, None),
    "GET /v1/symbols": Route(orders.symbols, None),
    "GET /v1/balances": Route(orders.balances, "read"),
    "GET /v1/fee": Route(orders.fee, "read"),
    "POST /v1/order": Route(orders.place, "trade"),
    "DELETE /v1/order": Route(orders.cancel, "trade"),
    "GET /v1/order": Route(orders.order, "read"),
    "GET /v1/orders/open": Route(orders.open_orders, "read", 2),
    "DELETE /v1/orders/open": Route(orders.cancel_all, "trade"),
    "GET /v1/orders": Route(orders.history, "read", 5),
    "GET /v1/trades": Route(orders.trades, "read", 5),
    "GET /v1/networks": Route(wallet.networks, "read"),
    "GET /v1/addresses": Route(wallet.saved_addresses, "read"),
    "GET /v1/deposit_addresses": Route(wallet.deposit_addresses, "read"),
    "POST /v1/withdrawals": Route(wallet.withdraw, "withdraw"),
    "DELETE /v1/withdrawals": Route(wallet.cancel, "withdraw"),
    "GET /v1/withdrawals": Route(wallet.withdrawals, "read"),
    "GET /v1/deposits": Route(wallet.deposits, "read"),
}


class AcmeDialect(KeyIssuer):
    """The server side of Acme's endpoints on top of an engine; spotlane.sandbox.sandbox.Dialect says what it offers."""

    name: ClassVar[str] = "acme"
    # FILL: which of the exchange's own permissions the kit's three words stand for.
    permission_words: ClassVar[Mapping[str, frozenset[str]]] = MappingProxyType(
        {word: frozenset({word}) for word in ("read", "trade", "withdraw")}
    )
    all_permissions: ClassVar[frozenset[str]] = frozenset(PERMISSIONS)
    settings_type: ClassVar[type[AcmeSettings]] = AcmeSettings
    # FILL: how the exchange differs from the engine's defaults: fees, duplicate client ids, makers that would take.
    engine_settings: ClassVar[EngineSettings] = EngineSettings(
        duplicate_client_ids=DuplicateIds.FOR_EVER, refuse_crossing_makers=True
    )

    def __init__(self, engine: Engine, settings: AcmeSettings | None = None) -> None:
        super().__init__(engine, KeyRing(engine.seed, prefix="ac", key_length=24, secret_length=48))
        self.settings = settings or AcmeSettings()
        # FILL: engine.format_order_id and engine.wallet.format_id, where ids are not plain numbers.
        self._window = SlidingWindow(self.settings.limit)

    @exact
    def handle(self, request: HttpRequest) -> HttpReply:
        """Answer one request."""
        key: ApiKey | None = None
        try:
            route = ROUTES.get(f"{request.method} {request.path}")
            if route is None:
                raise Refusal("unknown_path", f"no such endpoint: {request.method} {request.path}", status=404)
            self._take(request.peer_ip, route.weight)
            if route.permission is not None:
                key = verified(request, self.keys, self.engine.expiry_moments(request.received_ms))
                if route.permission not in key.permissions:
                    raise Refusal("no_permission", f"the key lacks {route.permission!r}", status=403)
            return _reply(200, route.handler(Call(self.engine, parameters(request), key)))
        except Refusal as refusal:
            # The kit reads refusals from the ledger.
            self.engine.ledger.append(
                self.engine.clock.now_ms(), "request_refused", key.account if key else "", method=request.method,
                path=request.path, code=refusal.code, message=refusal.message,
            )  # fmt: skip
            return _reply(refusal.status, {"code": refusal.code, "message": refusal.message}, refusal.headers)

    def _take(self, owner: str, weight: int) -> None:
        # FILL: the exchange's rate limits. With rate_limits=False any number of requests is answered.
        now_ms = self.engine.clock.now_ms()
        wait_ms = self._window.wait_ms(owner, weight, now_ms) if self.settings.rate_limits else 0
        if wait_ms:
            headers = {"Retry-After": str(math.ceil(wait_ms / 1_000))}
            raise Refusal("too_many_requests", "slow down", status=429, headers=headers)
        self._window.take(owner, weight, now_ms)


def _reply(status: int, body: object, headers: Mapping[str, str] | None = None) -> HttpReply:
    return HttpReply(status, json.dumps(body, separators=(",", ":")).encode(), headers or {})


# The sandbox looks the class up by this name.
DIALECT = AcmeDialect
