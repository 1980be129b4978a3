"""Binance spot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spotlane.exchanges._on_demand import client

if TYPE_CHECKING:
    from spotlane.exchanges.binance.rest import BinancePrivateRest

__all__ = ["BinancePrivateRest"]

__getattr__ = client(__name__, "BinancePrivateRest")
