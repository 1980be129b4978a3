"""The ledger: what was withdrawn, when a target was first seen, and which approvals are used up.

Lines of JSON that are only ever added, each with a checksum over itself and the line before it. The format is in
docs/withdrawals.md.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from spotlane.errors import WithdrawalsStopped
from spotlane.safety.withdrawals.policy_file import refuse_writable, stopped
from spotlane.safety.withdrawals.targets import EXACT
from spotlane.structs import WithdrawalReason, WithdrawalStatus

DAY_MS = 86_400_000

_VERSION = 1
_SUM_DIGITS = 32
_LINE = re.compile(rb'(\{.*),"sum":"([0-9a-f]{32})"\}')
_LOCK_TRIES = 200
_LOCK_STEP_S = 0.005
_sync = getattr(os, "fdatasync", os.fsync)
_WAY_OUT = (
    "compare it with the exchange's withdrawal history, then move it away: a new one counts from nothing and cools "
    "every target down"
)

Record = dict[str, Any]

# How a withdrawal stands: OPEN while nothing is known, ACCEPTED while it can still fail.
OPEN, ACCEPTED, COMPLETED = "open", "accepted", "completed"
NOT_SENT, REJECTED, FAILED, CANCELED = "not_sent", "rejected", "failed", "canceled"
_GIVEN_BACK = frozenset({NOT_SENT, REJECTED, FAILED, CANCELED})
STATES = {
    WithdrawalStatus.COMPLETED: COMPLETED,
    WithdrawalStatus.FAILED: FAILED,
    WithdrawalStatus.CANCELED: CANCELED,
}


class LedgerOwner(NamedTuple):
    """Whose withdrawals a ledger counts. account is a fingerprint of the API key, and no secret."""

    exchange: str
    account: str


@dataclass(slots=True)
class Entry:
    """One withdrawal that was about to be sent. debit is what leaves the account, its fee included."""

    client_withdrawal_id: str
    asset: str
    amount: Decimal
    debit: Decimal
    network: str
    address: str
    memo: str | None
    target: str
    at_ms: int
    state: str = OPEN
    withdrawal_id: str | None = None

    @property
    def counts(self) -> bool:
        """Whether its money is not proven to have stayed."""
        return self.state not in _GIVEN_BACK

    @property
    def is_open(self) -> bool:
        """Whether nothing is known but that it was about to be sent."""
        return self.state == OPEN

    @property
    def is_settled(self) -> bool:
        """Whether nothing more can become of it."""
        return self.state not in (OPEN, ACCEPTED)


@dataclass(slots=True)
class Book:
    """What the lines of a ledger add up to. latest_ms is the latest time in it: its clock never goes back."""

    lines: int = 0
    latest_ms: int = 0
    first_seen_ms: dict[str, int] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)
    nonces: set[str] = field(default_factory=set)

    def now_ms(self, told_ms: int) -> int:
        """Return the time that counts, given that of the exchange."""
        return max(told_ms, self.latest_ms)

    def spent(self, asset: str, now_ms: int, target: str | None = None) -> Decimal:
        """Return what left in the 24 hours before, of an asset, or of it to one target."""
        total = Decimal(0)
        for entry in self._recent(asset, now_ms, target):
            total = EXACT.add(total, entry.debit)
        return total

    def has_room_ms(self, asset: str, now_ms: int, excess: Decimal, target: str | None = None) -> int | None:
        """Return when so much of what left will be 24 hours old, or None where less than that left."""
        for entry in sorted(self._recent(asset, now_ms, target), key=lambda each: each.at_ms):
            excess = EXACT.subtract(excess, entry.debit)
            if excess <= 0:
                return entry.at_ms + DAY_MS
        return None

    def _recent(self, asset: str, now_ms: int, target: str | None) -> Iterator[Entry]:
        for entry in self.entries.values():
            if (
                entry.asset == asset
                and entry.counts
                and entry.at_ms > now_ms - DAY_MS
                and target in (None, entry.target)
            ):
                yield entry

    def add(self, record: Record) -> None:
        """Take a record in. Raises KeyError, TypeError or ValueError for one that can't be."""
        kind, at_ms = record["kind"], record["at_ms"]
        if type(at_ms) is not int or at_ms < 0:
            raise ValueError(f"at_ms is {at_ms!r}")
        if kind == "seen":
            self.first_seen_ms.setdefault(record["target"], at_ms)
        elif kind == "intent":
            self._add_intent(record, at_ms)
        elif kind == "end":
            entry = self.entries[record["id"]]
            if record["state"] not in (ACCEPTED, COMPLETED, *_GIVEN_BACK):
                raise ValueError(f"state is {record['state']!r}")
            entry.state = record["state"]
            entry.withdrawal_id = record.get("withdrawal_id") or entry.withdrawal_id
        elif kind != "ledger":
            raise ValueError(f"kind is {kind!r}")
        self.latest_ms = max(self.latest_ms, at_ms)
        self.lines += 1

    def _add_intent(self, record: Record, at_ms: int) -> None:
        amount, debit = Decimal(record["amount"]), Decimal(record["debit"])
        if not (debit.is_finite() and amount.is_finite() and debit >= amount >= 0):
            raise ValueError(f"amount is {amount}, debit {debit}")
        self.entries[record["id"]] = Entry(
            record["id"], record["asset"], amount, debit, record["network"], record["address"], record["memo"],
            record["target"], at_ms,
        )  # fmt: skip
        if record.get("nonce") is not None:
            self.nonces.add(record["nonce"])


Change = Callable[[Book], list[Record]]


class MemoryLedger:
    """A ledger that ends with the process; for a policy that says so."""

    def __init__(self) -> None:
        self._book = Book()

    def transact(self, change: Change) -> Book:
        """Let a change look at the book and add its records. What it raises goes through, and nothing is added."""
        for record in change(self._book):
            self._book.add(record)
        return self._book


class FileLedger:
    """A ledger in a file that the processes of one account share; each transaction locks and reads it anew."""

    def __init__(self, path: str, owner: LedgerOwner) -> None:
        self.path = os.path.abspath(path)
        self._owner = owner
        # What this process has seen of the file: it may only grow.
        self._seen: tuple[int, int, int] | None = None
        self._seen_sum = b""

    def transact(self, change: Change) -> Book:
        """Let a change look at the book and add its records durably, alone among processes.

        It blocks, for the disk and for at most a second for the lock. What the change raises goes through, and nothing
        is added. Raises WithdrawalsStopped where the file can't be used as it is.
        """
        try:
            fd = self._open()
            try:
                self._lock(fd)
                told = os.fstat(fd)
                book, last_sum = self._read(fd, told)
                lines, last_sum = _encode(change(book), last_sum)
                if lines:
                    if os.write(fd, lines) != len(lines):
                        raise self._stopped("has no room: free space", WithdrawalReason.LEDGER_UNUSABLE)
                    _sync(fd)
                    for line in lines.splitlines():
                        book.add(_decode(line, None)[0])
                self._seen = (told.st_dev, told.st_ino, told.st_size + len(lines))
                self._seen_sum = last_sum
                return book
            finally:
                os.close(fd)
        except OSError as error:
            raise self._stopped(
                f"can't be opened, read or written ({error.strerror}): its folder must exist and be writable, the file "
                "be no link, and the disk have room",
                WithdrawalReason.LEDGER_UNUSABLE,
            ) from None

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        for _ in range(2):
            with contextlib.suppress(FileNotFoundError):
                return os.open(self.path, flags)
            if self._seen is not None:
                raise self._stopped(f"is gone: put it back; or {_WAY_OUT}", WithdrawalReason.LEDGER_DAMAGED)
            self._make()
        return os.open(self.path, flags)

    def _make(self) -> None:
        """Put a new ledger in place, whole, unless another process was faster."""
        fresh = f"{self.path}.new-{secrets.token_hex(6)}"
        # The id keeps two ledgers that begin alike from being taken for one.
        owner = self._owner._asdict()
        header = {"kind": "ledger", "version": _VERSION, "id": secrets.token_hex(8), **owner, "at_ms": 0}
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            with open(fd, "wb") as file:
                file.write(_encode([header], b"")[0])
                file.flush()
                _sync(fd)
            # A name that exists is never taken over, as it would be by a rename.
            with contextlib.suppress(FileExistsError):
                os.link(fresh, self.path)
        finally:
            os.unlink(fresh)
        folder = os.open(os.path.dirname(self.path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _sync(folder)
        finally:
            os.close(folder)

    def _lock(self, fd: int) -> None:
        told = os.fstat(fd)
        if not stat.S_ISREG(told.st_mode):
            raise self._stopped("is not a regular file: give another path", WithdrawalReason.LEDGER_UNUSABLE)
        refuse_writable(self.path, told, "ledger", WithdrawalReason.LEDGER_UNUSABLE)
        for _ in range(_LOCK_TRIES):
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            # Runs in a thread, for which there is no clock of the client's.
            time.sleep(_LOCK_STEP_S)
        raise self._stopped(
            "is locked by another process: see what holds it (fuser), and try again", WithdrawalReason.LEDGER_LOCKED
        )

    def _read(self, fd: int, told: os.stat_result) -> tuple[Book, bytes]:
        content = b""
        while part := os.pread(fd, 1 << 20, len(content)):
            content += part
        damaged = WithdrawalReason.LEDGER_DAMAGED
        if self._seen is not None and (
            (told.st_dev, told.st_ino) != self._seen[:2]
            or len(content) < self._seen[2]
            or self._seen_sum not in content[: self._seen[2]].rpartition(b"\n{")[2]
        ):
            raise self._stopped(f"was replaced or cut since this process wrote it: put it back; or {_WAY_OUT}", damaged)
        if not content:
            raise self._stopped(f"is empty, which no ledger ever is: {_WAY_OUT}", damaged)
        book, last_sum = Book(), b""
        lines = content.split(b"\n")
        for number, line in enumerate(lines[:-1], 1):
            try:
                record, last_sum = _decode(line, last_sum)
                if number == 1:
                    self._check_owner(record)
                book.add(record)
            except WithdrawalsStopped:
                raise
            except (ValueError, KeyError, TypeError, ArithmeticError) as error:
                raise self._stopped(f"is damaged ({error}): {_WAY_OUT}", damaged, number) from None
        if lines[-1]:
            raise self._stopped(
                f"ends in the middle of a record, as after a power loss; its request was not sent: {_WAY_OUT}",
                damaged,
                len(lines),
            )
        return book, last_sum

    def _check_owner(self, record: Record) -> None:
        if record["kind"] != "ledger" or record["version"] != _VERSION:
            raise ValueError(f"not the beginning of a ledger of version {_VERSION}")
        if (record["exchange"], record["account"]) != self._owner:
            whose = "another API key" if record["exchange"] == self._owner.exchange else str(record["exchange"])
            raise self._stopped(
                f"is of {whose}: a key has its own ledger, give another path (a new one counts from nothing)",
                WithdrawalReason.LEDGER_FOREIGN,
                1,
            )

    def _stopped(self, what_is_wrong: str, reason: WithdrawalReason, line: int | None = None) -> WithdrawalsStopped:
        return stopped(self.path, what_is_wrong, reason, "ledger", line)


def _sum(before: bytes, body: bytes) -> bytes:
    return hashlib.sha256(before + body).hexdigest()[:_SUM_DIGITS].encode()


def _encode(records: list[Record], last_sum: bytes) -> tuple[bytes, bytes]:
    lines = b""
    for record in records:
        body = json.dumps(record, separators=(",", ":")).encode()[:-1]
        last_sum = _sum(last_sum, body)
        lines += body + b',"sum":"' + last_sum + b'"}\n'
    return lines, last_sum


def _decode(line: bytes, last_sum: bytes | None) -> tuple[Record, bytes]:
    """Return a record and its checksum; a last_sum of None leaves the checksum unchecked."""
    parts = _LINE.fullmatch(line)
    if parts is None:
        raise ValueError("it is no record")
    if last_sum is not None and _sum(last_sum, parts[1]) != parts[2]:
        raise ValueError("its checksum does not fit it and the line before")
    record = json.loads(parts[1] + b"}")
    return record, parts[2]
