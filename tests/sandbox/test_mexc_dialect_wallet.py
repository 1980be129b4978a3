"""The wallet of the MEXC dialect."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from mexc_caller import START_MS, Caller, make_caller

from spotlane.sandbox.wallet import WithdrawalState

DAY_MS = 86_400_000
SAVED = "TQrY8tryqsYVCYS3MFbtffiPp2ccyn4STm"
WITHDRAWAL = {"coin": "USDT", "netWork": "TRX", "address": SAVED, "amount": "100"}


@pytest.fixture
def caller() -> Caller:
    return make_caller()


def history(caller: Caller, **params: object) -> list[dict[str, object]]:
    rows = caller.ok("GET", "capital/withdraw/history", **params)
    assert isinstance(rows, list)
    return rows


def test_coins_and_their_networks(caller: Caller) -> None:
    coins = {coin["coin"]: coin for coin in caller.ok("GET", "capital/config/getall")}
    assert list(coins) == ["BTC", "USDT", "ETH", "MX", "XRP", "EOS"]
    assert coins["BTC"]["networkList"] == [
        {
            "coin": "BTC", "name": "BTC", "network": "Bitcoin(BTC)", "netWork": "BTC", "depositEnable": True,
            "withdrawEnable": True, "minConfirm": 3, "withdrawFee": "0.000014", "withdrawMin": "0.00008",
            "withdrawMax": "50", "withdrawIntegerMultiple": None, "sameAddress": False, "contract": "",
            "depositDesc": None, "withdrawTips": "", "depositTips": None,
        }
    ]  # fmt: skip
    assert [network["netWork"] for network in coins["USDT"]["networkList"]] == ["TRX", "ETH", "BSC"]
    assert coins["USDT"]["networkList"][2]["withdrawEnable"] is False
    assert "MEMO" in coins["XRP"]["networkList"][0]["withdrawTips"]


def test_withdrawal_from_request_to_completion(caller: Caller) -> None:
    answer = caller.ok("POST", "capital/withdraw", **WITHDRAWAL, withdrawOrderId="w-1", remark="café + 50% β")
    assert list(answer) == ["id"]
    assert len(answer["id"]) == 32
    assert history(caller) == [
        {
            "id": answer["id"], "txId": None, "coin": "USDT-TRX", "network": "Tron(TRC20)", "netWork": "TRX",
            "address": SAVED, "amount": "100", "transferType": 0, "status": 1, "transactionFee": "1",
            "confirmNo": None, "applyTime": START_MS, "updateTime": START_MS, "remark": "café + 50% β", "memo": None,
            "transHash": None, "explorerUrl": None, "coinId": None, "vcoinId": None, "withdrawOrderId": "w-1",
        }
    ]  # fmt: skip
    seen = []
    for _ in range(7):
        seen.append(history(caller)[0]["status"])
        caller.clock.advance(500)
    assert seen == [1, 2, 3, 4, 5, 6, 7]
    row = history(caller)[0]
    assert row["txId"] == f"{row['transHash']}:0"
    balances = {row["asset"]: row["free"] for row in caller.ok("GET", "account")["balances"]}
    assert balances["USDT"] == "99900"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"coin": "DOGE"}, 10232),
        ({"netWork": "SOL"}, 10232),
        ({"netWork": "Tron(TRC20)"}, 10232),
        ({"netWork": "trx"}, 10232),
        ({"netWork": None}, 10232),
        ({"netWork": None, "network": "TRX"}, 10232),
        ({"netWork": "BSC"}, 10211),
        ({"address": "Tnobody"}, 10212),
        ({"address": None}, 700004),
        ({"amount": None}, 10095),
        ({"amount": "0"}, 10102),
        ({"amount": "1e2"}, 33333),
        ({"amount": "1.5"}, 10097),
        ({"amount": "1000001"}, 10097),
        ({"amount": "10.0000001"}, 10096),
        ({"amount": "100001"}, 10101),
        ({"remark": "x" * 101}, 10268),
        ({"coin": "XRP", "netWork": "XRP", "address": "rEb8TK3gBgk5auZkwc6sHnwrGVJH8DuaLh"}, 33333),
        ({"coin": "XRP", "netWork": "XRP", "address": "rEb8TK3gBgk5auZkwc6sHnwrGVJH8DuaLh", "memo": "1"}, 10212),
    ],
)
def test_refused_withdrawals(caller: Caller, changes: Mapping[str, object], code: int) -> None:
    params = {name: value for name, value in {**WITHDRAWAL, **changes}.items() if value is not None}
    reply = caller.reply("POST", "capital/withdraw", **params)
    body = json.loads(reply.body)
    assert (reply.status, body["code"]) == (400, code)
    assert ("timestamp" in body) is (code == 10232)
    assert history(caller) == []


def test_memo_that_is_saved(caller: Caller) -> None:
    caller.engine.credit("XRP", 100)
    address = "rEb8TK3gBgk5auZkwc6sHnwrGVJH8DuaLh"
    caller.ok("POST", "capital/withdraw", coin="XRP", netWork="XRP", address=address, memo="104100", amount="10")
    row = history(caller)[0]
    assert (row["memo"], row["coin"]) == ("104100", "XRP")
    assert "withdrawOrderId" not in row


def test_withdraw_order_id_is_no_idempotency_key(caller: Caller) -> None:
    caller.ok("POST", "capital/withdraw", **WITHDRAWAL, withdrawOrderId="w-1")
    caller.ok("POST", "capital/withdraw", **WITHDRAWAL, withdrawOrderId="w-1")
    assert [row["withdrawOrderId"] for row in history(caller)] == ["w-1", "w-1"]


def test_withdrawal_can_be_cancelled_early_only(caller: Caller) -> None:
    early = caller.ok("POST", "capital/withdraw", **WITHDRAWAL)
    assert caller.ok("DELETE", "capital/withdraw", id=early["id"]) == {"id": early["id"]}
    assert history(caller)[0]["status"] == 9
    late = caller.ok("POST", "capital/withdraw", **WITHDRAWAL)
    caller.clock.advance(1500)
    assert caller.code("DELETE", "capital/withdraw", id=late["id"]) == 10211
    assert caller.code("DELETE", "capital/withdraw", id="none") == 22222
    assert caller.code("DELETE", "capital/withdraw") == 700004


def test_manual_and_failed_states(caller: Caller) -> None:
    answer = caller.ok("POST", "capital/withdraw", **WITHDRAWAL)
    caller.engine.wallet.set_state(answer["id"], WithdrawalState.MANUAL)
    caller.clock.advance(100_000)
    assert history(caller)[0]["status"] == 10
    caller.engine.wallet.set_state(answer["id"], WithdrawalState.FAILED)
    assert history(caller)[0]["status"] == 8


def test_history_filters_and_windows(caller: Caller) -> None:
    old = caller.ok("POST", "capital/withdraw", **WITHDRAWAL)["id"]
    caller.clock.advance(8 * DAY_MS)
    new = caller.ok("POST", "capital/withdraw", **WITHDRAWAL)["id"]
    now_ms = caller.clock.now_ms()
    assert [row["id"] for row in history(caller)] == [new]
    assert [row["id"] for row in history(caller, startTime=START_MS)] == [old]
    assert [row["id"] for row in history(caller, startTime=START_MS, endTime=START_MS + 7 * DAY_MS)] == [old]
    assert history(caller, status=7) == []
    assert [row["id"] for row in history(caller, status=1, coin="USDT")] == [new]
    assert history(caller, coin="BTC") == []
    path = "capital/withdraw/history"
    assert caller.code("GET", path, startTime=START_MS, endTime=now_ms) == 400
    assert caller.code("GET", path, startTime=now_ms - 90 * DAY_MS - 1, endTime=now_ms - 84 * DAY_MS) == 400


def test_history_row_limit(caller: Caller) -> None:
    ids = [caller.ok("POST", "capital/withdraw", **{**WITHDRAWAL, "amount": "2"})["id"] for _ in range(3)]
    assert [row["id"] for row in history(caller, limit=2)] == ids[:-3:-1]


def test_address_book_pages(caller: Caller) -> None:
    caller.engine.wallet.save_address("USDT", "ETH", "0xabc", label="second")
    page = caller.ok("GET", "capital/withdraw/address", coin="USDT", page=2, limit=1)
    assert page == {
        "data": [
            {
                "coin": "USDT", "network": "Ethereum(ERC20)", "netWork": "ETH", "address": "0xabc",
                "addressTag": "second", "memo": None,
            }
        ],
        "totalRecords": 2, "page": 2, "totalPageNum": 2,
    }  # fmt: skip
    assert caller.ok("GET", "capital/withdraw/address")["totalRecords"] == 4


def test_deposit_address_must_be_made_first(caller: Caller) -> None:
    assert caller.ok("GET", "capital/deposit/address", coin="XRP") == []
    made = caller.ok("POST", "capital/deposit/address", coin="XRP", network="Ripple(XRP)")
    assert caller.ok("POST", "capital/deposit/address", coin="XRP", network="Ripple(XRP)") == made
    assert caller.ok("GET", "capital/deposit/address", coin="XRP") == [made]
    assert list(made) == ["coin", "network", "address", "memo", "netWork"]
    assert made["memo"] is not None
    caller.ok("POST", "capital/deposit/address", coin="USDT", network="Tron(TRC20)")
    caller.ok("POST", "capital/deposit/address", coin="USDT", network="Ethereum(ERC20)")
    chosen = caller.ok("GET", "capital/deposit/address", coin="USDT", network="Tron(TRC20)")
    assert [row["netWork"] for row in chosen] == ["TRX"]
    assert caller.code("GET", "capital/deposit/address", coin="DOGE") == 10232
    assert caller.code("POST", "capital/deposit/address", coin="USDT", network="TRX") == 10232
    assert caller.code("POST", "capital/deposit/address", coin="USDT") == 700004


def test_deposit_from_pending_to_success(caller: Caller) -> None:
    record = caller.engine.wallet.deposit("USDT", 50, "TRX", confirm_ms=1000)
    row = caller.ok("GET", "capital/deposit/hisrec")[0]
    assert row == {
        "amount": "50", "coin": "USDT-TRX", "network": "Tron(TRC20)", "status": 4, "address": record.address,
        "txId": f"{record.tx_id}:0", "insertTime": START_MS, "unlockConfirm": "20", "confirmTimes": "0", "memo": None,
        "transHash": record.tx_id, "updateTime": START_MS, "netWork": "TRX",
    }  # fmt: skip
    caller.clock.advance(1000)
    row = caller.ok("GET", "capital/deposit/hisrec", coin="USDT")[0]
    assert (row["status"], row["confirmTimes"], row["updateTime"]) == (5, "20", START_MS + 1000)
    assert caller.ok("GET", "capital/deposit/hisrec", status=4) == []
    caller.engine.wallet.deposit("BTC", 1, confirm_ms=10).is_rejected = True
    caller.clock.advance(10)
    assert caller.ok("GET", "capital/deposit/hisrec", coin="BTC")[0]["status"] == 7
