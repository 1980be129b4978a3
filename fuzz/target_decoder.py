"""The decoder, with every table of every exchange, and the readers of error replies.

The head chooses the table, whether one row or many are read, and whether unknown words are told; the body is the reply.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import fuzz_tables
import oracle_decoding as oracle
from fuzz_share import ACCEPTED, COMPARED, Mismatch, Share, agree
from fuzz_tables import Table

from spotlane.errors import DecodeError
from spotlane.registry import exchange_names
from spotlane.structs import Symbol

TABLES = [*fuzz_tables.load(), *fuzz_tables.OF_THE_TESTS]
SYMBOLS = {word: Symbol("BTC", "USDT") for word in ("BTCUSDT", "BTC_USDT", "BTC-USDT")} | {"ÄB": Symbol("Ä", "B")}
TELL: list[Callable[[bytes], Any]] = [
    importlib.import_module(f"spotlane.exchanges.{name}.errors").tell for name in sorted(exchange_names())
]
# The oracle is the json module and then a lot of Python: about thirty times slower than the decoder.
SHARE = Share(32)
MANY, TOLD = 1, 2
# Every error reply is read by all exchanges; there are as many choices as values of a byte.
_ERRORS = 255

_by_byte: list[tuple[Any, Any, bool]] = [
    (table.decoder.one, table.decoder.many, ... in table.within) for table in TABLES
]
_count = len(TABLES)


def _ignore(key: str, word: str) -> None:
    pass


def run(head: bytes, body: bytes) -> int:
    """Decode one reply; compare it with the oracle where that is due."""
    chosen, flags = head
    if chosen == _ERRORS:
        for tell in TELL:
            tell(body)
        return 0
    one, many, is_grouped = _by_byte[chosen % _count]
    is_many = is_grouped or flags & MANY
    try:
        found = (many if is_many else one)(body, SYMBOLS, on_unknown=_ignore if flags & TOLD else None)
    except DecodeError as refusal:
        if SHARE.is_due():
            _compare_refusal(TABLES[chosen % _count], body, bool(is_many), refusal)
            return COMPARED
        return 0
    if SHARE.is_due():
        _compare(TABLES[chosen % _count], body, found if is_many else [found], bool(is_many))
        return COMPARED | ACCEPTED
    return ACCEPTED


def _expect(table: Table, body: bytes, is_many: bool) -> list[dict[str, Any]]:
    return oracle.decode(
        body, table.columns, many=is_many, symbols=SYMBOLS, required=table.required, within=table.within
    )


def _compare_refusal(table: Table, body: bytes, is_many: bool, refusal: DecodeError) -> None:
    if refusal.endpoint != table.decoder.name or len(refusal.excerpt) > 60:
        raise Mismatch(f"a refusal of {refusal.endpoint!r} with the excerpt {refusal.excerpt!r}")
    try:
        expected = _expect(table, body, is_many)
    except oracle.Refused:
        return
    raise Mismatch(f"{table.decoder!r} refuses ({refusal}) what the oracle reads: {expected!r}")


def _compare(table: Table, body: bytes, found: list[Any], is_many: bool) -> None:
    try:
        expected = _expect(table, body, is_many)
    except oracle.Refused as refusal:
        raise Mismatch(f"{table.decoder!r} reads {found!r} where the oracle refuses: {refusal}") from None
    agree(len(found), len(expected), "rows")
    flags = {column.fields[0]: column.values for column in table.columns if isinstance(column, fuzz_tables.Flag)}
    for row, told in zip(found, expected, strict=True):
        for name in table.fields:
            value, wanted = getattr(row, name), told.get(name, table.defaults[name])
            if name in flags and name in told:
                wanted = flags[name][0 if wanted else 1]
            agree(_spelled(value), _spelled(wanted), f"{table.decoder!r} {name}")
        # Whatever was read has to bear being used.
        agree(row, row.replace(), "a copy")
        agree(hash(row), hash(row.replace()), "the hash of a copy")
        row.to_dict()


def _spelled(value: Any) -> Any:
    return value.as_tuple() if isinstance(value, Decimal) else value
