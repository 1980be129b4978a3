"""The compiled modules and their flags. Everything else about the project is in pyproject.toml."""

import os
import shlex
import sys
import sysconfig

from Cython.Build import cythonize
from setuptools import Extension, setup

if sysconfig.get_config_var("Py_GIL_DISABLED"):
    sys.exit(
        "spotlane is not built for free-threaded Python: use the ordinary build of the same version, python3.14 and "
        "not python3.14t"
    )

# One name, one file below _ext/spotlane/_core/, one importable spotlane._core.<name>.
MODULES = [
    "decimals",
    "slots",
    "structs",
    "encoding",
    "json_encoding",
    "forms",
    "secret",
    "signing",
    "header_auth",
    "columns",
    "faults",
    "tables",
    "decoding",
    "replies",
    "lane",
    "berths",
    "order_check",
    "guards",
    "circuits",
    "echoes",
    "records",
    "journal",
]

# SPOTLANE_DEBUG=1 builds with bounds checks, assertions and symbols; the default is what users get.
DEBUG = os.environ.get("SPOTLANE_DEBUG") == "1"

if sys.platform == "win32":
    COMPILE_FLAGS = ["/Od", "/Zi"] if DEBUG else ["/O2"]
else:
    COMPILE_FLAGS = (["-O0", "-g3", "-UNDEBUG"] if DEBUG else ["-O3", "-g0"]) + ["-fno-strict-aliasing", "-Wall"]

# For the builds of tools/native_*.py, each in a folder of its own.
COMPILE_FLAGS += shlex.split(os.environ.get("SPOTLANE_CFLAGS", ""))
GENERATED = os.environ.get("SPOTLANE_GENERATED", "build/cython")

DIRECTIVES = {
    "language_level": 3,
    "boundscheck": DEBUG,
    "wraparound": False,
    "initializedcheck": DEBUG,
    "cdivision": True,
    "autotestdict": False,
}

extensions = [
    Extension(f"spotlane._core.{name}", [f"_ext/spotlane/_core/{name}.pyx"], extra_compile_args=COMPILE_FLAGS)
    for name in MODULES
]

setup(ext_modules=cythonize(extensions, include_path=["_ext"], build_dir=GENERATED, compiler_directives=DIRECTIVES))
