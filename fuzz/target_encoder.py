"""The encoders: percent-encoding, plain decimals, queries, JSON bodies and forms, against urllib, json and decimal.

The head chooses what is made, the body holds the values. Refusals are always compared, what is made in one of so
many executions: urllib takes several times as long as everything else.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

import oracle_encoding as oracle
import test_forms as forms_of_the_tests
from fuzz_share import ACCEPTED, COMPARED, Mismatch, Share, Take, agree

from spotlane._core.encoding import QueryTemplate, encode_query, plain, quote
from spotlane._core.json_encoding import JsonTemplate
from spotlane.errors import UsageError

SHARE = Share(16)
NAMES = ("symbol", "a name/ä", 'quoted"\\', "price", "\x01\u20ac")
QUERY, BODY = QueryTemplate(NAMES), JsonTemplate(NAMES)
_paint = forms_of_the_tests.Paint
_WORDS = list(forms_of_the_tests.BOTH)
_refusals: tuple[type[Exception], ...] = (UsageError, TypeError)
_EXPONENTS = range(-9999, 10_000)


def run(head: bytes, body: bytes) -> int:
    """Encode the values of one input."""
    return _KINDS[head[0] % len(_KINDS)](head[1], Take(body))


def _decimal(take: Take) -> Decimal | None:
    """Take a decimal of digits and an exponent, or one that is spelled; None where the text spells none."""
    kind = take.byte()
    if kind & 1:
        try:
            return Decimal(take.some().decode("latin-1"))
        except InvalidOperation:
            return None
    digits = tuple(byte % 10 for byte in take.some()) or (kind % 10,)
    return Decimal((kind >> 1 & 1, digits, take.number(2)))


def _value(take: Take) -> Any:
    kind = take.byte() % 8
    if kind < 3:
        return take.text()
    if kind < 5:
        return _decimal(take)
    if kind == 5:
        return int.from_bytes(take.some(), "little", signed=True)
    return (None, True, False, 1.5)[take.byte() % 4] if kind == 6 else take.number(8)


def _is_refused(value: object) -> bool:
    """Say whether an encoder has to refuse a value."""
    if isinstance(value, str):
        return any(0xD800 <= ord(character) <= 0xDFFF for character in value)
    if isinstance(value, Decimal):
        if not value.is_finite():
            return True
        # What str shows behind the E; without one there is nothing to expand.
        _, _, exponent = str(value).upper().partition("E")
        return bool(exponent) and int(exponent) not in _EXPONENTS
    return isinstance(value, float)


def _settle(make: Callable[[], Any], expect: Callable[[], Any], is_refused: bool, what: str) -> int:
    try:
        made = make()
    except _refusals as refusal:
        if not is_refused:
            raise Mismatch(f"{what} is refused: {refusal}") from None
        return COMPARED
    if is_refused:
        raise Mismatch(f"{what} is not refused but gives {made!r}")
    if not SHARE.is_due():
        return ACCEPTED
    agree(made, expect(), what)
    return ACCEPTED | COMPARED


def _quote(flags: int, take: Take) -> int:
    text = take.rest().decode("utf-8", "surrogateescape")
    return _settle(lambda: quote(text), lambda: oracle.quote(text), _is_refused(text), f"quote({text!r})")


def _plain(flags: int, take: Take) -> int:
    value = _decimal(take)
    if value is None:
        return 0
    return _settle(lambda: plain(value), lambda: oracle.plain(value), _is_refused(value), f"plain({value!r})")


def _pairs(flags: int, take: Take) -> int:
    pairs = [(take.text(), _value(take)) for _ in range(flags % 8)]
    refused = any(value is not None and (_is_refused(name) or _is_refused(value)) for name, value in pairs)
    return _settle(lambda: encode_query(pairs), lambda: oracle.encode_query(pairs), refused, repr(pairs))


def _query(flags: int, take: Take) -> int:
    values = [_value(take) for _ in NAMES]
    pairs = list(zip(NAMES, values, strict=True))
    refused = any(map(_is_refused, values))
    return _settle(lambda: QUERY.fill(*values), lambda: oracle.encode_query(pairs), refused, repr(values))


def _body(flags: int, take: Take) -> int:
    values = [_value(take) for _ in NAMES]
    pairs = list(zip(NAMES, values, strict=True))
    refused = any(map(_is_refused, values))
    return _settle(lambda: BODY.fill(*values), lambda: oracle.encode_json(pairs), refused, repr(values))


def _form(flags: int, take: Take) -> int:
    colour, gloss = _WORDS[flags % len(_WORDS)]
    price, total = _decimal(take), _decimal(take)
    note = take.text() if flags & 128 else None
    symbol, client_id = take.text(), take.text()
    try:
        paint = _paint(colour=colour, gloss=gloss, price=price, total=total, note=note)
    except UsageError:
        if price is not None and total is not None and price.is_finite() and total.is_finite():
            raise
        return COMPARED
    form = forms_of_the_tests.JSON if flags & 64 else forms_of_the_tests.QUERY
    encode = oracle.encode_json if flags & 64 else oracle.encode_query
    pairs = forms_of_the_tests.pairs_of(paint, symbol, client_id)
    refused = any(_is_refused(value) for _, value in pairs)
    return _settle(lambda: form.fill(paint, symbol, client_id), lambda: encode(pairs), refused, repr(pairs))


_KINDS = (_quote, _plain, _pairs, _query, _body, _form)
