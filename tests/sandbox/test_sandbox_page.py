"""docs/sandbox.md says what is true."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import pytest

from spotlane.sandbox import FAULT_POINTS, OUTAGES, Sandbox
from spotlane.sandbox.engine import EngineSettings

PATH = Path(__file__).parents[2] / "docs" / "sandbox.md"
PAGE = PATH.read_text(encoding="utf-8") if PATH.exists() else ""
PROGRAMS = [
    block
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    if re.search(r"^(asyncio\.run|assert run_virtual)\(", block, re.MULTILINE)
]

pytestmark = pytest.mark.checkout


@pytest.mark.parametrize("number", range(3))
def test_programs_run(number: int) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAMS[number]], capture_output=True, text=True, timeout=50
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_every_program_is_run() -> None:
    assert len(PROGRAMS) == 3


def test_fault_table_is_the_catalogue() -> None:
    rows = re.findall(r"^\| (F\d+) \| `([^`]+)` \| (.*?) ?\| (.*) \|$", PAGE, re.MULTILINE)
    assert rows == [
        (point.code, point.name, f"{point.default:g} {point.value_name}" if point.value_name else "", point.summary)
        for point in FAULT_POINTS.values()
    ]


def test_outage_table_is_the_catalogue() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| (.*?) ?\| (.*) \|$", PAGE.partition("## Outages")[2], re.MULTILINE)
    assert rows == [
        (kind.name, f"{kind.default:g} {kind.value_name}" if kind.value_name else "", kind.summary)
        for kind in OUTAGES.values()
    ]


def test_every_setting_of_the_engine_that_is_listed_exists() -> None:
    table = PAGE.partition("| setting | values |")[2].partition("\n\n")[0]
    names = [name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1] if row else "")]
    assert len(names) == 7
    assert set(names) <= {field.name for field in dataclasses.fields(EngineSettings)}


def test_every_listed_attribute_exists() -> None:
    table = PAGE.partition("| of a `Sandbox` | |")[2].partition("\n\n")[0]
    names = [name for row in table.splitlines() for name in re.findall(r"`(\w+)", row.split("|")[1] if row else "")]
    assert len(names) > 15
    venue_attributes = {*dir(Sandbox), *vars(Sandbox("mexc"))}
    assert [name for name in names if name not in venue_attributes] == []
