"""Count the instructions of the primitives and of one order, here and at a base commit: `make instructions`.

A row that takes more than 3 % more instructions than at the base fails. The base is the commit in SPOTLANE_BASE, else
where this branch left origin/main, else the commit before this one. Without valgrind it says SKIPPED.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
WORKLOAD = "tools/instruction_workload.py"
TRAILER = "Accept-instructions"
TOLERANCE = 0.03
# Each row starts a new account before its calls, between the two counts, and after them.
MARKS = 3
LIMIT_S = 900


class Change(NamedTuple):
    """One row's instructions for one call at the base and now; base is None where it has no such row.

    accepted is the reason for which a slow-down is wanted, lacking says what the base lacks.
    """

    name: str
    base: float | None
    now: float
    accepted: str = ""
    lacking: str = ""

    @property
    def ratio(self) -> float | None:
        """Return how much more it is now, as a share of the base: 0.03 is 3 % more."""
        return None if self.base is None else self.now / self.base - 1

    @property
    def is_slower(self) -> bool:
        """Say whether it is more than the tolerance allows, accepted or not."""
        return self.base is not None and self.now > self.base * (1 + TOLERANCE)

    @property
    def fails(self) -> bool:
        """Say whether it is slower and nobody has accepted that."""
        return self.is_slower and not self.accepted

    @property
    def verdict(self) -> str:
        """Return a word or a reason for the table."""
        if self.ratio is None:
            return f"new ({self.lacking})"
        if self.is_slower:
            return f"accepted: {self.accepted}" if self.accepted else "TOO MANY"
        return "fewer" if self.ratio < -TOLERANCE else ""


class Counts(NamedTuple):
    """What was counted in one tree: instructions for one call by row, and what the tree lacks for the others."""

    per_call: Mapping[str, float]
    lacking: Mapping[str, str]


def total_of(profile: str) -> int:
    """Return the instructions that one part of callgrind's output adds up to. Raises ValueError without a sum."""
    told = re.search(r"^totals: (\d+)$", profile, re.MULTILINE)
    if told is None:
        raise ValueError("callgrind's output holds no line of totals")
    return int(told[1])


def counts_of(rows: Iterable[Mapping[str, object]], totals: Sequence[int]) -> Counts:
    """Return what a workload counted, from its lines and the sums of its parts.

    A row's second and third part hold n and 2n calls with the same beginning and end: their difference is n calls.
    Raises ValueError where parts and rows don't match.
    """
    rows = list(rows)
    counted = [row for row in rows if row["missing"] is None]
    if len(totals) != MARKS * len(counted):
        raise ValueError(f"{len(counted)} rows have {MARKS * len(counted)} parts, callgrind wrote {len(totals)}")
    per_call = {}
    for index, row in enumerate(counted):
        _, once, twice = totals[MARKS * index : MARKS * (index + 1)]
        per_call[str(row["name"])] = (twice - once) / int(str(row["calls"]))
    return Counts(per_call, {str(row["name"]): str(row["missing"]) for row in rows if row["missing"] is not None})


def accepted_of(trailers: Iterable[str], names: Iterable[str]) -> dict[str, str]:
    """Return the reasons by row from the trailers' values, each a row's name and a reason.

    Raises ValueError for a row that does not exist and for one without a reason.
    """
    names = list(names)
    accepted = {}
    for value in trailers:
        name, _, reason = value.strip().partition(" ")
        if name not in names:
            raise ValueError(f"{TRAILER} names no row: {value!r}; there are {', '.join(names)}")
        if not reason.strip():
            raise ValueError(f"{TRAILER}: {name} lacks the reason that follows the name")
        accepted[name] = reason.strip()
    return accepted


def compare(base: Counts, now: Counts, accepted: Mapping[str, str]) -> list[Change]:
    """Return every row's change. Raises ValueError for a row that can't be counted now, whatever the base has."""
    if now.lacking:
        raise ValueError("; ".join(f"{name} can't be counted: {why}" for name, why in now.lacking.items()))
    return [
        Change(name, base.per_call.get(name), count, accepted.get(name, ""), base.lacking.get(name, ""))
        for name, count in now.per_call.items()
    ]


def table(changes: Iterable[Change]) -> str:
    """Return the changes as lines of text, instructions for one call."""
    lines = [f"{'instructions of one call':26}{'base':>13}{'now':>13}{'change':>10}"]
    for change in changes:
        base = "-" if change.base is None else f"{change.base:,.0f}"
        ratio = "-" if change.ratio is None else f"{change.ratio:+.2%}"
        lines.append(f"{change.name:26}{base:>13}{change.now:>13,.0f}{ratio:>10}  {change.verdict}".rstrip())
    return "\n".join(lines)


def choose_base(named: str) -> str | None:
    """Return the commit to compare with, or None where there is none. named is what SPOTLANE_BASE holds.

    Raises ValueError for a name that is no commit here.
    """
    # GitHub's name for the commit before a branch's first is all zeros.
    if named.strip("0"):
        commit = _commit(named)
        if commit is None:
            raise ValueError(f"SPOTLANE_BASE is no commit of this repository: {named!r}")
        return commit
    head = _commit("HEAD")
    main = _commit("origin/main")
    left = _ask_git("merge-base", "HEAD", main) if main else ""
    if left and (left != head or _ask_git("status", "--porcelain")):
        return left
    return _commit("HEAD^")


def trailers_since(base: str) -> list[str]:
    """Return the values of the accepting trailers of every commit after the base."""
    form = f"%(trailers:key={TRAILER},valueonly,unfold)"
    return [line for line in _run(["git", "log", f"--format={form}", f"{base}..HEAD"]).splitlines() if line.strip()]


def export_commit(commit: str, tree: Path) -> None:
    """Write a commit's files into a folder."""
    archive = tree.with_suffix(".tar")
    _run(["git", "archive", f"--output={archive}", commit])
    _run(["tar", "-xf", str(archive), "-C", str(tree)])


def export_work(tree: Path) -> None:
    """Write the files of the working tree, committed or not, into a folder."""
    for name in _run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]).split("\0"):
        if name and (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, tree / name)


def build(tree: Path) -> None:
    """Build a tree's compiled modules in place, as users get them."""
    environment = {name: value for name, value in os.environ.items() if name != "SPOTLANE_DEBUG"}
    _run([sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"], cwd=tree, env=environment)
    _run([sys.executable, "-m", "compileall", "-q", "src", "tools"], cwd=tree, env=environment)


def count(tree: Path, workload: Path) -> Counts:
    """Run a workload on a tree under callgrind and return what it counted."""
    source = tree / "src"
    profile = tree.with_suffix(".callgrind")
    command = [
        *_without_random_addresses(),
        "valgrind", "--tool=callgrind", "--quiet", "--vgdb=no", "--dump-line=no",
        # With the C library's debug symbols it may go by its other name, or with a version.
        "--dump-before=getppid*", "--dump-before=__getppid*",
        f"--callgrind-out-file={profile}", sys.executable, str(workload), str(source),
    ]  # fmt: skip
    # Nothing of the caller's environment, whose size alone would move the stack.
    environment = {"PATH": os.environ["PATH"], "PYTHONHASHSEED": "0", "PYTHONPATH": str(source), "LC_ALL": "C.UTF-8"}
    if "LD_LIBRARY_PATH" in os.environ:
        environment["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
    rows = [json.loads(line) for line in _run(command, cwd=tree, env=environment).splitlines()]
    # What runs after the last mark goes into the file without a number.
    parts = sorted(profile.parent.glob(f"{profile.name}.*"), key=lambda part: int(part.suffix[1:]))
    return counts_of(rows, [total_of(part.read_text()) for part in parts])


def main() -> int:
    """Print the table; return 1 where a row fails, else 0."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        print("SKIPPED: valgrind is not installed, so no instruction was counted (on Debian: apt install valgrind)")
        return 0
    if _commit("HEAD") is None:
        print("SKIPPED: this is no git checkout, so there is no commit to compare with")
        return 0
    base = choose_base(os.environ.get("SPOTLANE_BASE", ""))
    if base is None:
        print("SKIPPED: there is no commit before this one here, fetch more of the history or set SPOTLANE_BASE")
        return 0
    with tempfile.TemporaryDirectory(prefix="spotlane-instructions-") as folder:
        # Names of one length: a path's length moves what stands after it in memory.
        trees = Path(folder, "base"), Path(folder, "work")
        for tree in trees:
            tree.mkdir()
        export_commit(base, trees[0])
        export_work(trees[1])
        with ThreadPoolExecutor() as pool:
            list(pool.map(build, trees))
            before, now = pool.map(count, trees, [trees[1] / WORKLOAD] * 2)
    changes = compare(before, now, accepted_of(trailers_since(base), now.per_call))
    print(f"base {base[:10]}, CPython {platform.python_version()}, {_run([valgrind, '--version']).strip()}")
    print(table(changes))
    failed = [change.name for change in changes if change.fails]
    if failed:
        print(
            f"\nmore than {TOLERANCE:.0%} more instructions: {', '.join(failed)}. Find out why, or say in the commit "
            f"message why it is wanted, a line for each row:\n{TRAILER}: {failed[0]} the reason"
        )
    return 1 if failed else 0


def _without_random_addresses() -> list[str]:
    """Return what to put before a command so that its addresses are the same each time, where that is allowed."""
    setarch = shutil.which("setarch")
    if setarch is None or subprocess.run([setarch, "-R", "true"], capture_output=True).returncode:
        return []
    return [setarch, "-R"]


def _commit(name: str) -> str | None:
    return _ask_git("rev-parse", "--quiet", "--verify", f"{name}^{{commit}}") or None


def _ask_git(*arguments: str) -> str:
    """Return what git answers, or an empty text where it has no answer."""
    finished = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    return finished.stdout.strip() if finished.returncode == 0 else ""


def _run(command: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    """Run a command and return what it prints. Raises RuntimeError with the end of its output where it fails."""
    finished = subprocess.run(command, cwd=cwd or ROOT, env=env, capture_output=True, text=True, timeout=LIMIT_S)
    if finished.returncode:
        told = f"{finished.stdout}\n{finished.stderr}".strip()[-4_000:]
        raise RuntimeError(f"{' '.join(command)} ended with {finished.returncode}:\n{told}")
    return finished.stdout


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (RuntimeError, ValueError) as error:
        sys.exit(str(error))
