"""Base32 of RFC 4648 without padding, as Stellar and Algorand write it: every value in one spelling."""

from __future__ import annotations

from base64 import b32decode, b32encode
from functools import partial

from spotlane.safety.addresses.model import Fault

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def decode(text: str) -> bytes:
    """Return the bytes of a text. Raises Fault for other characters, impossible lengths and bits that are left over."""
    for position, character in enumerate(text):
        if character not in _ALPHABET:
            raise Fault(f"{character!r} is no Base32 character", locate=partial(tuple, (position,)))
    if len(text) % 8 in (1, 3, 6):
        raise Fault(f"no number of bytes takes {len(text)} characters: one is missing or too many")
    content = b32decode(text + "=" * (-len(text) % 8))
    if encode(content) != text:
        raise Fault("bits that belong to no byte are not zero: the last character is wrong")
    return content


def encode(content: bytes) -> str:
    """Return bytes in Base32 without padding."""
    return b32encode(content).decode().rstrip("=")
