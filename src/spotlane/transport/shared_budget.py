"""The memory in which all processes of a machine that use one key keep the state of their rate budget.

It is a file of 16-byte slots, mapped by each of them and changed by compare-and-swap: nobody holds a lock that a crash
would leave behind. The advisory lock on the file only tells who tidies up that the file is in use.
"""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
import stat
import tempfile
import time
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path

from spotlane._core.guards import Slots
from spotlane.spec import Bucket

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_PREFIX = "spotlane-budget-"
# Part of the name: what counts otherwise must not meet in one file.
_FORMAT = b"1"
# Of a bucket that is counted apart for symbols or endpoints. Two that meet in a slot share one limit.
_SLOTS_APART = 1_024
_MEMORY = Path("/dev/shm")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_TIME_NAMESPACE = Path("/proc/self/ns/time")
_ATTEMPTS = 10
_PAUSE_S = 0.001


class NotShared(Exception):
    """The memory can't be had; the message says why, without the key."""


class Layout:
    """Which slot is whose: slot 0 blocks everything, then the buckets in their order."""

    def __init__(self, buckets: Sequence[Bucket]) -> None:
        self.buckets = tuple(buckets)
        self._first: dict[str, int] = {}
        self.count = 1
        for bucket in self.buckets:
            self._first[bucket.name] = self.count
            self.count += _SLOTS_APART if bucket.per_symbol or bucket.per_endpoint else 1

    def index(self, bucket: Bucket, endpoint: str = "", symbol: str = "") -> int:
        """Return the slot of a bucket, or of the part of it that an endpoint or a symbol has."""
        first = self._first[bucket.name]
        if not (bucket.per_symbol or bucket.per_endpoint):
            return first
        digest = hashlib.blake2b(f"{endpoint}\0{symbol}".encode(), digest_size=8).digest()
        return first + int.from_bytes(digest, "big") % _SLOTS_APART

    def mark(self) -> bytes:
        """Return what tells this layout from others: sizes, limits and order of the buckets."""
        return repr((_FORMAT, self.count, [tuple(bucket) for bucket in self.buckets])).encode()


class SharedFile:
    """The mapped slots of one account's limits; kept for as long as the process uses them.

    owner says whose limits they are (exchange, address, key); only its hash is told to anybody. folder is for tests.
    Raises NotShared where the memory can't be had, or isn't safe to use: another user's, or not as it was made.
    """

    def __init__(self, layout: Layout, owner: Sequence[str], *, folder: Path | None = None) -> None:
        if fcntl is None:
            raise NotShared("this system has no memory files")
        folder = folder if folder is not None else _folder()
        self.size = layout.count * Slots.SIZE
        self.path = folder / _name(layout, owner)
        _tidy(folder, self.path)
        try:
            descriptor = _open(self.path, self.size)
        except OSError as error:
            raise NotShared(f"{folder} can't be used: {os.strerror(error.errno or 0)}") from None
        weakref.finalize(self, os.close, descriptor)
        self.slots = Slots(layout.count, mmap.mmap(descriptor, self.size))


def _folder() -> Path:
    if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK):
        return _MEMORY
    return Path(tempfile.gettempdir())


def _name(layout: Layout, owner: Sequence[str]) -> str:
    parts = [layout.mark(), *(part.encode() for part in owner), *_clock_marks()]
    return _PREFIX + hashlib.sha256(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).hexdigest()[:40]


def _clock_marks() -> Iterator[bytes]:
    """Give what the meaning of a monotonic time depends on: the boot, and where there are such the time namespace."""
    try:
        yield _BOOT_ID.read_bytes().strip()
    except OSError:
        raise NotShared("this system does not tell one boot from the next") from None
    with contextlib.suppress(OSError):
        yield os.readlink(_TIME_NAMESPACE).encode()


def _open(path: Path, size: int) -> int:
    """Open the file, made where it is missing, and hold its lock. Raises OSError and NotShared."""
    for _ in range(_ATTEMPTS):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            if _check(descriptor, size):
                return descriptor
        except BlockingIOError:
            time.sleep(_PAUSE_S)  # somebody tidies up
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
    raise NotShared(f"{path} is locked, or removed again and again")


def _check(descriptor: int, size: int) -> bool:
    """Return whether a file can be used, or was removed in the meantime. Raises NotShared where it is not ours."""
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode) or state.st_uid != os.geteuid() or stat.S_IMODE(state.st_mode) != 0o600:
        raise NotShared("the memory of the shared rate budget belongs to another user, or is open to others")
    if state.st_nlink != 1:
        if state.st_nlink == 0:
            return False
        raise NotShared("the memory of the shared rate budget has a second name")
    if state.st_size == 0:
        # Several may do so at once: it changes nothing for those who come later.
        os.ftruncate(descriptor, size)
    elif state.st_size != size:
        raise NotShared("the memory of the shared rate budget has another size than it was made with")
    return True


def _tidy(folder: Path, wanted: Path) -> None:
    """Remove what nobody uses any more and whose limits are all free again."""
    with contextlib.suppress(OSError):
        for path in folder.glob(f"{_PREFIX}*"):
            if path != wanted:
                with contextlib.suppress(OSError):
                    _remove_if_idle(path)


def _remove_if_idle(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        state = os.fstat(descriptor)
        if state.st_uid != os.geteuid() or not stat.S_ISREG(state.st_mode) or state.st_size % Slots.SIZE:
            return
        count = state.st_size // Slots.SIZE
        if not count or Slots(count, mmap.mmap(descriptor, state.st_size)).is_idle(time.monotonic()):
            path.unlink()
    finally:
        os.close(descriptor)
