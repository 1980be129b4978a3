"""The error-locating codes over 32 symbols that Bech32 and CashAddr end with (BCH codes, BIP-173)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from spotlane.safety.addresses.model import Fault

CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


@dataclass(frozen=True, slots=True)
class Code:
    """A code: how many symbols of checksum, and what each bit of the symbol that leaves adds to the rest."""

    symbols: int
    generators: tuple[int, int, int, int, int]

    def residue(self, values: Iterable[int], start: int = 1) -> int:
        """Return the remainder of the symbols, from 0 to 31 each, after those that gave start."""
        shift = 5 * (self.symbols - 1)
        mask = (1 << shift) - 1
        remainder = start
        for value in values:
            top = remainder >> shift
            remainder = (remainder & mask) << 5 ^ value
            for bit, generator in enumerate(self.generators):
                if top >> bit & 1:
                    remainder ^= generator
        return remainder

    def suspects(self, values: Sequence[int], difference: int) -> tuple[int, ...]:
        """Return the index of the one wrong symbol, or of two swapped neighbours, that explains a wrong remainder.

        difference is the remainder XOR the right one. A symbol's place is certain if no other symbol is wrong; what
        stood there is left to the owner of the address (BIP-173: locate, don't correct).
        """
        last = len(values) - 1
        for symbol in range(1, 32):
            effect = symbol
            for back in range(len(values)):
                if effect == difference:
                    return (last - back,)
                effect = self.residue((0,), effect)
        for index in range(last):
            swap = values[index] ^ values[index + 1]
            if swap and self.residue([swap, swap, *[0] * (last - 1 - index)], 0) == difference:
                return (index, index + 1)
        return ()


def symbols_of(text: str, offset: int) -> list[int]:
    """Return the numbers of the characters from an offset on, upper case or lower. Raises Fault."""
    values = []
    for position in range(offset, len(text)):
        value = CHARSET.find(text[position].lower())
        if value < 0:
            raise Fault(f"{text[position]!r} is no Bech32 character", locate=partial(tuple, (position,)))
        values.append(value)
    return values


def refuse_mixed_case(text: str) -> None:
    """Raise Fault for a text with upper-case and lower-case letters."""
    if text != text.lower() and text != text.upper():
        raise Fault("upper and lower case are mixed")


def bytes_of(values: Sequence[int]) -> bytes:
    """Return groups of 5 bits as bytes. Raises Fault where the rest is a whole group or not zero (BIP-173)."""
    number = 0
    for value in values:
        number = number << 5 | value
    rest = 5 * len(values) % 8
    if rest > 4:
        raise Fault("a character too many: the padding has more than 4 bits")
    if number & (1 << rest) - 1:
        raise Fault("the padding is not zero")
    return (number >> rest).to_bytes(5 * len(values) // 8, "big")
