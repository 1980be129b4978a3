"""Which withdrawals may be sent at all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from spotlane.errors import WithdrawalRefused
from spotlane.structs import WithdrawalRequest


@dataclass(frozen=True, slots=True)
class WithdrawalTarget:
    """One place that money may go to. network is the exchange's own code; memo is None where the chain has none."""

    asset: str
    network: str
    address: str
    memo: str | None = None


class WithdrawalPolicy:
    """An allow-list: a withdrawal passes when asset, network, address and memo are a target of it, to the letter."""

    def __init__(self, allow: Iterable[WithdrawalTarget]) -> None:
        self._targets = frozenset(allow)

    def check(self, request: WithdrawalRequest) -> None:
        """Raise WithdrawalRefused unless the request's target is on the list, saying which part differs."""
        wanted = WithdrawalTarget(request.asset, request.network or "", request.address, request.memo)
        if wanted in self._targets:
            return
        raise WithdrawalRefused(f"{_describe(wanted)} is not on the withdrawal allow-list: {self._nearest(wanted)}")

    def _nearest(self, wanted: WithdrawalTarget) -> str:
        same_address = [each for each in self._targets if each.address == wanted.address]
        for each in same_address:
            if each.asset == wanted.asset and each.network == wanted.network:
                return f"the address is listed with memo {each.memo!r}"
        for each in same_address:
            return f"the address is listed for {each.asset} on {each.network}"
        for each in self._targets:
            if each.address.casefold() == wanted.address.casefold():
                return "the address is listed in another spelling (case)"
        return f"the list has {len(self._targets)} targets, none with this address"


def require_policy(policy: WithdrawalPolicy | None, request: WithdrawalRequest) -> WithdrawalPolicy:
    """Return the policy. Raises WithdrawalRefused where there is none, TypeError for anything but a request."""
    if not isinstance(request, WithdrawalRequest):
        raise TypeError(f"withdraw takes a WithdrawalRequest, was {type(request).__name__}")
    if policy is None:
        raise WithdrawalRefused(
            "withdrawals are off: open the client with withdrawals=WithdrawalPolicy(allow=[WithdrawalTarget(...)])"
        )
    return policy


def check_withdrawal(policy: WithdrawalPolicy | None, request: WithdrawalRequest) -> None:
    """Refuse a withdrawal that no policy allows, its network being the exchange's code. Raises WithdrawalRefused."""
    require_policy(policy, request).check(request)


def _describe(target: WithdrawalTarget) -> str:
    memo = f" with memo {target.memo!r}" if target.memo is not None else ""
    return f"{target.asset} on {target.network or 'no network'} to {target.address}{memo}"
