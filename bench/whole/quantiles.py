"""Percentiles of samples, and ratios of medians between turns of the same round."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

# The points of a distribution that are kept for the plots, in percent.
POINTS = (0.0, 1.0, 5.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 95.0, 97.0, 98.0, 99.0, 99.5, 99.9)

# A percentile with fewer samples than this beyond it is that of a few accidents, and is not given.
_SAMPLES_BEYOND = 3


def percentile(ordered: Sequence[float], percent: float) -> float | None:
    """Return a percentile of sorted samples, None where too few lie beyond it."""
    beyond = len(ordered) * (1 - percent / 100)
    if percent > 50 and round(beyond, 6) < _SAMPLES_BEYOND:
        return None
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def summary(samples_ns: Sequence[int]) -> dict[str, Any]:
    """Return p50, p90, p99 and p99.9 in microseconds, and the distribution at POINTS as [percent, microseconds]."""
    ordered = sorted(samples_ns)

    def at(percent: float) -> float | None:
        value = percentile(ordered, percent)
        return None if value is None else round(value / 1_000, 1)

    return {
        "samples": len(ordered),
        "p50_us": at(50),
        "p90_us": at(90),
        "p99_us": at(99),
        "p999_us": at(99.9),
        "distribution": [[percent, value] for percent in POINTS if (value := at(percent)) is not None],
    }


def spread(values: Sequence[float]) -> list[float]:
    """Return lower quartile, median and upper quartile."""
    if len(values) < 2:
        return [round(value, 3) for value in values] * 3
    return [round(value, 3) for value in statistics.quantiles(values, n=4, method="inclusive")]


def ratios(ones: Sequence[float], others: Sequence[float]) -> list[float]:
    """Return the spread of one / other, both measured in the same round."""
    return spread([one / other for one, other in zip(ones, others, strict=True)])
