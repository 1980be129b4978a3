"""The thread that brings a journal to the disk, and those who wait for it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading

from spotlane._core.journal import Writer
from spotlane.errors import StateError
from spotlane.safety.journal_file import Disk, is_at

PAUSE_S = 0.025

_log = logging.getLogger("spotlane.safety")

_LONG_BYTES = 1 << 30


class Syncer:
    """Writes the notes that wait and syncs the file, every 25 ms where there is anything, at once when it is asked to.

    It has one daemon thread of its own: a sync takes milliseconds, and an event loop has none to spare. A sync that
    failed is never tried again, for the kernel may have dropped the very pages that it could not write.
    """

    def __init__(self, writer: Writer, fd: int, path: str, disk: Disk) -> None:
        self._writer = writer
        self._fd = fd
        self._path = path
        self._sync = disk.sync
        self.synced_bytes = writer.size_bytes
        self._wake = threading.Event()
        self._stopping = False
        self._is_full = False
        self._is_long = False
        self._lock = threading.Lock()
        # None once nobody is left to wake those who wait.
        self._waiting: list[tuple[int, asyncio.Future[None]]] | None = []
        self._thread = threading.Thread(target=self._run, name="spotlane-journal", daemon=True)
        self._thread.start()

    async def wait(self) -> None:
        """Wait until everything written so far is on the disk. Raises StateError where that fails."""
        size = self._writer.size_bytes
        if self.synced_bytes >= size:
            return
        future = asyncio.get_running_loop().create_future()
        with self._lock:
            if self._waiting is None:
                raise StateError(self._writer.failure or f"the journal {self._path} is closed")
            self._waiting.append((size, future))
        self._wake.set()
        await future

    def stop(self) -> None:
        """Bring what is left to the disk and end the thread."""
        self._stopping = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        is_last = False
        while not is_last and self._writer.failure is None:
            self._wake.wait(PAUSE_S)
            self._wake.clear()
            is_last = self._stopping
            self._round()
        with self._lock:
            self._release()
            self._waiting = None

    def _round(self) -> None:
        writer = self._writer
        try:
            writer.flush()
        except StateError as error:
            if writer.failure is not None:
                _log.critical("%s", error)
            elif not self._is_full:
                _log.error("%s; results of orders wait in memory", error)
            self._is_full = True
        else:
            self._is_full = False
        # Taken before the sync: what is written while it runs may not be part of it.
        size = writer.size_bytes
        try:
            if not is_at(self._path, self._fd):
                self._fail(f"the journal {self._path} was removed or replaced while it was in use: nothing is sent")
            if size > self.synced_bytes:
                self._sync(self._fd)
                self.synced_bytes = size
        except Exception as error:
            self._fail(
                f"the journal {self._path} can't be brought to the disk ({error}): nothing is sent; look at the disk, "
                "then open the client again"
            )
        if size > _LONG_BYTES and not self._is_long:
            self._is_long = True
            _log.warning("the journal %s is longer than 1 GiB: it is made short when it is opened again", self._path)
        with self._lock:
            self._release()

    def _fail(self, reason: str) -> None:
        self._writer.fail(reason)
        _log.critical("%s", reason)

    def _release(self) -> None:
        failure = self._writer.failure
        kept = []
        for size, future in self._waiting or ():
            if size > self.synced_bytes and failure is None:
                kept.append((size, future))
                continue
            # A loop that was closed has nobody left who waits.
            with contextlib.suppress(RuntimeError):
                future.get_loop().call_soon_threadsafe(_settle, future, failure if size > self.synced_bytes else None)
        self._waiting = kept


def _settle(future: asyncio.Future[None], failure: str | None) -> None:
    if future.done():
        return
    if failure is None:
        future.set_result(None)
    else:
        future.set_exception(StateError(failure))
