"""The Acme client: what differs from exchange to exchange, a few lines a method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spotlane.exchanges._basics import Basics
from spotlane.exchanges._records import RecordsClient, of_order
from spotlane.exchanges._template import spec as acme
from spotlane.exchanges._template import wire
from spotlane.exchanges._template.auth import AcmeAuthenticator
from spotlane.exchanges._template.errors import ERRORS, tell
from spotlane.exchanges._trading import TradingClient
from spotlane.exchanges._wallet import WalletClient
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


class AcmePrivateRest(TradingClient, RecordsClient, WalletClient):
    """One account on Acme spot.

    Implements PrivateSpotRest. credentials hold the key and the secret; the options are those of every exchange, see
    spotlane.exchanges._options. What Acme does differently from its documentation stands in this folder's README.md.
    """

    # FILL: nothing but what differs. The order of steps, deadlines, look-ups, paging and every refusal that needs no
    # request stand in the three base classes; each method here builds a request or reads a reply.

    spec = acme.SPEC
    basics = Basics(
        authenticator=AcmeAuthenticator,
        error_table=ERRORS,
        tell=tell,
        time_endpoint=acme.TIME,
        read_time_ms=wire.read_time_ms,
        rules_endpoint=acme.RULES,
        read_rules=wire.read_rules,
    )

    def _place_request(self, intent: Intent) -> Request:
        # not_after_ms and window_ms bound the time at which the exchange can still admit the order: without them a
        # delayed request could be executed after its call had ended.
        return Request.to(
            acme.PLACE,
            wire.place_query(intent),
            not_after_ms=intent.not_after_ms,
            window_ms=intent.window_ms,
            symbol=intent.rules.wire,
        )

    def _read_placed(self, body: bytes, intent: Intent) -> Order:
        return wire.read_placed(body, intent)

    def _order_request(self, rules: SymbolRules, order_id: str | None, client_order_id: str | None) -> Request:
        return Request.to(acme.ORDER, wire.ORDER_QUERY.fill(rules.wire, order_id, client_order_id), symbol=rules.wire)

    def _read_order(self, body: bytes, symbols: Mapping[str, Symbol]) -> Order:
        return wire.ORDER.one(body, symbols, on_unknown=self._count_unknown)

    def _cancel_request(self, rules: SymbolRules, order_id: str | None, client_order_id: str | None) -> Request:
        return Request.to(acme.CANCEL, wire.ORDER_QUERY.fill(rules.wire, order_id, client_order_id), symbol=rules.wire)

    def _read_cancelled(self, body: bytes, symbols: Mapping[str, Symbol]) -> Order:
        return self._read_order(body, symbols)

    def _cancel_all_request(self, rules: SymbolRules) -> Request:
        return Request.to(acme.CANCEL_ALL, wire.SYMBOL_QUERY.fill(rules.wire), symbol=rules.wire)

    def _read_all_cancelled(self, body: bytes, symbols: Mapping[str, Symbol]) -> list[Order]:
        return self._read_orders(body, symbols)

    async def _fetch_open_orders(self, rules: SymbolRules | None, deadline: float) -> list[Order]:
        # FILL: read all pages where there are some, and raise HistoryIncomplete where a list is cut off.
        query = wire.SYMBOL_QUERY.fill(None if rules is None else rules.wire)
        return await self._read(
            Request.to(acme.OPEN_ORDERS, query, symbol="" if rules is None else rules.wire),
            self._read_orders,
            deadline=deadline,
        )

    async def _fetch_balances(self, deadline: float) -> list[AssetBalance]:
        return await self._read(Request.to(acme.BALANCES), wire.BALANCE.many, deadline=deadline)

    async def _fetch_orders(self, rules: SymbolRules, start_ms: int, end_ms: int, deadline: float) -> list[Order]:
        # FILL: one page of one window, by the time of creation; both ends belong to it. Windows and pages are put
        # together in spotlane.exchanges._history.
        query = wire.ORDERS_QUERY.fill(rules.wire, start_ms, end_ms, self.spec.histories["orders"].page_rows)
        return await self._read(Request.to(acme.ORDERS, query, symbol=rules.wire), self._read_orders, deadline=deadline)

    async def _fetch_trades(
        self, rules: SymbolRules, order_id: str | None, start_ms: int, end_ms: int, deadline: float
    ) -> list[Trade]:
        page_rows = self.spec.histories["trades"].page_rows
        query = wire.TRADES_QUERY.fill(rules.wire, order_id, start_ms, end_ms, page_rows)
        request = Request.to(acme.TRADES, query, symbol=rules.wire)
        return await self._read(request, wire.TRADE.many, deadline=deadline, confirm=of_order(order_id))

    async def _fetch_fee(self, rules: SymbolRules, deadline: float) -> TradingFee:
        request = Request.to(acme.FEE, wire.SYMBOL_QUERY.fill(rules.wire))
        return await self._read(request, wire.FEE.one, deadline=deadline)

    async def _fetch_networks(self, asset: AssetName, deadline: float) -> Mapping[AssetName, Sequence[AssetNetwork]]:
        told = await self._read(Request.to(acme.NETWORKS), wire.NETWORK.many, deadline=deadline)
        networks: dict[AssetName, list[AssetNetwork]] = {}
        for network in told:
            networks.setdefault(network.asset, []).append(network)
        return networks

    async def _fetch_saved_addresses(self, asset: AssetName, deadline: float) -> Sequence[SavedAddress]:
        request = Request.to(acme.SAVED_ADDRESSES, wire.ASSET_QUERY.fill(asset))
        return await self._read(request, wire.SAVED_ADDRESS.many, deadline=deadline)

    async def _fetch_deposit_addresses(
        self, asset: AssetName, network: str | None, deadline: float
    ) -> list[DepositAddress]:
        request = Request.to(acme.DEPOSIT_ADDRESSES, wire.ASSET_QUERY.fill(asset))
        return await self._read(request, wire.DEPOSIT_ADDRESS.many, deadline=deadline)

    def _withdraw_request(self, request: WithdrawalRequest) -> Request:
        # FILL: request.one_time_code, where the exchange takes one; declare withdrawal.one_time_code then.
        query = wire.WITHDRAW_QUERY.fill(
            request.asset,
            request.network,
            request.address,
            request.memo,
            request.amount,
            request.client_withdrawal_id,
            request.remark,
        )
        return Request.to(acme.WITHDRAW, query)

    def _read_withdrawn(self, body: bytes) -> WithdrawalResponse:
        return wire.WITHDRAWAL.one(body, on_unknown=self._count_unknown)

    async def _fetch_withdrawals(
        self, asset: AssetName | None, start_ms: int, end_ms: int, deadline: float
    ) -> list[WithdrawalResponse]:
        page_rows = self.spec.histories["withdrawals"].page_rows
        query = wire.TRANSFERS_QUERY.fill(asset, start_ms, end_ms, page_rows)
        return await self._read(Request.to(acme.WITHDRAWALS, query), self._read_withdrawals, deadline=deadline)

    async def _fetch_deposits(
        self, asset: AssetName | None, start_ms: int, end_ms: int, deadline: float
    ) -> list[Deposit]:
        query = wire.TRANSFERS_QUERY.fill(asset, start_ms, end_ms, self.spec.histories["deposits"].page_rows)
        return await self._read(Request.to(acme.DEPOSITS, query), wire.DEPOSIT.many, deadline=deadline)

    def _cancel_withdrawal_request(self, withdrawal_id: str) -> Request:
        return Request.to(acme.CANCEL_WITHDRAWAL, wire.ID_QUERY.fill(withdrawal_id))

    def _read_withdrawal_cancelled(self, body: bytes, symbols: Mapping[str, Symbol]) -> object:
        return self._read_withdrawn(body)

    def _read_orders(self, body: bytes, symbols: Mapping[str, Symbol]) -> list[Order]:
        return wire.ORDER.many(body, symbols, on_unknown=self._count_unknown)

    def _read_withdrawals(self, body: bytes, symbols: object) -> list[WithdrawalResponse]:
        return wire.WITHDRAWAL.many(body, on_unknown=self._count_unknown)
