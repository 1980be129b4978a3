"""Clients that were written for the real exchange, and by others, work against the sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from spotlane.sandbox import Sandbox

ccxt = pytest.importorskip("ccxt.async_support", reason="ccxt is not installed")

SYMBOL = "BTC/USDT"


@pytest.fixture
async def venue() -> AsyncIterator[Sandbox]:
    async with Sandbox("mexc") as venue:
        yield venue


@pytest.fixture
async def client(venue: Sandbox) -> AsyncIterator[Any]:
    exchange = ccxt.mexc({"apiKey": venue.api_key, "secret": venue.api_secret, "enableRateLimit": False})
    for urls in exchange.urls["api"].values():
        for access, url in urls.items():
            urls[access] = url.replace("https://api.mexc.com", venue.url)
    try:
        yield exchange
    finally:
        await exchange.close()


async def test_ccxt_loads_markets_and_currencies(client: Any) -> None:
    markets = await client.load_markets()
    market = markets[SYMBOL]
    assert (market["active"], market["precision"]["price"], market["precision"]["amount"]) == (True, 0.01, 1e-8)
    assert (market["limits"]["cost"]["min"], market["limits"]["amount"]["min"]) == (1.0, 1e-6)
    assert (market["maker"], market["taker"]) == (0.0, 0.0005)
    assert markets["FTT/USDT"]["active"] is False
    assert set(client.currencies["USDT"]["networks"]) == {"TRC20", "ERC20", "BEP20"}


async def test_ccxt_trades_a_whole_order_life(client: Any, venue: Sandbox) -> None:
    before = await client.fetch_balance()
    assert (before["USDT"]["free"], before["BTC"]["free"]) == (100_000, 10)
    order = await client.create_order(SYMBOL, "limit", "buy", 0.001, 20_000, {"clientOrderId": "by-ccxt"})
    assert venue.ledger.orders("by-ccxt")[0].order_id == order["id"]
    fetched = await client.fetch_order(order["id"], SYMBOL)
    assert (fetched["status"], fetched["amount"], fetched["price"]) == ("open", 0.001, 20_000)
    assert fetched["clientOrderId"] == "by-ccxt"
    assert [row["id"] for row in await client.fetch_open_orders(SYMBOL)] == [order["id"]]
    assert (await client.fetch_balance())["USDT"]["used"] == 20
    cancelled = await client.cancel_order(order["id"], SYMBOL)
    assert cancelled["id"] == order["id"]
    assert (await client.fetch_order(order["id"], SYMBOL))["status"] == "canceled"
    assert [row["id"] for row in await client.fetch_orders(SYMBOL)] == [order["id"]]
    with pytest.raises(ccxt.BaseError, match="-2011"):
        await client.cancel_order(order["id"], SYMBOL)


async def test_ccxt_takes_liquidity_and_sees_its_fills(client: Any) -> None:
    await client.load_markets()
    bought = await client.create_order(SYMBOL, "market", "buy", 0.002)
    sold = await client.create_order(SYMBOL, "limit", "sell", 0.001, 59_000)
    assert (await client.fetch_order(bought["id"], SYMBOL))["status"] == "closed"
    trades = await client.fetch_my_trades(SYMBOL)
    assert {trade["order"] for trade in trades} == {bought["id"], sold["id"]}
    assert {trade["fee"]["currency"] for trade in trades} == {"USDT"}
    fee = await client.fetch_trading_fee(SYMBOL)
    assert fee["taker"] == 0.0005


async def test_ccxt_cancels_everything_on_a_symbol(client: Any, venue: Sandbox) -> None:
    for price in (20_000, 21_000):
        await client.create_order(SYMBOL, "limit", "buy", 0.001, price)
    cancelled = await client.cancel_all_orders(SYMBOL)
    assert len(cancelled) == 2
    assert venue.ledger.live_orders() == []


async def test_ccxt_maps_refusals_to_its_own_errors(client: Any, venue: Sandbox) -> None:
    await client.load_markets()
    with pytest.raises(ccxt.InsufficientFunds):
        await client.create_order(SYMBOL, "limit", "buy", 5.5, 20_000)
    with pytest.raises(ccxt.BaseError, match="-2013"):
        await client.fetch_order("C02__1", SYMBOL)
    client.secret = "0" * 32
    with pytest.raises(ccxt.AuthenticationError):
        await client.fetch_balance()
    assert venue.ledger.live_orders() == []


async def test_ccxt_withdraws_and_lists_deposits(client: Any, venue: Sandbox) -> None:
    await client.load_markets()
    address = venue.engine.wallet.saved_addresses["trader"][0].address
    sent = await client.withdraw("USDT", 25, address, {"network": "TRC20"})
    venue.clock.advance(10_000)
    await client.load_time_difference()
    rows = await client.fetch_withdrawals("USDT")
    assert [(row["id"], row["status"], row["currency"]) for row in rows] == [(sent["id"], "ok", "USDT")]
    venue.engine.wallet.deposit("USDT", 7, "TRX")
    deposits = await client.fetch_deposits("USDT")
    assert [(row["amount"], row["status"]) for row in deposits] == [(7.0, "ok")]
    made = await client.create_deposit_address("USDT", {"network": "TRC20"})
    assert (await client.fetch_deposit_address("USDT", {"network": "TRC20"}))["address"] == made["address"]
