"""Withdrawals and deposits: networks, the address book, and states that advance with the clock."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Any

from spotlane.sandbox.accounts import FEES, IN_FLIGHT, OUTSIDE, TRADER, Accounts
from spotlane.sandbox.clock import SandboxClock
from spotlane.sandbox.ledger import Ledger
from spotlane.sandbox.money import exact, is_multiple
from spotlane.sandbox.networks import Network, SavedAddress, default_networks, default_saved_addresses
from spotlane.sandbox.records import Reason, Refused


class WithdrawalState(Enum):
    """Where a withdrawal stands. MANUAL stands still until it is set to something else."""

    REQUESTED = 1
    REVIEWING = 2
    WAITING = 3
    PROCESSING = 4
    PACKAGING = 5
    CONFIRMING = 6
    COMPLETED = 7
    FAILED = 8
    CANCELED = 9
    MANUAL = 10

    @property
    def is_terminal(self) -> bool:
        """Whether the money has left for good or is back."""
        return self in (WithdrawalState.COMPLETED, WithdrawalState.FAILED, WithdrawalState.CANCELED)


_WAY = tuple(WithdrawalState)[:7]
_CANCELABLE = (WithdrawalState.REQUESTED, WithdrawalState.REVIEWING, WithdrawalState.WAITING)


@dataclass(frozen=True, slots=True)
class WalletSettings:
    """What can be chosen about the wallet; step_ms is how long a withdrawal stays in each state on its way."""

    networks: tuple[Network, ...] = field(default_factory=default_networks)
    saved_addresses: tuple[SavedAddress, ...] = field(default_factory=default_saved_addresses)
    step_ms: int = 500


@dataclass(frozen=True, slots=True)
class WithdrawalOrder:
    """A withdrawal as a dialect understood it; amount includes the network's fee."""

    account: str
    asset: str
    network: str | None
    address: str
    amount: Decimal
    memo: str | None = None
    client_withdrawal_id: str | None = None
    remark: str | None = None


@dataclass(slots=True, eq=False)
class WithdrawalRecord:
    """A withdrawal as it really stands."""

    withdrawal_id: str
    order: WithdrawalOrder
    network: Network
    fee: Decimal
    requested_ms: int
    updated_ms: int
    state: WithdrawalState = WithdrawalState.REQUESTED
    tx_id: str | None = None


@dataclass(slots=True, eq=False)
class DepositRecord:
    """A deposit; it is credited from credited_ms on, or never where is_rejected is set."""

    account: str
    network: Network
    address: str
    memo: str | None
    amount: Decimal
    tx_id: str
    created_ms: int
    credited_ms: int
    is_credited: bool = False
    is_rejected: bool = False


class Wallet:
    """The wallet of one exchange; the sums it moves stay inside the same double-entry accounts as trading."""

    def __init__(
        self, clock: SandboxClock, seed: int, accounts: Accounts, ledger: Ledger, settings: WalletSettings
    ) -> None:
        self.networks: dict[tuple[str, str], Network] = {(net.asset, net.code): net for net in settings.networks}
        self.saved_addresses: dict[str, list[SavedAddress]] = {TRADER: list(settings.saved_addresses)}
        self.step_ms = settings.step_ms
        # How the exchange writes the id of its n-th withdrawal; None: 32 hexadecimal digits at random.
        self.format_id: Callable[[int], str] | None = None
        self._clock = clock
        self._draw = random.Random(f"{seed} wallet")
        self._accounts = accounts
        self._ledger = ledger
        self._withdrawals: dict[str, WithdrawalRecord] = {}
        self._moving: dict[str, WithdrawalRecord] = {}
        self._deposits: list[DepositRecord] = []
        self._addresses: dict[tuple[str, str, str], tuple[str, str | None]] = {}

    def networks_of(self, asset: str) -> list[Network]:
        """Return the networks of an asset, in order of listing; empty for an unknown asset."""
        return [network for network in self.networks.values() if network.asset == asset]

    @exact
    def request(self, order: WithdrawalOrder) -> WithdrawalRecord:
        """Accept a withdrawal and debit the whole amount; Refused changes nothing."""
        self.advance()
        network = self._checked_network(order.asset, order.network)
        if not network.withdraw_enabled:
            raise Refused(Reason.NETWORK_CLOSED, asset=order.asset)
        if order.amount <= 0:
            raise Refused(Reason.MALFORMED, asset=order.asset)
        if not is_multiple(order.amount, network.step):
            raise Refused(Reason.AMOUNT_PRECISION, limit=network.step, asset=order.asset)
        if order.amount < network.minimum:
            raise Refused(Reason.AMOUNT_TOO_SMALL, limit=network.minimum, asset=order.asset)
        if order.amount > network.maximum:
            raise Refused(Reason.AMOUNT_TOO_LARGE, limit=network.maximum, asset=order.asset)
        if network.memo_required and not order.memo:
            raise Refused(Reason.MEMO_MISSING, asset=order.asset)
        wanted = (order.asset, network.code, order.address, order.memo or None)
        saved = self.saved_addresses.get(order.account, [])
        if not any(wanted == (entry.asset, entry.network, entry.address, entry.memo) for entry in saved):
            raise Refused(Reason.ADDRESS_NOT_SAVED, asset=order.asset)
        self._accounts.move(order.asset, order.amount, source=order.account, target=IN_FLIGHT)
        now_ms = self._clock.now_ms()
        number = len(self._withdrawals) + 1
        withdrawal_id = self._hex(32) if self.format_id is None else self.format_id(number)
        record = WithdrawalRecord(withdrawal_id, order, network, network.fee, now_ms, now_ms)
        self._withdrawals[record.withdrawal_id] = self._moving[record.withdrawal_id] = record
        self._tell(record, "withdrawal_requested", amount=order.amount, asset=order.asset)
        return record

    @exact
    def cancel(self, account: str, withdrawal_id: str) -> WithdrawalRecord:
        """Cancel a withdrawal that is not being processed yet, and refund it."""
        self.advance()
        record = self._withdrawals.get(withdrawal_id)
        if record is None or record.order.account != account:
            raise Refused(Reason.UNKNOWN_WITHDRAWAL)
        if record.state not in _CANCELABLE:
            raise Refused(Reason.NOT_CANCELABLE)
        self._enter(record, WithdrawalState.CANCELED, self._clock.now_ms())
        return record

    @exact
    def set_state(self, withdrawal_id: str, state: WithdrawalState) -> None:
        """Force a withdrawal into a state; it is refunded, sent or held as that state says.

        ValueError where it is done already; KeyError where there is no such withdrawal.
        """
        self.advance()
        record = self._withdrawals[withdrawal_id]
        if record.state.is_terminal:
            raise ValueError(f"withdrawal {withdrawal_id} is {record.state.name} already")
        self._enter(record, state, self._clock.now_ms())

    @exact
    def deposit(
        self,
        asset: str,
        amount: Decimal | int,
        network: str | None = None,
        *,
        account: str = TRADER,
        confirm_ms: int = 0,
    ) -> DepositRecord:
        """Let a deposit arrive; it is credited once the clock has moved on by confirm_ms."""
        chain = self._checked_network(asset, network)
        address, memo = self.create_address(account, asset, chain.code)
        now_ms = self._clock.now_ms()
        record = DepositRecord(
            account, chain, address, memo, Decimal(amount), self._hex(64), now_ms, now_ms + confirm_ms
        )
        self._deposits.append(record)
        self.advance()
        return record

    @exact
    def create_address(self, account: str, asset: str, network: str) -> tuple[str, str | None]:
        """Return the deposit address and memo of an account, made on the first call."""
        chain = self._checked_network(asset, network)
        key = (account, asset, chain.code)
        if key not in self._addresses:
            memo = str(self._draw.randrange(10**8, 10**9)) if chain.memo_required else None
            self._addresses[key] = (chain.address_prefix + self._hex(40 - len(chain.address_prefix)), memo)
        return self._addresses[key]

    def address(self, account: str, asset: str, network: str) -> tuple[str, str | None] | None:
        """Return the deposit address and memo, or None where none was made yet."""
        return self._addresses.get((account, asset, network))

    def save_address(
        self, asset: str, network: str, address: str, memo: str | None = None, *, label: str = "", account: str = TRADER
    ) -> None:
        """Add an entry to the account's address book."""
        self.saved_addresses.setdefault(account, []).append(SavedAddress(asset, network, address, memo, label))

    def withdrawals(self, account: str = TRADER) -> list[WithdrawalRecord]:
        """Return the account's withdrawals, oldest first."""
        self.advance()
        return [record for record in self._withdrawals.values() if record.order.account == account]

    def deposits(self, account: str = TRADER) -> list[DepositRecord]:
        """Return the account's deposits, oldest first."""
        self.advance()
        return [record for record in self._deposits if record.account == account]

    @exact
    def advance(self) -> None:
        """Bring every withdrawal and deposit to the state that the clock gives it."""
        now_ms = self._clock.now_ms()
        for record in list(self._moving.values()):
            target = min((now_ms - record.requested_ms) // max(self.step_ms, 1), len(_WAY) - 1)
            while record.state in _WAY and _WAY.index(record.state) < target:
                position = _WAY.index(record.state) + 1
                self._enter(record, _WAY[position], record.requested_ms + position * self.step_ms)
        for deposit in self._deposits:
            if not deposit.is_credited and not deposit.is_rejected and deposit.credited_ms <= now_ms:
                deposit.is_credited = True
                self._accounts.move(deposit.network.asset, deposit.amount, source=OUTSIDE, target=deposit.account)
                self._ledger.append(
                    now_ms, "deposit_changed", deposit.account, asset=deposit.network.asset, amount=deposit.amount
                )

    def _enter(self, record: WithdrawalRecord, state: WithdrawalState, at_ms: int) -> None:
        record.state = state
        record.updated_ms = at_ms
        order = record.order
        if state in (WithdrawalState.CONFIRMING, WithdrawalState.COMPLETED) and record.tx_id is None:
            record.tx_id = self._hex(64)
        if state.is_terminal:
            self._moving.pop(record.withdrawal_id, None)
        if state is WithdrawalState.COMPLETED:
            self._accounts.move(order.asset, record.fee, source=IN_FLIGHT, target=FEES)
            self._accounts.move(order.asset, order.amount - record.fee, source=IN_FLIGHT, target=OUTSIDE)
        elif state.is_terminal:
            self._accounts.move(order.asset, order.amount, source=IN_FLIGHT, target=order.account)
        self._tell(record, "withdrawal_changed", state=state)

    def _tell(self, record: WithdrawalRecord, kind: str, **data: Any) -> None:
        self._ledger.append(
            record.updated_ms,
            kind,
            record.order.account,
            withdrawal_id=record.withdrawal_id,
            client_withdrawal_id=record.order.client_withdrawal_id,
            **data,
        )

    def _checked_network(self, asset: str, code: str | None) -> Network:
        networks = self.networks_of(asset)
        if not networks:
            raise Refused(Reason.UNKNOWN_ASSET, asset=asset)
        if code is None and len(networks) == 1:
            return networks[0]
        network = self.networks.get((asset, code or ""))
        if network is None:
            raise Refused(Reason.UNKNOWN_NETWORK, asset=asset)
        return network

    def _hex(self, digits: int) -> str:
        return f"{self._draw.getrandbits(digits * 4):0{digits}x}"
