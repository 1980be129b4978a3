"""MEXC spot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spotlane.exchanges._on_demand import client

if TYPE_CHECKING:
    from spotlane.exchanges.mexc.rest import MexcPrivateRest

__all__ = ["MexcPrivateRest"]

__getattr__ = client(__name__, "MexcPrivateRest")
