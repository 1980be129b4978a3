"""Gate spot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spotlane.exchanges._on_demand import client

if TYPE_CHECKING:
    from spotlane.exchanges.gateio.rest import GateioPrivateRest

__all__ = ["GateioPrivateRest"]

__getattr__ = client(__name__, "GateioPrivateRest")
