"""Five hundred withdrawals and more that must not be sent: none is, and each is refused with its own reason."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from bad_requests import EVM, GOOD, Bench, Scenario, listed, scenarios

from spotlane import registry
from spotlane.errors import UsageError
from spotlane.safety.withdrawals import LedgerOwner
from spotlane.sandbox import Sandbox

EXCHANGES = ("binance", "gateio", "mexc")
SCENARIOS = scenarios()


def test_there_are_five_hundred_of_them() -> None:
    assert sum(len(scenario.bad) * len(scenario.exchanges or EXCHANGES) for scenario in SCENARIOS) >= 500


def prepare(venue: Sandbox) -> None:
    venue.engine.credit("XRP", 100)
    venue.engine.credit("EOS", 100)
    venue.engine.credit("MX", 100)
    wallet = venue.engine.wallet
    for asset, network in (("USDT", "ETH"), ("USDT", "BSC"), ("MX", "ETH")):
        wallet.save_address(asset, network, EVM)


def bench_of(venue: Sandbox, exchange: str, folder: Path) -> Bench:
    folder.chmod(0o700)
    account = hashlib.sha256(venue.api_key.encode()).hexdigest()[:32]
    return Bench(venue, folder, LedgerOwner(exchange, account))


@pytest.mark.parametrize(
    ("exchange", "scenario"),
    [
        pytest.param(exchange, scenario, id=f"{exchange}-{scenario.name}")
        for exchange in EXCHANGES
        for scenario in SCENARIOS
        if exchange in (scenario.exchanges or EXCHANGES)
    ],
)
async def test_it_is_refused_with_its_reason_and_nothing_is_sent(
    exchange: str, scenario: Scenario, tmp_path: Path
) -> None:
    async with Sandbox(exchange, rate_limits=False) as venue:
        prepare(venue)
        bench = bench_of(venue, exchange, tmp_path)
        policy = scenario.policy(bench)
        async with registry.open_exchange(
            exchange, venue.credentials, base_url=venue.url, connections=1, enforce_limits=False, withdrawals=policy
        ) as client:
            scenario.meddle(bench)
            for number, case in enumerate(scenario.bad):
                told = f"{scenario.name}, number {number}"
                expected = case.why if isinstance(case.why, type) else UsageError
                with pytest.raises(expected) as refusal:
                    await client.withdraw(case.make())
                assert re.search(case.words, str(refusal.value), re.DOTALL), f"{told}: {refusal.value}"
                if not isinstance(case.why, type):
                    assert getattr(refusal.value, "reason", None) is case.why, f"{told}: {refusal.value!r}"
            assert (await client.get_account_balance())["USDT"].total == 100_000
        assert venue.ledger.of_kind("withdrawal_requested") == []
        assert {request.method for request in venue.requests} == {"GET"}


@pytest.mark.parametrize("exchange", EXCHANGES)
async def test_the_good_ones_among_them_are_sent(exchange: str, tmp_path: Path) -> None:
    async with Sandbox(exchange, rate_limits=False) as venue:
        prepare(venue)
        policy = listed(bench_of(venue, exchange, tmp_path))
        async with registry.open_exchange(
            exchange, venue.credentials, base_url=venue.url, connections=1, enforce_limits=False, withdrawals=policy
        ) as client:
            for request in GOOD:
                assert (await client.withdraw(request)).withdrawal_id
        assert len(venue.ledger.of_kind("withdrawal_requested")) == len(GOOD)
