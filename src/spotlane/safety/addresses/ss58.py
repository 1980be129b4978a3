"""SS58, the format of Substrate chains: a prefix for each chain, 32 bytes, 16 bits of BLAKE2b, in Base58."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

from spotlane.safety.addresses.base58 import decode as base58_decode
from spotlane.safety.addresses.model import Fault, Reading


def ss58(text: str) -> tuple[int, bytes]:
    """Return the chain's prefix number and the 32 bytes of an account. Raises Fault."""
    content = base58_decode(text)
    if not content or content[0] >= 128:
        raise Fault("its first byte is reserved")
    wide = content[0] >= 64
    if len(content) != 35 + wide:
        raise Fault(f"it holds {len(content)} bytes, an account takes {35 + wide}")
    if blake2b(b"SS58PRE" + content[:-2]).digest()[:2] != content[-2:]:
        raise Fault("the checksum does not fit")
    if not wide:
        return content[0], content[1:-2]
    # The low six bits of the first byte are bits 2 to 7 of the number, the second byte has the others.
    number = (content[0] & 0x3F) << 2 | content[1] >> 6 | (content[1] & 0x3F) << 8
    return number, content[2:-2]


@dataclass(frozen=True, slots=True)
class Ss58:
    """Accounts of one chain. One typo in 65,536 fits the short checksum."""

    prefix: int

    def claims(self, address: str) -> bool:
        """Claim everything: there is one format."""
        return True

    def read(self, address: str) -> Reading:
        """Take an address apart. Raises Fault."""
        prefix, payload = ss58(address)
        if prefix == self.prefix:
            return Reading("account", payload)
        whose = "of any Substrate chain, not of this one alone" if prefix == 42 else "of another chain"
        raise Fault(f"its prefix {prefix} is that {whose}; prefix {self.prefix} is due")
