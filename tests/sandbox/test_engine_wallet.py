"""Withdrawals and deposits of the engine."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spotlane.sandbox.accounts import FEES, IN_FLIGHT, OUTSIDE, TRADER
from spotlane.sandbox.clock import SandboxClock
from spotlane.sandbox.engine import Engine
from spotlane.sandbox.records import Reason, Refused
from spotlane.sandbox.wallet import WithdrawalOrder, WithdrawalState

SAVED = "TQrY8tryqsYVCYS3MFbtffiPp2ccyn4STm"
ORDER = WithdrawalOrder(TRADER, "USDT", "TRX", SAVED, Decimal(100), client_withdrawal_id="w-1")


def make_engine() -> Engine:
    return Engine(clock=SandboxClock(start_ms=1_700_000_000_000, frozen=True), seed=3)


def available(engine: Engine, asset: str, account: str = TRADER) -> Decimal:
    return engine.accounts.holding(account, asset).available


def test_withdrawal_runs_through_every_state_with_the_clock() -> None:
    engine = make_engine()
    record = engine.wallet.request(ORDER)
    assert available(engine, "USDT") == 99_900
    assert available(engine, "USDT", IN_FLIGHT) == 100
    outside = available(engine, "USDT", OUTSIDE)
    seen = []
    for _ in range(8):
        seen.append((engine.wallet.withdrawals()[0].state, record.tx_id is not None))
        engine.clock.advance(engine.wallet.step_ms)
    assert [state for state, _ in seen] == [*list(WithdrawalState)[:7], WithdrawalState.COMPLETED]
    assert [has_tx for _, has_tx in seen] == [False] * 5 + [True] * 3
    assert record.updated_ms == record.requested_ms + 6 * engine.wallet.step_ms
    assert available(engine, "USDT", IN_FLIGHT) == 0
    assert available(engine, "USDT", FEES) == 1
    assert available(engine, "USDT", OUTSIDE) == outside + 99
    changes = [event.data["state"] for event in engine.ledger.of_kind("withdrawal_changed")]
    assert changes == list(WithdrawalState)[1:7]
    assert engine.ledger.of_kind("withdrawal_requested")[0].data["client_withdrawal_id"] == "w-1"


@pytest.mark.parametrize("state", [WithdrawalState.FAILED, WithdrawalState.CANCELED])
def test_failed_withdrawal_is_refunded_in_full(state: WithdrawalState) -> None:
    engine = make_engine()
    record = engine.wallet.request(ORDER)
    engine.wallet.set_state(record.withdrawal_id, state)
    engine.clock.advance(60_000)
    assert engine.wallet.withdrawals()[0].state is state
    assert available(engine, "USDT") == 100_000
    with pytest.raises(ValueError, match="already"):
        engine.wallet.set_state(record.withdrawal_id, WithdrawalState.COMPLETED)


def test_manual_handling_stands_still_until_it_is_decided() -> None:
    engine = make_engine()
    record = engine.wallet.request(ORDER)
    engine.wallet.set_state(record.withdrawal_id, WithdrawalState.MANUAL)
    engine.clock.advance(3_600_000)
    assert engine.wallet.withdrawals()[0].state is WithdrawalState.MANUAL
    engine.wallet.set_state(record.withdrawal_id, WithdrawalState.COMPLETED)
    assert record.tx_id is not None
    assert available(engine, "USDT", IN_FLIGHT) == 0


def test_cancel_refunds_until_processing_starts() -> None:
    engine = make_engine()
    early = engine.wallet.request(ORDER)
    engine.clock.advance(2 * engine.wallet.step_ms)
    assert engine.wallet.cancel(TRADER, early.withdrawal_id).state is WithdrawalState.CANCELED
    assert available(engine, "USDT") == 100_000
    late = engine.wallet.request(ORDER)
    engine.clock.advance(3 * engine.wallet.step_ms)
    with pytest.raises(Refused) as refused:
        engine.wallet.cancel(TRADER, late.withdrawal_id)
    assert refused.value.reason is Reason.NOT_CANCELABLE
    with pytest.raises(Refused) as refused:
        engine.wallet.cancel("other", late.withdrawal_id)
    assert refused.value.reason is Reason.UNKNOWN_WITHDRAWAL


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (replace(ORDER, asset="DOGE"), Reason.UNKNOWN_ASSET),
        (replace(ORDER, network="SOL"), Reason.UNKNOWN_NETWORK),
        (replace(ORDER, network=None), Reason.UNKNOWN_NETWORK),
        (replace(ORDER, network="BSC"), Reason.NETWORK_CLOSED),
        (replace(ORDER, amount=Decimal(0)), Reason.MALFORMED),
        (replace(ORDER, amount=Decimal("10.0000001")), Reason.AMOUNT_PRECISION),
        (replace(ORDER, amount=Decimal("1.99")), Reason.AMOUNT_TOO_SMALL),
        (replace(ORDER, amount=Decimal(2_000_000)), Reason.AMOUNT_TOO_LARGE),
        (replace(ORDER, asset="XRP", network="XRP"), Reason.MEMO_MISSING),
        (replace(ORDER, address="T-unknown"), Reason.ADDRESS_NOT_SAVED),
        (replace(ORDER, network="ETH"), Reason.ADDRESS_NOT_SAVED),
        (replace(ORDER, memo="7"), Reason.ADDRESS_NOT_SAVED),
        (replace(ORDER, amount=Decimal(100_001)), Reason.INSUFFICIENT_BALANCE),
    ],
)
def test_refused_withdrawals_move_no_money(order: WithdrawalOrder, reason: Reason) -> None:
    engine = make_engine()
    with pytest.raises(Refused) as refused:
        engine.wallet.request(order)
    assert refused.value.reason is reason
    assert available(engine, "USDT") == 100_000
    assert engine.wallet.withdrawals() == []


def test_the_only_network_of_an_asset_needs_no_name() -> None:
    engine = make_engine()
    address = engine.wallet.saved_addresses[TRADER][1].address
    record = engine.wallet.request(WithdrawalOrder(TRADER, "BTC", None, address, Decimal("0.5")))
    assert record.network.code == "BTC"


def test_deposit_is_credited_once_it_is_confirmed() -> None:
    engine = make_engine()
    record = engine.wallet.deposit("USDT", 50, "TRX", confirm_ms=1000)
    assert available(engine, "USDT") == 100_000
    engine.clock.advance(999)
    engine.settle()
    assert available(engine, "USDT") == 100_000
    engine.clock.advance(1)
    assert engine.balances()["USDT"].available == 100_050
    engine.clock.advance(5000)
    assert engine.balances()["USDT"].available == 100_050
    assert engine.wallet.deposits() == [record]
    assert engine.wallet.address(TRADER, "USDT", "TRX") == (record.address, None)


def test_rejected_deposit_is_never_credited() -> None:
    engine = make_engine()
    engine.wallet.deposit("USDT", 50, "TRX", confirm_ms=10).is_rejected = True
    engine.clock.advance(20)
    assert engine.balances()["USDT"].available == 100_000


def test_deposit_address_is_made_once_and_carries_a_memo_where_one_is_needed() -> None:
    engine = make_engine()
    assert engine.wallet.address(TRADER, "XRP", "XRP") is None
    made = engine.wallet.create_address(TRADER, "XRP", "XRP")
    assert made[1] is not None
    assert engine.wallet.create_address(TRADER, "XRP", "XRP") == made
    assert engine.wallet.create_address("other", "XRP", "XRP") != made


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["request", "advance", "cancel", "fail", "manual", "complete", "deposit"]),
            st.integers(1, 5000),
        ),
        max_size=25,
    )
)
def test_no_course_of_withdrawals_makes_or_loses_money(steps: list[tuple[str, int]]) -> None:
    engine = make_engine()
    deposited = 0
    forced = {
        "fail": WithdrawalState.FAILED, "manual": WithdrawalState.MANUAL, "complete": WithdrawalState.COMPLETED
    }  # fmt: skip
    for name, number in steps:
        records = engine.wallet.withdrawals()
        chosen = records[number % len(records)] if records else None
        if name == "request":
            engine.wallet.request(replace(ORDER, amount=Decimal(number + 1)))
        elif name == "advance":
            engine.clock.advance(number)
        elif name == "deposit":
            engine.wallet.deposit("USDT", number, "TRX")
            deposited += number
        elif chosen is not None and not chosen.state.is_terminal:
            if name != "cancel":
                engine.wallet.set_state(chosen.withdrawal_id, forced[name])
            elif chosen.state.value <= 3:
                engine.wallet.cancel(TRADER, chosen.withdrawal_id)
        engine.settle()
        records = engine.wallet.withdrawals()
        gone = (WithdrawalState.FAILED, WithdrawalState.CANCELED)
        spent = sum(record.order.amount for record in records if record.state not in gone)
        flying = sum(record.order.amount for record in records if not record.state.is_terminal)
        assert available(engine, "USDT") == 100_000 + deposited - spent
        assert available(engine, "USDT", IN_FLIGHT) == flying
        assert engine.accounts.total("USDT") == 0
