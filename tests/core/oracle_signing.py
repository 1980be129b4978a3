"""What the compiled signing must agree with, in plain Python and the standard library."""

from __future__ import annotations

import hashlib
import hmac
import math
import struct
from decimal import Context, Decimal
from urllib.parse import unquote_to_bytes

BLOCK_SIZES = {"sha256": 64, "sha512": 128}


def authenticate(algorithm: str, key: bytes, message: bytes) -> str:
    return hmac.new(key, message, algorithm).hexdigest()


def signed_target(
    path: str, query: str, secret: bytes, stamp_ms: int, window_ms: int | None, algorithm: str = "sha256"
) -> str:
    parts = [query] if query else []
    if window_ms is not None:
        parts.append(f"recvWindow={window_ms}")
    parts.append(f"timestamp={stamp_ms}")
    payload = "&".join(parts)
    return f"{path}?{payload}&signature={authenticate(algorithm, secret, payload.encode())}"


def header_payload(method: str, path: str, query: str | bytes, body: bytes, stamp: str) -> bytes:
    """The five lines that a scheme with the signature in a header signs."""
    raw = query if isinstance(query, bytes) else query.encode()
    return b"\n".join([method.encode(), path.encode(), raw, hashlib.sha512(body).hexdigest().encode(), stamp.encode()])


def seconds(stamp_ms: int) -> str:
    exact = Context(prec=30)
    return format(exact.divide(Decimal(stamp_ms), Decimal(1000)).normalize(exact), "f")


def signed_headers(
    method: str, path: str, query: bytes, body: bytes, secret: bytes, stamp: str, algorithm: str = "sha512"
) -> dict[str, str]:
    payload = header_payload(method, path, unquote_to_bytes(query), body, stamp)
    return {"SIGN": authenticate(algorithm, secret, payload), "Timestamp": stamp}


def _first_primes(count: int) -> list[int]:
    primes: list[int] = []
    candidate = 2
    while len(primes) < count:
        if all(candidate % prime for prime in primes):
            primes.append(candidate)
        candidate += 1
    return primes


def _cube_root_fraction(number: int) -> int:
    """The first 32 bits of the fraction of a cube root."""
    low, high = 0, number << 32
    target = number << 96
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**3 <= target else (low, middle)
    return low & 0xFFFFFFFF


def sha256_state(block: bytes) -> tuple[int, ...]:
    """The chaining state of SHA-256 after one block, which hashlib does not show (FIPS 180-4 section 6.2)."""

    def rotate(word: int, count: int) -> int:
        return (word >> count | word << (32 - count)) & 0xFFFFFFFF

    initial = [math.isqrt(prime << 64) & 0xFFFFFFFF for prime in _first_primes(8)]
    words = list(struct.unpack(">16I", block))
    for t in range(16, 64):
        low = rotate(words[t - 15], 7) ^ rotate(words[t - 15], 18) ^ words[t - 15] >> 3
        high = rotate(words[t - 2], 17) ^ rotate(words[t - 2], 19) ^ words[t - 2] >> 10
        words.append((words[t - 16] + low + words[t - 7] + high) & 0xFFFFFFFF)
    a, b, c, d, e, f, g, h = initial
    for word, prime in zip(words, _first_primes(64), strict=True):
        first = (
            h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + (e & f ^ ~e & g) + _cube_root_fraction(prime) + word
        )
        second = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + (a & b ^ a & c ^ b & c)
        a, b, c, d, e, f, g, h = (first + second) & 0xFFFFFFFF, a, b, c, (d + first) & 0xFFFFFFFF, e, f, g
    return tuple((old + new) & 0xFFFFFFFF for old, new in zip(initial, (a, b, c, d, e, f, g, h), strict=True))


def inner_state(key: bytes) -> bytes:
    """The state of HMAC-SHA256 after its key, as it lies in memory on this machine."""
    block = bytes(byte ^ 0x36 for byte in key.ljust(64, b"\0"))
    return struct.pack("=8I", *sha256_state(block))
