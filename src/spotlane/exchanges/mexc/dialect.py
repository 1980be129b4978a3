"""MEXC's Spot V3 API as the server sees it: what the sandbox answers.

Written from MEXC's Spot V3 documentation and from observed replies alone; DIALECT.md tags every behaviour.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from spotlane.exchanges.mexc import dialect_access as access
from spotlane.exchanges.mexc import dialect_market as market
from spotlane.exchanges.mexc import dialect_trading as trading
from spotlane.exchanges.mexc import dialect_wallet as wallet
from spotlane.exchanges.mexc.dialect_call import Call, MexcSettings, Params, Refusal
from spotlane.sandbox.engine import Engine, EngineSettings
from spotlane.sandbox.http import HttpReply, HttpRequest
from spotlane.sandbox.keys import ApiKey, KeyIssuer, KeyRing
from spotlane.sandbox.limits import Bans, Limit, SlidingWindow
from spotlane.sandbox.money import exact
from spotlane.sandbox.rows import to_json

Handler = Callable[[Call], object]


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint; permission None means public, is_order that it shares the order bucket."""

    handler: Handler
    permission: str | None = None
    ip_weight: int = 1
    uid_weight: int = 0
    is_order: bool = False
    is_batch: bool = False


ACCOUNT_READ, DEAL_READ, DEAL_WRITE = "SPOT_ACCOUNT_READ", "SPOT_DEAL_READ", "SPOT_DEAL_WRITE"
WITHDRAW_READ, WITHDRAW_WRITE = "SPOT_WITHDRAW_READ", "SPOT_WITHDRAW_WRITE"
TRANSFER_READ, TRANSFER_WRITE = "SPOT_TRANSFER_READ", "SPOT_TRANSFER_WRITE"
ALL_PERMISSIONS = frozenset(
    {
        ACCOUNT_READ, "SPOT_ACCOUNT_WRITE", DEAL_READ, DEAL_WRITE, TRANSFER_READ, TRANSFER_WRITE, WITHDRAW_READ,
        WITHDRAW_WRITE,
    }
)  # fmt: skip

ROUTES: dict[str, Route] = {
    "GET /api/v3/ping": Route(market.ping),
    "GET /api/v3/time": Route(market.server_time),
    "GET /api/v3/exchangeInfo": Route(market.exchange_info, ip_weight=10),
    "GET /api/v3/defaultSymbols": Route(market.default_symbols),
    "GET /api/v3/symbol/offline": Route(market.offline_symbols, ip_weight=10),
    "GET /api/v1/contract/detail": Route(market.contracts),
    "POST /api/v3/order/test": Route(trading.test_order, DEAL_WRITE),
    "POST /api/v3/order": Route(trading.place_order, DEAL_WRITE, uid_weight=1, is_order=True),
    "POST /api/v3/batchOrders": Route(trading.place_batch, DEAL_WRITE, uid_weight=1, is_order=True, is_batch=True),
    "DELETE /api/v3/order": Route(trading.cancel_order, DEAL_WRITE, is_order=True),
    "DELETE /api/v3/openOrders": Route(trading.cancel_open_orders, DEAL_WRITE, is_order=True),
    "DELETE /api/v3/order/all": Route(trading.cancel_everything, DEAL_WRITE, is_order=True),
    "GET /api/v3/order": Route(trading.get_order, DEAL_READ, 2),
    "GET /api/v3/openOrders": Route(trading.get_open_orders, DEAL_READ, 3),
    "GET /api/v3/allOrders": Route(trading.get_all_orders, DEAL_READ, 10),
    "GET /api/v3/myTrades": Route(trading.get_trades, ACCOUNT_READ, 10),
    "GET /api/v3/account": Route(market.account, ACCOUNT_READ, 10),
    "GET /api/v3/tradeFee": Route(market.trade_fee, ACCOUNT_READ, 20),
    "GET /api/v3/selfSymbols": Route(market.self_symbols, ACCOUNT_READ),
    "GET /api/v3/kyc/status": Route(market.kyc_status, ACCOUNT_READ),
    "GET /api/v3/uid": Route(market.uid, ACCOUNT_READ),
    "GET /api/v3/apiKeyInfo": Route(market.api_key_info, ACCOUNT_READ),
    "GET /api/v3/mxDeduct/enable": Route(market.get_mx_deduct, DEAL_READ),
    "POST /api/v3/mxDeduct/enable": Route(market.set_mx_deduct, DEAL_WRITE),
    "GET /api/v3/capital/config/getall": Route(wallet.coins, WITHDRAW_READ, 10),
    "POST /api/v3/capital/withdraw": Route(wallet.withdraw, WITHDRAW_WRITE),
    "DELETE /api/v3/capital/withdraw": Route(wallet.cancel_withdrawal, WITHDRAW_WRITE),
    "GET /api/v3/capital/withdraw/history": Route(wallet.withdrawals, WITHDRAW_READ),
    "GET /api/v3/capital/withdraw/address": Route(wallet.address_book, WITHDRAW_READ, 10),
    "GET /api/v3/capital/deposit/hisrec": Route(wallet.deposits, WITHDRAW_READ),
    "GET /api/v3/capital/deposit/address": Route(wallet.deposit_addresses, WITHDRAW_READ, 10),
    "POST /api/v3/capital/deposit/address": Route(wallet.make_deposit_address, WITHDRAW_WRITE),
}


class MexcDialect(KeyIssuer):
    """The server side of MEXC's private and public REST endpoints on top of an engine.

    It issues one unlimited key (api_key, api_secret); add_key() issues further ones. handle() takes no time and does no
    I/O. `engine_settings` are the engine's defaults for this exchange.
    """

    name: ClassVar[str] = "mexc"
    permission_words: ClassVar[Mapping[str, frozenset[str]]] = MappingProxyType(
        {
            "read": frozenset({ACCOUNT_READ, DEAL_READ, WITHDRAW_READ}),
            "trade": frozenset({DEAL_WRITE}),
            "withdraw": frozenset({WITHDRAW_WRITE}),
        }
    )
    all_permissions: ClassVar[frozenset[str]] = ALL_PERMISSIONS
    settings_type: ClassVar[type[MexcSettings]] = MexcSettings
    engine_settings: ClassVar[EngineSettings] = EngineSettings()

    def __init__(self, engine: Engine, settings: MexcSettings | None = None) -> None:
        super().__init__(engine, KeyRing(engine.seed, prefix="mx0", key_length=18, secret_length=32))
        self.settings = settings or MexcSettings()
        engine.format_order_id = trading.format_order_id
        self._mx_deduct: set[str] = set()
        self._start_limits()

    @exact
    def handle(self, request: HttpRequest) -> HttpReply:
        """Answer one request."""
        route = ROUTES.get(f"{request.method} {request.path}")
        key: ApiKey | None = None
        try:
            if route is None:
                raise Refusal(404, f"No handler found for {request.method} {request.path}", status=404)
            self._check_address(request, route)
            access.check_content_type(request)
            params = Params(access.parameters(request))
            if route.permission is not None:
                moments = self.engine.expiry_moments(request.received_ms)
                key = access.authenticate(request, params, self.keys, moments, self.settings)
                access.check_permission(key, route.permission)
                self._check_account(key, route, request.peer_ip)
            call = Call(self.engine, self.settings, params, key, self._mx_deduct)
            return _reply(200, route.handler(call))
        except Refusal as refusal:
            self.engine.ledger.append(
                self.engine.clock.now_ms(), "request_refused", key.account if key else "", method=request.method,
                path=request.path, code=refusal.code, message=refusal.message,
            )  # fmt: skip
            return _reply(refusal.status, refusal.body(), refusal.headers)

    def _start_limits(self) -> None:
        settings = self.settings
        self._ip_window = SlidingWindow(settings.ip_limit)
        self._uid_window = SlidingWindow(settings.uid_limit)
        self._order_window = SlidingWindow(settings.order_limit)
        self._batch_window = SlidingWindow(settings.batch_limit)
        self._bans = Bans(tolerance=settings.ban_after, window_ms=settings.ip_limit.window_ms, ban_ms=settings.ban_ms)

    def _check_address(self, request: HttpRequest, route: Route) -> None:
        if not self.settings.rate_limits:
            return
        now_ms = self.engine.clock.now_ms()
        banned_ms = self._bans.remaining_ms(request.peer_ip, now_ms)
        if banned_ms:
            raise _limited(418, "IP banned for too many requests", banned_ms)
        self._take(((self._ip_window, request.peer_ip, route.ip_weight),), request.peer_ip, now_ms)

    def _check_account(self, key: ApiKey, route: Route, peer_ip: str) -> None:
        if not self.settings.rate_limits:
            return
        wanted = [(self._uid_window, key.account, route.uid_weight)] if route.uid_weight else []
        if route.is_order:
            wanted.append((self._order_window, key.account, 1))
        if route.is_batch:
            wanted.append((self._batch_window, key.account, 1))
        self._take(wanted, peer_ip, self.engine.clock.now_ms())

    def _take(self, wanted: Iterable[tuple[SlidingWindow, str, int]], peer_ip: str, now_ms: int) -> None:
        chosen = list(wanted)
        wait_ms = max((window.wait_ms(owner, weight, now_ms) for window, owner, weight in chosen), default=0)
        if wait_ms:
            self._bans.refuse(peer_ip, now_ms)
            raise _limited(429, "Too Many Requests", wait_ms)
        for window, owner, weight in chosen:
            window.take(owner, weight, now_ms)


def _limited(status: int, message: str, wait_ms: int) -> Refusal:
    return Refusal(status, message, status=status, headers={"Retry-After": str(math.ceil(wait_ms / 1000))})


def _reply(status: int, body: object, headers: dict[str, str] | None = None) -> HttpReply:
    if not isinstance(body, bytes):
        body = to_json(body).encode(errors="replace")
    return HttpReply(status, body, headers or {})


DIALECT = MexcDialect

__all__ = ["ALL_PERMISSIONS", "DIALECT", "Limit", "MexcDialect", "MexcSettings"]
