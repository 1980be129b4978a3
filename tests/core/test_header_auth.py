"""Signatures in a header: published vectors, generated requests, and what is refused or shown."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Literal
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle_signing import seconds, signed_headers
from vectors_signing import GATE_SECRET, HEADER_VECTORS

from spotlane._core.encoding import encode_query
from spotlane._core.header_auth import HeaderAuth
from spotlane._core.signing import Hmac, Signed, kernels
from spotlane.errors import UsageError

TEXT = st.text(st.characters(codec="utf-8"))


def auth(**changes: Any) -> HeaderAuth:
    options: dict[str, Any] = {"signer": Hmac("sha512", GATE_SECRET), "api_key": "key-shown"}
    return HeaderAuth(**(options | changes))


def sign(**changes: Any) -> Signed:
    options: dict[str, Any] = {
        "method": "POST",
        "path": "/p",
        "query": b"",
        "body": b"",
        "stamp_ms": 1,
        "expires_ms": None,
    }
    return auth(expiry_header="X-Expires").sign(*(options | changes).values())


@pytest.mark.parametrize("name", HEADER_VECTORS)
@pytest.mark.parametrize("kernel", kernels("sha512"))
def test_vectors(kernel: str, name: str) -> None:
    (method, path, raw_query, body, stamp), signature = HEADER_VECTORS[name]
    query = quote(raw_query, safe="=&").encode()
    signed = auth(signer=Hmac("sha512", GATE_SECRET, kernel=kernel)).sign(
        method, path, query, body, int(1000 * Decimal(stamp)), None
    )
    assert signed.headers == {"KEY": "key-shown", "SIGN": signature, "Timestamp": stamp}
    assert signed.target == (f"{path}?{query.decode()}" if query else path)


def test_the_encoded_comma_is_signed_as_a_comma() -> None:
    made = [HEADER_VECTORS[name][1] for name in ("V3", "V3 wrong: encoded comma signed")]
    query = b"sub_uid=10001%2C10002&from=1700000000&to=1700086400"
    path = "/api/v4/wallet/sub_account_transfers"
    for same in (query, query.replace(b"%2C", b"%2c"), query.replace(b"%2C", b",")):
        headers = auth().sign("GET", path, same, b"", 1700000000000, None).headers
        assert headers["SIGN"] == made[0] != made[1]


@given(
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE"]),
    pairs=st.lists(st.tuples(TEXT, TEXT), max_size=6),
    body=st.binary(max_size=400),
    stamp_ms=st.integers(0, 2**63 - 1) | st.integers(0, 10**13),
    expires_ms=st.none() | st.integers(0, 2**63 - 1),
    secret=st.binary(min_size=1, max_size=150),
    algorithm=st.sampled_from(["sha256", "sha512"]),
    in_seconds=st.booleans(),
)
@settings(max_examples=300)
def test_any_request(
    method: str,
    pairs: list[tuple[str, str]],
    body: bytes,
    stamp_ms: int,
    expires_ms: int | None,
    secret: bytes,
    algorithm: Literal["sha256", "sha512"],
    in_seconds: bool,
) -> None:
    authenticator = auth(
        signer=Hmac(algorithm, secret),
        timestamp_unit="s" if in_seconds else "ms",
        expiry_header="X-Expires",
        headers={"Content-Type": "application/json"},
    )
    query = encode_query(pairs)
    signed = authenticator.sign(method, "/api/v4/spot/orders", query, body, stamp_ms, expires_ms)
    stamp = seconds(stamp_ms) if in_seconds else str(stamp_ms)
    expected = {"KEY": "key-shown", "Content-Type": "application/json"}
    expected |= signed_headers(method, "/api/v4/spot/orders", query, body, secret, stamp, algorithm)
    if expires_ms is not None:
        expected["X-Expires"] = str(expires_ms)
    assert signed.headers == expected
    assert signed.header_lines == "".join(f"{name}: {value}\r\n" for name, value in expected.items()).encode()
    assert signed.target == ("/api/v4/spot/orders?" + query.decode()).removesuffix("?")


@pytest.mark.parametrize(
    ("stamp_ms", "text"),
    [
        (0, "0"),
        (1, "0.001"),
        (10, "0.01"),
        (999, "0.999"),
        (1000, "1"),
        (1700000000000, "1700000000"),
        (1700000000250, "1700000000.25"),
        (1700000000205, "1700000000.205"),
        (2**63 - 1, "9223372036854775.807"),
    ],
)
def test_timestamps(stamp_ms: int, text: str) -> None:
    assert sign(stamp_ms=stamp_ms).headers["Timestamp"] == text == seconds(stamp_ms)
    headers = auth(timestamp_unit="ms").sign("GET", "/p", b"", b"", stamp_ms, None).headers
    assert headers["Timestamp"] == str(stamp_ms)


def test_every_length_around_the_small_buffer() -> None:
    largest = 2**63 - 1
    for length in (*range(60, 400), 100_000):
        path, query, body = f"/{'p' * 30}", b"a=%41" + b"x" * length, b"b" * length
        signed = sign(method="DELETE", path=path, query=query, body=body, stamp_ms=largest, expires_ms=largest)
        expected = signed_headers("DELETE", path, query, body, GATE_SECRET, "9223372036854775.807")
        assert signed.headers == {"KEY": "key-shown", **expected, "X-Expires": str(largest)}
        assert signed.target == f"{path}?{query.decode()}"


def test_names_of_headers() -> None:
    authenticator = auth(
        api_key_header="X-Key",
        timestamp_header="X-Time",
        signature_header="X-Signature",
        expiry_header="X-Until",
        headers={"X-Channel": "a b"},
    )
    signed = authenticator.sign("GET", b"/p", b"", b"", 5000, 9)
    signature = signed_headers("GET", "/p", b"", b"", GATE_SECRET, "5")["SIGN"]
    expected = {"X-Key": "key-shown", "X-Channel": "a b", "X-Signature": signature, "X-Time": "5", "X-Until": "9"}
    assert signed.headers == expected
    signed.headers.clear()
    assert signed.headers == expected
    assert authenticator.sign("GET", "/p", b"", b"", 5000, None).headers == {
        name: value for name, value in expected.items() if name != "X-Until"
    }


def test_an_expiry_that_the_scheme_does_not_have() -> None:
    with pytest.raises(UsageError, match="expires_ms must be None"):
        auth().sign("GET", "/p", b"", b"", 1, 2)


@pytest.mark.parametrize("method", ["", "get", "GET ", "GET\n", "GE T", "\xc9", "\ud800", "GET1"])
def test_refused_methods(method: str) -> None:
    with pytest.raises(UsageError, match="not a method in capital letters"):
        sign(method=method)


@pytest.mark.parametrize("path", ["", "p", "/p?a=1", "/p#f", "/p q", "/p\r\nX: y", "/\xe9", b"/\xff", b"/p\0"])
def test_refused_paths(path: str | bytes) -> None:
    with pytest.raises(UsageError, match="not a path"):
        sign(path=path)


@pytest.mark.parametrize("query", [b"a=b c", b"a=b#c", b"a=\r\nX: y", b"a=\xc3\xa9", b"a=\0", b"a=\x7f"])
def test_refused_queries(query: bytes) -> None:
    with pytest.raises(UsageError, match="encode it first"):
        sign(query=query)


@pytest.mark.parametrize("query", [b"%", b"a=%", b"a=%2", b"a=%2g", b"a=%g2", b"a=%%20", b"a=%20&b=%4", b"a=%/0"])
def test_incomplete_percent_encoding(query: bytes) -> None:
    with pytest.raises(UsageError, match="two hexadecimal digits"):
        sign(query=query)


def test_a_plus_has_two_readings() -> None:
    with pytest.raises(UsageError, match=r"%2B or %20"):
        sign(query=b"a=b+c")


@pytest.mark.parametrize("number", [-1, 2**63, -(2**63) - 1])
def test_refused_times(number: int) -> None:
    for name in ("stamp_ms", "expires_ms"):
        with pytest.raises(UsageError, match=f"{name} must be between .* not {number}"):
            sign(**{name: number})


@pytest.mark.parametrize(
    "changes",
    [
        {"method": b"GET"},
        {"method": None},
        {"path": None},
        {"query": ""},
        {"query": None},
        {"body": ""},
        {"body": None},
        {"body": bytearray(b"x")},
        {"stamp_ms": 1.5},
        {"stamp_ms": True},
        {"expires_ms": 1.5},
    ],
)
def test_refused_types_of_arguments(changes: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        sign(**changes)


@pytest.mark.parametrize(
    ("error", "options"),
    [
        (ValueError, {"timestamp_unit": "us"}),
        (TypeError, {"timestamp_unit": None}),
        (TypeError, {"signer": None}),
        (TypeError, {"api_key": None}),
        (TypeError, {"headers": {"X-Other": 5}}),
        (UsageError, {"api_key": "hush\r\nX: y"}),
        (UsageError, {"headers": {"X-Other": " hush"}}),
        (UsageError, {"signature_header": "SIGN:"}),
        (UsageError, {"timestamp_header": ""}),
        (UsageError, {"expiry_header": "X Expires"}),
        (UsageError, {"headers": {"sign": "hush"}}),
        (UsageError, {"expiry_header": "timestamp"}),
        (UsageError, {"api_key_header": "SIGN"}),
    ],
)
def test_refused_construction(error: type[Exception], options: dict[str, Any]) -> None:
    with pytest.raises(error) as caught:
        auth(**options)
    assert "hush" not in str(caught.value)


def test_nothing_is_shown_copied_compared_or_pickled() -> None:
    authenticator = auth()
    signed = authenticator.sign("GET", "/p", b"a=1", b"", 1, None)
    again = authenticator.sign("GET", "/p", b"a=1", b"", 1, None)
    assert repr(authenticator) == str(authenticator) == f"{authenticator}" == "<HeaderAuth>"
    assert repr(signed) == str(signed) == f"{signed}" == "<Signed>"
    assert signed != again
    assert {name for name in dir(signed) if not name.startswith("_")} == {"target", "headers", "header_lines"}
    assert {name for name in dir(authenticator) if not name.startswith("_")} == {"sign"}
    attempts: list[Callable[[object], object]] = [copy.copy, copy.deepcopy, pickle.dumps]
    for secretive in (authenticator, signed):
        assert not hasattr(secretive, "__dict__")
        for attempt in attempts:
            with pytest.raises(TypeError, match="holds a secret"):
                attempt(secretive)


def test_one_authenticator_signs_many_requests() -> None:
    authenticator = auth(expiry_header="X-Expires")
    kept = [authenticator.sign("POST", "/p", b"", str(number).encode(), number, number) for number in range(40)]
    for number, signed in enumerate(kept):
        stamp = seconds(number)
        expected = signed_headers("POST", "/p", b"", str(number).encode(), GATE_SECRET, stamp)
        assert signed.headers == {"KEY": "key-shown", **expected, "X-Expires": str(number)}
