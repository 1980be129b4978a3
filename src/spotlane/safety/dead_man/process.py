"""One guardian as its client sees it: a process, a pipe to it and a pipe from it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import IO, Any, NamedTuple

from spotlane.errors import StateError

# What goes to a guardian after the line of its settings. Each is far below what a pipe takes as a whole.
BEAT, OFF = b"beat\n", b"off\n"

_KILL_AFTER_S = 3.0
_MOST_BYTES = 1 << 16
# A guardian gets nothing else of the environment: a bot may keep its keys there.
_KEPT_NAMES = ("HOME", "LANG", "PATH", "SYSTEMROOT", "TMPDIR", "TZ", "VIRTUAL_ENV")
_KEPT_PREFIXES = ("DYLD_", "LC_", "LD_", "OPENSSL_", "PYTHON", "SSL_CERT_")


class Said(NamedTuple):
    """One line of a guardian's: what happened, and the rest of what it tells."""

    event: str
    details: dict[str, Any]


class GuardianProcess:
    """Starts `python -m spotlane.guardian` and talks to it. Nothing in here blocks the event loop.

    It is in a session of its own, so that what stops the bot's terminal or process group does not stop it. It is no
    asyncio subprocess: those are killed when their event loop goes, which is just when a guardian is needed. A thread
    waits for its end, so that no zombie is left. on_said is called with each line, on_end with the exit code, once and
    last. Raises StateError where no process can be started.
    """

    def __init__(self, on_said: Callable[[GuardianProcess, Said], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_said = on_said
        self._received = b""
        self.exit_code: asyncio.Future[int] = self._loop.create_future()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "spotlane.guardian"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
                cwd=os.sep,
                env=_environment(),
            )
        except OSError as refused:
            raise StateError(f"the guardian process can't be started with {sys.executable!r}: {refused}") from None
        self.pid = self._process.pid
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        # Not left to the thread that waits: the pipe has to end with the client that holds it.
        self._to: IO[bytes] | None = self._process.stdin
        self._from: IO[bytes] | None = self._process.stdout
        self._process.stdin = self._process.stdout = None
        os.set_blocking(self._from.fileno(), False)
        self._loop.add_reader(self._from.fileno(), self.listen)
        waiting = threading.Thread(target=self._wait, name=f"spotlane-guardian-{self.pid}", daemon=True)
        waiting.start()

    async def configure(self, hand_over: Callable[[int], object]) -> None:
        """Have a function write the settings, which are longer than a pipe may take at once. Raises OSError.

        It is called with a descriptor, on another thread.
        """
        to = self._to
        assert to is not None
        await asyncio.to_thread(_with_copy, to, hand_over)
        os.set_blocking(to.fileno(), False)

    def write(self, word: bytes) -> None:
        """Write a word as long as the guardian's end of the pipe is open and not full."""
        if self._to is not None:
            with contextlib.suppress(OSError):
                self._to.write(word)

    def listen(self) -> None:
        """Take in what it has said so far."""
        while self._from is not None:
            try:
                received = os.read(self._from.fileno(), _MOST_BYTES)
            except BlockingIOError:
                return
            if not received:
                self._close_from()
                return
            *lines, self._received = (self._received + received).split(b"\n")
            for line in lines:
                self._on_said(self, _understand(line))

    def hang_up(self) -> None:
        """Close both pipes. One that was not told off before fires."""
        self._close_from()
        to, self._to = self._to, None
        if to is not None:
            with contextlib.suppress(OSError):
                to.close()

    def kill(self) -> None:
        """End it at once, and close both pipes."""
        self._process.kill()
        self.hang_up()

    async def end(self) -> None:
        """Tell it off and wait for its end; one that does not end is killed."""
        self.write(OFF)
        try:
            await asyncio.wait_for(asyncio.shield(self.exit_code), _KILL_AFTER_S)
        except TimeoutError:
            self._process.kill()
            await asyncio.shield(self.exit_code)
        finally:
            self.hang_up()

    def _close_from(self) -> None:
        ended, self._from = self._from, None
        if ended is not None:
            self._loop.remove_reader(ended.fileno())
            ended.close()

    def _wait(self) -> None:
        code = self._process.wait()
        with contextlib.suppress(RuntimeError):  # the event loop is closed: nobody is left to be told
            self._loop.call_soon_threadsafe(self._ended, code)

    def _ended(self, code: int) -> None:
        self.listen()
        self.hang_up()
        if not self.exit_code.done():
            self.exit_code.set_result(code)


def _with_copy(to: IO[bytes], hand_over: Callable[[int], object]) -> None:
    # The pipe may be closed by then, and its number that of another file.
    descriptor = os.dup(to.fileno())
    try:
        hand_over(descriptor)
    finally:
        os.close(descriptor)


def _understand(line: bytes) -> Said:
    try:
        told = json.loads(line)
        return Said(told.pop("event"), told)
    except (ValueError, KeyError, AttributeError, TypeError):
        return Said("noise", {})


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in _KEPT_NAMES or name.startswith(_KEPT_PREFIXES)}
    # So that it finds the modules that this process found, wherever they came from.
    kept["PYTHONPATH"] = os.pathsep.join(os.path.abspath(entry) for entry in sys.path)
    return kept
