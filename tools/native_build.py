"""Build all compiled modules in another way, in a folder of their own: never over those that users run.

A flavour's folder is build/<name>; build/<name>/lib holds a whole package, for PYTHONPATH.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "_ext" / "spotlane" / "_core"
# What no sanitizer may let pass. Python's own flags have -fwrapv, which makes an overflow of signed numbers defined and
# hides it.
CHECKS = "-fno-sanitize-recover=all -fno-omit-frame-pointer -fno-wrapv -UNDEBUG -g1"


@dataclass(frozen=True)
class Flavour:
    """One way to build: flags of the compiler and of the linker, and the variables that setup.py reads."""

    name: str
    compiler: str
    flags: str
    link: str = ""
    is_debug: bool = True

    @property
    def folder(self) -> Path:
        """Where everything of it lies."""
        return ROOT / "build" / self.name

    @property
    def package(self) -> Path:
        """What PYTHONPATH has to name."""
        return self.folder / "lib"

    def environment(self) -> dict[str, str]:
        """Return the variables for setup.py."""
        return {
            "CC": self.compiler,
            "LDSHARED": f"{self.compiler} -shared {self.link}".strip(),
            "SPOTLANE_CFLAGS": self.flags,
            "SPOTLANE_GENERATED": str((self.folder / "c").relative_to(ROOT)),
            "SPOTLANE_DEBUG": "1" if self.is_debug else "0",
        }


def build(flavour: Flavour, *, interpreter: str = sys.executable, more: Mapping[str, str] | None = None) -> Path:
    """Build what has changed and return the folder for PYTHONPATH. Raises CalledProcessError where that fails.

    interpreter builds and will import the modules; more are further variables for it.
    """
    flavour.folder.mkdir(parents=True, exist_ok=True)
    _forget_other_flags(flavour, interpreter)
    command = [interpreter, "setup.py", "--quiet", "build_ext", f"-j{os.cpu_count() or 1}"]
    command += ["--build-lib", str(flavour.package), "--build-temp", str(flavour.folder / "temp")]
    subprocess.run(command, cwd=ROOT, env={**os.environ, **flavour.environment(), **(more or {})}, check=True)
    names = {path.stem for path in SOURCES.glob("*.pyx")}
    built = {path.name.partition(".")[0] for path in (flavour.package / "spotlane" / "_core").glob("*.so")}
    if not names <= built:
        raise RuntimeError(f"these modules were not built: {', '.join(sorted(names - built))}")
    shutil.copytree(
        ROOT / "src" / "spotlane",
        flavour.package / "spotlane",
        ignore=shutil.ignore_patterns("*.so", "__pycache__"),
        dirs_exist_ok=True,
    )
    return flavour.package


def _forget_other_flags(flavour: Flavour, interpreter: str) -> None:
    """Take away what was built with other flags or by another interpreter: build_ext looks at the times of files only.

    It does not look at headers in C and at setup.py at all, so a change of one of these takes everything away too.
    """
    mark = flavour.folder / "flags"
    texts = [path.read_bytes() for path in [*sorted(SOURCES.glob("*.h")), ROOT / "setup.py"]]
    wanted = repr((flavour, interpreter, hashlib.sha256(b"".join(texts)).hexdigest()))
    if not mark.exists() or mark.read_text() != wanted:
        for part in ("lib", "temp", "c"):
            shutil.rmtree(flavour.folder / part, ignore_errors=True)
        mark.write_text(wanted)


def compiles(compiler: str, flags: str) -> bool:
    """Say whether a compiler is there and can make a program with these flags."""
    if shutil.which(compiler) is None:
        return False
    command = [compiler, *flags.split(), "-x", "c", "-", "-o", os.devnull]
    entry = (
        "main(void)" if "fuzzer" not in flags else "LLVMFuzzerTestOneInput(const unsigned char *data, unsigned long n)"
    )
    source = f"int {entry} {{ return 0; }}\n"
    with tempfile.TemporaryDirectory() as folder:
        made = subprocess.run(command, input=source.encode(), cwd=folder, capture_output=True, check=False)
    return made.returncode == 0


def clang() -> str | None:
    """Return the clang that brings libFuzzer, or None."""
    named = [os.environ.get("CLANG", "clang"), *(f"clang-{version}" for version in range(22, 12, -1))]
    return next((each for each in named if compiles(each, "-fsanitize=fuzzer,address,undefined")), None)
