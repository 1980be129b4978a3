"""No call of the demo leaves an order in doubt, and no failure leaves one behind."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from spotlane.cli._calls import Caller, UnexpectedResult
from spotlane.cli._steps import BTC_USDT
from spotlane.cli._venue import LedgerReport, Venue, VenueFailed
from spotlane.cli.demo import Outcome, run
from spotlane.cli.output import Screen
from spotlane.errors import ExchangeAPIError, OutcomeUnknown, PrecisionError, UsageError
from spotlane.exchanges.mexc import MexcPrivateRest
from spotlane.sandbox import Fault, Sandbox
from spotlane.structs import OrderParams, OrderType, Side
from spotlane.testing.loop_clock import LoopClock

RESTING = OrderParams(BTC_USDT, Side.BUY, OrderType.LIMIT, quantity=Decimal("0.001"), price=Decimal(20_000))
NOTHING_OPEN = "no order is open and none is in doubt"


def quiet() -> Screen:
    return Screen(io.StringIO(), lively=False)


async def under_way(caller: Caller) -> None:
    """Wait until a request is."""
    while not caller.exchange.status().transport_status.connections.busy:  # noqa: ASYNC110, no event is told of it
        await asyncio.sleep(0)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox("mexc") as venue:
        yield venue


@pytest.fixture
async def caller(sandbox: Sandbox) -> AsyncIterator[Caller]:
    clock = LoopClock(sandbox)
    async with MexcPrivateRest(sandbox.credentials, base_url=sandbox.url, timeout_s=0.6, clock=clock) as exchange:
        yield Caller(exchange, quiet())


async def test_interrupted_placing_ends_first_and_is_cancelled_then(sandbox: Sandbox, caller: Caller) -> None:
    sandbox.latency_s = 0.1
    placing = asyncio.ensure_future(caller.place(RESTING, str))
    await under_way(caller)
    placing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await placing
    assert len(sandbox.ledger.live_orders()) == 1
    lines = await caller.clean_up()
    assert lines[0].endswith(": CANCELED")
    assert lines[1] == NOTHING_OPEN
    assert sandbox.ledger.live_orders() == []


async def test_refusal_that_comes_after_the_interruption_leaves_nothing_in_doubt(
    sandbox: Sandbox, caller: Caller
) -> None:
    sandbox.latency_s = 0.1
    placing = asyncio.ensure_future(caller.place(RESTING.replace(quantity=Decimal(100)), str))
    await under_way(caller)
    placing.cancel()
    with pytest.raises(asyncio.CancelledError) as interrupted:
        await placing
    assert isinstance(interrupted.value.__cause__, ExchangeAPIError)
    assert await caller.clean_up() == [NOTHING_OPEN]


async def test_order_whose_reply_was_lost_is_cancelled(sandbox: Sandbox, caller: Caller) -> None:
    sandbox.faults.add(Fault.parse("reset-after-execution:POST:/api/v3/order"))
    sandbox.faults.add(Fault.parse("html-200:GET:*:*"))
    with pytest.raises(OutcomeUnknown):
        await caller.place(RESTING, str)
    sandbox.faults.clear()
    assert len(sandbox.ledger.live_orders()) == 1
    assert (await caller.clean_up())[-1] == NOTHING_OPEN
    assert sandbox.ledger.live_orders() == []


async def test_order_that_cannot_be_found_stays_in_doubt(sandbox: Sandbox, caller: Caller) -> None:
    sandbox.faults.add(Fault.parse("reset-before-read:POST:/api/v3/order"))
    with pytest.raises(OutcomeUnknown):
        await caller.place(RESTING, str)
    assert sandbox.ledger.orders() == []
    lines = await caller.clean_up()
    assert "may still appear" in lines[0]
    assert "1 of the orders may still be open" in lines[1]
    with pytest.raises(OutcomeUnknown) as rest:
        await caller.exchange.close()
    assert len(rest.value.unresolved) == 1


async def test_order_that_is_proven_absent_is_not_in_doubt() -> None:
    horizons = MexcPrivateRest.spec.horizons._replace(skew_ms=10, processing_ms=10, visibility_ms=500, spacing_ms=10)
    async with (
        Sandbox("mexc", rate_limits=False) as sandbox,
        MexcPrivateRest(
            sandbox.credentials, base_url=sandbox.url, timeout_s=0.6, horizons=horizons, enforce_limits=False
        ) as exchange,
    ):
        caller = Caller(exchange, quiet())
        sandbox.faults.add(Fault.parse("reset-before-read:POST:/api/v3/order"))
        with pytest.raises(OutcomeUnknown):
            await caller.place(RESTING, str)
        lines = await caller.clean_up()
        assert lines[0].endswith(": never placed")
        assert lines[1] == NOTHING_OPEN
        assert sandbox.ledger.orders() == []


async def test_refused_order_is_on_the_record_and_not_in_doubt(caller: Caller) -> None:
    with pytest.raises(PrecisionError):
        await caller.place(RESTING.replace(price=Decimal("20000.001")), str)
    assert [(record.error, record.requests) for record in caller.records] == [("PrecisionError", 0)]
    assert await caller.clean_up() == [NOTHING_OPEN]


async def test_call_that_should_have_been_refused_is_noticed(caller: Caller) -> None:
    with pytest.raises(UnexpectedResult, match="should have raised"):
        await caller.refused("place_order", RESTING, UsageError)


async def demo() -> tuple[Outcome, str]:
    text = io.StringIO()
    outcome = Outcome("mexc")
    await run(Venue("mexc", seed=0, tls=False), Screen(text, lively=False), outcome, rounds=1)
    return outcome, text.getvalue()


async def test_failed_step_is_told_and_what_it_left_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    async def do_nothing(*_: Any) -> None: ...

    monkeypatch.setattr(Venue, "trade_against", do_nothing)
    outcome, text = await demo()
    assert outcome.exit_code == 1
    assert outcome.ended == "failed"
    assert "should be PARTIALLY_FILLED, is NEW" in (outcome.error or "")
    assert "should be PARTIALLY_FILLED, is NEW" in text
    assert outcome.clean_up[0].endswith(": CANCELED")
    assert outcome.clean_up[1] == NOTHING_OPEN


async def test_ledger_that_disagrees_is_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    true_report = Venue.report

    async def report(self: Venue) -> LedgerReport:
        told = await true_report(self)
        return LedgerReport(
            {**told.balances, "BTC": told.balances["BTC"] + Decimal("0.00000001")},
            told.orders, told.fills, told.withdrawals, told.requests, told.errors,
        )  # fmt: skip

    monkeypatch.setattr(Venue, "report", report)
    outcome, text = await demo()
    assert (outcome.ended, outcome.exit_code) == ("unbalanced", 1)
    assert "The books do not balance: the two ledgers differ." in text
    assert "the ledger holds 9." in text


async def test_balance_that_is_off_is_told_with_its_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    true_balance = MexcPrivateRest.get_account_balance
    reads = []

    async def get_account_balance(self: MexcPrivateRest) -> Any:
        balances = await true_balance(self)
        reads.append(balances)
        if len(reads) == 2:
            held = balances["USDT"]
            balances["USDT"] = held.replace(available=held.available - Decimal("0.00000001"))
        return balances

    monkeypatch.setattr(MexcPrivateRest, "get_account_balance", get_account_balance)
    outcome, text = await demo()
    assert outcome.exit_code == 1
    assert "The books do not balance: off by -0.00000001 USDT." in text


async def test_venue_refuses_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="no exchange named 'mexx'"):
        await Venue("mexx", seed=0, tls=False).start()
    venue = Venue("mexc", seed=0, tls=False)
    async with venue:
        with pytest.raises(VenueFailed, match="has ended"):
            await venue.advance_withdrawal("unknown")
    with pytest.raises(VenueFailed, match="not running"):
        await venue.report()
