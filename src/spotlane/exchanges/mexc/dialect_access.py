"""Who may call: content type, parameters, key, address, time, signature, permission."""

from __future__ import annotations

import hashlib
import hmac
import re
from urllib.parse import quote, unquote

from spotlane.exchanges.mexc.dialect_call import MexcSettings, Params, Refusal, missing
from spotlane.sandbox.http import HttpRequest
from spotlane.sandbox.keys import ApiKey, KeyRing

_MAX_AHEAD_MS = 1000
_DEFAULT_WINDOW_MS = 5000
_MAX_WINDOW_MS = 60_000
_UNRESERVED_PAIR = re.compile(r"[0-9A-Za-z._~-]*(=[0-9A-Za-z._~-]*)?", re.ASCII)
_KEY_FORMAT = re.compile(r"mx0[0-9A-Za-z]{1,61}", re.ASCII)


def check_content_type(request: HttpRequest) -> None:
    """Refuse any content type but JSON with 700013; none at all is fine."""
    given = request.headers.get("content-type")
    if given is not None and given.split(";")[0].strip().lower() != "application/json":
        raise Refusal(700013, "Invalid content Type.")


def parameters(request: HttpRequest) -> dict[str, str]:
    """Return the decoded parameters of query and body; the query's value wins, a GET's body is not read."""
    values: dict[str, str] = {}
    sources = [request.query] if request.method == "GET" else [_body(request), request.query]
    for source in sources:
        for pair in reversed(_pairs(source)):
            name, _, value = pair.partition("=")
            try:
                values[unquote(name, errors="strict")] = unquote(value.replace("+", " "), errors="strict")
            except UnicodeDecodeError:
                raise Refusal(700008, "Illegal characters found in a parameter.") from None
    return values


def authenticate(
    request: HttpRequest, params: Params, keys: KeyRing, moments: tuple[int, ...], settings: MexcSettings
) -> ApiKey:
    """Return the key that signed the request, or refuse; it must be valid at each of the moments, the last one now."""
    given = request.headers.get("x-mexc-apikey")
    if not given:
        raise Refusal(400, "api key required")
    if not _KEY_FORMAT.fullmatch(given):
        raise Refusal(700001, "API-key format invalid.")
    key = keys.find(given)
    if key is None:
        raise Refusal(10072, "Api key info invalid")
    if key.expires_ms is not None and moments[-1] >= key.expires_ms:
        raise Refusal(settings.expired_key_code, "Signature for this request is not valid.")
    if key.ip_allow_list and request.peer_ip not in key.ip_allow_list:
        raise Refusal(700006, f"IP [{request.peer_ip}] not in the ip white list")
    signature = params.required("signature")
    for at_ms in moments:
        _check_time(params, at_ms)
    _check_signature(request, key.api_secret, signature, settings)
    return key


def check_permission(key: ApiKey, permission: str) -> None:
    """Refuse a key without the endpoint's permission."""
    if permission not in key.permissions:
        raise Refusal(700007, "No permission to access the endpoint.")


def _check_time(params: Params, now_ms: int) -> None:
    stamp_ms = params.integer("timestamp")
    if stamp_ms is None:
        raise missing("timestamp")
    window_ms = params.integer("recvWindow")
    if window_ms is None:
        window_ms = _DEFAULT_WINDOW_MS
    if window_ms >= _MAX_WINDOW_MS:
        raise Refusal(700005, "recvWindow must be less than 60000")
    if stamp_ms >= now_ms + _MAX_AHEAD_MS or now_ms - stamp_ms > window_ms:
        raise Refusal(700003, "Timestamp for this request is outside of the recvWindow.")


def _check_signature(request: HttpRequest, secret: str, signature: str, settings: MexcSettings) -> None:
    sources = [request.query] if request.method == "GET" else [request.query, _body(request)]
    signed = [[pair for pair in _pairs(source) if not pair.startswith("signature=")] for source in sources]
    message = "".join("&".join(pairs) for pairs in signed)
    expected = hmac.new(secret.encode(), message.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()
    fits = hmac.compare_digest(expected.encode(), signature.encode(errors="replace"))
    if fits and settings.strict_encoding:
        fits = all(_is_canonical(pair) for pairs in signed for pair in pairs)
    if not fits:
        raise Refusal(700002, "Signature for this request is not valid.")


def _is_canonical(pair: str) -> bool:
    return _UNRESERVED_PAIR.fullmatch(pair) is not None or all(
        quote(unquote(part), safe="") == part for part in pair.split("=", 1)
    )


def _pairs(source: str) -> list[str]:
    return [pair for pair in source.split("&") if pair]


def _body(request: HttpRequest) -> str:
    return request.body.decode("utf-8", "surrogateescape")
