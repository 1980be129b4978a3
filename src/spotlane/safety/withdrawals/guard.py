"""A policy at work for one account: the ledger asked, reserved in, and told what became of each withdrawal."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from spotlane.errors import StateError, WithdrawalRefused
from spotlane.safety.withdrawals.approvals import Approval, ApprovalRequest
from spotlane.safety.withdrawals.checks import (
    AddressCheck,
    check_address,
    check_amount,
    check_magnitude,
    check_memo,
    check_network,
    debit_and_arrival,
)
from spotlane.safety.withdrawals.ledger import (
    ACCEPTED,
    DAY_MS,
    NOT_SENT,
    OPEN,
    REJECTED,
    STATES,
    Book,
    Change,
    Entry,
    FileLedger,
    LedgerOwner,
    Record,
)
from spotlane.safety.withdrawals.policy import WithdrawalPolicy, check_transfer
from spotlane.safety.withdrawals.targets import EXACT, WithdrawalCap, WithdrawalTarget
from spotlane.structs import AssetNetwork, WithdrawalReason, WithdrawalRequest, WithdrawalResponse
from spotlane.transport import Clock

_log = logging.getLogger("spotlane.safety")


class Plan(NamedTuple):
    """A withdrawal that passed every check but the ledger's and the approver's.

    request names the network by its code and has its client id. debit is what leaves the account, arriving what the
    address gets; fee and arriving are None where the exchange tells no fee beforehand. address_check says what is known
    of the address.
    """

    request: WithdrawalRequest
    network: AssetNetwork
    target: WithdrawalTarget
    fee: Decimal | None
    debit: Decimal
    arriving: Decimal | None
    address_check: AddressCheck


@dataclass(frozen=True, slots=True)
class OpenWithdrawal:
    """A withdrawal of which nothing is known but that it was about to be sent: it may have been executed."""

    client_withdrawal_id: str
    asset: str
    amount: Decimal
    network: str
    address: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class WithdrawalsStatus:
    """How a client's withdrawals stand, as of the last look at the ledger.

    stopped says why nothing is withdrawn although there is a policy; None where nothing stops it. sha256 is the digest
    of the policy's file. spent is what counts against each asset's cap of 24 hours; open are the withdrawals whose
    outcome is unknown.
    """

    stopped: str | None
    policy_path: str | None
    sha256: str | None
    targets: int
    ledger_path: str | None
    spent: dict[str, Decimal]
    open: tuple[OpenWithdrawal, ...]


class Allowance(NamedTuple):
    """What the caps leave before a plan is sent, and when its target was first seen. None is no cap, or no ledger."""

    per_transfer: Decimal | None
    left_today: Decimal | None
    first_seen_ms: int | None


class WithdrawalGuard:
    """Holds one client to its policy. All times are the exchange's."""

    def __init__(self, policy: WithdrawalPolicy, owner: LedgerOwner, clock: Clock, now_ms: Callable[[], int]) -> None:
        self.policy = policy
        self._owner = owner
        self._clock = clock
        self._now_ms = now_ms
        self._ledger = policy.ledger(owner)
        self._book: Book | None = None
        self._trouble: str | None = None

    async def begin(self) -> None:
        """Note which targets were never seen before. Raises nothing: trouble is logged and stops withdrawals."""
        try:
            self.policy.check_pinned()
            await self._look()
        except StateError as trouble:
            _log.error("withdrawals on %s are stopped: %s", self._owner.exchange, trouble)
            return
        for left in self.open_withdrawals():
            _log.warning(
                "it is not known what became of withdrawal %r of %s %s on %s: it counts until it shows in the history",
                left.client_withdrawal_id, left.amount, left.asset, left.network,
            )  # fmt: skip

    def check_early(self, request: WithdrawalRequest, codes: Mapping[str, str]) -> None:
        """Refuse what needs no word of the exchange to be refused; codes are its networks', by canonical name."""
        self.policy.check_pinned()
        check_magnitude(request.amount)
        candidates = self.policy.check_place(request, codes)
        if len(candidates) == 1:
            check_transfer(self.policy, candidates[0], request.amount)

    def plan(self, request: WithdrawalRequest, network: AssetNetwork, *, fee_included: bool | None) -> Plan:
        """Hold a request to the list, the chain's rules and the network's limits, and say what it would do.

        Raises UsageError, which WithdrawalRefused is one of.
        """
        target = self.policy.find(request, network)
        request = request.replace(network=network.network)
        check_network(network, target)
        check_memo(request, target, network)
        address_check = check_address(request, network, demand_checksum=self.policy.demand_checksum)
        check_amount(network, request.amount, fee_included=fee_included)
        debit, arriving = debit_and_arrival(request.amount, network.withdrawal_fee, fee_included)
        check_transfer(self.policy, target, debit)
        return Plan(request, network, target, network.withdrawal_fee, debit, arriving, address_check)

    async def check(self, plan: Plan) -> Allowance:
        """Hold a plan to cool-down and caps, reserving nothing. Raises WithdrawalRefused."""
        book = await self._look()
        now_ms = self._now_ms()
        caps = self._caps_of(plan.target)
        transfers = [cap.per_transfer for cap, _ in caps if cap.per_transfer is not None]
        if book is None:
            return Allowance(min(transfers, default=None), None, None)
        self._check_book(book, plan, now_ms)
        today = [
            EXACT.subtract(cap.per_day, book.spent(plan.request.asset, book.now_ms(now_ms), key))
            for cap, key in caps
            if cap.per_day is not None
        ]
        seen_ms = book.first_seen_ms.get(plan.target.key)
        return Allowance(min(transfers, default=None), min(today, default=None), seen_ms)

    async def approve(self, plan: Plan) -> tuple[ApprovalRequest, Approval] | None:
        """Ask the second person, where there is one. Raises WithdrawalRefused. Nothing is reserved meanwhile."""
        approvals = self.policy.approvals
        if approvals is None:
            return None
        request = ApprovalRequest(
            *self._owner,
            plan.request.asset,
            plan.request.amount,
            plan.network.network,
            plan.network.canonical,
            plan.request.address,
            plan.request.memo,
            plan.request.client_withdrawal_id or "",
            plan.fee,
            self._now_ms() + round(approvals.wait_s * 1_000),
            secrets.token_hex(16),
        )
        return request, await approvals.ask(request, self._clock)

    async def reserve(self, plan: Plan, approved: tuple[ApprovalRequest, Approval] | None) -> None:
        """Write a withdrawal down, durably, before a byte of it leaves, if approval, cool-down and caps allow it.

        Raises WithdrawalRefused: nothing is written then.
        """
        self.policy.check_pinned()
        if self._ledger is None:
            return
        now_ms = self._now_ms()
        client_id = plan.request.client_withdrawal_id or ""

        def change(book: Book) -> list[Record]:
            if approved is not None and self.policy.approvals is not None:
                wanted, given = approved
                self.policy.approvals.verify(given, wanted, book.now_ms(now_ms), book.nonces.__contains__)
            self._check_book(book, plan, now_ms)
            return [
                {
                    "kind": "intent",
                    "id": client_id,
                    "asset": plan.request.asset,
                    "amount": f"{plan.request.amount:f}",
                    "debit": f"{plan.debit:f}",
                    "network": plan.network.network,
                    "address": plan.request.address,
                    "memo": plan.request.memo,
                    "target": plan.target.key,
                    "nonce": None if approved is None else approved[0].nonce,
                    "at_ms": book.now_ms(now_ms),
                }
            ]

        await self._transact(change, undo=lambda book: self._ending(book, client_id, NOT_SENT, None))

    async def note_unsent(self, client_withdrawal_id: str) -> None:
        """Note that no byte of a withdrawal left."""
        await self._settle(client_withdrawal_id, NOT_SENT)

    async def note_rejected(self, client_withdrawal_id: str) -> None:
        """Note that the exchange refused a withdrawal."""
        await self._settle(client_withdrawal_id, REJECTED)

    async def note_accepted(self, client_withdrawal_id: str, withdrawal_id: str) -> None:
        """Note that the exchange took a withdrawal on."""
        await self._settle(client_withdrawal_id, ACCEPTED, withdrawal_id)

    async def _settle(self, client_withdrawal_id: str, state: str, withdrawal_id: str | None = None) -> None:
        """Note what became of a withdrawal. A note that can't be written is logged: the amount goes on counting."""
        if self._ledger is None:
            return
        try:
            await self._transact(lambda book: self._ending(book, client_withdrawal_id, state, withdrawal_id))
        except StateError as trouble:
            _log.error("withdrawal %r is %s, which could not be noted: %s", client_withdrawal_id, state, trouble)

    async def learn(self, told: Iterable[WithdrawalResponse]) -> None:
        """Take from the exchange's own words what became of withdrawals that are not settled yet."""
        book = self._book
        if book is None:
            return
        for each in told:
            entry = book.entries.get(each.client_withdrawal_id or "")
            if entry is None or entry.is_settled or (each.asset, each.address) != (entry.asset, entry.address):
                continue
            state = STATES.get(each.status, ACCEPTED)
            if state != entry.state:
                await self._settle(entry.client_withdrawal_id, state, each.withdrawal_id)

    def in_doubt(self, asset: str | None = None) -> list[Entry]:
        """Return the withdrawals of an asset, or of all, of which nothing is known; the newest first."""
        entries = [] if self._book is None else list(self._book.entries.values())
        return [entry for entry in reversed(entries) if entry.is_open and asset in (None, entry.asset)]

    def may_give_back(self, asset: str) -> list[Entry]:
        """Return the withdrawals that count against a cap now and may still fail, the newest first."""
        book = self._book
        if book is None:
            return []
        since_ms = book.now_ms(self._now_ms()) - DAY_MS
        found = [entry for entry in reversed(list(book.entries.values())) if entry.asset == asset]
        return [entry for entry in found if not entry.is_settled and entry.at_ms > since_ms]

    def open_withdrawals(self) -> tuple[OpenWithdrawal, ...]:
        """Return the withdrawals whose outcome is unknown, as of the last look at the ledger."""
        return tuple(
            OpenWithdrawal(each.client_withdrawal_id, each.asset, each.amount, each.network, each.address, each.at_ms)
            for each in self.in_doubt()
        )

    async def refresh(self) -> None:
        """Look at the ledger again. Raises WithdrawalsStopped where it is unusable."""
        await self._look()

    def status(self) -> WithdrawalsStatus:
        """Return how withdrawals stand. Reads no file."""
        policy, book = self.policy, self._book
        trouble = str(policy.trouble) if policy.trouble is not None else self._trouble
        assets = {target.asset for target in policy.targets}
        spent = (
            {} if book is None else {asset: book.spent(asset, book.now_ms(self._now_ms())) for asset in sorted(assets)}
        )
        return WithdrawalsStatus(
            trouble, policy.path, policy.sha256, len(policy.targets), policy.ledger_path, spent, self.open_withdrawals()
        )

    async def _look(self) -> Book | None:
        """Return the ledger's book, with every target of the policy in it."""
        if self._ledger is None:
            return None
        now_ms = self._now_ms()

        def change(book: Book) -> list[Record]:
            return [
                {"kind": "seen", "target": target.key, "what": str(target), "at_ms": book.now_ms(now_ms)}
                for target in self.policy.targets
                if target.key not in book.first_seen_ms
            ]

        await self._transact(change)
        return self._book

    def _check_book(self, book: Book, plan: Plan, told_ms: int) -> None:
        """Refuse what the ledger speaks against: a used id, a target that cools down, a cap of 24 hours."""
        now_ms = book.now_ms(told_ms)
        known = book.entries.get(plan.request.client_withdrawal_id or "")
        if known is not None and known.state != NOT_SENT:
            raise WithdrawalRefused(
                f"client_withdrawal_id {known.client_withdrawal_id!r} was used before, as the ledger has it: leave it "
                "out and a fresh one is made",
                reason=WithdrawalReason.USED_ID,
            )
        seen_ms = book.first_seen_ms.get(plan.target.key, now_ms)
        waits_ms = seen_ms + round(self.policy.cool_down_s * 1_000) - now_ms
        if self.policy.cool_down_s and waits_ms > 0:
            raise WithdrawalRefused(
                f"{plan.target} was first seen {(now_ms - seen_ms) / 3_600_000:.1f} h ago and cools down for "
                f"{waits_ms / 3_600_000:.1f} h more",
                reason=WithdrawalReason.COOLING_DOWN,
            )
        for cap, key in self._caps_of(plan.target):
            if cap.per_day is not None:
                self._check_day(book, plan, cap.per_day, key, now_ms)

    def _check_day(self, book: Book, plan: Plan, per_day: Decimal, key: str | None, now_ms: int) -> None:
        asset = plan.request.asset
        spent = book.spent(asset, now_ms, key)
        excess = EXACT.subtract(EXACT.add(spent, plan.debit), per_day)
        if excess <= 0:
            return
        left = max(EXACT.subtract(per_day, spent), Decimal(0))
        room_ms = book.has_room_ms(asset, now_ms, excess, key)
        when = f"there is room in {(room_ms - now_ms) / 3_600_000:.1f} h" if room_ms is not None else "take less"
        raise WithdrawalRefused(
            f"{plan.debit:f} {asset} is over the cap of {per_day:f} in 24 h{' to this target' if key else ''}: "
            f"{spent:f} counts already, {left:f} is left; {when}",
            reason=WithdrawalReason.OVER_DAILY_CAP,
        )

    def _caps_of(self, target: WithdrawalTarget) -> list[tuple[WithdrawalCap, str | None]]:
        return [(self.policy.caps.get(target.asset, WithdrawalCap()), None), (target.cap, target.key)]

    def _ending(self, book: Book, client_id: str, state: str, withdrawal_id: str | None) -> list[Record]:
        entry = book.entries.get(client_id)
        if entry is None or entry.is_settled or entry.state == state:
            return []
        if entry.state != OPEN and state in (NOT_SENT, REJECTED):
            _log.error(
                "withdrawal %r is %s by its reply, yet the history lists it: it goes on counting", client_id, state
            )
            return []
        at_ms = book.now_ms(self._now_ms())
        return [{"kind": "end", "id": client_id, "state": state, "withdrawal_id": withdrawal_id, "at_ms": at_ms}]

    async def _transact(self, change: Change, undo: Change | None = None) -> None:
        """Run a transaction to its end, whatever becomes of the caller; one that is cancelled is undone."""
        ledger = self._ledger
        assert ledger is not None
        if not isinstance(ledger, FileLedger):
            self._book = ledger.transact(change)
            return
        work = asyncio.ensure_future(asyncio.to_thread(ledger.transact, change))
        try:
            book = await asyncio.shield(work)
            # Of two that ran at once, the later one may be heard of first.
            if self._book is None or book.lines >= self._book.lines:
                self._book = book
            self._trouble = None
        except asyncio.CancelledError:
            await asyncio.wait((work,))
            if work.exception() is None and undo is not None:
                self._book = await asyncio.to_thread(ledger.transact, undo)
            raise
        except StateError as trouble:
            self._trouble = str(trouble)
            raise
