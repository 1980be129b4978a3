"""The Binance dialect behind a real port, and a client that was written for the real exchange, by others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from binance_caller import encode, sign

from spotlane.sandbox import Sandbox

SYMBOL = "BTC/USDT"


@pytest.fixture
async def venue() -> AsyncIterator[Sandbox]:
    async with Sandbox("binance") as venue:
        yield venue
    assert venue.errors == ()


@pytest.fixture
async def client(venue: Sandbox) -> AsyncIterator[Any]:
    ccxt = pytest.importorskip("ccxt.async_support", reason="ccxt is not installed")
    exchange = ccxt.binance(
        {
            "apiKey": venue.api_key,
            "secret": venue.api_secret,
            "enableRateLimit": False,
            "options": {"fetchMarkets": {"types": ["spot"]}, "fetchMargins": False},
        }
    )
    for access, url in exchange.urls["api"].items():
        exchange.urls["api"][access] = url.replace("https://api.binance.com", venue.url)
    try:
        yield exchange
    finally:
        await exchange.close()


async def test_an_order_over_tcp(venue: Sandbox) -> None:
    order: dict[str, object] = {
        "symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quoteOrderQty": "100", "newClientOrderId": "over-tcp",
        "timestamp": venue.clock.now_ms(),
    }  # fmt: skip
    body = encode(order)
    async with aiohttp.ClientSession(headers={"X-MBX-APIKEY": venue.api_key}) as session:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        signed = f"{body}&signature={sign(venue.api_secret, body)}"
        async with session.post(f"{venue.url}/api/v3/order", data=signed, headers=form) as reply:
            acknowledged = await reply.json()
            assert (reply.status, acknowledged["status"]) == (200, "FILLED")
            # A taker's fill gives back at once what the order was counted.
            assert reply.headers["X-MBX-ORDER-COUNT-10S"] == "0"
    (record,) = venue.ledger.orders("over-tcp")
    assert int(record.order_id) == acknowledged["orderId"]
    assert Decimal(acknowledged["cummulativeQuoteQty"]) == record.filled_quote_quantity


async def test_ccxt_loads_markets_and_currencies(client: Any) -> None:
    markets = await client.load_markets()
    market = markets[SYMBOL]
    assert (market["active"], market["precision"]["price"], market["precision"]["amount"]) == (True, 0.01, 1e-5)
    assert (market["limits"]["cost"]["min"], market["limits"]["amount"]["min"]) == (5.0, 1e-5)
    assert markets["FTT/USDT"]["active"] is False
    assert set(client.currencies["USDT"]["networks"]) == {"TRC20", "ERC20", "BEP20"}


async def test_ccxt_trades_a_whole_order_life(client: Any, venue: Sandbox) -> None:
    before = await client.fetch_balance()
    assert (before["USDT"]["free"], before["BTC"]["free"]) == (100_000, 10)
    order = await client.create_order(SYMBOL, "limit", "buy", 0.001, 20_000, {"clientOrderId": "by-ccxt"})
    assert venue.ledger.orders("by-ccxt")[0].order_id == order["id"]
    assert (order["status"], order["amount"], order["price"]) == ("open", 0.001, 20_000)
    fetched = await client.fetch_order(order["id"], SYMBOL)
    assert (fetched["status"], fetched["clientOrderId"]) == ("open", "by-ccxt")
    assert [row["id"] for row in await client.fetch_open_orders(SYMBOL)] == [order["id"]]
    assert (await client.fetch_balance())["USDT"]["used"] == 20
    cancelled = await client.cancel_order(order["id"], SYMBOL)
    assert (cancelled["id"], cancelled["status"]) == (order["id"], "canceled")
    assert [row["id"] for row in await client.fetch_orders(SYMBOL)] == [order["id"]]


async def test_ccxt_takes_liquidity_and_sees_its_fills(client: Any) -> None:
    bought = await client.create_order(SYMBOL, "market", "buy", 0.002)
    assert (bought["status"], bought["filled"], bought["fee"]["currency"]) == ("closed", 0.002, "BTC")
    spent = await client.create_market_buy_order_with_cost(SYMBOL, 50)
    assert 49 < spent["cost"] <= 50
    sold = await client.create_order(SYMBOL, "limit", "sell", 0.001, 59_000)
    trades = await client.fetch_my_trades(SYMBOL)
    assert [trade["order"] for trade in trades] == [bought["id"], spent["id"], sold["id"]]
    assert [trade["fee"]["currency"] for trade in trades] == ["BTC", "BTC", "USDT"]
    assert (await client.fetch_trading_fee(SYMBOL))["taker"] == 0.001


async def test_ccxt_cancels_everything_on_a_symbol(client: Any, venue: Sandbox) -> None:
    for price in (20_000, 21_000):
        await client.create_order(SYMBOL, "limit", "buy", 0.001, price)
    assert len(await client.cancel_all_orders(SYMBOL)) == 2
    assert venue.ledger.live_orders() == []


async def test_ccxt_maps_refusals_to_its_own_errors(client: Any, venue: Sandbox) -> None:
    ccxt = pytest.importorskip("ccxt", reason="ccxt is not installed")
    await client.load_markets()
    with pytest.raises(ccxt.InsufficientFunds):
        await client.create_order(SYMBOL, "limit", "buy", 5.5, 20_000)
    with pytest.raises(ccxt.OrderImmediatelyFillable):
        await client.create_order(SYMBOL, "limit", "buy", 0.001, 70_000, {"postOnly": True})
    with pytest.raises(ccxt.OrderNotFound):
        await client.fetch_order("1", SYMBOL)
    with pytest.raises(ccxt.OrderNotFound):
        await client.cancel_order("1", SYMBOL)
    with pytest.raises(ccxt.BadRequest, match="NOTIONAL"):
        await client.create_order(SYMBOL, "limit", "buy", 0.0001, 20_000)
    client.secret = "0" * 64
    with pytest.raises(ccxt.AuthenticationError):
        await client.fetch_balance()
    assert venue.ledger.live_orders() == []


async def test_ccxt_withdraws_and_lists_deposits(client: Any, venue: Sandbox) -> None:
    await client.load_markets()
    address = venue.engine.wallet.saved_addresses["trader"][0].address
    sent = await client.withdraw("USDT", 25, address, params={"network": "TRC20"})
    venue.clock.advance(10_000)
    await client.load_time_difference()
    rows = await client.fetch_withdrawals("USDT")
    assert [(row["id"], row["status"], row["amount"], row["fee"]["cost"]) for row in rows] == [
        (sent["id"], "ok", 24.0, 1.0)
    ]
    venue.engine.wallet.deposit("USDT", 7, "TRX")
    deposits = await client.fetch_deposits("USDT")
    assert [(row["amount"], row["status"]) for row in deposits] == [(7.0, "ok")]
    assert (await client.fetch_deposit_address("USDT", {"network": "TRC20"}))["address"][0] == "T"
