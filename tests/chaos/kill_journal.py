"""Kill a process that writes a journal, again and again at random moments, and count what is lost.

Run from the project's root: python tests/chaos/kill_journal.py --kills 2000 --seed 1
"""

from __future__ import annotations

import argparse
import os
import random
import select
import signal
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from spotlane.safety.journal import Journal
from spotlane.structs import OrderParams, OrderType, OutcomeState, Side, Symbol
from spotlane.transport import SystemClock

KEY_MARK = "c0" * 16
# Late enough for the interpreter to start, and spread over opening, compacting and writing.
MOST_DELAY_S = 0.06


class Outcome(NamedTuple):
    """What a run has shown. lost and repeated name client order ids."""

    kills: int
    written: int
    ended: int
    torn: int
    lost: list[str]
    repeated: list[str]


def open_journal(path: Path) -> Journal:
    return Journal.open(path, exchange="mexc", key_mark=KEY_MARK, clock=SystemClock())


def write_for_ever(path: Path) -> None:
    """Write intents and notes, and tell each on standard output: what was told was on file before."""
    os.write(1, b"ready\n")
    sys.stdin.readline()
    journal = open_journal(path)
    params = OrderParams(Symbol("BTC", "USDT"), Side.BUY, OrderType.LIMIT, quantity=Decimal(1), price=Decimal(2))
    sequence = 0
    while True:
        client_id = f"s{journal.identity}{journal.epoch:04x}{sequence:07}0"
        journal.append_intent(client_id, params, 1, 2, 3)
        os.write(1, f"{client_id}\n".encode())
        # Every tenth has no end: it has to be found open for ever.
        if sequence % 10:
            os.write(1, f"-{client_id}\n".encode())
            journal.note(client_id, OutcomeState.ACCEPTED, str(sequence))
        sequence += 1


def run(kills: int, *, seed: int, folder: Path) -> Outcome:
    """Kill a writer so many times; after each, every intent that it told of has to be on file."""
    draw = random.Random(seed)
    path = folder / "killed.journal"
    ended: set[str] = set()
    known: set[str] = set()
    lost: list[str] = []
    repeated: list[str] = []
    torn = 0
    for _ in range(kills):
        told = _kill_one(path, draw.random() * MOST_DELAY_S)
        written = [line for line in told if not line.startswith("-")]
        repeated += [name for name in written if name in known]
        known.update(written)
        ended.update(line[1:] for line in told if line.startswith("-"))
        journal = open_journal(path)
        torn += bool(journal.status().torn_bytes)
        found = {intent.client_order_id for intent in journal.open_intents}
        journal.close()
        # An intent that the writer ended may still be open: its note was lost with the process.
        lost += sorted(known - ended - found)
    return Outcome(kills, len(known), len(ended), torn, lost, repeated)


def _kill_one(path: Path, delay_s: float) -> list[str]:
    """Start a writer, kill it after a delay, and return the whole lines that it wrote."""
    command = [sys.executable, __file__, "--write", str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        process.stdout.readline()
        process.stdin.write(b"go\n")
        process.stdin.flush()
        # Its output has to be read all the time, or a full pipe would keep it from writing.
        pipe = process.stdout.fileno()
        end_s = time.monotonic() + delay_s
        output = b""
        while (left_s := end_s - time.monotonic()) > 0:
            if select.select([pipe], [], [], left_s)[0]:
                output += os.read(pipe, 1 << 16)
        process.send_signal(signal.SIGKILL)
        process.wait()
        output += process.stdout.read()
    return [line.decode() for line in output.split(b"\n")[:-1]]


def main() -> None:
    """Print what a run has shown; exit with 1 where anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.write:
        write_for_ever(arguments.write)
    seed = random.randrange(2**32) if arguments.seed is None else arguments.seed
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(arguments.kills, seed=seed, folder=Path(folder))
    print(
        f"seed {seed}: {outcome.kills} kills, {outcome.written} intents told, {outcome.ended} ended, "
        f"{outcome.torn} torn tails, {len(outcome.lost)} lost, {len(outcome.repeated)} ids repeated"
    )
    sys.exit(bool(outcome.lost or outcome.repeated))


if __name__ == "__main__":
    main()
