"""What can be chosen about an engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from types import MappingProxyType

from spotlane.sandbox.liquidity import default_listings
from spotlane.sandbox.matching import FeeAsset
from spotlane.sandbox.records import Listing
from spotlane.sandbox.wallet import WalletSettings


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
    """What can be chosen about an engine.

    visibility_lag_ms maps an operation to how old the state is that it sees (the engine's copy may be changed later);
    refill keeps the house's levels at their size; a maker order that would take, and a fill-or-kill order that can't be
    filled, is refused, or accepted and cancelled; price_band, where given, applies to every listing without one (see
    Listing).
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
    visibility_lag_ms: Mapping[str, int] = field(default_factory=dict)
    wallet: WalletSettings = field(default_factory=WalletSettings)
