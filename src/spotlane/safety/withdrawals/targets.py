"""Where money may go, and how much of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, ROUND_HALF_EVEN, Context, Decimal

from spotlane.errors import UsageError
from spotlane.structs import AssetNetwork

# The caller's context may round.
EXACT = Context(prec=MAX_PREC, rounding=ROUND_HALF_EVEN, Emin=MIN_EMIN, Emax=MAX_EMAX, clamp=0, traps=[])
_KEY_DIGITS = 32


@dataclass(frozen=True, slots=True)
class WithdrawalCap:
    """How much may leave: with one transfer, and in any 24 hours. Both in units of the asset; None is no limit."""

    per_transfer: Decimal | None = None
    per_day: Decimal | None = None

    def __post_init__(self) -> None:
        for name in ("per_transfer", "per_day"):
            value = getattr(self, name)
            if value is None:
                continue
            if not isinstance(value, Decimal | int) or isinstance(value, bool):
                raise TypeError(f"{name} must be a Decimal, was {type(value).__name__}")
            exact = Decimal(value)
            if not exact.is_finite() or exact <= 0:
                raise UsageError(f"{name} is above 0, was {value}")
            object.__setattr__(self, name, exact)


@dataclass(frozen=True, slots=True)
class WithdrawalTarget:
    """One place that money may go to.

    network is the canonical name (TRC20, ERC20, ...) or the exchange's own code. memo is None where there is none;
    no_memo says that there is none on purpose, on a chain where exchanges expect one. contract is the token's contract
    address, which then has to be the one that the exchange publishes. cap is for this target alone, beside that of the
    asset. label is its owner's name for it.
    """

    asset: str
    network: str
    address: str
    memo: str | None = None
    contract: str | None = None
    cap: WithdrawalCap = WithdrawalCap()
    no_memo: bool = False
    label: str = ""

    def __post_init__(self) -> None:
        if self.no_memo and self.memo is not None:
            raise UsageError("no_memo says that there is no memo, and memo gives one: take one of them away")

    @property
    def key(self) -> str:
        """A short name of the place alone: caps and label may change and leave it the same."""
        place = (self.asset, self.network, self.address, self.memo, self.contract)
        return hashlib.sha256(repr(place).encode()).hexdigest()[:_KEY_DIGITS]

    def is_on(self, network: AssetNetwork) -> bool:
        """Say whether this target's network is the given one."""
        return self.network in (network.network, network.canonical)

    def __str__(self) -> str:
        return describe(self.asset, self.network, self.address, self.memo)


def describe(asset: str, network: str, address: str, memo: str | None) -> str:
    """Return a place in words."""
    with_memo = f" with memo {memo!r}" if memo is not None else ""
    return f"{asset} on {network or 'no network'} to {address}{with_memo}"
