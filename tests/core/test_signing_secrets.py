"""No copy of a key or a signature stays in memory: another process reads the signing one and looks for it."""

from __future__ import annotations

import re
import secrets
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from oracle_signing import authenticate, inner_state, signed_headers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

# Reads a key of 48 bytes into a buffer of its own, signs, and pauses wherever the test wants to look.
CHILD = """
import os, sys
from spotlane._core.signing import Hmac

key = bytearray(48)
assert os.readv(0, [key]) == 48

def pause(text):
    print(text, flush=True)
    os.read(0, 1)

pause("read")
signer = Hmac("sha256", key, kernel=sys.argv[1] or None)
long_key = key * 3
long_signer = Hmac("sha512", long_key)
key[:] = bytes(48)
long_key[:] = bytes(144)
pause("made")
pause(signer.hexdigest(b"message"))
del signer, long_signer
pause("forgotten")
"""

# Signs two requests, one of them too long for the room inside the object, and forgets them.
SIGNING_CHILD = """
import os
from spotlane._core.header_auth import HeaderAuth
from spotlane._core.signing import Hmac

def pause(text):
    print(text, flush=True)
    os.read(0, 1)

auth = HeaderAuth(signer=Hmac("sha512", b"secret"), api_key="key")
signed = [auth.sign("GET", "/p", b"a=1" * times, b"", 1000, None) for times in (1, 1000)]
pause("signed")
del signed
pause("forgotten")
"""


def occurrences(process_id: int, needles: list[bytes]) -> int:
    """Count the needles in the writable memory of a process."""
    found = 0
    with Path(f"/proc/{process_id}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{process_id}/maps").read_text().splitlines():
            span = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
            if span is None or "[v" in line:
                continue
            start, end = (int(text, 16) for text in span.groups())
            memory.seek(start)
            piece = memory.read(end - start)
            found += sum(piece.count(needle) for needle in needles)
    return found


def dumped_occurrences(process_id: int, needles: list[bytes]) -> int:
    """Count the needles in that part of the writable memory of a process that a core dump has."""
    found = 0
    spans = re.findall(
        r"^([0-9a-f]+)-([0-9a-f]+) rw\S* .*\n(?:(?!VmFlags).*\n)*VmFlags: (.*)$",
        Path(f"/proc/{process_id}/smaps").read_text(),
        re.MULTILINE,
    )
    assert spans
    with Path(f"/proc/{process_id}/mem").open("rb", buffering=0) as memory:
        for start, end, flags in spans:
            if "dd" not in flags.split() and "io" not in flags.split():
                memory.seek(int(start, 16))
                piece = memory.read(int(end, 16) - int(start, 16))
                found += sum(piece.count(needle) for needle in needles)
    return found


def forms_of(key: bytes) -> list[bytes]:
    """A piece of the key as it is, and as it is mixed into the two key blocks, in either order of the bytes."""
    piece = key[8:24]
    mixed = [bytes(byte ^ pad for byte in piece) for pad in (0x36, 0x5C)]
    swapped = [struct.pack("=4I", *struct.unpack(">4I", block)) for block in mixed]
    swapped_wide = [struct.pack("=2Q", *struct.unpack(">2Q", block)) for block in mixed]
    return [piece, *mixed, *swapped, *swapped_wide]


@pytest.mark.parametrize("kernel", ["", "portable"])
def test_keys_and_states_are_overwritten(kernel: str) -> None:
    key = secrets.token_bytes(48)
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, kernel], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(key)
            assert child.stdout.readline() == b"read\n"
            try:
                assert occurrences(child.pid, forms_of(key)) > 0, "the search finds what is there"
            except PermissionError:
                pytest.skip("this system lets no process read another one's memory")
            child.stdin.write(b".")
            assert child.stdout.readline() == b"made\n"
            assert occurrences(child.pid, forms_of(key)) == 0
            child.stdin.write(b".")
            assert child.stdout.readline().decode().strip() == authenticate("sha256", key, b"message")
            assert occurrences(child.pid, forms_of(key)) == 0
            assert occurrences(child.pid, [inner_state(key)]) > 0, "what is kept instead"
            halves = [inner_state(key)[:16], inner_state(key)[16:]]
            assert dumped_occurrences(child.pid, halves) == 0, "no copy of that is where a core dump has it"
            child.stdin.write(b".")
            assert child.stdout.readline() == b"forgotten\n"
            assert occurrences(child.pid, [inner_state(key)]) == 0
        finally:
            child.stdin.close()
            child.kill()


def test_signatures_are_overwritten() -> None:
    queries = (b"a=1", b"a=1" * 1000)
    signatures = [signed_headers("GET", "/p", query, b"", b"secret", "1")["SIGN"].encode() for query in queries]
    with subprocess.Popen(
        [sys.executable, "-c", SIGNING_CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            assert child.stdout.readline() == b"signed\n"
            try:
                assert [occurrences(child.pid, [signature]) for signature in signatures] == [1, 1]
            except PermissionError:
                pytest.skip("this system lets no process read another one's memory")
            child.stdin.write(b".")
            assert child.stdout.readline() == b"forgotten\n"
            assert occurrences(child.pid, signatures) == 0
        finally:
            child.stdin.close()
            child.kill()
