"""Runs conformance cases and says how each ended."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from spotlane import registry
from spotlane.credentials import Credentials
from spotlane.sandbox import Sandbox
from spotlane.testing.case import Case, all_cases
from spotlane.testing.context import Context
from spotlane.testing.expect import that

if TYPE_CHECKING:
    from spotlane.spec import ExchangeSpec

__all__ = ["Outcome", "Result", "check_exchange", "credentials_in", "run_case", "run_live_case"]

CASE_TIMEOUT_S = 30.0


class Outcome(Enum):
    """How a case ended."""

    PASSED = "pass"
    FAILED = "FAIL"
    INAPPLICABLE = "n/a"


@dataclass(frozen=True, slots=True)
class Result:
    """How one case ended on one exchange; reason is why it failed or can't apply."""

    case: Case
    outcome: Outcome
    reason: str = ""


async def run_case(case: Case, exchange: str, **settings: Any) -> None:
    """Run one case on a sandbox of its own; settings are further ones of the sandbox.

    Raises ConformanceFailure, or whatever the client raised that it should not have. After every case, no client id
    stands twice in the sandbox's books, and the sandbox itself had no error.
    """
    options = {"rate_limits": False, **case.settings, **settings}
    async with asyncio.timeout(CASE_TIMEOUT_S), Sandbox(exchange, **options) as venue:
        await case.run(Context(exchange, venue.url, venue.credentials, venue))
        if venue.errors:
            raise ExceptionGroup(f"the sandbox itself failed in {case.number}", list(venue.errors))
        ids = Counter(order.client_order_id for order in venue.ledger.orders() if order.client_order_id)
        twice = [name for name, count in ids.items() if count > 1]
        that(not twice, f"no client order id stands twice in the exchange's books; {twice} do")


async def run_live_case(case: Case, context: Context) -> None:
    """Run one case that neither trades nor withdraws against a real exchange. Raises ValueError for any other case."""
    if case.uses_sandbox or case.is_destructive:
        raise ValueError(f"{case.number} runs against the sandbox alone")
    async with asyncio.timeout(CASE_TIMEOUT_S):
        await case.run(context)


async def check_exchange(exchange: str, cases: Iterable[Case] | None = None) -> list[Result]:
    """Run the cases that apply to an exchange, all of them by default, one after the other."""
    spec: ExchangeSpec = registry.spec(exchange)
    results = []
    for each in all_cases() if cases is None else cases:
        reason = each.inapplicable(spec)
        if reason is not None:
            results.append(Result(each, Outcome.INAPPLICABLE, reason))
            continue
        try:
            await run_case(each, exchange)
        except Exception as failure:
            results.append(Result(each, Outcome.FAILED, f"{type(failure).__name__}: {failure}"))
        else:
            results.append(Result(each, Outcome.PASSED))
    return results


def credentials_in(environment: Mapping[str, str], spec: ExchangeSpec) -> Credentials | None:
    """Return the keys that the exchange's environment variables hold, or None where one of them is not set."""
    if not all(environment.get(name) for name in spec.credential_variables):
        return None
    return Credentials.from_environment(*spec.credential_variables, environment)
