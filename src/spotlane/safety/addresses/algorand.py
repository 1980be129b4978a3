"""Addresses of Algorand: 32 bytes and the last four of their SHA-512/256, in Base32."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from spotlane.safety.addresses.base32 import decode as base32_decode
from spotlane.safety.addresses.model import Fault, Reading


@dataclass(frozen=True, slots=True)
class Algorand:
    """58 characters."""

    def claims(self, address: str) -> bool:
        """Claim everything: there is one format."""
        return True

    def read(self, address: str) -> Reading:
        """Take an address apart. Raises Fault."""
        if len(address) != 58:
            raise Fault(f"58 characters are due, these are {len(address)}")
        content = base32_decode(address)
        payload, checksum = content[:32], content[32:]
        # Python promises SHA-512 but not this member of its family: OpenSSL brings it.
        if "sha512_256" not in hashlib.algorithms_available:
            return Reading("account", payload, False, "this Python has no SHA-512/256, so its checksum is not checked")
        if hashlib.new("sha512_256", payload).digest()[-4:] != checksum:
            raise Fault("the checksum does not fit")
        return Reading("account", payload)
