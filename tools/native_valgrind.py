"""Run tests of the compiled modules under valgrind's memcheck: `make valgrind`.

It sees reads of memory that was never written, which the sanitizers do not. The modules are built for debugging; what
Python itself does is left out by its own suppressions. Says SKIPPED without valgrind. Arguments go to pytest.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from native_build import ROOT, Flavour, build

FLAVOUR = Flavour("valgrind", os.environ.get("CC", "gcc"), "-O1 -g1")
# Memcheck is thirty times slower: these reach every module and take minutes, not hours.
TESTS = ("tests/core/test_refcounts.py", "-k", "left_behind or public_function")
SUPPRESSIONS = ("/usr/lib/valgrind/python3.supp", "/usr/lib/valgrind/debian.supp")


def main() -> int:
    """Build, run, and fail where a report names one of the modules."""
    if shutil.which("valgrind") is None:
        print("SKIPPED: valgrind is not here; on Debian and Ubuntu, apt install valgrind")
        return 0
    package = build(FLAVOUR)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "reports"
        command = ["valgrind", "--tool=memcheck", "--leak-check=no", "--num-callers=30", f"--log-file={log}"]
        command += [f"--suppressions={path}" for path in SUPPRESSIONS if Path(path).exists()]
        command += [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-o", "timeout=3600"]
        environment = {
            **os.environ,
            "PYTHONMALLOC": "malloc",
            "PYTHONPATH": str(package),
            "SPOTLANE_REFCOUNT_CALLS": "3",
        }
        run = subprocess.run([*command, *(sys.argv[1:] or TESTS)], cwd=ROOT, env=environment, check=False)
        told = re.sub(r"^==\d+== ?", "", log.read_text(errors="replace"), flags=re.MULTILINE)
    # A report is a paragraph; those that name none of the modules are about other people's code.
    reports = [paragraph for paragraph in told.split("\n\n") if "/_core/" in paragraph]
    print("\n\n".join(reports))
    print(told.strip().splitlines()[-1])
    print(f"valgrind: {len(reports)} reports about the modules, tests {'FAILED' if run.returncode else 'passed'}")
    return 1 if reports or run.returncode else 0


if __name__ == "__main__":
    raise SystemExit(main())
