"""What a client remembers has an end, whatever an exchange sends."""

from __future__ import annotations

import pytest

from spotlane import Credentials
from spotlane.exchanges import _client
from spotlane.exchanges.mexc import MexcPrivateRest


def test_unknown_values_that_are_always_new(caplog: pytest.LogCaptureFixture) -> None:
    client = MexcPrivateRest(Credentials("mx0key", "secret"))
    most = _client._MOST_UNKNOWN_VALUES
    for number in range(most + 500):
        client._count_unknown("status", f"state {number}")
    client._count_unknown("status", "state 0")
    counted = client.status().unknown_values
    assert counted["status", "state 0"] == 2
    assert counted["status", "(others)"] == 500
    assert len(counted) == len(caplog.records) == most + 1
