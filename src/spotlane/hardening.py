"""What a process can do so that its memory is read by nobody."""

from __future__ import annotations

import sys
from typing import NamedTuple

_PR_SET_DUMPABLE = 4


class Hardening(NamedTuple):
    """What harden_process() reached: no core files, and no reading of the memory by other processes of the user."""

    no_cores: bool
    not_readable: bool


def harden_process() -> Hardening:
    """Have the system write no core file of this process, and let no process of the same user read its memory.

    Both hold until the process ends or runs another program; children that are forked inherit them. The second is
    Linux's PR_SET_DUMPABLE (prctl(2)): debuggers, py-spy, strace and gcore can't attach any more, and the files below
    /proc/<pid> belong to root, who can still read everything. Raises nothing: what did not work is False.
    """
    return Hardening(_limit_cores(), _forbid_reading())


def _limit_cores() -> bool:
    try:
        import resource
    except ImportError:
        return False
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (OSError, ValueError):
        return False
    return True


def _forbid_reading() -> bool:
    if sys.platform != "linux":
        return False
    import ctypes

    return bool(ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) == 0)
