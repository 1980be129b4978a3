"""What the canary tests share: the forms that a secret can take, the memory of a process, and the bot from outside."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import signal
import struct
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from spotlane.sandbox import Sandbox

BOT = Path(__file__).with_name("canary_bot.py")
_PIECE = slice(4, 20)


def forms_of(secret: str) -> list[bytes]:
    """Return a secret as it is and as it is written elsewhere, each form once."""
    raw = secret.encode()
    encoded = [base64.b64encode(b"\0" * shift + raw)[4 if shift else 0 : -4] for shift in range(3)]
    hexadecimal = raw.hex().encode()
    return list(dict.fromkeys([raw, raw[::-1], hexadecimal, hexadecimal.upper(), quote(secret).encode(), *encoded]))


def pads_of(secret: str) -> list[bytes]:
    """Return a piece of the two blocks that the secret is mixed into (RFC 2104), in either order of the bytes."""
    piece = secret.encode()[_PIECE]
    mixed = [bytes(byte ^ pad for byte in piece) for pad in (0x36, 0x5C)]
    swapped = [struct.pack("=4I", *struct.unpack(">4I", block)) for block in mixed]
    swapped_wide = [struct.pack("=2Q", *struct.unpack(">2Q", block)) for block in mixed]
    return [*mixed, *swapped, *swapped_wide]


def memory_of(pid: int, *, dumped: bool) -> Iterator[bytes]:
    """Read the writable memory of a process: what a core dump has of it, or what it leaves out."""
    spans = re.findall(
        r"^([0-9a-f]+)-([0-9a-f]+) rw\S* .*\n(?:(?!VmFlags).*\n)*VmFlags: (.*)$",
        Path(f"/proc/{pid}/smaps").read_text(),
        re.MULTILINE,
    )
    assert spans
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for start, end, flags in spans:
            if dumped is ("dd" not in flags.split()) and "io" not in flags.split():
                memory.seek(int(start, 16))
                yield memory.read(int(end, 16) - int(start, 16))


def count(pieces: Iterator[bytes], needles: list[bytes]) -> int:
    """Count the needles in pieces of memory."""
    return sum(piece.count(needle) for piece in pieces for needle in needles)


def write_credentials(path: Path, api_key: str, api_secret: str) -> str:
    """Write a file of credentials that only its owner can read, and return its name."""
    path.touch(0o600)
    path.write_text(f"# a canary\napi_key = {api_key}\napi_secret = {api_secret}\n")
    return str(path)


class Canary:
    """A bot in a process of its own, and what it has said on standard error once it has ended."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid
        self.guardian: int | None = None
        self.failures = 0
        self.said = b""

    async def tell(self, do: str, **details: Any) -> Any:
        """Have the bot do something, and return its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, **details}).encode() + b"\n")
        told = await self._process.stdout.readline()
        if not told:
            self.end_guardian()
            assert self._process.stderr is not None
            raise AssertionError((await self._process.stderr.read()).decode()[-3_000:])
        answer = json.loads(told)
        self.failures = answer["failures"]
        return answer["answer"]

    def end_guardian(self) -> None:
        """Kill the guardian, which would go on for a minute when its bot has failed."""
        if self.guardian is not None:
            with suppress(ProcessLookupError):
                os.kill(self.guardian, signal.SIGKILL)


@asynccontextmanager
async def canary(venue: Sandbox) -> AsyncIterator[Canary]:
    """Start a bot that trades with an exchange; it has ended afterwards."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(BOT), venue.exchange, venue.url,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    bot = Canary(process)
    try:
        yield bot
    finally:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.close()
        if sys.exc_info()[0] is not None:
            with suppress(ProcessLookupError):
                process.kill()
            bot.end_guardian()
        bot.said = await process.stderr.read()
        await process.wait()
