"""The 16-bit checksum of Stellar and TON: x^16 + x^12 + x^5 + 1, from zero, no reflection (CRC-16/XMODEM)."""

from __future__ import annotations

from binascii import crc_hqx


def crc16(content: bytes) -> int:
    """Return the checksum. It sees every error within 16 neighbouring bits, so two neighbouring characters."""
    return crc_hqx(content, 0)
