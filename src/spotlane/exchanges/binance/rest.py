"""The Binance client: what differs from exchange to exchange, a few lines a method."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from spotlane.exchanges._basics import Basics
from spotlane.exchanges._history import collect
from spotlane.exchanges._records import RecordsClient, of_order
from spotlane.exchanges._trading import TradingClient
from spotlane.exchanges._wallet import WalletClient
from spotlane.exchanges.binance import spec as binance
from spotlane.exchanges.binance import wire, wire_rules, wire_wallet
from spotlane.exchanges.binance.auth import BinanceAuthenticator
from spotlane.exchanges.binance.errors import ERRORS, tell
from spotlane.safety import Intent, SymbolRules
from spotlane.spec import HistoryLimit
from spotlane.structs import (
    AssetBalance,
    AssetName,
    AssetNetwork,
    Deposit,
    DepositAddress,
    Order,
    OrderParams,
    SavedAddress,
    Symbol,
    Trade,
    TradingFee,
    WithdrawalRequest,
    WithdrawalResponse,
)
from spotlane.transport import Request

T = TypeVar("T")

_PAGE_ROWS = binance.SPEC.histories["orders"].page_rows


class BinancePrivateRest(TradingClient, RecordsClient, WalletClient):
    """One account on Binance spot.

    Implements PrivateSpotRest. credentials hold an HMAC key and its secret; the options are those of every exchange,
    see spotlane.exchanges._options. What surprises about Binance stands in this folder's README.md.
    """

    spec = binance.SPEC
    basics = Basics(
        authenticator=BinanceAuthenticator,
        error_table=ERRORS,
        tell=tell,
        time_endpoint=binance.TIME,
        read_time_ms=wire.read_time_ms,
        rules_endpoint=binance.RULES,
        read_rules=wire_rules.read_rules,
        rules_query=wire_rules.RULES_QUERY,
    )

    def _place_request(self, intent: Intent) -> Request:
        return Request.to(
            binance.PLACE,
            wire.place_query(intent.rules.wire, intent.params, intent.client_order_id),
            not_after_ms=intent.not_after_ms,
            window_ms=intent.window_ms,
            symbol=intent.rules.wire,
        )

    def _read_placed(self, body: bytes, intent: Intent) -> Order:
        return wire.read_placed(body, intent, self._count_unknown)

    def _test_request(self, rules: SymbolRules, params: OrderParams, client_order_id: str) -> Request:
        return Request.to(binance.TEST_ORDER, wire.place_query(rules.wire, params, client_order_id))

    def _order_request(self, rules: SymbolRules, order_id: str | None, client_order_id: str | None) -> Request:
        return Request.to(
            binance.ORDER, wire.ORDER_QUERY.fill(rules.wire, order_id, client_order_id), symbol=rules.wire
        )

    def _read_order(self, body: bytes, symbols: Mapping[str, Symbol]) -> Order:
        return wire.read_order(body, symbols, self._count_unknown)

    def _cancel_request(self, rules: SymbolRules, order_id: str | None, client_order_id: str | None) -> Request:
        return Request.to(
            binance.CANCEL, wire.ORDER_QUERY.fill(rules.wire, order_id, client_order_id), symbol=rules.wire
        )

    def _read_cancelled(self, body: bytes, symbols: Mapping[str, Symbol]) -> Order:
        return wire.read_cancelled(body, symbols, self._count_unknown)

    def _cancel_all_request(self, rules: SymbolRules) -> Request:
        return Request.to(binance.CANCEL_ALL, wire.SYMBOL_QUERY.fill(rules.wire), symbol=rules.wire)

    def _read_all_cancelled(self, body: bytes, symbols: Mapping[str, Symbol]) -> list[Order]:
        return wire.read_all_cancelled(body, symbols, self._count_unknown)

    def _read_orders(self, body: bytes, symbols: Mapping[str, Symbol]) -> list[Order]:
        return wire.read_orders(body, symbols, self._count_unknown)

    async def _fetch_open_orders(self, rules: SymbolRules | None, deadline: float) -> list[Order]:
        request = Request.to(binance.ALL_OPEN_ORDERS)
        if rules is not None:
            request = Request.to(binance.OPEN_ORDERS, wire.SYMBOL_QUERY.fill(rules.wire), symbol=rules.wire)
        return await self._read(request, self._read_orders, deadline=deadline)

    async def _fetch_balances(self, deadline: float) -> list[AssetBalance]:
        request = Request.to(binance.ACCOUNT, wire.BALANCES_QUERY)
        return await self._read(request, wire.BALANCE.many, deadline=deadline)

    async def get_order_history(
        self, symbol: Symbol, *, start_ms: int | None = None, end_ms: int | None = None
    ) -> list[Order]:
        """Return every order of a symbol created in [start_ms, end_ms], oldest first; see RecordsClient.

        The newest 1,000 take one request; what lies before them one for each day.
        """
        deadline = self._begin()
        rules = self._book.find(symbol)
        first_ms, last_ms = self._reach(self.spec.histories["orders"], start_ms, end_ms, f"orders of {symbol}")
        query = wire.ORDERS_QUERY.fill(rules.wire, None, None, _PAGE_ROWS)
        newest = await self._read(
            Request.to(binance.ORDERS, query, symbol=rules.wire), self._read_orders, deadline=deadline
        )
        return await self._complete(
            newest,
            lambda from_ms, to_ms: self._fetch_orders(rules, from_ms, to_ms, deadline),
            self.spec.histories["orders"],
            first_ms,
            last_ms,
            lambda order: (order.created_ms or 0, int(order.order_id)),
            f"orders of {symbol}",
        )

    async def _fetch_orders(self, rules: SymbolRules, start_ms: int, end_ms: int, deadline: float) -> list[Order]:
        query = wire.ORDERS_QUERY.fill(rules.wire, start_ms, end_ms, _PAGE_ROWS)
        return await self._read(
            Request.to(binance.ORDERS, query, symbol=rules.wire), self._read_orders, deadline=deadline
        )

    async def get_trades(
        self,
        symbol: Symbol,
        *,
        order_id: str | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
    ) -> list[Trade]:
        """Return every fill of a symbol in [start_ms, end_ms], or of one order, oldest first; see RecordsClient.

        The newest 1,000 take one request; what lies before them one for each day. Those of one order can be had however
        old they are.
        """
        deadline = self._begin()
        rules = self._book.find(symbol)
        if order_id is not None:
            trades = await self._fetch_trades_of(rules, order_id, deadline)
            low_ms, high_ms = start_ms or 0, end_ms if end_ms is not None else sys.maxsize
            return [trade for trade in trades if low_ms <= (trade.time_ms or 0) <= high_ms]
        first_ms, last_ms = self._reach(self.spec.histories["trades"], start_ms, end_ms, f"trades of {symbol}")
        query = wire.TRADES_QUERY.fill(rules.wire, None, None, None, _PAGE_ROWS)
        return await self._complete(
            await self._read(Request.to(binance.TRADES, query, symbol=rules.wire), wire.TRADE.many, deadline=deadline),
            lambda from_ms, to_ms: self._fetch_trades(rules, None, from_ms, to_ms, deadline),
            self.spec.histories["trades"],
            first_ms,
            last_ms,
            lambda trade: (trade.time_ms or 0, int(trade.trade_id)),
            f"trades of {symbol}",
        )

    async def _fetch_trades(
        self, rules: SymbolRules, order_id: str | None, start_ms: int, end_ms: int, deadline: float
    ) -> list[Trade]:
        query = wire.TRADES_QUERY.fill(rules.wire, order_id, start_ms, end_ms, _PAGE_ROWS)
        return await self._read(
            Request.to(binance.TRADES, query, symbol=rules.wire), wire.TRADE.many, deadline=deadline
        )

    async def _fetch_trades_of(self, rules: SymbolRules, order_id: str, deadline: float) -> list[Trade]:
        """Fetch all fills of an order; together with an order id, Binance takes an id to begin at but no times."""
        trades: list[Trade] = []
        first_id = 0  # without one, the newest are told
        while True:
            query = wire.TRADES_OF_ORDER_QUERY.fill(rules.wire, order_id, first_id, _PAGE_ROWS)
            request = Request.to(binance.TRADES_OF_ORDER, query, symbol=rules.wire)
            page = await self._read(request, wire.TRADE.many, deadline=deadline, confirm=of_order(order_id))
            trades += page
            if len(page) < _PAGE_ROWS:
                return trades
            first_id = max(int(trade.trade_id) for trade in page) + 1

    async def _complete(
        self,
        newest: list[T],
        fetch: Callable[[int, int], Awaitable[list[T]]],
        limit: HistoryLimit,
        first_ms: int,
        last_ms: int,
        identify: Callable[[T], tuple[int, int]],
        what: str,
    ) -> list[T]:
        """Return every row of [first_ms, last_ms], oldest first, given the newest page of all.

        identify tells time and id of a row. Days are long windows for quiet accounts and cost as much as full pages.
        """
        found = {identify(row): row for row in newest}
        if len(newest) >= _PAGE_ROWS:
            # Rows of the same moment as the oldest one may have been cut off.
            end_ms = min(min(found)[0], last_ms)
            older = await collect(
                fetch,
                limit=limit,
                start_ms=first_ms,
                end_ms=end_ms,
                identify=lambda row: str(identify(row)),
                what=what,
            )
            found.update((identify(row), row) for row in older)
        return [found[key] for key in sorted(found) if first_ms <= key[0] <= last_ms]

    async def _fetch_fee(self, rules: SymbolRules, deadline: float) -> TradingFee:
        request = Request.to(binance.COMMISSION, wire.SYMBOL_QUERY.fill(rules.wire))
        return await self._read(request, wire.read_fee, deadline=deadline)

    async def _fetch_networks(self, asset: AssetName, deadline: float) -> Mapping[AssetName, Sequence[AssetNetwork]]:
        return await self._read(Request.to(binance.NETWORKS), wire_wallet.read_networks, deadline=deadline)

    async def _fetch_saved_addresses(self, asset: AssetName, deadline: float) -> Sequence[SavedAddress]:
        request = Request.to(binance.SAVED_ADDRESSES)
        saved = await self._read(request, wire_wallet.read_saved_addresses, deadline=deadline)
        return [address for address in saved if address.asset == asset]

    async def _fetch_deposit_addresses(
        self, asset: AssetName, network: str | None, deadline: float
    ) -> list[DepositAddress]:
        request = Request.to(binance.DEPOSIT_ADDRESS, wire_wallet.DEPOSIT_ADDRESS_QUERY.fill(asset, network))
        return [
            await self._read(
                request, lambda body, _: wire_wallet.read_deposit_address(body, network), deadline=deadline
            )
        ]

    def _withdraw_request(self, request: WithdrawalRequest) -> Request:
        return Request.to(binance.WITHDRAW, wire_wallet.withdraw_query(request))

    def _read_withdrawn(self, body: bytes) -> WithdrawalResponse:
        return wire_wallet.read_withdrawn(body)

    async def _find_withdrawal(self, request: WithdrawalRequest, deadline: float) -> WithdrawalResponse | None:
        query = wire_wallet.WITHDRAWAL_QUERY.fill(request.asset, request.client_withdrawal_id)
        found = await self._read(Request.to(binance.WITHDRAWALS, query), self._read_withdrawals, deadline=deadline)
        return next((each for each in found if each.client_withdrawal_id == request.client_withdrawal_id), None)

    async def _fetch_withdrawals(
        self, asset: AssetName | None, start_ms: int, end_ms: int, deadline: float
    ) -> list[WithdrawalResponse]:
        page_rows = self.spec.histories["withdrawals"].page_rows
        query = wire_wallet.WITHDRAWALS_QUERY.fill(asset, start_ms, end_ms, page_rows)
        return await self._read(Request.to(binance.WITHDRAWALS, query), self._read_withdrawals, deadline=deadline)

    async def _fetch_deposits(
        self, asset: AssetName | None, start_ms: int, end_ms: int, deadline: float
    ) -> list[Deposit]:
        query = wire_wallet.DEPOSITS_QUERY.fill(asset, start_ms, end_ms, self.spec.histories["deposits"].page_rows)
        return await self._read(Request.to(binance.DEPOSITS, query), wire_wallet.read_deposits, deadline=deadline)

    def _read_withdrawals(self, body: bytes, symbols: object) -> list[WithdrawalResponse]:
        return wire_wallet.read_withdrawals(body, self._count_unknown)
