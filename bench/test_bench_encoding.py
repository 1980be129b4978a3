"""Encoding, and encoding with signing, of one limit order against the standard library's way to the same bytes."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from spotlane._core.encoding import QueryTemplate
from spotlane._core.signing import Hmac, QueryAuth, Signed

KEY = b"45d0b3c26f2644f19bfb98b07741b2f5"
NAMES = ("symbol", "side", "type", "quantity", "price", "newClientOrderId")
VALUES = ("BTCUSDT", "BUY", "LIMIT", Decimal("0.0002"), Decimal("64999.98"), "k1_00Zx-9")
PATH = "/api/v3/order"
STAMP_MS = 1758043350233
WINDOW_MS = 2000

_TEMPLATE = QueryTemplate(NAMES)
_AUTH = QueryAuth(signer=Hmac("sha256", KEY), api_key="mx0aBYs33eIilxBWC5", api_key_header="X-MEXC-APIKEY")


def encode_library() -> bytes:
    return urlencode(dict(zip(NAMES, VALUES, strict=True)), quote_via=quote).encode()


def encode_spotlane() -> bytes:
    return _TEMPLATE.fill(*VALUES)


def sign_library() -> str:
    symbol, side, order_type, quantity, price, client_order_id = VALUES
    query = urlencode(
        {
            "symbol": symbol,
            "side": side,
            "type": order_type,
            "quantity": quantity,
            "price": price,
            "newClientOrderId": client_order_id,
            "recvWindow": WINDOW_MS,
            "timestamp": STAMP_MS,
        }
    )
    signature = hmac.new(KEY, query.encode(), hashlib.sha256).hexdigest()
    return f"{PATH}?{query}&signature={signature}"


def sign_spotlane() -> Signed:
    symbol, side, order_type, quantity, price, client_order_id = VALUES
    query = _TEMPLATE.fill(symbol, side, order_type, quantity, price, client_order_id)
    return _AUTH.sign(PATH, query, STAMP_MS, WINDOW_MS)


def sign_spotlane_as_text() -> str:
    """With the one step that a compiled writer does not need: the target as a str of its own."""
    symbol, side, order_type, quantity, price, client_order_id = VALUES
    query = _TEMPLATE.fill(symbol, side, order_type, quantity, price, client_order_id)
    return _AUTH.sign(PATH, query, STAMP_MS, WINDOW_MS).target


ENCODE: list[Callable[[], bytes]] = [encode_library, encode_spotlane]
SIGN: list[Callable[[], Any]] = [sign_library, sign_spotlane_as_text, sign_spotlane]


@pytest.mark.parametrize("encode", ENCODE, ids=lambda encode: encode.__name__)
@pytest.mark.benchmark(group="encode one limit order")
def test_encode(benchmark: Any, encode: Callable[[], bytes]) -> None:
    assert encode_library() == encode_spotlane()
    benchmark(encode)


@pytest.mark.parametrize("sign", SIGN, ids=lambda sign: sign.__name__)
@pytest.mark.benchmark(group="encode and sign one limit order")
def test_encode_and_sign(benchmark: Any, sign: Callable[[], Any]) -> None:
    assert sign_library() == sign_spotlane_as_text() == sign_spotlane().target
    benchmark(sign)
