"""Addresses of Ethereum and of every chain that runs its virtual machine: 20 bytes in hex, EIP-55 in their case."""

from __future__ import annotations

import re
from dataclasses import dataclass

from spotlane.safety.addresses.keccak import keccak_256
from spotlane.safety.addresses.model import Fault, Reading

_HEX = re.compile(r"0x[0-9a-fA-F]{40}")


def eip55(address: str) -> str:
    """Return an address of 0x and 40 hex digits with the upper and lower case of EIP-55."""
    digits = address[2:].lower()
    marks = keccak_256(digits.encode()).hex()
    return "0x" + "".join(
        digit.upper() if mark > "7" else digit for digit, mark in zip(digits, marks[: len(digits)], strict=True)
    )


@dataclass(frozen=True, slots=True)
class Evm:
    """Hex addresses with the checksum of EIP-55.

    The checksum is the choice of upper or lower case of each letter. In mixed case it has to fit. All lower or all
    upper is what programs write that don't know EIP-55: no wrong address, but one in which no typo can be seen. It
    passes with checksummed=False, and whoever pays may insist on more. Where EIP-55 itself would write all letters in
    that one case, the check is passed like any other. Each letter is one bit, about 15 in an address: one address in
    about 4,000 with a wrong digit passes.
    """

    def claims(self, address: str) -> bool:
        """Claim everything: there is one format."""
        return True

    def read(self, address: str) -> Reading:
        """Take an address apart. Raises Fault."""
        if not _HEX.fullmatch(address):
            raise Fault(_misshapen(address))
        payload = bytes.fromhex(address[2:])
        digits = address[2:]
        if digits.isdecimal():
            return Reading("account", payload, False, "it has no letters, whose case would be the checksum")
        spelling = eip55(address)
        if address == spelling:
            return Reading("account", payload)
        if digits in (digits.lower(), digits.upper()):
            return Reading("account", payload, False, "its letters are all of one case: no EIP-55 checksum")
        raise Fault("upper and lower case do not fit EIP-55, so a digit or a letter's case is wrong", nearest=spelling)


def _misshapen(address: str) -> str:
    if re.fullmatch(r"[0-9a-fA-F]{40}", address):
        return "0x is missing before its 40 hex digits"
    if address.startswith("0X"):
        return "it begins with 0X, not 0x"
    if address.startswith("0x"):
        return f"0x and 40 hex digits are due, after 0x stand {len(address) - 2} characters" + (
            "" if re.fullmatch("[0-9a-fA-F]*", address[2:]) else ", not all of them hex digits"
        )
    return "it does not begin with 0x"
