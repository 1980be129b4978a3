"""Gate's API v4 (spot, wallet, withdrawals) as the server sees it: what the sandbox answers.

Written from Gate's API v4 documentation and from recorded replies alone; DIALECT.md tags every behaviour.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType
from typing import ClassVar

from spotlane.exchanges.gateio import dialect_access as access
from spotlane.exchanges.gateio import dialect_market as market
from spotlane.exchanges.gateio import dialect_orders as orders
from spotlane.exchanges.gateio import dialect_queries as queries
from spotlane.exchanges.gateio import dialect_transfers as transfers
from spotlane.exchanges.gateio import dialect_wallet as wallet
from spotlane.exchanges.gateio.dialect_call import Call, GateioSettings, Memory, Refusal
from spotlane.exchanges.gateio.dialect_limits import Bucket, RateLimits
from spotlane.sandbox.engine import DuplicateIds, Engine, EngineSettings
from spotlane.sandbox.http import HttpReply, HttpRequest
from spotlane.sandbox.keys import ApiKey, KeyIssuer, KeyRing
from spotlane.sandbox.limits import Limit
from spotlane.sandbox.liquidity import default_listings
from spotlane.sandbox.matching import FeeAsset
from spotlane.sandbox.money import exact
from spotlane.sandbox.records import ALL_TYPES, Listing
from spotlane.sandbox.rows import to_json

_PREFIX = "/api/v4"
GROUPS = ("spot", "margin", "wallet", "withdrawal", "unified", "account")
# Parts of the real API that the sandbox does not play, told apart from paths that do not exist.
_NOT_PLAYED = (
    "/spot/price_orders", "/spot/account_book", "/spot/pov_orders", "/spot/cross_liquidate_orders", "/wallet/",
    "/withdrawals/push", "/account/", "/margin/", "/unified/", "/sub_accounts", "/futures/", "/delivery/", "/options/",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint; group None means public, bucket None that the handler counts the items of its batch itself."""

    handler: Callable[[Call], object]
    group: str | None
    bucket: Bucket | None = Bucket.ENDPOINT
    status: int = 200
    expires: bool = False


_PLACE, _CANCEL, _ACCOUNT = Bucket.PLACE, Bucket.CANCEL, Bucket.ACCOUNT
ROUTES: dict[str, Route] = {
    "GET /spot/time": Route(market.server_time, None, Bucket.PUBLIC),
    "GET /spot/currency_pairs": Route(market.currency_pairs, None, Bucket.PUBLIC),
    "GET /spot/currency_pairs/*": Route(market.currency_pair, None, Bucket.PUBLIC),
    "GET /spot/currencies": Route(market.currencies, None, Bucket.PUBLIC),
    "GET /spot/currencies/*": Route(market.currency, None, Bucket.PUBLIC),
    "GET /margin/currency_pairs": Route(market.nothing_listed, None, Bucket.PUBLIC),
    "GET /futures/btc/contracts": Route(market.nothing_listed, None, Bucket.PUBLIC),
    "GET /futures/usdt/contracts": Route(market.nothing_listed, None, Bucket.PUBLIC),
    "GET /delivery/btc/contracts": Route(market.nothing_listed, None, Bucket.PUBLIC),
    "GET /delivery/usdt/contracts": Route(market.nothing_listed, None, Bucket.PUBLIC),
    "GET /options/underlyings": Route(market.nothing_listed, None, Bucket.PUBLIC),
    "GET /wallet/currency_chains": Route(wallet.currency_chains, None, Bucket.PUBLIC),
    "POST /spot/orders": Route(orders.place_order, "spot", _PLACE, status=201, expires=True),
    "POST /spot/batch_orders": Route(orders.place_batch, "spot", None, expires=True),
    "PATCH /spot/orders/*": Route(orders.amend_order, "spot", _PLACE, expires=True),
    "POST /spot/amend_batch_orders": Route(orders.amend_batch, "spot", None, expires=True),
    "DELETE /spot/orders/*": Route(orders.cancel_order, "spot", _CANCEL, expires=True),
    "DELETE /spot/orders": Route(orders.cancel_orders, "spot", _CANCEL, expires=True),
    "POST /spot/cancel_batch_orders": Route(orders.cancel_batch, "spot", None, expires=True),
    "POST /spot/countdown_cancel_all": Route(queries.countdown_cancel_all, "spot"),
    "GET /spot/orders/*": Route(queries.get_order, "spot"),
    "GET /spot/orders": Route(queries.get_orders, "spot"),
    "GET /spot/open_orders": Route(queries.get_open_orders, "spot"),
    "GET /spot/my_trades": Route(queries.get_trades, "spot"),
    "GET /spot/accounts": Route(market.accounts, "spot"),
    "GET /spot/fee": Route(market.fee, "spot"),
    "GET /spot/batch_fee": Route(market.batch_fee, "spot"),
    "GET /wallet/fee": Route(market.fee, "wallet"),
    "GET /wallet/withdraw_status": Route(wallet.withdraw_status, "wallet"),
    "GET /wallet/withdrawals": Route(wallet.withdrawals, "wallet"),
    "GET /wallet/deposits": Route(wallet.deposits, "wallet"),
    "GET /wallet/deposit_address": Route(wallet.deposit_address, "wallet"),
    "GET /wallet/saved_address": Route(wallet.saved_addresses, "wallet"),
    "GET /wallet/total_balance": Route(wallet.total_balance, "wallet", Bucket.TRANSFER),
    "POST /wallet/transfers": Route(transfers.transfer, "wallet", Bucket.TRANSFER),
    "GET /wallet/transfers": Route(transfers.get_transfer, "wallet"),
    "POST /withdrawals": Route(wallet.withdraw, "withdrawal", Bucket.WITHDRAW),
    "DELETE /withdrawals/*": Route(wallet.cancel_withdrawal, "withdrawal", status=202),
    "GET /account/detail": Route(market.account_detail, "account", _ACCOUNT),
    "GET /account/main_keys": Route(market.main_keys, "account", _ACCOUNT),
}
_PATHS = frozenset(name.partition(" ")[2] for name in ROUTES)


def _listings() -> tuple[Listing, ...]:
    """Return the default symbols at Gate's base fee; there is no order type and no API that a pair is closed for."""
    rate = Decimal("0.002")
    return tuple(
        replace(listing, maker_fee=rate, taker_fee=rate, order_types=ALL_TYPES, is_open_to_api=True)
        for listing in default_listings()
    )


class GateioDialect(KeyIssuer):
    """The server side of Gate's private and public spot, wallet and withdrawal endpoints on top of an engine.

    It issues one unlimited key (api_key, api_secret); add_key() issues further ones. handle() takes no time and does no
    I/O. `engine_settings` are the engine's defaults for this exchange.
    """

    name: ClassVar[str] = "gateio"
    permission_words: ClassVar[Mapping[str, frozenset[str]]] = MappingProxyType(
        {
            "read": frozenset({f"spot{access.READ_SUFFIX}", f"wallet{access.READ_SUFFIX}"}),
            "trade": frozenset({"spot"}),
            "withdraw": frozenset({"withdrawal"}),
        }
    )
    all_permissions: ClassVar[frozenset[str]] = frozenset(GROUPS)
    further_permissions: ClassVar[frozenset[str]] = frozenset(group + access.READ_SUFFIX for group in GROUPS)
    settings_type: ClassVar[type[GateioSettings]] = GateioSettings
    engine_settings: ClassVar[EngineSettings] = EngineSettings(
        listings=_listings(),
        fee_asset=FeeAsset.RECEIVED,
        duplicate_client_ids=DuplicateIds.OVERRIDE,
        refuse_crossing_makers=True,
        refuse_unfilled_fok=True,
        finds_finished=False,
    )

    def __init__(self, engine: Engine, settings: GateioSettings | None = None) -> None:
        super().__init__(engine, KeyRing(engine.seed, prefix="", key_length=32, secret_length=64))
        self.settings = settings or GateioSettings()
        engine.format_order_id = orders.format_order_id
        engine.wallet.format_id = wallet.format_withdrawal_id
        self._memory = Memory()
        self._limits = RateLimits(self.settings)
        self._trace = random.Random(f"{engine.seed} trace")

    def set_withdrawal_status(self, withdrawal_id: str, status: str) -> None:
        """Bring a withdrawal into a state by its exchange's name (MANUAL, FAIL, REJECT, DONE, ...), where it stays.

        ValueError for an unknown name and for a withdrawal that is done; KeyError where there is no such withdrawal.
        """
        self.engine.wallet.set_state(withdrawal_id, wallet.state_named(status))
        self._memory.withdrawal_statuses[withdrawal_id] = status

    @exact
    def handle(self, request: HttpRequest) -> HttpReply:
        """Answer one request."""
        now_ms = self.engine.clock.now_ms()
        headers = {"X-Gate-Trace-Id": f"{self._trace.getrandbits(128):032x}", "X-In-Time": str(now_ms * 1000)}
        key: ApiKey | None = None
        try:
            name, argument, route = _find_route(request)
            access.check_media_types(request)
            if route.group is not None:
                key = access.authenticate(request, self.keys, self.engine.expiry_moments(request.received_ms))
                access.check_permission(key, route.group, is_write=request.method != "GET")
            status, reply = route.status, self._routed(name, argument, route, request, key, headers)
        except Refusal as refusal:
            self.engine.ledger.append(
                now_ms, "request_refused", key.account if key else "", method=request.method, path=request.path,
                code=refusal.label, message=refusal.message,
            )  # fmt: skip
            status, reply = refusal.status, {"label": refusal.label, self.settings.error_text: refusal.message}
        headers["X-Out-Time"] = str(self.engine.clock.now_ms() * 1000)
        return HttpReply(status, to_json(reply).encode(), headers)

    def _routed(
        self,
        name: str,
        argument: str,
        route: Route,
        request: HttpRequest,
        key: ApiKey | None,
        headers: dict[str, str],
    ) -> object:
        now_ms = self.engine.clock.now_ms()
        owner = request.peer_ip if key is None else key.account

        def take(bucket: Bucket, owner: str = owner) -> None:
            self._limits.take(bucket, name, owner, now_ms, headers)

        call = Call(
            self.engine, self.settings, self._memory, request, key, argument,
            take_place=lambda pair: take(Bucket.PLACE, f"{owner} {pair}"),
            take_cancel=lambda: take(Bucket.CANCEL),
        )  # fmt: skip
        if route.bucket is Bucket.PLACE:
            call.take_place(orders.pair_to_count(call))
        elif route.bucket is not None:
            take(route.bucket)
        if route.expires:
            access.check_expiry(request, self.engine.expiry_moments(request.received_ms))
        return route.handler(call)


def _find_route(request: HttpRequest) -> tuple[str, str, Route]:
    path = request.path.removeprefix(_PREFIX)
    if path != request.path:
        parent, _, last = path.rpartition("/")
        pattern = f"{parent}/*" if last else path
        for known, argument in ((path, ""), (pattern, last)):
            route = ROUTES.get(f"{request.method} {known}")
            if route is not None:
                return f"{request.method} {known}", argument, route
        if path not in _PATHS and path.startswith(_NOT_PLAYED):
            raise Refusal("SANDBOX_NOT_SUPPORTED", f"the sandbox does not play {path}")
        if path in _PATHS or pattern in _PATHS:
            raise Refusal("METHOD_NOT_ALLOWED", f"{request.method} is not allowed here", status=405)
    raise Refusal("NOT_FOUND", f"No such URL: {request.path}", status=404)


DIALECT = GateioDialect

__all__ = ["DIALECT", "GROUPS", "GateioDialect", "GateioSettings", "Limit"]
