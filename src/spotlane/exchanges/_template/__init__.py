"""Acme spot."""

# FILL: nothing here; docs/adding-an-exchange.md goes through the folder file by file. Acme is fictional and complete.

from __future__ import annotations

from typing import TYPE_CHECKING

from spotlane.exchanges._on_demand import client

if TYPE_CHECKING:
    from spotlane.exchanges._template.rest import AcmePrivateRest

__all__ = ["AcmePrivateRest"]

__getattr__ = client(__name__, "AcmePrivateRest")
