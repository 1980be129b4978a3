"""Who may call: parameters, key, address, time, signature, permission."""

from __future__ import annotations

import hashlib
import hmac
import re
from decimal import Decimal
from urllib.parse import quote, unquote

from spotlane.exchanges.binance.dialect_call import BinanceSettings, Params, Refusal, as_ms, missing
from spotlane.sandbox.http import HttpRequest
from spotlane.sandbox.keys import ApiKey, KeyRing

COMMON_PARAMETERS = frozenset({"timestamp", "recvWindow", "signature"})
_MAX_AHEAD_MS = 1000
_DEFAULT_WINDOW_MS = Decimal(5000)
_MAX_WINDOW_MS = Decimal(60_000)
_KEY_FORMAT = re.compile(r"[0-9A-Za-z]{64}", re.ASCII)
_WINDOW = re.compile(r"[0-9]{1,20}(\.[0-9]{1,3})?", re.ASCII)
_FORM = "application/x-www-form-urlencoded"


def names(request: HttpRequest) -> frozenset[str]:
    """Return the names of the parameters as they arrived, wherever they stand."""
    return frozenset(pair.partition("=")[0] for pair in (*_pairs(request.query), *_pairs(_body(request))))


def parameters(request: HttpRequest) -> dict[str, str]:
    """Return the decoded parameters of query and form body; the query's value wins, a GET's body is not read."""
    values: dict[str, str] = {}
    content_type = request.headers.get("content-type", _FORM).split(";")[0].strip().lower()
    has_form = request.method != "GET" and content_type == _FORM
    for source in (_body(request), request.query) if has_form else (request.query,):
        seen: set[str] = set()
        for pair in _pairs(source):
            name, _, value = (_decoded(part) for part in pair.partition("="))
            if name in seen:
                raise Refusal(-1101, f"Duplicate values for parameter '{name}' detected.")
            seen.add(name)
            values[name] = value
    return values


def check_names(params: Params, known: frozenset[str]) -> None:
    """Refuse parameters that the endpoint does not read."""
    sent = len(params.values)
    read = len(known & params.values.keys())
    if sent > read and not known:
        raise Refusal(-1101, f"Too many parameters; expected '0' and received '{sent}'.")
    if sent > read:
        raise Refusal(-1104, f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'.")


def authenticate(
    request: HttpRequest, params: Params, keys: KeyRing, moments: tuple[int, ...], settings: BinanceSettings
) -> ApiKey:
    """Return the key that signed the request, or refuse: key, address, time, then signature.

    It must be valid at each of the moments, of which the last is now.
    """
    given = request.headers.get("x-mbx-apikey", "")
    if not _KEY_FORMAT.fullmatch(given):
        raise Refusal(-2014, "API-key format invalid.", status=401)
    key = keys.find(given)
    if key is None:
        raise _not_permitted(settings.unknown_key_code)
    is_expired = key.expires_ms is not None and moments[-1] >= key.expires_ms
    if is_expired or (key.ip_allow_list and request.peer_ip not in key.ip_allow_list):
        raise _not_permitted()
    signature = params.required("signature")
    for at_ms in moments:
        _check_time(params, at_ms)
    _check_signature(request, key.api_secret, signature, is_strict=settings.strict_encoding)
    return key


def check_permission(key: ApiKey, permission: str, *, needs_ip_list: bool) -> None:
    """Refuse a key without the endpoint's permission, or without a list of addresses where it takes one."""
    if permission not in key.permissions or (needs_ip_list and not key.ip_allow_list):
        raise _not_permitted()


def check_symbol(key: ApiKey, symbol: str) -> None:
    """Refuse a key that is not open for a symbol ("BTC/USDT")."""
    if not key.may_trade(symbol):
        raise _not_permitted()


def is_microseconds(request: HttpRequest) -> bool:
    """Tell whether the caller wants its times in microseconds."""
    unit = request.headers.get("x-mbx-time-unit", "MILLISECOND")
    if unit not in ("MICROSECOND", "MILLISECOND", "microsecond", "millisecond"):
        raise Refusal(-1194, "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.")
    return unit.upper() == "MICROSECOND"


def _not_permitted(code: int = -2015) -> Refusal:
    text = "Invalid API-key, IP, or permissions for action." if code == -2015 else "Invalid Api-Key ID."
    return Refusal(code, text, status=401)


def _check_time(params: Params, now_ms: int) -> None:
    params.required("timestamp")
    stamp_ms = as_ms(params.integer("timestamp") or 0)
    window_ms = _DEFAULT_WINDOW_MS
    given = params.text("recvWindow")
    if given is not None:
        if not _WINDOW.fullmatch(given) or Decimal(given) > _MAX_WINDOW_MS:
            raise missing("recvWindow")
        window_ms = Decimal(given)
    if stamp_ms >= now_ms + _MAX_AHEAD_MS:
        raise Refusal(-1021, f"Timestamp for this request was {_MAX_AHEAD_MS}ms ahead of the server's time.")
    if now_ms - stamp_ms > window_ms:
        raise Refusal(-1021, "Timestamp for this request is outside of the recvWindow.")


def _check_signature(request: HttpRequest, secret: str, signature: str, *, is_strict: bool) -> None:
    sources = [request.query] if request.method == "GET" else [request.query, _body(request)]
    # Nothing but the signature is taken out: a stray "&" is part of what was signed.
    signed = [[pair for pair in source.split("&") if not pair.startswith("signature=")] for source in sources]
    message = "".join("&".join(pairs) for pairs in signed)
    expected = hmac.new(secret.encode(), message.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()
    fits = hmac.compare_digest(expected.encode(), signature.lower().encode(errors="replace"))
    if fits and is_strict:
        fits = all(_is_canonical(pair) for pairs in signed for pair in pairs)
    if not fits:
        raise Refusal(-1022, "Signature for this request is not valid.")


def _is_canonical(pair: str) -> bool:
    return all(quote(unquote(part), safe="", errors="replace") == part for part in pair.split("=", 1))


def _decoded(part: str) -> str:
    try:
        return unquote(part.replace("+", " "), errors="strict")
    except UnicodeDecodeError:
        raise Refusal(-1100, "Illegal characters found in a parameter.") from None


def _pairs(source: str) -> list[str]:
    return [pair for pair in source.split("&") if pair]


def _body(request: HttpRequest) -> str:
    return request.body.decode("utf-8", "surrogateescape")
