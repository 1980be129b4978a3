"""What a format finds in an address, and what it has against one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol


class Fault(ValueError):
    """What is wrong with an address.

    nearest is the spelling that would pass, where there is one. locate finds the indexes of the characters that a
    single typo would explain: a search of milliseconds, so only for the fault that is told.
    """

    def __init__(
        self, reason: str, *, nearest: str | None = None, locate: Callable[[], tuple[int, ...]] | None = None
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.nearest = nearest
        self.locate = locate or tuple


class MemoFault(Fault):
    """What is wrong with the memo beside an address that is right in itself."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A valid address taken apart.

    kind is the chain's own word; payload the key, hash or account number inside; note says why there is no checksum, or
    what else to know; holds_tag tells that the address has a place for a tag, tag is what stands there.
    """

    kind: str
    payload: bytes
    checksummed: bool = True
    note: str | None = None
    holds_tag: bool = False
    tag: str | None = None


class Format(Protocol):
    """One way to write the addresses of a chain."""

    def claims(self, address: str) -> bool:
        """Say whether an address is meant to be of this format: its beginning, not its validity."""

    def read(self, address: str) -> Reading:
        """Take an address apart. Raises Fault."""


class MemoUse(Enum):
    """What a transfer on a chain can carry besides the address.

    NONE: nothing. OPTIONAL: a text that few exchanges use. EXPECTED: exchanges tell the deposits of their customers
    apart by it, so that a deposit without it gets lost; an own wallet needs none.
    """

    NONE = "none"
    OPTIONAL = "optional"
    EXPECTED = "expected"


class MemoForm(Enum):
    """How a memo is written: TEXT, a 32-bit number in digits (UINT32), or one of Stellar's kinds (STELLAR)."""

    TEXT = "text"
    UINT32 = "uint32"
    STELLAR = "stellar"


@dataclass(frozen=True, slots=True)
class Family:
    """The chains that write their addresses in one way. formats are asked in turn; examples are valid addresses."""

    formats: tuple[Format, ...]
    examples: tuple[str, ...]
    memo: MemoUse = MemoUse.NONE
    memo_form: MemoForm = MemoForm.TEXT


@dataclass(frozen=True, slots=True)
class CheckedAddress:
    """An address that its chain's rules don't refuse.

    checked is False where there are no rules for the chain: then nothing is known of the address, and reason says so.
    checksummed tells that a checksum inside the address fits: a typo would have been seen. Where it is False, a typo
    gives another valid address, and reason says why. With both True reason is None, or a remark.
    kind is the chain's own word ("P2WPKH"). memo is the one that was given or stands inside the address; memo_missing
    tells that there is none though exchanges expect one on this chain.
    """

    family: str
    address: str
    memo: str | None
    checked: bool
    checksummed: bool
    kind: str | None = None
    reason: str | None = None
    memo_missing: bool = False
