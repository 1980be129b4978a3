"""No call of a compiled function leaves anything behind, and every function is called.

`make refcounts` does the same a hundred times as often, on an interpreter that counts each reference.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys

import pytest
from refcount_calls import Call, calls, perform

from spotlane._core._built import EXTENSIONS

CALLS = calls()
MANY = int(os.environ.get("SPOTLANE_REFCOUNT_CALLS", "1000"))
# What caches and free lists of the interpreter take once.
ROOM = 100


def blocks_left_by(call: Call) -> int:
    """Give how many blocks of memory more there are after many calls."""
    for _ in range(20):
        perform(call)
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(MANY):
        perform(call)
    # Garbage is no leak, but to look for it takes longer than all else here.
    if sys.getallocatedblocks() - before > ROOM:
        gc.collect()
    return sys.getallocatedblocks() - before


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.label)
def test_nothing_is_left_behind(call: Call) -> None:
    gc.disable()
    try:
        assert blocks_left_by(call) <= ROOM
    finally:
        gc.enable()


def test_a_leak_of_one_object_a_call_is_seen() -> None:
    kept: list[object] = []
    assert blocks_left_by(Call("a leak", lambda: kept.append(object()))) >= MANY


def public_names() -> set[str]:
    """Give every function and class that a compiled module defines for others."""
    found = set()
    for name in EXTENSIONS:
        module = importlib.import_module(f"spotlane._core.{name}")
        for member, value in vars(module).items():
            is_own = getattr(value, "__module__", None) == module.__name__
            if is_own and callable(value) and not member.startswith("_"):
                found.add(f"{name}.{member}")
    return found


def test_every_public_function_is_called() -> None:
    called = {".".join(call.name.split(".")[:2]) for call in CALLS}
    missing = {name for name in public_names() if name not in called and name.partition(".")[0] not in called}
    assert missing == set()
    assert len(public_names()) > 40


def test_every_function_is_called_well_and_most_are_called_badly() -> None:
    good = {call.name for call in CALLS if not call.fails}
    bad = {call.name for call in CALLS if call.fails}
    never_good = {"secret.Vault", "secret.Secret.__eq__", "secret.Secret.__reduce__"}
    assert bad - good <= {"records.Codec", "order_check.Shapes", *never_good}
    assert len(bad) > 30


def test_labels_tell_calls_apart() -> None:
    assert len({(call.label, call.fails) for call in CALLS}) == len(CALLS)
