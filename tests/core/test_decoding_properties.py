"""The compiled decoder against the plain oracle: the same values, or both refuse."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import oracle_decoding as oracle
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from oracle_decoding import ColumnSpec

from spotlane._core.decoding import Decoder
from spotlane._core.structs import Struct, field, money, timestamp_ms
from spotlane.errors import DecodeError
from spotlane.structs import Side, Symbol, TimeInForce


class Row(Struct, kw_only=True):
    """A field of every kind, and a column for each."""

    __slots__ = ()

    symbol: Symbol = field(of=Symbol)
    name: str = field(of=str)
    note: str | None = field(of=str, default=None)
    side: Side | None = field(of=Side, default=None)
    state: TimeInForce | None = field(of=TimeInForce, default=None)
    state_side: Side | None = field(of=Side, default=None)
    raw_state: str | None = field(of=str, default=None)
    price: Decimal | None = money(default=None)
    fee: Decimal | None = money(default=None, signed=True)
    stop: Decimal | None = money(default=None)
    time_s: int | None = timestamp_ms(default=None)
    time_ms: int | None = timestamp_ms(default=None)
    time_us: int | None = timestamp_ms(default=None)
    count: int | None = field(of=int, default=None)
    is_maker: bool | None = field(of=bool, default=None)
    budget: Decimal | None = money(default=None)
    mode: TimeInForce | None = field(of=TimeInForce, default=None)
    raw_mode: str | None = field(of=str, default=None)


COLUMNS = (
    ColumnSpec("symbol", "symbol", ("symbol",)),
    ColumnSpec("text", "orderId", ("name",)),
    ColumnSpec("text", "n", ("note",)),
    ColumnSpec("choice", "side", ("side",), {"BUY": (Side.BUY,), "SELL": (Side.SELL,)}),
    ColumnSpec(
        "choice",
        "state",
        ("state", "state_side"),
        {1: (TimeInForce.GTC, None), 2: (TimeInForce.IOC, Side.SELL)},
        unknown=(None, Side.BUY),
        raw="raw_state",
    ),
    ColumnSpec("number", "price", ("price",)),
    ColumnSpec("number", "fee", ("fee",), signed=True),
    ColumnSpec("number", "stopPrice", ("stop",), zero_is_none=True),
    ColumnSpec("timestamp", "seconds", ("time_s",), unit="s"),
    ColumnSpec("timestamp", "time", ("time_ms",), zero_is_none=True),
    ColumnSpec("timestamp", "microseconds", ("time_us",), unit="us"),
    ColumnSpec("integer", "count", ("count",)),
    ColumnSpec("flag", "isMaker", ("is_maker",)),
    ColumnSpec("number", "budget", ("budget",), where=("side", Side.BUY), unless=("state", TimeInForce.IOC)),
    ColumnSpec(
        "choice", "mode", ("mode",), {"G": (TimeInForce.GTC,)}, unknown=(None,), raw="raw_mode",
        unless=("side", Side.SELL),
    ),
)  # fmt: skip
SYMBOLS = {"BTCUSDT": Symbol("BTC", "USDT"), "ÄB": Symbol("Ä", "B")}
FIELDS = tuple(each for column in COLUMNS for each in (*column.fields, *([column.raw] if column.raw else [])))
REQUIRED = ("symbol", "name")
Path = tuple[Any, ...]
PLAIN: Path = ()
INSIDE: Path = ("data", "rows")
GROUPED: Path = ("data", ..., "rows")
DECODERS = {
    path: Decoder(Row, "row", columns=[column.build() for column in COLUMNS], within=path)
    for path in (PLAIN, INSIDE, GROUPED)
}


def told(row: Row) -> dict[str, Any]:
    return {name: value for name in FIELDS if (value := getattr(row, name)) is not None}


def spelled(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Make equal what is equal digit for digit only."""
    return [
        {name: value.as_tuple() if isinstance(value, Decimal) else value for name, value in row.items()} for row in rows
    ]


def compare(data: bytes, *, many: bool, path: Path) -> bool:
    """Decode both ways; return whether the reply was accepted."""
    decoder = DECODERS[path]
    found: list[Row] | None = None
    refusal: DecodeError | None = None
    try:
        found = decoder.many(data, SYMBOLS) if many else [decoder.one(data, SYMBOLS)]
    except DecodeError as error:
        refusal = error
    if found is None:
        assert refusal is not None
        assert refusal.endpoint == "row"
        assert len(refusal.excerpt) <= 60
        with pytest.raises(oracle.Refused):
            expect(data, many=many, path=path)
        return False
    assert spelled([told(row) for row in found]) == spelled(expect(data, many=many, path=path))
    return True


def expect(data: bytes, *, many: bool, path: Path) -> list[dict[str, Any]]:
    return oracle.decode(data, COLUMNS, many=many, symbols=SYMBOLS, required=REQUIRED, within=path)


DIGITS = st.text("0123456789", min_size=1, max_size=24) | st.text("0", max_size=5).map(lambda zeros: "1" + zeros)
NUMERALS = st.builds(
    lambda sign, whole, decimals, exponent: sign + whole + decimals + exponent,
    st.sampled_from(["", "", "", "-", "+"]),
    DIGITS.map(lambda digits: digits.lstrip("0") or "0") | DIGITS,
    st.just("") | DIGITS.map(lambda digits: "." + digits),
    st.sampled_from(["", "", "", "e-8", "E-18", "e+3", "E0", "e1000", "e-1000", "e1001", "e", "E99999999999999999999"]),
)
ODD = st.sampled_from(
    [
        "null", "true", "false", '""', '"-0"', "-0.00", '"0E-18"', "0E-18", '"1e-08"', "NaN", "Infinity", '"NaN"',
        '"0x10"', '" 1"', '"1 "', '".5"', '"5."', '"1_0"', '"\\u0031.5"', '"1\\u002e50"', "01", "-", "1.", "[]", "{}",
        '"1691702924010.071000"', "1691702924.5", '"99999999999999999999"', "999999999999999999", "1e17", "1e18",
        '"\\ud83d\\ude00"', '"\\ud83d"', '"\\ude00x"', '"\\x"', '"\\u12"', '"a\x01b"', "nul", "truex", '"', "[1,]",
        '"' + "7" * 100 + '"', '"' + "7" * 101 + '"', "[" * 63 + "]" * 63, "[" * 62 + "]" * 62, '"BUY"', '"BU\\u0059"',
        '"ÄB"', '"\\u00c4B"', '"BTCUSDT"', '"DOGEUSDT"', "1", "2", "3", '"2"', '"PENDING"',
    ]
)  # fmt: skip
STRINGS = st.builds(json.dumps, st.text(max_size=20), ensure_ascii=st.booleans())
TREES = st.recursive(
    st.none() | st.booleans() | st.text(max_size=9) | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
).map(json.dumps)
ANY = NUMERALS | NUMERALS.map(lambda text: f'"{text}"') | ODD | STRINGS | TREES
GOOD: dict[str, st.SearchStrategy[str]] = {
    "symbol": st.sampled_from(['"BTCUSDT"', '"\\u00c4B"']),
    "text": st.text(max_size=20).map(json.dumps) | st.integers().map(str) | st.just("null"),
    "number": st.decimals(0, allow_nan=False, allow_infinity=False).map(str).map(json.dumps) | st.sampled_from(
        ['"0.00"', "0E-18", '"1e-08"', "17.341000000000000000", "null", '""', '"' + "9" * 40 + '"']
    ),
    "timestamp": st.integers(0, 10**13).map(str) | st.integers(0, 10**16).map(lambda n: f'"{n}.0{n % 997}"'),
    "integer": st.integers(-(10**17), 10**17).map(str),
    "flag": st.sampled_from(["true", "false", "null"]),
}  # fmt: skip
CHOICES = {"side": st.sampled_from(['"BUY"', '"SELL"', '"BU\\u0059"']), "state": st.sampled_from(["1", '"2"', "9"]),
           "mode": st.sampled_from(['"G"', '"x"'])}  # fmt: skip
KEYS = st.sampled_from([json.dumps(column.key) for column in COLUMNS]) | STRINGS | st.just('"pric\\u0065"')
BLANKS = st.sampled_from(["", "", "", " ", "\n\t", "\r "])


@st.composite
def documents(draw: st.DrawFn) -> tuple[bytes, bool, Path]:
    """Draw a reply, mostly well-formed, with zero to two values, keys or bytes that may not be."""
    many = draw(st.booleans())
    path = draw(st.sampled_from([PLAIN, INSIDE, GROUPED] if many else [PLAIN, INSIDE]))
    rows = []
    for _ in range(draw(st.integers(0, 3)) if many else 1):
        members = [
            (json.dumps(column.key), draw(CHOICES[column.key] if column.kind == "choice" else GOOD[column.kind]))
            for column in COLUMNS
            if column.fields[0] in REQUIRED or draw(st.booleans())
        ]
        for _ in range(draw(st.integers(0, 2))):
            key = draw(KEYS)
            members = [member for member in members if member[0] != key or draw(st.booleans())]
            members.append((key, draw(ANY)))
        members = draw(st.permutations(members))
        blank = draw(BLANKS)
        rows.append("{" + ",".join(f"{blank}{key}{blank}:{blank}{value}{blank}" for key, value in members) + "}")
    text = "[" + ",".join(rows) + "]" if many else rows[0]
    if path is not PLAIN:
        text = "{" + f'{draw(STRINGS)}:{draw(ANY)},"rows":{text}' + "}"
        if path is GROUPED:
            text = "[" + ",".join([text] * draw(st.integers(1, 2))) + "]"
        text = '{"code":0,"data":' + text + ',"msg":' + draw(TREES) + "}"
    data = draw(BLANKS).encode() + text.encode("utf-8", "surrogatepass") + draw(BLANKS).encode()
    return data, many, path


@settings(max_examples=200)
@given(documents())
def test_generated_replies(document: tuple[bytes, bool, Path]) -> None:
    data, many, path = document
    compare(data, many=many, path=path)


@settings(max_examples=200)
@given(documents(), st.data())
def test_damaged_replies(document: tuple[bytes, bool, Path], draws: st.DataObject) -> None:
    data, many, path = document
    at = draws.draw(st.integers(0, len(data)))
    gone = draws.draw(st.integers(0, 3))
    put = draws.draw(st.binary(max_size=3) | st.sampled_from([b'"', b",", b"}", b"\xc3(", b"\xed\xa0\x80", b"\\"]))
    compare(data[:at] + put + data[at + gone :], many=many, path=path)
    compare(data[:at], many=many, path=path)


@settings(max_examples=200)
@given(st.binary(max_size=80) | st.text('{}[]",:\\ntrue0123e.-', max_size=80).map(str.encode))
@example(b"")
@example(b"\x00")
@example(b"[]")
@example(b"[]\x00")
@example(b"\xef\xbb\xbf[]")
@example(b"[{}]")
@example(b'{"symbol":"BTCUSDT","orderId":1}')
@example(b'{"symbol":"BTCUSDT","orderId":1,"orderId":1}')
@example(b'{"symbol":"BTCUSDT","orderId":1,"x":1,"x":2}')
def test_any_bytes(data: bytes) -> None:
    for many in (False, True):
        for path in (PLAIN, INSIDE):
            compare(data, many=many, path=path)
    compare(data, many=True, path=GROUPED)


@settings(max_examples=200)
@given(st.sampled_from(COLUMNS), ANY)
def test_each_value_in_each_column(column: ColumnSpec, value: str) -> None:
    base = {"symbol": '"BTCUSDT"', "orderId": '"1"'} | {column.key: value}
    text = ",".join(f'"{key}":{each}' for key, each in base.items())
    compare(f"{{{text}}}".encode("utf-8", "surrogatepass"), many=False, path=PLAIN)
    compare(f'[{{{text},"more":{value}}}]'.encode("utf-8", "surrogatepass"), many=True, path=PLAIN)


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.key)
def test_the_generators_reach_accepted_values(column: ColumnSpec) -> None:
    """A comparison in which everything is refused would prove nothing."""
    good = {
        "symbol": '"BTCUSDT"', "text": "17", "number": "1.50", "timestamp": '"1691702924010.071"', "integer": "-3",
        "flag": "true", "choice": {"side": '"BUY"', "state": "2", "mode": '"G"'}.get(column.key, ""),
    }[column.kind]  # fmt: skip
    base = {"symbol": '"BTCUSDT"', "orderId": '"1"'} | {column.key: good}
    text = ",".join(f'"{key}":{each}' for key, each in base.items())
    assert compare(f"{{{text}}}".encode(), many=False, path=PLAIN)
