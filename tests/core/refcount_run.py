"""Print how many references so many calls leave behind, on an interpreter that counts them: `make refcounts`."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from typing import Any

from refcount_calls import Call, calls, perform

# The first calls fill what is kept for good: interned words, the free lists of the interpreter, caches of types and
# methods, symbols that a journal has read.
WARM_UP = 50
# Garbage is taken away in between, for the exceptions of a call hold each other.
COLLECT_EVERY = 10_000


def left_by(call: Call, count: int, total: Callable[[], int]) -> int:
    """Return how many references more there are after so many calls."""
    for _ in range(WARM_UP):
        perform(call)
    gc.collect()
    before = after = total()
    for number in range(1, count + 1):
        perform(call)
        if number % COLLECT_EVERY == 0:
            gc.collect()
    gc.collect()
    after = total()
    return after - before


def main() -> int:
    """Count every call; 1 where one leaves more than the few that the counting itself holds."""
    system: Any = sys
    count = int(sys.argv[1])
    wrong = 0
    found = calls()
    gc.disable()
    for call in found:
        left = left_by(call, count, system.gettotalrefcount)
        if abs(left) > SLACK:
            wrong += 1
            print(f"{call.label}: {left:+} references after {count:,} calls", flush=True)
    print(f"{len(found)} calls, {count:,} times each: {wrong} leave references behind")
    return 1 if wrong else 0


# The numbers before and after are two objects themselves, and one more can be held by a cache of the interpreter.
SLACK = 3

if __name__ == "__main__":
    raise SystemExit(main())
