"""Help for the tests of bots and of exchanges: fixtures (plugin.py) and the conformance kit (docs/conformance.md)."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spotlane.interfaces.contract import check_exchange_class
    from spotlane.testing.case import Case, all_cases
    from spotlane.testing.conformance import (
        Outcome,
        Result,
        check_exchange,
        check_live_exchange,
        run_case,
        run_live_case,
    )
    from spotlane.testing.context import Context
    from spotlane.testing.expect import ConformanceFailure

__all__ = [
    "Case",
    "ConformanceFailure",
    "Context",
    "Outcome",
    "Result",
    "all_cases",
    "check_exchange",
    "check_exchange_class",
    "check_live_exchange",
    "run_case",
    "run_live_case",
]

_HOMES = {
    "spotlane.interfaces.contract": ("check_exchange_class",),
    "spotlane.testing.case": ("Case", "all_cases"),
    "spotlane.testing.conformance": (
        "Outcome", "Result", "check_exchange", "check_live_exchange", "run_case", "run_live_case",
    ),
    "spotlane.testing.context": ("Context",),
    "spotlane.testing.expect": ("ConformanceFailure",),
}  # fmt: skip


def __getattr__(name: str) -> object:
    # On demand: pytest imports this package, for its plugin, in every run where spotlane is installed.
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(home), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
