"""Binance's filters, and what of an order they let pass."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from spotlane import OrderParams, OrderType, Side, Symbol
from spotlane.errors import MaximumError, MinimumError, PrecisionError
from spotlane.exchanges.binance.spec import SPEC
from spotlane.exchanges.binance.wire_rules import read_rules
from spotlane.safety import SymbolRules, check_order

PRICE = {
    "filterType": "PRICE_FILTER",
    "minPrice": "0.05000000",
    "maxPrice": "100000.00000000",
    "tickSize": "0.05000000",
}
LOT = {"filterType": "LOT_SIZE", "minQty": "0.00100000", "maxQty": "922327.00000000", "stepSize": "0.00100000"}
MARKET_LOT = {
    "filterType": "MARKET_LOT_SIZE",
    "minQty": "0.00000000",
    "maxQty": "585.20788284",
    "stepSize": "0.00000000",
}
NOTIONAL = {
    "filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True, "maxNotional": "9000000.00000000",
    "applyMaxToMarket": False, "avgPriceMins": 5,
}  # fmt: skip
OTHERS = [{"filterType": "ICEBERG_PARTS", "limit": 100}, {"filterType": "T_PLUS_SELL", "endTime": 1}]
ROW: dict[str, Any] = {
    "symbol": "TSLABUSDT", "status": "TRADING", "baseAsset": "TSLAB", "baseAssetPrecision": 8, "quoteAsset": "USDT",
    "quotePrecision": 8, "quoteAssetPrecision": 8, "isSpotTradingAllowed": True, "permissions": [],
    "orderTypes": [
        "LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT",
    ],
    "filters": [PRICE, LOT, MARKET_LOT, NOTIONAL, *OTHERS],
}  # fmt: skip
TSLAB = Symbol("TSLAB", "USDT")
LIMIT = OrderParams(TSLAB, Side.BUY, OrderType.LIMIT, Decimal(1), Decimal(100))


def read(*rows: dict[str, Any]) -> tuple[list[SymbolRules], list[str]]:
    return read_rules(json.dumps({"timezone": "UTC", "rateLimits": [], "symbols": list(rows)}).encode())


def rules(**changes: Any) -> SymbolRules:
    (one,), unread = read({**ROW, **changes})
    assert unread == []
    return one


def test_a_captured_row() -> None:
    told = rules()
    assert (told.symbol, told.wire, told.closed) == (TSLAB, "TSLABUSDT", "")
    assert (told.tick, told.lot, told.quote_step) == (Decimal("0.05"), Decimal("0.001"), Decimal("1E-8"))
    assert (str(told.tick), str(told.lot)) == ("0.05", "0.001")
    assert (told.minimum_price, told.maximum_price) == (Decimal("0.05"), Decimal(100_000))
    assert (told.minimum_quantity, told.maximum_quantity) == (Decimal("0.001"), Decimal(922_327))
    assert (told.market_lot, told.market_minimum_quantity) == (None, None)
    assert told.market_maximum_quantity == Decimal("585.20788284")
    assert (told.minimum_notional, told.maximum_notional, told.market_minimum_notional) == (
        Decimal(5),
        Decimal(9_000_000),
        Decimal(5),
    )
    assert told.order_types == set(OrderType) - {OrderType.OTHER}


@pytest.mark.parametrize(
    ("changes", "error", "field", "nearest"),
    [
        ({"price": Decimal("100.07")}, PrecisionError, "price", "100.05"),
        ({"price": Decimal("100.08")}, PrecisionError, "price", "100.1"),
        ({"price": Decimal("100000.05")}, MaximumError, "price", "100000"),
        ({"price": Decimal("0.01"), "quantity": Decimal(1000)}, PrecisionError, "price", "0.05"),
        ({"quantity": Decimal("0.0505")}, PrecisionError, "quantity", "0.05"),
        ({"quantity": Decimal("0.001")}, MinimumError, "quantity", "0.05"),
        ({"quantity": Decimal(922_328), "price": Decimal("0.05")}, MaximumError, "quantity", "922327"),
        ({"quantity": Decimal(90_001)}, MaximumError, "quantity", "90000"),
        ({"iceberg_quantity": Decimal("0.0015")}, PrecisionError, "iceberg_quantity", "0.001"),
        (
            {"order_type": OrderType.MARKET, "price": None, "quantity": Decimal(600)},
            MaximumError, "quantity", "585.207",
        ),
        (
            {"order_type": OrderType.MARKET, "price": None, "quantity": None, "quote_quantity": Decimal(4)},
            MinimumError, "quote_quantity", "5",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_names_what_would(
    changes: dict[str, Any], error: type[PrecisionError], field: str, nearest: str
) -> None:
    with pytest.raises(error) as refusal:
        check_order(SPEC, rules(), LIMIT.replace(**changes))
    assert (refusal.value.field, refusal.value.nearest) == (field, Decimal(nearest))


def test_the_market_filter_is_for_market_orders_alone() -> None:
    check_order(SPEC, rules(), LIMIT.replace(quantity=Decimal(600)))
    market = LIMIT.replace(order_type=OrderType.MARKET, price=None)
    coarse = {**MARKET_LOT, "minQty": "2.00000000", "stepSize": "0.50000000"}
    told = rules(filters=[PRICE, LOT, coarse, NOTIONAL])
    check_order(SPEC, told, LIMIT.replace(quantity=Decimal("1.25")))
    check_order(SPEC, told, market.replace(quantity=Decimal("2.5")))
    for quantity, error in (("2.25", PrecisionError), ("1.5", MinimumError)):
        with pytest.raises(error):
            check_order(SPEC, told, market.replace(quantity=Decimal(quantity)))


def test_notionals_that_do_not_apply_to_market_orders() -> None:
    free = {**NOTIONAL, "applyMinToMarket": False}
    market = LIMIT.replace(order_type=OrderType.MARKET, price=None, quantity=None)
    told = rules(filters=[PRICE, LOT, free])
    for quote_quantity in (Decimal(1), Decimal(9_000_001)):
        check_order(SPEC, told, market.replace(quote_quantity=quote_quantity))
    capped = rules(filters=[PRICE, LOT, {**NOTIONAL, "applyMaxToMarket": True}])
    with pytest.raises(MaximumError):
        check_order(SPEC, capped, market.replace(quote_quantity=Decimal(9_000_001)))


@pytest.mark.parametrize(("applies", "market_minimum"), [(True, 10), (False, 0)])
def test_the_older_notional_filter(applies: bool, market_minimum: int) -> None:
    older = {"filterType": "MIN_NOTIONAL", "minNotional": "10.0", "applyToMarket": applies, "avgPriceMins": 5}
    told = rules(filters=[PRICE, LOT, older])
    assert (told.minimum_notional, told.maximum_notional) == (Decimal(10), None)
    assert told.market_minimum_notional == market_minimum


def test_a_zero_switches_a_part_of_a_filter_off() -> None:
    off = {"filterType": "PRICE_FILTER", "minPrice": "0.0", "maxPrice": "0.0", "tickSize": "0.0"}
    told = rules(filters=[off, {**LOT, "stepSize": "0.00000000"}, NOTIONAL])
    assert (told.minimum_price, told.maximum_price) == (None, None)
    assert (told.tick, told.lot) == (Decimal("1E-8"), Decimal("1E-8"))


@pytest.mark.parametrize(
    ("changes", "closed"),
    [
        ({"status": "CANCEL_ONLY"}, "its status is CANCEL_ONLY"),
        ({"status": "HALT"}, "its status is HALT"),
        ({"isSpotTradingAllowed": False}, "spot trading is not allowed"),
    ],
)
def test_closed_symbols(changes: dict[str, Any], closed: str) -> None:
    assert rules(**changes).closed == closed


def test_an_odd_symbol_does_not_close_the_others() -> None:
    odd: list[dict[str, Any]] = [
        {**ROW, "symbol": "NOLOT", "filters": [PRICE]},
        {**ROW, "symbol": "NOFILTERS", "filters": None},
        {**ROW, "symbol": "NUMBER", "filters": [{**PRICE, "tickSize": 0.05}, LOT]},
    ]
    chinese = {**ROW, "symbol": "\u8fd9\u662fUSDT", "baseAsset": "\u8fd9\u662f"}
    told, unread = read(*odd, ROW, chinese)
    assert [each.wire for each in told] == ["TSLABUSDT", "\u8fd9\u662fUSDT"]
    assert unread == ["NOLOT", "NOFILTERS", "NUMBER"]
