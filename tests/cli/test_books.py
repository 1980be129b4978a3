"""The books find what is wrong with them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Context, Decimal, Inexact, localcontext

import pytest

from spotlane.cli._books import Books, draw_up
from spotlane.cli._venue import LedgerFill, LedgerOrder, LedgerReport
from spotlane.structs import (
    AssetBalance,
    Order,
    OrderStatus,
    Side,
    Symbol,
    Trade,
    WithdrawalResponse,
    WithdrawalStatus,
)

BTC_USDT = Symbol("BTC", "USDT")
UNIT = Decimal("1E-18")
BEFORE = {"BTC": AssetBalance("BTC", Decimal(10), Decimal(0)), "USDT": AssetBalance("USDT", Decimal(900), Decimal(100))}
BTC, USDT = Decimal("10.5"), Decimal("968.988888888888888889")
AFTER = {"BTC": AssetBalance("BTC", BTC, Decimal(0)), "USDT": AssetBalance("USDT", USDT, Decimal(0))}
ORDER = Order(
    exchange="mexc", symbol=BTC_USDT, order_id="1", side=Side.BUY, status=OrderStatus.FILLED,
    filled_quantity=Decimal("0.5"), filled_quote_quantity=Decimal(20),
)  # fmt: skip
TRADE = Trade(
    exchange="mexc", symbol=BTC_USDT, trade_id="t", order_id="1", side=Side.BUY, price=Decimal(40),
    quantity=Decimal("0.5"), fee=Decimal("0.011111111111111111"), fee_asset="USDT",
)  # fmt: skip
WITHDRAWAL = WithdrawalResponse(
    exchange="mexc", withdrawal_id="w", asset="USDT", amount=Decimal(11), status=WithdrawalStatus.COMPLETED
)
LEDGER = LedgerReport(
    balances={"BTC": BTC, "USDT": USDT},
    orders=(LedgerOrder("1", "FILLED", Decimal("0.50"), Decimal(20)),),
    fills=(LedgerFill("1", Decimal(40), Decimal("0.5"), Decimal("0.011111111111111111"), "USDT"),),
    withdrawals={"w": "COMPLETED"},
    requests=9,
    errors=(),
)


def books(
    *,
    after: dict[str, AssetBalance] = AFTER,
    orders: tuple[Order, ...] = (ORDER,),
    trades: tuple[Trade, ...] = (TRADE,),
    withdrawals: tuple[WithdrawalResponse, ...] = (WITHDRAWAL,),
    ledger: LedgerReport = LEDGER,
) -> Books:
    return draw_up(BEFORE, after, orders, trades, withdrawals, ledger)


def test_books_balance() -> None:
    drawn = books()
    assert drawn.is_balanced
    assert drawn.disagreements == ()
    assert [(each.asset, str(each.difference.normalize())) for each in drawn.assets] == [("BTC", "0"), ("USDT", "0")]
    assert drawn.assets[1].fees == TRADE.fee
    assert drawn.assets[1].paid == 20


def test_caller_s_decimal_context_does_not_matter() -> None:
    with localcontext(Context(prec=3, traps=[Inexact])):
        assert books().is_balanced


def test_one_unit_is_seen() -> None:
    off = {**AFTER, "USDT": AssetBalance("USDT", USDT - UNIT, Decimal(0))}
    drawn = books(after=off)
    assert not drawn.is_balanced
    assert drawn.assets[1].difference == -UNIT
    assert len(drawn.disagreements) == 1
    assert "USDT" in drawn.disagreements[0]


def test_selling_is_the_mirror_of_buying() -> None:
    drawn = books(trades=(TRADE.replace(side=Side.SELL),))
    assert drawn.assets[0].paid == Decimal("0.5")
    assert drawn.assets[1].received == 20
    assert drawn.assets[0].difference == 1


@pytest.mark.parametrize(
    ("drawn", "told"),
    [
        (books(orders=()), "order 1: the client reads nothing"),
        (books(orders=(ORDER, ORDER)), "twice"),
        (books(orders=(ORDER.replace(status=OrderStatus.CANCELED),)), "CANCELED"),
        (books(trades=(TRADE.replace(price=Decimal(41)),)), "not the same"),
        (books(trades=()), "the client reads 0 trades, the ledger 1"),
        (books(withdrawals=()), "withdrawal w: the client reads nothing, the ledger COMPLETED"),
        (books(ledger=replace(LEDGER, withdrawals={"w": "PROCESSING"})), "the ledger PROCESSING"),
        (books(ledger=replace(LEDGER, balances={**LEDGER.balances, "ETH": UNIT})), "ETH"),
        (books(ledger=replace(LEDGER, errors=("KeyError('x')",))), "the sandbox itself failed: KeyError"),
    ],
)
def test_disagreement_is_told(drawn: Books, told: str) -> None:
    assert not drawn.is_balanced
    assert any(told in line for line in drawn.disagreements), drawn.disagreements
