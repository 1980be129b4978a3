"""Count which lines of the compiled modules run, in the tests and on the fuzzer's inputs: `make coverage-native`.

The C that Cython makes carries, before every statement, a comment with the line that it comes from. gcov counts the
lines of the C, and a source line has run when the first line of C of one of its statements has. A source line that says
`no coverage: <reason>` is left out. Arguments go to pytest, in place of the folders that are run otherwise.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from native_build import ROOT, SOURCES, Flavour, build, compiles

COMPILER = os.environ.get("CC", "gcc")
# Without optimisation a line of C is a piece of machine code of its own. Several processes add to one count.
FLAVOUR = Flavour("coverage", COMPILER, "-O0 -g --coverage -fprofile-update=atomic", "--coverage", is_debug=False)
LEAST = 0.95
TESTS = ("tests/core", "tests/structs", "tests/safety")
# The name of the source and the line in it, as Cython writes them.
_MARK = re.compile(r'\s*/\* "(?:[^"]*/)?([^"/]+\.p[yx][xd])":(\d+)$')
_END = ("/* function exit code */", "/* Python wrapper */")
_LEFT_OUT = re.compile(r"(?:#|/\*) no coverage: \S+")


def origins(generated: Iterable[str]) -> dict[int, tuple[str, int]]:
    """Return the source and line of every line of C that belongs to a statement, by its number from 1."""
    found: dict[int, tuple[str, int]] = {}
    current: tuple[str, int] | None = None
    in_comment = False
    for number, line in enumerate(generated, 1):
        mark = _MARK.match(line)
        if mark is not None:
            current, in_comment = (mark[1], int(mark[2])), True
        elif in_comment:
            in_comment = "*/" not in line
        elif line.startswith("}") or any(end in line for end in _END):
            current = None
        elif current is not None:
            found[number] = current
    return found


def ran(told: Mapping[int, int], of: Mapping[int, tuple[str, int]]) -> dict[tuple[str, int], bool]:
    """Return of every source line whether it ran, from the counts of the lines of C and where these come from."""
    lines: dict[tuple[str, int], bool] = {}
    before: tuple[str, int] | None = None
    for number in sorted(told):
        origin = of.get(number)
        # Labels behind a statement belong to what is jumped to, so only where a statement begins counts.
        if origin is not None and origin != before:
            lines[origin] = lines.get(origin, False) or told[number] > 0
        before = origin
    return lines


def _counts(notes: Path) -> dict[str, dict[int, int]]:
    """Return gcov's counts of one object, by file."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["gcov", "--json-format", "--object-directory", str(notes.parent), str(notes)]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        (made,) = Path(folder).glob("*.gcov.json.gz")
        told = json.loads(gzip.decompress(made.read_bytes()))
    found: dict[str, dict[int, int]] = defaultdict(dict)
    for file in told["files"]:
        for line in file["lines"]:
            known = found[file["file"]]
            known[line["line_number"]] = known.get(line["line_number"], 0) + line["count"]
    return found


def collect() -> dict[tuple[str, int], bool]:
    """Return of every line of every source below _ext whether it ran."""
    lines: dict[tuple[str, int], bool] = {}
    for notes in sorted((FLAVOUR.folder / "temp").rglob("*.gcda")):
        for name, told in _counts(notes).items():
            path = ROOT / name
            if path.suffix == ".c":
                found = ran(told, origins(path.read_text().splitlines()))
            elif path.suffix == ".h" and (SOURCES / path.name).exists():
                found = {(path.name, number): count > 0 for number, count in told.items()}
            else:
                continue
            for line, did in found.items():
                lines[line] = lines.get(line, False) or did
    return lines


def report(lines: Mapping[tuple[str, int], bool]) -> float:
    """Print a table by file with the lines that did not run; return the share of those that did."""
    total = hit = 0
    for source in sorted(SOURCES.glob("*.[hp]*")):
        text = source.read_text().splitlines()
        own = {
            number: did
            for (name, number), did in lines.items()
            if name == source.name and number <= len(text) and not _LEFT_OUT.search(text[number - 1])
        }
        if not own:
            continue
        missed = sorted(number for number, did in own.items() if not did)
        total, hit = total + len(own), hit + len(own) - len(missed)
        print(f"{source.name:20} {len(own):5} lines {1 - len(missed) / len(own):8.1%}  {_ranges(missed)}".rstrip())
    share = hit / total if total else 0.0
    print(f"{'all':20} {total:5} lines {share:8.1%}, {LEAST:.0%} are wanted")
    return share


def _ranges(numbers: list[int]) -> str:
    """Write numbers as text, neighbours as from-to."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and parts[-1][-1] == number - 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ", ".join(str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts)


def main() -> int:
    """Build, run the tests and the seeds, report. 1 where the share is too small or a test fails."""
    if not compiles(COMPILER, "--coverage"):
        print(f"SKIPPED: {COMPILER} can't count lines; on Debian and Ubuntu, apt install gcc")
        return 0
    package = build(FLAVOUR)
    for counts in (FLAVOUR.folder / "temp").rglob("*.gcda"):
        counts.unlink()
    folders = (package, ROOT / "fuzz", ROOT / "tests" / "core")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders))}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *(sys.argv[1:] or TESTS)]
    failed = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    seeds = [sys.executable, str(ROOT / "fuzz" / "fuzz_replay.py")]
    failed |= subprocess.run(seeds, cwd=ROOT, env=environment, check=False).returncode
    return 1 if report(collect()) < LEAST or failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
