"""Print how long decoding takes beside msgspec, orjson and json; functions take turns, medians are shown.

Run from the project's root: python bench/ratios_decoding.py
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

import test_bench_decoding as decoding

ROUNDS = 41
SHORTEST_ROUND_NS = 500_000


def medians_us(functions: Sequence[Callable[[], object]]) -> list[float]:
    """Median microseconds of one call of each function, the functions taking turns."""
    repeats = []
    for function in functions:
        start = time.perf_counter_ns()
        function()
        repeats.append(1 + SHORTEST_ROUND_NS // (time.perf_counter_ns() - start + 1))
    samples: list[list[float]] = [[] for _ in functions]
    for _ in range(ROUNDS):
        for function, count, own in zip(functions, repeats, samples, strict=True):
            start = time.perf_counter_ns()
            for _ in range(count):
                function()
            own.append((time.perf_counter_ns() - start) / count / 1_000)
    return [statistics.median(own) for own in samples]


def main() -> None:
    """Print one table for each case."""
    decoding.check_same_values()
    for title, functions, target in decoding.CASES:
        medians = medians_us(functions)
        print(f"\n{title}\n{'':34}{'p50 us':>10}{'spotlane / this':>18}")
        for function, median in zip(functions, medians, strict=True):
            print(f"{function.__name__:34}{median:10.2f}{medians[0] / median:17.2f}x")
        if target is not None:
            verdict = "met" if medians[0] / medians[1] <= target else "MISSED"
            print(f"target: at most {target:.2f}x of msgspec's time: {verdict}")


if __name__ == "__main__":
    main()
