"""The MEXC client: what differs from exchange to exchange, a few lines a method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spotlane.errors import HistoryIncomplete
from spotlane.exchanges._basics import Basics
from spotlane.exchanges._records import RecordsClient, of_order
from spotlane.exchanges._trading import TradingClient
from spotlane.exchanges._wallet import WalletClient
from spotlane.exchanges.mexc import spec as mexc
from spotlane.exchanges.mexc import wire, wire_rules, wire_wallet
from spotlane.exchanges.mexc.auth import MexcAuthenticator
from spotlane.exchanges.mexc.errors import ERRORS, tell
from spotlane.safety import Intent, SymbolRules
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

_MOST_OPEN_ORDERS = 1_000


class MexcPrivateRest(TradingClient, RecordsClient, WalletClient):
    """One account on MEXC spot.

    Implements PrivateSpotRest. credentials hold the access key and the secret; the keyword options are those of every
    exchange (OptionFields). What MEXC does differently from its documentation stands in this folder's README.md.
    """

    spec = mexc.SPEC
    basics = Basics(
        authenticator=MexcAuthenticator,
        error_table=ERRORS,
        tell=tell,
        time_endpoint=mexc.TIME,
        read_time_ms=wire.read_time_ms,
        rules_endpoint=mexc.RULES,
        read_rules=wire_rules.read_rules,
    )

    def _place_request(self, intent: Intent) -> Request:
        wire_symbol = intent.rules.wire
        query = wire.place_query(wire_symbol, intent.params, intent.client_order_id)
        return Request.to(
            mexc.PLACE, query, not_after_ms=intent.not_after_ms, window_ms=intent.window_ms, symbol=wire_symbol
        )

    def _read_placed(self, body: bytes, intent: Intent) -> Order:
        return wire.read_placed(body, intent)

    def _order_request(self, rules: SymbolRules, order_id: str | None, client_order_id: str | None) -> Request:
        return Request.to(mexc.ORDER, wire.ORDER_QUERY.fill(rules.wire, order_id, client_order_id), symbol=rules.wire)

    def _read_order(self, body: bytes, symbols: Mapping[str, Symbol]) -> Order:
        return wire.read_order(body, symbols, self._count_unknown)

    def _cancel_request(self, rules: SymbolRules, order_id: str | None, client_order_id: str | None) -> Request:
        return Request.to(mexc.CANCEL, wire.ORDER_QUERY.fill(rules.wire, order_id, client_order_id), symbol=rules.wire)

    def _read_cancelled(self, body: bytes, symbols: Mapping[str, Symbol]) -> Order:
        return wire.CANCELLED.one(body, symbols, on_unknown=self._count_unknown)

    async def _fetch_balances(self, deadline: float) -> list[AssetBalance]:
        return await self._read(Request.to(mexc.ACCOUNT), wire.BALANCES.many, deadline=deadline)

    async def _fetch_open_orders(self, rules: SymbolRules | None, deadline: float) -> list[Order]:
        query = wire.SYMBOL_QUERY.fill(None if rules is None else rules.wire)
        orders = await self._read(
            Request.to(mexc.OPEN_ORDERS, query, symbol="" if rules is None else rules.wire),
            self._read_orders,
            deadline=deadline,
        )
        if len(orders) >= _MOST_OPEN_ORDERS:
            raise HistoryIncomplete(
                f"MEXC lists {_MOST_OPEN_ORDERS} open orders at most, so there may be more"
                + (": ask symbol by symbol" if rules is None else ""),
                start_ms=0,
                end_ms=0,
            )
        return orders

    async def _fetch_orders(self, rules: SymbolRules, start_ms: int, end_ms: int, deadline: float) -> list[Order]:
        query = wire.ORDERS_QUERY.fill(rules.wire, start_ms, end_ms, mexc.ORDER_HISTORY.page_rows)
        return await self._read(
            Request.to(mexc.ALL_ORDERS, query, symbol=rules.wire), self._read_orders, deadline=deadline
        )

    async def _fetch_trades(
        self, rules: SymbolRules, order_id: str | None, start_ms: int, end_ms: int, deadline: float
    ) -> list[Trade]:
        query = wire.TRADES_QUERY.fill(rules.wire, order_id, start_ms, end_ms, mexc.TRADE_HISTORY.page_rows)
        request = Request.to(mexc.TRADES, query, symbol=rules.wire)
        return await self._read(request, wire.TRADE.many, deadline=deadline, confirm=of_order(order_id))

    async def _fetch_fee(self, rules: SymbolRules, deadline: float) -> TradingFee:
        request = Request.to(mexc.FEE, wire.SYMBOL_QUERY.fill(rules.wire))
        return await self._read(request, lambda body, _: wire_wallet.read_fee(body, rules.symbol), deadline=deadline)

    def _cancel_all_request(self, rules: SymbolRules) -> Request:
        return Request.to(mexc.CANCEL_ALL, wire.SYMBOL_QUERY.fill(rules.wire), symbol=rules.wire)

    def _read_all_cancelled(self, body: bytes, symbols: Mapping[str, Symbol]) -> list[Order]:
        return wire.CANCELLED.many(body, symbols, on_unknown=self._count_unknown)

    def _test_request(self, rules: SymbolRules, params: OrderParams, client_order_id: str) -> Request:
        return Request.to(mexc.TEST_ORDER, wire.place_query(rules.wire, params, client_order_id))

    async def _fetch_deposit_addresses(
        self, asset: AssetName, network: str | None, deadline: float
    ) -> list[DepositAddress]:
        """Fetch the addresses of all networks; one that was never made on MEXC's web site is not among them."""
        request = Request.to(mexc.DEPOSIT_ADDRESS, wire_wallet.ASSET_QUERY.fill(asset))
        return await self._read(request, wire_wallet.read_deposit_addresses, deadline=deadline)

    async def _fetch_networks(self, asset: AssetName, deadline: float) -> Mapping[AssetName, Sequence[AssetNetwork]]:
        return await self._read(Request.to(mexc.NETWORKS), wire_wallet.read_networks, deadline=deadline)

    async def _fetch_saved_addresses(self, asset: AssetName, deadline: float) -> Sequence[SavedAddress]:
        saved: list[SavedAddress] = []
        page = pages = 1
        while page <= pages:
            request = Request.to(mexc.SAVED_ADDRESSES, wire_wallet.BOOK_QUERY.fill(asset, page))
            found, pages = await self._read(request, wire_wallet.read_saved_addresses, deadline=deadline)
            saved += found
            page += 1
        return saved

    def _withdraw_request(self, request: WithdrawalRequest) -> Request:
        return Request.to(mexc.WITHDRAW, wire_wallet.withdraw_query(request))

    def _read_withdrawn(self, body: bytes) -> WithdrawalResponse:
        return wire_wallet.WITHDRAWN.one(body)

    async def _fetch_withdrawals(
        self, asset: AssetName | None, start_ms: int, end_ms: int, deadline: float
    ) -> list[WithdrawalResponse]:
        query = wire_wallet.WALLET_QUERY.fill(asset, start_ms, end_ms, mexc.WALLET_HISTORY.page_rows)
        return await self._read(
            Request.to(mexc.WITHDRAWALS, query),
            lambda body, _: wire_wallet.read_withdrawals(body, self._count_unknown),
            deadline=deadline,
        )

    async def _fetch_deposits(
        self, asset: AssetName | None, start_ms: int, end_ms: int, deadline: float
    ) -> list[Deposit]:
        query = wire_wallet.WALLET_QUERY.fill(asset, start_ms, end_ms, mexc.WALLET_HISTORY.page_rows)
        return await self._read(Request.to(mexc.DEPOSITS, query), wire_wallet.read_deposits, deadline=deadline)

    def _cancel_withdrawal_request(self, withdrawal_id: str) -> Request:
        return Request.to(mexc.CANCEL_WITHDRAWAL, wire_wallet.ID_QUERY.fill(withdrawal_id))

    def _read_withdrawal_cancelled(self, body: bytes, symbols: Mapping[str, Symbol]) -> object:
        return wire_wallet.WITHDRAWN.one(body)

    def _read_orders(self, body: bytes, symbols: Mapping[str, Symbol]) -> list[Order]:
        return wire.read_orders(body, symbols, self._count_unknown)
