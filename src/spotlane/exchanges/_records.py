"""What an account has and did: balances, orders and fills of a time, and what trading costs it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Unpack

from spotlane.credentials import Credentials
from spotlane.errors import DecodeError
from spotlane.exchanges._aged import Aged
from spotlane.exchanges._client import ExchangeClient
from spotlane.exchanges._options import OptionFields
from spotlane.safety import SymbolRules
from spotlane.structs import AssetBalance, AssetName, Order, Symbol, Trade, TradingFee

_FEES_MAX_AGE_S = 600.0


class RecordsClient(ExchangeClient):
    """Balances and histories, as far as they do not differ from exchange to exchange.

    Subclasses fetch one page of one window; that all windows and all pages are read stands here.
    """

    def __init__(self, credentials: Credentials, **options: Unpack[OptionFields]) -> None:
        super().__init__(credentials, **options)
        self._fees: Aged[Symbol, TradingFee] = Aged(self._clock, _FEES_MAX_AGE_S)

    @abstractmethod
    async def _fetch_balances(self, deadline: float) -> list[AssetBalance]:
        """Fetch what the account holds of every asset."""

    @abstractmethod
    async def _fetch_orders(self, rules: SymbolRules, start_ms: int, end_ms: int, deadline: float) -> list[Order]:
        """Fetch a page of the orders of a window."""

    @abstractmethod
    async def _fetch_trades(
        self, rules: SymbolRules, order_id: str | None, start_ms: int, end_ms: int, deadline: float
    ) -> list[Trade]:
        """Fetch a page of the fills of a window, of one order or of all."""

    @abstractmethod
    async def _fetch_fee(self, rules: SymbolRules, deadline: float) -> TradingFee:
        """Fetch the account's fee rates for a symbol."""

    async def get_account_balance(self) -> dict[AssetName, AssetBalance]:
        """Return what the account holds now, by asset; see PrivateTradingInterface."""
        return {balance.asset: balance for balance in await self._fetch_balances(self._begin())}

    async def get_order_history(
        self, symbol: Symbol, *, start_ms: int | None = None, end_ms: int | None = None
    ) -> list[Order]:
        """Return every order of a symbol created in [start_ms, end_ms], oldest first; see PrivateTradingInterface.

        How far the exchange reaches back stands in its spec, histories["orders"].
        """
        deadline = self._begin()
        rules = self._book.find(symbol)
        orders = await self._collect(
            lambda first_ms, last_ms: self._fetch_orders(rules, first_ms, last_ms, deadline),
            self.spec.histories["orders"],
            start_ms,
            end_ms,
            lambda order: order.order_id,
            f"orders of {symbol}",
        )
        return sorted(orders, key=lambda order: (order.created_ms or 0, order.order_id))

    async def get_trades(
        self,
        symbol: Symbol,
        *,
        order_id: str | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
    ) -> list[Trade]:
        """Return every fill of a symbol in [start_ms, end_ms], or of one order, oldest first, each once.

        How far the exchange reaches back, and how finely its time stamps tell fills apart, stands in its spec,
        histories["trades"]: more fills in one step of them than a page holds raise HistoryIncomplete, and can be had
        order by order.
        """
        deadline = self._begin()
        rules = self._book.find(symbol)
        trades = await self._collect(
            lambda first_ms, last_ms: self._fetch_trades(rules, order_id, first_ms, last_ms, deadline),
            self.spec.histories["trades"],
            start_ms,
            end_ms,
            lambda trade: trade.trade_id,
            f"trades of {symbol}",
        )
        return sorted(trades, key=lambda trade: (trade.time_ms or 0, trade.trade_id))

    async def get_trading_fee(self, symbol: Symbol) -> TradingFee:
        """Return the account's fee rates for a symbol, at most ten minutes old."""
        deadline = self._begin()
        rules = self._book.find(symbol)
        return await self._fees.get(symbol, lambda: self._fetch_fee(rules, deadline))


def of_order(order_id: str | None) -> Callable[[list[Trade]], None]:
    """Return a check that fills are those of one order, for requests that name it; None: of any."""

    def confirm(trades: list[Trade]) -> None:
        other = next((each for each in trades if order_id is not None and each.order_id not in (None, order_id)), None)
        if other is not None:
            raise DecodeError(f"the reply is about another order, {other.order_id!r}")

    return confirm
