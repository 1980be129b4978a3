"""Orders that MEXC would refuse, refused before they are sent or with its own code."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import Any

import pytest
from mexc_rig import (
    MX_USDT,
    market_buy,
    resting,
)

from spotlane import OrderParams, OrderType, Side, Symbol, TimeInForce, UsageError
from spotlane.errors import (
    InsufficientBalance,
    MaximumError,
    MinimumError,
    NotSupported,
    OrderRejected,
    PrecisionError,
    SymbolNotTradable,
    UnknownSymbol,
)
from spotlane.exchanges.mexc import MexcPrivateRest
from spotlane.sandbox import Sandbox

ZERO = Decimal(0)
# The parameters of a limit order, the signature aside, which the log leaves out.
HOLDS = frozenset({"symbol", "side", "type", "quantity", "price", "newClientOrderId", "recvWindow", "timestamp"})


@pytest.mark.parametrize("client_order_id", ["", "x" * 33, "with space", "über", "a&b=c", "a/b"])
async def test_a_client_id_that_mexc_can_not_take_is_refused(
    venue: Sandbox, exchange: MexcPrivateRest, client_order_id: str
) -> None:
    with pytest.raises(UsageError, match="client_order_id"):
        await exchange.place_order(resting(client_order_id=client_order_id))
    assert venue.requests.total == 0


async def test_a_test_order_is_checked_here_and_there_and_placed_nowhere(
    venue: Sandbox, exchange: MexcPrivateRest
) -> None:
    await exchange.test_order(resting())
    assert venue.requests.count("POST", "/api/v3/order/test") == 1
    with pytest.raises(PrecisionError):
        await exchange.test_order(resting(price=Decimal("20000.001")))
    assert venue.requests.total == 1

    listing = venue.engine.markets["BTC/USDT"].listing
    venue.engine.list_symbol(dataclasses.replace(listing, is_online=False))
    with pytest.raises(OrderRejected) as refusal:
        await exchange.test_order(resting())
    assert refusal.value.code == 30000
    assert venue.ledger.orders() == []


@pytest.mark.parametrize("side", list(Side))
async def test_insufficient_balance(venue: Sandbox, exchange: MexcPrivateRest, side: Side) -> None:
    with pytest.raises(InsufficientBalance) as refusal:
        await exchange.place_order(resting(side=side, quantity=Decimal(20), price=Decimal(70_000)))
    assert refusal.value.code == (30004 if side is Side.BUY else 30005)
    assert refusal.value.http_status == 400
    assert not refusal.value.safe_to_retry
    assert venue.ledger.orders() == []


@pytest.mark.parametrize(
    ("changes", "error", "nearest", "words"),
    [
        ({"price": Decimal("20000.004")}, PrecisionError, "20000", "price goes in steps of 0.01, was 20000.004"),
        ({"price": Decimal("20000.005")}, PrecisionError, "20000.01", "20000.01 would pass"),
        ({"quantity": Decimal("0.0000000019")}, PrecisionError, "0.00005", "0.00005000 would pass"),
        ({"quantity": Decimal("0.0010000019")}, PrecisionError, "0.001", "quantity goes in steps of 0.00000001"),
        ({"quantity": Decimal("0.0000005")}, MinimumError, "0.00005", "quantity is at least 0.000001, was 0.0000005"),
        ({"quantity": Decimal("0.00001")}, MinimumError, "0.00005", "at least 1, was 0.20000: quantity 0.00005000"),
        ({"quantity": Decimal(300)}, MaximumError, "200", "at most 4000000, was 6000000: quantity 200"),
        ({"symbol": MX_USDT, "price": Decimal(2), "quantity": Decimal("4.99")}, MinimumError, "5", "at least 5"),
    ],
)
async def test_a_value_that_breaks_a_rule_is_refused_with_the_nearest_that_passes(
    venue: Sandbox,
    exchange: MexcPrivateRest,
    changes: dict[str, Any],
    error: type[UsageError],
    nearest: str,
    words: str,
) -> None:
    with pytest.raises((MinimumError, MaximumError, PrecisionError)) as refusal:
        await exchange.place_order(resting(**changes))
    broken: Any = refusal.value
    assert (type(broken), broken.nearest, venue.requests.total) == (error, Decimal(nearest), 0)
    assert broken.given in changes.values()
    assert words in str(broken)

    venue.engine.credit("USDT", 10_000_000)
    await exchange.place_order(resting(**{**changes, broken.field: broken.nearest}))


@pytest.mark.parametrize(
    ("quote_quantity", "error", "nearest"),
    [
        (Decimal("0.5"), MinimumError, 1),
        (Decimal("5_000_000"), MaximumError, 4_000_000),
        (Decimal("10.009"), PrecisionError, 10),
    ],
)
async def test_a_market_order_sized_in_quote_is_checked(
    venue: Sandbox, exchange: MexcPrivateRest, quote_quantity: Decimal, error: type[UsageError], nearest: int
) -> None:
    with pytest.raises((MinimumError, MaximumError, PrecisionError)) as refusal:
        await exchange.place_order(market_buy(quote_quantity=quote_quantity))
    broken: Any = refusal.value
    assert (type(broken), broken.field, broken.nearest) == (error, "quote_quantity", Decimal(nearest))
    assert venue.requests.total == 0


@pytest.mark.parametrize(
    ("params", "error", "words"),
    [
        (resting(symbol=Symbol("BTX", "USDT")), UnknownSymbol, "lists no symbol BTX/USDT; did you mean BTC/USDT"),
        (resting(symbol=Symbol("EOS", "USDT")), SymbolNotTradable, "open to SELL on mexc now, was BUY"),
        (
            market_buy(symbol=Symbol("XRP", "USDT")),
            SymbolNotTradable,
            "takes LIMIT, LIMIT_MAKER on mexc, was MARKET",
        ),
        (resting(symbol=Symbol("LUNC", "USDT")), SymbolNotTradable, "not open to trading over the API"),
        (resting(symbol=Symbol("FTT", "USDT")), SymbolNotTradable, "it is paused"),
        (
            resting(order_type=OrderType.STOP_LIMIT, stop_price=Decimal(1)),
            NotSupported,
            "watch the price and place a LIMIT or MARKET order",
        ),
        (resting(iceberg_quantity=Decimal("0.0001")), NotSupported, "split the quantity"),
        (market_buy(time_in_force=TimeInForce.FOK), NotSupported, "use LIMIT with FOK"),
        (resting(price=None), UsageError, "a LIMIT order needs a price"),
        (market_buy(price=Decimal(1)), UsageError, "takes no price, was 1"),
        (resting(quantity=None), UsageError, "needs a quantity"),
        (resting(quantity=0), UsageError, "quantity must be above zero"),
        (resting(quote_quantity=Decimal(5)), UsageError, "not both"),
        (resting(order_type=OrderType.OTHER), UsageError, "can't be placed"),
    ],
)
async def test_what_mexc_can_not_do_is_refused_before_anything_is_sent(
    venue: Sandbox, exchange: MexcPrivateRest, params: OrderParams, error: type[UsageError], words: str
) -> None:
    with pytest.raises(error) as refusal:
        await exchange.place_order(params)
    assert type(refusal.value) is error
    assert words in str(refusal.value)
    assert venue.requests.total == 0
