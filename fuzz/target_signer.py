"""The signers: HMAC with every kernel, signatures in the query and signatures in a header, against hmac and hashlib.

The head chooses the scheme and the signer, and what these want is taken from the body. All executions are compared.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from typing import Any

import oracle_signing as oracle
from fuzz_share import ACCEPTED, COMPARED, Mismatch, Share, Take, agree

from spotlane._core.header_auth import HeaderAuth
from spotlane._core.signing import Hmac, QueryAuth, kernels, sha512_hex
from spotlane.errors import UsageError

SECRET = b"a secret of the usual length ..."
SHARE = Share(1)
_make: Any = Hmac
KERNELS = [(algorithm, kernel) for algorithm in ("sha256", "sha512") for kernel in kernels(algorithm)]
_SIGNERS = [(algorithm, _make(algorithm, SECRET, kernel=kernel)) for algorithm, kernel in KERNELS]
_QUERY = [
    (QueryAuth(signer=signer, api_key="key", api_key_header="X-KEY", window_name=window), algorithm, window)
    for algorithm, signer in _SIGNERS
    for window in ("recvWindow", None)
]
_header_auth: Any = HeaderAuth
_HEADER = [
    (_header_auth(signer=signer, api_key="key", timestamp_unit=unit, expiry_header=expiry), algorithm, unit, expiry)
    for algorithm, signer in _SIGNERS
    for unit in ("s", "ms")
    for expiry in ("X-Expires", None)
]
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "", "get", "GÉT")
_PATH = re.compile(rb"/[!-~]*")
_PRINTABLE = re.compile(rb"[!-~]*")
_HALF_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def run(head: bytes, body: bytes) -> int:
    """Sign one message or request."""
    return _SCHEMES[head[0] % len(_SCHEMES)](head[1], Take(body))


def _message(chosen: int, take: Take) -> int:
    algorithm, kernel = KERNELS[chosen % len(KERNELS)]
    key = take.some()
    message = take.rest()
    signer = _make(algorithm, key, kernel=kernel)
    made = signer.digest(message)
    if not SHARE.is_due():
        return ACCEPTED
    agree(made, hmac.digest(key, message, algorithm), f"{kernel} of {message!r}")
    agree(signer.hexdigest(message), made.hex(), "hexdigest")
    agree(sha512_hex(message), hashlib.sha512(message).hexdigest(), "sha512")
    return COMPARED | ACCEPTED


def _fits(path: bytes, query: bytes, *numbers: int | None) -> bool:
    """Say whether path and query are one request target and the numbers times."""
    return (
        _PATH.fullmatch(path) is not None
        and b"?" not in path
        and _PRINTABLE.fullmatch(query) is not None
        and b"#" not in path + query
        and all(number is None or 0 <= number < 2**63 for number in numbers)
    )


def _query(chosen: int, take: Take) -> int:
    auth, algorithm, window_name = _QUERY[chosen % len(_QUERY)]
    has_window = take.byte() & 1
    stamp, window = take.number(8 + has_window), take.number(9) if has_window else None
    path, query = take.some(), take.rest()
    try:
        signed = auth.sign(path, query, stamp, window)
    except UsageError:
        if _fits(path, query, stamp, window) and (window is None or window_name is not None):
            raise Mismatch(f"refused {path!r}, {query!r}, {stamp}, {window}") from None
        return COMPARED
    if not SHARE.is_due():
        return ACCEPTED
    if not _fits(path, query, stamp, window):
        raise Mismatch(f"signed {path!r}, {query!r}, {stamp}, {window}")
    expected = oracle.signed_target(path.decode(), query.decode(), SECRET, stamp, window, algorithm)
    agree(signed.target, expected, algorithm)
    agree(signed.headers, {"X-KEY": "key"}, "headers")
    agree(signed.header_lines, b"X-KEY: key\r\n", "header lines")
    return COMPARED | ACCEPTED


def _header(chosen: int, take: Take) -> int:
    auth, algorithm, unit, expiry = _HEADER[chosen % len(_HEADER)]
    flags = take.byte()
    method = _METHODS[flags & 7]
    is_long = flags >> 6 & 1
    stamp, expires = take.number(8 + is_long), take.number(8 + is_long) if flags & 128 else None
    path, query, body = take.some(), take.some(), take.rest()
    fits = _fits(path, query, stamp, expires) and b"+" not in query and _HALF_ESCAPE.search(query) is None
    fits = fits and (flags & 7) < 5 and (expires is None or expiry is not None)
    try:
        signed = auth.sign(method, path, query, body, stamp, expires)
    except UsageError:
        if fits:
            raise Mismatch(f"refused {method}, {path!r}, {query!r}, {stamp}, {expires}") from None
        return COMPARED
    if not fits:
        raise Mismatch(f"signed {method}, {path!r}, {query!r}, {stamp}, {expires}")
    if not SHARE.is_due():
        return ACCEPTED
    text = oracle.seconds(stamp) if unit == "s" else str(stamp)
    expected = {"KEY": "key", **oracle.signed_headers(method, path.decode(), query, body, SECRET, text, algorithm)}
    if expires is not None:
        expected["X-Expires"] = str(expires)
    agree(signed.headers, expected, f"{algorithm} of {query!r}")
    agree(signed.target.encode(), path + b"?" + query if query else path, "target")
    return COMPARED | ACCEPTED


_SCHEMES: tuple[Callable[[int, Take], int], ...] = (_message, _query, _header)
