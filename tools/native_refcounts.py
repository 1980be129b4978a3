"""Count references on an interpreter built for that, over many calls of every compiled function: `make refcounts`.

Needs an interpreter with sys.gettotalrefcount and its headers (on Debian and Ubuntu, apt install python3-dbg), named by
PYTHON_DEBUG or found by its usual names; says SKIPPED without one. REFCOUNT_CALLS says how many calls.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from native_build import ROOT, Flavour, build

NAMES = (
    os.environ.get("PYTHON_DEBUG", ""),
    f"python{sys.version_info.major}.{sys.version_info.minor}-dbg",
    f"python{sys.version_info.major}.{sys.version_info.minor}d",
    "python3-dbg",
    "python3d",
)
FLAVOUR = Flavour("refcounts", os.environ.get("CC", "gcc"), "-O1")
# The parser of replies counts references too, so it is compiled for this interpreter as well.
PACKAGES = ("Cython", "setuptools", "typing_extensions", "httptools")


def find() -> str | None:
    """Return an interpreter that counts references and can compile for itself, or None."""
    asked = "import os, sys, sysconfig; sys.gettotalrefcount(); os.stat(sysconfig.get_path('include') + '/Python.h')"
    for name in filter(shutil.which, filter(None, NAMES)):
        if subprocess.run([name, "-c", asked], capture_output=True, check=False).returncode == 0:
            return name
    return None


def prepare(interpreter: str) -> Path:
    """Make an environment for the interpreter and return its own."""
    folder = FLAVOUR.folder / "venv"
    python = folder / "bin" / "python"
    done = folder / "installed"
    if not done.exists():
        # Debian's has no ensurepip of its own.
        subprocess.run([interpreter, "-m", "venv", "--clear", "--without-pip", str(folder)], check=True)
        command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", str(python)]
        subprocess.run([*command, "install", "--no-binary", "httptools", *PACKAGES], check=True)
        done.touch()
    return python


def main() -> int:
    """Build, count, and fail where a reference is left."""
    interpreter = find()
    if interpreter is None:
        print("SKIPPED: no interpreter counts references here; on Debian and Ubuntu, apt install python3-dbg")
        return 0
    python = prepare(interpreter)
    package = build(FLAVOUR, interpreter=str(python))
    tests = ROOT / "tests" / "core"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (package, tests)))}
    command = [str(python), str(tests / "refcount_run.py"), os.environ.get("REFCOUNT_CALLS", "100000")]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
