"""Print how long decoding takes beside msgspec, orjson and json; functions take turns.

Times are this thread's own processor time, so that what other programs take meanwhile does not count. They are medians,
and so are the ratios, which are taken within one round.

Run from the project's root: python bench/ratios_decoding.py
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import results_file
import test_bench_decoding as decoding

T = TypeVar("T")

ROUNDS = 41
SHORTEST_ROUND_NS = 500_000


class Row(NamedTuple):
    """One function's median time of a call, and the first function's time as a share of it."""

    name: str
    p50_us: float
    ratio: float


def compare(functions: Sequence[Callable[[T], object]], argument: T) -> list[Row]:
    """Time functions that do the same, taking turns; the first one is what the others are compared with."""
    repeats = []
    for function in functions:
        start = time.thread_time_ns()
        function(argument)
        repeats.append(1 + SHORTEST_ROUND_NS // (time.thread_time_ns() - start + 1))
    samples: list[list[float]] = [[] for _ in functions]
    for _ in range(ROUNDS):
        for function, count, own in zip(functions, repeats, samples, strict=True):
            start = time.thread_time_ns()
            for _ in range(count):
                function(argument)
            own.append((time.thread_time_ns() - start) / count / 1_000)
    return [
        Row(
            function.__name__,
            statistics.median(own),
            statistics.median(first / each for first, each in zip(samples[0], own, strict=True)),
        )
        for function, own in zip(functions, samples, strict=True)
    ]


def show(title: str, rows: Sequence[Row]) -> None:
    """Print one table."""
    print(f"\n{title}\n{'':34}{'p50 us':>10}{'spotlane / this':>18}")
    for row in rows:
        print(f"{row.name:34}{row.p50_us:10.2f}{row.ratio:17.2f}x")


def main() -> None:
    """Print one table for each case."""
    decoding.check_same_values()
    for title, functions, data, target in decoding.CASES:
        rows = compare(functions, data)
        show(title, rows)
        results_file.save_table(title, "us", [(row.name, row.p50_us) for row in rows])
        if target is not None:
            verdict = "met" if rows[1].ratio <= target else "MISSED"
            print(f"target: at most {target:.2f}x of msgspec's time: {verdict}")


if __name__ == "__main__":
    main()
