"""Withdrawals, deposits, networks and fees on MEXC."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from mexc_rig import BTC_USDT, MX_USDT, WITHDRAW_PATH, connect, parameters, pass_time

from spotlane import OutcomeUnknown, UsageError, WithdrawalPolicy, WithdrawalRequest, WithdrawalStatus, WithdrawalTarget
from spotlane.errors import (
    InsufficientBalance,
    MaximumError,
    MinimumError,
    NotSent,
    NotSupported,
    WithdrawalRefused,
    WithdrawalRejected,
)
from spotlane.exchanges.mexc import MexcPrivateRest
from spotlane.sandbox import Fault, Sandbox
from spotlane.sandbox.networks import Network
from spotlane.sandbox.wallet import WithdrawalState
from spotlane.transport import ManualClock

TRON = "TQrY8tryqsYVCYS3MFbtffiPp2ccyn4STm"
RIPPLE = "rEb8TK3gBgk5auZkwc6sHnwrGVJH8DuaLh"
NOT_IN_BOOK = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
CLOSED = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
HISTORY_PATH = "/api/v3/capital/withdraw/history"
NETWORKS_PATH = "/api/v3/capital/config/getall"
BOOK_PATH = "/api/v3/capital/withdraw/address"

POLICY = WithdrawalPolicy(
    [
        WithdrawalTarget("USDT", "TRX", TRON),
        WithdrawalTarget("USDT", "ETH", NOT_IN_BOOK),
        WithdrawalTarget("USDT", "BSC", CLOSED),
        WithdrawalTarget("USDT", "KASPA", TRON),
        WithdrawalTarget("DOGE", "TRX", TRON),
        WithdrawalTarget("XRP", "XRP", RIPPLE, "104100"),
        WithdrawalTarget("XRP", "XRP", RIPPLE, "999"),
        WithdrawalTarget("XRP", "XRP", RIPPLE),
    ]
)


def to_tron(**changes: Any) -> WithdrawalRequest:
    """Return a withdrawal that everybody agrees to."""
    return WithdrawalRequest("USDT", Decimal(100), TRON, "TRX").replace(**changes)


@pytest.fixture
async def payer(venue: Sandbox) -> AsyncIterator[MexcPrivateRest]:
    """An open client that may withdraw."""
    async with connect(venue, withdrawals=POLICY) as payer:
        venue.requests.clear()
        yield payer


async def test_without_a_policy_nothing_is_withdrawn(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    with pytest.raises(WithdrawalRefused, match="withdrawals=WithdrawalPolicy"):
        await exchange.withdraw(to_tron())
    assert venue.requests.total == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"address": "T" * 34}, "none with this address"),
        ({"address": TRON.lower()}, r"another spelling \(case\)"),
        ({"network": "ETH"}, "the address is listed for USDT on TRX"),
        ({"memo": "1"}, "the address is listed with memo None"),
    ],
)
async def test_a_target_that_is_not_on_the_allow_list(
    venue: Sandbox, payer: MexcPrivateRest, changes: dict[str, str], words: str
) -> None:
    with pytest.raises(WithdrawalRefused, match=words):
        await payer.withdraw(to_tron(**changes))
    assert venue.requests.count("POST") == 0


async def test_a_withdrawal_from_request_to_completion(venue: Sandbox) -> None:
    venue.clock.freeze()
    clock = ManualClock()
    async with connect(venue, withdrawals=POLICY, clock=clock) as payer:
        sent = await payer.withdraw(to_tron(remark="rent & heat"))
        (record,) = venue.engine.wallet.withdrawals()
        assert sent.withdrawal_id == record.withdrawal_id
        assert sent.client_withdrawal_id == record.order.client_withdrawal_id
        assert (sent.asset, sent.amount, sent.address, sent.network) == ("USDT", Decimal(100), TRON, "TRX")
        assert (sent.status, sent.remark) == (WithdrawalStatus.PENDING, "rent & heat")
        assert parameters(venue.requests.find("POST", WITHDRAW_PATH)[0]).keys() == {
            "coin", "withdrawOrderId", "netWork", "address", "amount", "remark", "recvWindow", "timestamp",
        }  # fmt: skip
        assert (await payer.get_account_balance())["USDT"].total == 99_900

        seen = []
        for _ in range(7):
            seen.append((await payer.get_withdrawal_status(sent.withdrawal_id)).status)
            pass_time(venue, clock, 0.5)
        pending, processing = WithdrawalStatus.PENDING, WithdrawalStatus.PROCESSING
        assert seen == [pending] * 3 + [processing] * 3 + [WithdrawalStatus.COMPLETED]

        (done,) = await payer.get_withdrawal_history("USDT")
        assert done.client_withdrawal_id == sent.client_withdrawal_id
        assert (done.asset, done.network, done.amount, done.fee) == ("USDT", "TRX", Decimal(100), Decimal(1))
        assert (done.tx_id, done.remark) == (record.tx_id, "rent & heat")
        assert (done.created_ms, done.updated_ms) == (record.requested_ms, record.updated_ms)
        assert done.status.is_terminal


@pytest.mark.parametrize("network", ["TRX", "trx", "Tron(TRC20)", "TRON(trc20)"])
async def test_a_network_is_taken_by_code_or_name_in_any_case(
    venue: Sandbox, payer: MexcPrivateRest, network: str
) -> None:
    sent = await payer.withdraw(to_tron(network=network))
    assert sent.network == "TRX"
    assert parameters(venue.requests.find("POST", WITHDRAW_PATH)[0])["netWork"] == "TRX"


async def test_a_memo_is_needed_sent_and_compared(venue: Sandbox, payer: MexcPrivateRest) -> None:
    venue.engine.credit("XRP", 50)
    ripple = WithdrawalRequest("XRP", Decimal(20), RIPPLE, "XRP", memo="104100")
    with pytest.raises(UsageError, match="XRP on XRP needs a memo"):
        await payer.withdraw(ripple.replace(memo=None))
    with pytest.raises(WithdrawalRefused, match="with memo '999' is not in the mexc withdrawal address book"):
        await payer.withdraw(ripple.replace(memo="999"))
    assert venue.requests.count("POST") == 0

    sent = await payer.withdraw(ripple)
    assert sent.memo == "104100"
    assert venue.engine.wallet.withdrawals()[0].order.memo == "104100"
    (read,) = await payer.get_withdrawal_history()
    assert read.memo == "104100"


@pytest.mark.parametrize(
    ("changes", "error", "nearest", "words"),
    [
        ({"amount": Decimal("1.5")}, MinimumError, 2, "USDT on TRX is at least 2, was 1.5"),
        ({"amount": Decimal(2_000_000)}, MaximumError, 1_000_000, "is at most 1000000"),
        ({"network": "BSC", "address": CLOSED}, NotSupported, None, "are closed on mexc now"),
        ({"network": "KASPA"}, UsageError, None, r"TRX \(Tron\(TRC20\)\), ETH .*network was 'KASPA'"),
        ({"asset": "DOGE"}, UsageError, None, "lists no asset 'DOGE'"),
        ({"network": "ETH", "address": NOT_IN_BOOK}, WithdrawalRefused, None, "add it on the exchange's web site"),
        ({"one_time_code": "123456"}, NotSupported, None, "no one_time_code"),
    ],
)
async def test_what_can_not_be_withdrawn_is_refused_before_it_is_sent(
    venue: Sandbox,
    payer: MexcPrivateRest,
    changes: dict[str, Any],
    error: type[UsageError],
    nearest: int | None,
    words: str,
) -> None:
    with pytest.raises(error, match=words) as refusal:
        await payer.withdraw(to_tron(**changes))
    assert type(refusal.value) is error
    assert getattr(refusal.value, "nearest", None) == nearest
    assert venue.requests.count("POST") == 0


async def test_an_address_that_was_added_a_moment_ago_is_found(venue: Sandbox, payer: MexcPrivateRest) -> None:
    target = to_tron(network="ETH", address=NOT_IN_BOOK)
    with pytest.raises(WithdrawalRefused):
        await payer.withdraw(target)
    venue.engine.wallet.save_address("USDT", "ETH", NOT_IN_BOOK)

    assert (await payer.withdraw(target)).network == "ETH"


async def test_what_mexc_refuses_is_typed_and_nothing_moves(venue: Sandbox, payer: MexcPrivateRest) -> None:
    with pytest.raises(InsufficientBalance) as poor:
        await payer.withdraw(to_tron(amount=Decimal(500_000)))
    assert poor.value.code == 10101

    venue.engine.wallet.saved_addresses["trader"].clear()
    with pytest.raises(WithdrawalRejected, match="add the address to the withdrawal address book") as unlisted:
        await payer.withdraw(to_tron())
    assert unlisted.value.code == 10212
    assert venue.engine.wallet.withdrawals() == []
    assert venue.requests.count("POST") == 2


async def test_a_withdrawal_id_is_used_once(venue: Sandbox, payer: MexcPrivateRest) -> None:
    sent = await payer.withdraw(to_tron(client_withdrawal_id="rent-november"))
    assert sent.client_withdrawal_id == "rent-november"
    with pytest.raises(UsageError, match="was used before"):
        await payer.withdraw(to_tron(client_withdrawal_id="rent-november"))
    assert len(venue.engine.wallet.withdrawals()) == 1


async def test_a_withdrawal_id_is_free_again_when_nothing_was_sent(venue: Sandbox, payer: MexcPrivateRest) -> None:
    await payer.get_networks("USDT")
    await payer.get_withdrawal_addresses("USDT")
    await venue.down()
    with pytest.raises(NotSent):
        await payer.withdraw(to_tron(client_withdrawal_id="rent-november"))
    await venue.up()
    await payer.withdraw(to_tron(client_withdrawal_id="rent-november"))
    assert len(venue.engine.wallet.withdrawals()) == 1


@pytest.mark.parametrize("point", ["reset-after-execution", "cut-body", "html-200", "gateway-error-executed"])
async def test_a_lost_reply_leaves_the_outcome_open_until_it_is_looked_up(
    venue: Sandbox, payer: MexcPrivateRest, point: str
) -> None:
    venue.faults.add(Fault.named(point, "POST", WITHDRAW_PATH))
    with pytest.raises(OutcomeUnknown, match=r"withdrawal with client id .* don't repeat it") as unknown:
        await payer.withdraw(to_tron())

    (record,) = venue.engine.wallet.withdrawals()
    assert not unknown.value.safe_to_retry
    assert unknown.value.client_order_id == record.order.client_withdrawal_id
    found = await unknown.value.resolve()
    assert (found.withdrawal_id, found.amount) == (record.withdrawal_id, 100)
    assert venue.requests.count("POST", WITHDRAW_PATH) == 1
    assert len(venue.ledger.of_kind("withdrawal_requested")) == 1


async def test_a_withdrawal_that_never_arrived_is_not_called_absent(venue: Sandbox, payer: MexcPrivateRest) -> None:
    venue.faults.add(Fault.named("reset-before-read", "POST", WITHDRAW_PATH))
    with pytest.raises(OutcomeUnknown) as unknown:
        await payer.withdraw(to_tron())
    with pytest.raises(OutcomeUnknown, match="it may still appear") as still:
        await unknown.value.resolve()
    venue.faults.add(Fault.named("gateway-error-refused", "GET", HISTORY_PATH))
    with pytest.raises(OutcomeUnknown):
        await still.value.resolve()
    assert venue.engine.wallet.withdrawals() == []
    assert venue.requests.count("POST", WITHDRAW_PATH) == 1


async def test_a_withdrawal_stamped_ahead_of_our_clock_is_found(venue: Sandbox) -> None:
    venue.clock.freeze()
    async with connect(venue, withdrawals=POLICY, clock=ManualClock()) as payer:
        venue.clock.advance(400)
        venue.faults.add(Fault.named("reset-after-execution", "POST", WITHDRAW_PATH))
        with pytest.raises(OutcomeUnknown) as unknown:
            await payer.withdraw(to_tron())
        assert (await unknown.value.resolve()).asset == "USDT"


async def test_cancelling_a_withdrawal(venue: Sandbox) -> None:
    venue.clock.freeze()
    async with connect(venue, withdrawals=POLICY) as payer:
        first = await payer.withdraw(to_tron())
        cancelled = await payer.cancel_withdrawal(first.withdrawal_id)
        assert cancelled.status is WithdrawalStatus.CANCELED
        assert (await payer.get_account_balance())["USDT"].available == 100_000

        second = await payer.withdraw(to_tron())
        venue.engine.wallet.set_state(second.withdrawal_id, WithdrawalState.PROCESSING)
        with pytest.raises(WithdrawalRejected) as too_late:
            await payer.cancel_withdrawal(second.withdrawal_id)
        assert too_late.value.code == 10211
        with pytest.raises(WithdrawalRejected) as unknown_id:
            await payer.cancel_withdrawal("no-such-withdrawal")
        assert unknown_id.value.code == 22222

        third = await payer.withdraw(to_tron())
        venue.faults.add(Fault.named("reset-after-execution", "DELETE", WITHDRAW_PATH))
        with pytest.raises(OutcomeUnknown) as unknown:
            await payer.cancel_withdrawal(third.withdrawal_id)
        assert (await unknown.value.resolve()).status is WithdrawalStatus.CANCELED
        assert venue.requests.count("DELETE", WITHDRAW_PATH) == 4


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (WithdrawalState.FAILED, WithdrawalStatus.FAILED),
        (WithdrawalState.MANUAL, WithdrawalStatus.MANUAL_REVIEW),
        (WithdrawalState.CANCELED, WithdrawalStatus.CANCELED),
    ],
)
async def test_how_a_withdrawal_may_end(
    venue: Sandbox, payer: MexcPrivateRest, state: WithdrawalState, status: WithdrawalStatus
) -> None:
    sent = await payer.withdraw(to_tron())
    venue.engine.wallet.set_state(sent.withdrawal_id, state)
    read = await payer.get_withdrawal_status(sent.withdrawal_id)
    assert read.status is status
    assert read.status.is_terminal is (state is not WithdrawalState.MANUAL)


async def test_the_withdrawal_history_is_newest_first_across_windows(venue: Sandbox) -> None:
    venue.clock.freeze()
    clock = ManualClock()
    sent: list[str] = []
    async with connect(venue, withdrawals=POLICY, clock=clock) as payer:
        for number in range(5):
            sent.insert(0, (await payer.withdraw(to_tron(amount=Decimal(10 + number)))).withdrawal_id)
            pass_time(venue, clock, 20 * 86_400)

        # 100 days: the first is out of reach by now.
        assert [each.withdrawal_id for each in await payer.get_withdrawal_history()] == sent[:4]
        assert [each.withdrawal_id for each in await payer.get_withdrawal_history(limit=2)] == sent[:2]
        assert await payer.get_withdrawal_history("BTC") == []
        assert (await payer.get_withdrawal_status(sent[3])).amount == 11
        with pytest.raises(UsageError, match="lists no withdrawal"):
            await payer.get_withdrawal_status(sent[4])
        with pytest.raises(UsageError, match="limit is at least 1, was 0"):
            await payer.get_withdrawal_history(limit=0)


async def test_networks_are_kept_for_ten_minutes(venue: Sandbox) -> None:
    clock = ManualClock()
    async with connect(venue, clock=clock) as exchange:
        networks = {network.network: network for network in await exchange.get_networks("USDT")}
        assert networks.keys() == {"TRX", "ETH", "BSC"}
        tron = networks["TRX"]
        assert (tron.network_name, tron.withdrawal_fee) == ("Tron(TRC20)", Decimal(1))
        assert tron.withdrawal_minimum == 2
        assert (tron.withdraw_enabled, networks["BSC"].withdraw_enabled, tron.confirmations) == (True, False, 20)
        assert (await exchange.get_networks("XRP"))[0].memo_required is True
        assert venue.requests.count("GET", NETWORKS_PATH) == 1

        venue.engine.wallet.networks["USDT", "TRX"] = dataclasses.replace(
            venue.engine.wallet.networks["USDT", "TRX"], fee=Decimal(3)
        )
        pass_time(venue, clock, 599)
        assert (await exchange.get_networks("USDT"))[0].withdrawal_fee == 1
        pass_time(venue, clock, 2)
        assert (await exchange.get_networks("USDT"))[0].withdrawal_fee == 3
        with pytest.raises(UsageError, match="lists no asset 'usdt'"):
            await exchange.get_networks("usdt")


async def test_the_address_book_of_many_pages(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    for number in range(45):
        venue.engine.wallet.save_address("USDT", "TRX", f"T{number:033}", label=f"number {number}")
    saved = await exchange.get_withdrawal_addresses("USDT")
    assert len({entry.address for entry in saved}) == len(saved) == 46
    assert (saved[0].network, saved[0].label, saved[0].memo) == ("TRX", "own wallet", None)
    assert venue.requests.count("GET", BOOK_PATH) == 3
    (ripple,) = await exchange.get_withdrawal_addresses("XRP")
    assert (ripple.memo, ripple.label) == ("104100", "exchange account")
    assert await exchange.get_withdrawal_addresses("EOS") == []


async def test_deposits_and_their_addresses(venue: Sandbox) -> None:
    venue.clock.freeze()
    async with connect(venue, clock=ManualClock()) as exchange:
        assert await exchange.get_deposit_addresses("XRP") == []
        first = venue.engine.wallet.deposit("XRP", 40, "XRP")
        second = venue.engine.wallet.deposit("USDT", Decimal("12.5"), "ETH", confirm_ms=60_000)

        (address,) = await exchange.get_deposit_addresses("XRP")
        assert (address.address, address.memo, address.network) == (first.address, first.memo, "XRP")
        assert await exchange.get_deposit_addresses("USDT", "TRX") == []
        assert (await exchange.get_deposit_addresses("USDT", "ETH"))[0].address == second.address

        deposits = {deposit.asset: deposit for deposit in await exchange.get_deposit_history()}
        assert deposits.keys() == {"XRP", "USDT"}
        assert deposits["XRP"].is_credited
        assert (deposits["XRP"].amount, deposits["XRP"].memo) == (Decimal(40), first.memo)
        assert not deposits["USDT"].is_credited
        assert (deposits["USDT"].network, deposits["USDT"].tx_id) == ("ETH", second.tx_id)
        assert [deposit.asset for deposit in await exchange.get_deposit_history("XRP")] == ["XRP"]


async def test_all_of_many_deposits(venue: Sandbox) -> None:
    venue.clock.freeze()
    for number in range(1_100):
        venue.engine.wallet.deposit("USDT", 1 + number, "TRX")
        venue.clock.advance(7_000)
    async with connect(venue, timeout_s=10) as exchange:
        deposits = await exchange.get_deposit_history("USDT")
    assert [deposit.amount for deposit in deposits] == [Decimal(1 + number) for number in range(1_100)]


async def test_fee_rates_are_exact_and_kept_for_ten_minutes(venue: Sandbox) -> None:
    clock = ManualClock()
    async with connect(venue, clock=clock) as exchange:
        fee = await exchange.get_trading_fee(BTC_USDT)
        assert (fee.symbol, fee.maker, fee.taker) == (BTC_USDT, Decimal(0), Decimal("0.0005"))
        await exchange.get_trading_fee(MX_USDT)
        market = venue.engine.markets["BTC/USDT"]
        market.listing = dataclasses.replace(market.listing, taker_fee=Decimal("0.002"))
        pass_time(venue, clock, 599)
        assert (await exchange.get_trading_fee(BTC_USDT)).taker == Decimal("0.0005")
        pass_time(venue, clock, 2)
        assert (await exchange.get_trading_fee(BTC_USDT)).taker == Decimal("0.002")
        assert venue.requests.count("GET", "/api/v3/tradeFee") == 3


async def test_two_networks_of_one_display_name_must_be_named_by_code(venue: Sandbox, payer: MexcPrivateRest) -> None:
    twin = Network("USDT", "TRX2", "Tron(TRC20)", Decimal(1), Decimal(2), Decimal(1_000), Decimal("0.01"))
    venue.engine.wallet.networks["USDT", "TRX2"] = twin
    with pytest.raises(UsageError, match="network was 'tron"):
        await payer.withdraw(to_tron(network="tron(trc20)"))
    assert (await payer.withdraw(to_tron())).network == "TRX"
