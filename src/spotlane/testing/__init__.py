"""Help for the tests of bots and of exchanges: fixtures (plugin.py) and the conformance kit. See docs/conformance.md."""

from spotlane.interfaces.contract import check_exchange_class
from spotlane.testing.case import Case, all_cases
from spotlane.testing.conformance import Outcome, Result, check_exchange, run_case, run_live_case
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
    "run_case",
    "run_live_case",
]
