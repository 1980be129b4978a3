"""Check what the sdist and the wheel in a folder hold. usage: check_artifacts.py DIST"""

from __future__ import annotations

import sys
import tarfile
import zipfile
from pathlib import Path

SOURCE_ENDINGS = (".pyx", ".pxd", ".c", ".h", ".cpp")
COMPILED = "_ext/spotlane/_core/"


def main(dist: Path) -> int:
    """Print every fault; return their number."""
    faults: list[str] = []
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        inside = [name.split("/", 1)[-1] for name in archive.getnames()]
    modules = [Path(name).stem for name in inside if name.startswith(COMPILED) and name.endswith(".pyx")]
    if not modules:
        faults.append(f"{sdist.name} lacks the sources of the compiled modules")
    generated = [
        name for name in inside if name.endswith((".so", ".pyd")) or (name.startswith(COMPILED) and name.endswith(".c"))
    ]
    faults += [f"{sdist.name} holds a generated file: {name}" for name in generated]
    (wheel,) = dist.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    faults += [f"{wheel.name} holds a source file: {name}" for name in names if name.endswith(SOURCE_ENDINGS)]
    for module in modules:
        if not any(name.startswith(f"spotlane/_core/{module}.") and name.endswith((".so", ".pyd")) for name in names):
            faults.append(f"{wheel.name} lacks the compiled {module}")
    if "spotlane/py.typed" not in names:
        faults.append(f"{wheel.name} lacks py.typed")
    for fault in faults:
        print(fault)
    print(f"{sdist.name}: {len(inside)} entries, {wheel.name}: {len(names)} entries, {len(faults)} faults")
    return len(faults)


if __name__ == "__main__":
    sys.exit(1 if main(Path(sys.argv[1])) else 0)
