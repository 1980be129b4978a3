"""Gates in memory that processes share: no window holds more than the limit, whoever is killed when."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

from spotlane._core.guards import Slots

HAMMER = """
import mmap, os, sys, time
from spotlane._core.guards import Claim, Gate, Slots
path, limit, seconds, seed = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
with open(path, "r+b") as file:
    slots = Slots(3, mmap.mmap(file.fileno(), 3 * Slots.SIZE))
wide = Gate(unit_s=0.05 / (limit - limit // 5), burst=limit // 5, reserve=0, slots=slots, index=1, everything=slots)
narrow = Gate(unit_s=0.03 / (limit - limit // 5), burst=limit // 5, reserve=0, slots=slots, index=2, everything=slots)
claims = [Claim([(wide, 1), (narrow, 2)], 0), Claim([(narrow, 1), (wide, 3)], 1), Claim([(wide, 1)], 2)]
costs = [1, 3, 1]
end = time.monotonic() + seconds
out = os.open(f"{path}.{seed}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
turn = seed
while (now := time.monotonic()) < end:
    turn += 1
    if claims[turn % 3].try_take(now):
        os.write(out, b"%r %d;" % (now, costs[turn % 3]))
"""


def test_processes_that_share_a_gate_never_exceed_its_limit_together(tmp_path: Path) -> None:
    """Four of them as fast as they can, one of which is killed again and again at moments of chance."""
    moments = random.Random(7)
    limit, path = 400, tmp_path / "slots"
    path.write_bytes(bytes(3 * Slots.SIZE))
    numbers = iter(range(1_000))

    def start(seconds: float) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", HAMMER, str(path), str(limit), str(seconds), str(next(numbers))]
        return subprocess.Popen(command)

    others = [start(1.5) for _ in range(3)]
    for kill in range(8):
        victim = start(60.0)
        until_written(tmp_path / f"slots.{3 + kill}", moments.randrange(1, 2_000))
        victim.kill()
        victim.wait()
    assert [each.wait() for each in others] == [0, 0, 0]
    admitted = sorted(
        (float(at), int(cost))
        for file in tmp_path.glob("slots.*")
        for at, _, cost in (entry.partition(" ") for entry in file.read_text().split(";")[:-1])
    )
    assert len(admitted) > 3 * limit
    first = used = 0
    for at_s, cost in admitted:
        used += cost
        while admitted[first][0] <= at_s - 0.05 + 1e-5:
            used -= admitted[first][1]
            first += 1
        assert used <= limit


def until_written(path: Path, size: int) -> None:
    give_up_s = time.monotonic() + 30
    while not path.exists() or path.stat().st_size < size:
        assert time.monotonic() < give_up_s
        os.sched_yield()
