"""Binance's Spot and Wallet APIs as the server sees them: what the sandbox answers.

Written from Binance's documentation and from observed replies alone; DIALECT.md tags every behaviour.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType
from typing import ClassVar

from spotlane.exchanges.binance import dialect_access as access
from spotlane.exchanges.binance import dialect_market as market
from spotlane.exchanges.binance import dialect_orders as orders
from spotlane.exchanges.binance import dialect_queries as queries
from spotlane.exchanges.binance import dialect_wallet as wallet
from spotlane.exchanges.binance.dialect_call import BinanceSettings, Call, Memory, Params, Refusal
from spotlane.exchanges.binance.dialect_limits import Charge, OrderLimits, RequestLimits, Scope
from spotlane.exchanges.binance.dialect_wallet import READING, TRADING, WITHDRAWALS
from spotlane.sandbox.engine import DuplicateIds, Engine, EngineSettings
from spotlane.sandbox.http import HttpReply, HttpRequest
from spotlane.sandbox.keys import ApiKey, KeyIssuer, KeyRing
from spotlane.sandbox.liquidity import default_listings
from spotlane.sandbox.matching import FeeAsset
from spotlane.sandbox.money import exact
from spotlane.sandbox.records import ALL_SIDES, Listing
from spotlane.sandbox.rows import to_json

ALL_PERMISSIONS = frozenset({READING, TRADING, WITHDRAWALS})
_TRADING, _WALLET = "/api/v3/", "/sapi/v1/"
# Parts of the real API that the sandbox does not play, told apart from paths that do not exist.
_NOT_PLAYED = (
    "/api/v3/order/", "/api/v3/orderList", "/api/v3/openOrderList", "/api/v3/allOrderList", "/api/v3/sor/",
    "/api/v3/myPreventedMatches", "/api/v3/myAllocations", "/api/v3/executionRules", "/api/v3/referencePrice",
    "/sapi/",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint.

    parameters None ignores what it does not know; permission None means public, is_waived that its weight is charged
    only when it fails.
    """

    handler: Callable[[Call], object]
    parameters: frozenset[str] | None
    permission: str | None = None
    weight: int | Callable[[frozenset[str]], int] = 1
    is_waived: bool = False
    scope: Scope = Scope.TRADING

    def weigh(self, names: frozenset[str]) -> int:
        """Return the weight of a request with these parameters."""
        return self.weight if isinstance(self.weight, int) else self.weight(names)


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _test_weight(names: frozenset[str]) -> int:
    return 20 if "computeCommissionRates" in names else 1


_ONE_ORDER = "symbol orderId origClientOrderId"
_SPAN = "startTime endTime limit"
_CANCEL = _names(f"{_ONE_ORDER} newClientOrderId cancelRestrictions")
_IP, _UID, _UID_SECOND = Scope.SAPI_IP, Scope.SAPI_UID, Scope.SAPI_UID_SECOND


def _routes(limits: OrderLimits) -> dict[str, Route]:
    order = orders.ORDER_PARAMETERS
    trading = {
        "GET ping": Route(market.ping, _names("")),
        "GET time": Route(market.server_time, _names("")),
        "GET exchangeInfo": Route(
            market.exchange_info, _names("symbol symbols permissions showPermissionSets symbolStatus"), weight=20
        ),
        "POST order/test": Route(orders.test_order, order | {"computeCommissionRates"}, TRADING, _test_weight),
        "POST order": Route(lambda call: orders.place_order(call, limits), order, TRADING, is_waived=True),
        "DELETE order": Route(orders.cancel_order, _CANCEL, TRADING, is_waived=True),
        "DELETE openOrders": Route(orders.cancel_open_orders, _names("symbol"), TRADING, is_waived=True),
        "GET order": Route(queries.get_order, _names(_ONE_ORDER), READING, 4),
        "GET openOrders": Route(queries.get_open_orders, _names("symbol"), READING, queries.open_orders_weight),
        "GET allOrders": Route(queries.get_all_orders, _names(f"symbol orderId {_SPAN}"), READING, 20),
        "GET myTrades": Route(
            queries.get_trades, _names(f"symbol orderId fromId {_SPAN}"), READING, queries.trades_weight
        ),
        "GET account": Route(market.account, _names("omitZeroBalances"), READING, 20),
        "GET account/commission": Route(market.commission, _names("symbol"), READING, 20),
        "GET rateLimit/order": Route(lambda call: market.order_counts(call, limits), _names(""), READING, 40),
        "GET myFilters": Route(market.my_filters, _names("symbol"), READING, 40),
    }
    sapi = {
        "GET asset/tradeFee": Route(market.trade_fee, None, READING, 1, scope=_IP),
        "GET account/apiRestrictions": Route(wallet.key_restrictions, None, READING, 1, scope=_IP),
        "GET capital/config/getall": Route(wallet.coins, None, READING, 10, scope=_IP),
        "POST capital/withdraw/apply": Route(wallet.withdraw, None, WITHDRAWALS, 900, scope=_UID),
        "GET capital/withdraw/history": Route(wallet.withdrawals, None, READING, 18_000, scope=_UID_SECOND),
        "GET capital/withdraw/address/list": Route(wallet.address_book, None, READING, 10, scope=_IP),
        "GET capital/deposit/hisrec": Route(wallet.deposits, None, READING, 1, scope=_IP),
        "GET capital/deposit/address": Route(wallet.deposit_address, None, READING, 10, scope=_IP),
    }
    found: dict[str, Route] = {}
    for prefix, group in ((_TRADING, trading), (_WALLET, sapi)):
        for name, route in group.items():
            method, _, path = name.partition(" ")
            found[f"{method} {prefix}{path}"] = route
    return found


def _listings() -> tuple[Listing, ...]:
    """Return the default symbols with steps and fees as on this exchange; no side of a pair is closed there."""
    rate, lot = Decimal("0.001"), Decimal("0.00001")
    return tuple(
        replace(
            listing,
            lot=max(listing.lot, lot),
            min_quantity=max(listing.min_quantity, listing.lot, lot),
            min_notional=Decimal(5) if listing.quote == "USDT" else listing.min_notional,
            max_notional=Decimal(9_000_000),
            max_market_notional=Decimal(9_000_000),
            sides=ALL_SIDES,
            maker_fee=rate,
            taker_fee=rate,
        )
        for listing in default_listings()
    )


class BinanceDialect(KeyIssuer):
    """The server side of Binance's spot and wallet REST endpoints on top of an engine.

    It issues one unlimited key (api_key, api_secret); add_key() issues further ones. handle() takes no time and does no
    I/O. `engine_settings` are the engine's defaults for this exchange.
    """

    name: ClassVar[str] = "binance"
    permission_words: ClassVar[Mapping[str, frozenset[str]]] = MappingProxyType(
        {"read": frozenset({READING}), "trade": frozenset({TRADING}), "withdraw": frozenset({WITHDRAWALS})}
    )
    all_permissions: ClassVar[frozenset[str]] = ALL_PERMISSIONS
    settings_type: ClassVar[type[BinanceSettings]] = BinanceSettings
    engine_settings: ClassVar[EngineSettings] = EngineSettings(
        listings=_listings(),
        fee_asset=FeeAsset.RECEIVED,
        duplicate_client_ids=DuplicateIds.OPEN_ONLY,
        open_order_limit=1_000,
        refuse_crossing_makers=True,
    )

    def __init__(self, engine: Engine, settings: BinanceSettings | None = None) -> None:
        super().__init__(engine, KeyRing(engine.seed, prefix="", key_length=64, secret_length=64))
        self.settings = settings or BinanceSettings()
        engine.format_order_id = orders.format_order_id
        self._memory = Memory(engine.seed)
        self._limits = RequestLimits(self.settings)
        self.routes = _routes(OrderLimits(self.settings, self._memory))

    @exact
    def handle(self, request: HttpRequest) -> HttpReply:
        """Answer one request."""
        now_ms = self.engine.clock.now_ms()
        headers: dict[str, str] = {}
        charges: list[Charge] = []
        keys: list[ApiKey] = []
        try:
            self._limits.check_ban(request.peer_ip, now_ms)
            status, reply = 200, self._routed(request, headers, charges, keys)
        except Refusal as refusal:
            self.engine.ledger.append(
                now_ms, "request_refused", keys[0].account if keys else "", method=request.method, path=request.path,
                code=refusal.code, message=refusal.message,
            )  # fmt: skip
            status, reply = refusal.status, refusal.body()
            if refusal.retry_after_s is not None:
                headers["Retry-After"] = str(refusal.retry_after_s)
        for charge in charges:
            self._limits.settle(charge, headers, now_ms, is_success=status == 200)
        return HttpReply(status, to_json(reply).encode(errors="replace"), headers)

    def _routed(
        self, request: HttpRequest, headers: dict[str, str], charges: list[Charge], keys: list[ApiKey]
    ) -> object:
        now_ms = self.engine.clock.now_ms()
        name = f"{request.method} {request.path}"
        route = self._find_route(name, request.path)
        weight = route.weigh(access.names(request))

        def charge(owner: str) -> None:
            charges.append(
                self._limits.charge(
                    route.scope, name, owner, weight, request.peer_ip, now_ms, is_waived=route.is_waived
                )
            )

        is_by_account = route.scope in (Scope.SAPI_UID, Scope.SAPI_UID_SECOND)
        if not is_by_account:
            charge(request.peer_ip)
        is_microseconds = route.scope is Scope.TRADING and access.is_microseconds(request)
        params = Params(access.parameters(request))
        key = None
        if route.permission is not None:
            moments = self.engine.expiry_moments(request.received_ms)
            key = access.authenticate(request, params, self.keys, moments, self.settings)
            keys.append(key)
            needs_list = self.settings.withdrawals_need_ip_list and route.permission == WITHDRAWALS
            access.check_permission(key, route.permission, needs_ip_list=needs_list)
            if is_by_account:
                charge(key.account)
        if route.parameters is not None:
            common = access.COMMON_PARAMETERS if route.permission is not None else frozenset[str]()
            access.check_names(params, route.parameters | common)
        return route.handler(Call(self.engine, self.settings, self._memory, params, key, is_microseconds, headers))

    def _find_route(self, name: str, path: str) -> Route:
        route = self.routes.get(name)
        if route is not None:
            return route
        if path.startswith(_NOT_PLAYED):
            raise Refusal(-1020, "This operation is not supported: the sandbox does not play it.")
        raise Refusal(404, f"No such path: {name}", status=404)


DIALECT = BinanceDialect

__all__ = ["ALL_PERMISSIONS", "DIALECT", "BinanceDialect", "BinanceSettings"]
