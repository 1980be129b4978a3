"""No window of any exchange's limits ever holds more than the limit, at 95 % of it, in virtual time."""

from __future__ import annotations

import limits
import pytest

from spotlane import registry
from spotlane.spec import Bucket

BUCKETS = {
    f"{name}-{bucket.name}": bucket for name in ("mexc", "gateio", "binance") for bucket in registry.spec(name).buckets
}


@pytest.mark.parametrize("bucket", list(BUCKETS.values()), ids=list(BUCKETS))
def test_no_window_holds_more_than_its_limit(bucket: Bucket) -> None:
    found = limits.simulate(bucket, hours=max(180_000, 30 * bucket.window_ms) / 3_600_000, seed=1, requests=5_000)
    assert found.keeps, found
    assert found.admitted > found.offered / 4
    assert max(found.most_sliding, found.most_fixed) > bucket.limit * 0.7


def test_a_bucket_that_is_too_large_is_found_out() -> None:
    """What is counted is the limit's, and not the budget's own: one sized for more is seen to exceed it."""
    bucket = Bucket("b", limit=20, window_ms=1_000, jitter_ms=50)
    found = limits.simulate(bucket._replace(limit=22), hours=0.1, seed=1)
    assert not found._replace(bucket=bucket).keeps
