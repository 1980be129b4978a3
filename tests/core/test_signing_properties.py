"""Signing against the standard library on generated input."""

from __future__ import annotations

import hashlib
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle_signing import BLOCK_SIZES, authenticate, signed_target

from spotlane._core.encoding import encode_query
from spotlane._core.signing import Hmac, QueryAuth, kernels, sha512_hex

Algorithm = Literal["sha256", "sha512"]
ALGORITHMS: tuple[Algorithm, ...] = ("sha256", "sha512")
KERNELS = [(algorithm, kernel) for algorithm in ALGORITHMS for kernel in kernels(algorithm)]


@pytest.mark.parametrize(("algorithm", "kernel"), KERNELS)
def test_every_length_of_message_and_key(algorithm: Algorithm, kernel: str) -> None:
    material = hashlib.shake_128(b"material").digest(300)
    signer = Hmac(algorithm, b"key", kernel=kernel)
    for length in range(301):
        piece = material[:length]
        assert signer.hexdigest(piece) == authenticate(algorithm, b"key", piece)
        assert Hmac(algorithm, piece, kernel=kernel).hexdigest(b"message") == authenticate(algorithm, piece, b"message")
        assert sha512_hex(piece) == hashlib.sha512(piece).hexdigest()


@pytest.mark.parametrize(("algorithm", "kernel"), KERNELS)
@given(key=st.binary(max_size=300), message=st.binary(max_size=300))
@settings(max_examples=100)
def test_any_key_and_message(algorithm: Algorithm, kernel: str, key: bytes, message: bytes) -> None:
    signer = Hmac(algorithm, key, kernel=kernel)
    expected = authenticate(algorithm, key, message)
    assert signer.hexdigest(message) == expected
    assert signer.digest(message) == bytes.fromhex(expected)
    for other in (bytearray(key), memoryview(key)):
        assert Hmac(algorithm, other, kernel=kernel).hexdigest(message) == expected


@pytest.mark.parametrize(("algorithm", "kernel"), KERNELS)
@given(blocks=st.integers(0, 2000), offset=st.integers(-20, 20), seed=st.binary(min_size=1, max_size=9))
@settings(max_examples=30)
def test_long_messages(algorithm: Algorithm, kernel: str, blocks: int, offset: int, seed: bytes) -> None:
    length = max(0, blocks * BLOCK_SIZES[algorithm] + offset)
    message = (seed * (length // len(seed) + 1))[:length]
    assert Hmac(algorithm, b"key", kernel=kernel).hexdigest(message) == authenticate(algorithm, b"key", message)
    assert sha512_hex(message) == hashlib.sha512(message).hexdigest()


@given(
    pairs=st.lists(st.tuples(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8"))), max_size=6),
    stamp_ms=st.integers(0, 2**63 - 1),
    window_ms=st.none() | st.integers(0, 2**63 - 1),
    secret=st.binary(min_size=1, max_size=80),
    algorithm=st.sampled_from(ALGORITHMS),
)
@settings(max_examples=200)
def test_any_query(
    pairs: list[tuple[str, str]], stamp_ms: int, window_ms: int | None, secret: bytes, algorithm: Algorithm
) -> None:
    auth = QueryAuth(signer=Hmac(algorithm, secret), api_key="key", api_key_header="X-KEY")
    query = encode_query(pairs)
    signed = auth.sign("/api/v3/order", query, stamp_ms, window_ms)
    assert signed.target == signed_target("/api/v3/order", query.decode(), secret, stamp_ms, window_ms, algorithm)
