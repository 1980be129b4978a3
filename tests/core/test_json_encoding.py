"""JSON objects: the cases that a reader of RFC 8259 would ask about, and generated ones against `json`."""

from __future__ import annotations

import json
import pickle
from decimal import Context, Decimal, localcontext
from enum import IntEnum, StrEnum
from typing import Any

import oracle_encoding
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from spotlane._core.json_encoding import JsonTemplate
from spotlane.errors import UsageError


class Wire(StrEnum):
    BUY = "buy"


class Level(IntEnum):
    ONE = 1


TEXT = st.text(st.characters(codec="utf-8"))
DECIMALS = st.builds(
    lambda negative, digits, exponent: Decimal((int(negative), tuple(map(int, str(digits))), exponent)),
    st.booleans(),
    st.integers(0, 10**40) | st.integers(0, 1000),
    st.integers(-1000, 1000) | st.integers(-12, 4),
)
VALUES = st.none() | st.booleans() | TEXT | DECIMALS | st.integers() | st.integers(-(2**64), 2**64)


@given(st.dictionaries(TEXT, VALUES, max_size=8))
@settings(max_examples=300)
def test_objects(members: dict[str, oracle_encoding.Value]) -> None:
    made = JsonTemplate(list(members)).fill(*members.values())
    assert made == oracle_encoding.encode_json(members.items())
    assert list(json.loads(made)) == [name for name, value in members.items() if value is not None]


@given(st.text(st.characters()))
@example("ab\ud800")
@settings(max_examples=200)
def test_any_text_at_all(text: str) -> None:
    template = JsonTemplate(["memo"])
    position = next((index for index, character in enumerate(text) if "\ud800" <= character <= "\udfff"), None)
    if position is None:
        assert json.loads(template.fill(text)) == {"memo": text}
    else:
        with pytest.raises(UsageError, match=f"'memo' has half of a surrogate pair at position {position},") as caught:
            template.fill(text)
        assert caught.value.__context__ is None


@given(DECIMALS, st.integers(1, 5), st.integers(0, 1))
@settings(max_examples=100)
def test_decimals_in_any_context(value: Decimal, precision: int, capitals: int) -> None:
    expected = oracle_encoding.encode_json([("price", value)])
    with localcontext(Context(prec=precision, Emin=-1, Emax=1, capitals=capitals)):
        assert JsonTemplate(["price"]).fill(value) == expected


def test_every_character_of_one_byte() -> None:
    template = JsonTemplate(["a"])
    short = {8: "b", 9: "t", 10: "n", 12: "f", 13: "r", 0x22: '"', 0x5C: "\\"}
    for code in range(128):
        itself = chr(code) if code >= 0x20 else f"\\u{code:04x}"
        expected = "\\" + short[code] if code in short else itself
        assert template.fill(f"x{chr(code)}y") == f'{{"a":"x{expected}y"}}'.encode()


def test_text_beyond_ascii_stays_as_it_is() -> None:
    text = "é 这 \u2028 \U0001f600"
    assert JsonTemplate(["a"]).fill(text) == f'{{"a":"{text}"}}'.encode()


def test_each_type_of_value() -> None:
    template = JsonTemplate(["a", "b", "c", "d", "e", "f"])
    made = template.fill("1", Decimal("1E-8"), 10**30, True, False, -5)
    assert made == b'{"a":"1","b":"0.00000001","c":1000000000000000000000000000000,"d":true,"e":false,"f":-5}'
    assert template.fill(Wire.BUY, Decimal("-0.00"), Level.ONE, 0, -(2**63), 2**63) == (
        b'{"a":"buy","b":"0.00","c":1,"d":0,"e":-9223372036854775808,"f":9223372036854775808}'
    )


def test_none_leaves_a_member_out() -> None:
    template = JsonTemplate(["a", "b", "c"])
    assert template.fill("1", None, "3") == b'{"a":"1","c":"3"}'
    assert template.fill(None, "2", None) == b'{"b":"2"}'
    assert template.fill(None, None, "") == b'{"c":""}'
    assert template.fill(None, None, None) == JsonTemplate([]).fill() == b"{}"


@pytest.mark.parametrize("text", ["NaN", "sNaN", "-Infinity"])
def test_numbers_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match=f"parameter 'price' must be a finite number, not {text}"):
        JsonTemplate(["price"]).fill(Decimal(text))


@pytest.mark.parametrize("text", ["1E+10000", "1E-10000"])
def test_exponents_that_would_fill_the_memory(text: str) -> None:
    with pytest.raises(UsageError, match="parameter 'price' must have an exponent between -9999 and 9999"):
        JsonTemplate(["price"]).fill(Decimal(text))


@pytest.mark.parametrize("value", [0.1, b"text", [], {}, object(), 1j])
def test_types_without_a_wire_form(value: Any) -> None:
    expected = "use Decimal\\('0.1'\\)" if isinstance(value, float) else f"not {type(value).__name__}"
    with pytest.raises(TypeError, match=f"parameter 'price' .*{expected}"):
        JsonTemplate(["side", "price"]).fill("buy", value)


def test_wrong_number_of_values() -> None:
    template = JsonTemplate(["symbol", "side"])
    for values in ((), ("BTC",), ("BTC", "BUY", "LIMIT")):
        with pytest.raises(TypeError, match=f"2 values are needed, one for each of symbol, side; {len(values)} were"):
            template.fill(*values)


def test_names() -> None:
    template = JsonTemplate(["a b", 'say "é"\n'])
    assert template.names == ("a b", 'say "é"\n')
    assert template.fill("1", 2) == '{"a b":"1","say \\"é\\"\\n":2}'.encode()
    assert repr(JsonTemplate(["a"])) == "JsonTemplate(('a',))"
    assert pickle.loads(pickle.dumps(template)).fill("1", 2) == template.fill("1", 2)
    assert JsonTemplate([Wire.BUY]).fill(1) == b'{"buy":1}'
    untyped: Any = JsonTemplate
    for names in ("symbol", [5], [None], None):
        with pytest.raises(TypeError):
            untyped(names)
    with pytest.raises(UsageError, match="half of a surrogate"):
        JsonTemplate(["\ud800"])
    with pytest.raises(UsageError, match="given twice: a, b, a"):
        JsonTemplate(["a", "b", "a"])


@pytest.mark.parametrize("length", [*range(160, 180), *range(990, 1030, 3), 100_000])
def test_values_longer_than_the_first_buffer(length: int) -> None:
    members: dict[str, oracle_encoding.Value] = {"a": "\x01" * length, "b": "é" * length, "c": Decimal("1E+300")}
    template = JsonTemplate(list(members))
    assert template.fill(*members.values()) == oracle_encoding.encode_json(members.items())
    with pytest.raises(TypeError, match="parameter 'c'"):
        template.fill("x" * length, None, [])  # type: ignore[arg-type]
