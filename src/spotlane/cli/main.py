"""The entry point of `spotlane ...`; what the commands need is imported only once it is known to be there."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    0: done. 1: the command ran and failed. 2: bad input, told in one line, or a missing extra. 130: interrupted.
    """
    for module in ("click", "rich"):
        try:
            importlib.import_module(module)
        except ImportError:
            print(f"spotlane: the command line needs {module}: pip install 'spotlane[cli]'", file=sys.stderr)
            return 2
    try:
        group = importlib.import_module("spotlane.cli._group")
        code: int = group.run(arguments)
    except KeyboardInterrupt:
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main())
