"""Who may call: headers, time, key, address, signature, permission, expiry."""

from __future__ import annotations

import hashlib
import hmac
import re
from decimal import Decimal
from urllib.parse import unquote_plus

from spotlane.exchanges.gateio.dialect_call import Refusal, invalid
from spotlane.sandbox.http import HttpRequest
from spotlane.sandbox.keys import ApiKey, KeyRing

_MAX_SKEW_S = 60
_STAMP = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?", re.ASCII)
_MILLISECONDS = re.compile(r"[0-9]{1,16}", re.ASCII)
_BODILESS = ("GET", "DELETE")
READ_SUFFIX = ":read"


def check_media_types(request: HttpRequest) -> None:
    """Refuse a body that is not called JSON, and a caller that does not take JSON."""
    if request.body and request.method not in _BODILESS:
        given = request.headers.get("content-type", "")
        if given.split(";")[0].strip().lower() != "application/json":
            raise Refusal("INVALID_CONTENT_TYPE", "Content-Type must be application/json")
    accepted = request.headers.get("accept", "*/*")
    kinds = {part.split(";")[0].strip().lower() for part in accepted.split(",")}
    if not kinds & {"application/json", "application/*", "*/*"}:
        raise Refusal("NOT_ACCEPTABLE", "Only application/json can be sent")


def authenticate(request: HttpRequest, keys: KeyRing, moments: tuple[int, ...]) -> ApiKey:
    """Return the key that signed the request, or refuse: headers, then time, then key, then signature, then address.

    It must be valid at each of the moments, of which the last is now.
    """
    given = {}
    for name in ("KEY", "Timestamp", "SIGN"):
        given[name] = request.headers.get(name.lower(), "")
        if not given[name]:
            raise Refusal("MISSING_REQUIRED_HEADER", f"Missing required header: {name}", status=401)
    for at_ms in moments:
        check_time(given["Timestamp"], at_ms)
    key = keys.find(given["KEY"])
    if key is None or (key.expires_ms is not None and moments[-1] >= key.expires_ms):
        raise Refusal("INVALID_KEY", "Invalid key provided", status=401)
    expected = signature(request, key.api_secret, given["Timestamp"])
    if not hmac.compare_digest(expected.encode(), given["SIGN"].encode(errors="replace")):
        raise Refusal("INVALID_SIGNATURE", "Signature mismatch", status=401)
    if key.ip_allow_list and request.peer_ip not in key.ip_allow_list:
        raise Refusal("FORBIDDEN", f"Request IP not in whitelist: {request.peer_ip}", status=403)
    return key


def check_time(stamp: str, now_ms: int) -> None:
    """Refuse a Timestamp that is more than 60 seconds off."""
    if not _STAMP.fullmatch(stamp) or abs(Decimal(stamp) * 1000 - now_ms) > _MAX_SKEW_S * 1000:
        raise Refusal(
            "REQUEST_EXPIRED", f"gap between request Timestamp and server time exceeds {_MAX_SKEW_S}", status=403
        )


def signature(request: HttpRequest, secret: str, stamp: str) -> str:
    """Return the signature that the request should carry: over the query as it was before percent-encoding."""
    body = b"" if request.method in _BODILESS else request.body
    digest = hashlib.sha512(body).hexdigest()
    lines = (request.method, request.path, unquote_plus(request.query), digest, stamp)
    return hmac.new(secret.encode(), "\n".join(lines).encode(), hashlib.sha512).hexdigest()


def check_permission(key: ApiKey, group: str, *, is_write: bool) -> None:
    """Refuse a key without the endpoint's group; a group that ends in ":read" is read-only."""
    if group in key.permissions:
        return
    if f"{group}{READ_SUFFIX}" not in key.permissions:
        raise Refusal("FORBIDDEN", f"Request API key does not have {group} permission", status=403)
    if is_write:
        raise Refusal("READ_ONLY", "API key is read-only", status=403)


def check_expiry(request: HttpRequest, moments: tuple[int, ...]) -> None:
    """Refuse a request that is past its x-gate-exptime at any of the moments."""
    given = request.headers.get("x-gate-exptime")
    if given is None:
        return
    if not _MILLISECONDS.fullmatch(given):
        raise invalid("x-gate-exptime")
    if max(moments) > int(given):
        raise Refusal("REQUEST_EXPIRED", "request arrived after x-gate-exptime", status=403)
