"""Addresses of TON: user-friendly in Base64 with flags and checksum, or raw (TEP-2)."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from functools import partial

from spotlane.safety.addresses.crc16 import crc16
from spotlane.safety.addresses.model import Fault, Reading

_KINDS = {0x11: "bounceable", 0x51: "non-bounceable"}
_TEST_FLAG = 0x80
_WORKCHAINS = (0, -1)
_RAW = re.compile(r"(-?[0-9]{1,10}):([0-9a-fA-F]*)")


@dataclass(frozen=True, slots=True)
class TonFriendly:
    """48 characters of Base64: flags, workchain, 32 bytes, CRC-16. Either alphabet of Base64, not both at once."""

    def claims(self, address: str) -> bool:
        """Claim what is not raw."""
        return ":" not in address

    def read(self, address: str) -> Reading:
        """Take an address apart. Raises Fault."""
        if len(address) != 48:
            raise Fault(f"48 characters are due, these are {len(address)}")
        wrong = re.search(r"[^0-9A-Za-z+/_-]", address)
        if wrong:
            raise Fault(f"{wrong[0]!r} is no Base64 character", locate=partial(tuple, (wrong.start(),)))
        if re.search("[+/]", address) and re.search("[-_]", address):
            raise Fault("the two alphabets of Base64 are mixed: + and / belong to one, - and _ to the other")
        content = urlsafe_b64decode(address.replace("+", "-").replace("/", "_"))
        if crc16(content[:-2]) != int.from_bytes(content[-2:], "big"):
            raise Fault("the checksum does not fit")
        if content[0] & ~_TEST_FLAG not in _KINDS:
            raise Fault(f"its flags 0x{content[0]:02x} are not those of an address")
        if content[0] & _TEST_FLAG:
            raise Fault("it is marked for test networks only")
        _check_workchain(int.from_bytes(content[1:2], "big", signed=True))
        return Reading(_KINDS[content[0]], content[2:-2])


@dataclass(frozen=True, slots=True)
class TonRaw:
    """Workchain, a colon, 64 hex digits: no checksum, no flags. Wallets are told not to accept it (TEP-2)."""

    def claims(self, address: str) -> bool:
        """Claim what has a colon."""
        return ":" in address

    def read(self, address: str) -> Reading:
        """Take an address apart. Raises Fault."""
        parts = _RAW.fullmatch(address)
        if parts is None or len(parts[2]) != 64:
            raise Fault("a raw address is a workchain, a colon and 64 hex digits")
        _check_workchain(int(parts[1]))
        note = "the raw form has no checksum, the form of 48 characters has one"
        return Reading("raw", bytes.fromhex(parts[2]), False, note)


def _check_workchain(number: int) -> None:
    if number not in _WORKCHAINS:
        raise Fault(f"workchain {number} does not exist, 0 and -1 do")
