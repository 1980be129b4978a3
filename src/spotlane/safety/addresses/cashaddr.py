"""CashAddr, the format of Bitcoin Cash and its kin: a prefix, a colon, a version byte, a hash, 40 bits of checksum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from spotlane.safety.addresses.bch import Code, bytes_of, refuse_mixed_case, symbols_of
from spotlane.safety.addresses.model import Fault, Reading

_CODE = Code(8, (0x98F2BC8E61, 0x79B76D99E2, 0xF33E5FB3C4, 0xAE2EABE2A8, 0x1E4F43E470))
_SIZES = (20, 24, 28, 32, 40, 48, 56, 64)
_TEST_PREFIXES = ("bchtest", "bchreg", "ectest", "ecregtest")


def symbols(prefix: str, text: str, offset: int = 0) -> list[int]:
    """Return the numbers before the checksum of what follows the prefix, from an offset on. Raises Fault."""
    values = symbols_of(text, offset)
    if len(values) < _CODE.symbols:
        raise Fault("too short for a checksum")
    difference = _CODE.residue([*(ord(character) & 31 for character in prefix), 0, *values]) ^ 1
    if difference:
        raise Fault("the checksum does not fit", locate=partial(_suspects, values, difference, offset))
    return values[: -_CODE.symbols]


def _suspects(values: Sequence[int], difference: int, offset: int) -> tuple[int, ...]:
    return tuple(offset + index for index in _CODE.suspects(values, difference))


def decode(prefix: str, text: str, offset: int = 0) -> tuple[int, bytes]:
    """Return the type and the hash of what follows the prefix, from an offset on. Raises Fault."""
    content = bytes_of(symbols(prefix, text, offset))
    if not content:
        raise Fault("it holds nothing")
    version, payload = content[0], content[1:]
    if version & 0x80:
        raise Fault("the reserved bit of its version byte is set")
    if len(payload) != _SIZES[version & 7]:
        raise Fault(f"it holds {len(payload)} bytes, its version byte says {_SIZES[version & 7]}")
    return version >> 3, payload


@dataclass(frozen=True, slots=True)
class CashAddr:
    """CashAddr addresses of one prefix, which may be left out. kinds: type and size of the hash -> kind."""

    prefix: str
    kinds: Mapping[tuple[int, int], str]

    def claims(self, address: str) -> bool:
        """Claim what has a colon, or doesn't begin as a legacy address does."""
        return ":" in address or not address.startswith(("1", "3"))

    def read(self, address: str) -> Reading:
        """Take an address apart. Raises Fault."""
        refuse_mixed_case(address)
        prefix, colon, _ = address.lower().partition(":")
        if colon and prefix in _TEST_PREFIXES:
            raise Fault(f"{prefix!r} is the prefix of a test network")
        if colon and prefix != self.prefix:
            raise Fault(f"its prefix is {prefix!r}, not {self.prefix!r}")
        family, payload = decode(self.prefix, address, len(prefix) + 1 if colon else 0)
        kind = self.kinds.get((family, len(payload)))
        if kind is None:
            raise Fault(f"a hash of type {family} with {len(payload)} bytes is none that plain coins are sent to")
        return Reading(kind, payload)
