"""Settings as text."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from spotlane import registry
from spotlane.errors import UsageError
from spotlane.sandbox import Sandbox
from spotlane.sandbox.limits import Limit
from spotlane.sandbox.settings import read_settings


def read(*texts: str, exchange: str = "mexc") -> dict[str, Any]:
    dialect = registry.dialect_class(exchange)
    return read_settings(dialect.name, dialect.engine_settings, dialect.settings_type, texts)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("duplicate_client_ids=override", "override"),
        ("visibility_lag_ms=3000", 3_000),
        ("visibility_lag_ms=order:300,trades:1000", {"order": 300, "trades": 1_000}),
        ("expiry_check=receipt", "receipt"),
        ("instant_fill=0.25", 0.25),
        ("finds_finished=no", False),
        ("refill=TRUE", True),
        ("kept_orders=100", 100),
        ("kept_events=none", None),
        ("latency_s=0.5", 0.5),
        ("open_order_limit=7", 7),
        ("ip_limit=20/1000", Limit(20, 1_000)),
        ("rate_limits=off", False),
    ],
)
def test_a_text_becomes_a_setting_that_the_sandbox_takes(text: str, value: object) -> None:
    settings = read(text)
    assert settings == {text.partition("=")[0]: value}
    Sandbox("mexc", **settings)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("visiblity_lag_ms=3", "did you mean 'visibility_lag_ms'"),
        ("instant_fill", "expected instant_fill=value"),
        ("instant_fill=often", "instant_fill can't be 'often'"),
        ("rate_limits=maybe", "it is true or false"),
        ("visibility_lag_ms=order", "can't be 'order'"),
        ("kept_orders=few", "can't be 'few'"),
        ("ip_limit=20", "can't be '20'"),
        ("listings=BTC", "in code only"),
    ],
)
def test_a_text_that_is_none(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        read(text)


@pytest.mark.parametrize("program", [["spotlane.sandbox"], ["spotlane.cli", "sandbox"]], ids=" ".join)
def test_the_commands_take_settings_and_say_what_is_wrong(program: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *program, "mexc", "--set", "duplicate_client_ids=overide"],
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert done.returncode == 2
    assert "duplicate_client_ids is one of accept, override" in done.stderr
    assert "did you mean 'override'?" in done.stderr
