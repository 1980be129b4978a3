"""Feed the compiled modules: `make fuzz`, `make fuzz FUZZ="decoder --runs 1000000"`.

Without a clang that has libFuzzer it says SKIPPED. Nothing in the repository is written: what is found lies below
build/fuzz/, and an input that fails is named in the output.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from fuzz_build import build_all
from fuzz_corpus import TARGETS, inputs
from fuzz_seeds import dictionary
from native_build import ROOT, clang

# Inputs are kept short, for there can be more of them; a reply of a thousand rows has nothing that two rows lack.
LONGEST = {"decoder": 640, "encoder": 256, "reader": 256, "signer": 400, "journal": 400}
ALLOCATORS = ("malloc", "pymalloc")
_COUNTS = re.compile(r"spotlane-fuzz executions=(\d+) compared=(\d+) accepted=(\d+)")


class Total(NamedTuple):
    """What one target's workers did."""

    target: str
    executions: int
    compared: int
    accepted: int
    seconds: float
    failed: int

    def line(self) -> str:
        """Return it as a line for people."""
        rate = self.executions / self.seconds if self.seconds else 0.0
        return (
            f"{self.target:8} {self.executions:>13,} executions ({rate:,.0f}/s), {self.compared:,} compared, "
            f"{self.accepted:,} accepted, {self.failed} of its workers failed"
        )


def environment(package: Path, target: str, number: int) -> dict[str, str]:
    """Return the variables of a worker. What is freed is kept for a little while only: the cache is worth more.

    Every other worker of a target has Python's own allocator: it sees less, for a block behind another in one arena is
    not guarded, but comes twice as far. The input itself is guarded in each.
    """
    paths = (package, ROOT / "fuzz", ROOT / "tests" / "core")
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "PYTHONMALLOC": ALLOCATORS[number % len(ALLOCATORS)],
        "PYTHONDONTWRITEBYTECODE": "1",
        "FUZZ_PYTHON": sys.executable,
        "FUZZ_TARGET": f"target_{target}",
        "ASAN_OPTIONS": "detect_leaks=0:quarantine_size_mb=4:malloc_context_size=2:abort_on_error=1",
        "UBSAN_OPTIONS": "print_stacktrace=1:abort_on_error=1",
    }


def prepare(target: str) -> tuple[Path, Path]:
    """Write the seeds and the dictionary of a target; return its corpus and the dictionary."""
    folder = ROOT / "build" / "fuzz" / "work" / target
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for index, data in enumerate(inputs(target)):
        (corpus / f"seed-{index:04}").write_bytes(data)
    words = folder / "words.dict"
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in dictionary(target)))
    return corpus, words


def _escaped(word: bytes) -> str:
    return "".join(chr(byte) if 32 < byte < 127 and byte not in b'"\\' else f"\\x{byte:02x}" for byte in word)


def fuzz(target: str, program: Path, package: Path, options: argparse.Namespace) -> Total:
    """Run the workers of one target to their end."""
    corpus, words = prepare(target)
    folder = corpus.parent
    command = [str(program), str(corpus), f"-dict={words}", f"-max_len={LONGEST[target]}", "-timeout=60"]
    command += [f"-artifact_prefix={folder}/failed-", "-rss_limit_mb=2048", "-use_value_profile=0"]
    command += ["-print_final_stats=1", "-reload=30", "-len_control=20", "-mutate_depth=3"]
    if options.runs:
        command.append(f"-runs={-(-options.runs // options.workers)}")
    if options.seconds:
        command.append(f"-max_total_time={options.seconds}")
    started = time.monotonic()
    logs = [folder / f"worker-{number}.log" for number in range(options.workers)]
    workers = []
    for number, log in enumerate(logs):
        seed = [] if options.seed is None else [f"-seed={options.seed + number}"]
        with log.open("w") as out:
            workers.append(
                subprocess.Popen([*command, *seed], cwd=folder, env=environment(package, target, number), stderr=out)
            )
    failed = sum(worker.wait() != 0 for worker in workers)
    seconds = time.monotonic() - started
    counts = [0, 0, 0]
    for worker, log in zip(workers, logs, strict=True):
        text = log.read_text(errors="replace")
        told = _COUNTS.findall(text)
        counts = [total + int(more) for total, more in zip(counts, told[-1] if told else (0, 0, 0), strict=True)]
        if worker.returncode:
            print(f"{target}: {log} ends with\n" + "\n".join(text.splitlines()[-40:]), file=sys.stderr)
    return Total(target, counts[0], counts[1], counts[2], seconds, failed)


def main() -> int:
    """Read the arguments, build, run one target after another."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", choices=[[], *TARGETS], help="all, where none is named")
    parser.add_argument("--runs", type=int, help="executions of each target, over all its workers")
    parser.add_argument("--seconds", type=int, help="for how long each target runs")
    parser.add_argument("--workers", type=int, default=1, help="processes of a target")
    parser.add_argument("--seed", type=int, help="where the choices of libFuzzer begin")
    options = parser.parse_args()
    if options.runs is None and options.seconds is None:
        options.seconds = 12
    compiler = clang()
    if compiler is None:
        print("SKIPPED: no clang with libFuzzer is here; on Debian and Ubuntu, apt install clang libclang-rt-14-dev")
        return 0
    program, package = build_all(compiler)
    totals = []
    for target in options.targets or TARGETS:
        totals.append(fuzz(target, program, package, options))
        print(totals[-1].line(), flush=True)
    return 1 if any(total.failed or not total.executions for total in totals) else 0


if __name__ == "__main__":
    raise SystemExit(main())
