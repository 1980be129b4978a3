"""Double-entry balances: every amount comes from one account and goes to another, so every asset sums to zero."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from decimal import Decimal

from spotlane.sandbox.clock import SandboxClock
from spotlane.sandbox.money import ZERO
from spotlane.sandbox.records import Reason, Refused

OUTSIDE = "outside"
FEES = "fees"
LIQUIDITY = "liquidity"
COUNTERPARTY = "counterparty"
IN_FLIGHT = "withdrawals in flight"
TRADER = "trader"

# Accounts that the sandbox itself trades with: funded from outside as they need it, and free of fees.
HOUSE = frozenset({LIQUIDITY, COUNTERPARTY})


@dataclass(frozen=True, slots=True)
class Holding:
    """What an account holds of one asset."""

    available: Decimal = ZERO
    locked: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """Available plus locked."""
        return self.available + self.locked


_NOTHING = Holding()


class Accounts:
    """The balances of everybody, "outside" included; outside alone may be negative, since it is where money comes from.

    Call it inside the exact decimal context only; the engine's methods see to that.
    """

    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self._holdings: defaultdict[str, dict[str, Holding]] = defaultdict(dict)
        self._past: dict[tuple[str, str], deque[tuple[int, Holding]]] = {}
        self.kept_ms = 0

    def holding(self, account: str, asset: str) -> Holding:
        """Return what the account holds of an asset now."""
        return self._holdings[account].get(asset, _NOTHING)

    def balances(self, account: str, lag_ms: int = 0) -> dict[str, Holding]:
        """Return every asset that the account ever held, as it stood lag_ms ago (at most kept_ms)."""
        if lag_ms <= 0:
            return dict(self._holdings[account])
        at_ms = self._clock.elapsed_ms() - lag_ms
        seen = {}
        for asset in self._holdings[account]:
            before = [holding for time_ms, holding in self._past[account, asset] if time_ms <= at_ms]
            seen[asset] = before[-1] if before else _NOTHING
        return seen

    def total(self, asset: str) -> Decimal:
        """Return the sum over all accounts, outside included; it is always zero."""
        return sum((assets.get(asset, _NOTHING).total for assets in self._holdings.values()), ZERO)

    def assets(self) -> set[str]:
        """Return every asset that anybody ever held."""
        return {asset for assets in self._holdings.values() for asset in assets}

    def names(self) -> list[str]:
        """Return the names of all accounts."""
        return list(self._holdings)

    def move(self, asset: str, amount: Decimal, *, source: str, target: str) -> None:
        """Move available money; Refused where the source has less. House accounts are topped up from outside."""
        held = self.holding(source, asset)
        if source in HOUSE and held.available < amount:
            self.move(asset, amount - held.available, source=OUTSIDE, target=source)
            held = self.holding(source, asset)
        if source != OUTSIDE and held.available < amount:
            raise Refused(Reason.INSUFFICIENT_BALANCE, limit=held.available, asset=asset)
        self._set(source, asset, Holding(held.available - amount, held.locked))
        got = self.holding(target, asset)
        self._set(target, asset, Holding(got.available + amount, got.locked))

    def lock(self, account: str, asset: str, amount: Decimal) -> None:
        """Set available money aside; Refused where there is less."""
        if account in HOUSE and self.holding(account, asset).available < amount:
            missing = amount - self.holding(account, asset).available
            self.move(asset, missing, source=OUTSIDE, target=account)
        held = self.holding(account, asset)
        if held.available < amount:
            raise Refused(Reason.INSUFFICIENT_BALANCE, limit=held.available, asset=asset)
        self._set(account, asset, Holding(held.available - amount, held.locked + amount))

    def unlock(self, account: str, asset: str, amount: Decimal) -> None:
        """Give locked money back to its account; ArithmeticError (a fault of the engine) where less is locked."""
        held = self.holding(account, asset)
        if held.locked < amount:
            raise ArithmeticError(f"{account} has {held.locked} {asset} locked, not {amount}")
        self._set(account, asset, Holding(held.available + amount, held.locked - amount))

    def _set(self, account: str, asset: str, holding: Holding) -> None:
        self._holdings[account][asset] = holding
        now_ms = self._clock.elapsed_ms()
        past = self._past.setdefault((account, asset), deque())
        past.append((now_ms, holding))
        while len(past) > 1 and past[1][0] <= now_ms - self.kept_ms:
            past.popleft()
