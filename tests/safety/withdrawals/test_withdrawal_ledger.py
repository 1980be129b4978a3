"""The ledger: what it adds up to, what survives, and what it refuses to go on with."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from spotlane.errors import StateError, WithdrawalsStopped
from spotlane.safety.withdrawals import ledger as module
from spotlane.safety.withdrawals.ledger import (
    ACCEPTED,
    CANCELED,
    COMPLETED,
    DAY_MS,
    FAILED,
    NOT_SENT,
    REJECTED,
    Book,
    FileLedger,
    LedgerOwner,
    Record,
)
from spotlane.structs import WithdrawalReason

OWNER = LedgerOwner("acme", "5e" * 16)
NOW_MS = 1_700_000_000_000


def intent(name: str, amount: str = "100", at_ms: int = NOW_MS, **changes: Any) -> Record:
    return {
        "kind": "intent", "id": name, "asset": "USDT", "amount": amount, "debit": amount, "network": "TRX",
        "address": "T", "memo": None, "target": "t1", "nonce": None, "at_ms": at_ms, **changes,
    }  # fmt: skip


def end(name: str, state: str, at_ms: int = NOW_MS) -> Record:
    return {"kind": "end", "id": name, "state": state, "withdrawal_id": None, "at_ms": at_ms}


def open_ledger(folder: Path) -> FileLedger:
    folder.chmod(0o700)
    return FileLedger(str(folder / "w.ledger"), OWNER)


def look(ledger: FileLedger) -> Book:
    return ledger.transact(lambda book: [])


def test_what_is_added_is_there_after_a_restart(tmp_path: Path) -> None:
    records = [intent("a", nonce="n1"), end("a", ACCEPTED), {"kind": "seen", "target": "t1", "at_ms": NOW_MS}]
    open_ledger(tmp_path).transact(lambda book: records)
    book = look(open_ledger(tmp_path))
    assert book.spent("USDT", NOW_MS) == 100
    assert (book.nonces, book.first_seen_ms) == ({"n1"}, {"t1": NOW_MS})
    assert (book.entries["a"].state, book.latest_ms) == (ACCEPTED, NOW_MS)
    assert os.stat(tmp_path / "w.ledger").st_mode & 0o777 == 0o600
    assert OWNER.account in (tmp_path / "w.ledger").read_text()


@pytest.mark.parametrize(
    ("state", "counts"),
    [(None, True), (ACCEPTED, True), (COMPLETED, True), (NOT_SENT, False), (REJECTED, False), (FAILED, False),
     (CANCELED, False)],
)  # fmt: skip
def test_what_counts(tmp_path: Path, state: str | None, counts: bool) -> None:
    ledger = open_ledger(tmp_path)
    book = ledger.transact(lambda book: [intent("a")] + ([] if state is None else [end("a", state)]))
    assert book.spent("USDT", NOW_MS) == (100 if counts else 0)


def test_the_window_is_a_day_to_the_millisecond(tmp_path: Path) -> None:
    records = [intent("a", "1"), intent("b", "20", NOW_MS + 5, target="t2"), intent("c", "300", asset="BTC")]
    book = open_ledger(tmp_path).transact(lambda book: records)
    assert book.spent("USDT", NOW_MS + DAY_MS - 1) == 21
    assert book.spent("USDT", NOW_MS + DAY_MS) == 20
    assert book.spent("USDT", NOW_MS + DAY_MS + 5) == 0
    assert book.spent("USDT", NOW_MS, "t2") == 20
    assert book.has_room_ms("USDT", NOW_MS + 6, Decimal(1)) == NOW_MS + DAY_MS
    assert book.has_room_ms("USDT", NOW_MS + 6, Decimal(2)) == NOW_MS + 5 + DAY_MS
    assert book.has_room_ms("USDT", NOW_MS + 6, Decimal(22)) is None


def test_sums_are_exact_whatever_the_callers_context(tmp_path: Path) -> None:
    from decimal import localcontext

    with localcontext(prec=3):
        book = open_ledger(tmp_path).transact(
            lambda book: [intent("a", "100000000.00000001"), intent("b", "0.000000000000000001")]
        )
        assert str(book.spent("USDT", NOW_MS)) == "100000000.000000010000000001"


def test_what_a_change_raises_adds_nothing(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    look(ledger)
    before = (tmp_path / "w.ledger").read_bytes()

    def refuse(book: Book) -> list[Record]:
        raise LookupError

    with pytest.raises(LookupError):
        ledger.transact(refuse)
    assert (tmp_path / "w.ledger").read_bytes() == before


def damaged(folder: Path, change: Any) -> WithdrawalsStopped:
    ledger = open_ledger(folder)
    ledger.transact(lambda book: [intent("a"), intent("b"), intent("c")])
    path = folder / "w.ledger"
    content = change(path.read_bytes())
    path.write_bytes(content)
    with pytest.raises(WithdrawalsStopped) as refusal:
        look(open_ledger(folder))
    assert path.read_bytes() == content
    assert isinstance(refusal.value, StateError)
    return refusal.value


def test_every_damaged_byte_is_found(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.transact(lambda book: [intent("a"), intent("b")])
    path = tmp_path / "w.ledger"
    content = path.read_bytes()
    for at in range(len(content)):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        with pytest.raises(WithdrawalsStopped):
            look(open_ledger(tmp_path))


def test_damage_is_named_by_its_line_and_left_alone(tmp_path: Path) -> None:
    told = damaged(tmp_path, lambda content: content.replace(b'"id":"b"', b'"id":"B"'))
    assert (told.reason, told.line) == (WithdrawalReason.LEDGER_DAMAGED, 3)
    assert "line 3," in str(told)
    assert "its checksum does not fit" in str(told)


@pytest.mark.parametrize(
    ("change", "line", "words"),
    [
        (lambda content: content[:-5], 4, "ends in the middle of a record"),
        (lambda content: content + b"{", 5, "ends in the middle of a record"),
        (lambda content: b"", None, "is empty"),
        (lambda content: b"\n".join([*content.split(b"\n")[:2], *content.split(b"\n")[3:]]), 3, "checksum"),
        (lambda content: content.partition(b"\n")[2], 1, "is damaged"),
        (lambda content: b"hello\n" + content, 1, "it is no record"),
    ],
)
def test_what_is_no_whole_ledger(tmp_path: Path, change: Any, line: int | None, words: str) -> None:
    told = damaged(tmp_path, change)
    assert (told.line, told.reason) == (line, WithdrawalReason.LEDGER_DAMAGED)
    assert words in str(told)


def test_lines_that_were_cut_off_are_missed_while_the_process_lives(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.transact(lambda book: [intent("a"), intent("b")])
    path = tmp_path / "w.ledger"
    content = path.read_bytes()
    os.truncate(path, content.rindex(b"{"))
    with pytest.raises(WithdrawalsStopped, match="was replaced or cut"):
        look(ledger)
    path.write_bytes(content)
    assert look(ledger).spent("USDT", NOW_MS) == 200
    path.unlink()
    with pytest.raises(WithdrawalsStopped, match="is gone: put it back"):
        look(ledger)
    FileLedger(str(path), OWNER).transact(lambda book: [intent("a"), intent("b"), intent("c")])
    with pytest.raises(WithdrawalsStopped, match="was replaced or cut"):
        look(ledger)


@pytest.mark.parametrize(
    ("owner", "words"),
    [(LedgerOwner("acme", "77" * 16), "another API key"), (LedgerOwner("other", OWNER.account), "acme")],
)
def test_a_ledger_of_somebody_else(tmp_path: Path, owner: LedgerOwner, words: str) -> None:
    look(open_ledger(tmp_path))
    with pytest.raises(WithdrawalsStopped, match=f"is of {words}") as refusal:
        look(FileLedger(str(tmp_path / "w.ledger"), owner))
    assert refusal.value.reason is WithdrawalReason.LEDGER_FOREIGN


def test_a_locked_ledger_is_not_waited_for_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOCK_TRIES", 3)
    ledger = open_ledger(tmp_path)
    look(ledger)
    with open(tmp_path / "w.ledger", "rb") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        with pytest.raises(WithdrawalsStopped, match="is locked by another process") as refusal:
            look(ledger)
    assert refusal.value.reason is WithdrawalReason.LEDGER_LOCKED
    look(ledger)


def test_places_where_no_ledger_can_be(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("folder", "pipe", "link", "none/w.ledger"):
        with pytest.raises(WithdrawalsStopped) as refusal:
            look(FileLedger(str(tmp_path / name), OWNER))
        assert refusal.value.reason is WithdrawalReason.LEDGER_UNUSABLE, name


def test_a_full_disk_stops_it_and_leaves_what_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = open_ledger(tmp_path)
    look(ledger)

    def full(fd: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(WithdrawalsStopped, match="No space left"):
            ledger.transact(lambda book: [intent("a")])
    assert look(ledger).entries == {}


def test_a_record_is_on_the_disk_before_the_transaction_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = open_ledger(tmp_path)
    look(ledger)
    synced: list[int] = []
    monkeypatch.setattr(module, "_sync", lambda fd: synced.append(os.fstat(fd).st_size))
    ledger.transact(lambda book: [intent("a")])
    assert synced == [os.stat(tmp_path / "w.ledger").st_size]

    def broken(fd: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(module, "_sync", broken)
    with pytest.raises(WithdrawalsStopped, match="Input/output error"):
        ledger.transact(lambda book: [intent("b")])


_SPENDER = """
import sys
from decimal import Decimal
from spotlane.safety.withdrawals.ledger import FileLedger, LedgerOwner
path, name = sys.argv[1:]
ledger = FileLedger(path, LedgerOwner("acme", "5e" * 16))
taken = 0
for number in range(40):
    def change(book):
        if book.spent("USDT", 1) + 10 > 300:
            return []
        return [{"kind": "intent", "id": f"{name}-{number}", "asset": "USDT", "amount": "10", "debit": "10",
                 "network": "TRX", "address": "T", "memo": None, "target": "t", "nonce": None, "at_ms": 1}]
    taken += f"{name}-{number}" in ledger.transact(change).entries
print(taken)
"""


def test_processes_share_one_cap(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    path = tmp_path / "w.ledger"
    started = [
        subprocess.Popen(
            [sys.executable, "-c", _SPENDER, str(path), name], stdout=subprocess.PIPE, text=True, env={**os.environ}
        )
        for name in ("one", "two", "three")
    ]
    taken = [int(process.communicate()[0]) for process in started]
    assert [process.returncode for process in started] == [0, 0, 0]
    assert sum(taken) == 30
    assert look(FileLedger(str(path), OWNER)).spent("USDT", 1) == 300
