"""The Gate client: what differs from exchange to exchange, a few lines a method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spotlane._core.encoding import quote
from spotlane.credentials import Credentials
from spotlane.errors import OrderRejected, UsageError
from spotlane.exchanges._records import RecordsClient
from spotlane.exchanges._trading import TradingClient
from spotlane.exchanges._wallet import WalletClient
from spotlane.exchanges.gateio import spec as gate
from spotlane.exchanges.gateio import wire, wire_rules, wire_wallet
from spotlane.exchanges.gateio.auth import GateioAuthenticator
from spotlane.exchanges.gateio.errors import ERRORS, tell
from spotlane.safety import Intent, SymbolRules, Told
from spotlane.structs import (
    AssetBalance,
    AssetName,
    AssetNetwork,
    Deposit,
    DepositAddress,
    Order,
    SavedAddress,
    Symbol,
    Trade,
    TradingFee,
    WithdrawalRequest,
    WithdrawalResponse,
)
from spotlane.transport import Request

# How far back an order is looked for by its client id in the list of finished ones.
_SEARCHED_MS = 86_400_000


class GateioPrivateRest(TradingClient, RecordsClient, WalletClient):
    """One account on Gate spot.

    Implements PrivateSpotRest. credentials hold the key and the secret; the options are those of
    spotlane.exchanges.Options. What Gate does differently from its documentation stands in this folder's README.md.
    """

    spec = gate.SPEC
    error_table = ERRORS
    time_endpoint = gate.TIME
    rules_endpoint = gate.RULES

    def _make_authenticator(self, credentials: Credentials) -> GateioAuthenticator:
        return GateioAuthenticator(credentials)

    @staticmethod
    def _tell(body: bytes) -> Told | None:
        return tell(body)

    @staticmethod
    def _read_time_ms(body: bytes) -> int:
        return wire.read_time_ms(body)

    @staticmethod
    def _read_rules(body: bytes) -> tuple[list[SymbolRules], list[str]]:
        return wire_rules.read_rules(body)

    def _place_request(self, intent: Intent) -> Request:
        return Request.to(
            gate.PLACE,
            body=wire.place_body(intent.rules.wire, intent.params, intent.client_order_id),
            not_after_ms=intent.not_after_ms,
            window_ms=intent.window_ms,
            symbol=intent.rules.wire,
        )

    def _read_placed(self, body: bytes, intent: Intent) -> Order:
        return wire.read_placed(body, intent, self._count_unknown)

    def _order_request(self, rules: SymbolRules, order_id: str | None, client_order_id: str | None) -> Request:
        identifier = order_id or client_order_id or ""
        return Request.to(gate.ORDER, wire.PAIR_QUERY.fill(rules.wire, wire.ACCOUNT), suffix=quote(identifier))

    def _read_order(self, body: bytes, symbols: Mapping[str, Symbol]) -> Order:
        return wire.read_order(body, symbols, self._book, self._count_unknown)

    def _cancel_request(self, rules: SymbolRules, order_id: str | None, client_order_id: str | None) -> Request:
        identifier = order_id or client_order_id or ""
        return Request.to(
            gate.CANCEL,
            wire.PAIR_QUERY.fill(rules.wire, wire.ACCOUNT),
            suffix=quote(identifier),
            window_ms=self.spec.horizons.validity_ms,
        )

    def _read_cancelled(self, body: bytes, symbols: Mapping[str, Symbol]) -> Order:
        return wire.read_order(body, symbols, self._book, self._count_unknown)

    def _cancel_all_request(self, rules: SymbolRules) -> Request:
        return Request.to(
            gate.CANCEL_ALL,
            wire.PAIR_QUERY.fill(rules.wire, wire.ACCOUNT),
            window_ms=self.spec.horizons.validity_ms,
        )

    def _read_all_cancelled(self, body: bytes, symbols: Mapping[str, Symbol]) -> list[Order]:
        return self._read_orders(body, symbols)

    async def _search(self, rules: SymbolRules, client_order_id: str, deadline: float) -> Order | None:
        """Look in the lists for an order by its client id: Gate's own look-up ends with the order.

        Of two orders with one client id, which Gate does not prevent, the older one is told.
        """
        open_orders = await self._fetch_open_orders(rules, deadline)
        now_ms = self._exchange_clock.now_ms()
        finished = await self._fetch_orders(rules, now_ms - _SEARCHED_MS, now_ms + self.spec.horizons.skew_ms, deadline)
        found = [order for order in (*open_orders, *finished) if order.client_order_id == client_order_id]
        return min(found, key=lambda order: order.created_ms or 0, default=None)

    async def _fetch_balances(self, deadline: float) -> list[AssetBalance]:
        return await self._read(Request.to(gate.ACCOUNTS), wire.BALANCES.many, deadline=deadline)

    async def _fetch_open_orders(self, rules: SymbolRules | None, deadline: float) -> list[Order]:
        """Fetch page after page: of one symbol's list, or of the list of all symbols, whose pages count per symbol."""
        orders: dict[str, Order] = {}
        page, most = 1, gate.OPEN_PAGE_ROWS
        while most >= gate.OPEN_PAGE_ROWS:
            if rules is None:
                request = Request.to(gate.OPEN_ORDERS, wire.PAGE_QUERY.fill(page, gate.OPEN_PAGE_ROWS, wire.ACCOUNT))
                found, most = await self._read(request, self._read_open_orders, deadline=deadline)
            else:
                query = wire.OPEN_QUERY.fill(rules.wire, "open", page, gate.OPEN_PAGE_ROWS, wire.ACCOUNT)
                found = await self._read(Request.to(gate.ORDERS, query), self._read_orders, deadline=deadline)
                most = len(found)
            orders.update((order.order_id, order) for order in found)
            page += 1
        return list(orders.values())

    async def _fetch_orders(self, rules: SymbolRules, start_ms: int, end_ms: int, deadline: float) -> list[Order]:
        """Fetch a page of the orders that ended in a window: Gate keeps no list by the time of creation."""
        query = wire.FINISHED_QUERY.fill(
            rules.wire, "finished", start_ms // 1_000, end_ms // 1_000, gate.ORDER_HISTORY.page_rows, wire.ACCOUNT
        )
        return await self._read(Request.to(gate.ORDERS, query), self._read_orders, deadline=deadline)

    async def get_order_history(
        self, symbol: Symbol, *, start_ms: int | None = None, end_ms: int | None = None
    ) -> list[Order]:
        """Return every order of a symbol created in [start_ms, end_ms], oldest first, open ones included.

        An order of the window may have ended after it, or not yet: all that ended since start_ms are read.
        """
        deadline = self._begin()
        rules = self._book.find(symbol)
        first_ms, last_ms = self._reach(gate.ORDER_HISTORY, start_ms, end_ms, f"orders of {symbol}")
        open_orders = await self._fetch_open_orders(rules, deadline)
        finished = await super().get_order_history(symbol, start_ms=start_ms)
        orders = {order.order_id: order for order in (*open_orders, *finished)}
        wanted = [order for order in orders.values() if first_ms <= (order.created_ms or first_ms) <= last_ms]
        return sorted(wanted, key=lambda order: (order.created_ms or 0, order.order_id))

    async def _fetch_trades(
        self, rules: SymbolRules, order_id: str | None, start_ms: int, end_ms: int, deadline: float
    ) -> list[Trade]:
        query = wire.TRADES_QUERY.fill(
            rules.wire, order_id, start_ms // 1_000, end_ms // 1_000, gate.TRADE_HISTORY.page_rows
        )
        return await self._read(Request.to(gate.TRADES, query), wire.read_trades, deadline=deadline)

    async def _fetch_fee(self, rules: SymbolRules, deadline: float) -> TradingFee:
        request = Request.to(gate.FEE, wire_wallet.PAIR_QUERY.fill(rules.wire))
        return await self._read(request, lambda body, _: wire_wallet.read_fee(body, rules.symbol), deadline=deadline)

    async def _fetch_deposit_addresses(
        self, asset: AssetName, network: str | None, deadline: float
    ) -> list[DepositAddress]:
        request = Request.to(gate.DEPOSIT_ADDRESS, wire_wallet.ASSET_QUERY.fill(asset))
        return await self._read(request, wire_wallet.read_deposit_addresses, deadline=deadline)

    async def get_withdrawal_status(self, withdrawal_id: str) -> WithdrawalResponse:
        """Return one withdrawal by Gate's id. Raises UsageError when Gate lists none."""
        deadline = self._begin()
        query = wire_wallet.WITHDRAWALS_QUERY.fill(None, withdrawal_id, None, None, None, None)
        found = await self._read(Request.to(gate.WITHDRAWALS, query), self._read_withdrawals, deadline=deadline)
        if not found:
            raise UsageError(f"{self.spec.name} lists no withdrawal {withdrawal_id!r}")
        return found[0]

    async def _find_withdrawal(self, request: WithdrawalRequest, deadline: float) -> WithdrawalResponse | None:
        query = wire_wallet.WITHDRAWALS_QUERY.fill(None, None, request.client_withdrawal_id, None, None, None)
        found = await self._read(Request.to(gate.WITHDRAWALS, query), self._read_withdrawals, deadline=deadline)
        return next((each for each in found if each.client_withdrawal_id == request.client_withdrawal_id), None)

    async def _fetch_networks(self, asset: AssetName, deadline: float) -> Mapping[AssetName, Sequence[AssetNetwork]]:
        query = wire_wallet.ASSET_QUERY.fill(asset)
        try:
            chains = await self._read(Request.to(gate.CHAINS, query), wire_wallet.read_chains, deadline=deadline)
        except OrderRejected:
            return {}  # an unknown currency
        limits = await self._read(
            Request.to(gate.WITHDRAW_STATUS, query), wire_wallet.read_withdraw_status, deadline=deadline
        )
        return {asset: wire_wallet.merge_networks(asset, chains, limits)}

    async def _fetch_saved_addresses(self, asset: AssetName, deadline: float) -> Sequence[SavedAddress]:
        saved: list[SavedAddress] = []
        page, found = 1, wire_wallet.BOOK_PAGE_ROWS
        while found >= wire_wallet.BOOK_PAGE_ROWS:
            query = wire_wallet.BOOK_QUERY.fill(asset, page, wire_wallet.BOOK_PAGE_ROWS)
            request = Request.to(gate.SAVED_ADDRESSES, query)
            rows, found = await self._read(request, wire_wallet.read_saved_addresses, deadline=deadline)
            saved += rows
            page += 1
        return saved

    def _withdraw_request(self, request: WithdrawalRequest) -> Request:
        return Request.to(gate.WITHDRAW, body=wire_wallet.withdraw_body(request))

    def _read_withdrawn(self, body: bytes) -> WithdrawalResponse:
        return wire_wallet.read_withdrawal(body)

    async def _fetch_withdrawals(
        self, asset: AssetName | None, start_ms: int, end_ms: int, deadline: float
    ) -> list[WithdrawalResponse]:
        query = wire_wallet.WITHDRAWALS_QUERY.fill(
            asset, None, None, start_ms // 1_000, end_ms // 1_000, gate.WITHDRAWAL_HISTORY.page_rows
        )
        return await self._read(Request.to(gate.WITHDRAWALS, query), self._read_withdrawals, deadline=deadline)

    async def _fetch_deposits(
        self, asset: AssetName | None, start_ms: int, end_ms: int, deadline: float
    ) -> list[Deposit]:
        query = wire_wallet.DEPOSITS_QUERY.fill(
            asset, start_ms // 1_000, end_ms // 1_000, gate.DEPOSIT_HISTORY.page_rows
        )
        return await self._read(Request.to(gate.DEPOSITS, query), wire_wallet.read_deposits, deadline=deadline)

    def _cancel_withdrawal_request(self, withdrawal_id: str) -> Request:
        return Request.to(gate.CANCEL_WITHDRAWAL, suffix=quote(withdrawal_id))

    def _read_withdrawal_cancelled(self, body: bytes, symbols: Mapping[str, Symbol]) -> object:
        return wire_wallet.read_withdrawal(body)

    def _read_orders(self, body: bytes, symbols: Mapping[str, Symbol]) -> list[Order]:
        return wire.read_orders(body, symbols, self._book, self._count_unknown)

    def _read_open_orders(self, body: bytes, symbols: Mapping[str, Symbol]) -> tuple[list[Order], int]:
        return wire.read_open_orders(body, symbols, self._book, self._count_unknown)

    def _read_withdrawals(self, body: bytes, symbols: object) -> list[WithdrawalResponse]:
        return wire_wallet.read_withdrawals(body, self._count_unknown)
