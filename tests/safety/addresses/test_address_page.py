"""docs/addresses.md says what is true."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from spotlane.safety.addresses import FAMILIES, MemoUse

PATH = Path(__file__).parents[3] / "docs" / "addresses.md"
PAGE = PATH.read_text(encoding="utf-8") if PATH.exists() else ""

pytestmark = pytest.mark.checkout


def test_the_table_has_every_family_and_its_memo() -> None:
    table = PAGE.partition("## Families")[2].partition("## Where")[0]
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| `")]
    memos = {name: row[3] for row in rows for name in re.findall(r"`([a-z-]+)`", row[0])}
    assert set(memos) == set(FAMILIES)
    for name, told in memos.items():
        assert told.removeprefix("tag ") == FAMILIES[name].memo.value, name
    assert {use.value for use in MemoUse} == {told.removeprefix("tag ") for told in memos.values()}


def test_the_program_runs() -> None:
    programs = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(programs) == 1
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", programs[0]], capture_output=True, text=True, timeout=50
    )
    assert (done.returncode, done.stderr) == (0, "")
