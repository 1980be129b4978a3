"""The journal as its owner uses it: opened, locked, written, synced, forked, closed."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from spotlane._core.journal import Writer
from spotlane.errors import StateError, UsageError
from spotlane.safety import client_ids, journal_file
from spotlane.safety.journal import Journal, JournalStatus
from spotlane.safety.journal_file import CODEC, Disk
from spotlane.structs import OrderParams, OrderType, OutcomeState, Side, Symbol, TimeInForce
from spotlane.transport import ManualClock

PARAMS = OrderParams(
    Symbol("BTC", "USDT"), Side.BUY, OrderType.LIMIT, quantity=Decimal("0.0010"), price=Decimal("64999.98")
)
MARK = "5f" * 16
HEADER_BYTES = 128


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "orders.journal"


@pytest.fixture
def opened(path: Path) -> Iterator[Callable[..., Journal]]:
    """Open journals that are closed at the end."""
    made: list[Journal] = []

    def open_journal(**changes: Any) -> Journal:
        told: dict[str, Any] = {"exchange": "mexc", "key_mark": MARK, "clock": ManualClock()} | changes
        journal = Journal.open(told.pop("path", path), **told)
        made.append(journal)
        return journal

    yield open_journal
    for journal in made:
        journal.close()


Open = Callable[..., Journal]


def test_intents_without_a_terminal_note_are_open_the_next_time(opened: Open) -> None:
    first = opened()
    for name in "abcdefgh":
        first.append_intent(name, PARAMS, 10, 20, 30)
    for name, state in zip("abcdefg", OutcomeState, strict=True):
        first.note(name, state, "17")
    first.close()
    second = opened()
    assert [intent.client_order_id for intent in second.open_intents] == ["d", "g", "h"]
    intent = second.open_intents[0]
    assert intent.params == PARAMS.replace(client_order_id="d")
    assert (intent.sent_ms, intent.not_after_ms, intent.window_ms, intent.epoch) == (10, 20, 30, 1)


def test_an_id_that_was_not_sent_can_be_journalled_again(opened: Open) -> None:
    first = opened()
    first.append_intent("a", PARAMS, 10, 20, 30)
    first.append_intent("b", PARAMS, 10, 20, 30)
    first.note("a", OutcomeState.NOT_SENT, None)
    first.append_intent("a", PARAMS.replace(side=Side.SELL, time_in_force=TimeInForce.IOC), 11, 21, 31)
    first.close()
    later = opened().open_intents
    assert [(intent.client_order_id, intent.sent_ms) for intent in later] == [("b", 10), ("a", 11)]
    assert later[1].params.side is Side.SELL


def test_epochs_rise_and_the_identity_stays(opened: Open, path: Path, tmp_path: Path) -> None:
    identities = set()
    for epoch in range(1, 4):
        journal = opened()
        identities.add(journal.identity)
        assert journal.epoch == epoch
        journal.close()
    (identity,) = identities
    assert len(identity) == 6
    assert set(identity) <= set(client_ids._DIGITS)
    assert opened(path=tmp_path / "other.journal").identity != identity
    assert path.stat().st_mode & 0o777 == 0o600
    assert {file.name for file in tmp_path.iterdir()} == {"orders.journal", "other.journal"}


def test_the_epoch_is_on_the_disk_before_the_journal_is_open(opened: Open, path: Path) -> None:
    opened().close()
    seen: list[int] = []

    def sync(fd: int) -> None:
        if not seen:
            seen.append(path.read_bytes()[-28:-4].count(b"\2\0\0\0"))
        os.fsync(fd)

    assert opened(disk=Disk(sync=sync)).epoch == 2
    assert seen == [1]

    def fail(fd: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with pytest.raises(StateError, match="Input/output error"):
        opened(path=path.with_name("other.journal"), disk=Disk(sync=fail))
    assert sorted(file.name for file in path.parent.iterdir()) == ["orders.journal"]


def test_notes_reach_the_file_without_another_intent(opened: Open, path: Path) -> None:
    synced = threading.Event()

    def sync(fd: int) -> None:
        if b"note-to-find" in path.read_bytes():
            synced.set()

    journal = opened()
    journal.close()
    journal = opened(disk=Disk(sync=sync))
    journal.note("a", OutcomeState.UNKNOWN, "note-to-find")
    assert synced.wait(30)


def test_status_tells_what_would_be_lost(opened: Open, path: Path) -> None:
    journal = opened()
    journal.append_intent("a", PARAMS, 10, 20, 30)
    journal.note("a", OutcomeState.ACCEPTED, "17")
    journal.close()
    assert journal.status() == JournalStatus(
        path=str(path),
        identity=journal.identity,
        epoch=1,
        durability="lazy",
        size_bytes=path.stat().st_size,
        unsynced_bytes=0,
        pending_bytes=0,
        torn_bytes=0,
        lost_notes=0,
        failure=f"the journal {path} is closed",
    )
    with pytest.raises(StateError, match="is closed"):
        journal.append_intent("b", PARAMS, 10, 20, 30)
    journal.note("b", OutcomeState.ACCEPTED, None)


@pytest.mark.parametrize(
    "change", [{"durability": "often"}, {"exchange": ""}, {"exchange": "x" * 25}, {"key_mark": "é"}, {"key_mark": ""}]
)
def test_wrong_arguments_are_the_callers_mistake(opened: Open, path: Path, change: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        opened(**change)
    assert not path.exists()


def make_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def overwrite(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_bytes(b"a,b,c\n1,2,3\n" * 50), "is no journal, by its first bytes"),
        (lambda path: os.truncate(path, HEADER_BYTES - 1), "damaged in its first 128 bytes"),
        (lambda path: overwrite(path, 8, b"\2"), "of version 2, and this spotlane reads 1"),
        (lambda path: overwrite(path, 30, b"X"), "damaged in its first 128 bytes"),
        (lambda path: (path.unlink(), path.mkdir()), "Is a directory"),
        (lambda path: make_pipe(path), "not a regular file"),
        (lambda path: (path.rename(path.with_name("real")), path.symlink_to("real")), "be no link"),
    ],
)
def test_what_is_no_journal_is_refused_and_left_as_it_is(
    opened: Open, path: Path, spoil: Callable[[Path], object], told: str
) -> None:
    journal = opened()
    journal.append_intent("a", PARAMS, 10, 20, 30)
    journal.close()
    spoil(path)
    before = path.read_bytes() if path.is_file() else None
    for _ in range(2):
        with pytest.raises(StateError, match=told):
            opened()
    assert (path.read_bytes() if path.is_file() else None) == before


def test_a_journal_of_another_exchange_or_key_is_refused(opened: Open) -> None:
    opened().close()
    with pytest.raises(StateError, match="is of mexc, not of gateio"):
        opened(exchange="gateio")
    with pytest.raises(StateError, match="of another API key") as caught:
        opened(key_mark="00" * 16)
    assert MARK not in str(caught.value)
    assert opened().epoch == 2


def test_a_directory_that_is_not_there_is_named(opened: Open, tmp_path: Path) -> None:
    with pytest.raises(StateError, match="its directory must exist"):
        opened(path=tmp_path / "none" / "orders.journal")


def test_the_last_epoch_is_refused(opened: Open, path: Path) -> None:
    opened().close()
    fd = os.open(path, os.O_RDWR | os.O_APPEND)
    writer = Writer(CODEC, fd, str(path), size_bytes=path.stat().st_size, sequence=1, epoch=2**20 - 1)
    writer.append_epoch(1, 1)
    os.close(fd)
    with pytest.raises(StateError, match="was opened 1048576 times: move it away"):
        opened()


def test_a_second_opener_is_refused_by_the_pid_of_the_first(opened: Open) -> None:
    journal = opened()
    with pytest.raises(StateError, match=f"in use by process {os.getpid()}"):
        opened()
    journal.close()
    assert opened().epoch == 2


def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run code in an interpreter of its own, where a fork meets no threads of the tests."""
    head = """
import os, sys, fcntl
from decimal import Decimal
from spotlane.errors import *
from spotlane.structs import *
from spotlane.safety.journal import Journal
from spotlane.transport import SystemClock
PARAMS = OrderParams(Symbol("BTC", "USDT"), Side.BUY, OrderType.MARKET, quantity=Decimal(1))
def open_journal():
    return Journal.open(sys.argv[1], exchange="mexc", key_mark=sys.argv[2], clock=SystemClock())
"""
    told = [str(argument) for argument in arguments]
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", head + code, *told], capture_output=True, text=True, timeout=50
    )


def test_another_process_is_refused_until_the_first_ends(opened: Open, path: Path) -> None:
    journal = opened()
    refused = run("open_journal()", path, MARK)
    assert f"StateError: the journal {path} is in use by process {os.getpid()}" in refused.stderr
    journal.close()
    assert run("print(open_journal().epoch)", path, MARK).stdout == "2\n"
    assert opened().epoch == 3


def test_a_forked_child_writes_nothing_and_leaves_the_lock_to_its_parent(opened: Open, path: Path) -> None:
    finished = run(
        """
import asyncio
journal = open_journal()
journal.append_intent("parent-1", PARAMS, 1, 2, 3)
child = os.fork()
if not child:
    for call in (
        lambda: journal.append_intent("child", PARAMS, 1, 2, 3), lambda: asyncio.run(journal.make_durable()),
    ):
        try:
            call()
        except WrongContext:
            os.write(1, b"refused ")
    journal.note("parent-1", OutcomeState.ACCEPTED, "17")
    journal.close()
    os._exit(0)
os.waitpid(child, 0)
try:
    open_journal()
except StateError as error:
    os.write(1, b"locked " if "in use by process" in str(error) else b"")
journal.append_intent("parent-2", PARAMS, 1, 2, 3)
journal.close()
""",
        path,
        MARK,
    )
    assert finished.stdout == "refused refused locked ", finished.stderr
    assert [intent.client_order_id for intent in opened().open_intents] == ["parent-1", "parent-2"]


def test_a_child_that_lives_on_does_not_keep_the_lock(opened: Open, path: Path) -> None:
    finished = run(
        """
journal = open_journal()
child = os.fork()
if not child:
    os.close(1)
    os.close(2)
    import signal
    signal.pause()
print(child, flush=True)
os._exit(0)
""",
        path,
        MARK,
    )
    child = int(finished.stdout)
    try:
        assert opened().epoch == 2
    finally:
        os.kill(child, 9)


def test_a_disk_without_room_refuses_intents_and_keeps_the_file_whole(opened: Open, path: Path) -> None:
    finished = run(
        """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
journal = open_journal()
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, resource.RLIM_INFINITY))
written = 0
try:
    while True:
        journal.append_intent(f"id{written}", PARAMS, 1, 2, 3)
        written += 1
except StateError as error:
    print(error)
try:
    journal.append_intent("later", PARAMS, 1, 2, 3)
except StateError as error:
    print(error)
print(os.path.getsize(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal.append_intent("room", PARAMS, 1, 2, 3)
journal.close()
print(written)
""",
        path,
        MARK,
    )
    first, second, size, written = finished.stdout.splitlines()
    assert "has no room" in first
    assert "has no room" in second
    assert int(size) < 1_000
    found = [intent.client_order_id for intent in opened().open_intents]
    assert found == [f"id{number}" for number in range(int(written))] + ["room"]


def test_a_disk_without_room_refuses_the_opening(opened: Open, path: Path) -> None:
    opened().close()
    before = path.read_bytes()
    for room in (0, 5):
        finished = run(
            f"""
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (os.path.getsize(sys.argv[1]) + {room},) * 2)
open_journal()
""",
            path,
            MARK,
        )
        assert "StateError" in finished.stderr
        assert "has no room" in finished.stderr
        assert path.read_bytes() == before


async def test_lazy_durability_waits_for_nothing(opened: Open) -> None:
    opened().close()
    first = threading.get_ident()
    gate = threading.Event()

    def sync(fd: int) -> None:
        if threading.get_ident() != first:
            gate.wait(30)

    journal = opened(disk=Disk(sync=sync))
    journal.append_intent("a", PARAMS, 1, 2, 3)
    await journal.make_durable()
    assert journal.status().unsynced_bytes > 0
    gate.set()


async def test_sync_durability_returns_after_the_sync_that_covers_the_intent(opened: Open, path: Path) -> None:
    opened().close()
    own = threading.get_ident()
    begun, gate = threading.Semaphore(0), threading.Semaphore(0)
    sizes: list[int] = []

    def sync(fd: int) -> None:
        if threading.get_ident() == own:
            return
        sizes.append(path.stat().st_size)
        begun.release()
        assert gate.acquire(timeout=30)

    journal = opened(disk=Disk(sync=sync), durability="sync")
    journal.append_intent("a", PARAMS, 1, 2, 3)
    early = asyncio.ensure_future(journal.make_durable())
    assert await asyncio.to_thread(begun.acquire)
    # Written while a sync is under way, which may not cover it.
    journal.append_intent("b", PARAMS, 1, 2, 3)
    journal.append_intent("c", PARAMS, 1, 2, 3)
    late = [asyncio.ensure_future(journal.make_durable()) for _ in range(2)]
    given_up = asyncio.ensure_future(journal.make_durable())
    await asyncio.sleep(0)
    assert not early.done()
    given_up.cancel()
    gate.release()
    await early
    assert not late[0].done()
    assert await asyncio.to_thread(begun.acquire)
    assert not late[0].done()
    gate.release()
    await asyncio.gather(*late)
    assert len(sizes) == 2
    assert sizes[1] == journal.status().size_bytes
    await journal.make_durable()
    assert len(sizes) == 2


@pytest.mark.parametrize("durability", ["lazy", "sync"])
async def test_a_sync_that_failed_is_fatal_and_never_tried_again(
    opened: Open, durability: str, caplog: pytest.LogCaptureFixture
) -> None:
    opened().close()
    own = threading.get_ident()
    tried = threading.Event()
    calls: list[int] = []

    def sync(fd: int) -> None:
        if threading.get_ident() != own:
            calls.append(fd)
            tried.set()
            raise OSError(errno.EIO, "Input/output error")

    journal = opened(disk=Disk(sync=sync), durability=durability)
    journal.append_intent("a", PARAMS, 1, 2, 3)
    if durability == "sync":
        with pytest.raises(StateError, match="can't be brought to the disk"):
            await journal.make_durable()
    assert await asyncio.to_thread(tried.wait, 30)
    journal._syncer._thread.join(30)
    with pytest.raises(StateError, match="can't be brought to the disk"):
        journal.append_intent("b", PARAMS, 1, 2, 3)
    if durability == "sync":
        with pytest.raises(StateError, match="can't be brought to the disk"):
            await journal.make_durable()
    journal.note("a", OutcomeState.ACCEPTED, None)
    journal.close()
    assert len(calls) == 1
    assert [record.levelno for record in caplog.records] == [logging.CRITICAL]
    assert "Input/output error" in (journal.status().failure or "")


@pytest.mark.parametrize("remove", [os.unlink, lambda path: os.rename(path, f"{path}.away")])
def test_a_file_that_is_taken_away_ends_all_placing(
    opened: Open, path: Path, remove: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    journal = opened()
    remove(path)
    journal._syncer._thread.join(30)
    with pytest.raises(StateError, match="was removed or replaced while it was in use"):
        journal.append_intent("a", PARAMS, 1, 2, 3)
    assert "removed or replaced" in caplog.text


def fill(journal: Journal, *, ended: bool) -> int:
    """Write orders until the file is worth compacting; return how many."""
    count = 0
    while journal.status().size_bytes <= journal_file._COMPACT_BYTES:
        journal.append_intent(f"id{count}", PARAMS, count, 20, 30)
        if ended and count % 1_000:
            journal.note(f"id{count}", OutcomeState.ACCEPTED, str(count))
        count += 1
    journal.close()
    return count


def test_a_long_file_is_compacted_when_it_is_opened(opened: Open, path: Path) -> None:
    first = opened()
    count = fill(first, ended=True)
    wanted = [(f"id{number}", number, 1) for number in range(0, count, 1_000)]
    path.with_name("orders.journal.compact").write_text("left by an opening that was killed")
    second = opened()
    assert [(intent.client_order_id, intent.sent_ms, intent.epoch) for intent in second.open_intents] == wanted
    assert (second.identity, second.epoch) == (first.identity, 2)
    assert path.stat().st_size < journal_file._COMPACT_BYTES / 100
    assert [file.name for file in path.parent.iterdir()] == ["orders.journal"]
    # The lock went over to the new file.
    with pytest.raises(StateError, match="in use by process"):
        opened()
    second.append_intent("after", PARAMS, 1, 2, 3)
    second.note("id0", OutcomeState.ADOPTED, "17")
    second.close()
    third = opened()
    found = [(intent.client_order_id, intent.sent_ms, intent.epoch) for intent in third.open_intents]
    assert found == [*wanted[1:], ("after", 1, 2)]
    assert third.epoch == 3


def test_a_long_file_of_open_intents_stays_as_it_is(opened: Open, path: Path) -> None:
    count = fill(opened(), ended=False)
    size = path.stat().st_size
    assert len(opened().open_intents) == count
    assert path.stat().st_size > size


@pytest.mark.parametrize("failing", [1, 2])
def test_a_compaction_that_fails_leaves_the_file_as_it_was(opened: Open, path: Path, failing: int) -> None:
    count = fill(opened(), ended=True)
    before = path.read_bytes()
    calls = 0

    def sync(fd: int) -> None:
        nonlocal calls
        calls += 1
        if calls == failing:
            raise OSError(errno.EIO, "Input/output error")

    with pytest.raises(StateError, match="Input/output error"):
        opened(disk=Disk(sync=sync))
    if failing == 1:
        assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["orders.journal"]
    assert len(opened().open_intents) == (count + 999) // 1_000


def test_who_waited_for_the_lock_of_a_replaced_file_gets_the_new_one(
    opened: Open, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened().close()
    lock = fcntl.flock

    def replace_first(fd: int, operation: int) -> None:
        monkeypatch.setattr(fcntl, "flock", lock)
        copy = path.with_name("copy")
        copy.write_bytes(path.read_bytes())
        copy.rename(path)
        lock(fd, operation)

    monkeypatch.setattr(fcntl, "flock", replace_first)
    journal = opened()
    journal.append_intent("a", PARAMS, 1, 2, 3)
    journal.close()
    assert [intent.client_order_id for intent in opened().open_intents] == ["a"]


def test_of_two_who_make_a_journal_one_opens_what_the_other_made(
    opened: Open, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link
    made: list[str] = []

    def be_late(fresh: str, name: str) -> None:
        monkeypatch.setattr(os, "link", link)
        other = opened()
        made.append(other.identity)
        other.close()
        link(fresh, name)

    monkeypatch.setattr(os, "link", be_late)
    journal = opened()
    assert [journal.identity] == made
    assert journal.epoch == 2
    assert [file.name for file in path.parent.iterdir()] == ["orders.journal"]
