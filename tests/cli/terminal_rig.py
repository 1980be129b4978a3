"""Commands as a shell and a terminal run them."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import spotlane

SOURCES = str(Path(spotlane.__file__).parent.parent)
COMMAND = (sys.executable, "-m", "spotlane.cli")
PATIENCE_S = 40.0


def environment(**more: str) -> dict[str, str]:
    """The shell's environment, with the package that is under test and without anybody's taste in colours."""
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    return {**kept, "PYTHONPATH": SOURCES, "TERM": "xterm-256color", "PYTHONUTF8": "1", **more}


def shell(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run `spotlane ...` with pipes for output."""
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=PATIENCE_S, env=environment(**more), check=False
    )


class Terminal:
    """`spotlane ...` in a pseudo-terminal of a given width."""

    def __init__(self, *arguments: str, width: int = 100, **more: str) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
        self._process = subprocess.Popen(
            [*COMMAND, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment(**more),
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        self.text = ""

    def wait_for(self, text: str) -> None:
        """Read until the text has appeared."""
        self._read(lambda: text in self.text)
        assert text in self.text, self.text

    def press(self, keys: bytes) -> None:
        """Type."""
        os.write(self._master, keys)

    def end(self) -> int:
        """Read to the end; returns the exit code."""
        self._read(lambda: False)
        return self._process.wait(PATIENCE_S)

    def close(self) -> None:
        """Leave nothing behind."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        os.close(self._master)

    def _read(self, is_enough: Callable[[], bool]) -> None:
        give_up_s = time.monotonic() + PATIENCE_S
        while not is_enough() and time.monotonic() < give_up_s:
            if not select.select([self._master], [], [], 0.2)[0]:
                continue
            try:
                chunk = os.read(self._master, 65_536)
            except OSError:  # Linux's way of saying that the other side has closed
                return
            if not chunk:
                return
            self.text += chunk.decode()
