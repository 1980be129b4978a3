"""Addresses of Cardano: Shelley's in Bech32 (CIP-19), Byron's in Base58 with a CRC-32 inside."""

from __future__ import annotations

from binascii import crc32
from dataclasses import dataclass

from spotlane.safety.addresses.base58 import decode as base58_decode
from spotlane.safety.addresses.bch import bytes_of
from spotlane.safety.addresses.bech32 import BECH32, decode
from spotlane.safety.addresses.model import Fault, Reading

_SHELLEY_LENGTH = 128
_HASH = 28
# The high half of the first byte: CIP-19's table of header types.
_BASE, _POINTER, _ENTERPRISE = range(4), range(4, 6), range(6, 8)
_MAINNET = 1
# An array of two, the first a byte string that holds CBOR (tag 24).
_BYRON_HEAD = b"\x82\xd8\x18\x58"


@dataclass(frozen=True, slots=True)
class Shelley:
    """addr1...: a header byte, a hash of 28 bytes and, mostly, a second one."""

    def claims(self, address: str) -> bool:
        """Claim what begins with addr or stake."""
        return address.lower().startswith(("addr", "stake"))

    def read(self, address: str) -> Reading:
        """Take an address apart. Raises Fault."""
        text = decode(address, max_length=_SHELLEY_LENGTH, constants=(BECH32,))
        if text.prefix in ("addr_test", "stake_test"):
            raise Fault("an address of a test network")
        if text.prefix == "stake":
            raise Fault("a stake address, which no payment can be sent to")
        if text.prefix != "addr":
            raise Fault(f"its prefix is {text.prefix!r}, not 'addr'")
        content = bytes_of(text.data)
        if not content:
            raise Fault("it holds nothing")
        header, payload = content[0] >> 4, content[1:]
        if content[0] & 15 != _MAINNET:
            raise Fault("its header is that of a test network")
        if header in _BASE and len(payload) == 2 * _HASH:
            return Reading("base address", payload)
        if header in _ENTERPRISE and len(payload) == _HASH:
            return Reading("enterprise address", payload)
        if header in _POINTER and _is_pointer(payload[_HASH:]):
            return Reading("pointer address", payload)
        raise Fault(f"its header type {header} and its {len(payload)} bytes do not fit")


def _is_pointer(content: bytes) -> bool:
    """Say whether bytes are three numbers of seven bits a byte, the last byte of each without the top bit."""
    return sum(byte < 0x80 for byte in content) == 3 and content[-1] < 0x80


@dataclass(frozen=True, slots=True)
class Byron:
    """Base58 of CBOR: [24(bytes), CRC-32 of the bytes]. The network inside is none on the main network."""

    def claims(self, address: str) -> bool:
        """Claim everything: what is not Shelley's is of this format."""
        return True

    def read(self, address: str) -> Reading:
        """Take an address apart. Raises Fault."""
        content = base58_decode(address)
        size = content[4] if len(content) > 4 else 0
        payload, rest = content[5 : 5 + size], content[5 + size :]
        if not content.startswith(_BYRON_HEAD) or len(payload) != size or not rest:
            raise Fault("neither addr1... nor an address of Byron")
        # Unsigned integers of CBOR: 0x18 to 0x1a are followed by one, two or four bytes.
        width = {0x18: 1, 0x19: 2, 0x1A: 4}.get(rest[0], 0)
        checksum = int.from_bytes(rest[1:], "big") if width else rest[0]
        if len(rest) != 1 + width or checksum != crc32(payload):
            raise Fault("the checksum does not fit")
        # The array of three, a byte string of 28 bytes, then the attributes: key 2 is the number of a test network.
        if not payload.startswith(b"\x83\x58\x1c") or len(payload) < 32:
            raise Fault("its content is not that of an address")
        attributes = payload[31:]
        if attributes[0] & 0xE0 != 0xA0:
            raise Fault("its content is not that of an address")
        if attributes[0] == 0xA2 or attributes[:2] == b"\xa1\x02":
            raise Fault("an address of a test network")
        return Reading("Byron address", payload)
