"""Every ratio that the project claims, each beside its baseline: `make bench`, or `python bench/all_ratios.py`."""

from __future__ import annotations

import runpy
from pathlib import Path

FOLDER = Path(__file__).parent


def main() -> None:
    """Run the scripts that print ratios, one after another in this process."""
    for script in sorted(FOLDER.glob("ratios_*.py")):
        print(f"\n{script.name}")
        runpy.run_path(str(script), run_name="__main__")


if __name__ == "__main__":
    main()
