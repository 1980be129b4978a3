"""Keep the fewest inputs that reach all that a target's runs have reached: `python fuzz/fuzz_pack.py decoder [FOLDER]`.

FOLDER holds inputs; without one, those of `make fuzz` are taken. This is the one command that writes into the
repository: fuzz/corpus/<target>.jsonl. The largest inputs are left out where all together would be too much.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from fuzz_build import build_all
from fuzz_corpus import CORPUS
from fuzz_run import environment, prepare
from fuzz_seeds import seeds
from native_build import clang

MOST_BYTES = 50 * 1024


def main() -> int:
    """Merge, and write what is left."""
    target = sys.argv[1]
    compiler = clang()
    if compiler is None:
        print("SKIPPED: no clang with libFuzzer is here")
        return 0
    program, package = build_all(compiler)
    corpus, _ = prepare(target)
    chosen = Path(sys.argv[2]) if len(sys.argv) > 2 else corpus
    with tempfile.TemporaryDirectory() as folder:
        command = [str(program), "-merge=1", folder, str(chosen.resolve())]
        subprocess.run(command, cwd=folder, env=environment(package, target, 0), check=True, capture_output=True)
        found = sorted((path.read_bytes() for path in Path(folder).iterdir()), key=lambda data: (len(data), data))
    known = set(seeds(target))
    lines: list[str] = []
    room = MOST_BYTES
    for data in found:
        line = json.dumps(data.decode("latin-1")) + "\n"
        room -= len(line)
        if data not in known and room >= 0:
            lines.append(line)
    CORPUS.mkdir(exist_ok=True)
    (CORPUS / f"{target}.jsonl").write_text("".join(lines))
    print(f"{target}: {len(lines)} of {len(found)} inputs kept")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
