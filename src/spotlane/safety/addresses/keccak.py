"""Keccak-256 as Ethereum uses it. hashlib's sha3_256 is the later standard and pads with another byte (FIPS 202)."""

from __future__ import annotations

_RATE_BYTES = 136
_MASK = (1 << 64) - 1


def _round_constants() -> tuple[int, ...]:
    """Return the constants of the 24 rounds: bits of a shift register at places 2**j - 1 (FIPS 202, algorithm 5)."""
    constants = []
    register = 1
    for _ in range(24):
        constant = 0
        for place in range(7):
            constant |= (register & 1) << (1 << place) - 1
            register = register << 1 ^ (0x171 if register & 0x80 else 0)
        constants.append(constant)
    return tuple(constants)


def _path() -> tuple[tuple[int, int], ...]:
    """Return the lanes in the order in which pi moves them, each with the bits by which rho turns it."""
    steps = []
    x, y = 1, 0
    for step in range(24):
        steps.append((x + 5 * y, (step + 1) * (step + 2) // 2 % 64))
        x, y = y, (2 * x + 3 * y) % 5
    return tuple(steps)


_CONSTANTS = _round_constants()
_PATH = _path()


def keccak_256(content: bytes, *, domain: int = 0x01) -> bytes:
    """Return the 32 bytes of a hash. domain is the first byte of padding: 0x06 makes it SHA3-256."""
    padded = bytearray(content)
    padded.append(domain)
    padded.extend(bytes(-len(padded) % _RATE_BYTES))
    padded[-1] |= 0x80
    lanes = [0] * 25
    for start in range(0, len(padded), _RATE_BYTES):
        for index in range(_RATE_BYTES // 8):
            at = start + 8 * index
            lanes[index] ^= int.from_bytes(padded[at : at + 8], "little")
        lanes = _permute(lanes)
    return b"".join(lane.to_bytes(8, "little") for lane in lanes[:4])


def _permute(lanes: list[int]) -> list[int]:
    for constant in _CONSTANTS:
        columns = [lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20] for x in range(5)]
        mixed = [columns[x - 1] ^ _turned(columns[(x + 1) % 5], 1) for x in range(5)]
        lanes = [lane ^ mixed[index % 5] for index, lane in enumerate(lanes)]
        moved = lanes[1]
        for (_, bits), (target, _) in zip(_PATH, _PATH[1:] + _PATH[:1], strict=True):
            moved, lanes[target] = lanes[target], _turned(moved, bits)
        for row in range(0, 25, 5):
            five = lanes[row : row + 5]
            for x in range(5):
                lanes[row + x] = five[x] ^ ~five[(x + 1) % 5] & five[(x + 2) % 5] & _MASK
        lanes[0] ^= constant
    return lanes


def _turned(lane: int, bits: int) -> int:
    return (lane << bits | lane >> 64 - bits) & _MASK
