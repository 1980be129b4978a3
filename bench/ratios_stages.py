"""Print what stamping the stages of a request costs: the same calls with and without somebody who listens.

Run from the project's root: python bench/ratios_stages.py
"""

from __future__ import annotations

import statistics
import time

from spotlane.transport import Stages

ROUNDS = 41
REPEATS = 2_000


def stamped() -> None:
    """What a request does when somebody listens: one object, eight moments, one call."""
    stages = Stages("order", 1.0, _listen, time.monotonic)
    monotonic = time.monotonic
    stages.queued_s = monotonic()
    stages.signed_s = monotonic()
    stages.written_s = monotonic()
    stages.first_byte_s = monotonic()
    stages.received_s = monotonic()
    stages.finish()


def silent() -> None:
    """What it does when nobody listens: one look at what there is not, for each stage."""
    stages: Stages | None = _NOBODY
    for _ in range(6):
        if stages is not None:
            stages.queued_s = 0.0


_NOBODY: Stages | None = None


def _listen(stages: Stages) -> None:
    pass


def main() -> None:
    """Print the two medians."""
    samples: dict[str, list[float]] = {"stamped": [], "nobody listens": []}
    for _ in range(ROUNDS):
        for name, function in (("stamped", stamped), ("nobody listens", silent)):
            start = time.perf_counter_ns()
            for _ in range(REPEATS):
                function()
            samples[name].append((time.perf_counter_ns() - start) / REPEATS)
    for name, own in samples.items():
        print(f"{name:20}{statistics.median(own):8.0f} ns")
    verdict = "met" if statistics.median(samples["stamped"]) <= 1_000 else "MISSED"
    print(f"target: at most 1000 ns for each request: {verdict}")


if __name__ == "__main__":
    main()
