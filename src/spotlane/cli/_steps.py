"""The demo's walk: one account from its first order to its last withdrawal."""

from __future__ import annotations

import statistics
from collections.abc import Awaitable, Callable
from decimal import ROUND_FLOOR, Decimal

from spotlane.cli._books import Books, draw_up, fees_by_asset
from spotlane.cli._calls import Caller, UnexpectedResult
from spotlane.cli._venue import Venue
from spotlane.cli.output import Screen, milliseconds, plain_number
from spotlane.errors import PrecisionError, UnknownSymbol, WithdrawalRefused
from spotlane.structs import (
    AssetBalance,
    AssetName,
    Order,
    OrderParams,
    OrderStatus,
    OrderType,
    Side,
    Symbol,
    TimeInForce,
    Trade,
    WithdrawalRequest,
    WithdrawalResponse,
    WithdrawalStatus,
)

BTC_USDT = Symbol("BTC", "USDT")

_PAUSE_S = 0.4
_RESTING, _FILLED_PART = Decimal("0.05"), Decimal("0.02")
_SPENT, _SOLD, _WITHDRAWN = Decimal(500), Decimal(2), Decimal(250)
_SMALL = Decimal("0.001")
_MOST_STATES = 12


class Walk:
    """The steps, each with its calls, and at the end the books; rounds is how often the order loop is run."""

    def __init__(self, caller: Caller, venue: Venue, screen: Screen, *, rounds: int) -> None:
        self._caller = caller
        self._venue = venue
        self._screen = screen
        self._rounds = rounds
        self._before: dict[AssetName, AssetBalance] = {}
        self._after: dict[AssetName, AssetBalance] = {}
        self._resting: Order | None = None
        self._orders: list[Order] = []
        self._trades: list[Trade] = []
        self._withdrawals: list[WithdrawalResponse] = []
        self.books: Books | None = None

    async def run(self) -> None:
        """Take every step. Raises SpotlaneError where one fails."""
        steps: tuple[tuple[str, Callable[[], Awaitable[None]]], ...] = (
            ("Balances before", self._balances_before),
            ("A limit order that rests", self._rest),
            ("A counterparty fills a part of it", self._fill_part),
            ("Its cancel, read until it is final", self._cancel),
            ("A market order, sized in quote", self._market),
            ("An IOC order, larger than the best level", self._ioc),
            (f"{self._rounds} orders placed and cancelled, one by one", self._loop),
            ("A withdrawal, to completion", self._withdraw),
            ("Three mistakes, refused before a byte is sent", self._mistakes),
            ("Order history", self._history),
            ("Trades", self._read_trades),
            ("Fees", self._fees),
            ("Balances after", self._balances_after),
        )
        for number, (title, step) in enumerate(steps, 1):
            self._caller.step = title
            self._screen.step(number, len(steps), title)
            self._screen.progress(number - 1, len(steps), title)
            await self._screen.pause(_PAUSE_S)
            await step()
        self._screen.progress(len(steps), len(steps), "The books")
        await self._screen.pause(_PAUSE_S)
        self.books = draw_up(
            self._before, self._after, self._orders, self._trades, self._withdrawals, await self._venue.report()
        )

    async def _balances_before(self) -> None:
        self._before = await self._caller.call("get_account_balance", tell=_balances)

    async def _rest(self) -> None:
        order = await self._caller.place(
            _limit(Side.BUY, _RESTING, _below(self._venue.bid, Decimal("0.99"))), _acknowledged
        )
        self._resting = await self._caller.follow("get_order", order, _state)
        self._expect(self._resting, OrderStatus.NEW)
        await self._caller.call("get_open_orders", BTC_USDT, tell=lambda orders: f"{len(orders)} open")

    async def _fill_part(self) -> None:
        order = self._known(self._resting)
        await self._venue.trade_against(order.order_id, _FILLED_PART)
        self._screen.call("(a counterparty)", "", f"sells {_FILLED_PART} BTC into it")
        self._expect(await self._caller.follow("get_order", order, _state), OrderStatus.PARTIALLY_FILLED)

    async def _cancel(self) -> None:
        order = await self._caller.follow("cancel_order", self._known(self._resting), _state)
        self._expect(order, OrderStatus.PARTIALLY_CANCELED)

    async def _market(self) -> None:
        params = OrderParams(BTC_USDT, Side.BUY, OrderType.MARKET, quote_quantity=_SPENT)
        order = await self._caller.place(params, _acknowledged)
        self._expect_done(await self._caller.follow("get_order", order, _state))

    async def _ioc(self) -> None:
        order = await self._caller.place(_limit(Side.SELL, _SOLD, self._venue.bid, TimeInForce.IOC), _acknowledged)
        self._expect_done(await self._caller.follow("get_order", order, _state))

    async def _loop(self) -> None:
        params = _limit(Side.BUY, _SMALL, _below(self._venue.bid, Decimal("0.9")))
        first = len(self._caller.records)
        for number in range(1, self._rounds + 1):
            self._screen.advance(f"order {number} of {self._rounds}")
            order = await self._caller.place(params, _acknowledged, quiet=True)
            self._expect(await self._caller.follow("cancel_order", order, _state, quiet=True), OrderStatus.CANCELED)
        for name in ("place_order", "cancel_order"):
            latencies_us = [record.latency_us for record in self._caller.records[first:] if record.name == name]
            worst = milliseconds(max(latencies_us))
            self._screen.call(name, milliseconds(statistics.median(latencies_us)), f"p50, the worst took {worst}")

    async def _mistakes(self) -> None:
        price = _below(self._venue.bid, Decimal("0.99")) + Decimal("0.123456")
        await self._caller.refused("place_order", _limit(Side.BUY, _SMALL, price), PrecisionError)
        typo = OrderParams(Symbol("BTC", "USTD"), Side.BUY, OrderType.LIMIT, quantity=_SMALL, price=Decimal(50_000))
        await self._caller.refused("place_order", typo, UnknownSymbol)
        stranger = self._withdrawal().replace(address=self._venue.target.address[::-1])
        await self._caller.refused("withdraw", stranger, WithdrawalRefused)

    async def _withdraw(self) -> None:
        target = self._venue.target
        self._screen.call("(the policy)", "", f"allows {target.asset} on {target.network} to {target.address} only")
        withdrawal: WithdrawalResponse = await self._caller.call("withdraw", self._withdrawal(), tell=_requested)
        seen = None
        for _ in range(_MOST_STATES):
            state: WithdrawalResponse = await self._caller.call(
                "get_withdrawal_status", withdrawal.withdrawal_id, tell=_withdrawal_state, quiet=True
            )
            if state.status is not seen:
                seen = state.status
                record = self._caller.records[-1]
                self._screen.call(record.name, milliseconds(record.latency_us), record.result)
            if state.status.is_terminal:
                break
            await self._venue.advance_withdrawal(withdrawal.withdrawal_id)
        if seen is not WithdrawalStatus.COMPLETED:
            raise UnexpectedResult(f"the withdrawal should be COMPLETED, is {state.status.name}")
        self._withdrawals = await self._caller.call(
            "get_withdrawal_history", "USDT", tell=lambda rows: f"{len(rows)} withdrawal"
        )

    async def _history(self) -> None:
        self._orders = await self._caller.call("get_order_history", BTC_USDT, tell=_order_counts)

    async def _read_trades(self) -> None:
        self._trades = await self._caller.call("get_trades", BTC_USDT, tell=lambda rows: f"{len(rows)} trades")
        for trade in self._trades:
            self._screen.note(_trade(trade), style="")

    async def _fees(self) -> None:
        await self._caller.call(
            "get_trading_fee", BTC_USDT,
            tell=lambda fee: f"maker {_percent(fee.maker)}, taker {_percent(fee.taker)} of what is traded",
        )  # fmt: skip
        for asset, fee in fees_by_asset(self._trades).items():
            self._screen.note(f"paid so far: {plain_number(fee)} {asset}", style="")

    async def _balances_after(self) -> None:
        self._after = await self._caller.call("get_account_balance", tell=_balances)

    def _withdrawal(self) -> WithdrawalRequest:
        target = self._venue.target
        return WithdrawalRequest(target.asset, _WITHDRAWN, target.address, target.network, target.memo)

    def _known(self, order: Order | None) -> Order:
        if order is None:
            raise UnexpectedResult("there is no order to go on with")
        return order

    def _expect(self, order: Order, status: OrderStatus) -> None:
        if order.status is not status:
            raise UnexpectedResult(f"order {order.order_id} should be {status.name}, is {order.status.name}")

    def _expect_done(self, order: Order) -> None:
        if not order.is_done or not order.filled_quantity:
            raise UnexpectedResult(f"order {order.order_id} should be done and filled, is {order.status.name}")


def _limit(side: Side, quantity: Decimal, price: Decimal, time_in_force: TimeInForce | None = None) -> OrderParams:
    return OrderParams(BTC_USDT, side, OrderType.LIMIT, quantity=quantity, price=price, time_in_force=time_in_force)


def _below(price: Decimal, factor: Decimal) -> Decimal:
    return (price * factor).to_integral_value(ROUND_FLOOR)


def _balances(balances: dict[AssetName, AssetBalance]) -> str:
    return ", ".join(f"{plain_number(each.total)} {asset}" for asset, each in sorted(balances.items()))


def _acknowledged(order: Order) -> str:
    words = [order.side.name]
    if order.quantity is not None:
        words.append(f"{plain_number(order.quantity)} {order.symbol.base}")
    elif order.quote_quantity is not None:
        words.append(f"for {plain_number(order.quote_quantity)} {order.symbol.quote}")
    if order.price is not None and order.order_type is not OrderType.MARKET:
        words.append(f"at {plain_number(order.price)}")
    if order.time_in_force is TimeInForce.IOC and order.order_type is OrderType.LIMIT:
        words.append("as IOC")
    return f"{' '.join(words)}, id {order.order_id}"


def _state(order: Order) -> str:
    filled = order.filled_quantity
    if not filled:
        return f"{order.status.name}: nothing filled"
    whole = f" of {plain_number(order.quantity)}" if order.quantity not in (None, filled) else ""
    text = f"{order.status.name}: {plain_number(filled)}{whole} {order.symbol.base}"
    if order.average_price is not None and order.filled_quote_quantity is not None:
        text += f" at {plain_number(order.average_price)} for {plain_number(order.filled_quote_quantity)}"
        if order.order_type is OrderType.MARKET and order.quote_quantity is not None:
            text += f" of {plain_number(order.quote_quantity)}"
        text += f" {order.symbol.quote}"
    return text


def _trade(trade: Trade) -> str:
    fee = f"fee {plain_number(trade.fee)} {trade.fee_asset}" if trade.fee is not None else "fee unknown"
    role = {True: "maker", False: "taker", None: "role unknown"}[trade.is_maker]
    quantity = f"{plain_number(trade.quantity)} {trade.symbol.base}"
    return f"{trade.side.name} {quantity} at {plain_number(trade.price)}, {role}, {fee}"


def _order_counts(orders: list[Order]) -> str:
    counts: dict[str, int] = {}
    for order in orders:
        counts[order.status.name] = counts.get(order.status.name, 0) + 1
    return f"{len(orders)} orders: " + ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))


def _requested(withdrawal: WithdrawalResponse) -> str:
    amount = plain_number(withdrawal.amount) if withdrawal.amount is not None else "?"
    return f"{amount} {withdrawal.asset}, id {withdrawal.withdrawal_id}"


def _withdrawal_state(withdrawal: WithdrawalResponse) -> str:
    fee = f": fee {plain_number(withdrawal.fee)}" if withdrawal.fee is not None else ""
    return withdrawal.status.name + (f"{fee}, transaction {withdrawal.tx_id[:16]}..." if withdrawal.tx_id else "")


def _percent(rate: Decimal) -> str:
    return f"{plain_number(rate * 100)} %"
