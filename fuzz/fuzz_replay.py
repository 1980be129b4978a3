"""Run every target on its seeds and its corpus, each compared with the oracle, with whatever modules are on the path.

An argument names a file with an input that failed: `python fuzz/fuzz_replay.py decoder path/to/failed-crash-...`.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from fuzz_corpus import TARGETS, inputs

HEAD = 2


def main() -> int:
    """Replay; an exception ends it."""
    named = sys.argv[1:2] or TARGETS
    for target in named:
        module: Any = importlib.import_module(f"target_{target}")
        module.SHARE.every = 1
        chosen = [Path(name).read_bytes() for name in sys.argv[2:]] or inputs(target)
        counts = [0, 0, 0, 0]
        for data in chosen:
            counts[module.run(data[:HEAD].ljust(HEAD, b"\0"), data[HEAD:])] += 1
        print(f"{target:8} {len(chosen)} inputs: {counts[1] + counts[3]} compared, {counts[2] + counts[3]} accepted")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
