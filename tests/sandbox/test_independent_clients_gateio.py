"""Clients that were written for the real Gate, by Gate and by others, work against the sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import pytest

from spotlane.sandbox import Sandbox

SYMBOL, PAIR = "BTC/USDT", "BTC_USDT"
ADDRESS = "TQrY8tryqsYVCYS3MFbtffiPp2ccyn4STm"


@pytest.fixture
async def venue() -> AsyncIterator[Sandbox]:
    async with Sandbox("gateio") as venue:
        yield venue


@pytest.fixture
async def client(venue: Sandbox) -> AsyncIterator[Any]:
    ccxt = pytest.importorskip("ccxt.async_support", reason="ccxt is not installed")
    exchange = ccxt.gate({"apiKey": venue.api_key, "secret": venue.api_secret})
    for urls in exchange.urls["api"].values():
        for access, url in urls.items():
            urls[access] = url.replace("https://api.gateio.ws", venue.url)
    try:
        yield exchange
    finally:
        await exchange.close()


@pytest.fixture
def gate_api() -> Any:
    return pytest.importorskip("gate_api", reason="gate-api is not installed")


@pytest.fixture
def sdk(gate_api: Any, venue: Sandbox) -> Any:
    return gate_api.ApiClient(
        gate_api.Configuration(host=f"{venue.url}/api/v4", key=venue.api_key, secret=venue.api_secret)
    )


async def call(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Call a blocking client while the sandbox serves on this loop."""
    return await asyncio.to_thread(function, *arguments, **named)


async def test_ccxt_loads_markets_and_currencies(client: Any, venue: Sandbox) -> None:
    markets = await client.load_markets()
    market = markets[SYMBOL]
    assert (market["active"], market["precision"]["price"], market["precision"]["amount"]) == (True, 0.01, 1e-8)
    assert (market["limits"]["cost"]["min"], market["limits"]["amount"]["min"]) == (1.0, 1e-6)
    assert (market["maker"], market["taker"]) == (0.002, 0.002)
    assert markets["FTT/USDT"]["active"] is False
    assert set(client.currencies["USDT"]["networks"]) == {"TRC20", "ERC20", "BEP20"}
    assert venue.errors == ()


async def test_ccxt_trades_a_whole_order_life(client: Any, venue: Sandbox) -> None:
    before = await client.fetch_balance()
    assert (before["USDT"]["free"], before["BTC"]["free"]) == (100_000, 10)
    order = await client.create_order(SYMBOL, "limit", "buy", 0.001, 20_000, {"clientOrderId": "by-ccxt"})
    assert venue.ledger.orders("t-by-ccxt")[0].order_id == order["id"]
    assert (order["status"], order["clientOrderId"]) == ("open", "t-by-ccxt")
    fetched = await client.fetch_order(order["id"], SYMBOL)
    assert (fetched["status"], fetched["amount"], fetched["price"]) == ("open", 0.001, 20_000)
    assert (await client.fetch_order("t-by-ccxt", SYMBOL))["id"] == order["id"]
    assert [row["id"] for row in await client.fetch_open_orders(SYMBOL)] == [order["id"]]
    assert (await client.fetch_balance())["USDT"]["used"] == 20
    edited = await client.edit_order(order["id"], SYMBOL, "limit", "buy", 0.002, 21_000)
    assert (edited["amount"], edited["price"]) == (0.002, 21_000)
    cancelled = await client.cancel_order(order["id"], SYMBOL)
    assert (cancelled["id"], cancelled["status"]) == (order["id"], "canceled")
    assert [row["id"] for row in await client.fetch_closed_orders(SYMBOL)] == [order["id"]]
    with pytest.raises(client.exceptions["exact"]["ORDER_NOT_FOUND"]):
        await client.fetch_order("1", SYMBOL)


async def test_ccxt_takes_liquidity_and_sees_its_fills(client: Any) -> None:
    bought = await client.create_market_buy_order_with_cost(SYMBOL, 120)
    sold = await client.create_order(SYMBOL, "limit", "sell", 0.001, 59_000)
    assert bought["cost"] == pytest.approx(120, rel=1e-5)
    assert (sold["status"], sold["filled"]) == ("closed", 0.001)
    assert "USDT" in {fee["currency"] for fee in sold["fees"] if fee["cost"]}
    trades = await client.fetch_my_trades(SYMBOL)
    assert {trade["order"] for trade in trades} == {bought["id"], sold["id"]}
    assert {trade["fee"]["currency"] for trade in trades} == {"USDT", "BTC"}
    assert (await client.fetch_trading_fee(SYMBOL))["taker"] == 0.002


async def test_ccxt_places_and_cancels_several_orders(client: Any, venue: Sandbox) -> None:
    await client.load_markets()
    one = {"symbol": SYMBOL, "type": "limit", "side": "buy", "amount": 0.001}
    placed = await client.create_orders([{**one, "price": 20_000}, {**one, "price": 21_000}, {**one, "price": 22_000}])
    ids = [row["id"] for row in placed]
    assert [order.order_id for order in venue.ledger.live_orders()] == ids
    await client.cancel_orders(ids[:1], SYMBOL)
    assert [order.order_id for order in venue.ledger.live_orders()] == ids[1:]
    await client.cancel_all_orders(SYMBOL)
    assert venue.ledger.live_orders() == []


async def test_ccxt_maps_refusals_to_its_own_errors(client: Any, venue: Sandbox) -> None:
    errors = pytest.importorskip("ccxt", reason="ccxt is not installed")
    await client.load_markets()
    with pytest.raises(errors.InsufficientFunds):
        await client.create_order(SYMBOL, "limit", "buy", 5.5, 20_000)
    with pytest.raises(errors.OrderImmediatelyFillable):
        await client.create_order(SYMBOL, "limit", "buy", 0.001, 61_000, {"postOnly": True})
    client.secret = "0" * 64
    with pytest.raises(errors.AuthenticationError):
        await client.fetch_balance()
    assert venue.ledger.live_orders() == []


async def test_ccxt_withdraws_and_lists_deposits(client: Any, venue: Sandbox) -> None:
    await client.load_markets()
    sent = await client.withdraw("USDT", 25, ADDRESS, {"network": "TRC20"})
    venue.clock.advance(10_000)
    rows = await client.fetch_withdrawals("USDT")
    assert [(row["id"], row["status"], row["currency"]) for row in rows] == [(sent["id"], "ok", "USDT")]
    venue.engine.wallet.deposit("USDT", 7, "TRX")
    deposits = await client.fetch_deposits("USDT")
    assert [(row["amount"], row["status"]) for row in deposits] == [(7.0, "ok")]
    address = (await client.fetch_deposit_address("USDT", {"network": "TRC20"}))["address"]
    assert address == venue.engine.wallet.address("trader", "USDT", "TRX")[0]  # type: ignore[index]


async def test_gate_api_trades_a_whole_order_life(gate_api: Any, sdk: Any, venue: Sandbox) -> None:
    spot = gate_api.SpotApi(sdk)
    pair = await call(spot.get_currency_pair, PAIR)
    assert (pair.precision, pair.amount_precision, pair.trade_status) == (2, 8, "tradable")
    order = gate_api.Order(currency_pair=PAIR, side="buy", amount="0.003", price="50000", text="t-sdk")
    placed = await call(spot.create_order, order)
    assert (placed.status, placed.finish_as, placed.text) == ("open", "open", "t-sdk")
    venue.engine.trade_against(placed.id, Decimal("0.001"))
    patch = gate_api.OrderPatch(price="51000")
    assert (await call(spot.amend_order, placed.id, patch, currency_pair=PAIR)).price == "51000.00"
    listed = await call(spot.list_all_open_orders)
    assert [(group.currency_pair, group.orders[0].id) for group in listed] == [(PAIR, placed.id)]
    cancelled = await call(spot.cancel_order, "t-sdk", PAIR)
    assert (cancelled.status, cancelled.filled_total, cancelled.left) == ("cancelled", "50", "0.00200000")
    finished = await call(spot.list_orders, PAIR, "finished")
    assert [row.id for row in finished] == [placed.id]
    trades = await call(spot.list_my_trades, currency_pair=PAIR)
    assert [(row.order_id, row.role, row.fee_currency) for row in trades] == [(placed.id, "maker", "BTC")]
    balances = {row.currency: row for row in await call(spot.list_spot_accounts)}
    assert (balances["USDT"].available, balances["USDT"].locked) == ("99950", "0")
    with pytest.raises(gate_api.exceptions.GateApiException) as caught:
        await call(spot.cancel_order, placed.id, PAIR)
    assert (caught.value.label, caught.value.message) == ("ORDER_CANCELLED", "Order is already cancelled")


async def test_gate_api_trades_in_batches(gate_api: Any, sdk: Any, venue: Sandbox) -> None:
    spot = gate_api.SpotApi(sdk)
    market = gate_api.Order(
        currency_pair=PAIR, side="buy", amount="20", type="market", time_in_force="ioc", text="t-market"
    )
    orders = [
        gate_api.Order(currency_pair=PAIR, side="buy", amount=amount, price="20000", text=f"t-{amount}")
        for amount in ("0.001", "100")
    ]
    one, two, three = await call(spot.create_batch_orders, [*orders, market])
    assert (one.succeeded, two.succeeded, two.label) == (True, False, "BALANCE_NOT_ENOUGH")
    assert (three.status, three.finish_as) == ("closed", "filled")
    gone = await call(spot.cancel_batch_orders, [gate_api.CancelBatchOrder(currency_pair=PAIR, id="t-0.001")])
    assert [(row.id, row.succeeded) for row in gone] == [(one.id, True)]
    armed = await call(spot.countdown_cancel_all_spot, gate_api.CountdownCancelAllSpotTask(timeout=30))
    assert armed.trigger_time >= venue.clock.now_ms() + 29_000
    fees = await call(spot.get_batch_spot_fee, "BTC_USDT,ETH_USDT")
    assert fees["ETH_USDT"].taker_fee == "0.002"


async def test_gate_api_withdraws(gate_api: Any, sdk: Any, venue: Sandbox) -> None:
    wallet, withdrawals = gate_api.WalletApi(sdk), gate_api.WithdrawalApi(sdk)
    record = gate_api.LedgerRecord(
        currency="USDT", chain="TRX", address=ADDRESS, amount="25", withdraw_order_id="by-sdk"
    )
    sent = await call(withdrawals.withdraw, record)
    assert (sent.status, sent.withdraw_order_id) == ("REQUEST", "by-sdk")
    assert (await call(withdrawals.cancel_withdrawal, sent.id)).status == "CANCELPEND"
    rows = await call(wallet.list_withdrawals, withdraw_order_id="by-sdk")
    assert [(row.id, row.status) for row in rows] == [(sent.id, "CANCEL")]
    chains = await call(wallet.list_currency_chains, "USDT")
    assert [chain.chain for chain in chains] == ["TRX", "ETH", "BSC"]
    saved = await call(wallet.list_saved_address, currency="USDT")
    assert [entry.address for entry in saved] == [ADDRESS]
    status = await call(wallet.list_withdraw_status, currency="USDT")
    assert status[0].withdraw_fix_on_chains["TRX"] == "1"
    address = await call(wallet.get_deposit_address, "USDT")
    assert address.multichain_addresses[0].chain == "TRX"
    keys = await call(gate_api.AccountApi(sdk).get_account_main_keys)
    assert {"spot", "wallet", "withdrawal"} <= {permission.name for permission in keys.perms}
