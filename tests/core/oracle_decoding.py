"""Decoding as plainly as the standard library allows: json with hooks, then one column after the other.

Numbers stay texts until a column asks for them, so that no digit is lost; objects stay lists of pairs, so that no
duplicate is lost.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from fractions import Fraction
from typing import Any, NoReturn

from spotlane._core import decoding
from spotlane._core.columns import _Column

DEEPEST = 64
_NUMERAL = re.compile(r"-?([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?")
_WHOLE = re.compile(r"-?[0-9]+")
_SHIFT = {"s": 3, "ms": 0, "us": -3}
_EXACT = Context(prec=MAX_PREC, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[])


class Refused(Exception):
    """The reply does not fit."""


class Literal(str):
    """A JSON number as it was written."""


class Pairs(list[tuple[str, Any]]):
    """A JSON object's members in their order, duplicates included."""


@dataclass(frozen=True)
class ColumnSpec:
    """One column, for the oracle and (through build) for the compiled decoder."""

    kind: str
    key: str
    fields: tuple[str, ...]
    table: Mapping[Any, tuple[Any, ...]] | None = None
    unknown: tuple[Any, ...] | None = None
    raw: str | None = None
    unit: str = "ms"
    zero_is_none: bool = False
    signed: bool = False
    where: tuple[str, Any] | None = None
    unless: tuple[str, Any] | None = None

    def build(self) -> _Column:
        conditions: dict[str, Any] = {"where": self.where, "unless": self.unless}
        if self.kind == "choice":
            assert self.table is not None
            options: dict[str, Any] = {} if self.unknown is None else {"unknown": self.unknown}
            return decoding.choice(self.key, self.fields, self.table, raw=self.raw, **options, **conditions)
        if self.kind == "timestamp":
            unit: Any = self.unit
            return decoding.timestamp(self.key, self.fields[0], unit=unit, zero_is_none=self.zero_is_none)
        if self.kind == "number":
            return decoding.number(self.key, self.fields[0], zero_is_none=self.zero_is_none, **conditions)
        made: _Column = getattr(decoding, self.kind)(self.key, self.fields[0])
        return made


def _refuse(value: object) -> NoReturn:
    raise Refused(value)


def _walk(value: Any, depth: int) -> None:
    if isinstance(value, Pairs):
        members = [each for pair in value for each in pair]
    elif isinstance(value, list):
        members = value
    else:
        if isinstance(value, str) and any(0xD800 <= ord(character) <= 0xDFFF for character in value):
            raise Refused("surrogate")
        return
    if depth >= DEEPEST:
        raise Refused("depth")
    for member in members:
        _walk(member, depth + 1)


def read(data: bytes) -> Any:
    """Parse strictly, or raise Refused."""
    try:
        document = json.loads(
            data.decode("utf-8"),
            parse_int=Literal,
            parse_float=Literal,
            parse_constant=_refuse,
            object_pairs_hook=Pairs,
        )
    except (ValueError, RecursionError) as error:
        raise Refused(error) from None
    _walk(document, 0)
    return document


def _numeral(value: Any) -> str | None:
    if value is None or (value == "" and not isinstance(value, Literal)):
        return None
    match = _NUMERAL.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise Refused(value)
    if len(match[1]) + len(match[2] or "") > 100 or abs(int(match[3] or 0)) > 1000:
        raise Refused(value)
    return str(value)


def _number(column: ColumnSpec, value: Any) -> Decimal | None:
    text = _numeral(value)
    number = None if text is None else _EXACT.create_decimal(text)
    if number is None or (number.is_zero() and column.zero_is_none):
        return None
    if number.is_signed() and not number.is_zero() and not column.signed:
        raise Refused(value)
    return number


def _timestamp(column: ColumnSpec, value: Any) -> int | None:
    text = _numeral(value)
    if text is None:
        return None
    number = Fraction(text)
    if number == 0:
        return None if column.zero_is_none else 0
    if number < 0:
        raise Refused(value)
    milliseconds = int(number * Fraction(10) ** _SHIFT[column.unit])
    return milliseconds if milliseconds < 10**18 else _refuse(value)


def _integer(column: ColumnSpec, value: Any) -> int | None:
    if value is None or (value == "" and not isinstance(value, Literal)):
        return None
    if not isinstance(value, str) or not _WHOLE.fullmatch(value) or len(value.lstrip("-").lstrip("0")) > 18:
        raise Refused(value)
    return int(value)


def _text(column: ColumnSpec, value: Any) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str) or (isinstance(value, Literal) and not _WHOLE.fullmatch(value)):
        raise Refused(value)
    return str(value)


_SINGLE = {"number": _number, "timestamp": _timestamp, "integer": _integer, "text": _text}


def _fill(column: ColumnSpec, value: Any, row: dict[str, Any], symbols: Mapping[str, Any]) -> None:
    if column.kind in _SINGLE:
        row[column.fields[0]] = _SINGLE[column.kind](column, value)
        return
    if column.kind == "flag":
        if value is not None and not isinstance(value, bool):
            raise Refused(value)
        row[column.fields[0]] = value
        return
    word = _text(column, value)
    if word is None:
        return
    if column.kind == "symbol":
        row[column.fields[0]] = symbols[word] if word in symbols else _refuse(word)
        return
    assert column.table is not None
    values = {str(known): told for known, told in column.table.items()}.get(word, column.unknown)
    if values is None:
        raise Refused(word)
    row.update(zip(column.fields, values, strict=True))
    if column.raw is not None:
        row[column.raw] = word


def _leave_out(columns: Sequence[ColumnSpec], row: dict[str, Any]) -> None:
    for column in columns:
        missed = column.where is not None and row.get(column.where[0]) is not column.where[1]
        if missed or (column.unless is not None and row.get(column.unless[0]) is column.unless[1]):
            for name in (*column.fields, *([] if column.raw is None else [column.raw])):
                row.pop(name, None)


def _reach(document: Any, path: Sequence[Any]) -> list[Any]:
    """Follow a path of members to what lies at its end; `...` stands for every element of an array."""
    if not path:
        return [document]
    if path[0] is not ...:
        return _reach(_member(document, path[0]), path[1:])
    if not isinstance(document, list) or isinstance(document, Pairs):
        raise Refused(document)
    return [found for element in document for found in _reach(element, path[1:])]


def _member(document: Any, name: str) -> Any:
    found = [value for key, value in document if key == name] if isinstance(document, Pairs) else []
    return found[0] if len(found) == 1 else _refuse(document)


def decode(
    data: bytes,
    columns: Sequence[ColumnSpec],
    *,
    many: bool,
    symbols: Mapping[str, Any],
    required: Sequence[str] = (),
    within: Sequence[Any] = (),
) -> list[dict[str, Any]]:
    """Decode into one dict of told fields for each row, or raise Refused."""
    found = _reach(read(data), within)
    if many and any(not isinstance(each, list) or isinstance(each, Pairs) for each in found):
        raise Refused(found)
    rows = []
    for members in [row for each in found for row in each] if many else found:
        if not isinstance(members, Pairs):
            raise Refused(members)
        row: dict[str, Any] = {}
        for column in columns:
            told = [value for key, value in members if key == column.key]
            if len(told) > 1:
                raise Refused(column.key)
            if told:
                _fill(column, told[0], row, symbols)
        _leave_out(columns, row)
        if any(row.get(field) is None for field in required):
            raise Refused(row)
        rows.append({field: value for field, value in row.items() if value is not None})
    return rows
