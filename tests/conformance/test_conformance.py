"""Every registered exchange passes every conformance case, or declares why it can't apply."""

from __future__ import annotations

import pytest

from spotlane import registry
from spotlane.testing import Case, all_cases, run_case

EXCHANGES = registry.exchange_names()


@pytest.mark.parametrize("case", all_cases(), ids=lambda case: f"{case.number}-{case.run.__name__}")
@pytest.mark.parametrize("exchange", EXCHANGES)
async def test_conformance(exchange: str, case: Case) -> None:
    reason = case.inapplicable(registry.spec(exchange))
    if reason is not None:
        pytest.skip(f"n/a: {reason}")
    await run_case(case, exchange)
