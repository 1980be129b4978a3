"""Print what stamping the stages of a request costs: the same calls with and without somebody who listens.

Run from the project's root: python bench/ratios_stages.py
"""

from __future__ import annotations

import time

from ratios_signing import medians_ns, show

from spotlane.transport import Stages

MOST_NS = 1_000


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
    medians = medians_ns([stamped, silent])
    show("The stages of one request", [("stamped", medians[0]), ("nobody listens", medians[1])])
    print(f"target: at most {MOST_NS} ns for each request: {'met' if medians[0] <= MOST_NS else 'MISSED'}")


if __name__ == "__main__":
    main()
