"""A client behind a policy: the ledger before the first byte, the second person, the history afterwards."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from spotlane import (
    Approval,
    ApprovalRequest,
    OutcomeUnknown,
    WithdrawalCap,
    WithdrawalPolicy,
    WithdrawalRequest,
    WithdrawalTarget,
)
from spotlane.errors import (
    NotSent,
    StateError,
    TwoFactorRequired,
    WithdrawalRefused,
    WithdrawalRejected,
    WithdrawalsStopped,
)
from spotlane.exchanges.binance import BinancePrivateRest
from spotlane.exchanges.mexc import MexcPrivateRest
from spotlane.sandbox import Fault, ReplaceReply, Sandbox
from spotlane.sandbox.wallet import WithdrawalState
from spotlane.spec import Capability
from spotlane.structs import WithdrawalReason
from spotlane.transport import ManualClock

TRON = "TQrY8tryqsYVCYS3MFbtffiPp2ccyn4STm"
TARGET = WithdrawalTarget("USDT", "TRC20", TRON, label="own wallet")
CAP = {"USDT": WithdrawalCap(Decimal(150), Decimal(250))}
KEY = b"a key of the second person, 32 b"
REQUEST = WithdrawalRequest("USDT", Decimal(100), TRON, "TRC20")


def policy(folder: Path, **options: Any) -> WithdrawalPolicy:
    folder.chmod(0o700)
    settings: dict[str, Any] = {"caps": CAP, "ledger": folder / "w.ledger", "cool_down_s": 0, **options}
    return WithdrawalPolicy([TARGET], **settings)


@asynccontextmanager
async def client_of(venue: Sandbox, withdrawals: WithdrawalPolicy, **options: Any) -> AsyncIterator[MexcPrivateRest]:
    settings: dict[str, Any] = {"base_url": venue.url, "enforce_limits": False, "connections": 1, **options}
    async with MexcPrivateRest(venue.credentials, withdrawals=withdrawals, **settings) as client:
        venue.requests.clear()
        yield client


def records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "w.ledger").read_text().splitlines()]


def reason_of(refusal: pytest.ExceptionInfo[WithdrawalRefused]) -> str | None:
    return refusal.value.reason


def pass_time(venue: Sandbox, clock: ManualClock, seconds: float) -> None:
    venue.clock.advance(round(seconds * 1_000))
    clock.advance(seconds)


async def test_a_withdrawal_is_in_the_ledger_with_what_became_of_it(venue: Sandbox, tmp_path: Path) -> None:
    async with client_of(venue, policy(tmp_path)) as client:
        sent = await client.withdraw(REQUEST)
        *_, intent, end = records(tmp_path)
        assert (intent["kind"], intent["id"], intent["amount"]) == ("intent", sent.client_withdrawal_id, "100")
        assert (end["state"], end["withdrawal_id"]) == ("accepted", sent.withdrawal_id)
        assert await client.open_withdrawals() == ()
        status = client.status().withdrawals
        assert status is not None
        assert status.spent == {"USDT": Decimal(100)}
        assert (status.open, status.stopped, status.targets) == ((), None, 1)
    text = (tmp_path / "w.ledger").read_text()
    assert venue.api_key not in text
    assert venue.api_secret not in text


async def test_the_intent_is_durable_before_a_byte_leaves(
    venue: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spotlane.safety.withdrawals import ledger

    async with client_of(venue, policy(tmp_path)) as client:
        posts_at_sync: list[int] = []
        monkeypatch.setattr(ledger, "_sync", lambda fd: posts_at_sync.append(venue.requests.count("POST")))
        await client.withdraw(REQUEST)
    # Once for the intent, once for the acknowledgement.
    assert posts_at_sync == [0, 1]


async def test_a_ledger_that_can_not_be_written_keeps_the_withdrawal_from_leaving(
    venue: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spotlane.safety.withdrawals import ledger

    def broken(fd: int) -> None:
        raise OSError(5, "Input/output error")

    async with client_of(venue, policy(tmp_path)) as client:
        with monkeypatch.context() as patch:
            patch.setattr(ledger, "_sync", broken)
            with pytest.raises(StateError, match="Input/output error"):
                await client.withdraw(REQUEST)
        assert venue.requests.count("POST") == 0
        await client.get_account_balance()


async def test_caps_survive_a_restart_and_the_window_rolls(venue: Sandbox, tmp_path: Path) -> None:
    venue.clock.freeze()
    clock = ManualClock(time_ms=venue.clock.now_ms())
    for _ in range(2):
        async with client_of(venue, policy(tmp_path), clock=clock) as client:
            await client.withdraw(REQUEST)
        pass_time(venue, clock, 3_600)
    async with client_of(venue, policy(tmp_path), clock=clock) as client:
        with pytest.raises(
            WithdrawalRefused, match=r"200 counts already, 50 is left; there is room in 22\.0 h"
        ) as refusal:
            await client.withdraw(REQUEST)
        assert reason_of(refusal) == "over_daily_cap"
        await client.withdraw(REQUEST.replace(amount=Decimal(50)))
        pass_time(venue, clock, 22 * 3_600 + 1)
        await client.withdraw(REQUEST)
        with pytest.raises(WithdrawalRefused):
            await client.withdraw(REQUEST)
    assert len(venue.engine.wallet.withdrawals()) == 4


async def test_a_clock_that_steps_back_opens_nothing(venue: Sandbox, tmp_path: Path) -> None:
    venue.clock.freeze()
    for step_ms in (0, -90_000_000, -90_000_000):
        venue.clock.offset_ms += step_ms
        async with client_of(venue, policy(tmp_path)) as client:
            if len(venue.engine.wallet.withdrawals()) < 2:
                await client.withdraw(REQUEST)
                continue
            with pytest.raises(WithdrawalRefused) as refusal:
                await client.withdraw(REQUEST)
            assert reason_of(refusal) == "over_daily_cap"
    times = [each["at_ms"] for each in records(tmp_path)]
    assert times == sorted(times)


async def test_a_new_target_cools_down_and_a_changed_cap_is_no_new_target(venue: Sandbox, tmp_path: Path) -> None:
    venue.clock.freeze()
    clock = ManualClock(time_ms=venue.clock.now_ms())
    async with client_of(venue, policy(tmp_path, cool_down_s=3_600), clock=clock) as client:
        with pytest.raises(WithdrawalRefused, match=r"first seen 0\.0 h ago and cools down for 1\.0 h more") as refusal:
            await client.withdraw(REQUEST)
        assert reason_of(refusal) == "cooling_down"
    pass_time(venue, clock, 3_601)
    later = WithdrawalPolicy(
        [dataclasses.replace(TARGET, cap=WithdrawalCap(Decimal(120)), label="renamed")],
        caps=CAP, ledger=tmp_path / "w.ledger", cool_down_s=3_600,
    )  # fmt: skip
    async with client_of(venue, later, clock=clock) as client:
        assert (await client.withdraw(REQUEST)).withdrawal_id


@pytest.mark.parametrize(("state", "counts"), [(WithdrawalState.FAILED, False), (WithdrawalState.COMPLETED, True)])
async def test_what_the_exchange_fails_is_given_back(
    venue: Sandbox, tmp_path: Path, state: WithdrawalState, counts: bool
) -> None:
    async with client_of(venue, policy(tmp_path)) as client:
        sent = [await client.withdraw(REQUEST) for _ in range(2)]
        venue.engine.wallet.set_state(sent[0].withdrawal_id, state)
        if counts:
            with pytest.raises(WithdrawalRefused):
                await client.withdraw(REQUEST)
        else:
            # The full cap has it looked up: nobody read the history in between.
            await client.withdraw(REQUEST)
    assert records(tmp_path)[-1]["state"] == ("completed" if counts else "accepted")


async def test_a_refusal_of_the_exchange_gives_back_at_once(venue: Sandbox, tmp_path: Path) -> None:
    async with client_of(venue, policy(tmp_path)) as client:
        await client.get_withdrawal_addresses("USDT")
        saved = venue.engine.wallet.saved_addresses["trader"]
        kept = list(saved)
        saved.clear()
        for _ in range(4):
            with pytest.raises(WithdrawalRejected):
                await client.withdraw(REQUEST)
        saved += kept
        await client.withdraw(REQUEST)
    assert [each["state"] for each in records(tmp_path) if each["kind"] == "end"] == ["rejected"] * 4 + ["accepted"]


async def test_what_was_not_sent_is_given_back_and_its_id_is_free(venue: Sandbox, tmp_path: Path) -> None:
    async with client_of(venue, policy(tmp_path)) as client:
        await client.preview_withdrawal(REQUEST)
        await venue.down()
        for _ in range(3):
            with pytest.raises(NotSent):
                await client.withdraw(REQUEST.replace(client_withdrawal_id="rent"))
        await venue.up()
        await client.withdraw(REQUEST.replace(client_withdrawal_id="rent"))
    assert [each["state"] for each in records(tmp_path) if each["kind"] == "end"] == ["not_sent"] * 3 + ["accepted"]


async def test_a_lost_reply_counts_until_the_history_shows_it(venue: Sandbox, tmp_path: Path) -> None:
    async with client_of(venue, policy(tmp_path)) as client:
        await client.preview_withdrawal(REQUEST)
        venue.faults.add(Fault.named("reset-before-read", "POST"))
        with pytest.raises(OutcomeUnknown):
            await client.withdraw(REQUEST.replace(amount=Decimal(101)))
        venue.faults.add(Fault.named("reset-after-execution", "POST"))
        with pytest.raises(OutcomeUnknown):
            await client.withdraw(REQUEST.replace(amount=Decimal(102)))
        with pytest.raises(WithdrawalRefused, match="203 counts already"):
            await client.withdraw(REQUEST)
        # The one that was executed shows in the history; the other may still come.
        assert [each.amount for each in await client.open_withdrawals()] == [101]
        status = client.status().withdrawals
        assert status is not None
        assert [each.amount for each in status.open] == [101]
    assert [each.order.amount for each in venue.engine.wallet.withdrawals()] == [102]


async def test_what_a_process_before_left_open_is_said_at_opening(
    venue: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with client_of(venue, policy(tmp_path)) as client:
        venue.faults.add(Fault.named("reset-before-read", "POST"))
        with pytest.raises(OutcomeUnknown):
            await client.withdraw(REQUEST)
    with caplog.at_level(logging.WARNING, "spotlane.safety"):
        async with client_of(venue, policy(tmp_path)):
            pass
    assert "it is not known what became of withdrawal" in caplog.text


async def test_a_call_that_is_given_up_before_it_is_sent_gives_back(
    venue: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spotlane.safety.withdrawals import ledger

    async with client_of(venue, policy(tmp_path)) as client:
        await client.preview_withdrawal(REQUEST)
        task = asyncio.ensure_future(client.withdraw(REQUEST))
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(ledger, "_sync", lambda fd: loop.call_soon_threadsafe(task.cancel))
        with pytest.raises(asyncio.CancelledError):
            await task
        assert venue.requests.count("POST") == 0
    assert [each.get("state") for each in records(tmp_path)][-2:] == [None, "not_sent"]


_PAYER = """
import asyncio, sys
from decimal import Decimal
from spotlane import Credentials, WithdrawalCap, WithdrawalPolicy, WithdrawalRequest, WithdrawalTarget, open_exchange
url, key, secret, ledger = sys.argv[1:]
target = WithdrawalTarget("USDT", "TRC20", "TQrY8tryqsYVCYS3MFbtffiPp2ccyn4STm")
policy = WithdrawalPolicy(
    [target], caps={"USDT": WithdrawalCap(Decimal(150), Decimal(250))}, ledger=ledger, cool_down_s=0)

async def main():
    options = dict(base_url=url, withdrawals=policy, connections=1, timeout_s=30)
    async with open_exchange("mexc", Credentials(key, secret), **options) as client:
        await client.withdraw(WithdrawalRequest("USDT", Decimal(140), target.address, "TRC20"))

asyncio.run(main())
"""


@pytest.mark.parametrize(("fault", "is_executed"), [("drop-request", False), ("silent-after-execution", True)])
async def test_a_process_that_is_killed_before_the_answer(
    venue: Sandbox, tmp_path: Path, fault: str, is_executed: bool
) -> None:
    ledger = tmp_path / "w.ledger"
    mine = policy(tmp_path)
    venue.faults.add(Fault.named(fault, "POST"))
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PAYER, venue.url, venue.api_key, venue.api_secret, str(ledger)
    )
    try:
        async with asyncio.timeout(30):
            while not venue.requests.count("POST"):
                assert child.returncode is None
                await asyncio.sleep(0.005)
    finally:
        child.kill()
        await child.wait()
    assert records(tmp_path)[-1]["kind"] == "intent"
    venue.faults.clear()
    async with client_of(venue, mine) as client:
        status = client.status().withdrawals
        assert status is not None
        assert [each.amount for each in status.open] == [140]
        with pytest.raises(WithdrawalRefused, match="140 counts already") as refusal:
            await client.withdraw(REQUEST.replace(amount=Decimal(120)))
        assert reason_of(refusal) == "over_daily_cap"
        assert venue.requests.count("POST") == 0
        assert len(await client.open_withdrawals()) == (0 if is_executed else 1)
        await client.withdraw(REQUEST)
    assert [each.order.amount for each in venue.engine.wallet.withdrawals()] == ([140, 100] if is_executed else [100])


def second_person(asked: list[ApprovalRequest]) -> Any:
    def approve(request: ApprovalRequest) -> Approval:
        asked.append(request)
        return Approval.sign(request, KEY, "alice")

    return approve


async def test_a_second_person_approves_the_exact_request(venue: Sandbox, tmp_path: Path) -> None:
    asked: list[ApprovalRequest] = []
    approver = second_person(asked)

    async def later(request: ApprovalRequest) -> Approval:
        await asyncio.sleep(0)
        approved: Approval = approver(request)
        return approved

    for number, each in enumerate((approver, later)):
        async with client_of(venue, policy(tmp_path, approver=each, approval_key=KEY)) as client:
            sent = await client.withdraw(REQUEST.replace(memo=None))
            request = asked[number]
            assert (request.exchange, request.asset, request.address) == ("mexc", "USDT", TRON)
            assert (request.network, request.canonical, request.amount) == ("TRX", "TRC20", Decimal(100))
            assert (request.client_withdrawal_id, request.fee) == (sent.client_withdrawal_id, Decimal(1))
            assert venue.api_key not in repr(request)
    assert len({request.nonce for request in asked}) == 2
    assert [each["nonce"] for each in records(tmp_path) if each["kind"] == "intent"] == [each.nonce for each in asked]


async def test_an_approval_does_not_work_twice_even_after_a_restart(venue: Sandbox, tmp_path: Path) -> None:
    given: list[Approval] = []

    def approve(request: ApprovalRequest) -> Approval:
        given.append(given[0] if given else Approval.sign(request, KEY))
        return given[-1]

    async with client_of(venue, policy(tmp_path, approver=approve, approval_key=KEY)) as client:
        await client.withdraw(REQUEST)
        with pytest.raises(WithdrawalRefused, match="used before"):
            await client.withdraw(REQUEST)
    async with client_of(venue, policy(tmp_path, approver=approve, approval_key=KEY)) as client:
        with pytest.raises(WithdrawalRefused) as refusal:
            await client.withdraw(REQUEST)
        assert reason_of(refusal) == "replayed_approval"
    assert len(venue.engine.wallet.withdrawals()) == 1


async def test_nothing_is_reserved_while_the_second_person_thinks(venue: Sandbox, tmp_path: Path) -> None:
    async with client_of(venue, policy(tmp_path)) as other:
        asked = asyncio.Event()
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def approve(request: ApprovalRequest) -> Approval:
            asked.set()
            await answer
            return Approval.sign(request, KEY)

        async with client_of(venue, policy(tmp_path, approver=approve, approval_key=KEY)) as client:
            waiting = asyncio.ensure_future(client.withdraw(REQUEST))
            await asked.wait()
            assert [each["kind"] for each in records(tmp_path)] == ["ledger", "seen"]
            for _ in range(2):
                await other.withdraw(REQUEST)
            answer.set_result(None)
            with pytest.raises(WithdrawalRefused) as refusal:
                await waiting
            assert reason_of(refusal) == "over_daily_cap"
    assert len(venue.engine.wallet.withdrawals()) == 2


async def test_a_fee_that_changes_meanwhile_needs_another_approval(venue: Sandbox, tmp_path: Path) -> None:
    def approve(request: ApprovalRequest) -> Approval:
        networks = venue.engine.wallet.networks
        networks["USDT", "TRX"] = dataclasses.replace(networks["USDT", "TRX"], fee=Decimal(50))
        client._networks.forget("USDT")
        return Approval.sign(request, KEY)

    async with client_of(venue, policy(tmp_path, approver=approve, approval_key=KEY)) as client:
        with pytest.raises(WithdrawalRefused) as refusal:
            await client.withdraw(REQUEST)
        assert reason_of(refusal) == WithdrawalReason.CHANGED_MEANWHILE
    assert venue.engine.wallet.withdrawals() == []


async def test_what_a_preview_prints(venue: Sandbox, tmp_path: Path) -> None:
    venue.clock.freeze()
    clock = ManualClock(time_ms=venue.clock.now_ms())
    asked: list[ApprovalRequest] = []
    settings = {"approver": second_person(asked), "approval_key": KEY}
    async with client_of(venue, policy(tmp_path, **settings), clock=clock) as client:
        shown = await client.preview_withdrawal(REQUEST)
        assert asked == []
        assert [shown.debit, shown.arriving, shown.cap_left, shown.cap_per_transfer] == [100, 99, 250, 150]
        lines = {line.partition(" ")[0]: line.partition(" ")[2].strip() for line in str(shown).splitlines()}
        assert lines["sent"].startswith("100 USDT by mexc, 20")
        assert lines["sent"].endswith("UTC")
        assert lines["listed"].startswith("since 20")
        del lines["sent"], lines["listed"]
        assert lines == {
            "fee": "1 USDT",
            "arrives": "99 USDT",
            "network": "TRX (TRC20)",
            "address": f"{TRON} (own wallet)",
            "memo": "none",
            "checked": "its checksum fits (tron)",
            "caps": "150 USDT a transfer, 250 USDT left in 24 h",
            "approval": "by a second person, asked for when it is sent",
        }
        await client.withdraw(REQUEST)
        assert (await client.preview_withdrawal(REQUEST)).cap_left == 150
    assert venue.requests.count("POST") == 1


async def test_a_policy_that_is_unusable_stops_withdrawals_and_nothing_else(
    venue: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "policy.toml"
    with caplog.at_level(logging.ERROR, "spotlane.safety"):
        async with client_of(venue, WithdrawalPolicy.from_file(path)) as client:
            assert len(caplog.records) == 1
            assert str(path) in caplog.text
            assert (await client.get_account_balance())["USDT"].total == 100_000
            assert await client.get_withdrawal_history() == []
            for call in (client.withdraw, client.preview_withdrawal):
                with pytest.raises(WithdrawalsStopped, match="can't be opened"):
                    await call(REQUEST)
            status = client.status().withdrawals
            assert status is not None
            assert "can't be opened" in (status.stopped or "")
    assert len(caplog.records) == 1
    assert venue.requests.count("POST") == 0


async def test_a_client_without_a_policy_has_nothing_to_tell(venue: Sandbox) -> None:
    async with MexcPrivateRest(venue.credentials, base_url=venue.url, connections=1) as client:
        assert client.status().withdrawals is None
        assert await client.open_withdrawals() == ()


async def test_where_a_one_time_code_is_wanted_the_error_says_how() -> None:
    spec = BinancePrivateRest.spec
    others = tuple(each for each in spec.capabilities if each.name != "withdrawal.one_time_code")

    class Coded(BinancePrivateRest):
        """An exchange that takes a code, which none of the real ones does."""

    Coded.spec = spec._replace(capabilities=(*others, Capability("withdrawal.one_time_code", True)))
    refusal = ReplaceReply(
        400, b'{"code": -3001, "msg": "Please enable 2FA first."}', "application/json", executed=False
    )
    async with Sandbox("binance", rate_limits=False) as venue:
        for kind, hint in (
            (Coded, "give the code of the authenticator as one_time_code"),
            (BinancePrivateRest, "settings"),
        ):
            withdrawals = WithdrawalPolicy([TARGET])
            async with kind(venue.credentials, base_url=venue.url, connections=1, withdrawals=withdrawals) as client:
                venue.faults.add(Fault(refusal, "POST"))
                with pytest.raises(TwoFactorRequired, match=hint):
                    await client.withdraw(REQUEST)
        assert venue.engine.wallet.withdrawals() == []


async def test_a_refusal_that_the_history_contradicts_gives_nothing_back(
    venue: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with client_of(venue, policy(tmp_path)) as client:
        refusal = ReplaceReply(400, b'{"code": 10098, "msg": "risk control"}', "application/json", executed=True)
        venue.faults.add(Fault(refusal, "POST"))
        submit = client._submit

        async def looked_up_meanwhile(*given: Any, **more: Any) -> Any:
            try:
                return await submit(*given, **more)
            finally:
                await client.get_withdrawal_history()

        client._submit = looked_up_meanwhile  # type: ignore[method-assign]
        with pytest.raises(WithdrawalRejected):
            await client.withdraw(REQUEST)
        status = client.status().withdrawals
        assert status is not None
        assert status.spent == {"USDT": Decimal(100)}
    assert "yet the history lists it" in caplog.text


async def test_a_row_of_the_history_about_another_place_settles_nothing(venue: Sandbox, tmp_path: Path) -> None:
    async with client_of(venue, policy(tmp_path)) as client:
        sent = await client.withdraw(REQUEST)
        record = venue.engine.wallet.withdrawals()[0]
        venue.engine.wallet.set_state(sent.withdrawal_id, WithdrawalState.FAILED)
        record.order = dataclasses.replace(record.order, address="T" * 34)
        await client.get_withdrawal_history()
        assert records(tmp_path)[-1]["state"] == "accepted"
        record.order = dataclasses.replace(record.order, address=TRON)
        await client.get_withdrawal_status(sent.withdrawal_id)
        assert records(tmp_path)[-1]["state"] == "failed"


@pytest.mark.parametrize("given", [None, WithdrawalPolicy([TARGET])])
async def test_only_a_request_is_taken(venue: Sandbox, given: WithdrawalPolicy | None) -> None:
    wrong: Any = {"asset": "USDT"}
    async with MexcPrivateRest(venue.credentials, base_url=venue.url, connections=1, withdrawals=given) as client:
        for call in (client.withdraw, client.preview_withdrawal):
            with pytest.raises(TypeError, match="withdraw takes a WithdrawalRequest, was dict"):
                await call(wrong)


def test_a_client_that_only_trades_does_not_load_the_policy() -> None:
    program = (
        "import sys; from spotlane.exchanges.mexc import MexcPrivateRest; from spotlane import Credentials; "
        "MexcPrivateRest(Credentials('key', 'secret')); "
        "print([name for name in sys.modules if name.startswith('spotlane.safety.withdrawals')])"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
