"""What the targets share: which executions are compared with the oracle, and how a finding is told."""

from __future__ import annotations

import itertools
import os

COMPARED = 1
ACCEPTED = 2


class Mismatch(Exception):
    """The compiled code and its oracle do not agree."""


class Share:
    """Says of each execution whether it is compared: one of so many, FUZZ_COMPARE_EVERY or the target's own number."""

    def __init__(self, every: int) -> None:
        self.every = int(os.environ.get("FUZZ_COMPARE_EVERY", every))
        self._numbers = itertools.count()

    def is_due(self) -> bool:
        """Say it of the next execution."""
        return next(self._numbers) % self.every == 0


def agree(found: object, expected: object, what: str) -> None:
    """Raise Mismatch where two values are not equal."""
    if found != expected:
        raise Mismatch(f"{what}: compiled {found!r}, oracle {expected!r}")


class Take:
    """Reads values off the bytes of an input; where they end, zeros follow."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def byte(self) -> int:
        """Take one byte."""
        at = self.at
        self.at = at + 1
        return self.data[at] if at < len(self.data) else 0

    def some(self) -> bytes:
        """Take a piece whose first byte is its length; 255 takes all that is left."""
        length = self.byte()
        start = self.at
        self.at = len(self.data) if length == 255 else start + length
        return self.data[start : self.at]

    def text(self) -> str:
        """Take a piece as text, in which bytes that are no UTF-8 become halves of surrogate pairs."""
        return self.some().decode("utf-8", "surrogateescape")

    def number(self, size: int) -> int:
        """Take a signed number of so many bytes."""
        start = self.at
        self.at = start + size
        return int.from_bytes(self.data[start : self.at], "little", signed=True)

    def rest(self) -> bytes:
        """Take all that is left."""
        start = self.at
        self.at = len(self.data)
        return self.data[start:]
