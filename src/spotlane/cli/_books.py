"""Double-entry: what was held, what every trade, fee and withdrawal did to it, and what is held now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact, InvalidOperation, localcontext

from spotlane.cli._venue import LedgerFill, LedgerReport
from spotlane.structs import AssetBalance, Order, Side, Trade, WithdrawalResponse

# Nothing is rounded: Inexact would say so.
_EXACT = Context(prec=200, traps=[Inexact, InvalidOperation])


@dataclass(slots=True)
class AssetBooks:
    """One asset's account: before + received - paid - fees - withdrawn is expected to be what is there after."""

    asset: str
    before: Decimal = Decimal(0)
    received: Decimal = Decimal(0)
    paid: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    withdrawn: Decimal = Decimal(0)
    after: Decimal = Decimal(0)

    @property
    def expected(self) -> Decimal:
        """What should be there."""
        with localcontext(_EXACT):
            return self.before + self.received - self.paid - self.fees - self.withdrawn

    @property
    def difference(self) -> Decimal:
        """What is there too much (or, negative, too little)."""
        with localcontext(_EXACT):
            return self.after - self.expected


@dataclass(frozen=True, slots=True)
class Books:
    """The accounts of every asset, and what the exchange's own ledger has differently."""

    assets: tuple[AssetBooks, ...]
    orders: int
    trades: int
    disagreements: tuple[str, ...]

    @property
    def is_balanced(self) -> bool:
        """Whether no asset is off by a single unit and the ledger agrees."""
        return not self.disagreements and not any(each.difference for each in self.assets)


def fees_by_asset(trades: Iterable[Trade]) -> dict[str, Decimal]:
    """Return what the trades cost in fees; negative where rebates prevail."""
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    with localcontext(_EXACT):
        for trade in trades:
            if trade.fee is not None and trade.fee_asset is not None:
                sums[trade.fee_asset] += trade.fee
    return dict(sums)


def draw_up(
    before: Mapping[str, AssetBalance],
    after: Mapping[str, AssetBalance],
    orders: Sequence[Order],
    trades: Sequence[Trade],
    withdrawals: Sequence[WithdrawalResponse],
    ledger: LedgerReport,
) -> Books:
    """Compare the balances with every trade, fee and withdrawal, and all of these with the exchange's ledger.

    A withdrawal's amount is all that left the account, the network's fee included.
    """
    books = {asset: AssetBooks(asset) for asset in sorted({*before, *after})}
    with localcontext(_EXACT):
        for asset, account in books.items():
            account.before = before[asset].total if asset in before else Decimal(0)
            account.after = after[asset].total if asset in after else Decimal(0)
        for trade in trades:
            _enter(books, trade)
        for asset, fee in fees_by_asset(trades).items():
            books[asset].fees += fee
        for withdrawal in withdrawals:
            if withdrawal.asset is not None and withdrawal.amount is not None:
                books[withdrawal.asset].withdrawn += withdrawal.amount
    disagreements = (
        *_compare_balances(after, ledger),
        *_compare_orders(orders, ledger),
        *_compare_fills(trades, ledger),
        *_compare_withdrawals(withdrawals, ledger),
        *(f"the sandbox itself failed: {error}" for error in ledger.errors),
    )
    return Books(tuple(books.values()), len(orders), len(trades), disagreements)


def _enter(books: Mapping[str, AssetBooks], trade: Trade) -> None:
    base, quote = books[trade.symbol.base], books[trade.symbol.quote]
    cost = trade.quote_quantity if trade.quote_quantity is not None else trade.price * trade.quantity
    if trade.side is Side.BUY:
        base.received += trade.quantity
        quote.paid += cost
    else:
        base.paid += trade.quantity
        quote.received += cost


def _compare_balances(after: Mapping[str, AssetBalance], ledger: LedgerReport) -> Iterable[str]:
    for asset in sorted({*after, *ledger.balances}):
        told = after[asset].total if asset in after else Decimal(0)
        held = ledger.balances.get(asset, Decimal(0))
        if told != held:
            yield f"the client reads {told:f} {asset}, the ledger holds {held:f}"


def _compare_orders(orders: Sequence[Order], ledger: LedgerReport) -> Iterable[str]:
    told = {order.order_id: (order.status.name, order.filled_quantity, order.filled_quote_quantity) for order in orders}
    held = {
        order.order_id: (order.status, order.filled_quantity, order.filled_quote_quantity) for order in ledger.orders
    }
    if len(told) != len(orders):
        yield f"the client's history has an order twice: {len(orders)} rows, {len(told)} ids"
    for order_id in sorted({*told, *held}):
        read, true = told.get(order_id), held.get(order_id)
        if read != true:
            yield f"order {order_id}: the client reads {_row(read)}, the ledger holds {_row(true)}"


def _compare_fills(trades: Sequence[Trade], ledger: LedgerReport) -> Iterable[str]:
    told = sorted(
        LedgerFill(trade.order_id or "", trade.price, trade.quantity, trade.fee or Decimal(0), trade.fee_asset or "")
        for trade in trades
    )
    if told != sorted(ledger.fills):
        yield f"the client reads {len(told)} trades, the ledger {len(ledger.fills)}, and they are not the same"


def _compare_withdrawals(withdrawals: Sequence[WithdrawalResponse], ledger: LedgerReport) -> Iterable[str]:
    told = {withdrawal.withdrawal_id: withdrawal.status.name for withdrawal in withdrawals}
    for withdrawal_id in sorted({*told, *ledger.withdrawals}):
        if told.get(withdrawal_id) != ledger.withdrawals.get(withdrawal_id):
            yield (
                f"withdrawal {withdrawal_id}: the client reads {told.get(withdrawal_id, 'nothing')}, "
                f"the ledger {ledger.withdrawals.get(withdrawal_id, 'nothing')}"
            )


def _row(row: tuple[object, ...] | None) -> str:
    return "nothing" if row is None else " ".join(map(str, row))
