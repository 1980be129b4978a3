"""Where measured figures are kept: one JSON file, a key for each suite, each with the machine and the versions.

A run writes results/last.json, which is not committed. `report.py --publish` copies it to results/published.json, which
is, and writes the README's tables from that.

    "micro"   tables: {title: {"unit": "us", "rows": [[name, median], ...]}}
    "whole"   rows: one for each exchange, loop, tls, verb, client
    "writes"  rows: one for each loop, client
    "rates"   rows: one for each loop, client, rate
    "scale"   rows: client, loop, tls, connections, orders_per_s, p50_us, p99_us
    "memory"  rows: client, loop, tls, requests, growth_kib (RSS after the first tenth of the requests)
    "import"  rows: module, ms, rss_mib, over_aiohttp
    "stages"  rows: loop, stage, p50_us, p99_us

Each has "about" beside its rows.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import ssl
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent / "results"
LAST = FOLDER / "last.json"
PUBLISHED = FOLDER / "published.json"

_PACKAGES = (
    "spotlane", "aiohttp", "uvloop", "httptools", "orjson", "msgspec", "ccxt", "gate-api", "urllib3", "python-binance",
)  # fmt: skip


def about(*, quick: bool = False) -> dict[str, Any]:
    """Describe the machine, the versions and the moment."""
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "quick": quick,
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        # More than about one means that something else wanted the processor: look at the ratios only.
        "load_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "openssl": ssl.OPENSSL_VERSION,
        "versions": {name: found for name in _PACKAGES if (found := _version(name)) is not None},
    }


def save(suite: str, data: Mapping[str, Any]) -> None:
    """Replace one suite's figures in the last results. data holds "about" and what the suite measured."""
    results = load(LAST)
    results[suite] = data
    FOLDER.mkdir(exist_ok=True)
    LAST.write_text(dump(results))


def save_table(title: str, unit: str, rows: Sequence[tuple[str, float]]) -> None:
    """Add one table of medians to the suite "micro"; the first row is the one that the others are compared with."""
    tables = load(LAST).get("micro", {}).get("tables", {})
    tables[title] = {"unit": unit, "rows": [[name, round(median, 3)] for name, median in rows]}
    save("micro", {"about": about(), "tables": tables})


def load(path: Path) -> dict[str, Any]:
    """Read a results file; one that is not there is empty."""
    results: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return results


def dump(results: Mapping[str, Any]) -> str:
    """Write results as JSON with one row a line, so that two versions of the file can be compared."""
    return _lines(results, "") + "\n"


def _lines(value: Any, indent: str) -> str:
    """Break objects of objects and lists of objects; everything else stays on its line."""
    inner = indent + " "
    if isinstance(value, dict) and any(isinstance(each, dict | list) for each in value.values()):
        members = (f"{inner}{json.dumps(name)}: {_lines(each, inner)}" for name, each in value.items())
        return "{\n" + ",\n".join(members) + f"\n{indent}}}"
    if isinstance(value, list) and value and isinstance(value[0], dict | list):
        return "[\n" + ",\n".join(inner + json.dumps(each) for each in value) + f"\n{indent}]"
    return json.dumps(value)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    """Name the processor as the system does."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
