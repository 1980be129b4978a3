"""Strkeys of Stellar: a type, a key or a hash, a 16-bit checksum, in Base32 (SEP-23)."""

from __future__ import annotations

from dataclasses import dataclass

from spotlane.safety.addresses.base32 import decode as base32_decode
from spotlane.safety.addresses.crc16 import crc16
from spotlane.safety.addresses.model import Fault, Reading

_ACCOUNT = 6 << 3
_MUXED = 12 << 3
_SIGNED_PAYLOAD = 15 << 3
_CLAIMABLE_BALANCE = 1 << 3
# Version byte -> what it is, and the bytes that it holds; None where the length is inside.
_TYPES: dict[int, tuple[str, int | None]] = {
    _ACCOUNT: ("account", 32),
    _MUXED: ("muxed account", 40),
    18 << 3: ("secret seed", 32),
    19 << 3: ("pre-authorised transaction", 32),
    23 << 3: ("hash signer", 32),
    _SIGNED_PAYLOAD: ("signed payload", None),
    2 << 3: ("contract", 32),
    11 << 3: ("liquidity pool", 32),
    _CLAIMABLE_BALANCE: ("claimable balance", 33),
}


def strkey(text: str) -> tuple[int, bytes]:
    """Return the version byte and what a strkey holds. Raises Fault."""
    content = base32_decode(text)
    if len(content) < 3:
        raise Fault("too short for a checksum")
    version, payload = content[0], content[1:-2]
    if crc16(content[:-2]) != int.from_bytes(content[-2:], "little"):
        raise Fault("the checksum does not fit")
    if version not in _TYPES:
        raise Fault(f"its version byte 0x{version:02x} is not defined")
    kind, size = _TYPES[version]
    if size is None:
        _check_signed_payload(payload)
    elif len(payload) != size:
        raise Fault(f"it holds {len(payload)} bytes, {size} are due ({kind})")
    if version == _CLAIMABLE_BALANCE and payload[0]:
        raise Fault(f"a claimable balance of kind {payload[0]} is not defined")
    return version, payload


def _check_signed_payload(payload: bytes) -> None:
    """Raise Fault unless a key of 32 bytes, a length up to 64, so many bytes and zeros to a multiple of 4 follow."""
    size = int.from_bytes(payload[32:36], "big")
    padding = payload[36 + size :]
    if len(payload) < 36 or not 1 <= size <= 64 or len(payload) != 36 + size + (-size % 4) or any(padding):
        raise Fault("its length and its padding do not fit")


@dataclass(frozen=True, slots=True)
class Strkey:
    """Accounts (G...), and muxed accounts (M...), which hold a 64-bit id in place of a memo (CAP-27)."""

    def claims(self, address: str) -> bool:
        """Claim everything: there is one format."""
        return True

    def read(self, address: str) -> Reading:
        """Take an address apart. Raises Fault."""
        version, payload = strkey(address)
        kind = _TYPES[version][0]
        if version == _ACCOUNT:
            return Reading(kind, payload)
        if version == _MUXED:
            return Reading(kind, payload[:32], holds_tag=True, tag=str(int.from_bytes(payload[32:], "big")))
        raise Fault(f"a {kind}, which no payment can be sent to")
