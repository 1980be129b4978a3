"""What can be chosen about an engine."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import TypeVar

from spotlane.errors import UsageError
from spotlane.sandbox.liquidity import default_listings
from spotlane.sandbox.matching import FeeAsset
from spotlane.sandbox.records import Listing
from spotlane.sandbox.wallet import WalletSettings

# The operations that visibility_lag_ms and before_next() may name; "client_id" is a look at one order by its client id.
OPERATIONS = (
    "place", "amend", "cancel", "order", "client_id", "open_orders", "order_history", "trades", "balances", "wallet",
)  # fmt: skip
# Those of them that one number for all means.
LAGGING = ("order", "client_id", "open_orders", "order_history", "trades")

_Kind = TypeVar("_Kind", bound=Enum)


class ExpiryCheck(Enum):
    """When an exchange looks whether a request has outlived its validity.

    RECEIPT: when it arrives; what is executed late is executed all the same. EXECUTION: when it arrives and again when
    it is executed.
    """

    RECEIPT = "receipt"
    EXECUTION = "execution"


class DuplicateIds(Enum):
    """What a second order with the client id of an earlier one gets.

    ACCEPT: a second order; a look-up by the id finds the first. OVERRIDE: a second order; a look-up finds the last.
    OPEN_ONLY: refused while an order with this id is open. FOR_EVER: refused always.
    """

    ACCEPT = "accept"
    OVERRIDE = "override"
    OPEN_ONLY = "open_only"
    FOR_EVER = "for_ever"


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What can be chosen about an engine. Raises UsageError for a value that makes no sense.

    visibility_lag_ms is how old the state is that readers see: one number for every look at orders and trades (see
    LAGGING), or a mapping from operations to numbers; the engine's copy may be changed later. instant_fill is the
    probability that an order which comes to rest is filled at once, drawn from the seed. finds_finished: a look-up by
    client id finds an order that is done. kept_orders: how many finished orders of an account are remembered, None for
    all; kept_events the same for the ledger's events. refill keeps the house's levels at their size; a maker order that
    would take, and a fill-or-kill order that can't be filled, is refused, or accepted and cancelled; price_band, where
    given, applies to every listing without one (see Listing).
    """

    listings: tuple[Listing, ...] = field(default_factory=default_listings)
    balances: Mapping[str, Decimal] = field(
        default_factory=lambda: MappingProxyType({"USDT": Decimal(100_000), "BTC": Decimal(10)})
    )
    fee_asset: FeeAsset = FeeAsset.QUOTE
    duplicate_client_ids: DuplicateIds | str = DuplicateIds.ACCEPT
    open_order_limit: int = 500
    refuse_crossing_makers: bool = False
    refuse_unfilled_fok: bool = False
    refill: bool = True
    price_band: tuple[Decimal, Decimal] | None = None
    visibility_lag_ms: Mapping[str, int] | int = field(default_factory=dict)
    expiry_check: ExpiryCheck | str = ExpiryCheck.EXECUTION
    instant_fill: float = 0.0
    finds_finished: bool = True
    kept_orders: int | None = None
    kept_events: int | None = None
    wallet: WalletSettings = field(default_factory=WalletSettings)

    def __post_init__(self) -> None:
        for name, kind in (("duplicate_client_ids", DuplicateIds), ("expiry_check", ExpiryCheck)):
            object.__setattr__(self, name, _member(kind, name, getattr(self, name)))
        lag_ms = self.visibility_lag_ms
        lags_ms = dict.fromkeys(LAGGING, lag_ms) if isinstance(lag_ms, int) else lag_ms
        for operation, milliseconds in lags_ms.items():
            check_lag(operation, milliseconds)
        object.__setattr__(self, "visibility_lag_ms", MappingProxyType(dict(lags_ms)))
        if not 0 <= self.instant_fill <= 1:
            raise UsageError(f"instant_fill is a probability from 0 to 1, was {self.instant_fill}")
        for name in ("kept_orders", "kept_events"):
            kept = getattr(self, name)
            if kept is not None and kept < 1:
                raise UsageError(f"{name} must be at least 1, or None for all, was {kept}")


def check_lag(operation: str, milliseconds: int) -> None:
    """Raise UsageError for a visibility lag that can't be, naming the nearest operation that there is."""
    check_operation(operation)
    if milliseconds < 0:
        raise UsageError(f"visibility_lag_ms: {operation} must be at least 0, was {milliseconds}")


def check_operation(operation: str) -> None:
    """Raise UsageError for a name that is no operation."""
    if operation not in OPERATIONS:
        nearest = difflib.get_close_matches(operation, OPERATIONS, n=1)
        hint = f"; did you mean {nearest[0]!r}?" if nearest else ";"
        raise UsageError(f"no operation is called {operation!r}{hint} there are {', '.join(OPERATIONS)}")


def _member(kind: type[_Kind], name: str, given: _Kind | str) -> _Kind:
    words = [member.value for member in kind]
    if not isinstance(given, kind) and given not in words:
        nearest = difflib.get_close_matches(str(given), words, n=1)
        hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
        raise UsageError(f"{name} is one of {', '.join(words)}, was {given!r}{hint}")
    return kind(given)
