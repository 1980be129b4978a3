"""MEXC spot."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spotlane.exchanges.mexc.rest import MexcPrivateRest

__all__ = ["MexcPrivateRest"]


def __getattr__(name: str) -> object:
    # Loaded on demand: the sandbox takes this package's dialect, and must not bring the client with it.
    if name == "MexcPrivateRest":
        from spotlane.exchanges.mexc.rest import MexcPrivateRest

        return MexcPrivateRest
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
