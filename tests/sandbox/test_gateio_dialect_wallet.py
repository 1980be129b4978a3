"""Rules, fees, keys, chains, withdrawals and deposits of the Gate dialect."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from gateio_caller import PAIR, START_MS, Caller, make_caller

from spotlane.exchanges.gateio.dialect import GateioDialect
from spotlane.exchanges.gateio.dialect_call import GateioSettings
from spotlane.sandbox.limits import Limit

DAY_S = 86_400
START_S = START_MS // 1000
STEP_MS = GateioDialect.engine_settings.wallet.step_ms
ADDRESS = "TQrY8tryqsYVCYS3MFbtffiPp2ccyn4STm"
REQUEST: dict[str, object] = {
    "currency": "USDT", "chain": "TRX", "address": ADDRESS, "amount": "25", "withdraw_order_id": "mine-1",
}  # fmt: skip


@pytest.fixture
def caller() -> Caller:
    return make_caller()


def withdraw(caller: Caller, **changes: object) -> Any:
    return caller.ok("POST", "/withdrawals", {**REQUEST, **changes})


def record(caller: Caller, withdrawal_id: str) -> Any:
    (row,) = caller.ok("GET", "/wallet/withdrawals", withdraw_id=withdrawal_id)
    return row


def test_time_is_in_milliseconds(caller: Caller) -> None:
    assert caller.ok("GET", "/spot/time") == {"server_time": START_MS}


def test_pair_rules(caller: Caller) -> None:
    pairs = {row["id"]: row for row in caller.ok("GET", "/spot/currency_pairs")}
    btc = caller.ok("GET", f"/spot/currency_pairs/{PAIR}")
    assert btc == pairs[PAIR]
    assert (btc["base"], btc["quote"], btc["precision"], btc["amount_precision"]) == ("BTC", "USDT", 2, 8)
    assert (btc["fee"], btc["min_base_amount"], btc["min_quote_amount"]) == ("0.2", "0.000001", "1")
    assert (btc["trade_status"], btc["type"], btc["market_order_max_stock"]) == ("tradable", "normal", "0")
    assert "max_base_amount" not in btc
    assert "min_base_amount" not in pairs["EOS_USDT"]
    assert [pairs[name]["trade_status"] for name in ("EOS_USDT", "FTT_USDT", "LUNC_USDT")] == [
        "sellable", "untradable", "tradable",
    ]  # fmt: skip
    assert caller.label("GET", "/spot/currency_pairs/NO_SUCH") == "INVALID_CURRENCY_PAIR"


def test_price_band_is_shown_and_enforced() -> None:
    settings = replace(GateioDialect.engine_settings, price_band=(Decimal("0.1"), Decimal("0.2")))
    caller = make_caller(engine_settings=settings)
    pair = caller.ok("GET", f"/spot/currency_pairs/{PAIR}")
    assert (pair["up_rate"], pair["down_rate"]) == ("0.1", "0.2")
    body = {"currency_pair": PAIR, "side": "buy", "amount": "0.001", "price": "66000.01"}
    assert caller.label("POST", "/spot/orders", body) == "PRICE_THRESHOLD_EXCEEDED"


def test_currencies(caller: Caller) -> None:
    rows = {row["currency"]: row for row in caller.ok("GET", "/spot/currencies")}
    assert {"BTC", "USDT", "FTT"} <= set(rows)
    assert [(chain["name"], chain["withdraw_disabled"]) for chain in rows["USDT"]["chains"]] == [
        ("TRX", False), ("ETH", False), ("BSC", True),
    ]  # fmt: skip
    assert (rows["FTT"]["trade_disabled"], rows["FTT"]["withdraw_disabled"], rows["FTT"]["chains"]) == (True, True, [])
    assert caller.ok("GET", "/spot/currencies/BTC") == rows["BTC"]
    assert caller.refused("GET", "/spot/currencies/XYZ") == (400, "INVALID_CURRENCY", "Invalid currency")


def test_fees_are_fractions(caller: Caller) -> None:
    fee = caller.ok("GET", "/wallet/fee", currency_pair=PAIR)
    assert (fee["taker_fee"], fee["maker_fee"], fee["currency_pair"]) == ("0.002", "0.002", PAIR)
    assert caller.ok("GET", "/spot/fee", currency_pair=PAIR) == fee
    assert "currency_pair" not in caller.ok("GET", "/wallet/fee")
    both = caller.ok("GET", "/spot/batch_fee", currency_pairs="BTC_USDT,ETH_USDT")
    assert both[PAIR] == fee
    assert set(both) == {PAIR, "ETH_USDT"}
    assert caller.label("GET", "/spot/batch_fee") == "MISSING_REQUIRED_PARAM"
    assert caller.label("GET", "/spot/batch_fee", currency_pairs=",".join([PAIR] * 51)) == "TOO_MANY_CURRENCY_PAIRS"


def test_what_a_key_is_told_about_itself(caller: Caller) -> None:
    bound = caller.with_key(
        caller.dialect.add_key(permissions=["account", "spot:read"], ip_allow_list=["127.0.0.1"], symbols=["BTC/USDT"])
    )
    keys = bound.ok("GET", "/account/main_keys")
    assert keys["perms"] == [{"name": "account", "read_only": False}, {"name": "spot", "read_only": True}]
    assert (keys["ip_whitelist"], keys["currency_pairs"], keys["state"]) == (["127.0.0.1"], [PAIR], 1)
    detail = bound.ok("GET", "/account/detail")
    assert (detail["key"], detail["currency_pairs"], detail["user_id"]) == ({"mode": 1}, [PAIR], keys["user_id"])


def test_total_balance_is_worth_something(caller: Caller) -> None:
    total = caller.ok("GET", "/wallet/total_balance")
    assert total["total"] == {"amount": "700000", "currency": "USDT"}
    assert total["details"]["spot"] == total["total"]


def test_chains_need_no_key(caller: Caller) -> None:
    assert caller.raw("GET", "/wallet/currency_chains", "currency=USDT").status == 200
    rows = caller.ok("GET", "/wallet/currency_chains", currency="USDT")
    assert [(row["chain"], row["decimal"], row["is_withdraw_disabled"], row["is_tag"]) for row in rows] == [
        ("TRX", "6", 0, 0), ("ETH", "6", 0, 0), ("BSC", "6", 1, 0),
    ]  # fmt: skip
    assert caller.ok("GET", "/wallet/currency_chains", currency="XRP")[0]["is_tag"] == 1
    assert caller.label("GET", "/wallet/currency_chains", currency="XYZ") == "INVALID_CURRENCY"
    assert caller.label("GET", "/wallet/currency_chains") == "MISSING_REQUIRED_PARAM"


def test_withdrawal_limits(caller: Caller) -> None:
    (row,) = caller.ok("GET", "/wallet/withdraw_status", currency="USDT")
    assert row["withdraw_fix_on_chains"] == {"TRX": "1", "ETH": "0.8", "BSC": "0.01"}
    assert (row["withdraw_percent"], row["withdraw_amount_mini"]) == ("0%", "1")
    assert len(caller.ok("GET", "/wallet/withdraw_status")) > 3
    assert caller.label("GET", "/wallet/withdraw_status", currency="XYZ") == "INVALID_CURRENCY"


def test_withdrawal_from_request_to_completion(caller: Caller) -> None:
    accepted = withdraw(caller)
    assert accepted == {
        "id": "w35980955", "currency": "USDT", "amount": "25", "address": ADDRESS, "memo": "", "status": "REQUEST",
        "chain": "TRX", "withdraw_order_id": "mine-1",
    }  # fmt: skip
    assert caller.engine.accounts.holding("trader", "USDT").available == 99_975
    seen = []
    for _ in range(7):
        seen.append(record(caller, accepted["id"])["status"])
        caller.clock.advance(STEP_MS)
    assert seen == ["REQUEST", "VERIFY", "LOCKED", "PROCES", "PEND", "EXTPEND", "DONE"]
    row = record(caller, accepted["id"])
    assert (row["amount"], row["fee"], row["withdraw_order_id"]) == ("25", "1", "mine-1")
    assert (row["timestamp"], row["timestamp2"]) == (str(START_S), str((START_MS + 6 * STEP_MS) // 1000))
    assert int(row["block_number"]) > 0
    assert len(row["txid"]) == 64
    assert caller.label("DELETE", f"/withdrawals/{accepted['id']}") == "INVALID_WITHDRAW_CANCEL_STATUS"


def test_cancelled_withdrawal_is_accepted_then_seen(caller: Caller) -> None:
    withdrawal_id = withdraw(caller)["id"]
    reply = caller.reply("DELETE", f"/withdrawals/{withdrawal_id}")
    assert (reply.status, b'"status":"CANCELPEND"' in reply.body) == (202, True)
    row = record(caller, withdrawal_id)
    assert (row["status"], row["fail_reason"]) == ("CANCEL", "cancel")
    assert caller.engine.accounts.holding("trader", "USDT").available == 100_000
    assert caller.label("DELETE", f"/withdrawals/{withdrawal_id}") == "INVALID_WITHDRAW_CANCEL_STATUS"
    assert caller.label("DELETE", "/withdrawals/w1") == "INVALID_WITHDRAW_ID"


@pytest.mark.parametrize(
    ("status", "refund"), [("FAIL", 0), ("MANUAL", 0), ("REJECT", 25), ("INVALID", 25), ("BCODE", 0), ("SPLITPEND", 0)]
)
def test_statuses_set_by_hand_stay(caller: Caller, status: str, refund: int) -> None:
    withdrawal_id = withdraw(caller)["id"]
    caller.dialect.set_withdrawal_status(withdrawal_id, status)
    caller.clock.advance(100 * STEP_MS)
    assert record(caller, withdrawal_id)["status"] == status
    assert caller.engine.accounts.holding("trader", "USDT").available == 99_975 + refund
    with pytest.raises(ValueError, match="'GONE'"):
        caller.dialect.set_withdrawal_status(withdrawal_id, "GONE")


@pytest.mark.parametrize(
    ("changes", "label"),
    [
        ({"currency": None}, "MISSING_REQUIRED_PARAM"),
        ({"chain": None}, "MISSING_REQUIRED_PARAM"),
        ({"address": None}, "MISSING_REQUIRED_PARAM"),
        ({"amount": None}, "INVALID_PARAM_VALUE"),
        ({"amount": "0"}, "INVALID_PARAM_VALUE"),
        ({"amount": "1.999999"}, "INVALID_PARAM_VALUE"),
        ({"amount": "25.0000001"}, "INVALID_PRECISION"),
        ({"amount": "2e1"}, "INVALID_PARAM_VALUE"),
        ({"amount": "1000001"}, "WITHDRAWAL_OVER_LIMIT"),
        ({"amount": "100001"}, "BALANCE_NOT_ENOUGH"),
        ({"currency": "XYZ"}, "INVALID_CURRENCY"),
        ({"chain": "SOL"}, "INVALID_PARAM_VALUE"),
        ({"chain": "BSC"}, "API_WITHDRAW_DISABLED"),
        ({"address": "T" + "x" * 33}, "INVALID_PARAM_VALUE"),
        ({"currency": "XRP", "chain": "XRP", "amount": "3"}, "MISSING_REQUIRED_PARAM"),
        ({"withdraw_order_id": "x" * 33}, "INVALID_PARAM_VALUE"),
        ({"withdraw_order_id": "a b"}, "INVALID_PARAM_VALUE"),
    ],
)
def test_refused_withdrawals(caller: Caller, changes: dict[str, object], label: str) -> None:
    assert caller.refused("POST", "/withdrawals", {**REQUEST, **changes})[:2] == (400, label)
    assert caller.engine.wallet.withdrawals() == []
    assert caller.engine.accounts.holding("trader", "USDT").available == 100_000


def test_the_address_refusal_is_told_by_its_text_alone(caller: Caller) -> None:
    assert caller.refused("POST", "/withdrawals", {**REQUEST, "address": "T1"}) == (
        400, "INVALID_PARAM_VALUE",
        "Error: only used addresses or verified addresses are allowed for api withdrawal",
    )  # fmt: skip


def test_client_ids_of_withdrawals_are_unique_only_where_settings_say_so(caller: Caller) -> None:
    assert withdraw(caller)["id"] != withdraw(caller)["id"]
    assert len(caller.ok("GET", "/wallet/withdrawals", withdraw_order_id="mine-1")) == 2
    strict = make_caller(GateioSettings(rate_limits=False, unique_withdrawal_ids=True))
    withdraw(strict)
    assert strict.label("POST", "/withdrawals", REQUEST) == "ORDER_EXISTS"
    assert withdraw(strict, withdraw_order_id=None)["withdraw_order_id"] == ""


def test_one_withdrawal_in_three_seconds() -> None:
    caller = make_caller(GateioSettings())
    withdraw(caller)
    assert caller.refused("POST", "/withdrawals", REQUEST)[:2] == (400, "TOO_FAST")
    caller.clock.advance(3000)
    withdraw(caller)
    assert GateioSettings().withdraw_limit == Limit(1, 3000)


def test_withdrawal_history(caller: Caller) -> None:
    first = withdraw(caller)["id"]
    caller.clock.advance(8 * DAY_S * 1000)
    now_s = caller.clock.now_ms() // 1000
    second = withdraw(caller, withdraw_order_id="mine-2", currency="BTC", chain="BTC", amount="0.1",
                      address="bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq")["id"]  # fmt: skip

    def listed(**params: object) -> list[str]:
        return [row["id"] for row in caller.ok("GET", "/wallet/withdrawals", **params)]

    assert listed() == [second]
    assert listed(withdraw_id=first) == [first]
    assert listed(withdraw_order_id="mine-1") == []
    assert listed(withdraw_order_id="mine-1", from_=START_S) == [first]
    assert listed(from_=now_s - 30 * DAY_S) == [second, first]
    assert listed(from_=START_S, limit=1) == [second]
    assert listed(from_=START_S, limit=1, offset=1) == [first]
    assert listed(currency="USDT", from_=START_S) == [first]
    assert caller.label("GET", "/wallet/withdrawals", from_=now_s - 30 * DAY_S - 2) == "INVALID_PARAM_VALUE"
    assert caller.label("GET", "/wallet/withdrawals", limit=1001) == "INVALID_PARAM_VALUE"


def test_memos_are_kept(caller: Caller) -> None:
    caller.engine.credit("XRP", 100)
    sent = withdraw(
        caller, currency="XRP", chain="XRP", amount="5", address="rEb8TK3gBgk5auZkwc6sHnwrGVJH8DuaLh", memo="104100"
    )
    assert (sent["memo"], record(caller, sent["id"])["memo"]) == ("104100", "104100")


def test_saved_addresses(caller: Caller) -> None:
    (row,) = caller.ok("GET", "/wallet/saved_address", currency="XRP")
    assert row == {
        "currency": "XRP", "chain": "XRP", "address": "rEb8TK3gBgk5auZkwc6sHnwrGVJH8DuaLh", "name": "exchange account",
        "tag": "104100", "verified": "1",
    }  # fmt: skip
    assert caller.ok("GET", "/wallet/saved_address", currency="XRP", chain="BTC") == []
    assert caller.ok("GET", "/wallet/saved_address", currency="XRP", verified="0") == []
    assert caller.ok("GET", "/wallet/saved_address", currency="XRP", page=2) == []
    assert [row["currency"] for row in caller.ok("GET", "/wallet/saved_address")] == ["USDT", "BTC", "XRP"]
    assert caller.label("GET", "/wallet/saved_address", currency="XRP", limit=101) == "INVALID_PARAM_VALUE"


def test_deposits(caller: Caller) -> None:
    made = caller.ok("GET", "/wallet/deposit_address", currency="USDT")
    chains = {row["chain"]: row for row in made["multichain_addresses"]}
    assert made["address"] == chains["TRX"]["address"]
    assert caller.ok("GET", "/wallet/deposit_address", currency="USDT") == made
    caller.engine.wallet.deposit("USDT", 7, "TRX", confirm_ms=1000)
    (row,) = caller.ok("GET", "/wallet/deposits", currency="USDT")
    assert (row["status"], row["amount"], row["address"]) == ("TRACK", "7", chains["TRX"]["address"])
    assert row["id"].startswith("d")
    caller.clock.advance(1000)
    assert caller.ok("GET", "/wallet/deposits")[0]["status"] == "DONE"
    assert caller.engine.accounts.holding("trader", "USDT").available == 100_007
    assert caller.ok("GET", "/wallet/deposits", currency="BTC") == []
    assert caller.label("GET", "/wallet/deposits", limit=501) == "INVALID_PARAM_VALUE"


def test_deposit_address_with_a_memo(caller: Caller) -> None:
    made = caller.ok("GET", "/wallet/deposit_address", currency="XRP")
    (row,) = made["multichain_addresses"]
    assert made["address"] == f"{row['address']} {row['payment_id']}"
    assert (row["payment_name"], row["obtain_failed"]) == ("Memo", 0)


TRANSFER: dict[str, object] = {"currency": "USDT", "from": "spot", "to": "futures", "settle": "usdt", "amount": "40"}


def test_transfers_leave_the_spot_account_and_come_back(caller: Caller) -> None:
    sent = caller.ok("POST", "/wallet/transfers", TRANSFER)
    assert isinstance(sent["tx_id"], int)
    row = caller.ok("GET", "/wallet/transfers", tx_id=sent["tx_id"])
    assert (row["tx_id"], row["status"], row["to_account"]) == (str(sent["tx_id"]), "success", "futures")
    assert caller.engine.accounts.holding("trader", "USDT").available == 99_960
    back = {**TRANSFER, "from": "futures", "to": "spot"}
    assert caller.label("POST", "/wallet/transfers", {**back, "amount": "41"}) == "BALANCE_NOT_ENOUGH"
    assert caller.ok("POST", "/wallet/transfers", back)["tx_id"] != sent["tx_id"]
    assert caller.engine.accounts.holding("trader", "USDT").available == 100_000
    assert [event.data["amount"] for event in caller.engine.ledger.of_kind("transferred")] == [40, 40]
    other = caller.with_key(caller.dialect.add_key(account="other"))
    assert other.refused("GET", "/wallet/transfers", tx_id=sent["tx_id"])[:2] == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("changes", "label"),
    [
        ({"to": "spot"}, "INVALID_PARAM_VALUE"),
        ({"from": "margin"}, "INVALID_PARAM_VALUE"),
        ({"to": "savings"}, "INVALID_PARAM_VALUE"),
        ({"to": "margin"}, "MISSING_REQUIRED_PARAM"),
        ({"to": "margin", "currency_pair": "NO_SUCH"}, "INVALID_CURRENCY_PAIR"),
        ({"settle": None}, "MISSING_REQUIRED_PARAM"),
        ({"amount": "0"}, "INVALID_PARAM_VALUE"),
        ({"amount": "0.000000001"}, "INVALID_PRECISION"),
        ({"amount": "100001"}, "BALANCE_NOT_ENOUGH"),
        ({"currency": "XYZ"}, "INVALID_CURRENCY"),
    ],
)
def test_refused_transfers(caller: Caller, changes: dict[str, object], label: str) -> None:
    assert caller.label("POST", "/wallet/transfers", {**TRANSFER, **changes}) == label
    assert caller.engine.accounts.holding("trader", "USDT").available == 100_000
