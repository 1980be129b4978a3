"""What the compiled encoding must agree with, in plain Python and the standard library."""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from urllib.parse import quote as _quote

Value = str | Decimal | int | None


def quote(text: str) -> str:
    return _quote(text, safe="")


def plain(value: Decimal | int) -> str:
    """Decimal digits. The "f" format neither rounds nor looks at the context, but keeps the sign of a zero."""
    text = format(value, "f") if isinstance(value, Decimal) else str(value)
    return text.removeprefix("-") if not value else text


def text_of(value: str | Decimal | int) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return plain(value)


def encode_query(pairs: Iterable[tuple[str, Value]]) -> bytes:
    return "&".join(f"{quote(name)}={quote(text_of(value))}" for name, value in pairs if value is not None).encode()


def encode_json(pairs: Iterable[tuple[str, Value]]) -> bytes:
    members = {name: plain(value) if isinstance(value, Decimal) else value for name, value in pairs}
    present = {name: value for name, value in members.items() if value is not None}
    return json.dumps(present, separators=(",", ":"), ensure_ascii=False).encode()
