"""What the Gate dialect tells about orders and trades, and its dead-man switch."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from gateio_caller import PAIR, START_MS, Caller, limit_order, make_caller

from spotlane.exchanges.gateio.dialect import GateioDialect

DAY_S = 86_400
START_S = START_MS // 1000


@pytest.fixture
def caller() -> Caller:
    return make_caller()


def eth(**changes: object) -> dict[str, object]:
    return limit_order(currency_pair="ETH_USDT", amount="0.1", price="1000", **changes)


def test_text_finds_an_order_only_while_it_is_open(caller: Caller) -> None:
    order = caller.limit("buy", "0.001", "20000", text="t-mine")
    assert caller.order("t-mine") == order
    assert caller.label("GET", "/spot/orders/t-mine") == "MISSING_REQUIRED_PARAM"
    caller.ok("DELETE", f"/spot/orders/{order['id']}", currency_pair=PAIR)
    assert caller.refused("GET", "/spot/orders/t-mine", currency_pair=PAIR)[:2] == (404, "CLIENT_ID_NOT_FOUND")
    assert caller.order(order["id"])["text"] == "t-mine"


def test_text_may_outlive_its_order() -> None:
    caller = make_caller(engine_settings=replace(GateioDialect.engine_settings, finds_finished=True))
    order = caller.limit("buy", "0.001", "61000", text="t-mine")
    assert caller.order("t-mine") == order


def test_pair_may_be_left_out_of_finished_orders_only(caller: Caller) -> None:
    done = caller.limit("buy", "0.001", "61000")
    live = caller.limit("buy", "0.001", "20000")
    assert caller.ok("GET", f"/spot/orders/{done['id']}") == done
    assert caller.label("GET", f"/spot/orders/{live['id']}") == "ORDER_NOT_FOUND"
    assert caller.label("GET", f"/spot/orders/{live['id']}", currency_pair="ETH_USDT") == "ORDER_NOT_FOUND"
    assert caller.label("GET", f"/spot/orders/{live['id']}", currency_pair=PAIR, account="margin") == (
        "INVALID_PARAM_VALUE"
    )


def test_nobody_sees_the_orders_of_others(caller: Caller) -> None:
    order = caller.limit("buy", "0.001", "20000", text="t-mine")
    other = caller.with_key(caller.dialect.add_key(account="other"))
    assert other.label("GET", f"/spot/orders/{order['id']}", currency_pair=PAIR) == "ORDER_NOT_FOUND"
    assert other.label("DELETE", "/spot/orders/t-mine", currency_pair=PAIR) == "CLIENT_ID_NOT_FOUND"
    assert (other.ok("GET", "/spot/open_orders"), other.ok("GET", "/spot/accounts")) == ([], [])
    assert len(caller.engine.ledger.live_orders()) == 1


def test_open_orders_of_a_pair(caller: Caller) -> None:
    ids = [caller.limit("buy", "0.001", str(20000 + number))["id"] for number in range(5)]
    caller.ok("POST", "/spot/orders", eth())

    def listed(**params: object) -> list[str]:
        rows = caller.ok("GET", "/spot/orders", status="open", currency_pair=PAIR, **params)
        return [row["id"] for row in rows]

    assert listed() == ids[::-1]
    assert listed(limit=2) == [ids[4], ids[3]]
    assert listed(limit=2, page=3) == [ids[0]]
    assert caller.label("GET", "/spot/orders", status="open") == "MISSING_REQUIRED_PARAM"
    assert caller.label("GET", "/spot/orders", status="open", currency_pair=PAIR, limit=101) == "INVALID_PARAM_VALUE"


@pytest.mark.parametrize(
    ("params", "label"),
    [
        ({}, "MISSING_REQUIRED_PARAM"),
        ({"status": "closed"}, "INVALID_PARAM_VALUE"),
        ({"status": "finished", "limit": 0}, "INVALID_PARAM_VALUE"),
        ({"status": "finished", "limit": 1001}, "INVALID_PARAM_VALUE"),
        ({"status": "finished", "page": 0}, "INVALID_PARAM_VALUE"),
        ({"status": "finished", "page": 1003}, "INVALID_PARAM_VALUE"),
        ({"status": "finished", "side": "both"}, "INVALID_PARAM_VALUE"),
        ({"status": "finished", "from_": "now"}, "INVALID_PARAM_VALUE"),
        ({"status": "finished", "currency_pair": "NO_SUCH"}, "INVALID_CURRENCY_PAIR"),
    ],
)
def test_bad_questions(caller: Caller, params: dict[str, object], label: str) -> None:
    assert caller.label("GET", "/spot/orders", **params) == label


def test_finished_orders_are_listed_by_the_time_they_ended(caller: Caller) -> None:
    slow = caller.limit("buy", "0.001", "20000", text="t-slow")["id"]
    caller.clock.advance(100_000)
    quick = caller.limit("sell", "0.001", "59000")["id"]
    caller.clock.advance(100_000)
    caller.ok("DELETE", f"/spot/orders/{slow}", currency_pair=PAIR)
    caller.clock.advance(1_000_000)
    caller.ok("POST", "/spot/orders", {**eth(), "price": "4000"})

    def listed(**params: object) -> list[str]:
        return [row["id"] for row in caller.ok("GET", "/spot/orders", status="finished", **params)]

    assert listed(currency_pair=PAIR) == [slow, quick]
    assert len(listed()) == 3
    assert listed(from_=START_S + 100, to=START_S + 100) == [quick]
    assert listed(from_=START_S + 150, to=START_S + 300) == [slow]
    assert listed(from_=START_S + 250, currency_pair=PAIR) == []
    assert listed(side="sell") == [quick]
    assert listed(limit=1, page=2, currency_pair=PAIR) == [quick]


def test_open_orders_of_every_pair(caller: Caller) -> None:
    assert caller.ok("GET", "/spot/open_orders") == []
    one, two = (caller.limit("buy", "0.001", "20000")["id"] for _ in range(2))
    other = caller.ok("POST", "/spot/orders", eth())
    rows = caller.ok("GET", "/spot/open_orders")
    assert [(row["currency_pair"], row["total"]) for row in rows] == [("ETH_USDT", 1), (PAIR, 2)]
    assert rows[0]["orders"] == [other]
    assert [order["id"] for order in rows[1]["orders"]] == [two, one]
    second = caller.ok("GET", "/spot/open_orders", limit=1, page=2)
    assert [(row["currency_pair"], row["total"]) for row in second] == [("ETH_USDT", 0), (PAIR, 1)]


def test_reads_lag_where_the_engine_is_told_so(caller: Caller) -> None:
    caller.engine.set_visibility_lag(order=300, open_orders=300, order_history=300, trades=300)
    live = caller.limit("buy", "0.001", "20000", text="t-mine")["id"]
    done = caller.limit("buy", "0.001", "61000")["id"]
    assert caller.label("GET", f"/spot/orders/{live}", currency_pair=PAIR) == "ORDER_NOT_FOUND"
    assert caller.label("GET", "/spot/orders/t-mine", currency_pair=PAIR) == "CLIENT_ID_NOT_FOUND"
    assert caller.ok("GET", "/spot/orders", status="open", currency_pair=PAIR) == []
    assert caller.ok("GET", "/spot/orders", status="finished") == []
    assert caller.ok("GET", "/spot/my_trades") == []
    caller.clock.advance(300)
    assert caller.order("t-mine")["id"] == live
    assert [row["id"] for row in caller.ok("GET", "/spot/orders", status="finished")] == [done]


def test_fees_of_the_past_belong_to_the_fills_of_the_past(caller: Caller) -> None:
    order = caller.limit("buy", "0.003", "50000")["id"]
    caller.engine.trade_against(order, Decimal("0.001"))
    caller.clock.advance(1000)
    caller.engine.trade_against(order, Decimal("0.002"))
    caller.engine.set_visibility_lag(order=500)
    seen = caller.order(order)
    assert (seen["status"], seen["filled_amount"], seen["fee"]) == ("open", "0.001", "0.000002")
    caller.engine.set_visibility_lag(order=0)
    assert caller.order(order)["fee"] == "0.000006"


def test_trade_row(caller: Caller) -> None:
    order = caller.limit("buy", "0.001", "50000", text="t-mine")["id"]
    fill = caller.engine.trade_against(order, Decimal("0.0004"))
    (row,) = caller.ok("GET", "/spot/my_trades", currency_pair=PAIR)
    assert row == {
        "id": str(fill.trade_id), "create_time": str(START_S), "create_time_ms": f"{START_MS}.{fill.trade_id:06d}",
        "currency_pair": PAIR, "side": "buy", "role": "maker", "amount": "0.0004", "price": "50000", "order_id": order,
        "fee": "0.0000008", "fee_currency": "BTC", "point_fee": "0", "gt_fee": "0", "amend_text": "-",
        "sequence_id": str(fill.trade_id), "text": "t-mine", "deal": "20",
    }  # fmt: skip


def test_trades_are_chosen_by_order_pair_and_page(caller: Caller) -> None:
    one = caller.limit("buy", "0.001", "61000")["id"]
    caller.ok("POST", "/spot/orders", {**eth(), "price": "4000"})
    two = caller.limit("sell", "0.001", "59000")["id"]
    assert [row["order_id"] for row in caller.ok("GET", "/spot/my_trades", currency_pair=PAIR)] == [two, one]
    assert len(caller.ok("GET", "/spot/my_trades")) == 3
    assert [row["role"] for row in caller.ok("GET", "/spot/my_trades", order_id=one, currency_pair=PAIR)] == ["taker"]
    (last,) = caller.ok("GET", "/spot/my_trades", currency_pair=PAIR, limit=1, page=2)
    assert last["order_id"] == one
    assert caller.label("GET", "/spot/my_trades", order_id=one) == "MISSING_REQUIRED_PARAM"


def test_trades_of_a_week_or_of_thirty_days_at_once(caller: Caller) -> None:
    caller.limit("buy", "0.001", "61000")
    caller.clock.advance(8 * DAY_S * 1000)
    now_s = caller.clock.now_ms() // 1000

    def count(**params: object) -> int:
        return len(caller.ok("GET", "/spot/my_trades", currency_pair=PAIR, **params))

    assert count() == 0
    assert count(from_=START_S) == 1
    assert count(to=START_S + DAY_S) == 1
    assert count(from_=START_S + 1) == 0
    assert count(from_=now_s - 30 * DAY_S, to=now_s) == 1
    assert caller.label("GET", "/spot/my_trades", from_=now_s - 30 * DAY_S - 1, to=now_s) == "INVALID_PARAM_VALUE"
    assert caller.label("GET", "/spot/my_trades", limit=1000, page=102) == "INVALID_PARAM_VALUE"


def test_countdown_cancels_everything_once_its_time_has_come(caller: Caller) -> None:
    caller.limit("buy", "0.001", "20000")
    caller.ok("POST", "/spot/orders", eth())
    armed = caller.ok("POST", "/spot/countdown_cancel_all", {"timeout": 30})
    assert armed == {"triggerTime": START_MS + 30_000}
    caller.clock.advance(29_999)
    assert len(caller.ok("GET", "/spot/open_orders")) == 2
    caller.clock.advance(1)
    assert caller.ok("GET", "/spot/open_orders") == []
    assert caller.engine.ledger.live_orders() == []
    (row,) = caller.ok("GET", "/spot/orders", status="finished", currency_pair=PAIR)
    assert (row["status"], row["finish_as"]) == ("cancelled", "cancelled")


def test_countdown_is_extended_disarmed_and_made_per_pair(caller: Caller) -> None:
    one = caller.limit("buy", "0.001", "20000")["id"]
    other = caller.ok("POST", "/spot/orders", eth())["id"]
    caller.ok("POST", "/spot/countdown_cancel_all", {"timeout": 10, "currency_pair": PAIR})
    caller.ok("POST", "/spot/countdown_cancel_all", {"timeout": 10})
    caller.ok("POST", "/spot/countdown_cancel_all", {"timeout": 20, "currency_pair": PAIR})
    assert caller.ok("POST", "/spot/countdown_cancel_all", {"timeout": 0}) == {"triggerTime": 0}
    caller.clock.advance(19_999)
    assert caller.order(one)["status"] == "open"
    caller.clock.advance(1)
    assert caller.order(one)["status"] == "cancelled"
    caller.clock.advance(100_000)
    assert [row["orders"][0]["id"] for row in caller.ok("GET", "/spot/open_orders")] == [other]


def test_countdown_comes_before_a_later_fill(caller: Caller) -> None:
    caller.limit("buy", "0.001", "20000")
    caller.ok("POST", "/spot/countdown_cancel_all", {"timeout": 5})
    caller.clock.advance(6000)
    caller.engine.set_price("BTC/USDT", 15_000)
    assert [order.filled_quantity for order in caller.engine.ledger.orders()] == [0]


@pytest.mark.parametrize(
    ("body", "label"),
    [
        ({}, "MISSING_REQUIRED_PARAM"),
        ({"timeout": 4}, "INVALID_PARAM_VALUE"),
        ({"timeout": -1}, "INVALID_PARAM_VALUE"),
        ({"timeout": 10, "currency_pair": "NO_SUCH"}, "INVALID_CURRENCY_PAIR"),
    ],
)
def test_bad_countdowns(caller: Caller, body: dict[str, object], label: str) -> None:
    assert caller.label("POST", "/spot/countdown_cancel_all", body) == label


def test_balances(caller: Caller) -> None:
    caller.limit("buy", "0.001", "20000")
    rows = {row["currency"]: row for row in caller.ok("GET", "/spot/accounts")}
    assert (rows["USDT"]["available"], rows["USDT"]["locked"]) == ("99980", "20")
    version = rows["USDT"]["update_id"]
    caller.limit("buy", "0.001", "20000")
    (row,) = caller.ok("GET", "/spot/accounts", currency="USDT")
    assert (row["locked"], row["update_id"] > version) == ("40", True)
    assert caller.ok("GET", "/spot/accounts", currency="DOGE") == []


def test_emptied_balances_stay_listed() -> None:
    settings = replace(GateioDialect.engine_settings, balances={"BTC": Decimal(1)})
    caller = make_caller(engine_settings=settings)
    caller.market("sell", "1")
    assert caller.ok("GET", "/spot/accounts", currency="BTC")[0]["available"] == "0"
