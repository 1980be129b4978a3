"""The structs that exchanges speak: their fields, and what follows from them."""

from __future__ import annotations

import pickle
from decimal import Context, Decimal, Inexact, Rounded, localcontext
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spotlane._core.structs import Struct
from spotlane.errors import UsageError
from spotlane.structs import (
    AssetBalance,
    AssetNetwork,
    Deposit,
    DepositAddress,
    Order,
    OrderParams,
    OrderStatus,
    OrderType,
    SavedAddress,
    Side,
    Symbol,
    Trade,
    TradingFee,
    WithdrawalRequest,
    WithdrawalResponse,
    WithdrawalStatus,
)

BTC = Symbol("BTC", "USDT")
HOSTILE = Context(prec=3, traps=[Inexact, Rounded])
SAMPLES: list[Struct] = [
    BTC,
    OrderParams(BTC, Side.BUY, OrderType.LIMIT, Decimal("0.001"), Decimal(20000)),
    Order(exchange="mexc", symbol=BTC, order_id="1", side=Side.SELL, price=Decimal("1.50"), created_ms=5),
    AssetBalance("BTC", Decimal(1), Decimal("0.5")),
    Trade(exchange="mexc", symbol=BTC, trade_id="1", side=Side.BUY, price=Decimal(1), quantity=Decimal(2)),
    WithdrawalRequest("USDT", Decimal(5), "T1", "TRX"),
    WithdrawalResponse(exchange="mexc", withdrawal_id="1"),
    TradingFee("mexc", BTC, Decimal("-0.0001"), Decimal("0.001")),
    DepositAddress("mexc", "USDT", "TRX", "T1"),
    Deposit(exchange="mexc", asset="USDT", amount=Decimal(1), is_credited=True),
    SavedAddress("mexc", "USDT", "TRX", "T1", label="home"),
    AssetNetwork(exchange="mexc", asset="USDT", network="TRX", confirmations=3, withdrawal_fee=Decimal(1)),
]


def order(**told: Any) -> Order:
    return Order(exchange="mexc", symbol=BTC, order_id="1", side=Side.BUY, **told)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: type(sample).__name__)
def test_every_struct_compares_hashes_pickles_and_shows(sample: Struct) -> None:
    again = pickle.loads(pickle.dumps(sample))
    assert again == sample
    assert again is not sample
    assert hash(again) == hash(sample)
    assert repr(sample).startswith(f"{type(sample).__name__}(")
    assert sample.replace() == sample
    for name, value in sample.to_dict().items():
        assert value is None or f"{name}=" in repr(sample)


def test_symbols() -> None:
    assert Symbol.parse("BTC/USDT") == BTC
    assert str(BTC) == "BTC/USDT"
    assert {BTC: 1}[Symbol.parse("BTC/USDT")] == 1
    assert str(Symbol("1000Ж_X", "USD-T.E")) == "1000Ж_X/USD-T.E"
    match BTC:
        case Symbol(base, quote):
            assert (base, quote) == ("BTC", "USDT")


@pytest.mark.parametrize("text", ["BTCUSDT", "BTC/", "/USDT", "A/B/C", "", "BTC /USDT", "BTC/US\nDT", "BTC:USDT"])
def test_what_is_no_symbol(text: str) -> None:
    with pytest.raises(UsageError):
        Symbol.parse(text)


def test_lower_case_is_corrected_in_words_only() -> None:
    with pytest.raises(UsageError, match="'BTC'"):
        Symbol("btc", "USDT")
    with pytest.raises(UsageError, match="is empty"):
        Symbol("BTC", "")


def test_an_order_knows_what_remains() -> None:
    assert order(quantity=Decimal("1.000"), filled_quantity=Decimal("0.3")).remaining_quantity == Decimal("0.700")
    assert order(quantity=Decimal(1)).remaining_quantity is None
    assert order(filled_quantity=Decimal(1)).remaining_quantity is None
    for quantity in (None, Decimal(0)):
        sized_in_quote = order(quantity=quantity, quote_quantity=Decimal(50), filled_quantity=Decimal("0.1"))
        assert sized_in_quote.remaining_quantity is None


def test_an_order_is_done_when_its_status_says_so() -> None:
    assert order().status is OrderStatus.UNKNOWN
    assert not order().is_done
    assert not order(status=OrderStatus.PARTIALLY_FILLED).is_done
    assert order(status=OrderStatus.PARTIALLY_CANCELED).is_done


def test_the_average_price_is_derived_or_told() -> None:
    filled = {"filled_quantity": Decimal("0.11"), "filled_quote_quantity": Decimal("1.90751")}
    assert order(**filled).average_price == Decimal("17.341")
    assert order(**filled, average_price=Decimal(17)).average_price == 17
    assert order(filled_quantity=Decimal(0), filled_quote_quantity=Decimal(0)).average_price is None
    assert order(filled_quantity=Decimal(1)).average_price is None
    third = order(filled_quantity=Decimal(3), filled_quote_quantity=Decimal(2)).average_price
    assert third == Decimal("0.6666666666666666666666666666666667")


AMOUNTS = st.decimals(0, 10**20, places=18)


@settings(max_examples=100)
@given(AMOUNTS, AMOUNTS)
def test_sums_and_rests_are_exact_in_any_context(first: Decimal, second: Decimal) -> None:
    exact = Context(prec=80)
    with localcontext(HOSTILE):
        total = AssetBalance("BTC", first, second).total
        rest = order(quantity=first, filled_quantity=second).remaining_quantity
        average = order(filled_quantity=first, filled_quote_quantity=second).average_price
    assert total == exact.add(first, second)
    assert rest == exact.subtract(first, second)
    assert average == (Context(prec=34).divide(second, first) if first else None)


def test_a_one_time_code_shows_nowhere() -> None:
    request = WithdrawalRequest("USDT", Decimal(5), "T1", "TRX", one_time_code="918273")
    assert request.one_time_code == "918273"
    assert "918273" not in repr(request) + str(request.to_dict()) + repr(pickle.dumps(request))
    assert pickle.loads(pickle.dumps(request)).one_time_code is None


def test_an_acknowledged_withdrawal_is_unknown_but_for_its_id() -> None:
    response = WithdrawalResponse(exchange="mexc", withdrawal_id="1")
    assert response.status is WithdrawalStatus.UNKNOWN
    assert {name for name, value in response.to_dict().items() if value is not None} == {
        "exchange",
        "withdrawal_id",
        "status",
    }
