"""Withdrawals on Gate."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest
from gateio_rig import (
    PREFIX,
    WITHDRAW_PATH,
    WITHDRAWN_PATH,
    connect,
    fault,
    gate,
    overhear,
    parameters,
    pass_time,
    signature_of,
)

from spotlane import (
    Credentials,
    OutcomeUnknown,
    UsageError,
    WithdrawalPolicy,
    WithdrawalRequest,
    WithdrawalStatus,
    WithdrawalTarget,
)
from spotlane.errors import (
    BudgetExhausted,
    InsufficientBalance,
    MinimumError,
    NotSupported,
    PermissionDenied,
    PrecisionError,
    RateLimited,
    WithdrawalRefused,
    WithdrawalRejected,
)
from spotlane.exchanges.gateio import GateioPrivateRest, wire_wallet
from spotlane.exchanges.gateio.dialect import GateioDialect
from spotlane.sandbox import Fault, Sandbox
from spotlane.sandbox.networks import SavedAddress
from spotlane.sandbox.wallet import WithdrawalState
from spotlane.transport import ManualClock

TRON = "TQrY8tryqsYVCYS3MFbtffiPp2ccyn4STm"
RIPPLE = "rEb8TK3gBgk5auZkwc6sHnwrGVJH8DuaLh"
UNVERIFIED = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
CLOSED = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
BOOK_PATH = f"{PREFIX}/wallet/saved_address"

POLICY = WithdrawalPolicy(
    [
        WithdrawalTarget("USDT", "TRX", TRON),
        WithdrawalTarget("USDT", "ETH", UNVERIFIED),
        WithdrawalTarget("USDT", "BSC", CLOSED),
        WithdrawalTarget("USDT", "KASPA", TRON),
        WithdrawalTarget("USDX", "TRX", TRON),
        WithdrawalTarget("XRP", "XRP", RIPPLE, "104100"),
    ]
)
WITHDRAWAL: dict[str, Any] = {
    "id": "w35980955", "timestamp": "1700000000", "timestamp2": "1700000123", "withdraw_order_id": "valid-id",
    "currency": "USDT", "address": TRON, "txid": "0xab", "block_number": "17", "amount": "3", "fee": "1", "memo": "",
    "status": "DONE", "chain": "TRX", "type": "", "fail_reason": "",
}  # fmt: skip


def encoded(value: object) -> bytes:
    return json.dumps(value).encode()


def to_tron(**changes: Any) -> WithdrawalRequest:
    """Return a withdrawal that everybody agrees to."""
    return WithdrawalRequest("USDT", Decimal(100), TRON, "TRX").replace(**changes)


@asynccontextmanager
async def payer(
    options: dict[str, Any] | None = None, **settings: Any
) -> AsyncIterator[tuple[Sandbox, GateioPrivateRest]]:
    """Give an exchange and an open client of it that may withdraw."""
    async with gate({"withdrawals": POLICY, **(options or {})}, **settings) as both:
        yield both


async def test_a_withdrawal_from_request_to_completion() -> None:
    clock = ManualClock()
    async with payer({"clock": clock}) as (venue, exchange):
        venue.clock.freeze()
        heard = overhear(venue)
        sent = await exchange.withdraw(to_tron())

        (record,) = venue.engine.wallet.withdrawals()
        assert (sent.withdrawal_id, sent.status) == (record.withdrawal_id, WithdrawalStatus.PENDING)
        assert sent.client_withdrawal_id == record.order.client_withdrawal_id
        assert (sent.asset, sent.amount, sent.address, sent.network) == ("USDT", Decimal(100), TRON, "TRX")
        request = next(each for each in heard if each.path == WITHDRAW_PATH)
        assert json.loads(request.body) == {
            "withdraw_order_id": sent.client_withdrawal_id, "currency": "USDT", "chain": "TRX", "address": TRON,
            "memo": "", "amount": "100",
        }  # fmt: skip
        assert request.headers["sign"] == signature_of(request, venue.api_secret)
        seen = []
        for _ in range(7):
            seen.append(await exchange.get_withdrawal_status(sent.withdrawal_id))
            pass_time(venue, clock, venue.engine.wallet.step_ms / 1_000)
        assert [each.status for each in seen] == [
            WithdrawalStatus.PENDING, WithdrawalStatus.PENDING, *[WithdrawalStatus.PROCESSING] * 4,
            WithdrawalStatus.COMPLETED,
        ]  # fmt: skip
        first, last = seen[0], seen[-1]
        assert (first.tx_id, first.updated_ms, first.memo) == (None, None, None)
        assert (last.tx_id, last.fee) == (record.tx_id, record.fee)
        assert last.created_ms == record.requested_ms // 1_000 * 1_000
        assert last.updated_ms == record.updated_ms // 1_000 * 1_000
        assert (await exchange.get_account_balance())["USDT"].total == 99_900


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("FVERIFY", WithdrawalStatus.PENDING),
        ("MANUAL", WithdrawalStatus.MANUAL_REVIEW),
        ("DMOVE", WithdrawalStatus.MANUAL_REVIEW),
        ("REVIEW", WithdrawalStatus.MANUAL_REVIEW),
        ("SPLITPEND", WithdrawalStatus.PROCESSING),
        ("FAIL", WithdrawalStatus.PROCESSING),
        ("CANCELPEND", WithdrawalStatus.PROCESSING),
        ("REJECT", WithdrawalStatus.FAILED),
        ("INVALID", WithdrawalStatus.FAILED),
        ("CANCEL", WithdrawalStatus.CANCELED),
        ("BCODE", WithdrawalStatus.COMPLETED),
        ("DONE", WithdrawalStatus.COMPLETED),
    ],
)
async def test_every_status_of_a_withdrawal(word: str, status: WithdrawalStatus) -> None:
    async with payer() as (venue, exchange):
        sent = await exchange.withdraw(to_tron())
        assert isinstance(venue.dialect, GateioDialect)
        venue.dialect.set_withdrawal_status(sent.withdrawal_id, word)
        (read,) = await exchange.get_withdrawal_history("USDT")
        assert (read.withdrawal_id, read.status) == (sent.withdrawal_id, status)


def test_a_status_that_no_table_knows() -> None:
    told: list[tuple[str, str]] = []
    body = encoded([{**WITHDRAWAL, "status": "ON_THE_MOON"}])
    (read,) = wire_wallet.read_withdrawals(body, lambda field, text: told.append((field, text)))
    assert read.status is WithdrawalStatus.UNKNOWN
    assert [text for _, text in told] == ["ON_THE_MOON"]


def test_a_recorded_withdrawal() -> None:
    (read,) = wire_wallet.read_withdrawals(encoded([WITHDRAWAL]), lambda field, text: pytest.fail(text))
    assert (read.withdrawal_id, read.client_withdrawal_id) == ("w35980955", "valid-id")
    assert (read.amount, read.fee, read.memo, read.tx_id) == (Decimal(3), Decimal(1), None, "0xab")
    assert (read.created_ms, read.updated_ms) == (1_700_000_000_000, 1_700_000_123_000)
    assert wire_wallet.read_withdrawals(encoded([[WITHDRAWAL]]), lambda field, text: pytest.fail(text)) == [read]
    # An acknowledgement as one was recorded: lower case, no memo, no times.
    ack = {"id": "w1", "currency": "usdt", "amount": "3", "address": TRON, "memo": None, "status": "REQUEST",
           "chain": "trx", "withdraw_order_id": "valid-id", "fee_amount": "1"}  # fmt: skip
    told = wire_wallet.read_withdrawal(encoded(ack))
    assert (told.withdrawal_id, told.status, told.created_ms) == ("w1", WithdrawalStatus.PENDING, None)


async def test_a_withdrawal_is_cancelled_in_time_or_not_at_all() -> None:
    async with payer() as (venue, exchange):
        first, second = [await exchange.withdraw(to_tron()) for _ in range(2)]
        heard = overhear(venue)
        cancelled = await exchange.cancel_withdrawal(first.withdrawal_id)
        assert (cancelled.withdrawal_id, cancelled.status) == (first.withdrawal_id, WithdrawalStatus.CANCELED)
        assert (heard[0].method, heard[0].path) == ("DELETE", f"{WITHDRAW_PATH}/{first.withdrawal_id}")
        venue.engine.wallet.set_state(second.withdrawal_id, WithdrawalState.PROCESSING)
        with pytest.raises(WithdrawalRejected, match="INVALID_WITHDRAW_CANCEL_STATUS"):
            await exchange.cancel_withdrawal(second.withdrawal_id)
        with pytest.raises(WithdrawalRejected, match="INVALID_WITHDRAW_ID"):
            await exchange.cancel_withdrawal("w1")
        venue.faults.add(Fault.named("cut-body", "DELETE"))
        third = await exchange.withdraw(to_tron())
        with pytest.raises(OutcomeUnknown, match="cancelling of withdrawal") as unknown:
            await exchange.cancel_withdrawal(third.withdrawal_id)
        assert (await unknown.value.resolve()).status is WithdrawalStatus.CANCELED


async def test_a_withdrawal_is_found_by_its_id_whatever_its_age() -> None:
    clock = ManualClock()
    async with payer({"clock": clock}) as (venue, exchange):
        venue.clock.freeze()
        sent = await exchange.withdraw(to_tron())
        pass_time(venue, clock, 200 * 86_400)
        venue.requests.clear()
        found = await exchange.get_withdrawal_status(sent.withdrawal_id)
        assert (found.withdrawal_id, found.status) == (sent.withdrawal_id, WithdrawalStatus.COMPLETED)
        (request,) = venue.requests.find("GET", WITHDRAWN_PATH)
        assert parameters(request.query) == {"withdraw_id": sent.withdrawal_id}
        with pytest.raises(UsageError, match="lists no withdrawal 'w1'"):
            await exchange.get_withdrawal_status("w1")
        assert await exchange.get_withdrawal_history() == []


async def test_the_history_of_withdrawals_is_read_month_by_month() -> None:
    clock = ManualClock()
    async with payer({"clock": clock}) as (venue, exchange):
        venue.clock.freeze()
        sent = []
        for _ in range(3):
            sent.append((await exchange.withdraw(to_tron())).withdrawal_id)
            pass_time(venue, clock, 28 * 86_400)
        venue.requests.clear()
        assert [each.withdrawal_id for each in await exchange.get_withdrawal_history()] == sent[::-1]
        spans = [parameters(request.query) for request in venue.requests.find("GET", WITHDRAWN_PATH)]
        assert len(spans) == 3
        assert all(0 < int(span["to"]) - int(span["from"]) <= 30 * 86_400 for span in spans)
        venue.requests.clear()
        assert [each.withdrawal_id for each in await exchange.get_withdrawal_history("USDT", 1)] == sent[:1:-1]
        assert venue.requests.count("GET", WITHDRAWN_PATH) == 1
        assert await exchange.get_withdrawal_history("BTC") == []


@pytest.mark.parametrize("point", ["reset-after-execution", "cut-body", "html-200", "gateway-error-executed"])
async def test_a_withdrawal_whose_reply_was_lost_is_found_by_its_client_id(point: str) -> None:
    async with payer() as (venue, exchange):
        await exchange.withdraw(to_tron())
        venue.faults.add(Fault.named(point, "POST", WITHDRAW_PATH))
        with pytest.raises(OutcomeUnknown, match="don't repeat it") as unknown:
            await exchange.withdraw(to_tron())
        venue.requests.clear()
        found = await unknown.value.resolve()
        (request,) = venue.requests
        assert parameters(request.query) == {"withdraw_order_id": unknown.value.client_order_id}
        assert found.withdrawal_id == venue.engine.wallet.withdrawals()[-1].withdrawal_id
        assert found.client_withdrawal_id == unknown.value.client_order_id
        assert len(venue.engine.wallet.withdrawals()) == 2


async def test_a_withdrawal_that_never_arrived_stays_unknown_and_is_not_repeated() -> None:
    async with payer() as (venue, exchange):
        venue.faults.add(Fault.named("reset-before-read", "POST", WITHDRAW_PATH))
        with pytest.raises(OutcomeUnknown) as unknown:
            await exchange.withdraw(to_tron(client_withdrawal_id="t-rent"))
        for _ in range(2):
            with pytest.raises(OutcomeUnknown, match="a person's decision"):
                await unknown.value.resolve()
        with pytest.raises(UsageError, match="was used before"):
            await exchange.withdraw(to_tron(client_withdrawal_id="t-rent"))
        assert venue.requests.count("POST") == 1
        assert venue.engine.wallet.withdrawals() == []


async def test_a_duplicate_leaves_open_whether_there_is_a_withdrawal() -> None:
    async with payer(unique_withdrawal_ids=True) as (venue, exchange):
        await exchange.withdraw(to_tron(client_withdrawal_id="t-rent"))
        async with connect(venue, withdrawals=POLICY) as restarted:
            with pytest.raises(OutcomeUnknown, match="ORDER_EXISTS") as unknown:
                await restarted.withdraw(to_tron(client_withdrawal_id="t-rent"))
            (record,) = venue.engine.wallet.withdrawals()
            assert (await unknown.value.resolve()).withdrawal_id == record.withdrawal_id


@pytest.mark.parametrize("own", ["rent-2026.11_a", "x" * 32])
async def test_a_withdrawal_id_needs_no_prefix(own: str) -> None:
    async with payer() as (venue, exchange):
        sent = await exchange.withdraw(to_tron(client_withdrawal_id=own))
        assert sent.client_withdrawal_id == own
        assert venue.engine.wallet.withdrawals()[0].order.client_withdrawal_id == own
        for wrong in (own + "y" * 32, "a b"):
            with pytest.raises(UsageError):
                await exchange.withdraw(to_tron(client_withdrawal_id=wrong))


@pytest.mark.parametrize("field", ["remark", "one_time_code"])
async def test_what_gate_would_ignore_is_refused(field: str) -> None:
    async with payer() as (venue, exchange):
        with pytest.raises(NotSupported, match=f"gateio takes no {field}"):
            await exchange.withdraw(to_tron(**{field: "rent"}))
        assert venue.requests.count("POST", "/api/v4/withdrawals") == 0


async def test_one_withdrawal_in_three_seconds() -> None:
    async with payer(rate_limits=True) as (venue, exchange):
        await exchange.withdraw(to_tron())
        with pytest.raises(RateLimited, match=r"TOO_FAST.*one withdrawal in three seconds") as refusal:
            await exchange.withdraw(to_tron())
        assert (refusal.value.http_status, refusal.value.safe_to_retry) == (400, True)
        assert refusal.value.retry_after_s is not None
        assert 0 < refusal.value.retry_after_s <= 4.1
        async with connect(venue, withdrawals=POLICY, enforce_limits=True) as other:
            with pytest.raises(RateLimited):
                await other.withdraw(to_tron())
            with pytest.raises(BudgetExhausted, match="withdraw"):
                await other.withdraw(to_tron())
            # Trading goes on.
            assert await other.get_open_orders() == []
        assert len(venue.engine.wallet.withdrawals()) == 1


@pytest.mark.parametrize(
    "label",
    [
        "INVALID_CURRENCY", "INVALID_PRECISION", "AMOUNT_TOO_LITTLE", "AMOUNT_TOO_MUCH", "QUANTITY_NOT_ENOUGH",
        "ADDRESS_NOT_USED", "WITHDRAWAL_OVER_LIMIT", "API_WITHDRAW_DISABLED",
    ],
)  # fmt: skip
async def test_what_is_wrong_with_a_withdrawal_is_not_said_of_an_order(label: str) -> None:
    async with payer() as (venue, exchange):
        venue.faults.add(fault(label, "POST", WITHDRAW_PATH))
        with pytest.raises(WithdrawalRejected, match=label):
            await exchange.withdraw(to_tron())


async def test_withdrawals_that_gate_refuses() -> None:
    async with payer() as (venue, exchange):
        with pytest.raises(InsufficientBalance, match="BALANCE_NOT_ENOUGH"):
            await exchange.withdraw(to_tron(amount=Decimal(100_001)))
        sent = venue.requests.count("POST")
        # The book of the sandbox has it no more, the client's copy, a minute old at most, still does.
        await exchange.get_withdrawal_addresses("USDT")
        venue.engine.wallet.saved_addresses["trader"].clear()
        with pytest.raises(WithdrawalRejected, match=r"only used addresses.*save and verify"):
            await exchange.withdraw(to_tron())
        assert venue.requests.count("POST") == sent + 1
        key = venue.dialect.add_key(permissions=["spot", "wallet"])
        assert venue.engine.wallet.withdrawals() == []
        venue.engine.wallet.save_address("USDT", "TRX", TRON)
        async with connect(venue, Credentials(key.api_key, key.api_secret), withdrawals=POLICY) as other:
            with pytest.raises(PermissionDenied, match=r"the key group withdrawal \(read-write\)"):
                await other.withdraw(to_tron())


async def test_withdrawals_that_are_not_sent() -> None:
    async with payer() as (venue, exchange):
        venue.engine.wallet.save_address("USDT", "BSC", CLOSED)
        for changes, kind, words in (
            ({"amount": Decimal("0.5")}, MinimumError, "at least 1"),
            ({"amount": Decimal("2.0000001")}, PrecisionError, "0.000001"),
            ({"network": "BSC", "address": CLOSED}, NotSupported, "choose another network"),
            ({"network": "KASPA"}, UsageError, r"TRX \(Tron\(TRC20\)\)"),
            ({"asset": "USDX"}, UsageError, "lists no asset 'USDX'"),
            ({"one_time_code": "123456"}, NotSupported, "one_time_code"),
            ({"address": "T" * 34}, WithdrawalRefused, "none with this address"),
        ):
            with pytest.raises(kind, match=words):
                await exchange.withdraw(to_tron(**changes))
        assert venue.requests.count("POST") == 0


async def test_only_verified_addresses_are_withdrawn_to() -> None:
    async with payer() as (venue, exchange):
        answer = venue._server._handle

        def unverified(request: Any) -> Any:
            reply = answer(request)
            if request.path != BOOK_PATH:
                return reply
            rows = [
                {"currency": "USDT", "chain": "ETH", "address": UNVERIFIED, "name": "", "tag": "", "verified": "0"},
                {"currency": "USDT", "chain": "ETH", "address": "0xwaiting", "name": "", "tag": "", "verified": ""},
            ]
            return dataclasses.replace(reply, body=encoded([*rows, *json.loads(reply.body)]))

        venue._server._handle = unverified
        assert [entry.address for entry in await exchange.get_withdrawal_addresses("USDT")] == [TRON]
        with pytest.raises(WithdrawalRefused, match="not in the gateio withdrawal address book"):
            await exchange.withdraw(to_tron(address=UNVERIFIED, network="ETH"))
        assert venue.requests.count("POST") == 0
        await exchange.withdraw(to_tron(network="tron(trc20)"))
        assert venue.engine.wallet.withdrawals()[0].network.code == "TRX"


async def test_an_address_book_of_several_pages() -> None:
    async with payer() as (venue, exchange):
        book = venue.engine.wallet.saved_addresses["trader"]
        book[:0] = [SavedAddress("USDT", "TRX", f"T{number:033d}") for number in range(150)]
        assert len(await exchange.get_withdrawal_addresses("USDT")) == 151
        assert [parameters(each.query) for each in venue.requests.find("GET", BOOK_PATH)] == [
            {"currency": "USDT", "page": str(page), "limit": "100"} for page in (1, 2)
        ]
        await exchange.withdraw(to_tron())


async def test_a_memo_travels_with_its_address() -> None:
    async with payer() as (venue, exchange):
        venue.engine.credit("XRP", 100)
        to_ripple = WithdrawalRequest("XRP", Decimal(20), RIPPLE, "XRP", memo="104100")
        with pytest.raises(UsageError, match="needs a memo"):
            await exchange.withdraw(to_ripple.replace(memo=None))
        sent = await exchange.withdraw(to_ripple)
        assert (sent.memo, venue.engine.wallet.withdrawals()[0].order.memo) == ("104100", "104100")
        assert (await exchange.get_withdrawal_status(sent.withdrawal_id)).memo == "104100"
