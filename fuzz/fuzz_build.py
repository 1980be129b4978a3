"""Build the compiled modules for fuzzing, and the program that feeds them."""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path

from native_build import CHECKS, ROOT, Flavour, build

# Cython reads arguments by way of NULL + 0, which clang takes for an overflow of a pointer.
SANITIZERS = "-fsanitize=address,undefined,float-cast-overflow -fno-sanitize=pointer-overflow"
# Cython's own helpers are many and much the same everywhere: to follow them costs time and finds nothing new.
_UNFOLLOWED = "fun:__Pyx_*\nfun:__pyx_pymod*\nfun:PyInit_*\nfun:__pyx_module*\n"


def build_all(compiler: str) -> tuple[Path, Path]:
    """Build what has changed; return the program and the folder for PYTHONPATH."""
    folder = ROOT / "build" / "fuzz"
    folder.mkdir(parents=True, exist_ok=True)
    unfollowed = folder / "unfollowed.txt"
    if not unfollowed.exists() or unfollowed.read_text() != _UNFOLLOWED:
        unfollowed.write_text(_UNFOLLOWED)
    flags = f"-O2 {SANITIZERS} -fsanitize=fuzzer-no-link -fsanitize-coverage-ignorelist={unfollowed} {CHECKS}"
    package = build(Flavour("fuzz", compiler, flags))
    program = folder / "fuzz"
    source = ROOT / "fuzz" / "main.c"
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        _link(compiler, source, program)
    return program, package


def _link(compiler: str, source: Path, program: Path) -> None:
    """Link the program with this very interpreter's library."""
    told = sysconfig.get_config_vars()
    command = [
        compiler,
        "-O1",
        "-g1",
        "-rdynamic",
        *SANITIZERS.split(),
        "-fsanitize=fuzzer",
        f"-I{told['INCLUDEPY']}",
        str(source),
    ]
    command += ["-o", str(program), f"-L{told['LIBDIR']}", f"-L{told['LIBPL']}", f"-Wl,-rpath,{told['LIBDIR']}"]
    command += [f"-lpython{told['LDVERSION']}", *told["LIBS"].split(), *told["SYSLIBS"].split()]
    subprocess.run(command, check=True)
