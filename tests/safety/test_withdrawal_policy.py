"""The allow-list of withdrawals: to the letter, or not at all."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from spotlane import WithdrawalPolicy, WithdrawalRequest, WithdrawalTarget
from spotlane.errors import UsageError, WithdrawalRefused
from spotlane.safety import check_withdrawal, require_policy

POLICY = WithdrawalPolicy([WithdrawalTarget("XRP", "XRP", "rABC", "17"), WithdrawalTarget("USDT", "TRX", "TxYz")])
REQUEST = WithdrawalRequest("USDT", Decimal(5), "TxYz", "TRX")


@pytest.mark.parametrize("request_", [REQUEST, WithdrawalRequest("XRP", Decimal(1), "rABC", "XRP", memo="17")])
def test_a_listed_target_passes(request_: WithdrawalRequest) -> None:
    check_withdrawal(POLICY, request_)
    assert require_policy(POLICY, request_) is POLICY


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (REQUEST.replace(address="Tother"), "USDT on TRX to Tother is not on .*: the list has 2 targets, none with"),
        (REQUEST.replace(address="txyz"), r"another spelling \(case\)"),
        (REQUEST.replace(network="ETH"), "the address is listed for USDT on TRX"),
        (REQUEST.replace(network="trx"), "the address is listed for USDT on TRX"),
        (REQUEST.replace(asset="USDC"), "the address is listed for USDT on TRX"),
        (REQUEST.replace(memo="1"), "with memo '1' is not .* the address is listed with memo None"),
        (WithdrawalRequest("XRP", Decimal(1), "rABC", "XRP"), "the address is listed with memo '17'"),
        (WithdrawalRequest("XRP", Decimal(1), "rABC", "XRP", memo="18"), "the address is listed with memo '17'"),
    ],
)
def test_a_target_that_differs_is_refused_and_the_difference_named(request_: WithdrawalRequest, words: str) -> None:
    with pytest.raises(WithdrawalRefused, match=words) as refusal:
        check_withdrawal(POLICY, request_)
    assert isinstance(refusal.value, UsageError)


def test_no_policy_allows_nothing() -> None:
    with pytest.raises(WithdrawalRefused, match="withdrawals are off"):
        check_withdrawal(None, REQUEST)
    with pytest.raises(WithdrawalRefused, match="the list has 0 targets"):
        check_withdrawal(WithdrawalPolicy([]), REQUEST)


def test_only_a_request_is_taken() -> None:
    wrong: Any = {"asset": "USDT"}
    for policy in (POLICY, None):
        with pytest.raises(TypeError, match="withdraw takes a WithdrawalRequest, was dict"):
            check_withdrawal(policy, wrong)
