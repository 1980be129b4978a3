"""Print what importing each library costs, time and memory, beside aiohttp.

Run from the project's root: python bench/ratios_import.py [--rounds N]. Every import has an interpreter of its own,
started as a user starts it, and is timed from the statement's beginning to its end. The libraries take turns. The first
round is not counted: it compiles what is not compiled yet, as the first start after an installation does.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import statistics
import subprocess
import sys
from typing import Any, NamedTuple

import results_file

ROUNDS = 11
TARGET = 1.3
OURS = "spotlane"

# Linux alone tells the resident memory in a file.
_CHILD = """
import json, sys, time

def resident():
    try:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1])
    except OSError:
        return None

resident()
modules, pages, begun_ns = len(sys.modules), resident(), time.perf_counter_ns()
{statement}
told = {{"ms": (time.perf_counter_ns() - begun_ns) / 1e6, "modules": len(sys.modules) - modules}}
if pages is not None:
    told["pages"] = resident() - pages
print(json.dumps(told))
"""

Sample = dict[str, float]


class Subject(NamedTuple):
    """One import: the module, the statement as users write it, the distribution that it comes from."""

    module: str
    statement: str
    distribution: str


BASELINE = Subject("aiohttp", "import aiohttp", "aiohttp")
SUBJECTS = (
    BASELINE,
    Subject("spotlane", "import spotlane", OURS),
    Subject("spotlane.exchanges.mexc", "from spotlane.exchanges.mexc import MexcPrivateRest", OURS),
    Subject("spotlane.exchanges.gateio", "from spotlane.exchanges.gateio import GateioPrivateRest", OURS),
    Subject("spotlane.exchanges.binance", "from spotlane.exchanges.binance import BinancePrivateRest", OURS),
    Subject("ccxt.async_support", "import ccxt.async_support", "ccxt"),
    Subject("gate_api", "import gate_api", "gate-api"),
    Subject("binance", "import binance", "python-binance"),
)


def installed() -> tuple[dict[Subject, str], list[str]]:
    """Return the version of each subject that is installed, and the distributions that are not."""
    versions: dict[Subject, str] = {}
    missing: list[str] = []
    for subject in SUBJECTS:
        try:
            versions[subject] = importlib.metadata.version(subject.distribution)
        except importlib.metadata.PackageNotFoundError:
            if subject.distribution not in missing:
                missing.append(subject.distribution)
    return versions, missing


def measure(versions: dict[Subject, str], rounds: int) -> list[dict[str, Any]]:
    """Import every subject once a round, in turns, and return a row of each. Raises CalledProcessError."""
    samples: dict[Subject, list[Sample]] = {subject: [] for subject in versions}
    for number in range(rounds + 1):
        for subject, own in samples.items():
            sample = _import_once(subject.statement)
            if number:
                own.append(sample)
    return [_row(subject, versions[subject], own, samples[BASELINE]) for subject, own in samples.items()]


def _row(subject: Subject, version: str, own: list[Sample], baseline: list[Sample]) -> dict[str, Any]:
    """Return medians; over_aiohttp is that of the ratios of two imports of the same round."""
    row: dict[str, Any] = {
        "module": subject.module,
        "statement": subject.statement,
        "what": f"{subject.distribution} {version}",
        "ms": round(statistics.median(sample["ms"] for sample in own), 1),
        "over_aiohttp": round(statistics.median(a["ms"] / b["ms"] for a, b in zip(own, baseline, strict=True)), 3),
        "modules": int(own[0]["modules"]),
    }
    if "pages" in own[0]:
        bytes_added = statistics.median(sample["pages"] for sample in own) * os.sysconf("SC_PAGE_SIZE")
        row["rss_mib"] = round(bytes_added / 2**20, 1)
    return row


def _import_once(statement: str) -> Sample:
    # What keeps Python from storing compiled modules would have every import compile the library anew.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    program = _CHILD.format(statement=statement)
    ended = subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.PIPE, env=environment)
    sample: Sample = json.loads(ended.stdout)
    return sample


def show(rows: list[dict[str, Any]], missing: list[str]) -> None:
    """Print one line for each import, and the verdict on our own."""
    print(f"\nImporting\n{'':28}{'version':>24}{'p50 ms':>9}{'this / aiohttp':>16}{'MiB':>8}{'modules':>9}")
    for row in rows:
        print(
            f"{row['module']:28}{row['what']:>24}{row['ms']:9.1f}{row['over_aiohttp']:15.2f}x"
            f"{row.get('rss_mib', '-'):>8}{row['modules']:9}"
        )
    ours = [row["over_aiohttp"] for row in rows if row["module"].partition(".")[0] == OURS]
    if ours:
        print(f"target: at most {TARGET:.2f}x of aiohttp's time: {'met' if max(ours) <= TARGET else 'MISSED'}")
    if missing:
        print(f"not installed: {', '.join(missing)}")


def main() -> None:
    """Print the table and keep the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    versions, missing = installed()
    rows = measure(versions, rounds)
    show(rows, missing)
    results_file.save("import", {"about": results_file.about(), "rows": rows})


if __name__ == "__main__":
    main()
