"""Weights, unfilled orders, bans and the headers that tell about them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from binance_caller import START_MS, Caller, error_of, limit_order, make_caller

from spotlane.exchanges.binance.dialect_call import BinanceSettings, Memory
from spotlane.exchanges.binance.dialect_limits import OrderLimits
from spotlane.sandbox.http import HttpReply

WEIGHT, SECONDS_10, DAY = "x-mbx-used-weight-1m", "x-mbx-order-count-10s", "x-mbx-order-count-1d"
HISTORY = "/sapi/v1/capital/withdraw/history"


def used(reply: HttpReply) -> int:
    assert reply.headers[WEIGHT] == reply.headers["x-mbx-used-weight"]
    return int(reply.headers[WEIGHT])


def counts(reply: HttpReply) -> tuple[int, int]:
    return int(reply.headers[SECONDS_10]), int(reply.headers[DAY])


def place(caller: Caller, **changes: object) -> HttpReply:
    return caller.reply("POST", "order", **limit_order(**changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "params", "weight"),
    [
        ("time", {}, 1),
        ("exchangeInfo", {}, 20),
        ("order", {"symbol": "BTCUSDT", "orderId": 1}, 4),
        ("openOrders", {"symbol": "BTCUSDT"}, 6),
        ("openOrders", {}, 80),
        ("allOrders", {"symbol": "BTCUSDT"}, 20),
        ("myTrades", {"symbol": "BTCUSDT"}, 20),
        ("myTrades", {"symbol": "BTCUSDT", "orderId": 1}, 5),
        ("account", {}, 20),
        ("account/commission", {"symbol": "BTCUSDT"}, 20),
        ("rateLimit/order", {}, 40),
        ("myFilters", {"symbol": "BTCUSDT"}, 40),
    ],
)
def test_weights(path: str, params: dict[str, object], weight: int) -> None:
    caller = make_caller(BinanceSettings())
    public = path in ("time", "exchangeInfo")
    for times in (1, 2):
        reply = caller.raw("GET", path) if public else caller.reply("GET", path, **params)
        assert used(reply) == times * weight


def test_a_successful_order_costs_nothing_and_a_refused_one_does() -> None:
    caller = make_caller(BinanceSettings())
    reply = place(caller, newClientOrderId="mine")
    assert used(reply) == 0
    assert used(place(caller, price="0.001")) == 1
    assert used(caller.reply("DELETE", "order", symbol="BTCUSDT", origClientOrderId="mine")) == 1
    assert used(caller.reply("DELETE", "order", symbol="BTCUSDT", origClientOrderId="mine")) == 2
    assert used(caller.reply("POST", "order/test", **limit_order())) == 3
    assert used(caller.reply("POST", "order/test", **limit_order(computeCommissionRates="true"))) == 23


def test_the_weight_of_an_address_is_counted_by_the_minute() -> None:
    caller = make_caller(BinanceSettings(weight_limit=41, ban_after=2))
    caller.clock.advance(20_500)
    for _ in range(2):
        caller.ok("GET", "account")
    reply = caller.reply("GET", "account")
    assert (reply.status, error_of(reply)[0], reply.headers["Retry-After"]) == (429, -1003, "40")
    assert place(caller).status == 200
    other = make_caller(BinanceSettings(weight_limit=41))
    other.ok("GET", "account")
    caller.clock.advance(39_500)
    assert used(caller.reply("GET", "account")) == 20


def test_who_goes_on_after_a_refusal_is_banned() -> None:
    caller = make_caller(BinanceSettings(weight_limit=20, ban_after=2, ban_ms=120_000))
    caller.ok("GET", "account")
    assert [caller.reply("GET", "account").status for _ in range(4)] == [429, 429, 429, 418]
    reply = caller.raw("GET", "time")
    assert (reply.status, reply.headers["Retry-After"]) == (418, "120")
    assert error_of(reply) == (-1003, f"Way too much request weight used; IP banned until {START_MS + 120_000}.")
    caller.peer_ip = "10.0.0.1"
    caller.ok("GET", "account")
    caller.peer_ip = "127.0.0.1"
    caller.clock.advance(119_999)
    assert caller.reply("GET", "account").status == 418
    caller.clock.advance(1)
    caller.ok("GET", "account")


def test_raw_requests_are_counted_whatever_they_weigh() -> None:
    caller = make_caller(BinanceSettings(raw_request_limit=2))
    assert [place(caller).status for _ in range(3)] == [200, 200, 429]
    assert len(caller.engine.ledger.orders()) == 2


def test_limits_can_be_off() -> None:
    caller = make_caller(BinanceSettings(rate_limits=False, weight_limit=1, raw_request_limit=1, orders_per_10s=1))
    for _ in range(3):
        caller.ok("GET", "account")
        assert place(caller).status == 200


def test_unfilled_orders_are_counted_in_windows_of_the_clock() -> None:
    caller = make_caller(BinanceSettings(orders_per_10s=2))
    caller.clock.advance(7_000)
    assert [counts(place(caller, newClientOrderId=f"c{number}")) for number in range(2)] == [(1, 1), (2, 2)]
    caller.ok("DELETE", "order", symbol="BTCUSDT", origClientOrderId="c0")
    reply = place(caller)
    assert (reply.status, reply.headers["Retry-After"]) == (429, "3")
    assert error_of(reply) == (-1015, "Too many new orders; current limit is 2 orders per 10 SECOND.")
    assert SECONDS_10 not in reply.headers
    caller.clock.advance(3_000)
    assert counts(place(caller)) == (1, 3)
    rows = caller.ok("GET", "rateLimit/order")
    assert [(row["interval"], row["intervalNum"], row["limit"], row["count"]) for row in rows] == [
        ("SECOND", 10, 2, 1), ("DAY", 1, 160_000, 3),
    ]  # fmt: skip


def test_the_day_ends_at_midnight() -> None:
    caller = make_caller(BinanceSettings(orders_per_day=1))
    caller.clock.advance(86_395_000)
    assert place(caller).status == 200
    reply = place(caller)
    assert (reply.status, reply.headers["Retry-After"]) == (429, "5")
    caller.clock.advance(5_000)
    assert place(caller).status == 200


def test_fills_give_counts_back() -> None:
    caller = make_caller(BinanceSettings())
    assert counts(place(caller, price="70000")) == (0, 0)
    replies = [place(caller, newClientOrderId=f"c{number}") for number in range(7)]
    assert counts(replies[-1]) == (7, 7)
    order = caller.engine.ledger.orders("c0")[0]
    for _ in range(2):
        caller.engine.trade_against(order.order_id, Decimal("0.0005"))
        # Five come back with the first maker fill, nothing with the next.
        assert [row["count"] for row in caller.ok("GET", "rateLimit/order")] == [2, 2]


def test_no_more_is_given_back_than_was_used() -> None:
    caller = make_caller(BinanceSettings())
    place(caller, newClientOrderId="mine")
    caller.engine.trade_against(caller.engine.ledger.orders("mine")[0].order_id, Decimal("0.001"))
    assert counts(place(caller)) == (1, 1)


def test_orders_that_are_done_are_forgotten() -> None:
    caller = make_caller()
    memory = Memory(seed=1)
    limits = OrderLimits(BinanceSettings(), memory)
    place(caller, newClientOrderId="mine")
    (record,) = caller.engine.ledger.orders("mine")
    limits.add(record, {}, START_MS)
    assert memory.open_orders("trader", "BTC/USDT") == 1
    caller.ok("DELETE", "order", symbol="BTCUSDT", origClientOrderId="mine")
    limits.refund("trader", START_MS)
    assert memory.orders == {"trader": {}}


def test_a_refused_order_is_not_counted() -> None:
    caller = make_caller(BinanceSettings())
    assert place(caller, quantity="5.1").status == 400
    assert counts(place(caller)) == (1, 1)


def test_accounts_have_counts_of_their_own() -> None:
    caller = make_caller(BinanceSettings(orders_per_10s=1))
    assert place(caller).status == 200
    caller.engine.credit("USDT", 100, "other")
    other = caller.with_key(caller.dialect.add_key(account="other"))
    assert counts(place(other)) == (1, 1)


def test_wallet_endpoints_have_budgets_of_their_own() -> None:
    caller = make_caller(BinanceSettings(sapi_ip_limit=20))
    config = "/sapi/v1/capital/config/getall"
    replies = [caller.reply("GET", config) for _ in range(3)]
    assert [reply.status for reply in replies] == [200, 200, 429]
    assert replies[1].headers["x-sapi-used-ip-weight-1m"] == "20"
    assert WEIGHT not in replies[1].headers
    assert caller.reply("GET", "/sapi/v1/asset/tradeFee").headers["x-sapi-used-ip-weight-1m"] == "1"


def test_withdrawal_history_allows_ten_requests_a_second() -> None:
    caller = make_caller(BinanceSettings())
    replies = [caller.reply("GET", HISTORY) for _ in range(11)]
    assert [reply.status for reply in replies] == [200] * 10 + [429]
    assert replies[-1].headers["Retry-After"] == "1"
    caller.clock.advance(1_000)
    caller.ok("GET", HISTORY)


def test_account_weights_are_charged_to_the_account() -> None:
    caller = make_caller(BinanceSettings(sapi_uid_limit=900))
    path = "/sapi/v1/capital/withdraw/apply"
    reply = caller.reply("POST", path)
    assert (reply.status, reply.headers["x-sapi-used-uid-weight-1m"]) == (400, "900")
    assert caller.reply("POST", path).status == 429
    other = caller.with_key(caller.dialect.add_key(account="other"))
    assert other.reply("POST", path).status == 400
