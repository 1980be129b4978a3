"""Print how long the guards before the wire take, each beside plain Python; functions take turns, medians are shown.

Run from the project's root: python bench/ratios_guards.py
"""

from __future__ import annotations

import test_bench_guards as guards
from ratios_signing import medians_ns, show


def main() -> None:
    """Print one table for each guard."""
    for title, plain, own, most_ns in guards.CASES:
        assert plain()
        assert own()
        medians = medians_ns([plain, own])
        show(title, [(plain.__name__, medians[0]), (own.__name__, medians[1])])
        print(f"target: at most {most_ns} ns: {'met' if medians[1] <= most_ns else 'MISSED'}")


if __name__ == "__main__":
    main()
