"""The journal: every order is on file before a byte of it leaves."""

from __future__ import annotations

import os
import weakref
from typing import NamedTuple, Protocol

from spotlane.errors import StateError, UsageError, WrongContext
from spotlane.safety.client_ids import EPOCH_DIGITS, base32
from spotlane.safety.journal_file import Disk, JournalledIntent, holds, open_file, remark
from spotlane.safety.journal_sync import Syncer
from spotlane.structs import OutcomeState

_DURABILITIES = ("lazy", "sync")


class WallClock(Protocol):
    """What a journal needs of a clock."""

    def time_ms(self) -> int:
        """Return milliseconds since the epoch, UTC."""
        ...


class JournalStatus(NamedTuple):
    """How a journal stands.

    unsynced_bytes would be lost with the power, pending_bytes (results of orders) with the process; what is lost is
    resolved again. torn_bytes were cut off when the file was opened: they may have held an order that was sent.
    failure says why no order can be placed any more.
    """

    path: str
    identity: str
    epoch: int
    durability: str
    size_bytes: int
    unsynced_bytes: int
    pending_bytes: int
    torn_bytes: int
    lost_notes: int
    failure: str | None


class Journal:
    """A file of intents and their outcomes that belongs to one exchange, one key and one process.

    append_intent(client_order_id, params, now_ms, not_after_ms, window_ms) writes an intent before its order is sent
    and before it returns, so that it survives the end of the process; every 25 ms it is brought to the disk, so that
    it survives the end of the machine. It raises StateError, WrongContext or UsageError: then nothing may be sent, and
    the file has nothing of it. identity stays the same for ever and epoch is higher at
    each opening: ids made of both are never used twice. is_sync says whether make_durable() waits.
    """

    def __init__(
        self, path: str, *, exchange: str, key_mark: str, durability: str, clock: WallClock, disk: Disk
    ) -> None:
        opened = open_file(path, exchange=exchange, key_mark=key_mark, now_ms=clock.time_ms(), disk=disk)
        self.path = path
        self.identity = opened.identity
        self.open_intents: tuple[JournalledIntent, ...] = opened.open_intents
        self._fd = opened.fd
        self._writer = opened.writer
        # The writer's own: an order waits for it.
        self.append_intent = opened.writer.append_intent
        self.epoch: int = opened.writer.epoch
        self.is_sync = durability == "sync"
        self._first_epoch = opened.first_epoch
        self._durability = durability
        self._torn_bytes = opened.torn_bytes
        self._clock = clock
        self._disk = disk
        self._is_closed = False
        self._is_fork = False
        self._syncer = Syncer(opened.writer, opened.fd, path, disk)
        _OPEN.add(self)

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        exchange: str,
        key_mark: str,
        durability: str = "lazy",
        clock: WallClock,
        disk: Disk | None = None,
    ) -> Journal:
        """Open the journal under a path, or make it, and begin its next epoch.

        key_mark tells API keys apart and is no secret: at most 64 ASCII characters. durability is "lazy" or "sync".
        Raises StateError where the file is locked, damaged, foreign or cannot be written, and says what to do.
        """
        if durability not in _DURABILITIES:
            raise UsageError(f'durability is "lazy" or "sync", not {durability!r}')
        for name, value, most in (("exchange", exchange, 24), ("key_mark", key_mark, 64)):
            if not value.isascii() or not value.isprintable() or not 0 < len(value) <= most:
                raise UsageError(f"{name} has 1 to {most} ASCII characters, was {value!r}")
        # A later change of the working directory must not lead to another file.
        full = os.path.abspath(os.fspath(path))
        return cls(full, exchange=exchange, key_mark=key_mark, durability=durability, clock=clock, disk=disk or Disk())

    async def make_durable(self) -> None:
        """Wait until every intent written so far is on the disk; with "lazy" return at once.

        Raises StateError where the disk failed, and WrongContext after a fork: then nothing may be sent.
        """
        if self._is_fork:
            raise WrongContext(f"the journal {self.path} belongs to the process that opened it, and this is a fork")
        if self._durability == "sync":
            await self._syncer.wait()

    def note(self, client_order_id: str, state: OutcomeState, order_id: str | None) -> None:
        """Keep what became of an intent for the next write. Never raises and never waits.

        A note that is lost with the process leaves its intent open, to be resolved again.
        """
        self._writer.note(client_order_id, state, order_id, self._clock.time_ms())

    @property
    def ids_epoch(self) -> str:
        """The digits that stand in every client order id of this opening: identity and epoch."""
        return self.identity + base32(self.epoch, EPOCH_DIGITS)

    def knows(self, client_order_id: str, epoch: int) -> bool:
        """Say whether an order of an epoch of this journal was on file; one that was not is lost to the bot.

        A file that was compacted holds nothing of what ended in earlier epochs: what was on file then is known.
        """
        return epoch < self._first_epoch or holds(self._fd, client_order_id)

    def rekey(self, key_mark: str) -> None:
        """Make it, durably, the journal of another key of the same account; identity, epoch and orders stay.

        Raises StateError where that can't be written: it is the journal of the key before then.
        """
        if self._is_closed or self._is_fork:
            raise StateError(f"the journal {self.path} is closed")
        remark(self.path, self._fd, key_mark, self._disk)

    def close(self) -> None:
        """Write and sync what is left, and give up the lock. May be called again."""
        if self._is_closed or self._is_fork:
            return
        self._is_closed = True
        self._syncer.stop()
        self._writer.fail(f"the journal {self.path} is closed")
        _OPEN.discard(self)
        os.close(self._fd)

    def status(self) -> JournalStatus:
        """Return how the journal stands."""
        writer = self._writer
        return JournalStatus(
            path=self.path,
            identity=self.identity,
            epoch=self.epoch,
            durability=self._durability,
            size_bytes=writer.size_bytes,
            unsynced_bytes=writer.size_bytes - self._syncer.synced_bytes,
            pending_bytes=writer.pending_bytes,
            torn_bytes=self._torn_bytes,
            lost_notes=writer.lost_notes,
            failure=writer.failure,
        )

    def _leave_to_parent(self) -> None:
        """Give up, in a forked child, what belongs to its parent.

        The lock is of the open file that both share: closing the copy keeps it, and while the child held one the lock
        would outlive its parent.
        """
        self._is_fork = True
        self._writer.leave_to_parent()
        os.close(self._fd)


_OPEN: weakref.WeakSet[Journal] = weakref.WeakSet()


def _after_fork() -> None:
    for journal in list(_OPEN):
        journal._leave_to_parent()


os.register_at_fork(after_in_child=_after_fork)
