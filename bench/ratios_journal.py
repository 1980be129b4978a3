"""Print what a journal costs: an intent beside plain Python and beside the system call alone, and what opening takes.

Samples are taken in turns. The tail is the machine's as much as the journal's: it has no meaning but beside the tail of
the bare system call. Run from the project's root: python bench/ratios_journal.py
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from journal_samples import (
    CLIENT_ID,
    NOT_AFTER_MS,
    NOW_MS,
    PARAMS,
    WINDOW_MS,
    PlainWriter,
    open_journal,
    open_names_plainly,
    write_orders,
)
from ratios_signing import show

SAMPLES = 40_000
ORDERS = 100_000
ROUNDS = 5


def samples_ns(functions: list[Callable[[], object]]) -> list[list[int]]:
    """Give the sorted nanoseconds of single calls, the functions taking turns."""
    clock = time.perf_counter_ns
    samples: list[list[int]] = [[] for _ in functions]
    for _ in range(SAMPLES):
        for function, own in zip(functions, samples, strict=True):
            start = clock()
            function()
            own.append(clock() - start)
    return [sorted(own) for own in samples]


def show_appending(folder: Path) -> None:
    """Print how long an order waits for its record."""
    journal = open_journal(folder / "own.journal")
    plain = PlainWriter(folder / "plain.journal")
    bare = os.open(folder / "bare", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    record = bytes(131)
    told = samples_ns(
        [
            lambda: plain.append_intent(CLIENT_ID, PARAMS, NOW_MS, NOT_AFTER_MS, WINDOW_MS),
            lambda: os.write(bare, record),
            lambda: journal.append_intent(CLIENT_ID, PARAMS, NOW_MS, NOT_AFTER_MS, WINDOW_MS),
        ]
    )
    journal.close()
    os.close(plain.fd)
    os.close(bare)
    names = ("plain_python", "os.write of ready bytes", "journal")
    for title, share in (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)):
        rows = [(name, float(own[int(SAMPLES * share)])) for name, own in zip(names, told, strict=True)]
        show(f"journal: an intent on file, {title}", rows)
    p99_ns = told[2][int(SAMPLES * 0.99)]
    print(f"target: p99 at most 5000 ns: {'met' if p99_ns <= 5_000 else 'MISSED'}")


def show_opening(folder: Path) -> None:
    """Print how long a start waits for a journal of many orders."""
    for title, ended in (("all ended", True), ("all open", False)):
        path = folder / f"{title}.journal"
        write_orders(path, ORDERS, ended=ended)
        data = path.read_bytes()
        taken: tuple[list[int], list[int]] = ([], [])
        for _ in range(ROUNDS):
            path.write_bytes(data)
            begun = time.perf_counter_ns()
            names = open_names_plainly(path.read_bytes())
            read = time.perf_counter_ns()
            journal = open_journal(path)
            taken[0].append(read - begun)
            taken[1].append(time.perf_counter_ns() - read)
            assert len(names) == len(journal.open_intents) == (0 if ended else ORDERS)
            journal.close()
        rows = [("ids found by plain Python", statistics.median(taken[0])), ("opened", statistics.median(taken[1]))]
        show(f"journal: {ORDERS} orders, {title}", rows)
        print(f"target: at most 1 s: {'met' if rows[1][1] <= 1e9 else 'MISSED'}")


def main() -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory() as folder:
        show_appending(Path(folder))
        show_opening(Path(folder))


if __name__ == "__main__":
    main()
