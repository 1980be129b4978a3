"""Print how long an order's request and its acknowledgement take, beside the alternatives; functions take turns.

Run from the project's root: python bench/ratios_placing.py
"""

from __future__ import annotations

import test_bench_placing as placing
from ratios_decoding import compare, show


def main() -> None:
    """Check that all ways agree, then print one table for each case."""
    placing.check_same_results()
    for title, functions, argument in placing.CASES:
        show(title, compare(functions, argument))


if __name__ == "__main__":
    main()
