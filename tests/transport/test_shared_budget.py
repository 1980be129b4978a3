"""The memory that processes share: whose it is, who may use it, what becomes of it."""

from __future__ import annotations

import fcntl
import gc
import os
import stat
import warnings
from pathlib import Path

import pytest

from spotlane.spec import Bucket, Endpoint, Verb
from spotlane.transport import Budget, Layout, NotShared, SharedFile, SystemClock, shared_budget

BUCKETS = (Bucket("orders", 20, 60_000, burst=10), Bucket("pair", 20, 60_000, burst=10, per_symbol=True))
PLACE = Endpoint("place", "POST", "/", verb=Verb.PLACE, costs={"orders": 1})
PAIR = Endpoint("pair", "POST", "/", verb=Verb.PLACE, costs={"pair": 1})
OWNER = ("mexc", "https://api.mexc.com", "the key of the account")


def share(folder: Path, buckets: tuple[Bucket, ...] = BUCKETS, owner: tuple[str, ...] = OWNER) -> SharedFile:
    return SharedFile(Layout(buckets), owner, folder=folder)


def budget(file: SharedFile) -> Budget:
    return Budget(BUCKETS, clock=SystemClock(), shared=file)


def drain(budget: Budget, endpoint: Endpoint = PLACE, symbol: str = "") -> int:
    taken = 0
    while budget.try_take(endpoint, symbol):
        taken += 1
    return taken


def test_two_budgets_of_one_key_take_from_one_limit(tmp_path: Path) -> None:
    one, two = budget(share(tmp_path)), budget(share(tmp_path))
    assert (drain(one), drain(two)) == (10, 0)
    assert one.status().is_shared
    assert two.status().limits["orders"].free == 0
    assert (drain(one, PAIR, "A"), drain(two, PAIR, "A"), drain(two, PAIR, "B")) == (10, 0, 10)


def test_a_refusal_for_one_holds_all(tmp_path: Path) -> None:
    one, two = budget(share(tmp_path)), budget(share(tmp_path))
    one.note_retry_after(60.0)
    assert (drain(two), drain(two, PAIR, "seen by nobody before")) == (0, 0)
    assert two.status().limits["orders"].blocked_s == pytest.approx(60.0, abs=1.0)


def test_others_have_limits_of_their_own(tmp_path: Path) -> None:
    assert drain(budget(share(tmp_path))) == 10
    others = [("mexc", OWNER[1], "another key"), ("gateio", *OWNER[1:]), (OWNER[0], "https://127.0.0.1", OWNER[2])]
    files = [share(tmp_path, owner=owner) for owner in others]
    files.append(share(tmp_path, (BUCKETS[0]._replace(limit=21), BUCKETS[1])))
    assert len({file.path for file in files}) == 4
    assert [drain(budget(file)) for file in files[:3]] == [10] * 3


def test_parts_of_an_owner_do_not_run_into_each_other(tmp_path: Path) -> None:
    assert share(tmp_path, owner=("ab", "c")).path != share(tmp_path, owner=("a", "bc")).path


def test_neither_name_nor_content_tells_the_key(tmp_path: Path) -> None:
    file = share(tmp_path)
    drain(budget(file))
    assert OWNER[2] not in str(file.path)
    assert OWNER[2].encode() not in file.path.read_bytes()
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


def test_the_state_outlives_a_process_that_starts_anew_at_once(tmp_path: Path) -> None:
    assert drain(budget(share(tmp_path))) == 10
    gc.collect()
    assert drain(budget(share(tmp_path))) == 0


def test_a_child_after_a_fork_takes_from_the_same_limit(tmp_path: Path) -> None:
    parent = budget(share(tmp_path))
    with warnings.catch_warnings():
        # What pytest-xdist runs tests in has a second thread.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        try:
            os._exit(drain(parent))
        finally:
            os._exit(255)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 10
    assert drain(parent) == 0


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    file = share(tmp_path)
    path, elsewhere = file.path, tmp_path / "elsewhere"
    path.unlink()
    elsewhere.write_bytes(b"precious")
    path.symlink_to(elsewhere)
    with pytest.raises(NotShared, match="can't be used: Too many levels of symbolic links"):
        share(tmp_path)
    assert elsewhere.read_bytes() == b"precious"


def test_a_second_name_is_refused(tmp_path: Path) -> None:
    file = share(tmp_path)
    os.link(file.path, tmp_path / "second")
    with pytest.raises(NotShared, match="second name"):
        share(tmp_path)


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o666])
def test_what_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    share(tmp_path).path.chmod(mode)
    with pytest.raises(NotShared, match="open to others"):
        share(tmp_path)


def test_what_belongs_to_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    share(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 12_345)
    with pytest.raises(NotShared, match="another user"):
        share(tmp_path)


@pytest.mark.parametrize("change", [-16, 16])
def test_another_size_is_refused(tmp_path: Path, change: int) -> None:
    file = share(tmp_path)
    os.truncate(file.path, file.size + change)
    with pytest.raises(NotShared, match="another size"):
        share(tmp_path)


def test_no_folder_and_no_boot_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotShared, match="No such file or directory"):
        share(tmp_path / "missing")
    monkeypatch.setattr(shared_budget, "_BOOT_ID", tmp_path / "missing")
    with pytest.raises(NotShared, match="one boot from the next"):
        share(tmp_path)


def test_what_is_left_is_tidied_up_when_its_limits_are_free_again(tmp_path: Path) -> None:
    idle, busy, used = (share(tmp_path, owner=("x", "y", name)) for name in ("idle", "busy", "used"))
    drain(budget(busy))
    paths = [file.path for file in (idle, busy, used)]
    del idle, busy
    gc.collect()
    share(tmp_path)
    assert [path.exists() for path in paths] == [False, True, True]
    del used
    gc.collect()
    share(tmp_path)
    assert [path.exists() for path in paths] == [False, True, False]


def test_a_file_that_is_removed_meanwhile_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, lock = share(tmp_path).path, fcntl.flock
    gc.collect()
    removed: list[Path] = []

    def flock(descriptor: int, operation: int) -> None:
        if not removed:
            removed.append(path)
            path.unlink()
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    file = share(tmp_path)
    assert removed
    assert file.path.stat().st_size == file.size


def test_a_lock_that_is_never_given_up_ends_the_attempts(tmp_path: Path) -> None:
    path = share(tmp_path).path
    gc.collect()
    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(NotShared, match="is locked"):
            share(tmp_path)


def test_symbols_that_meet_in_a_slot_share_one_limit(tmp_path: Path) -> None:
    layout = Layout(BUCKETS)
    wanted = layout.index(BUCKETS[1], symbol="A")
    twin = next(f"S{number}" for number in range(100_000) if layout.index(BUCKETS[1], symbol=f"S{number}") == wanted)
    shared = budget(share(tmp_path))
    assert (drain(shared, PAIR, "A"), drain(shared, PAIR, twin)) == (10, 0)


def test_every_slot_of_a_layout_is_its_own() -> None:
    buckets = (*BUCKETS, Bucket("each", 5, 1_000, per_endpoint=True), Bucket("last", 5, 1_000))
    layout = Layout(buckets)
    ranges = [{layout.index(each, f"e{n}", f"s{n}") for n in range(3_000)} for each in buckets]
    assert [len(each) for each in ranges] == [1, pytest.approx(960, abs=60), pytest.approx(960, abs=60), 1]
    assert sum(len(each) for each in ranges) == len(set().union(*ranges))
    assert 0 < min(map(min, ranges)) <= max(map(max, ranges)) < layout.count
