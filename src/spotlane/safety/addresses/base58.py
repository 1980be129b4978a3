"""Base58 and Base58Check: numbers in 58 digits, four bytes of a double SHA-256 at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256

from spotlane.safety.addresses.model import Fault, Reading

BITCOIN = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
RIPPLE = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
_CHECKSUM_BYTES = 4


def decode(text: str, alphabet: str = BITCOIN) -> bytes:
    """Return the bytes of a Base58 text; every leading zero digit is a zero byte. Raises Fault."""
    number = 0
    for position, character in enumerate(text):
        digit = alphabet.find(character)
        if digit < 0:
            raise Fault(f"{character!r} is no Base58 character", locate=partial(tuple, (position,)))
        number = number * 58 + digit
    zeros = len(text) - len(text.lstrip(alphabet[0]))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def encode(content: bytes, alphabet: str = BITCOIN) -> str:
    """Return bytes in Base58."""
    number = int.from_bytes(content, "big")
    digits: list[str] = []
    while number:
        number, digit = divmod(number, 58)
        digits.append(alphabet[digit])
    zeros = len(content) - len(content.lstrip(b"\0"))
    return alphabet[0] * zeros + "".join(reversed(digits))


def check_decode(text: str, alphabet: str = BITCOIN) -> bytes:
    """Return the bytes before the checksum of a Base58Check text. Raises Fault, with the place of a single typo."""
    content = decode(text, alphabet)
    if len(content) <= _CHECKSUM_BYTES:
        raise Fault("too short for a checksum")
    if not _fits(content):
        raise Fault("the checksum does not fit", locate=partial(_suspects, text, alphabet, len(content)))
    return content[:-_CHECKSUM_BYTES]


def check_encode(payload: bytes, alphabet: str = BITCOIN) -> str:
    """Return bytes with their checksum in Base58."""
    return encode(payload + _checksum(payload), alphabet)


def _checksum(payload: bytes) -> bytes:
    return sha256(sha256(payload).digest()).digest()[:_CHECKSUM_BYTES]


def _fits(content: bytes) -> bool:
    return _checksum(content[:-_CHECKSUM_BYTES]) == content[-_CHECKSUM_BYTES:]


def _suspects(text: str, alphabet: str, size: int) -> tuple[int, ...]:
    """Return the one character, or the two neighbours, that one wrong character or one swap would explain."""
    digits = [alphabet.index(character) for character in text]
    number = int.from_bytes(decode(text, alphabet), "big")
    limit = 1 << 8 * size
    weight = 1
    for position in range(len(digits) - 1, -1, -1):
        own = digits[position]
        for other in range(58):
            changed = number + (other - own) * weight
            if other != own and 0 <= changed < limit and _fits(changed.to_bytes(size, "big")):
                return (position,)
        if position:
            swapped = number + (digits[position - 1] - own) * (weight - 58 * weight)
            if 0 <= swapped < limit and _fits(swapped.to_bytes(size, "big")):
                return (position - 1, position)
        weight *= 58
    return ()


@dataclass(frozen=True, slots=True)
class Base58Check:
    """Version bytes, a hash, a checksum. versions: leading bytes -> kind; refused: leading bytes -> why not."""

    versions: Mapping[bytes, str]
    refused: Mapping[bytes, str] = field(default_factory=dict)
    size: int = 20
    alphabet: str = BITCOIN
    note: str | None = None

    def claims(self, address: str) -> bool:
        """Claim everything: what no other format of a chain claims is of this one."""
        return True

    def read(self, address: str) -> Reading:
        """Take an address apart. Raises Fault."""
        content = check_decode(address, self.alphabet)
        for version, why in self.refused.items():
            if content.startswith(version) and len(content) == len(version) + self.size:
                raise Fault(why)
        for version, kind in self.versions.items():
            if content.startswith(version):
                payload = content[len(version) :]
                if len(payload) != self.size:
                    raise Fault(f"it holds {len(payload)} bytes, {self.size} are due ({kind})")
                return Reading(kind, payload, note=self.note)
        raise Fault(f"its version byte 0x{content[0]:02x} is none of this chain")
