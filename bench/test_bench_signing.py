"""Signing against the standard library's way to the same characters."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from spotlane._core.header_auth import HeaderAuth
from spotlane._core.json_encoding import JsonTemplate
from spotlane._core.signing import Hmac, Signed, kernels, sha512_hex

KEY = b"45d0b3c26f2644f19bfb98b07741b2f5"
MESSAGE = (b"symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=0.0002&price=64999.98" * 3)[:150]
BODY = (
    b'{"text":"t-abc-1.0_Z","currency_pair":"BTC_USDT","type":"limit","account":"spot","side":"buy","amount":"0.001",'
    b'"price":"65000","time_in_force":"poc"}'
)
HEAD = b"POST\n/api/v4/spot/orders\n\n"
STAMP = b"\n1700000000"
NAMES = ("text", "currency_pair", "type", "account", "side", "amount", "price", "time_in_force")
VALUES = ("t-abc-1.0_Z", "BTC_USDT", "limit", "spot", "buy", Decimal("0.001"), Decimal("65000"), "poc")
PATH = "/api/v4/spot/orders"
STAMP_MS = 1700000000250


def hmac_sha256_library() -> str:
    return hmac.new(KEY, MESSAGE, hashlib.sha256).hexdigest()


def hmac_sha256_one_shot() -> str:
    return hmac.digest(KEY, MESSAGE, "sha256").hex()


_SIGNER_256 = Hmac("sha256", KEY)
_SIGNER_512 = Hmac("sha512", KEY)
_PREPARED = hmac.new(KEY, digestmod=hashlib.sha256)


def hmac_sha256_library_copied() -> str:
    code = _PREPARED.copy()
    code.update(MESSAGE)
    return code.hexdigest()


def hmac_sha256_spotlane() -> str:
    return _SIGNER_256.hexdigest(MESSAGE)


def body_and_hmac_sha512_library() -> str:
    payload = HEAD + hashlib.sha512(BODY).hexdigest().encode() + STAMP
    return hmac.new(KEY, payload, hashlib.sha512).hexdigest()


def body_and_hmac_sha512_spotlane() -> str:
    return _SIGNER_512.hexdigest(HEAD + sha512_hex(BODY).encode() + STAMP)


_TEMPLATE = JsonTemplate(NAMES)
_AUTH = HeaderAuth(signer=_SIGNER_512, api_key="key", headers={"Content-Type": "application/json"})


def body_library() -> bytes:
    text, pair, order_type, account, side, amount, price, time_in_force = VALUES
    order = {
        "text": text,
        "currency_pair": pair,
        "type": order_type,
        "account": account,
        "side": side,
        "amount": str(amount),
        "price": str(price),
        "time_in_force": time_in_force,
    }
    return json.dumps(order, separators=(",", ":")).encode()


def body_spotlane() -> bytes:
    return _TEMPLATE.fill(*VALUES)


def order_library() -> tuple[bytes, dict[str, str]]:
    body = body_library()
    stamp = str(STAMP_MS / 1000)
    payload = "\n".join(["POST", PATH, "", hashlib.sha512(body).hexdigest(), stamp])
    signature = hmac.new(KEY, payload.encode(), hashlib.sha512).hexdigest()
    return body, {"KEY": "key", "Content-Type": "application/json", "SIGN": signature, "Timestamp": stamp}


def order_spotlane() -> tuple[bytes, Signed]:
    body = _TEMPLATE.fill(*VALUES)
    return body, _AUTH.sign("POST", PATH, b"", body, STAMP_MS, None)


def order_spotlane_with_headers() -> tuple[bytes, dict[str, str]]:
    """With the one step that a compiled writer does not need: the headers as a dict of their own."""
    body = _TEMPLATE.fill(*VALUES)
    return body, _AUTH.sign("POST", PATH, b"", body, STAMP_MS, None).headers


JSON: list[Callable[[], bytes]] = [body_library, body_spotlane]
ORDER: list[Callable[[], Any]] = [order_library, order_spotlane_with_headers, order_spotlane]
SHA256: list[Callable[[], str]] = [
    hmac_sha256_library,
    hmac_sha256_one_shot,
    hmac_sha256_library_copied,
    hmac_sha256_spotlane,
]
SHA512: list[Callable[[], str]] = [body_and_hmac_sha512_library, body_and_hmac_sha512_spotlane]


@pytest.mark.parametrize("sign", SHA256, ids=lambda sign: sign.__name__)
@pytest.mark.benchmark(group="HMAC-SHA256 of 150 bytes")
def test_hmac_sha256(benchmark: Any, sign: Callable[[], str]) -> None:
    assert len({make() for make in SHA256}) == 1
    benchmark(sign)


@pytest.mark.parametrize("kernel", kernels("sha256"))
@pytest.mark.benchmark(group="HMAC-SHA256 of 150 bytes, by kernel")
def test_kernels_sha256(benchmark: Any, kernel: str) -> None:
    signer = Hmac("sha256", KEY, kernel=kernel)
    assert signer.hexdigest(MESSAGE) == hmac_sha256_library()
    benchmark(signer.hexdigest, MESSAGE)


@pytest.mark.parametrize("sign", SHA512, ids=lambda sign: sign.__name__)
@pytest.mark.benchmark(group="SHA-512 of a body, then HMAC-SHA512")
def test_body_and_hmac_sha512(benchmark: Any, sign: Callable[[], str]) -> None:
    assert len({make() for make in SHA512}) == 1
    benchmark(sign)


@pytest.mark.parametrize("kernel", kernels("sha512"))
@pytest.mark.benchmark(group="HMAC-SHA512 of 150 bytes, by kernel")
def test_kernels_sha512(benchmark: Any, kernel: str) -> None:
    signer = Hmac("sha512", KEY, kernel=kernel)
    assert signer.hexdigest(MESSAGE) == hmac.new(KEY, MESSAGE, hashlib.sha512).hexdigest()
    benchmark(signer.hexdigest, MESSAGE)


def check_orders() -> None:
    body, signed = order_spotlane()
    assert order_library() == order_spotlane_with_headers() == (body, signed.headers)
    assert body == body_spotlane() == BODY


@pytest.mark.parametrize("encode", JSON, ids=lambda encode: encode.__name__)
@pytest.mark.benchmark(group="encode one limit order as JSON")
def test_encode_json(benchmark: Any, encode: Callable[[], bytes]) -> None:
    check_orders()
    benchmark(encode)


@pytest.mark.parametrize("sign", ORDER, ids=lambda sign: sign.__name__)
@pytest.mark.benchmark(group="encode and sign one limit order, body and headers")
def test_encode_and_sign_headers(benchmark: Any, sign: Callable[[], Any]) -> None:
    check_orders()
    benchmark(sign)
