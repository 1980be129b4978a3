"""What a process holds now: resident memory, garbage-collected objects, sockets. From Linux's /proc."""

from __future__ import annotations

import gc
import os
from pathlib import Path

_PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1_024
_STATM = Path("/proc/self/statm")
_DESCRIPTORS = Path("/proc/self/fd")


def is_told() -> bool:
    """Say whether this system tells what a process holds."""
    return _STATM.exists()


def resident_kib() -> int:
    """Return the resident memory of this process in KiB."""
    return int(_STATM.read_text().split()[1]) * _PAGE_KIB


def objects() -> int:
    """Return how many objects the garbage collector follows, after a collection."""
    gc.collect()
    return len(gc.get_objects())


def connections() -> int:
    """Return how many of this process's descriptors are TCP connections that are established."""
    established = _established()
    links = (_link(name) for name in os.listdir(_DESCRIPTORS))
    return sum(link.removeprefix("socket:[").removesuffix("]") in established for link in links)


def _link(name: str) -> str:
    # The descriptor of the listing itself is gone by now.
    try:
        return os.readlink(_DESCRIPTORS / name)
    except FileNotFoundError:
        return ""


def _established() -> set[str]:
    """Return the inodes of the established TCP connections of this machine."""
    inodes = set()
    for table in ("tcp", "tcp6"):
        path = Path("/proc/net") / table
        if path.exists():
            rows = (line.split() for line in path.read_text().splitlines()[1:])
            inodes |= {row[9] for row in rows if row[3] == "01"}
    return inodes
