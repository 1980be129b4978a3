"""The compiled modules and their flags. Everything else about the project is in pyproject.toml."""

import os
import sys

from Cython.Build import cythonize
from setuptools import Extension, setup

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

setup(
    ext_modules=cythonize(extensions, include_path=["_ext"], build_dir="build/cython", compiler_directives=DIRECTIVES)
)
