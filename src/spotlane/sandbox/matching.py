"""One symbol's market: plans what an order would do, then settles exactly that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import Enum

from spotlane.sandbox.accounts import FEES, HOUSE, Accounts
from spotlane.sandbox.book import OrderBook
from spotlane.sandbox.money import ZERO, floor_quotient
from spotlane.sandbox.records import Fill, Listing, OrderRecord, OrderRequest, Reason, Refused, SelfTrade
from spotlane.structs.enums import OrderStatus, OrderType, Side, TimeInForce


class FeeAsset(Enum):
    """What a fee is paid in."""

    QUOTE = "quote"
    RECEIVED = "received"


@dataclass(slots=True)
class Plan:
    """What an order would do to the book at this moment; STP is self-trade prevention."""

    fills: list[tuple[OrderRecord, Decimal]] = field(default_factory=list)
    stp_cancels: list[OrderRecord] = field(default_factory=list)
    is_stopped_by_stp: bool = False
    is_complete: bool = False
    quantity: Decimal = ZERO
    cost: Decimal = ZERO

    def take(self, maker: OrderRecord, quantity: Decimal) -> None:
        """Add a fill at the maker's price."""
        self.fills.append((maker, quantity))
        self.quantity += quantity
        self.cost += quantity * _price_of(maker)


def _price_of(order: OrderRecord) -> Decimal:
    if order.price is None:
        raise ValueError("an order without a price can't rest")
    return order.price


class Market:
    """The order book of one symbol together with the money that moves when orders meet.

    new_trade_id numbers the trades; on_change is told every order that was filled or closed, and the fill if any.
    """

    def __init__(
        self,
        listing: Listing,
        accounts: Accounts,
        *,
        fee_asset: FeeAsset,
        new_trade_id: Callable[[], int],
        on_change: Callable[[OrderRecord, Fill | None], None],
        now_ms: Callable[[], int],
    ) -> None:
        self.listing = listing
        self.book = OrderBook()
        self.last_price = listing.opening_price
        self._accounts = accounts
        self._fee_asset = fee_asset
        self._new_trade_id = new_trade_id
        self._on_change = on_change
        self._now_ms = now_ms

    def plan(self, request: OrderRequest) -> Plan:
        """Work out which resting orders a request would fill, and which self-trade prevention would cancel."""
        plan = Plan()
        for maker in self.book.facing(request.side, request.price):
            left = self._left(request, plan, _price_of(maker))
            if left <= 0:
                break
            if maker.request.account == request.account and request.self_trade is not SelfTrade.ALLOW:
                if request.self_trade is not SelfTrade.CANCEL_TAKER:
                    plan.stp_cancels.append(maker)
                if request.self_trade is not SelfTrade.CANCEL_MAKER:
                    plan.is_stopped_by_stp = True
                    break
                continue
            plan.take(maker, min(left, maker.remaining_quantity))
        if plan.fills:
            plan.is_complete = self._left(request, plan, _price_of(plan.fills[-1][0])) <= 0
        if request.time_in_force is TimeInForce.FOK and not plan.is_complete:
            return Plan()
        return plan

    def required(self, request: OrderRequest, plan: Plan) -> Decimal:
        """Return what the order must lock: quote including fees for a buy, base for a sell.

        A buy needs its whole notional at its limit even where it would trade at better prices.
        """
        if request.side is Side.SELL:
            return plan.quantity if request.quantity is None else request.quantity
        needed = plan.cost * (1 + self._fee_on_top(request.account, is_maker=False))
        if request.quantity is None:
            return max(needed, request.quote_quantity or ZERO)
        if request.price is None:
            return needed
        if request.time_in_force is TimeInForce.GTC and not plan.is_stopped_by_stp:
            needed += self._resting_lock(request, request.quantity - plan.quantity)
        return max(needed, request.quantity * request.price)

    def lock_asset(self, side: Side) -> str:
        """Return what an order of this side pays with."""
        return self.listing.quote if side is Side.BUY else self.listing.base

    def execute(self, order: OrderRecord, plan: Plan) -> None:
        """Carry the plan out and rest or cancel what is left; the required amount is locked already."""
        for maker in plan.stp_cancels:
            self.close(maker, reason="stp_cancel")
        for maker, quantity in plan.fills:
            self.trade(maker, order, quantity)
        request = order.request
        if plan.is_complete:
            self._finish(order, OrderStatus.FILLED)
        elif plan.is_stopped_by_stp:
            self.close(order, reason="stp_cancel")
        elif request.time_in_force is not TimeInForce.GTC:
            self.close(order)
        else:
            self._release(order, order.locked - self._lock_of(request, order.remaining_quantity))
            self.book.add(order)
            order.is_resting = True

    def amend(self, order: OrderRecord, request: OrderRequest) -> None:
        """Give a resting order new terms: it keeps its place where only the quantity shrinks, else it arrives anew."""
        if order.quantity is None or request.quantity is None:
            raise ValueError("an order that is sized in quote can't rest")
        if request.quantity <= order.filled_quantity:
            self.close(order)
            return
        keeps_place = request.price == order.price and request.quantity <= order.quantity
        rest = replace(request, quantity=request.quantity - order.filled_quantity)
        plan = Plan() if keeps_place else self.plan(rest)
        if request.order_type is OrderType.LIMIT_MAKER and (plan.fills or plan.stp_cancels):
            raise Refused(Reason.WOULD_TAKE)
        self._lock_to(order, self.required(rest, plan))
        if not keeps_place:
            self.book.remove(order)
            order.is_resting = False
        order.request = request
        order.updated_ms = self._now_ms()
        self._on_change(order, None)
        if not keeps_place:
            self.execute(order, plan)

    def trade(self, maker: OrderRecord, taker: OrderRecord, quantity: Decimal) -> None:
        """Settle one trade between a resting and an arriving order, at the resting order's price."""
        price = _price_of(maker)
        cost = quantity * price
        trade_id = self._new_trade_id()
        is_self_trade = maker.request.account == taker.request.account
        now_ms = self._now_ms()
        buyer, seller = (maker, taker) if maker.side is Side.BUY else (taker, maker)
        base, quote = self.listing.base, self.listing.quote
        self._pay(buyer, quote, cost, to=seller)
        self._pay(seller, base, quantity, to=buyer)
        for order, is_maker in ((maker, True), (taker, False)):
            fee, fee_asset = self._charge(order, quantity, cost, is_maker=is_maker)
            order.filled_quantity += quantity
            order.filled_quote_quantity += cost
            order.updated_ms = now_ms
            order.status = OrderStatus.PARTIALLY_FILLED
            fill = Fill(
                trade_id, order.order_id, order.client_order_id, order.request.account, self.listing.symbol, order.side,
                price, quantity, cost, fee, fee_asset, is_maker, is_self_trade, now_ms,
            )  # fmt: skip
            order.fills.append(fill)
            if is_maker and order.remaining_quantity == 0:
                self._finish(order, OrderStatus.FILLED, fill)
            else:
                self._on_change(order, fill)
        self.last_price = price

    def close(self, order: OrderRecord, *, reason: str | None = None) -> None:
        """Cancel what is left of an order, resting or not, and give its lock back."""
        order.cancel_reason = reason
        status = OrderStatus.PARTIALLY_CANCELED if order.filled_quantity else OrderStatus.CANCELED
        self._finish(order, status)

    def _left(self, request: OrderRequest, plan: Plan, price: Decimal) -> Decimal:
        if request.quantity is not None:
            return request.quantity - plan.quantity
        left = (request.quote_quantity or ZERO) - plan.cost
        return floor_quotient(left, price, self.listing.lot)

    def _finish(self, order: OrderRecord, status: OrderStatus, fill: Fill | None = None) -> None:
        if order.is_resting:
            self.book.remove(order)
            order.is_resting = False
        order.status = status
        order.updated_ms = self._now_ms()
        self._release(order, order.locked)
        self._on_change(order, fill)

    def _release(self, order: OrderRecord, amount: Decimal) -> None:
        if amount:
            order.locked -= amount
            self._accounts.unlock(order.request.account, self.lock_asset(order.side), amount)

    def _lock_to(self, order: OrderRecord, amount: Decimal) -> None:
        missing = amount - order.locked
        if missing > 0:
            self._accounts.lock(order.request.account, self.lock_asset(order.side), missing)
            order.locked = amount
        else:
            self._release(order, -missing)

    def _pay(self, payer: OrderRecord, asset: str, amount: Decimal, *, to: OrderRecord) -> None:
        self._release(payer, amount)
        self._accounts.move(asset, amount, source=payer.request.account, target=to.request.account)

    def _charge(self, order: OrderRecord, quantity: Decimal, cost: Decimal, *, is_maker: bool) -> tuple[Decimal, str]:
        rate = self._fee_rate(order.request.account, is_maker=is_maker)
        pays_base = self._fee_asset is FeeAsset.RECEIVED and order.side is Side.BUY
        asset = self.listing.base if pays_base else self.listing.quote
        fee = (quantity if pays_base else cost) * rate
        if fee:
            if order.side is Side.BUY and not pays_base:
                self._release(order, fee)
            self._accounts.move(asset, fee, source=order.request.account, target=FEES)
        return fee, asset

    def _fee_rate(self, account: str, *, is_maker: bool) -> Decimal:
        if account in HOUSE:
            return ZERO
        return self.listing.maker_fee if is_maker else self.listing.taker_fee

    def _fee_on_top(self, account: str, *, is_maker: bool) -> Decimal:
        return self._fee_rate(account, is_maker=is_maker) if self._fee_asset is FeeAsset.QUOTE else ZERO

    def _resting_lock(self, request: OrderRequest, quantity: Decimal) -> Decimal:
        return quantity * (request.price or ZERO) * (1 + self._fee_on_top(request.account, is_maker=True))

    def _lock_of(self, request: OrderRequest, quantity: Decimal) -> Decimal:
        return quantity if request.side is Side.SELL else self._resting_lock(request, quantity)
