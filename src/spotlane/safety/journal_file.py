"""The file of a journal: found or made, locked, scanned, cut and compacted. The format is in docs/journal.md."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import logging
import mmap
import os
import secrets
import stat
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from spotlane._core.journal import Writer
from spotlane._core.records import Codec, Scan, find_record, read_intent, record_at
from spotlane.errors import StateError
from spotlane.structs import OrderParams, OrderType, OutcomeState, Side, Symbol, TimeInForce

MOST_EPOCHS = 2**20

_log = logging.getLogger("spotlane.safety")

_MAGIC = b"\x89SPLJNL\n"
_VERSION = 1
# Magic, version, length, exchange, mark of the key, identity, time of making, CRC.
_HEADER = struct.Struct("<8sHH4x24s64s8s4xqI")
_IDENTITY_LENGTH = 6
# The alphabet of client_ids.py: an identity is a part of every client order id.
_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
_COMPACT_BYTES = 1 << 20

CODEC = Codec(
    OrderParams,
    Symbol,
    sides=(Side.BUY, Side.SELL),
    order_types=(
        OrderType.LIMIT,
        OrderType.MARKET,
        OrderType.LIMIT_MAKER,
        OrderType.STOP_LIMIT,
        OrderType.STOP_MARKET,
        OrderType.OTHER,
    ),
    times=(TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK),
    states=(
        OutcomeState.NOT_SENT,
        OutcomeState.ACCEPTED,
        OutcomeState.REJECTED,
        OutcomeState.AMBIGUOUS,
        OutcomeState.ADOPTED,
        OutcomeState.PROVEN_ABSENT,
        OutcomeState.UNKNOWN,
    ),
    terminal=[state for state in OutcomeState if state.is_terminal],
)


class JournalledIntent(NamedTuple):
    """An order that was about to be sent, as the journal has it. params carries client_order_id; times are in ms."""

    client_order_id: str
    params: OrderParams
    sent_ms: int
    not_after_ms: int
    window_ms: int
    epoch: int


class Disk(NamedTuple):
    """The calls that reach the disk. None for write and truncate means the system's own, called by compiled code."""

    write: Callable[[int, bytes], int] | None = None
    truncate: Callable[[int, int], object] | None = None
    # What macOS lacks it has under the name of fsync.
    sync: Callable[[int], object] = getattr(os, "fdatasync", os.fsync)


class OpenFile(NamedTuple):
    """A locked journal with its epoch begun, durably. Of epochs before first_epoch it has the open intents alone."""

    fd: int
    writer: Writer
    identity: str
    open_intents: tuple[JournalledIntent, ...]
    first_epoch: int
    torn_bytes: int


class _Owner(NamedTuple):
    exchange: str
    key_mark: str
    identity: str
    created_ms: int

    def encoded(self) -> bytes:
        texts = [text.encode("ascii") for text in self[:3]]
        body = _HEADER.pack(_MAGIC, _VERSION, _HEADER.size, *texts, self.created_ms, 0)[:-4]
        return body + struct.pack("<I", zlib.crc32(body))


def open_file(path: str, *, exchange: str, key_mark: str, now_ms: int, disk: Disk) -> OpenFile:
    """Open or make a journal, lock it, and begin its next epoch durably.

    Raises StateError where the file cannot be used as it is, and says what to do.
    """
    while True:
        with _explained(path):
            fd = _open_locked(path)
            if fd is None:
                made = _make(path, _Owner(exchange, key_mark, _new_identity(), now_ms), disk)
                if made is None:
                    continue
                return made
            try:
                owner = _read_owner(path, fd, exchange, key_mark)
                return _recover(path, fd, owner, now_ms, disk)
            except BaseException:
                os.close(fd)
                raise


def is_at(path: str, fd: int) -> bool:
    """Return whether a path still leads to an open file."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(fd))
    except FileNotFoundError:
        return False


def holds(fd: int, text: str) -> bool:
    """Return whether a text stands anywhere in an open file."""
    with mmap.mmap(fd, 0, access=mmap.ACCESS_READ) as data:
        return data.find(text.encode()) >= 0


def remark(path: str, fd: int, key_mark: str, disk: Disk) -> None:
    """Write another key's mark into the header: one write within the first sector, so it is there whole or not at all.

    Raises StateError.
    """
    with _explained(path):
        before = os.pread(fd, _HEADER.size, 0)
        *_, exchange, _mark, identity, created_ms, _crc = _HEADER.unpack(before)
        texts = [text.rstrip(b"\0").decode("ascii") for text in (exchange, identity)]
        head = _Owner(texts[0], key_mark, texts[1], created_ms).encoded()
        # The journal's own descriptor appends, wherever it is told to write.
        header_fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            if not os.path.samestat(os.fstat(header_fd), os.fstat(fd)):
                raise StateError(f"the journal {path} was removed or replaced: open the client again")
            os.pwrite(header_fd, head, 0)
            try:
                disk.sync(header_fd)
            except OSError:
                os.pwrite(header_fd, before, 0)
                raise
        finally:
            os.close(header_fd)


@contextlib.contextmanager
def _explained(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StateError(
            f"the journal {path} can't be opened, read or written ({error.strerror}): its directory must exist and be "
            "writable, the file be no link, and the disk have room"
        ) from error


def _new_identity() -> str:
    return "".join(secrets.choice(_DIGITS) for _ in range(_IDENTITY_LENGTH))


def _open_locked(path: str) -> int | None:
    """Return the locked file that the path leads to, or None where there is none."""
    while True:
        try:
            # Without O_NONBLOCK, opening a pipe by mistake would wait for its other end.
            fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise StateError(f"{path} is not a regular file, and so no journal: give another path")
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StateError(_held(path, fd)) from None
            # Whoever held it may have put a compacted file in its place in between.
            if is_at(path, fd):
                return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def _held(path: str, fd: int) -> str:
    holder = "another process"
    size = os.fstat(fd).st_size
    if size > _HEADER.size:
        with mmap.mmap(fd, size, access=mmap.ACCESS_READ) as data:
            pid = Scan(CODEC, data, _HEADER.size).pid
        with contextlib.suppress(OSError, OverflowError):
            os.kill(pid, 0)
            holder = f"process {pid}"
    return (
        f"the journal {path} is in use by {holder}: one journal serves one client; stop the other or give another path"
    )


def _read_owner(path: str, fd: int, exchange: str, key_mark: str) -> _Owner:
    head = os.pread(fd, _HEADER.size, 0)
    if not head:
        raise StateError(f"the journal {path} is empty, which no journal ever is: remove the file if nothing was in it")
    if head[: len(_MAGIC)] != _MAGIC:
        raise StateError(f"{path} is no journal, by its first bytes: give another path")
    if len(head) > 10 and int.from_bytes(head[8:10], "little") != _VERSION:
        raise StateError(
            f"the journal {path} is of version {int.from_bytes(head[8:10], 'little')}, and this spotlane reads "
            f"{_VERSION}: use the spotlane that wrote it until no intent is open"
        )
    if len(head) < _HEADER.size or int.from_bytes(head[-4:], "little") != zlib.crc32(head[:-4]):
        raise StateError(f"the journal {path} is damaged in its first {_HEADER.size} bytes: {_KEEP}")
    *_, told_exchange, told_mark, identity, created_ms, _ = _HEADER.unpack(head)
    texts = [text.rstrip(b"\0").decode("ascii") for text in (told_exchange, told_mark, identity)]
    owner = _Owner(texts[0], texts[1], texts[2], created_ms)
    if owner.exchange != exchange:
        raise StateError(f"the journal {path} is of {owner.exchange}, not of {exchange}: give another path")
    if owner.key_mark != key_mark:
        raise StateError(f"the journal {path} is of another API key: a key has its own journal, give another path")
    return owner


_KEEP = (
    "keep the file, look at the exchange for open orders of this key, and begin a new journal under another path once "
    "you know what lives"
)


def _recover(path: str, fd: int, owner: _Owner, now_ms: int, disk: Disk) -> OpenFile:
    size = os.fstat(fd).st_size
    with mmap.mmap(fd, size, access=mmap.ACCESS_READ) as data:
        scan = Scan(CODEC, data, _HEADER.size)
        _refuse_damage(path, data, scan)
        records = [record_at(data, at) for at in scan.open.values()]
        torn = data[scan.end :]
    intents = []
    for record, at in zip(records, scan.open.values(), strict=True):
        try:
            intents.append(JournalledIntent(*read_intent(CODEC, record)))
        except (ValueError, TypeError) as error:
            raise StateError(f"the journal {path} has an order at byte {at} that can't be ({error}): {_KEEP}") from None
    # The bytes that are cut off may have held the beginning of an epoch: it is passed over, for no id is used twice.
    epoch = scan.epoch + (2 if torn else 1)
    if epoch >= MOST_EPOCHS:
        raise StateError(f"the journal {path} was opened {MOST_EPOCHS} times: move it away once no intent is open")
    if torn:
        _put_aside(path, fd, torn, scan.end, epoch, disk)
    if scan.end > _COMPACT_BYTES and 2 * sum(map(len, records)) < scan.end:
        first_epoch = epoch
        fd, writer = _compact(path, fd, owner, records, epoch, now_ms, disk)
    else:
        first_epoch = scan.first_epoch
        writer = Writer(
            CODEC, fd, path, size_bytes=scan.end, sequence=scan.sequence, epoch=epoch, write=disk.write,
            truncate=disk.truncate,
        )  # fmt: skip
        writer.append_epoch(now_ms, os.getpid())
        disk.sync(fd)
    return OpenFile(fd, writer, owner.identity, tuple(intents), first_epoch, len(torn))


def _refuse_damage(path: str, data: mmap.mmap, scan: Scan) -> None:
    if scan.trouble is not None:
        raise StateError(
            f"the journal {path} has a record at byte {scan.end} that can't be there: {scan.trouble}; {_KEEP}"
        )
    behind = find_record(data, scan.end + 1) if scan.end < len(data) else -1
    if behind >= 0:
        raise StateError(
            f"the journal {path} is damaged from byte {scan.end} to {behind}, with whole records behind: {_KEEP}"
        )


def _put_aside(path: str, fd: int, torn: bytes, end: int, epoch: int, disk: Disk) -> None:
    """Keep the bytes of a torn tail in a file of their own, and only then cut them off."""
    name = _unused(f"{path}.torn-{epoch}")
    aside = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with open(aside, "wb") as file:
        file.write(torn)
        file.flush()
        disk.sync(aside)
    _sync_directory(path, disk)
    os.ftruncate(fd, end)
    _log.warning(
        "the journal %s ended in %d bytes that are no whole record, as after a power loss; they are kept in %s and may "
        "have held an order: what is open at the exchange has to be compared",
        path, len(torn), name,
    )  # fmt: skip


def _unused(name: str) -> str:
    """Return a name under which no file is: an opening that was interrupted may have left one."""
    free = name
    for count in itertools.count(2):
        if not os.path.lexists(free):
            break
        free = f"{name}-{count}"
    return free


def _make(path: str, owner: _Owner, disk: Disk) -> OpenFile | None:
    """Make a journal under its path, or return None where another process was faster."""
    fresh = f"{path}.new-{owner.identity}"
    fd, writer = _write_fresh(fresh, path, owner, [], 1, owner.created_ms, disk)
    try:
        # A name that exists is never taken over, as it would be by a rename.
        os.link(fresh, path)
    except FileExistsError:
        os.close(fd)
        return None
    except BaseException:
        os.close(fd)
        raise
    finally:
        os.unlink(fresh)
    _sync_directory(path, disk)
    return OpenFile(fd, writer, owner.identity, (), 1, 0)


def _compact(
    path: str, fd: int, owner: _Owner, records: list[bytes], epoch: int, now_ms: int, disk: Disk
) -> tuple[int, Writer]:
    """Put a file with nothing but the open intents in the place of a long one; the lock is held all the time."""
    fresh = f"{path}.compact"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(fresh)
    fresh_fd, writer = _write_fresh(fresh, path, owner, records, epoch, now_ms, disk)
    try:
        os.rename(fresh, path)
        _sync_directory(path, disk)
    except BaseException:
        os.close(fresh_fd)
        raise
    os.close(fd)
    return fresh_fd, writer


def _write_fresh(
    fresh: str, path: str, owner: _Owner, records: list[bytes], epoch: int, now_ms: int, disk: Disk
) -> tuple[int, Writer]:
    """Write a whole journal beside its place, locked and durable. Nothing of it is left where that fails."""
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    fd = os.open(fresh, flags, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        write = disk.write or os.write
        if write(fd, owner.encoded()) != _HEADER.size:
            raise StateError(f"the journal {path} has no room: free space or raise the limit; nothing is sent")
        writer = Writer(
            CODEC, fd, path, size_bytes=_HEADER.size, sequence=0, epoch=epoch, write=disk.write, truncate=disk.truncate
        )
        for record in records:
            writer.carry(record)
        writer.append_epoch(now_ms, os.getpid())
        disk.sync(fd)
    except BaseException:
        os.close(fd)
        os.unlink(fresh)
        raise
    return fd, writer


def _sync_directory(path: str, disk: Disk) -> None:
    fd = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        disk.sync(fd)
    finally:
        os.close(fd)
