"""Signing against published vectors, and what a signer shows of itself."""

from __future__ import annotations

import copy
import hashlib
import pickle
from collections.abc import Callable
from typing import Any, Literal

import pytest
from oracle_signing import header_payload
from vectors_signing import GATE_ORDER, GATE_SECRET, HEADER_VECTORS, QUERY_VECTORS, RFC_4231, SECRETS, WRONG

from spotlane._core import signing
from spotlane._core.encoding import encode_query
from spotlane._core.signing import Hmac, QueryAuth, kernels, sha512_hex
from spotlane.errors import UsageError

untyped: Any = signing
Algorithm = Literal["sha256", "sha512"]
ALGORITHMS: tuple[Algorithm, ...] = ("sha256", "sha512")
KERNELS = [(algorithm, kernel) for algorithm in ALGORITHMS for kernel in kernels(algorithm)]


@pytest.mark.parametrize("case", RFC_4231)
@pytest.mark.parametrize(("algorithm", "kernel"), KERNELS)
def test_rfc_4231(algorithm: Algorithm, kernel: str, case: str) -> None:
    key, data, sha256, sha512 = RFC_4231[case]
    expected = sha256 if algorithm == "sha256" else sha512
    signer = Hmac(algorithm, key, kernel=kernel)
    assert signer.kernel == kernel
    assert signer.hexdigest(data)[: len(expected)] == expected
    assert signer.digest(data).hex() == signer.hexdigest(data)


def test_every_processor_has_the_portable_kernel_last() -> None:
    for algorithm in ALGORITHMS:
        assert kernels(algorithm)[-1] == "portable"
        assert Hmac(algorithm, b"key").kernel == kernels(algorithm)[0]


def test_one_signer_signs_many_messages() -> None:
    signer = Hmac("sha256", b"Jefe")
    first = signer.hexdigest(RFC_4231["2"][1])
    signer.hexdigest(b"something else")
    assert signer.hexdigest(RFC_4231["2"][1]) == first == RFC_4231["2"][2]


@pytest.mark.parametrize("name", QUERY_VECTORS)
@pytest.mark.parametrize("kernel", kernels("sha256"))
def test_query_vectors(kernel: str, name: str) -> None:
    exchange, query, window_ms, stamp_ms, signature = QUERY_VECTORS[name]
    auth = QueryAuth(
        signer=Hmac("sha256", SECRETS[exchange], kernel=kernel), api_key="sample", api_key_header="X-API-KEY"
    )
    encoded = query.encode() if isinstance(query, str) else encode_query(query)
    signed = auth.sign("/api/v3/order", encoded, stamp_ms, window_ms)
    path, _, rest = signed.target.partition("?")
    payload, _, made = rest.partition("&signature=")
    window = [] if window_ms is None else [f"recvWindow={window_ms}"]
    parameters = [encoded.decode()] if encoded else []
    assert path == "/api/v3/order"
    assert payload == "&".join([*parameters, *window, f"timestamp={stamp_ms}"])
    assert made == signature
    assert signed.headers == {"X-API-KEY": "sample"}


def test_microsecond_stamp_and_fractional_window() -> None:
    """Binance V2: a window that is no integer goes into the query by hand."""
    message = (
        b"symbol=BTCUSDT&side=BUY&type=LIMIT_MAKER&quantity=0.00021&price=64999.98&newClientOrderId=k1_00Zx-9"
        b"&newOrderRespType=RESULT&recvWindow=1500.125&timestamp=1767225600123456"
    )
    expected = "c2a554c2759b9696dc05130df9663d63170b46cbc0ffb117a30eac92c77a6d50"
    assert Hmac("sha256", SECRETS["binance"]).hexdigest(message) == expected


@pytest.mark.parametrize("name", WRONG)
def test_documented_wrong_signatures(name: str) -> None:
    right_name, message, wrong, is_reproducible = WRONG[name]
    made = Hmac("sha256", SECRETS["mexc"]).hexdigest(message.encode())
    assert (made == wrong) is is_reproducible
    assert QUERY_VECTORS[right_name][4] != wrong


@pytest.mark.parametrize("name", HEADER_VECTORS)
@pytest.mark.parametrize("kernel", kernels("sha512"))
def test_header_vectors(kernel: str, name: str) -> None:
    (method, path, query, body, stamp), signature = HEADER_VECTORS[name]
    payload = "\n".join([method, path, query, sha512_hex(body), stamp]).encode()
    assert payload == header_payload(method, path, query, body, stamp)
    assert Hmac("sha512", GATE_SECRET, kernel=kernel).hexdigest(payload) == signature


@pytest.mark.parametrize(
    ("message", "signature"),
    [
        (
            b"channel=spot.orders_v2&event=subscribe&time=1700000000",
            "503cda11f2dec1fc5802ef750f1a26f5205eac3da36e59e3e1d2544835a51daf"
            "556ed996bc553e9a86a541c145f20f56fe5a48ca9705e006d8f0198554bd8fb6",
        ),
        (
            b"api\nspot.login\n\n1700000000",
            "fda6efd05e40791f1059365daecc597f520349bd009ecaa64454e137d73a181e"
            "6bcdeb466148db04b38adfc8800a2e46ab4e4ac02eee77a8a2a2ece43d6d720c",
        ),
    ],
)
def test_line_vectors(message: bytes, signature: str) -> None:
    """V8 of the same scheme: what its WebSocket signs."""
    assert Hmac("sha512", GATE_SECRET).hexdigest(message) == signature


def test_body_digests() -> None:
    assert sha512_hex(GATE_ORDER) == (
        "97718de5a8c16bc8d954f690f02ef994f38bf39c38e3372633a200e70f68f28f"
        "2b20be13d169e7e68c35c18241aa335c92b99ce1ec3a7634d357a47ffd5de497"
    )
    assert sha512_hex(b"") == hashlib.sha512().hexdigest()


def auth(**changes: Any) -> QueryAuth:
    options: dict[str, Any] = {"signer": Hmac("sha256", b"secret"), "api_key": "key-shown", "api_key_header": "X-KEY"}
    return QueryAuth(**(options | changes))


def test_names_of_parameters_and_further_headers() -> None:
    signed = auth(
        signer=Hmac("sha512", b"secret"),
        timestamp_name="t s",
        window_name=None,
        signature_name="sig[0]",
        headers={"X-Channel": "a b"},
    ).sign(b"/p", b"a=1", 7, None)
    expected = Hmac("sha512", b"secret").hexdigest(b"a=1&t%20s=7")
    assert signed.target == f"/p?a=1&t%20s=7&sig%5B0%5D={expected}"
    assert signed.headers == {"X-KEY": "key-shown", "X-Channel": "a b"}
    signed.headers.clear()
    assert signed.headers == {"X-KEY": "key-shown", "X-Channel": "a b"}


def test_long_requests_and_the_largest_numbers() -> None:
    largest = 2**63 - 1
    for length in (*range(250, 400), 100_000):
        query = b"a=" + b"x" * length
        signed = auth().sign("/p", query, largest, largest)
        payload = query.decode() + f"&recvWindow={largest}&timestamp={largest}"
        assert signed.target == f"/p?{payload}&signature={Hmac('sha256', b'secret').hexdigest(payload.encode())}"


@pytest.mark.parametrize(
    "path", ["", "p", "/p?a=1", "/p#f", "/p q", "/p\r\nX: y", "/\xe9", "/\ud800", b"/\xff", b"/p\0"]
)
def test_refused_paths(path: str | bytes) -> None:
    with pytest.raises(UsageError, match="not a path"):
        auth().sign(path, b"", 1, None)


@pytest.mark.parametrize("query", [b"a=b c", b"a=b#c", b"a=\r\nX: y", b"a=\xc3\xa9", b"a=\0", b"a=\x7f"])
def test_refused_queries(query: bytes) -> None:
    with pytest.raises(UsageError, match="encode it first"):
        auth().sign("/p", query, 1, None)


@pytest.mark.parametrize("number", [-1, 2**63, -(2**63) - 1])
def test_refused_times(number: int) -> None:
    with pytest.raises(UsageError, match=f"stamp_ms must be between .* not {number}"):
        auth().sign("/p", b"", number, None)
    with pytest.raises(UsageError, match=f"window_ms must be between .* not {number}"):
        auth().sign("/p", b"", 1, number)


@pytest.mark.parametrize(
    "arguments",
    [("/p", b"", 1.5, None), ("/p", b"", 1, 1.5), ("/p", b"", True, None), ("/p", b"", "1", None), ("/p", "", 1, None)],
)
def test_refused_types_of_arguments(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError):
        auth().sign(*arguments)


def test_a_window_that_the_scheme_does_not_have() -> None:
    with pytest.raises(UsageError, match="window_ms must be None"):
        auth(window_name=None).sign("/p", b"", 1, 5000)


@pytest.mark.parametrize("value", ["", " hush", "hush ", "hush\r\nX: y", "hush\n", "hush\xe9", "hush\0"])
def test_header_values_that_could_add_a_header(value: str) -> None:
    for options in ({"api_key": value}, {"headers": {"X-Other": value}}):
        with pytest.raises(UsageError, match="printable ASCII") as caught:
            auth(**options)
        assert "hush" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "X KEY", "X:", "X\r\nY", "\xe9"])
def test_header_names_that_are_none(name: str) -> None:
    with pytest.raises(UsageError, match="not a header name"):
        auth(api_key_header=name)


def test_a_header_given_twice() -> None:
    with pytest.raises(UsageError, match="given twice"):
        auth(headers={"x-key": "other"})


@pytest.mark.parametrize(
    ("error", "make"),
    [
        (ValueError, lambda: untyped.Hmac("md5", b"key")),
        (ValueError, lambda: untyped.Hmac("sha256", b"key", kernel="no such kernel")),
        (ValueError, lambda: untyped.kernels("md5")),
        (TypeError, lambda: untyped.Hmac("sha256", "key")),
        (TypeError, lambda: untyped.Hmac("sha256", None)),
        (TypeError, lambda: untyped.Hmac("sha256", b"key").hexdigest("text")),
        (TypeError, lambda: untyped.Hmac("sha256", b"key").hexdigest(None)),
        (TypeError, lambda: untyped.sha512_hex(None)),
        (TypeError, lambda: untyped.Hmac.__new__(Hmac)),
        (TypeError, lambda: untyped.QueryAuth.__new__(QueryAuth)),
        (TypeError, lambda: auth(signer=None)),
        (TypeError, lambda: auth(headers={"X-Other": 5})),
        (TypeError, untyped.Signed),
    ],
)
def test_refused_construction(error: type[Exception], make: Callable[[], object]) -> None:
    with pytest.raises(error):
        make()


def test_nothing_is_shown_copied_or_pickled() -> None:
    signer = Hmac("sha256", b"secret")
    authenticator = auth(signer=signer)
    signed = authenticator.sign("/p", b"a=1", 1, None)
    assert repr(signer) == str(signer) == "<Hmac sha256>"
    assert repr(authenticator) == str(authenticator) == "<QueryAuth>"
    assert repr(signed) == str(signed) == "<Signed>"
    attempts: list[Callable[[object], object]] = [copy.copy, copy.deepcopy, pickle.dumps]
    for secretive in (signer, authenticator, signed):
        assert not hasattr(secretive, "__dict__")
        for attempt in attempts:
            with pytest.raises(TypeError, match="holds a secret"):
                attempt(secretive)


def test_no_comparison_by_content() -> None:
    assert Hmac("sha256", b"secret") != Hmac("sha256", b"secret")
    assert auth().sign("/p", b"", 1, None) != auth().sign("/p", b"", 1, None)
