"""Which withdrawals may be sent at all."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import MappingProxyType

from spotlane.errors import UsageError, WithdrawalRefused, WithdrawalsStopped
from spotlane.safety.networks import canonical_name
from spotlane.safety.withdrawals.approvals import Approvals, Approver
from spotlane.safety.withdrawals.ledger import FileLedger, LedgerOwner, MemoryLedger
from spotlane.safety.withdrawals.policy_file import Settings, digest_of, parse, read_bytes, stopped
from spotlane.safety.withdrawals.targets import WithdrawalCap, WithdrawalTarget, describe
from spotlane.structs import AssetNetwork, WithdrawalReason, WithdrawalRequest

DEFAULT_COOL_DOWN_S = 86_400.0
DEFAULT_WAIT_S = 120.0
_DIGEST = re.compile("[0-9a-f]{64}")


class WithdrawalPolicy:
    """What may be withdrawn: an allow-list, caps, a cool-down for new targets, a second person.

    allow: a withdrawal passes when asset, network, address and memo are a target of it, to the letter.
    caps: of each asset, per transfer and per 24 hours; with any caps, every asset on the list has one
    (WithdrawalCap() is none).
    ledger: the file that keeps what was withdrawn, so that caps, cool-down and used approvals survive a restart; one
    for each API key, shared by all its processes. in_memory=True in its place forgets all three at the process's end.
    cool_down_s: how long a target waits after it was first seen; 24 hours with a ledger, and only with one.
    approver, approval_key: a second person who signs each exact request (Approval.sign) within approval_wait_s.
    demand_checksum: an address in which a typo would not be seen is refused.

    Raises UsageError for caps or an approver with neither a ledger nor in_memory.
    """

    def __init__(
        self,
        allow: Iterable[WithdrawalTarget],
        *,
        caps: Mapping[str, WithdrawalCap] | None = None,
        ledger: str | os.PathLike[str] | None = None,
        in_memory: bool = False,
        cool_down_s: float | None = None,
        approver: Approver | None = None,
        approval_key: bytes | None = None,
        approval_wait_s: float = DEFAULT_WAIT_S,
        demand_checksum: bool = False,
    ) -> None:
        targets = tuple(allow)
        for target in targets:
            if not isinstance(target, WithdrawalTarget):
                raise TypeError(f"allow has WithdrawalTargets, was {type(target).__name__}")
        for asset, cap in (caps or {}).items():
            if not isinstance(cap, WithdrawalCap):
                raise TypeError(f"the cap of {asset} must be a WithdrawalCap, was {type(cap).__name__}")
        self.path: str | None = None
        self.sha256: str | None = None
        self.trouble: WithdrawalsStopped | None = None
        self._in_memory = in_memory
        self._memories: dict[LedgerOwner, MemoryLedger] = {}
        self.approvals = _approvals(approver, approval_key, approval_wait_s)
        self._take(
            Settings(
                targets,
                MappingProxyType(dict(caps or {})),
                None if ledger is None else os.path.abspath(os.fspath(ledger)),
                cool_down_s,
                demand_checksum,
            )
        )
        if caps:
            for target in self.targets:
                if target.asset not in self.caps:
                    raise UsageError(f"{target.asset} is listed and has no cap: give one, WithdrawalCap() for none")

    @classmethod
    def from_file(
        cls,
        path: str | os.PathLike[str],
        *,
        sha256: str | None = None,
        in_memory: bool = False,
        approver: Approver | None = None,
        approval_key: bytes | None = None,
        approval_wait_s: float = DEFAULT_WAIT_S,
    ) -> WithdrawalPolicy:
        """Read a policy from a file (docs/withdrawals.md has the format) and pin its content.

        sha256 is the digest that the file must have; without one it is pinned as it is now. A file that is missing,
        writable by others, edited or malformed raises nothing here: withdraw() does, until the process is started anew.
        """
        if sha256 is not None and not _DIGEST.fullmatch(sha256):
            raise UsageError(f"sha256 is the file's digest in 64 hexadecimal digits, was {sha256!r}")
        policy = cls((), in_memory=True, approver=approver, approval_key=approval_key, approval_wait_s=approval_wait_s)
        policy._in_memory = in_memory
        policy.path = os.path.abspath(os.fspath(path))
        policy.sha256 = sha256
        try:
            content = policy._read_pinned(policy.path)
            policy._take(parse(policy.path, content, in_memory=in_memory))
        except WithdrawalsStopped as trouble:
            policy.trouble = trouble
        except UsageError as misfit:
            policy.trouble = stopped(policy.path, f"can't be used: {misfit}", WithdrawalReason.POLICY_MALFORMED)
        return policy

    def _take(self, settings: Settings) -> None:
        self.targets = settings.targets
        self.caps = settings.caps
        self.ledger_path = settings.ledger
        self.demand_checksum = settings.demand_checksum
        has_ledger = settings.ledger is not None
        if has_ledger and self._in_memory:
            raise UsageError("in_memory is for a policy without a ledger: take one of them away")
        if not has_ledger and not self._in_memory:
            if self.has_caps:
                raise UsageError("caps need a ledger, or a restart would forget them: give ledger=, or in_memory=True")
            if self.approvals is not None:
                raise UsageError("an approver needs a ledger, or a restart would forget which approvals are used")
        if settings.cool_down_s and not has_ledger:
            raise UsageError("cool_down_s needs a ledger: it keeps when a target was first seen")
        if settings.cool_down_s is not None and settings.cool_down_s < 0:
            raise UsageError(f"cool_down_s is 0 or more seconds, was {settings.cool_down_s}")
        default_s = DEFAULT_COOL_DOWN_S if has_ledger else 0.0
        self.cool_down_s = default_s if settings.cool_down_s is None else float(settings.cool_down_s)

    @property
    def has_caps(self) -> bool:
        """Whether anything bounds what may leave."""
        return bool(self.caps) or any(target.cap != WithdrawalCap() for target in self.targets)

    def ledger(self, owner: LedgerOwner) -> FileLedger | MemoryLedger | None:
        """Return the ledger of an account, or None for a policy that keeps none."""
        if self.ledger_path is not None:
            return FileLedger(self.ledger_path, owner)
        return self._memories.setdefault(owner, MemoryLedger()) if self._in_memory else None

    def check_pinned(self) -> None:
        """Raise WithdrawalsStopped where the policy's file was unusable at the start, or is not as it was then."""
        if self.trouble is None and self.path is not None:
            try:
                self._read_pinned(self.path)
            except WithdrawalsStopped as trouble:
                self.trouble = trouble
        if self.trouble is not None:
            # A fresh one: raising one object twice would add up its traceback.
            told = self.trouble
            raise WithdrawalsStopped(str(told), reason=told.reason, path=told.path, line=told.line)

    def _read_pinned(self, path: str) -> bytes:
        content = read_bytes(path)
        found = digest_of(content)
        if self.sha256 is None:
            self.sha256 = found
        if found != self.sha256:
            raise stopped(
                path,
                f"was edited: its SHA-256 is {found}, {self.sha256} is pinned; read what changed, pin the new digest "
                "and start the process anew",
                WithdrawalReason.EDITED_POLICY,
            )
        return content

    def check_place(self, request: WithdrawalRequest, codes: Mapping[str, str]) -> list[WithdrawalTarget]:
        """Return the targets that a request may be for, as far as can be told without asking the exchange.

        codes are the exchange's, by canonical name. A network that is named as the exchange displays it is left to
        find(). Raises WithdrawalRefused where there is none.
        """
        here = [
            target
            for target in self.targets
            if (target.asset, target.address, target.memo) == (request.asset, request.address, request.memo)
        ]
        name, upper = request.network, request.network.upper()
        meant = upper if upper in codes else canonical_name(codes, name) or canonical_name(codes, upper)
        names = {name} if meant is None else {name, meant, codes[meant]}
        candidates = [target for target in here if meant is None or target.network in names]
        if not candidates:
            raise self._not_listed(request, names)
        return candidates

    def find(self, request: WithdrawalRequest, network: AssetNetwork) -> WithdrawalTarget:
        """Return the target that a request is for. Raises WithdrawalRefused, saying which part differs."""
        place = (request.asset, request.address, request.memo)
        found = [
            target
            for target in self.targets
            if (target.asset, target.address, target.memo) == place and target.is_on(network)
        ]
        if len(found) == 1:
            return found[0]
        if found:
            names = " and ".join(target.network for target in found)
            raise WithdrawalRefused(
                f"{found[0]} is on the allow-list as {names}, which are one network here: keep one",
                reason=WithdrawalReason.AMBIGUOUS_NETWORK,
            )
        raise self._not_listed(request, {network.network, network.canonical or network.network})

    def _not_listed(self, request: WithdrawalRequest, networks: set[str]) -> WithdrawalRefused:
        reason, nearest = self._nearest(request, networks)
        wanted = describe(request.asset, request.network, request.address, request.memo)
        return WithdrawalRefused(f"{wanted} is not on the withdrawal allow-list: {nearest}", reason=reason)

    def _nearest(self, request: WithdrawalRequest, networks: set[str]) -> tuple[WithdrawalReason, str]:
        same_address = [each for each in self.targets if each.address == request.address]
        for each in same_address:
            if each.asset == request.asset and each.network in networks:
                told = f"the address is listed with memo {each.memo!r}"
                if request.memo is None:
                    return WithdrawalReason.MEMO_MISSING, f"{told}, so it needs a memo (tag)"
                return WithdrawalReason.WRONG_MEMO, told
        for each in same_address:
            is_same = each.asset == request.asset
            reason = WithdrawalReason.WRONG_NETWORK if is_same else WithdrawalReason.WRONG_ASSET
            return reason, f"the address is listed for {each.asset} on {each.network}"
        for each in self.targets:
            if each.address.casefold() == request.address.casefold():
                return WithdrawalReason.SWAPPED_CASE, "the address is listed in another spelling (case)"
        return WithdrawalReason.NOT_LISTED, f"the list has {len(self.targets)} targets, none with this address"


def check_transfer(policy: WithdrawalPolicy, target: WithdrawalTarget, debit: Decimal) -> None:
    """Refuse what is more than one transfer may be. Raises WithdrawalRefused."""
    for cap, whose in ((policy.caps.get(target.asset), target.asset), (target.cap, "this target")):
        if cap is not None and cap.per_transfer is not None and debit > cap.per_transfer:
            raise WithdrawalRefused(
                f"{debit:f} {target.asset} is over the cap of {cap.per_transfer:f} for one transfer of {whose}",
                reason=WithdrawalReason.OVER_CAP,
            )


def _approvals(approver: Approver | None, key: bytes | None, wait_s: float) -> Approvals | None:
    if approver is None and key is None:
        return None
    if approver is None or key is None:
        given = "approval_key" if approver is None else "approver"
        raise UsageError(f"an approver and its approval_key come together: only {given} was given")
    return Approvals(approver, key, wait_s)
