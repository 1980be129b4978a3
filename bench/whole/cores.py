"""Which processor core does what: clients on one, the server on another."""

from __future__ import annotations

import os
import sys


def choose() -> tuple[int | None, int | None]:
    """Return the core of the clients and that of the server; None, None where there are not two or no pinning."""
    if sys.platform != "linux":
        return None, None
    cores = sorted(os.sched_getaffinity(0))
    return (cores[0], cores[1]) if len(cores) > 1 else (None, None)


def pin(core: int | None) -> None:
    """Keep this process on a core; None leaves it where it is."""
    if core is not None and sys.platform == "linux":
        os.sched_setaffinity(0, {core})
