"""Print how long signing and encoding take, beside the alternatives; functions take turns, medians are shown.

Run from the project's root: python bench/ratios_signing.py. The first table needs a C compiler (cc, or $CC).
"""

from __future__ import annotations

import os
import re
import shlex
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import results_file
import test_bench_encoding as encoding
import test_bench_signing as signing

HERE = Path(__file__).resolve().parent
ROUNDS = 41
REPEATS = 500


def medians_ns(functions: list[Callable[[], Any]]) -> list[float]:
    """Median nanoseconds of one call of each function, the functions taking turns."""
    samples: list[list[float]] = [[] for _ in functions]
    for _ in range(ROUNDS):
        for function, own in zip(functions, samples, strict=True):
            start = time.perf_counter_ns()
            for _ in range(REPEATS):
                function()
            own.append((time.perf_counter_ns() - start) / REPEATS)
    return [statistics.median(own) for own in samples]


def show(title: str, rows: list[tuple[str, float]]) -> None:
    """Print rows with their ratio to the first one, and keep them."""
    results_file.save_table(title, "ns", rows)
    print(f"\n{title}\n{'':44}{'p50 ns':>10}{'first / this':>14}")
    for name, nanoseconds in rows:
        print(f"{name:44}{nanoseconds:10.0f}{rows[0][1] / nanoseconds:13.1f}x")


def own_libcrypto() -> str:
    """The libcrypto that this interpreter has loaded, or "" where it is linked into the interpreter."""
    maps = Path("/proc/self/maps")
    loaded = re.findall(r"/\S*libcrypto[^\s/]*", maps.read_text()) if maps.exists() else []
    return loaded[0] if loaded else ""


def show_options() -> None:
    """Compile and run signing_options.c."""
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    libraries = ["-ldl"] if sys.platform == "linux" else []
    with tempfile.TemporaryDirectory() as folder:
        program = str(Path(folder) / "signing_options")
        source = str(HERE / "signing_options.c")
        subprocess.run([*compiler, "-O3", "-fno-strict-aliasing", source, "-o", program, *libraries], check=True)
        lines = subprocess.run([program, own_libcrypto()], check=True, capture_output=True, text=True).stdout
    table = [line.split("\t") for line in lines.splitlines()]
    for group, title in (("sha256", "HMAC-SHA256"), ("sha512", "HMAC-SHA512")):
        rows = [(name, float(nanoseconds)) for own, name, nanoseconds in table if own == group]
        show(f"{title} of 150 bytes in C, without Python and hexadecimal", rows)


def show_functions(title: str, functions: list[Callable[[], Any]]) -> None:
    """Time functions that make the same bytes; the first one is the baseline."""
    rows = list(zip([function.__name__ for function in functions], medians_ns(functions), strict=True))
    show(title, rows)


def main() -> None:
    """Check that all ways agree, then print every table."""
    assert len({make() for make in signing.SHA256}) == 1
    assert len({make() for make in signing.SHA512}) == 1
    assert encoding.encode_library() == encoding.encode_spotlane()
    assert encoding.sign_library() == encoding.sign_spotlane_as_text() == encoding.sign_spotlane().target
    signing.check_orders()
    show_options()
    show_functions("HMAC-SHA256 of 150 bytes as hexadecimal, from Python", signing.SHA256)
    show_functions("SHA-512 of a 149-byte body, then HMAC-SHA512 of the payload, from Python", signing.SHA512)
    show_functions("Encode one limit order as a query", encoding.ENCODE)
    show_functions("Encode and sign one limit order, signature in the query", encoding.SIGN)
    show_functions("Encode one limit order as JSON", signing.JSON)
    show_functions("Encode and sign one limit order, body and headers", signing.ORDER)


if __name__ == "__main__":
    main()
