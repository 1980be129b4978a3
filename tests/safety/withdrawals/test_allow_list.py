"""The allow-list of withdrawals: to the letter, or not at all."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from spotlane import WithdrawalCap, WithdrawalPolicy, WithdrawalRequest, WithdrawalTarget
from spotlane.errors import UsageError, WithdrawalRefused
from spotlane.safety.withdrawals.checks import check_memo, check_network, debit_and_arrival
from spotlane.structs import AssetNetwork

POLICY = WithdrawalPolicy([WithdrawalTarget("XRP", "XRP", "rABC", "17"), WithdrawalTarget("USDT", "TRC20", "TxYz")])
REQUEST = WithdrawalRequest("USDT", Decimal(5), "TxYz", "TRX")
TO_XRP = WithdrawalRequest("XRP", Decimal(1), "rABC", "XRP", memo="17")
CODES = {"TRC20": "TRX", "ERC20": "ETH", "XRP": "XRP"}


def on(code: str, canonical: str | None = None, **fields: Any) -> AssetNetwork:
    return AssetNetwork(exchange="acme", asset="USDT", network=code, canonical=canonical, **fields)


@pytest.mark.parametrize("name", ["TRX", "trx", "TRC20", "trc20", "Tron(TRC20)"])
def test_a_listed_target_passes(name: str) -> None:
    (target,) = POLICY.check_place(REQUEST.replace(network=name), CODES)
    assert target == POLICY.find(REQUEST, on("TRX", "TRC20")) == POLICY.targets[1]


def test_a_target_may_name_the_exchanges_own_code() -> None:
    policy = WithdrawalPolicy([WithdrawalTarget("USDT", "KASPA", "k")])
    assert policy.find(REQUEST.replace(address="k"), on("KASPA")) is policy.targets[0]
    with pytest.raises(WithdrawalRefused):
        policy.find(REQUEST.replace(address="k"), on("KAS", "KASPA2"))


def test_two_names_of_one_network_are_not_two_targets() -> None:
    policy = WithdrawalPolicy([WithdrawalTarget("USDT", name, "TxYz") for name in ("TRC20", "TRX")])
    with pytest.raises(WithdrawalRefused, match="as TRC20 and TRX, which are one network here: keep one"):
        policy.find(REQUEST, on("TRX", "TRC20"))


@pytest.mark.parametrize(
    ("request_", "reason", "words"),
    [
        (REQUEST.replace(address="Tother"), "not_listed", "USDT on TRX to Tother is not on .*: the list has 2"),
        (REQUEST.replace(address="txyz"), "swapped_case", r"another spelling \(case\)"),
        (REQUEST.replace(network="ETH"), "wrong_network", "the address is listed for USDT on TRC20"),
        (REQUEST.replace(network="erc20"), "wrong_network", "the address is listed for USDT on TRC20"),
        (REQUEST.replace(asset="USDC"), "wrong_asset", "the address is listed for USDT on TRC20"),
        (REQUEST.replace(memo="1"), "wrong_memo", "with memo '1' is not .* the address is listed with memo None"),
        (TO_XRP.replace(memo=None), "memo_missing", "the address is listed with memo '17', so it needs a memo"),
        (TO_XRP.replace(memo="18"), "wrong_memo", "the address is listed with memo '17'"),
    ],
)  # fmt: skip
def test_a_target_that_differs_is_refused_and_the_difference_named(
    request_: WithdrawalRequest, reason: str, words: str
) -> None:
    with pytest.raises(WithdrawalRefused, match=words) as refusal:
        POLICY.check_place(request_, CODES)
    assert isinstance(refusal.value, UsageError)
    assert refusal.value.reason == reason
    code = CODES.get(request_.network.upper(), request_.network)
    network = on(code, next(name for name, each in CODES.items() if each == code))
    with pytest.raises(WithdrawalRefused, match=words) as refusal:
        POLICY.find(request_, network)
    assert refusal.value.reason == reason


def test_an_empty_policy_allows_nothing() -> None:
    with pytest.raises(WithdrawalRefused, match="the list has 0 targets"):
        WithdrawalPolicy([]).check_place(REQUEST, CODES)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"caps": {"USDT": WithdrawalCap(Decimal(1)), "XRP": WithdrawalCap()}}, "caps need a ledger"),
        ({"caps": {"USDT": WithdrawalCap(Decimal(1))}, "in_memory": True}, "XRP is listed and has no cap"),
        ({"cool_down_s": 5}, "cool_down_s needs a ledger"),
        ({"cool_down_s": 5, "in_memory": True}, "cool_down_s needs a ledger"),
        ({"cool_down_s": -5, "ledger": "x"}, "0 or more"),
        ({"ledger": "x", "in_memory": True}, "take one of them away"),
        ({"approver": print, "approval_key": b"x" * 32}, "an approver needs a ledger"),
        ({"approver": print, "in_memory": True}, "only approver was given"),
        ({"approval_key": b"x" * 32, "in_memory": True}, "only approval_key was given"),
        ({"approver": print, "approval_key": b"short", "in_memory": True}, "at least 16 bytes"),
        ({"approver": print, "approval_key": b"x" * 32, "approval_wait_s": 0, "in_memory": True}, "above 0"),
    ],
)
def test_nothing_is_weakened_in_silence(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        WithdrawalPolicy(POLICY.targets, **options)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"allow": ["TxYz"]}, "allow has WithdrawalTargets, was str"),
        ({"allow": [], "caps": {"USDT": 5}}, "cap of USDT"),
    ],
)
def test_a_policy_is_made_of_targets_and_caps(given: dict[str, Any], words: str) -> None:
    with pytest.raises(TypeError, match=words):
        WithdrawalPolicy(**given)


def test_a_target_is_new_once_its_place_changes_and_not_with_its_cap() -> None:
    target = WithdrawalTarget("USDT", "TRC20", "TxYz")
    same = WithdrawalTarget("USDT", "TRC20", "TxYz", cap=WithdrawalCap(Decimal(5)), label="mine")
    assert target.key == same.key
    others = {
        WithdrawalTarget("USDC", "TRC20", "TxYz").key, WithdrawalTarget("USDT", "ERC20", "TxYz").key,
        WithdrawalTarget("USDT", "TRC20", "Txyz").key, WithdrawalTarget("USDT", "TRC20", "TxYz", "1").key,
        WithdrawalTarget("USDT", "TRC20", "TxYz", contract="1").key,
    }  # fmt: skip
    assert len(others | {target.key}) == 6


@pytest.mark.parametrize("value", [Decimal(0), Decimal(-1), Decimal("NaN"), Decimal("Infinity")])
def test_a_cap_is_a_sum(value: Decimal) -> None:
    with pytest.raises(UsageError, match="above 0"):
        WithdrawalCap(per_day=value)
    wrong: Any = 1.5
    with pytest.raises(TypeError, match="must be a Decimal, was float"):
        WithdrawalCap(wrong)


@pytest.mark.parametrize(
    ("network", "memo", "no_memo", "reason"),
    [
        (on("TRX", "TRC20"), None, False, None),
        (on("TRX", "TRC20"), "1", False, "memo_not_taken"),
        (on("XRP", "XRP"), None, False, "memo_missing"),
        (on("XRP", "XRP"), None, True, None),
        (on("XRP", "XRP", memo_required=True), None, True, "memo_missing"),
        (on("XRP", "XRP"), "1", False, None),
        (on("NEW", None), None, False, None),
        (on("NEW", None), "1", False, None),
        (on("NEW", None, memo_required=True), None, False, "memo_missing"),
        (on("NEW", None, memo_required=True), "", False, "memo_missing"),
        # The exchange knows better than the table where it says so.
        (on("TRX", "TRC20", memo_required=True), "1", False, None),
    ],
)
def test_who_demands_a_memo(network: AssetNetwork, memo: str | None, no_memo: bool, reason: str | None) -> None:
    target = WithdrawalTarget("USDT", "x", "y", None if no_memo else memo, no_memo=no_memo)
    if reason is None:
        check_memo(REQUEST.replace(memo=memo), target, network)
        return
    with pytest.raises(UsageError) as refusal:
        check_memo(REQUEST.replace(memo=memo), target, network)
    assert refusal.value.reason == reason


def test_a_contract_is_compared_in_the_way_it_is_written() -> None:
    check_network(on("ETH", contract_address="0xAbC1"), WithdrawalTarget("USDT", "ETH", "y", contract="0XaBc1"))
    for contract in ("TR7n", None):
        with pytest.raises(WithdrawalRefused):
            check_network(on("TRX", contract_address=contract), WithdrawalTarget("USDT", "TRX", "y", contract="TR7N"))


@pytest.mark.parametrize(
    ("fee", "is_included", "told"),
    [
        (Decimal(1), True, (Decimal(100), Decimal(99))),
        (Decimal(1), False, (Decimal(101), Decimal(100))),
        (Decimal(1), None, (Decimal(101), None)),
        (None, True, (Decimal(100), None)),
        (None, False, (Decimal(100), None)),
    ],
)
def test_what_leaves_and_what_arrives(
    fee: Decimal | None, is_included: bool | None, told: tuple[Decimal, Decimal | None]
) -> None:
    assert debit_and_arrival(Decimal(100), fee, is_included) == told
