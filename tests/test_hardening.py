"""A process that was hardened: no core file, and no other process of the user reads it."""

from __future__ import annotations

import subprocess
import sys

import pytest

CHILD = """
import resource, spotlane
done = spotlane.harden_process()
import ctypes
dumpable = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
print(done.no_cores, done.not_readable, resource.getrlimit(resource.RLIMIT_CORE), dumpable)
print(spotlane.harden_process() == done)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_DUMPABLE is Linux's")
def test_no_cores_and_no_readers() -> None:
    finished = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, check=True)
    assert finished.stdout == "True True (0, 0) 0\nTrue\n"


def test_what_does_not_work_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from spotlane import hardening

    def refused(*_: object) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr("resource.setrlimit", refused)
    monkeypatch.setattr("sys.platform", "plan9")
    assert hardening.harden_process() == (False, False)
