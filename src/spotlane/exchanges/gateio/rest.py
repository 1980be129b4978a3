"""The Gate client: what differs from exchange to exchange, a few lines a method."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence

from spotlane._core.encoding import quote
from spotlane.errors import OrderRejected
from spotlane.exchanges._basics import Basics
from spotlane.exchanges._history import collect
from spotlane.exchanges._records import RecordsClient, of_order
from spotlane.exchanges._trading import TradingClient
from spotlane.exchanges._wallet import WalletClient
from spotlane.exchanges.gateio import spec as gate
from spotlane.exchanges.gateio import wire, wire_rules, wire_wallet
from spotlane.exchanges.gateio.auth import GateioAuthenticator
from spotlane.exchanges.gateio.errors import ERRORS, tell
from spotlane.safety import Intent, SymbolRules
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

    Implements PrivateSpotRest. credentials hold the key and the secret; the keyword options are those of every
    exchange (OptionFields). What Gate does differently from its documentation stands in this folder's README.md.
    """

    spec = gate.SPEC
    basics = Basics(
        authenticator=GateioAuthenticator,
        error_table=ERRORS,
        tell=tell,
        time_endpoint=gate.TIME,
        read_time_ms=wire.read_time_ms,
        rules_endpoint=gate.RULES,
        read_rules=wire_rules.read_rules,
    )
    countdown_least_s = gate.COUNTDOWN_LEAST_S

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
        return Request.to(
            gate.ORDER, wire.PAIR_QUERY.fill(rules.wire, wire.ACCOUNT), symbol=rules.wire, suffix=quote(identifier)
        )

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
        return Request.to(gate.CANCEL_ALL, wire.PAIR_QUERY.fill(rules.wire, wire.ACCOUNT), symbol=rules.wire)

    def _read_all_cancelled(self, body: bytes, symbols: Mapping[str, Symbol]) -> list[Order]:
        return self._read_orders(body, symbols)

    def _countdown_request(self, seconds: int) -> Request:
        return Request.to(gate.COUNTDOWN, body=wire.countdown_body(seconds))

    def _read_countdown(self, body: bytes, symbols: object) -> int:
        return wire.read_countdown(body)

    async def _search(self, rules: SymbolRules, client_order_id: str, deadline: float) -> Order | None:
        """Look in the lists for an order by its client id: Gate's own look-up ends with the order.

        Of two orders with one client id, which Gate does not prevent, the older one is told.
        """
        open_orders = await self._fetch_open_orders(rules, deadline)
        since_ms = self._exchange_clock.now_ms() - _SEARCHED_MS
        finished = await self._fetch_finished(rules, since_ms, f"orders of {rules.symbol}", deadline)
        found = [order for order in (*open_orders, *finished) if order.client_order_id == client_order_id]
        return min(found, key=lambda order: order.created_ms or 0, default=None)

    async def _fetch_balances(self, deadline: float) -> list[AssetBalance]:
        return await self._read(Request.to(gate.ACCOUNTS), wire.BALANCES.many, deadline=deadline)

    async def _fetch_open_orders(self, rules: SymbolRules | None, deadline: float) -> list[Order]:
        while True:
            orders = await self._page_through(rules, deadline)
            if orders is not None:
                return orders

    async def _page_through(self, rules: SymbolRules | None, deadline: float) -> list[Order] | None:
        """Fetch page after page, or return None where they don't join.

        Pages are counted off the list as it is at each request: an order that ends moves those behind it forward, past
        a page that was read already. So each page is one row shorter than the one before, which makes it begin within
        that, and has to show a row of it.
        """
        orders: dict[str, Order] = {}
        full: set[Symbol] = set()
        page, most = 1, gate.OPEN_PAGE_ROWS
        while True:
            found = await self._fetch_open_page(rules, page, most, deadline)
            if not full <= {order.symbol for order in found if order.order_id in orders}:
                return None
            orders.update((order.order_id, order) for order in found)
            full = {symbol for symbol, count in Counter(order.symbol for order in found).items() if count >= most}
            if not full:
                return list(orders.values())
            # Pages of less than half the size would begin before the one before.
            page, most = page + 1, max(most - 1, gate.OPEN_PAGE_ROWS // 2)

    async def _fetch_open_page(self, rules: SymbolRules | None, page: int, most: int, deadline: float) -> list[Order]:
        """Fetch a page of one symbol's list, or of the list of all symbols, whose pages count per symbol."""
        if rules is None:
            request = Request.to(gate.OPEN_ORDERS, wire.PAGE_QUERY.fill(page, most, wire.ACCOUNT))
            return await self._read(request, self._read_open_orders, deadline=deadline)
        query = wire.OPEN_QUERY.fill(rules.wire, "open", page, most, wire.ACCOUNT)
        return await self._read(Request.to(gate.ORDERS, query, symbol=rules.wire), self._read_orders, deadline=deadline)

    async def _fetch_orders(self, rules: SymbolRules, start_ms: int, end_ms: int, deadline: float) -> list[Order]:
        """Fetch a page of the orders that ended in a window: Gate keeps no list by the time of creation."""
        query = wire.FINISHED_QUERY.fill(
            rules.wire, "finished", start_ms // 1_000, end_ms // 1_000, gate.ORDER_HISTORY.page_rows, wire.ACCOUNT
        )
        return await self._read(Request.to(gate.ORDERS, query, symbol=rules.wire), self._read_orders, deadline=deadline)

    async def get_order_history(
        self, symbol: Symbol, *, start_ms: int | None = None, end_ms: int | None = None
    ) -> list[Order]:
        """Return every order of a symbol created in [start_ms, end_ms], oldest first, open ones included.

        An order of the window may have ended after it, or not yet: all that ended since start_ms are read.
        """
        deadline = self._begin()
        rules = self._book.find(symbol)
        what = f"orders of {symbol}"
        first_ms, last_ms = self._reach(gate.ORDER_HISTORY, start_ms, end_ms, what)
        first_ms = max(first_ms, start_ms or 0)
        orders = {order.order_id: order for order in await self._fetch_open_orders(rules, deadline)}
        # Read after the open ones, so that an order which ends in between is in this list.
        for order in await self._fetch_finished(rules, first_ms, what, deadline):
            orders[order.order_id] = order
        wanted = [order for order in orders.values() if first_ms <= (order.created_ms or first_ms) <= last_ms]
        return sorted(wanted, key=lambda order: (order.created_ms or 0, order.order_id))

    async def _fetch_finished(self, rules: SymbolRules, start_ms: int, what: str, deadline: float) -> list[Order]:
        """Fetch every order that ended since start_ms."""
        return await collect(
            lambda first_ms, last_ms: self._fetch_orders(rules, first_ms, last_ms, deadline),
            limit=gate.ORDER_HISTORY,
            start_ms=start_ms,
            end_ms=self._exchange_clock.now_ms() + self.spec.horizons.skew_ms,
            identify=lambda order: order.order_id,
            what=what,
        )

    async def get_trades(
        self,
        symbol: Symbol,
        *,
        order_id: str | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
    ) -> list[Trade]:
        """Return every fill of a symbol in [start_ms, end_ms], or of one order, oldest first; see RecordsClient."""
        trades = await super().get_trades(symbol, order_id=order_id, start_ms=start_ms, end_ms=end_ms)
        first_ms, last_ms = start_ms or 0, end_ms if end_ms is not None else sys.maxsize
        # Gate is asked in seconds and answers in milliseconds.
        return [trade for trade in trades if first_ms <= (trade.time_ms or first_ms) <= last_ms]

    async def _fetch_trades(
        self, rules: SymbolRules, order_id: str | None, start_ms: int, end_ms: int, deadline: float
    ) -> list[Trade]:
        query = wire.TRADES_QUERY.fill(
            rules.wire, order_id, start_ms // 1_000, end_ms // 1_000, gate.TRADE_HISTORY.page_rows
        )
        request = Request.to(gate.TRADES, query, symbol=rules.wire)
        return await self._read(request, wire.read_trades, deadline=deadline, confirm=of_order(order_id))

    async def _fetch_fee(self, rules: SymbolRules, deadline: float) -> TradingFee:
        request = Request.to(gate.FEE, wire_wallet.PAIR_QUERY.fill(rules.wire))
        return await self._read(request, lambda body, _: wire_wallet.read_fee(body, rules.symbol), deadline=deadline)

    async def _fetch_deposit_addresses(
        self, asset: AssetName, network: str | None, deadline: float
    ) -> list[DepositAddress]:
        request = Request.to(gate.DEPOSIT_ADDRESS, wire_wallet.ASSET_QUERY.fill(asset))
        return await self._read(request, wire_wallet.read_deposit_addresses, deadline=deadline)

    async def _fetch_withdrawal(self, withdrawal_id: str, deadline: float) -> WithdrawalResponse | None:
        query = wire_wallet.WITHDRAWALS_QUERY.fill(None, withdrawal_id, None, None, None, None)
        found = await self._read(Request.to(gate.WITHDRAWALS, query), self._read_withdrawals, deadline=deadline)
        return found[0] if found else None

    async def _find_withdrawal(self, request: WithdrawalRequest, deadline: float) -> WithdrawalResponse | None:
        query = wire_wallet.WITHDRAWALS_QUERY.fill(None, None, request.client_withdrawal_id, None, None, None)
        found = await self._read(Request.to(gate.WITHDRAWALS, query), self._read_withdrawals, deadline=deadline)
        return next((each for each in found if each.client_withdrawal_id == request.client_withdrawal_id), None)

    async def _fetch_networks(self, asset: AssetName, deadline: float) -> Mapping[AssetName, Sequence[AssetNetwork]]:
        query = wire_wallet.ASSET_QUERY.fill(asset)
        try:
            chains = await self._read(Request.to(gate.CHAINS, query), wire_wallet.read_chains, deadline=deadline)
        except OrderRejected:
            chains = []  # an unknown currency
        if not chains:
            return {}
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

    def _read_open_orders(self, body: bytes, symbols: Mapping[str, Symbol]) -> list[Order]:
        return wire.read_open_orders(body, symbols, self._book, self._count_unknown)

    def _read_withdrawals(self, body: bytes, symbols: object) -> list[WithdrawalResponse]:
        return wire_wallet.read_withdrawals(body, self._count_unknown)
