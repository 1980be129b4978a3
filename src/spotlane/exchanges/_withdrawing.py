"""The course of a withdrawal, the same on every exchange: allowed, possible, written down, sent once, followed."""

from __future__ import annotations

import dataclasses
import hashlib
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Unpack

from spotlane.credentials import Credentials
from spotlane.errors import (
    BudgetExhausted,
    CircuitOpen,
    DecodeError,
    ExchangeAPIError,
    NotSent,
    NotSupported,
    OutcomeUnknown,
    SpotlaneError,
    TransportError,
    TwoFactorRequired,
    WithdrawalRefused,
)
from spotlane.exchanges._basics import ClientStatus
from spotlane.exchanges._client import ExchangeClient
from spotlane.exchanges._options import OptionFields
from spotlane.safety import ClientIds, Submission
from spotlane.safety.networks import choose_network
from spotlane.safety.refusals import told_as
from spotlane.structs import (
    AssetName,
    AssetNetwork,
    Symbol,
    WithdrawalPreview,
    WithdrawalReason,
    WithdrawalRequest,
    WithdrawalResponse,
)
from spotlane.transport import Request

if TYPE_CHECKING:
    from spotlane.safety.withdrawals import Allowance, Entry, OpenWithdrawal, Plan, WithdrawalGuard

# What some exchanges would ignore in silence.
_OPTIONAL_FIELDS = ("one_time_code", "remark")
_ACCOUNT_DIGITS = 32
# Of one call: each costs a read.
_MOST_LOOKED_UP = 20


class WithdrawingClient(ExchangeClient):
    """Withdrawals behind a policy, as far as they do not differ from exchange to exchange."""

    def __init__(self, credentials: Credentials, **options: Unpack[OptionFields]) -> None:
        super().__init__(credentials, **options)
        self._withdrawal_ids = ClientIds(self.spec.withdrawal_ids or self.spec.client_ids)
        self._guard: WithdrawalGuard | None = None
        if self._options.withdrawals is not None:
            from spotlane.safety.withdrawals import LedgerOwner, WithdrawalGuard

            account = hashlib.sha256(credentials.api_key.encode()).hexdigest()[:_ACCOUNT_DIGITS]
            owner = LedgerOwner(self.spec.name, account)
            self._guard = WithdrawalGuard(self._options.withdrawals, owner, self._clock, self._exchange_clock.now_ms)

    @abstractmethod
    async def _networks_of(self, asset: AssetName, deadline: float) -> Sequence[AssetNetwork]:
        """Return the networks of an asset, with their canonical names. Raises UsageError for an unknown asset."""

    @abstractmethod
    async def _check_saved(self, request: WithdrawalRequest, deadline: float) -> None:
        """Refuse an address that is not in the exchange's own address book."""

    @abstractmethod
    def _withdraw_request(self, request: WithdrawalRequest) -> Request:
        """Build the request that withdraws; network and client id are filled in."""

    @abstractmethod
    def _read_withdrawn(self, body: bytes) -> WithdrawalResponse:
        """Read the acknowledgement of a withdrawal, as far as it goes."""

    @abstractmethod
    async def _find_withdrawal(self, request: WithdrawalRequest, deadline: float) -> WithdrawalResponse | None:
        """Look for a withdrawal by its client id, where it would be."""

    @abstractmethod
    async def get_withdrawal_status(self, withdrawal_id: str) -> WithdrawalResponse:
        """Return one withdrawal by the exchange's id. Raises UsageError when the exchange lists none."""

    def _cancel_withdrawal_request(self, withdrawal_id: str) -> Request:
        """Build the request that cancels a withdrawal; for an exchange that can."""
        raise NotSupported(f"{self.spec.name} declares withdrawal.cancel without a request for it")

    def _read_withdrawal_cancelled(self, body: bytes, symbols: Mapping[str, Symbol]) -> object:
        """Read the acknowledgement of cancelling a withdrawal. Raises DecodeError where it is none."""
        raise NotSupported(f"{self.spec.name} declares withdrawal.cancel without a reply to it")

    async def open(self) -> None:
        """Open the client; see ExchangeClient. What is wrong with the withdrawal policy is logged and stops no more."""
        await super().open()
        if self._guard is not None:
            await self._guard.begin()

    def status(self) -> ClientStatus:
        """Return the state of the client now. Sends nothing."""
        withdrawals = None if self._guard is None else self._guard.status()
        return dataclasses.replace(super().status(), withdrawals=withdrawals)

    async def withdraw(self, request: WithdrawalRequest) -> WithdrawalResponse:
        """Ask the exchange to withdraw, once; see WithdrawalInterface.

        What needs no request is checked first, then networks and address book are read, from a cache that is at most
        ten minutes and one minute old. Where the policy has an approver, the call waits for it, beyond its timeout, and
        checks everything again. The withdrawal is in the ledger, durably, before a byte of it leaves.
        """
        deadline = self._begin()
        guard = self._require_guard(request)
        plan = await self._plan(request, deadline)
        await self._check_ledger(plan, deadline)
        approved = await guard.approve(plan)
        if approved is not None:
            deadline = self._begin()
            again = await self._plan(plan.request, deadline)
            if again != plan:
                raise WithdrawalRefused(
                    "the exchange changed network or fee while the approval was waited for: ask again",
                    reason=WithdrawalReason.CHANGED_MEANWHILE,
                )
        client_id = plan.request.client_withdrawal_id or ""
        with told_as(WithdrawalReason.USED_ID):
            self._withdrawal_ids.spend(client_id)
        try:
            await guard.reserve(plan, approved)
        except BaseException:
            self._withdrawal_ids.release(client_id)
            raise
        return await self._send(plan, guard, deadline)

    async def preview_withdrawal(self, request: WithdrawalRequest) -> WithdrawalPreview:
        """Run every check but the approver's and return what would be sent and arrive; see WithdrawalInterface."""
        deadline = self._begin()
        guard = self._require_guard(request)
        plan = await self._plan(request, deadline)
        allowance = await self._check_ledger(plan, deadline)
        return WithdrawalPreview(
            exchange=self.spec.name,
            asset=plan.request.asset,
            amount=plan.request.amount,
            fee=plan.fee,
            debit=plan.debit,
            arriving=plan.arriving,
            network=plan.network.network,
            canonical=plan.network.canonical,
            address=plan.request.address,
            memo=plan.request.memo,
            label=plan.target.label,
            address_check=plan.address_check.words,
            cap_per_transfer=allowance.per_transfer,
            cap_left=allowance.left_today,
            first_seen_ms=allowance.first_seen_ms,
            approval_needed=guard.policy.approvals is not None,
            time_ms=self._exchange_clock.now_ms(),
        )

    async def open_withdrawals(self) -> tuple[OpenWithdrawal, ...]:
        """Look for every withdrawal of the ledger whose outcome is unknown, and return those that the history lacks.

        Each counts against the caps. Without a policy there is none. Raises StateError for an unusable ledger.
        """
        deadline = self._begin()
        guard = self._guard
        if guard is None:
            return ()
        await guard.refresh()
        await self._look_up_withdrawals(guard, guard.in_doubt(), deadline)
        return guard.open_withdrawals()

    async def cancel_withdrawal(self, withdrawal_id: str) -> WithdrawalResponse:
        """Cancel a withdrawal that the exchange has not processed yet, and return it as it is listed then.

        Its amount is given back to the caps once it is listed as cancelled. Raises WithdrawalRejected when it is too
        late, OutcomeUnknown when no usable reply came, and NotSupported where the exchange can't.
        """
        deadline = self._begin()
        ability = self.spec.capability("withdrawal.cancel")
        if not ability.supported:
            raise NotSupported(f"{self.spec.name} can't cancel a withdrawal: {ability.reason}")
        await self._submit(
            self._cancel_withdrawal_request(withdrawal_id),
            self._read_withdrawal_cancelled,
            Submission(
                "cancelling of withdrawal", None, withdrawal_id, lambda: self.get_withdrawal_status(withdrawal_id)
            ),
            deadline=deadline,
        )
        return await self.get_withdrawal_status(withdrawal_id)

    def _require_guard(self, request: WithdrawalRequest) -> WithdrawalGuard:
        """Return what holds this client to its policy.

        Raises WithdrawalRefused where there is none, TypeError for anything but a request.
        """
        if not isinstance(request, WithdrawalRequest):
            raise TypeError(f"withdraw takes a WithdrawalRequest, was {type(request).__name__}")
        if self._guard is None:
            raise WithdrawalRefused(
                "withdrawals are off: open the client with withdrawals=WithdrawalPolicy(allow=[WithdrawalTarget(...)])",
                reason=WithdrawalReason.NO_POLICY,
            )
        return self._guard

    async def _plan(self, request: WithdrawalRequest, deadline: float) -> Plan:
        """Check a withdrawal against everything but the ledger, cheapest first, and say what it would do."""
        guard = self._require_guard(request)
        self._check_fields(request)
        guard.check_early(request, self.spec.network_codes)
        with told_as(WithdrawalReason.UNKNOWN_ASSET):
            networks = await self._networks_of(request.asset, deadline)
        network = choose_network(self.spec.name, request.asset, request.network, networks)
        plan = guard.plan(request, network, fee_included=self.spec.withdrawal_fee_included)
        await self._check_saved(plan.request, deadline)
        if request.client_withdrawal_id is None:
            plan = plan._replace(request=plan.request.replace(client_withdrawal_id=self._withdrawal_ids.new()))
        return plan

    def _check_fields(self, request: WithdrawalRequest) -> None:
        for field in _OPTIONAL_FIELDS:
            ability = self.spec.capability(f"withdrawal.{field}")
            if getattr(request, field) is not None and not ability.supported:
                with told_as(WithdrawalReason.FIELD_NOT_TAKEN):
                    raise NotSupported(f"{self.spec.name} takes no {field}: {ability.reason or 'leave it out'}")

    async def _check_ledger(self, plan: Plan, deadline: float) -> Allowance:
        """Hold a plan to the ledger; where the day's cap is full, ask first what became of what fills it."""
        guard = self._require_guard(plan.request)
        await self._look_up_withdrawals(guard, guard.in_doubt(plan.request.asset), deadline)
        try:
            return await guard.check(plan)
        except WithdrawalRefused as refusal:
            if refusal.reason is not WithdrawalReason.OVER_DAILY_CAP:
                raise
        await self._look_up_withdrawals(guard, guard.may_give_back(plan.request.asset), deadline)
        return await guard.check(plan)

    async def _look_up_withdrawals(self, guard: WithdrawalGuard, entries: Sequence[Entry], deadline: float) -> None:
        """Have the ledger learn what became of withdrawals; one that can't be looked for goes on counting."""
        for entry in entries[:_MOST_LOOKED_UP]:
            wanted = WithdrawalRequest(
                entry.asset, entry.amount, entry.address, entry.network, entry.memo, entry.client_withdrawal_id
            )
            try:
                found = await self._find_withdrawal(wanted, deadline)
            except (TransportError, ExchangeAPIError, DecodeError) as failure:
                self._log.warning("withdrawal %r could not be looked up: %s", entry.client_withdrawal_id, failure)
                continue
            if found is not None:
                await guard.learn([found])

    async def _send(self, plan: Plan, guard: WithdrawalGuard, deadline: float) -> WithdrawalResponse:
        request = plan.request
        client_id = request.client_withdrawal_id or ""
        if not plan.address_check.is_checked:
            self._log.warning("the address of withdrawal %r: %s", client_id, plan.address_check.words)
        try:
            sent = await self._submit(
                self._withdraw_request(request),
                lambda body, _: _as_requested(self._read_withdrawn(body), request, self._exchange_clock.now_ms()),
                Submission("withdrawal", client_id, None, lambda: self._look_for(request)),
                deadline=deadline,
            )
        except (NotSent, BudgetExhausted, CircuitOpen):
            self._withdrawal_ids.release(client_id)
            await guard.note_unsent(client_id)
            raise
        except ExchangeAPIError as refusal:
            await guard.note_rejected(client_id)
            if isinstance(refusal, TwoFactorRequired) and self.spec.capability("withdrawal.one_time_code").supported:
                refusal.hint = "give the code of the authenticator as one_time_code of the WithdrawalRequest"
            raise
        await guard.note_accepted(client_id, sent.withdrawal_id)
        return sent

    async def _note_withdrawals(self, told: Sequence[WithdrawalResponse]) -> None:
        """Have the ledger learn from what the exchange lists."""
        if self._guard is not None:
            await self._guard.learn(told)

    async def _look_for(self, request: WithdrawalRequest) -> WithdrawalResponse:
        deadline = self._begin()
        doubt: SpotlaneError | None = None
        try:
            found = await self._find_withdrawal(request, deadline)
        except (TransportError, ExchangeAPIError, DecodeError) as lost:
            doubt, found = lost, None
        if found is None:
            raise OutcomeUnknown(
                f"{self.spec.name} does not show a withdrawal with client id {request.client_withdrawal_id!r}; it may "
                "still appear: resolve() again later, and don't repeat it without a person's decision",
                client_order_id=request.client_withdrawal_id,
                resolver=lambda: self._look_for(request),
            ) from doubt
        await self._note_withdrawals([found])
        return found


def _as_requested(told: WithdrawalResponse, request: WithdrawalRequest, now_ms: int) -> WithdrawalResponse:
    """Fill an acknowledgement up from the request. Raises DecodeError where it is about another withdrawal."""
    if told.client_withdrawal_id not in (None, request.client_withdrawal_id):
        raise DecodeError(f"the reply is about another withdrawal, {told.client_withdrawal_id!r}")
    return told.replace(
        client_withdrawal_id=request.client_withdrawal_id,
        asset=request.asset,
        amount=request.amount,
        address=request.address,
        network=request.network,
        memo=request.memo,
        created_ms=told.created_ms or now_ms,
        remark=request.remark,
    )
