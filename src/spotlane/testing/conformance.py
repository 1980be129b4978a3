"""Runs conformance cases and says how each ended."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
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

__all__ = [
    "Outcome",
    "Result",
    "check_exchange",
    "check_live_exchange",
    "credentials_in",
    "live_cases",
    "run_case",
    "run_live_case",
]

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


async def check_exchange(
    exchange: str, cases: Iterable[Case] | None = None, *, tell: Callable[[Result], object] | None = None
) -> list[Result]:
    """Run cases against an exchange's sandbox, all of them by default, one after the other.

    tell is called with each result as soon as there is one.
    """

    async def run(case: Case) -> None:
        await run_case(case, exchange)

    return await _check(exchange, all_cases() if cases is None else cases, run, tell)


async def check_live_exchange(
    context: Context,
    cases: Iterable[Case] | None = None,
    *,
    tell: Callable[[Result], object] | None = None,
    pause_s: float = 1.0,
) -> list[Result]:
    """Run the cases that neither trade nor withdraw against a real exchange, as check_exchange() does.

    Every case opens a client of its own, whose rate budget knows nothing of the one before: hence pause_s after each.
    """

    async def run(case: Case) -> None:
        await run_live_case(case, context)
        await asyncio.sleep(pause_s)

    return await _check(context.exchange, live_cases() if cases is None else cases, run, tell)


def live_cases() -> tuple[Case, ...]:
    """Return the cases that can run against a real exchange."""
    return tuple(case for case in all_cases() if not case.uses_sandbox and not case.is_destructive)


async def _check(
    exchange: str,
    cases: Iterable[Case],
    run: Callable[[Case], Awaitable[None]],
    tell: Callable[[Result], object] | None,
) -> list[Result]:
    spec: ExchangeSpec = registry.spec(exchange)
    results = []
    for case in cases:
        reason = case.inapplicable(spec)
        if reason is not None:
            result = Result(case, Outcome.INAPPLICABLE, reason)
        else:
            try:
                await run(case)
            except Exception as failure:  # whatever it is, the next case runs all the same
                result = Result(case, Outcome.FAILED, f"{type(failure).__name__}: {failure}")
            else:
                result = Result(case, Outcome.PASSED)
        results.append(result)
        if tell is not None:
            tell(result)
    return results


def credentials_in(environment: Mapping[str, str], spec: ExchangeSpec) -> Credentials | None:
    """Return the keys that the exchange's environment variables hold, or None where one of them is not set."""
    if not all(environment.get(name) for name in spec.credential_variables):
        return None
    return Credentials.from_environment(*spec.credential_variables, environment)
