"""Formats that have no checksum: a length and an alphabet are all there is to check."""

from __future__ import annotations

import re
from dataclasses import dataclass

from spotlane.safety.addresses.base58 import decode
from spotlane.safety.addresses.model import Fault, Reading


@dataclass(frozen=True, slots=True)
class Shape:
    """Addresses that a regular expression tells; due says in words what it wants, hex whether they are bytes in hex."""

    pattern: str
    kind: str
    due: str
    hex: bool = True

    def claims(self, address: str) -> bool:
        """Claim what fits the expression."""
        return re.fullmatch(self.pattern, address) is not None

    def read(self, address: str) -> Reading:
        """Take an address apart. Raises Fault."""
        if not self.claims(address):
            raise Fault(f"{self.due} are due")
        payload = bytes.fromhex(address.removeprefix("0x")) if self.hex else address.encode()
        return Reading(self.kind, payload, False, "this format has no checksum")


@dataclass(frozen=True, slots=True)
class Solana:
    """32 bytes in Base58.

    Whether they are a point of the curve is not asked: accounts that a program owns (PDAs) are none on purpose, and
    vaults, multisignature wallets and exchanges receive with them.
    """

    def claims(self, address: str) -> bool:
        """Claim everything: there is one format."""
        return True

    def read(self, address: str) -> Reading:
        """Take an address apart. Raises Fault."""
        payload = decode(address)
        if len(payload) != 32:
            raise Fault(f"it holds {len(payload)} bytes, an account has 32")
        return Reading("account", payload, False, "this format has no checksum")
