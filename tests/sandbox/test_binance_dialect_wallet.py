"""Coins, withdrawals, deposits, the address book and key permissions in the Binance dialect."""

from __future__ import annotations

import re
from typing import Any

import pytest
from binance_caller import START_MS, Caller, make_caller

from spotlane.exchanges.binance.dialect_wallet import READING
from spotlane.sandbox.wallet import WithdrawalState

SAPI = "/sapi/v1/"
APPLY, HISTORY = f"{SAPI}capital/withdraw/apply", f"{SAPI}capital/withdraw/history"
TRON = {"coin": "USDT", "network": "TRX", "address": "TQrY8tryqsYVCYS3MFbtffiPp2ccyn4STm"}
RIPPLE = {"coin": "XRP", "network": "XRP", "address": "rEb8TK3gBgk5auZkwc6sHnwrGVJH8DuaLh", "addressTag": "104100"}
DAY_MS = 86_400_000


@pytest.fixture
def caller() -> Caller:
    caller = make_caller()
    caller.engine.credit("XRP", 100)
    return caller


def free(caller: Caller, asset: str) -> str:
    (row,) = [row for row in caller.ok("GET", "account")["balances"] if row["asset"] == asset]
    assert isinstance(row["free"], str)
    return row["free"]


def test_a_withdrawal_until_it_is_completed(caller: Caller) -> None:
    caller.clock.advance(59_250)
    reply = caller.ok("POST", APPLY, **TRON, amount="25.5", withdrawOrderId="wd-1", name="own wallet", walletType=0)
    assert list(reply) == ["id"]
    assert re.fullmatch("[0-9a-f]{32}", reply["id"])
    assert free(caller, "USDT") == "99974.50000000"
    (row,) = caller.ok("GET", HISTORY)
    assert row == {
        "id": reply["id"],
        "amount": "24.5",
        "transactionFee": "1",
        "coin": "USDT",
        "status": 0,
        "address": TRON["address"],
        "txId": "",
        "applyTime": "2026-01-01 00:00:59",
        "network": "TRX",
        "transferType": 0,
        "info": "",
        "confirmNo": 0,
        "walletType": 0,
        "txKey": "",
        "withdrawOrderId": "wd-1",
    }
    seen = []
    for _ in range(6):
        caller.clock.advance(500)
        (row,) = caller.ok("GET", HISTORY, withdrawOrderId="wd-1")
        seen.append((row["status"], bool(row["txId"]), "completeTime" in row))
    assert seen == [
        (2, False, False), (2, False, False), (4, False, False), (4, False, False), (4, True, False), (6, True, True),
    ]  # fmt: skip
    assert row["completeTime"] == "2026-01-01 00:01:02"


@pytest.mark.parametrize(
    ("state", "status", "refund"),
    [
        (WithdrawalState.CANCELED, 1, True),
        (WithdrawalState.FAILED, 5, True),
        (WithdrawalState.MANUAL, 2, False),
    ],
)
def test_withdrawals_that_do_not_complete(caller: Caller, state: WithdrawalState, status: int, refund: bool) -> None:
    sent = caller.ok("POST", APPLY, **TRON, amount="25")
    caller.engine.wallet.set_state(sent["id"], state)
    caller.clock.advance(10_000)
    (row,) = caller.ok("GET", HISTORY)
    assert row["status"] == status
    assert "withdrawOrderId" not in row
    assert free(caller, "USDT") == ("100000.00000000" if refund else "99975.00000000")


def test_the_same_withdraw_order_id_withdraws_twice(caller: Caller) -> None:
    ids = {caller.ok("POST", APPLY, **TRON, amount="25", withdrawOrderId="same")["id"] for _ in range(2)}
    assert len(ids) == 2
    assert {row["id"] for row in caller.ok("GET", HISTORY, withdrawOrderId="same")} == ids


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"coin": "NOPE"}, -4018),
        ({"network": "SOL"}, -4019),
        ({"network": "BSC", "address": "0x" + "a" * 40}, -4019),
        ({"amount": "0"}, -4022),
        ({"amount": "1.999999"}, -4022),
        ({"amount": "25.0000001"}, -4021),
        ({"amount": "1000001"}, -4016),
        ({"amount": "100001"}, -4026),
        ({"amount": "1e2"}, -1100),
        ({"amount": None}, -1102),
        ({"address": None}, -1102),
        ({"address": "0xabc"}, -4007),
        ({"address": "TNotInTheBook"}, -4035),
        ({"addressTag": "1"}, -4106),
        ({"walletType": 1}, -4026),
        ({"walletType": 2}, -1130),
    ],
)
def test_refused_withdrawals(caller: Caller, changes: dict[str, Any], code: int) -> None:
    request = {**TRON, "amount": "25", **changes}
    assert caller.code("POST", APPLY, **{name: value for name, value in request.items() if value is not None}) == code
    assert free(caller, "USDT") == "100000.00000000"
    assert caller.ok("GET", HISTORY) == []


def test_memos(caller: Caller) -> None:
    without = {name: value for name, value in RIPPLE.items() if name != "addressTag"}
    assert caller.code("POST", APPLY, **without, amount="10") == -4008
    assert caller.code("POST", APPLY, **{**RIPPLE, "addressTag": "1234:ab/c"}, amount="10") == -4008
    assert caller.code("POST", APPLY, **{**RIPPLE, "addressTag": "999"}, amount="10") == -4035
    caller.ok("POST", APPLY, **RIPPLE, amount="10")
    (row,) = caller.ok("GET", HISTORY)
    assert (row["addressTag"], row["amount"]) == ("104100", "9.8")


def test_the_network_of_a_coin_defaults_to_the_first(caller: Caller) -> None:
    caller.ok("POST", APPLY, coin="USDT", address=TRON["address"], amount="25")
    assert caller.ok("GET", HISTORY)[0]["network"] == "TRX"


def test_history_filters_and_pages(caller: Caller) -> None:
    ids = []
    for number in range(3):
        ids.append(caller.ok("POST", APPLY, **TRON, amount="25", withdrawOrderId=f"wd-{number}")["id"])
        caller.clock.advance(1_000)
    ids.append(caller.ok("POST", APPLY, **RIPPLE, amount="10")["id"])

    def found(**params: object) -> list[str]:
        return [row["id"] for row in caller.ok("GET", HISTORY, **params)]

    assert found() == ids[::-1]
    assert found(coin="XRP") == ids[3:]
    assert found(limit=2) == ids[:1:-1]
    assert found(limit=2, offset=2) == ids[1::-1]
    assert found(idList=f"{ids[0]},{ids[3]}") == [ids[3], ids[0]]
    assert found(status=6) == [ids[0]]
    assert found(startTime=START_MS + 1_000, endTime=START_MS + 2_000) == ids[2:0:-1]
    assert caller.code("GET", HISTORY, idList=",".join("x" * 46)) == -1130


@pytest.mark.parametrize(("more", "days"), [({}, 90), ({"withdrawOrderId": "wd-1"}, 7)])
def test_history_reaches_so_far(caller: Caller, more: dict[str, str], days: int) -> None:
    caller.ok("POST", APPLY, **TRON, amount="25", withdrawOrderId="wd-1")
    caller.clock.advance(days * DAY_MS)
    assert len(caller.ok("GET", HISTORY, **more)) == 1
    caller.clock.advance(1)
    assert caller.ok("GET", HISTORY, **more) == []
    span = {"startTime": START_MS, "endTime": START_MS + days * DAY_MS}
    assert len(caller.ok("GET", HISTORY, **more, **span)) == 1
    assert caller.code("GET", HISTORY, **more, startTime=START_MS, endTime=START_MS + days * DAY_MS + 1) == -4047
    assert caller.code("GET", HISTORY, **more, startTime=START_MS) == -4047


def test_coins_and_networks(caller: Caller) -> None:
    caller.ok("POST", APPLY, **TRON, amount="25")
    coins = {row["coin"]: row for row in caller.ok("GET", f"{SAPI}capital/config/getall")}
    tether = coins["USDT"]
    assert (tether["free"], tether["withdrawing"], tether["trading"]) == ("99975", "25", True)
    networks = {row["network"]: row for row in tether["networkList"]}
    assert [row["isDefault"] for row in tether["networkList"]] == [True, False, False]
    assert (networks["TRX"]["withdrawFee"], networks["TRX"]["withdrawMin"]) == ("1", "2")
    assert networks["TRX"]["withdrawIntegerMultiple"] == "0.000001"
    assert (networks["BSC"]["withdrawEnable"], networks["TRX"]["withdrawEnable"]) == (False, True)
    assert re.fullmatch(networks["TRX"]["addressRegex"], TRON["address"])
    (ripple,) = coins["XRP"]["networkList"]
    assert (ripple["withdrawTag"], networks["TRX"]["withdrawTag"]) == (True, False)
    assert re.fullmatch(ripple["memoRegex"], RIPPLE["addressTag"])


def test_the_address_book(caller: Caller) -> None:
    rows = caller.ok("GET", f"{SAPI}capital/withdraw/address/list")
    (ripple,) = [row for row in rows if row["coin"] == "XRP"]
    assert (ripple["addressTag"], ripple["name"], ripple["whiteStatus"]) == ("104100", "exchange account", True)
    caller.engine.wallet.save_address("USDT", "TRX", "TNotInTheBook")
    caller.ok("POST", APPLY, **{**TRON, "address": "TNotInTheBook"}, amount="25")


def test_deposits(caller: Caller) -> None:
    record = caller.engine.wallet.deposit("USDT", 7, "TRX", confirm_ms=1_000)
    path = f"{SAPI}capital/deposit/hisrec"
    (row,) = caller.ok("GET", path)
    assert (row["status"], row["confirmTimes"], row["insertTime"]) == (0, "0/20", START_MS)
    assert "completeTime" not in row
    caller.clock.advance(1_000)
    (row,) = caller.ok("GET", path, coin="USDT", status=1, txId=record.tx_id)
    assert (row["amount"], row["network"], row["completeTime"]) == ("7", "TRX", START_MS + 1_000)
    assert free(caller, "USDT") == "100007.00000000"
    assert caller.ok("GET", path, status=0) == []
    assert caller.ok("GET", path, coin="BTC") == []
    record.is_rejected = True
    assert caller.ok("GET", path)[0]["status"] == 2


def test_deposit_addresses(caller: Caller) -> None:
    path = f"{SAPI}capital/deposit/address"
    made = caller.ok("GET", path, coin="USDT", network="ETH")
    assert made == caller.ok("GET", path, coin="USDT", network="ETH")
    assert (made["coin"], made["tag"], made["address"][:2]) == ("USDT", "", "0x")
    assert caller.ok("GET", path, coin="USDT")["address"] != made["address"]
    assert caller.ok("GET", path, coin="XRP")["tag"].isdigit()
    assert caller.code("GET", path, coin="NOPE") == -4018
    assert caller.code("GET", path, coin="USDT", network="SOL") == -4019


def test_what_a_key_may_do(caller: Caller) -> None:
    path = f"{SAPI}account/apiRestrictions"
    everything = caller.ok("GET", path)
    assert everything["createTime"] == START_MS
    flags = ("ipRestrict", "enableReading", "enableSpotAndMarginTrading", "enableWithdrawals")
    assert [everything[name] for name in flags] == [False, True, True, True]
    key = caller.dialect.add_key(permissions=[READING], ip_allow_list=["127.0.0.1"], expires_ms=START_MS + 1)
    reader = caller.with_key(key).ok("GET", path)
    assert [reader[name] for name in flags] == [True, True, False, False]
    assert reader["tradingAuthorityExpirationTime"] == START_MS + 1


def test_what_the_sandbox_does_not_play_says_so(caller: Caller) -> None:
    assert caller.code("POST", f"{SAPI}asset/transfer") == -1020
