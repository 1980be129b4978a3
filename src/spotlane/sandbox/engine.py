"""The simulated exchange without its wire: accounts, markets, orders, time. It knows no exchange by name."""

from __future__ import annotations

import heapq
import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal

from spotlane.sandbox.accounts import COUNTERPARTY, HOUSE, OUTSIDE, TRADER, Accounts, Holding
from spotlane.sandbox.checks import check_request
from spotlane.sandbox.clock import SandboxClock
from spotlane.sandbox.engine_settings import DuplicateIds, EngineSettings, ExpiryCheck, check_lag, check_operation
from spotlane.sandbox.ledger import Ledger
from spotlane.sandbox.liquidity import Liquidity
from spotlane.sandbox.matching import Market, Plan
from spotlane.sandbox.money import exact, floor_to
from spotlane.sandbox.order_store import OrderStore
from spotlane.sandbox.records import Fill, Listing, OrderRecord, OrderRequest, OrderView, Reason, Refused
from spotlane.sandbox.wallet import Wallet
from spotlane.structs.enums import OrderType, Side, TimeInForce

__all__ = ["DAY_MS", "DuplicateIds", "Engine", "EngineSettings"]

DAY_MS = 86_400_000


class Engine:
    """One exchange in memory; single-threaded, and every call is finished when it returns.

    Reads see the state of visibility_lag_ms ago; `ledger` is the truth. Equal seeds and equal calls give equal books.
    """

    def __init__(
        self, *, clock: SandboxClock | None = None, seed: int = 0, settings: EngineSettings | None = None
    ) -> None:
        self.clock = clock or SandboxClock()
        self.seed = seed
        self.settings = settings or EngineSettings()
        self._duplicates = DuplicateIds(self.settings.duplicate_client_ids)
        self.ledger = Ledger(kept_events=self.settings.kept_events, on_forget=self._forget)
        self.accounts = Accounts(self.clock)
        self.visibility_lag_ms: dict[str, int] = {}
        self.format_order_id: Callable[[int], str] = str
        self.wallet = Wallet(self.clock, seed, self.accounts, self.ledger, self.settings.wallet)
        self._orders = OrderStore(
            self.clock,
            finds_first=self._duplicates is DuplicateIds.ACCEPT,
            kept_orders=self.settings.kept_orders,
            on_forget=self.ledger.drop,
        )
        self._instant_fill = random.Random(f"{seed} instant fill").random
        self._order_count = 0
        self._trade_count = 0
        self._hooks: defaultdict[str, list[Callable[[], object]]] = defaultdict(list)
        self._schedule: list[tuple[int, int, Callable[[], object]]] = []
        self._scheduled = 0
        self._touched: set[str] = set()
        self._liquidity = Liquidity(seed, self._place_for_house, self._cancel_for_house)
        self.markets: dict[str, Market] = {}
        assert not isinstance(self.settings.visibility_lag_ms, int)
        self.set_visibility_lag(**self.settings.visibility_lag_ms)
        for listing in self.settings.listings:
            self.list_symbol(replace(listing, price_band=listing.price_band or self.settings.price_band))
        for asset, amount in self.settings.balances.items():
            self.credit(asset, amount)

    @exact
    def check(self, request: OrderRequest) -> None:
        """Validate an order without placing it; the balance is not looked at. Raises Refused."""
        check_request(request, self._market(request.symbol))

    @exact
    def place(self, request: OrderRequest) -> OrderRecord:
        """Accept an order, match it and rest or cancel what is left; Refused changes nothing."""
        self.settle("place")
        market = self._market(request.symbol)
        check_request(request, market)
        self._check_client_id(request)
        if len(self._orders.open_of(request.account)) >= self.settings.open_order_limit:
            raise Refused(Reason.TOO_MANY_ORDERS, limit=Decimal(self.settings.open_order_limit))
        plan = market.plan(request)
        is_unfilled_fok = request.time_in_force is TimeInForce.FOK and not plan.is_complete
        if is_unfilled_fok and self.settings.refuse_unfilled_fok:
            raise Refused(Reason.FOK_UNFILLED)
        if request.order_type is OrderType.MARKET and not plan.fills and not plan.stp_cancels:
            raise Refused(Reason.NO_COUNTERPARTY)
        would_take = request.order_type is OrderType.LIMIT_MAKER and bool(plan.fills or plan.stp_cancels)
        if would_take and self.settings.refuse_crossing_makers:
            raise Refused(Reason.WOULD_TAKE)
        order = self._admit(request, market, plan, is_void=would_take)
        if order.is_resting and self.settings.instant_fill and self._instant_fill() < self.settings.instant_fill:
            self._fill(order, order.remaining_quantity)
        self._refill()
        return order

    @exact
    def cancel(
        self, account: str, symbol: str, order_id: str | None = None, client_order_id: str | None = None
    ) -> OrderView:
        """Cancel an order and return it as it stood when the request arrived; Refused where nothing is open."""
        order = self.find(account, symbol, order_id, client_order_id)
        before = order.view() if order is not None else None
        self.settle("cancel")
        if order is None or before is None or not order.is_open or self._is_hidden(order, "cancel"):
            raise Refused(Reason.UNKNOWN_ORDER)
        self.markets[symbol].close(order)
        self._refill()
        return before

    @exact
    def amend(
        self,
        account: str,
        symbol: str,
        order_id: str | None = None,
        client_order_id: str | None = None,
        *,
        quantity: Decimal | None = None,
        price: Decimal | None = None,
    ) -> OrderRecord:
        """Change the whole quantity or the price of an open order; Refused changes nothing.

        Its place in the queue is kept where only the quantity shrinks. A quantity that is filled already cancels the
        rest, and the order keeps its old quantity.
        """
        self.settle("amend")
        order = self.find(account, symbol, order_id, client_order_id)
        if order is None or not order.is_open or self._is_hidden(order, "amend"):
            raise Refused(Reason.UNKNOWN_ORDER)
        given = order.request
        request = replace(
            given,
            quantity=given.quantity if quantity is None else quantity,
            price=given.price if price is None else price,
        )
        if (request.quantity, request.price) == (given.quantity, given.price):
            raise Refused(Reason.NO_CHANGE)
        if not 0 < (request.quantity or 0) <= order.filled_quantity:
            check_request(request, self.markets[symbol])
        self.markets[symbol].amend(order, request)
        self._refill()
        return order

    @exact
    def cancel_all(
        self, account: str, symbols: Iterable[str] | None = None, side: Side | None = None
    ) -> list[OrderView]:
        """Cancel every open order of an account, of some symbols and one side where given; returns them as before."""
        self.settle("cancel")
        chosen = None if symbols is None else set(symbols)
        orders = [
            order
            for order in self._orders.open_of(account).values()
            if (chosen is None or order.symbol in chosen) and side in (None, order.side)
        ]
        before = [order.views[-1] for order in orders]
        for order in orders:
            self.markets[order.symbol].close(order)
        self._refill()
        return before

    def order(
        self, account: str, symbol: str, order_id: str | None = None, client_order_id: str | None = None
    ) -> OrderView | None:
        """Return an order as a reader sees it, or None; one that is done by its client id only where finds_finished."""
        self.settle("order")
        order = self.find(account, symbol, order_id, client_order_id)
        if order is None:
            return None
        view = order.view(self._seen_at("order" if order_id is not None else "client_id"))
        if order_id is None and not self.settings.finds_finished and view is not None and view.status.is_terminal:
            return None
        return view

    def open_orders(self, account: str, symbols: Iterable[str] | None = None) -> list[OrderView]:
        """Return the open orders of an account as a reader sees them, oldest first."""
        self.settle("open_orders")
        views = self._orders.seen_open(account, self._seen_at("open_orders"))
        chosen = None if symbols is None else set(symbols)
        return views if chosen is None else [view for view in views if view.record.symbol in chosen]

    def order_history(self, account: str, symbol: str, start_ms: int, end_ms: int) -> list[OrderView]:
        """Return the orders that were created in [start_ms, end_ms], newest first, as a reader sees them."""
        self.settle("order_history")
        return self._orders.created(account, symbol, start_ms, end_ms, self._seen_at("order_history"))

    def finished_orders(self, account: str, symbol: str, start_ms: int, end_ms: int) -> list[OrderView]:
        """Return the orders that ended in [start_ms, end_ms], the last one first, as a reader sees them."""
        self.settle("order_history")
        return self._orders.finished(account, symbol, start_ms, end_ms, self._seen_at("order_history"))

    def trades(self, account: str, symbol: str, start_ms: int, end_ms: int, order_id: str | None = None) -> list[Fill]:
        """Return the fills of [start_ms, end_ms], newest first, as a reader sees them."""
        self.settle("trades")
        fills = self._orders.fills(account, start_ms, end_ms, self._seen_at("trades"))
        return [fill for fill in fills if fill.symbol == symbol and order_id in (None, fill.order_id)]

    def find(self, account: str, symbol: str, order_id: str | None, client_order_id: str | None) -> OrderRecord | None:
        """Return an order as it really stands, or None; nothing that is due happens first."""
        return self._orders.find(account, symbol, order_id, client_order_id)

    def expiry_moments(self, received_ms: int | None) -> tuple[int, ...]:
        """Return the moments at which a request that arrived at received_ms must still be valid (see expiry_check)."""
        now_ms = self.clock.now_ms()
        if received_ms is None or received_ms == now_ms:
            return (now_ms,)
        return (received_ms,) if self.settings.expiry_check is ExpiryCheck.RECEIPT else (received_ms, now_ms)

    @exact
    def balances(self, account: str = TRADER) -> dict[str, Holding]:
        """Return what an account holds, as a reader sees it."""
        self.settle("balances")
        return self.accounts.balances(account, self.visibility_lag_ms.get("balances", 0))

    @exact
    def credit(self, asset: str, amount: Decimal | int, account: str = TRADER) -> None:
        """Give an account money from outside; a negative amount takes it away. Refused where there is less."""
        amount = Decimal(amount)
        source, target = (OUTSIDE, account) if amount >= 0 else (account, OUTSIDE)
        self.accounts.move(asset, abs(amount), source=source, target=target)
        self.ledger.append(self.clock.now_ms(), "credited", account, asset=asset, amount=amount)

    @exact
    def trade_against(self, order_id: str, quantity: Decimal | int) -> Fill:
        """Let a counterparty fill a resting order at its own price, whatever else rests; returns the order's fill.

        Refused for an order that is not open and for more than its remaining quantity.
        """
        self.settle("control")
        order = self._orders.get(order_id)
        if order is None or not order.is_resting:
            raise Refused(Reason.UNKNOWN_ORDER)
        size = Decimal(quantity)
        if not 0 < size <= order.remaining_quantity:
            raise Refused(Reason.QUANTITY_TOO_LARGE, limit=order.remaining_quantity)
        return self._fill(order, size)

    @exact
    def set_price(self, symbol: object, price: Decimal | int) -> None:
        """Move a market: the house quotes around the new price, and orders that are crossed by that are filled."""
        self.settle("control")
        market = self._market(str(symbol))
        self._liquidity.quote(market, floor_to(Decimal(price), market.listing.tick))
        market.last_price = floor_to(Decimal(price), market.listing.tick)

    @exact
    def clear_liquidity(self, symbol: object) -> None:
        """Take the house's orders out of one book; set_price() brings them back."""
        self._liquidity.withdraw(self._market(str(symbol)).listing.symbol)

    @exact
    def list_symbol(self, listing: Listing) -> None:
        """List a symbol, or replace the rules of a listed one; its book and open orders stay."""
        known = self.markets.get(listing.symbol)
        if known is not None:
            known.listing = listing
            return
        market = Market(
            listing, self.accounts, fee_asset=self.settings.fee_asset, new_trade_id=self._next_trade_id,
            on_change=self._changed, now_ms=self.clock.now_ms,
        )  # fmt: skip
        self.markets[listing.symbol] = market
        if listing.opening_price is not None:
            self._liquidity.quote(market, listing.opening_price)

    def set_visibility_lag(self, **lag_ms: int) -> None:
        """Choose how old the state is that each read sees, in milliseconds: order=300, balances=1000, ...

        Without one of its own a look-up by client id has that of order. Raises UsageError.
        """
        for operation, milliseconds in lag_ms.items():
            check_lag(operation, milliseconds)
            self.visibility_lag_ms[operation] = milliseconds
        self.accounts.kept_ms = self.visibility_lag_ms.get("balances", 0)

    def before_next(self, operation: str, action: Callable[[], object]) -> None:
        """Run an action once, just before the next request of this kind takes effect: a race, on demand."""
        check_operation(operation)
        self._hooks[operation].append(action)

    def after(self, delay_ms: int, action: Callable[[], object]) -> None:
        """Run an action once the clock has moved on by delay_ms; it runs when the engine is next asked for anything."""
        self._scheduled += 1
        heapq.heappush(self._schedule, (self.clock.now_ms() + delay_ms, self._scheduled, action))

    @exact
    def settle(self, operation: str = "wallet") -> None:
        """Run whatever is due by now: scheduled actions, withdrawals, and what waits for this operation."""
        now_ms = self.clock.now_ms()
        while self._schedule and self._schedule[0][0] <= now_ms:
            heapq.heappop(self._schedule)[2]()
        self.wallet.advance()
        hooks = self._hooks.get(operation)
        while hooks:
            hooks.pop(0)()

    def _market(self, symbol: str) -> Market:
        market = self.markets.get(symbol)
        if market is None:
            raise Refused(Reason.UNKNOWN_SYMBOL)
        return market

    def _check_client_id(self, request: OrderRequest) -> None:
        model = self._duplicates
        if request.client_order_id is None or model in (DuplicateIds.ACCEPT, DuplicateIds.OVERRIDE):
            return
        earlier = self._orders.of_client_id(request.account, request.client_order_id)
        if earlier and (model is DuplicateIds.FOR_EVER or any(order.is_open for order in earlier)):
            raise Refused(Reason.DUPLICATE_CLIENT_ID)

    def _admit(self, request: OrderRequest, market: Market, plan: Plan, *, is_void: bool) -> OrderRecord:
        order = self._record(request) if is_void else self._funded(request, market, plan)
        self._remember(order)
        if is_void:
            market.close(order)
        else:
            market.execute(order, plan)
        return order

    def _funded(self, request: OrderRequest, market: Market, plan: Plan) -> OrderRecord:
        amount = market.required(request, plan)
        self.accounts.lock(request.account, market.lock_asset(request.side), amount)
        order = self._record(request)
        order.locked = amount
        return order

    def _record(self, request: OrderRequest) -> OrderRecord:
        self._order_count += 1
        return OrderRecord(self.format_order_id(self._order_count), self._order_count, request, self.clock.now_ms())

    def _remember(self, order: OrderRecord) -> None:
        if order.request.account in HOUSE:
            return
        self._orders.add(order)
        self.ledger.accept(order.created_ms, order)

    def _changed(self, order: OrderRecord, fill: Fill | None) -> None:
        account = order.request.account
        if account in HOUSE:
            self._touched.add(order.symbol)
            self._liquidity.disturb(order.symbol)
            return
        now_ms = self.clock.now_ms()
        if fill is not None:
            self.ledger.append(now_ms, "order_filled", account, order_id=order.order_id, fill=fill)
        if not order.is_open:
            self._touched.add(order.symbol)
            self.ledger.close(now_ms, order)
        self._orders.change(order, fill)

    def _fill(self, order: OrderRecord, size: Decimal) -> Fill:
        market = self.markets[order.symbol]
        request = OrderRequest(
            COUNTERPARTY, order.symbol, order.side.opposite, OrderType.LIMIT, TimeInForce.IOC, size, None, order.price
        )
        plan = Plan()
        plan.take(order, size)
        market.trade(order, self._funded(request, market, plan), size)
        return order.fills[-1]

    def _forget(self, orders: list[OrderRecord]) -> None:
        for order in orders:
            self._orders.forget(order)

    def _seen_at(self, operation: str) -> int | None:
        lags_ms = self.visibility_lag_ms
        lag_ms = lags_ms.get(operation, lags_ms.get("order", 0) if operation == "client_id" else 0)
        return self.clock.elapsed_ms() - lag_ms if lag_ms else None

    def _is_hidden(self, order: OrderRecord, operation: str) -> bool:
        return order.view(self._seen_at(operation)) is None

    def _next_trade_id(self) -> int:
        self._trade_count += 1
        return self._trade_count

    def _refill(self) -> None:
        touched, self._touched = self._touched, set()
        if self.settings.refill:
            for symbol in sorted(touched):
                self._liquidity.refill(symbol)
        self._touched.clear()

    def _place_for_house(self, request: OrderRequest) -> OrderRecord | None:
        market = self.markets[request.symbol]
        plan = market.plan(request)
        if request.order_type is OrderType.LIMIT_MAKER and plan.fills:
            return None
        return self._admit(request, market, plan, is_void=False)

    def _cancel_for_house(self, order: OrderRecord) -> None:
        self.markets[order.symbol].close(order)
