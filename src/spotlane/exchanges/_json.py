"""Reading replies that are off the hot path, in which every amount is a string: checked members of plain dicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

import orjson

from spotlane.errors import DecodeError, UsageError

Row = Mapping[str, Any]
T = TypeVar("T")
V = TypeVar("V")


def load(body: bytes) -> Any:
    """Parse a reply. Raises DecodeError."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as fault:
        raise DecodeError(f"not JSON: {fault}") from None


def load_object(body: bytes) -> Row:
    """Parse a reply that is an object. Raises DecodeError for any other."""
    told = load(body)
    if not isinstance(told, dict):
        raise DecodeError("an object was expected")
    return told


def rows(value: object, field: str | None = None) -> list[Row]:
    """Return a list of objects as it is. Raises DecodeError, naming the field, for anything else."""
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise DecodeError("a list of objects was expected", field=field)
    return value


def word(row: Row, key: str) -> str:
    """Return a text that is not empty. Raises DecodeError."""
    value = row.get(key)
    if not isinstance(value, str) or not value:
        raise DecodeError("a text was expected", field=key)
    return value


def optional(row: Row, key: str, kind: type[T]) -> T | None:
    """Return a member of one type, None where it is absent or null. Raises DecodeError for another type."""
    value = row.get(key)
    if value is None or type(value) is kind:
        return value
    raise DecodeError(f"{kind.__name__} was expected", field=key)


def whole(row: Row, key: str) -> int:
    """Return a whole number. Raises DecodeError."""
    value = row.get(key)
    if type(value) is not int:
        raise DecodeError("a whole number was expected", field=key)
    return value


def amount(row: Row, key: str) -> Decimal | None:
    """Return an amount in a string, None where it is absent, null or empty. Raises DecodeError."""
    value = row.get(key)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise DecodeError("an amount in a string was expected", field=key)
    try:
        told = Decimal(value)
    except InvalidOperation:
        told = Decimal("NaN")
    if not told.is_finite() or told < 0:
        raise DecodeError(f"not an amount: {value!r}", field=key)
    return told


def limit(row: Row, key: str) -> Decimal | None:
    """Return a limit, None where it is absent or zero: both mean that there is none. Raises DecodeError."""
    return amount(row, key) or None


def step(row: Row, key: str) -> Decimal:
    """Return 10^-n for a member that counts decimals. Raises DecodeError."""
    decimals = row.get(key)
    if type(decimals) is not int or not 0 <= decimals <= 30:
        raise DecodeError("a number of decimals was expected", field=key)
    return Decimal((0, (1,), -decimals))


def read_each(told: list[Row], read: Callable[[Row], V], name: str) -> tuple[list[V], list[str]]:
    """Read what can be read of many independent rows; the second list holds the member `name` of those left out.

    One symbol with an odd name or a limit that makes no sense must not close all the others.
    """
    values: list[V] = []
    unreadable: list[str] = []
    for row in told:
        try:
            values.append(read(row))
        except (KeyError, TypeError, UsageError, DecodeError):
            unreadable.append(str(row.get(name))[:40])
    return values, unreadable
