"""Placing, amending and cancelling on the Gate dialect: shapes, labels, and what really happens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from gateio_caller import PAIR, START_MS, Caller, limit_order, make_caller, sign

from spotlane.exchanges.gateio.dialect import GateioDialect
from spotlane.exchanges.gateio.dialect_call import GateioSettings, TimeTypes
from spotlane.structs.enums import OrderStatus, Side

ENGINE = GateioDialect.engine_settings
RESTING = {
    "id": "376835979523", "text": "t-valid-limit-buy-order", "amend_text": "-", "create_time": "1691015713",
    "update_time": "1691015713", "create_time_ms": START_MS, "update_time_ms": START_MS, "status": "open",
    "currency_pair": "BTC_USDT", "type": "limit", "account": "spot", "side": "buy", "amount": "0.00068",
    "price": "10000.7", "biz_info": "-", "time_in_force": "gtc", "iceberg": "0", "left": "0.00068", "fill_price": "0",
    "filled_total": "0", "fee": "0", "fee_currency": "BTC", "point_fee": "0", "gt_fee": "0", "gt_maker_fee": "0",
    "gt_taker_fee": "0", "gt_discount": False, "rebated_fee": "0", "rebated_fee_currency": "USDT", "finish_as": "open",
}  # fmt: skip


@pytest.fixture
def caller() -> Caller:
    return make_caller()


def test_full_reply_is_the_recorded_one() -> None:
    caller = make_caller(GateioSettings(rate_limits=False, pad_decimals=False, has_filled_amount=False))
    order = caller.limit("buy", "0.00068", "10000.7", text="t-valid-limit-buy-order")
    assert order == {**RESTING, "id": order["id"]}
    assert list(order) == list(RESTING)
    assert order["id"].isdigit()


def test_sizes_are_padded_and_newer_members_are_there(caller: Caller) -> None:
    order = caller.limit("buy", "0.00068", "10000.7")
    assert (order["amount"], order["left"], order["price"]) == ("0.00068000", "0.00068000", "10000.70")
    assert (order["text"], order["filled_amount"]) == ("apiv4", "0")
    assert "avg_deal_price" not in order
    assert caller.order(order["id"]) == order


def test_order_ids_are_unique(caller: Caller) -> None:
    assert len({caller.limit("buy", "0.001", "20000")["id"] for _ in range(5)}) == 5


def test_market_buy_is_sized_in_quote(caller: Caller) -> None:
    order = caller.market("buy", "20", text="t-valid-market-buy-order")
    spent, got = Decimal(order["filled_total"]), Decimal(order["filled_amount"])
    assert (order["status"], order["finish_as"], order["type"], order["price"]) == ("closed", "filled", "market", "0")
    assert Decimal(order["amount"]) == 20
    assert Decimal(order["left"]) == 20 - spent > 0
    assert order["fill_price"] == order["filled_total"]
    assert Decimal(order["avg_deal_price"]) == (spent / got).quantize(Decimal("0.01"))
    assert (Decimal(order["fee"]), order["fee_currency"]) == (got * Decimal("0.002"), "BTC")
    held = caller.engine.accounts.holding("trader", "BTC")
    assert held.available == 10 + got - Decimal(order["fee"])
    assert caller.engine.accounts.holding("trader", "USDT").total == 100_000 - spent


def test_sells_pay_in_quote(caller: Caller) -> None:
    order = caller.market("sell", "0.01")
    assert (order["left"], order["fee_currency"], order["rebated_fee_currency"]) == ("0.00000000", "USDT", "BTC")
    assert Decimal(order["fee"]) == Decimal(order["filled_total"]) * Decimal("0.002")
    held = caller.engine.accounts.holding("trader", "USDT").available
    assert held == 100_000 + Decimal(order["filled_total"]) - Decimal(order["fee"])


@pytest.mark.parametrize(("closes", "status", "finish"), [(True, "closed", "filled"), (False, "cancelled", None)])
def test_market_order_with_a_remainder(closes: bool, status: str, finish: str | None) -> None:
    caller = make_caller(
        GateioSettings(rate_limits=False, market_orders_close=closes),
        replace(ENGINE, balances={"BTC": Decimal(100), "USDT": Decimal(1)}),
    )
    order = caller.market("sell", "60")
    assert (order["status"], order["finish_as"]) == (status, finish or "depth_not_enough")
    assert Decimal(order["left"]) == 60 - Decimal(order["filled_amount"]) > 0
    assert caller.engine.ledger.order(order["id"]).status is OrderStatus.PARTIALLY_CANCELED


def test_slippage_bounds_a_market_order(caller: Caller) -> None:
    order = caller.market("buy", "90000", slippage="0.00006")
    assert Decimal(order["avg_deal_price"]) <= 60000 * Decimal("1.00006")
    assert Decimal(order["left"]) > 0


def test_shapes_of_action_mode(caller: Caller) -> None:
    ack = caller.limit("buy", "0.001", "20000", text="t-ack", action_mode="ACK")
    assert ack == {"id": ack["id"], "text": "t-ack", "amend_text": "-"}
    result = caller.limit("buy", "0.001", "70000", action_mode="RESULT")
    assert not {name for name in result if "fee" in name or name.startswith("gt_")}
    assert {"auto_borrow", "left", "filled_total", "avg_deal_price", "finish_as"} <= set(result)
    assert caller.label("POST", "/spot/orders", limit_order(action_mode="SHORT")) == "INVALID_PARAM_VALUE"


def test_an_early_ack_is_no_acceptance() -> None:
    caller = make_caller(GateioSettings(rate_limits=False, ack_is_early=True))
    ack = caller.limit("buy", "100", "20000", text="t-1", action_mode="ACK")
    assert set(ack) == {"id", "text", "amend_text"}
    assert caller.label("GET", f"/spot/orders/{ack['id']}", currency_pair=PAIR) == "ORDER_NOT_FOUND"
    assert caller.engine.ledger.orders() == []
    assert caller.label("POST", "/spot/orders", limit_order(amount="100")) == "BALANCE_NOT_ENOUGH"


@pytest.mark.parametrize(
    ("changes", "label"),
    [
        ({"currency_pair": None}, "MISSING_REQUIRED_PARAM"),
        ({"currency_pair": "NO_SUCH"}, "INVALID_CURRENCY_PAIR"),
        ({"currency_pair": "btc_usdt"}, "INVALID_CURRENCY_PAIR"),
        ({"currency_pair": "BTC/USDT"}, "INVALID_CURRENCY_PAIR"),
        ({"currency_pair": "BTCUSDT"}, "INVALID_CURRENCY_PAIR"),
        ({"side": None}, "MISSING_REQUIRED_PARAM"),
        ({"side": "BUY"}, "INVALID_PARAM_VALUE"),
        ({"type": "stop"}, "INVALID_PARAM_VALUE"),
        ({"time_in_force": "GTC"}, "INVALID_PARAM_VALUE"),
        ({"type": "market"}, "INVALID_PARAM_VALUE"),
        ({"type": "market", "time_in_force": "poc"}, "INVALID_PARAM_VALUE"),
        ({"account": "margin"}, "INVALID_PARAM_VALUE"),
        ({"account": "unified"}, "INVALID_PARAM_VALUE"),
        ({"price": None}, "MISSING_REQUIRED_PARAM"),
        ({"amount": None}, "MISSING_REQUIRED_PARAM"),
        ({"amount": ""}, "MISSING_REQUIRED_PARAM"),
        ({"amount": "1e-3"}, "INVALID_PARAM_VALUE"),
        ({"amount": 1e-05}, "INVALID_PARAM_VALUE"),
        ({"amount": "-1"}, "INVALID_PARAM_VALUE"),
        ({"amount": "0"}, "INVALID_PARAM_VALUE"),
        ({"amount": ["1"]}, "INVALID_PARAM_VALUE"),
        ({"amount": True}, "INVALID_PARAM_VALUE"),
        ({"price": "0"}, "INVALID_PARAM_VALUE"),
        ({"price": "20000.001"}, "INVALID_PRECISION"),
        ({"amount": "0.000000001"}, "INVALID_PRECISION"),
        ({"amount": "0.00004"}, "INVALID_PARAM_VALUE"),
        ({"amount": "201"}, "AMOUNT_TOO_MUCH"),
        ({"amount": "5.1"}, "BALANCE_NOT_ENOUGH"),
        ({"side": "sell", "amount": "10.1"}, "BALANCE_NOT_ENOUGH"),
        ({"text": "abc"}, "INVALID_PARAM_VALUE"),
        ({"text": "t-"}, "INVALID_PARAM_VALUE"),
        ({"text": "t-" + "x" * 29}, "INVALID_PARAM_VALUE"),
        ({"text": "t-a b"}, "INVALID_PARAM_VALUE"),
        ({"text": "t-é"}, "INVALID_PARAM_VALUE"),
        ({"iceberg": "0.002"}, "INVALID_PARAM_VALUE"),
        ({"stp_act": "cn"}, "INVALID_PARAM_VALUE"),
        ({"auto_borrow": True}, "INVALID_PARAM_VALUE"),
        ({"stop_loss": {"trigger_price": "1"}}, "INVALID_PARAM_VALUE"),
        ({"currency_pair": "FTT_USDT", "price": "1", "amount": "10"}, "INVALID_PARAM_VALUE"),
        ({"currency_pair": "EOS_USDT", "price": "0.5", "amount": "10"}, "INVALID_PARAM_VALUE"),
        ({"currency_pair": "MX_USDT", "price": "2", "amount": "4.99"}, "INVALID_PARAM_VALUE"),
        ({"price": "60010", "time_in_force": "poc"}, "POC_FILL_IMMEDIATELY"),
        ({"time_in_force": "fok"}, "FOK_NOT_FILL"),
    ],
)
def test_refused_orders(caller: Caller, changes: Mapping[str, object], label: str) -> None:
    assert caller.refused("POST", "/spot/orders", limit_order(**changes))[:2] == (400, label)
    assert caller.engine.ledger.orders() == []
    assert caller.engine.ledger.refused()[0].data["code"] == label
    assert caller.engine.accounts.holding("trader", "USDT").locked == 0


def test_texts_that_only_the_message_tells_apart(caller: Caller) -> None:
    def message(**changes: object) -> str:
        return caller.refused("POST", "/spot/orders", limit_order(**changes))[2]

    assert message(amount="0.00004") == "Your order size 0.8 USDT is too small. The minimum is 1 USDT"
    tiny = {"currency_pair": "MX_USDT", "price": "2", "amount": "4.99"}
    assert message(**tiny) == "Your order size 4.99 MX is too small. The minimum is 5 MX"
    small = {"type": "market", "time_in_force": "ioc", "price": None, "amount": "0.5"}
    assert message(**small) == "Your order size 0.5 USDT is too small. The minimum is 1 USDT"
    sell = {**small, "side": "sell", "amount": "0.00001"}
    assert message(**sell) == "Your order size 0.6 USDT is too small. The minimum is 1 USDT"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"null", b'{"amount":NaN}', b"\xff", b"[" * 100_000])
def test_bodies_that_are_no_object(caller: Caller, body: bytes) -> None:
    stamp = str(START_MS // 1000)
    signature = sign(caller.api_secret, "POST", "/api/v4/spot/orders", "", body, stamp)
    reply = caller.raw(
        "POST", "/spot/orders", "", body,
        key=caller.api_key, timestamp=stamp, sign=signature, content_type="application/json",
    )  # fmt: skip
    assert (reply.status, b"INVALID_REQUEST_BODY" in reply.body) == (400, True)


def test_numbers_nulls_and_channel(caller: Caller) -> None:
    caller.headers = {"x-gate-channel-id": "bot7"}
    order = caller.limit("buy", 0.002, 20000, text=None, iceberg="0.001", time_in_force=None)
    assert (order["amount"], order["price"], order["iceberg"]) == ("0.00200000", "20000.00", "0.001")
    assert order["biz_info"] == "ch:bot7"


def test_surplus_decimals_can_be_cut() -> None:
    caller = make_caller(GateioSettings(rate_limits=False, truncate_precision=True))
    order = caller.limit("buy", "0.0010000019", "20000.019")
    assert (order["amount"], order["price"]) == ("0.00100000", "20000.01")


def test_times_drift() -> None:
    caller = make_caller(GateioSettings(rate_limits=False, time_types="drifting"))
    seen = [caller.limit("buy", "0.001", "20000")["create_time_ms"] for _ in range(3)]
    assert seen == [START_MS, str(START_MS), START_MS + 0.125]
    text = make_caller(GateioSettings(time_types=TimeTypes.TEXT))
    assert text.limit("buy", "0.001", "20000")["update_time_ms"] == str(START_MS)
    assert isinstance(text.ok("POST", "/spot/countdown_cancel_all", {"timeout": 5})["triggerTime"], str)


def test_post_only_and_fill_or_kill_may_be_accepted_and_cancelled() -> None:
    settings = replace(ENGINE, refuse_crossing_makers=False, refuse_unfilled_fok=False)
    caller = make_caller(engine_settings=settings)
    poc = caller.limit("buy", "0.001", "60010", time_in_force="poc")
    fok = caller.limit("buy", "0.001", "20000", time_in_force="fok")
    for order, finish in ((poc, "poc"), (fok, "fok")):
        assert (order["status"], order["finish_as"], order["filled_total"]) == ("cancelled", finish, "0")
        assert caller.order(order["id"]) == order
    resting = caller.limit("buy", "0.001", "20000", time_in_force="poc")
    cancelled = caller.ok("DELETE", f"/spot/orders/{resting['id']}", currency_pair=PAIR)
    assert (cancelled["status"], cancelled["finish_as"]) == ("cancelled", "cancelled")


def test_immediate_or_cancel_leaves_a_cancelled_order_with_fills(caller: Caller) -> None:
    ask = caller.engine.markets["BTC/USDT"].book.best_price(Side.SELL)
    order = caller.limit("buy", "1.5", str(ask), time_in_force="ioc")
    assert (order["status"], order["finish_as"]) == ("cancelled", "ioc")
    assert 0 < Decimal(order["filled_amount"]) < Decimal("1.5")
    assert Decimal(order["left"]) == Decimal("1.5") - Decimal(order["filled_amount"])
    filled = caller.limit("buy", "0.001", "61000", time_in_force="fok")
    assert (filled["status"], filled["finish_as"]) == ("closed", "filled")


@pytest.mark.parametrize(
    ("act", "newer", "older"), [(None, "stp", "open"), ("co", "open", "stp"), ("cb", "stp", "stp")]
)
def test_self_trade_prevention(act: str | None, newer: str, older: str) -> None:
    caller = make_caller(GateioSettings(rate_limits=False, stp_id=3))
    caller.engine.clear_liquidity("BTC/USDT")
    first = caller.limit("sell", "0.001", "50000")
    second = caller.limit("buy", "0.001", "50000", stp_act=act)
    assert (second["finish_as"], second["stp_id"], second["stp_act"]) == (newer, 3, act or "cn")
    assert caller.order(first["id"])["finish_as"] == older


def test_unified_accounts_are_called_so() -> None:
    caller = make_caller(GateioSettings(rate_limits=False, unified_account=True))
    assert caller.limit("buy", "0.001", "20000", account="unified")["account"] == "unified"
    assert caller.limit("buy", "0.001", "20000", account="spot")["account"] == "unified"
    assert caller.ok("GET", "/account/detail")["key"] == {"mode": 2}


def test_a_later_order_shadows_an_earlier_one_of_the_same_text(caller: Caller) -> None:
    first = caller.limit("buy", "0.001", "20000", text="t-same")
    second = caller.limit("buy", "0.002", "20000", text="t-same")
    assert caller.order("t-same")["id"] == second["id"] != first["id"]
    assert caller.ok("DELETE", "/spot/orders/t-same", currency_pair=PAIR)["id"] == second["id"]
    assert caller.refused("GET", "/spot/orders/t-same", currency_pair=PAIR) == (
        404, "CLIENT_ID_NOT_FOUND", "Order with client ID t-same not found",
    )  # fmt: skip
    assert caller.order(first["id"])["status"] == "open"


def test_other_duplicate_models() -> None:
    caller = make_caller(engine_settings=replace(ENGINE, duplicate_client_ids="for_ever"))
    caller.limit("buy", "0.001", "20000", text="t-same")
    assert caller.label("POST", "/spot/orders", limit_order(text="t-same")) == "REPEATED_CREATION"


def test_cancel_gives_the_final_fills(caller: Caller) -> None:
    order = caller.limit("buy", "0.003", "50000", text="t-mine")
    caller.engine.trade_against(order["id"], Decimal("0.001"))
    caller.clock.advance(1500)
    cancelled = caller.ok("DELETE", "/spot/orders/t-mine", currency_pair=PAIR)
    assert (cancelled["status"], cancelled["finish_as"], cancelled["left"]) == ("cancelled", "cancelled", "0.00200000")
    assert (cancelled["filled_total"], cancelled["avg_deal_price"]) == ("50", "50000")
    assert (cancelled["fee"], cancelled["update_time"]) == ("0.000002", str((START_MS + 1500) // 1000))
    again = caller.refused("DELETE", f"/spot/orders/{order['id']}", currency_pair=PAIR)
    assert again[:2] == (400, "ORDER_CANCELLED")


def test_cancel_of_what_can_not_be_cancelled(caller: Caller) -> None:
    filled = caller.limit("buy", "0.001", "61000", text="t-filled")["id"]
    assert caller.label("DELETE", f"/spot/orders/{filled}", currency_pair=PAIR) == "ORDER_CLOSED"
    assert caller.label("DELETE", "/spot/orders/t-filled", currency_pair=PAIR) == "CLIENT_ID_NOT_FOUND"
    assert caller.refused("DELETE", "/spot/orders/1", currency_pair=PAIR) == (404, "ORDER_NOT_FOUND", "Order not found")
    assert caller.label("DELETE", f"/spot/orders/{filled}") == "MISSING_REQUIRED_PARAM"
    assert caller.label("DELETE", f"/spot/orders/{filled}", currency_pair="ETH_USDT") == "ORDER_NOT_FOUND"


def test_fill_wins_the_race_against_a_cancel(caller: Caller) -> None:
    order = caller.limit("buy", "0.001", "50000")
    caller.engine.before_next("cancel", lambda: caller.engine.trade_against(order["id"], Decimal("0.001")))
    assert caller.label("DELETE", f"/spot/orders/{order['id']}", currency_pair=PAIR) == "ORDER_CLOSED"
    assert caller.order(order["id"])["finish_as"] == "filled"


def test_cancel_many(caller: Caller) -> None:
    bids = [caller.limit("buy", "0.001", price)["id"] for price in ("20000", "21000")]
    ask = caller.limit("sell", "0.001", "90000")["id"]
    eth = caller.ok("POST", "/spot/orders", limit_order(currency_pair="ETH_USDT", price="1000", amount="0.1"))["id"]
    rows = caller.ok("DELETE", "/spot/orders", currency_pair=PAIR, side="buy")
    assert [(row["id"], row["status"], row["succeeded"], row["label"]) for row in rows] == [
        (order_id, "cancelled", True, "") for order_id in bids
    ]
    assert {order.order_id for order in caller.engine.ledger.live_orders()} == {ask, eth}
    assert len(caller.ok("DELETE", "/spot/orders", action_mode="ACK")) == 2
    assert caller.engine.ledger.live_orders() == []


def test_cancel_batch(caller: Caller) -> None:
    one = caller.limit("buy", "0.001", "20000", text="t-1")["id"]
    two = caller.limit("buy", "0.001", "20000", text="t-2")["id"]
    items = [{"currency_pair": PAIR, "id": name} for name in (one, "t-2", "t-1", "7")]
    rows = caller.ok("POST", "/spot/cancel_batch_orders", [*items, {"currency_pair": "NO_SUCH", "id": "1"}])
    done = {"currency_pair": PAIR, "succeeded": True, "label": None, "message": None, "account": "spot"}
    assert rows[:2] == [{**done, "id": one, "text": "t-1"}, {**done, "id": two, "text": "t-2"}]
    assert [row["label"] for row in rows[2:]] == ["CLIENT_ID_NOT_FOUND", "ORDER_NOT_FOUND", "INVALID_CURRENCY_PAIR"]
    old = caller.limit("buy", "0.001", "20000", text="t-old")["id"]
    caller.clock.advance(30 * 60_000 + 1)
    aged = [{"currency_pair": PAIR, "id": name} for name in ("t-old", old)]
    rows = caller.ok("POST", "/spot/cancel_batch_orders", aged)
    assert [row["succeeded"] for row in rows] == [False, True]
    assert caller.label("POST", "/spot/cancel_batch_orders", [items[0]] * 21) == "TOO_MANY_ORDERS"


def test_batch_answers_for_each_order(caller: Caller) -> None:
    rows = caller.ok(
        "POST",
        "/spot/batch_orders",
        [
            limit_order(text="t-1"),
            limit_order(text="t-2", amount="100"),
            limit_order(text="t-3", price=None, type="market", time_in_force="ioc", amount="20"),
            limit_order(text="t-4", currency_pair="NO_SUCH"),
        ],
    )
    assert rows[1] == {
        "text": "t-2", "succeeded": False, "label": "BALANCE_NOT_ENOUGH", "message": "Not enough balance",
    }  # fmt: skip
    assert [(row["text"], row["succeeded"], row["label"]) for row in (rows[0], rows[2], rows[3])] == [
        ("t-1", True, ""), ("t-3", True, ""), ("t-4", False, "INVALID_CURRENCY_PAIR"),
    ]  # fmt: skip
    assert rows[0]["order_id"] == rows[0]["id"]
    assert not {"gt_maker_fee", "gt_taker_fee"} & set(rows[0])
    assert {order.client_order_id for order in caller.engine.ledger.orders()} == {"t-1", "t-3"}


@pytest.mark.parametrize(
    ("items", "label"),
    [
        ([limit_order()], "MISSING_REQUIRED_PARAM"),
        ([], "INVALID_REQUEST_BODY"),
        ([1], "INVALID_REQUEST_BODY"),
        ({}, "INVALID_REQUEST_BODY"),
        ([limit_order(text=f"t-{number}") for number in range(11)], "TOO_MANY_ORDERS"),
        ([limit_order(text=f"t-{n}", currency_pair=f"A{n}_B") for n in range(5)], "TOO_MANY_CURRENCY_PAIRS"),
        ([limit_order(text="t-1"), limit_order(text="t-2", account="margin")], "MIXED_ACCOUNT_TYPE"),
    ],
)
def test_batches_that_are_refused_whole(caller: Caller, items: object, label: str) -> None:
    assert caller.refused("POST", "/spot/batch_orders", items)[:2] == (400, label)
    assert caller.engine.ledger.orders() == []


def amend(caller: Caller, order_id: str, **body: object) -> Any:
    return caller.ok("PATCH", f"/spot/orders/{order_id}", body, currency_pair=PAIR)


def test_amend(caller: Caller) -> None:
    order = caller.limit("buy", "0.003", "50000", text="t-mine")
    caller.clock.advance(10)
    changed = amend(caller, "t-mine", price="51000", amend_text="nearer")
    assert (changed["id"], changed["price"], changed["amend_text"]) == (order["id"], "51000.00", "nearer")
    assert (changed["update_time_ms"], changed["create_time_ms"]) == (START_MS + 10, START_MS)
    assert caller.engine.accounts.holding("trader", "USDT").locked == 153
    both = amend(caller, order["id"], price="52000", amount="0.002")
    assert (both["amount"], both["left"], both["amend_text"]) == ("0.00200000", "0.00200000", "nearer")
    caller.engine.trade_against(order["id"], Decimal("0.001"))
    assert amend(caller, order["id"], amount="0.005")["left"] == "0.00400000"
    assert amend(caller, order["id"], amount="0.005", price="53000")["filled_total"] == "52"
    assert caller.engine.accounts.holding("trader", "USDT").locked == 4 * 53
    assert caller.ok("GET", "/spot/my_trades", currency_pair=PAIR)[0]["amend_text"] == "nearer"


def test_amend_below_what_is_filled_cancels_the_rest(caller: Caller) -> None:
    order = caller.limit("buy", "0.003", "50000")
    caller.engine.trade_against(order["id"], Decimal("0.002"))
    done = amend(caller, order["id"], amount="0.001")
    assert (done["status"], done["finish_as"], done["left"]) == ("cancelled", "cancelled", "0.00100000")
    assert caller.engine.accounts.holding("trader", "USDT").locked == 0


def test_amend_can_take(caller: Caller) -> None:
    order = caller.limit("buy", "0.003", "50000")
    assert amend(caller, order["id"], price="61000")["finish_as"] == "filled"
    poc = caller.limit("buy", "0.003", "50000", time_in_force="poc")
    assert caller.label("PATCH", f"/spot/orders/{poc['id']}", {"price": "61000"}, currency_pair=PAIR) == (
        "POC_FILL_IMMEDIATELY"
    )
    assert caller.order(poc["id"])["price"] == "50000.00"


@pytest.mark.parametrize(
    ("body", "label"),
    [
        ({}, "MISSING_REQUIRED_PARAM"),
        ({"price": "20000"}, "NO_CHANGE"),
        ({"amount": "0.001", "price": "20000.00"}, "NO_CHANGE"),
        ({"amount": "0"}, "INVALID_PARAM_VALUE"),
        ({"price": "0"}, "INVALID_PARAM_VALUE"),
        ({"price": "20000.001"}, "INVALID_PRECISION"),
        ({"amount": "0.00004"}, "INVALID_PARAM_VALUE"),
        ({"amount": "6"}, "BALANCE_NOT_ENOUGH"),
        ({"price": "21000", "amend_text": "x" * 32}, "INVALID_PARAM_VALUE"),
        ({"price": "21000", "currency_pair": "ETH_USDT"}, "ORDER_NOT_FOUND"),
        ({"price": "21000", "account": "margin"}, "INVALID_PARAM_VALUE"),
    ],
)
def test_refused_amendments_change_nothing(caller: Caller, body: dict[str, object], label: str) -> None:
    order = caller.limit("buy", "0.001", "20000")
    assert caller.label("PATCH", f"/spot/orders/{order['id']}", body, currency_pair=PAIR) == label
    assert caller.order(order["id"]) == order
    assert caller.engine.accounts.holding("trader", "USDT").locked == 20


def test_amend_of_orders_that_are_gone(caller: Caller) -> None:
    order = caller.limit("buy", "0.001", "61000")["id"]
    assert caller.label("PATCH", f"/spot/orders/{order}", {"price": "1"}, currency_pair=PAIR) == "ORDER_CLOSED"
    assert caller.label("PATCH", "/spot/orders/t-no", {"price": "1"}, currency_pair=PAIR) == "CLIENT_ID_NOT_FOUND"
    assert caller.label("PATCH", "/spot/orders/1", {"price": "1"}) == "MISSING_REQUIRED_PARAM"


def test_amend_batch_goes_on_after_a_failure(caller: Caller) -> None:
    one, two = (caller.limit("buy", "0.001", "20000", text=f"t-{number}")["id"] for number in (1, 2))
    items: list[dict[str, object]] = [
        {"order_id": one, "currency_pair": PAIR, "price": "21000"},
        {"order_id": "7", "currency_pair": PAIR, "price": "21000"},
        {"order_id": "t-2", "currency_pair": PAIR, "amount": "0.002"},
    ]
    rows = caller.ok("POST", "/spot/amend_batch_orders", items)
    assert [row["order_id"] for row in rows] == [one, "7", two]
    assert [row["label"] for row in rows] == ["", "ORDER_NOT_FOUND", ""]
    assert (rows[0]["price"], rows[2]["amount"]) == ("21000.00", "0.00200000")
    assert caller.label("POST", "/spot/amend_batch_orders", items * 2) == "TOO_MANY_ORDERS"
