"""Run the tests on modules built with AddressSanitizer and UndefinedBehaviorSanitizer: `make sanitize`.

Arguments go to pytest. A report ends the process that it is about, and fails. Without a compiler that has the
sanitizers it says SKIPPED.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from native_build import CHECKS, ROOT, Flavour, build, compiles

SANITIZERS = "-fsanitize=address,undefined,float-cast-overflow"
COMPILER = os.environ.get("CC", "gcc")
FLAVOUR = Flavour("sanitize", COMPILER, f"-O1 {SANITIZERS} {CHECKS}", SANITIZERS)
# Everything takes several times as long.
TIMEOUTS = ("-o", "timeout=1200", "-o", "faulthandler_timeout=1300")
# Each starts a process in an environment of its own, in which the sanitizers' runtime is not loaded.
DESELECTED: tuple[str, ...] = ()


def environment(package: Path, reports: Path, runtime: str) -> dict[str, str]:
    """Return the variables of a process in which the sanitizers work; their reports become files of that name.

    Python's own allocator would hide what happens inside its arenas; what the interpreter keeps to its end is no leak.
    """
    common = f"abort_on_error=1:print_stacktrace=1:log_path={reports}"
    # A test may ask for more memory than there is. What was freed is kept for a while, to see it used.
    own = "detect_leaks=0:allocator_may_return_null=1:quarantine_size_mb=32:malloc_context_size=12"
    return {
        **os.environ,
        "LD_PRELOAD": runtime,
        "PYTHONMALLOC": "malloc",
        "PYTHONPATH": str(package),
        "ASAN_OPTIONS": f"{own}:{common}",
        "UBSAN_OPTIONS": common,
    }


def main() -> int:
    """Build, test, show the reports."""
    if not compiles(COMPILER, SANITIZERS):
        print(f"SKIPPED: {COMPILER} has no sanitizers; on Debian and Ubuntu, apt install gcc")
        return 0
    package = build(FLAVOUR)
    asked = subprocess.run([COMPILER, "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
    runtime = str(Path(asked.stdout.strip()).resolve())
    with tempfile.TemporaryDirectory() as folder:
        reports = Path(folder) / "report"
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *TIMEOUTS, *sys.argv[1:]]
        command += [part for name in DESELECTED for part in ("--deselect", name)]
        run = subprocess.run(command, cwd=ROOT, env=environment(package, reports, runtime), check=False)
        found = sorted(Path(folder).iterdir())
        for report in found:
            print(report.read_text(errors="replace"))
    print(f"sanitizers: {len(found)} reports, tests {'passed' if run.returncode == 0 else 'FAILED'}")
    return 1 if found or run.returncode else 0


if __name__ == "__main__":
    raise SystemExit(main())
