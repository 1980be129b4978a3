"""What only Binance's client does: full replies, final cancels, histories from their newest end, its wallet."""

from __future__ import annotations

import json
from decimal import Decimal
from urllib.parse import parse_qsl

import pytest
from binance_rig import BTC_USDT, binance, connect, market, parameters, resting, sent

from spotlane import OrderStatus, Side, WithdrawalPolicy, WithdrawalStatus, WithdrawalTarget
from spotlane.credentials import Credentials
from spotlane.errors import (
    AuthenticationError,
    InsufficientBalance,
    NotSupported,
    OrderRejected,
    PermissionDenied,
    PrecisionError,
    UsageError,
)
from spotlane.exchanges.binance import rest as module
from spotlane.exchanges.binance import spec, wire_wallet
from spotlane.exchanges.binance.errors import KeyRefused
from spotlane.sandbox import Fault, ReplaceReply, Sandbox
from spotlane.spec import HistoryLimit
from spotlane.structs import WithdrawalRequest

API = "/api/v3"
WALLET = "/sapi/v1"


def target(venue: Sandbox) -> WithdrawalTarget:
    saved = next(each for each in venue.engine.wallet.saved_addresses["trader"] if each.asset == "USDT")
    return WithdrawalTarget(saved.asset, saved.network, saved.address)


def withdrawal(venue: Sandbox) -> WithdrawalRequest:
    to = target(venue)
    return WithdrawalRequest(to.asset, Decimal(100), to.address, to.network)


async def test_a_market_order_is_told_with_its_fills_and_fee_at_once() -> None:
    async with binance() as (venue, exchange):
        order = await exchange.place_order(market(Side.SELL, quantity=Decimal("0.5")))
        (booked,) = venue.ledger.orders(order.client_order_id)
        assert (order.status, order.filled_quantity) == (OrderStatus.FILLED, Decimal("0.5"))
        assert order.filled_quote_quantity == booked.filled_quote_quantity
        assert (order.fee, order.fee_asset) == (sum(fill.fee for fill in booked.fills), "USDT")
        assert sent(venue) == [("POST", f"{API}/order")]
        (read,) = await exchange.get_order_history(BTC_USDT)
        assert (read.order_id, read.fee) == (order.order_id, None)


async def test_a_cancel_is_final_in_one_request() -> None:
    async with binance() as (venue, exchange):
        order = await exchange.place_order(resting())
        venue.engine.trade_against(order.order_id, Decimal("0.0004"))
        venue.requests.clear()
        cancelled = await exchange.cancel_order(BTC_USDT, client_order_id=order.client_order_id)
        assert sent(venue) == [("DELETE", f"{API}/order")]
        assert (cancelled.order_id, cancelled.client_order_id) == (order.order_id, order.client_order_id)
        assert (cancelled.status, cancelled.filled_quantity) == (OrderStatus.PARTIALLY_CANCELED, Decimal("0.0004"))


async def test_cancelling_all_is_final_in_one_request_and_empty_when_nothing_is_open() -> None:
    async with binance() as (venue, exchange):
        orders = [await exchange.place_order(resting()) for _ in range(3)]
        venue.requests.clear()
        cancelled = await exchange.cancel_all_orders(BTC_USDT)
        assert sorted(each.order_id for each in cancelled) == sorted(each.order_id for each in orders)
        assert {each.status for each in cancelled} == {OrderStatus.CANCELED}
        assert await exchange.cancel_all_orders(BTC_USDT) == []
        assert sent(venue) == [("DELETE", f"{API}/openOrders")] * 2


async def test_open_orders_of_all_symbols_cost_what_they_cost() -> None:
    async with binance({"enforce_limits": True}) as (venue, exchange):
        await exchange.get_open_orders()
        await exchange.get_open_orders(BTC_USDT)
        assert [request.query.partition("&")[0] for request in venue.requests][1] == "symbol=BTCUSDT"
        assert (spec.ALL_OPEN_ORDERS.costs["weight"], spec.OPEN_ORDERS.costs["weight"]) == (80, 6)


async def test_a_quiet_accounts_histories_take_one_request_each() -> None:
    async with binance() as (venue, exchange):
        order = await exchange.place_order(market(Side.BUY, quote_quantity=Decimal(100)))
        venue.requests.clear()
        (read,) = await exchange.get_order_history(BTC_USDT)
        trades = await exchange.get_trades(BTC_USDT)
        assert (read.order_id, {trade.order_id for trade in trades}) == (order.order_id, {order.order_id})
        assert sent(venue) == [("GET", f"{API}/allOrders"), ("GET", f"{API}/myTrades")]


async def test_what_lies_before_the_newest_page_is_read_by_the_day(monkeypatch: pytest.MonkeyPatch) -> None:
    day_ms = 86_400_000
    limit = HistoryLimit(max_span_ms=day_ms, reach_ms=3 * day_ms, page_rows=3)
    monkeypatch.setattr(module, "_PAGE_ROWS", 3)
    monkeypatch.setattr(module.BinancePrivateRest, "spec", spec.SPEC._replace(histories={"orders": limit}))
    async with binance() as (venue, exchange):
        orders = []
        for _ in range(8):
            async with connect(venue) as punctual:
                orders.append(await punctual.place_order(resting()))
            venue.clock.advance(1_000)
        await exchange.get_account_balance()
        venue.requests.clear()
        told = await exchange.get_order_history(BTC_USDT)
        assert [each.order_id for each in told] == [each.order_id for each in orders]
        newest, *older = [dict(parse_qsl(request.query)) for request in venue.requests]
        assert "startTime" not in newest
        assert {int(query["endTime"]) - int(query["startTime"]) < day_ms for query in older} == {True}
        assert max(int(query["endTime"]) for query in older) == orders[5].created_ms
        venue.requests.clear()
        since = await exchange.get_order_history(BTC_USDT, start_ms=orders[6].created_ms)
        assert [each.order_id for each in since] == [each.order_id for each in orders[6:]]
        assert len(venue.requests) == 1


async def test_fills_of_an_order_are_read_page_by_page_by_their_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAGE_ROWS", 3)
    async with binance() as (venue, exchange):
        order = await exchange.place_order(resting())
        for _ in range(7):
            venue.engine.trade_against(order.order_id, Decimal("0.0001"))
            venue.clock.advance(1_000)
        await exchange.get_account_balance()
        venue.requests.clear()
        trades = await exchange.get_trades(BTC_USDT, order_id=order.order_id)
        assert len({trade.trade_id for trade in trades}) == len(trades) == 7
        assert len(venue.requests) == 3
        assert set(parameters(venue)) == {"symbol", "orderId", "fromId", "limit", "recvWindow", "timestamp"}
        start_ms = trades[2].time_ms
        assert await exchange.get_trades(BTC_USDT, order_id=order.order_id, start_ms=start_ms) == trades[2:]
        assert await exchange.get_trades(BTC_USDT, order_id=order.order_id, end_ms=start_ms) == trades[:3]


async def test_a_test_order_is_checked_here_and_there_and_never_placed() -> None:
    async with binance() as (venue, exchange):
        await exchange.test_order(resting())
        assert sent(venue) == [("POST", f"{API}/order/test")]
        with pytest.raises(PrecisionError):
            await exchange.test_order(resting(price=Decimal("20000.001")))
        with pytest.raises(OrderRejected):
            await exchange.test_order(resting(self_trade_prevention="NONE"))
        assert len(venue.requests) == 2
        assert venue.ledger.orders() == []


async def test_permission_sets_are_not_asked_for() -> None:
    async with Sandbox("binance") as venue, module.BinancePrivateRest(venue.credentials, base_url=venue.url):
        (rules,) = [request for request in venue.requests if request.path == f"{API}/exchangeInfo"]
        assert rules.query == "showPermissionSets=false"


async def test_what_an_account_may_not_sell() -> None:
    async with binance() as (venue, exchange):
        with pytest.raises(InsufficientBalance):
            await exchange.place_order(market(Side.SELL, quantity=Decimal(11)))
        assert venue.ledger.orders() == []


async def test_a_key_that_may_only_read_is_refused_in_a_way_that_any_handler_takes() -> None:
    async with binance() as (venue, _):
        key = venue.dialect.add_key(permissions=venue.dialect.permission_words["read"])
        credentials = Credentials(key.api_key, key.api_secret)
        async with module.BinancePrivateRest(credentials, base_url=venue.url) as reader:
            with pytest.raises(KeyRefused, match="Spot & Margin Trading") as refused:
                await reader.place_order(resting())
            assert isinstance(refused.value, PermissionDenied)
            assert isinstance(refused.value, AuthenticationError)


async def test_a_withdrawal_comes_from_the_spot_wallet_and_is_found_by_its_id_in_one_request() -> None:
    async with Sandbox("binance") as venue:
        policy = WithdrawalPolicy([target(venue)])
        async with module.BinancePrivateRest(venue.credentials, base_url=venue.url, withdrawals=policy) as exchange:
            accepted = await exchange.withdraw(withdrawal(venue))
            assert parameters(venue)["walletType"] == "0"
            assert accepted.status is WithdrawalStatus.UNKNOWN
            venue.requests.clear()
            request = withdrawal(venue).replace(client_withdrawal_id=accepted.client_withdrawal_id)
            found = await exchange._find_withdrawal(request, exchange._begin())
            assert found is not None
            assert (found.withdrawal_id, found.amount, found.fee) == (accepted.withdrawal_id, Decimal(100), Decimal(1))
            assert sent(venue) == [("GET", f"{WALLET}/capital/withdraw/history")]
            assert parameters(venue)["withdrawOrderId"] == accepted.client_withdrawal_id


async def test_what_the_wallet_can_not_do_is_said_before_anything_is_sent() -> None:
    async with binance({"withdrawals": WithdrawalPolicy([])}) as (venue, exchange):
        with pytest.raises(NotSupported, match="remark"):
            await exchange.withdraw(withdrawal(venue).replace(remark="rent"))
        with pytest.raises(NotSupported, match="web site"):
            await exchange.cancel_withdrawal("1")
        assert sent(venue) == []


async def test_networks_deposits_addresses_and_fees() -> None:
    async with binance() as (venue, exchange):
        networks = {network.network: network for network in await exchange.get_networks("USDT")}
        assert networks["TRX"].withdrawal_fee == 1
        assert networks["TRX"].memo_required is False
        with pytest.raises(UsageError, match="NOSUCH"):
            await exchange.get_networks("NOSUCH")
        (address,) = await exchange.get_deposit_addresses("USDT", "TRX")
        assert (address.asset, address.network, bool(address.address)) == ("USDT", "TRX", True)
        (saved,) = await exchange.get_withdrawal_addresses("USDT")
        assert saved.address == target(venue).address
        fee = await exchange.get_trading_fee(BTC_USDT)
        assert (fee.maker, fee.taker) == (Decimal("0.001"), Decimal("0.001"))
        assert await exchange.get_deposit_history() == []


@pytest.mark.parametrize(("status", "is_credited"), [(0, False), (1, True), (2, False), (6, True), (7, False)])
async def test_deposits_count_where_they_are_in_the_balance(status: int, is_credited: bool) -> None:
    row = {"id": "769800519366885376", "amount": "0.001", "coin": "BNB", "network": "BNB", "status": status,
           "address": "bnb136ns6lfw4zs5hg4n85vdthaad7hq5m4gtkgf23", "addressTag": "101764890",
           "txId": "98A3EA560C6B3336D348B6C83F0F95ECE4F1F5919E94BD006E5BF3BF264FACFC", "insertTime": 1661493146000,
           "completeTime": 1661493146001, "transferType": 0, "confirmTimes": "1/1", "walletType": 0}  # fmt: skip
    async with binance() as (venue, exchange):
        venue.faults.add(Fault(ReplaceReply(200, json.dumps([row]).encode(), "application/json"), "GET"))
        deposits = await exchange.get_deposit_history("BNB", start_ms=venue.clock.now_ms() - 1_000)
        (deposit,) = deposits
        assert (deposit.is_credited, deposit.status, deposit.memo) == (is_credited, str(status), "101764890")
        assert (deposit.created_ms, deposit.updated_ms) == (1661493146000, 1661493146001)


ROW = {
    "id": "b6ae22b3aa844210a7041aee7589627c", "amount": "8.91000000", "transactionFee": "0.004", "coin": "USDT",
    "status": 6, "address": "0x94df8b352de7f46f64b01d3666bf6e936e44ce60", "txId": "0xb5ef8c13b968a406cc62a93a8bd80f9e",
    "applyTime": "2019-10-12 11:12:02", "network": "ETH", "transferType": 0, "withdrawOrderId": "WITHDRAWtest123",
    "info": "", "confirmNo": 3, "walletType": 1, "txKey": "", "completeTime": "2023-03-23 16:52:41",
}  # fmt: skip


@pytest.mark.parametrize(
    ("told", "status"),
    [
        (0, WithdrawalStatus.PENDING),
        (1, WithdrawalStatus.CANCELED),
        (2, WithdrawalStatus.MANUAL_REVIEW),
        (3, WithdrawalStatus.FAILED),
        (4, WithdrawalStatus.PROCESSING),
        (5, WithdrawalStatus.FAILED),
        (6, WithdrawalStatus.COMPLETED),
        (9, WithdrawalStatus.UNKNOWN),
    ],
)
def test_withdrawals_as_they_are_listed(told: int, status: WithdrawalStatus) -> None:
    unknown: list[tuple[str, str]] = []
    (row,) = wire_wallet.read_withdrawals(
        json.dumps([{**ROW, "status": told}]).encode(), lambda field, text: unknown.append((field, text))
    )
    assert row.status is status
    assert unknown == ([("withdrawal.status", "9")] if told == 9 else [])
    assert (row.amount, row.fee, row.client_withdrawal_id) == (Decimal("8.914"), Decimal("0.004"), "WITHDRAWtest123")
    assert (row.created_ms, row.updated_ms) == (1570878722000, 1679590361000)
