"""The vectors of the standards: tables in JSON, each with its source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def vectors(name: str) -> dict[str, Any]:
    """Return the tables of one standard."""
    table: dict[str, Any] = json.loads((Path(__file__).parent / "vectors" / f"{name}.json").read_text())
    return table
