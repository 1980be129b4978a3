"""X-addresses of the XRP Ledger: an account and its destination tag under one checksum (XLS-5)."""

from __future__ import annotations

from dataclasses import dataclass

from spotlane.safety.addresses.base58 import RIPPLE, check_decode
from spotlane.safety.addresses.model import Fault, Reading

_MAIN = b"\x05\x44"
_TEST = b"\x04\x93"
_NO_TAG, _TAG_32, _TAG_64 = 0, 1, 2


@dataclass(frozen=True, slots=True)
class XAddress:
    """Two bytes of prefix, 20 of account, one of flags, eight of tag, little-endian."""

    def claims(self, address: str) -> bool:
        """Claim what begins with X, or T as on test networks."""
        return address.startswith(("X", "T"))

    def read(self, address: str) -> Reading:
        """Take an address apart. Raises Fault."""
        content = check_decode(address, RIPPLE)
        if content[:2] == _TEST:
            raise Fault("an X-address of a test network")
        if content[:2] != _MAIN:
            raise Fault("its prefix is none of an X-address")
        if len(content) != 31:
            raise Fault(f"it holds {len(content)} bytes, an X-address holds 31")
        account, flags, tag = content[2:22], content[22], int.from_bytes(content[23:], "little")
        if flags == _NO_TAG and tag == 0:
            return Reading("X-address without tag", account, holds_tag=True)
        if flags == _TAG_32 and tag < 1 << 32:
            return Reading("X-address with tag", account, holds_tag=True, tag=str(tag))
        if flags == _TAG_64:
            raise Fault("its tag has 64 bits, which the ledger does not know")
        raise Fault(f"flags 0x{flags:02x} with tag bytes {content[23:].hex()} are not defined")
