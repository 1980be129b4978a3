"""Query strings and plain decimals: the cases that a reader of RFC 3986 or of `decimal` would ask about."""

from __future__ import annotations

import pickle
from decimal import Clamped, Context, Decimal, FloatOperation, Inexact, Rounded, Subnormal, localcontext
from enum import IntEnum, StrEnum
from typing import Any

import pytest
from oracle_encoding import Value
from oracle_encoding import encode_query as plain_encode_query

from spotlane._core.encoding import QueryTemplate, encode_query, plain, quote
from spotlane.errors import UsageError


class Wire(StrEnum):
    LIMIT_MAKER = "LIMIT_MAKER"


class Level(IntEnum):
    ONE = 1


class OddDecimal(Decimal):
    def __str__(self) -> str:
        return "odd"

    def __format__(self, *arguments: Any, **options: Any) -> str:
        return "odd"


class OddInt(int):
    def __str__(self) -> str:
        return "odd"

    __repr__ = __str__


def test_every_ascii_character() -> None:
    """RFC 3986 section 2.3 leaves 66 characters; section 2.1 wants uppercase hexadecimal for the others."""
    unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
    for code in range(128):
        character = chr(code)
        assert quote(character) == (character if character in unreserved else f"%{code:02X}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("a b+c", "a%20b%2Bc"),
        ("café", "caf%C3%A9"),
        ("β", "%CE%B2"),
        ("这", "%E8%BF%99"),
        ("\U0001f600", "%F0%9F%98%80"),
        ("\x00\x7f\r\n", "%00%7F%0D%0A"),
        ("~*'()!", "~%2A%27%28%29%21"),
        ("1234:ab/c", "1234%3Aab%2Fc"),
    ],
)
def test_quote(text: str, expected: str) -> None:
    assert quote(text) == expected


@pytest.mark.parametrize("text", ["\ud800", "ab\udfff", "\ud83d\ude00"])
def test_lone_surrogates(text: str) -> None:
    position = next(index for index, character in enumerate(text) if "\ud800" <= character <= "\udfff")
    with pytest.raises(
        UsageError, match=f"parameter 'memo' has half of a surrogate pair at position {position}"
    ) as caught:
        encode_query([("memo", text)])
    assert caught.value.__context__ is None
    with pytest.raises(UsageError, match="the value has half"):
        quote(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.00021", "0.00021"),
        ("64999.980", "64999.980"),
        ("1E+3", "1000"),
        ("1e-8", "0.00000001"),
        ("1.50E-9", "0.00000000150"),
        ("1.23E+1", "12.3"),
        ("1.23E+2", "123"),
        ("1.23E+5", "123000"),
        ("1.23456789E+3", "1234.56789"),
        ("-0", "0"),
        ("-0.00", "0.00"),
        ("-0E-20", "0.00000000000000000000"),
        ("0E+3", "0"),
        ("0E-18", "0.000000000000000000"),
        ("-1.5E-9", "-0.0000000015"),
        ("00012.300", "12.300"),
        ("1E+9999", "1" + "0" * 9999),
        ("1E-9999", "0." + "0" * 9998 + "1"),
        ("1234567890123456789012345678901234567890.12", "1234567890123456789012345678901234567890.12"),
    ],
)
def test_plain_decimals(text: str, expected: str) -> None:
    assert plain(Decimal(text)) == expected
    assert QueryTemplate(["price"]).fill(Decimal(text)) == f"price={expected}".encode()


@pytest.mark.parametrize("value", [0, 1, -1, 9, 10, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 10**40, -(10**40)])
def test_integers(value: int) -> None:
    assert plain(value) == str(value)


def test_the_callers_decimal_context_changes_nothing() -> None:
    traps: list[Any] = [Inexact, Rounded, Subnormal, Clamped, FloatOperation]
    with localcontext(Context(prec=3, Emin=-5, Emax=5, capitals=0, clamp=1, traps=traps)) as context:
        assert plain(Decimal("1.23456789E-30")) == "0.00000000000000000000000000000123456789"
        assert plain(Decimal("1.23456789E+30")) == "1234567890000000000000000000000"
        assert plain(Decimal("12345.678")) == "12345.678"
        assert not any(context.flags.values())


@pytest.mark.parametrize("text", ["NaN", "-NaN", "sNaN", "NaN123", "Infinity", "-Infinity"])
def test_numbers_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match=f"parameter 'price' must be a finite number, not {text}"):
        QueryTemplate(["price"]).fill(Decimal(text))


@pytest.mark.parametrize("text", ["1E+10000", "1E-10000", "1E+999999999999999999", "1E-999999999999999999", "0E-10000"])
def test_exponents_that_would_fill_the_memory(text: str) -> None:
    with pytest.raises(UsageError, match="parameter 'price' must have an exponent between -9999 and 9999"):
        QueryTemplate(["price"]).fill(Decimal(text))


def test_an_integer_that_python_does_not_print() -> None:
    with pytest.raises(UsageError, match="parameter 'n' is an integer of 16610 bits") as caught:
        encode_query([("n", 10**5000)])
    assert caught.value.__context__ is None


def test_subclasses_count_by_their_value() -> None:
    pairs: list[tuple[str, Any]] = [
        ("type", Wire.LIMIT_MAKER),
        ("level", Level.ONE),
        ("price", OddDecimal("1.50")),
        ("number", OddInt(5)),
        ("big", OddInt(10**30)),
    ]
    expected = b"type=LIMIT_MAKER&level=1&price=1.50&number=5&big=" + b"1" + b"0" * 30
    assert encode_query(pairs) == QueryTemplate([name for name, _ in pairs]).fill(*(value for _, value in pairs))
    assert encode_query(pairs) == expected


@pytest.mark.parametrize("function", [plain, quote])
def test_single_values_of_another_type(function: Any) -> None:
    for value in (None, True, 0.5, b"1", [], object()):
        with pytest.raises(TypeError):
            function(value)


@pytest.mark.parametrize("value", [0.1, b"text", [], {}, object(), 1j])
def test_types_without_a_wire_form(value: Any) -> None:
    expected = "use Decimal\\('0.1'\\)" if isinstance(value, float) else f"not {type(value).__name__}"
    with pytest.raises(TypeError, match=f"parameter 'price' .*{expected}"):
        encode_query([("price", value)])
    with pytest.raises(TypeError, match=f"parameter 'price' .*{expected}"):
        QueryTemplate(["price"]).fill(value)


def test_none_leaves_a_parameter_out() -> None:
    template = QueryTemplate(["a", "b c", "d"])
    assert template.fill("1", "2", "3") == b"a=1&b%20c=2&d=3"
    assert template.fill(None, "2", "3") == b"b%20c=2&d=3"
    assert template.fill("1", None, "3") == b"a=1&d=3"
    assert template.fill("1", "2", None) == b"a=1&b%20c=2"
    assert template.fill(None, None, None) == b""
    assert template.fill("", None, None) == b"a="
    assert encode_query([("a", None), ("b c", ""), ("d", False), ("e", True)]) == b"b%20c=&d=false&e=true"
    assert encode_query([]) == QueryTemplate([]).fill() == b""


def test_wrong_number_of_values() -> None:
    template = QueryTemplate(["symbol", "side"])
    for values in ((), ("BTCUSDT",), ("BTCUSDT", "BUY", "LIMIT")):
        with pytest.raises(TypeError, match=f"2 values are needed, one for each of symbol, side; {len(values)} were"):
            template.fill(*values)


def test_names() -> None:
    template = QueryTemplate(["symbol", "side"])
    assert template.names == ("symbol", "side")
    assert repr(template) == "QueryTemplate(('symbol', 'side'))"
    assert pickle.loads(pickle.dumps(template)).fill("A", "B") == template.fill("A", "B")
    untyped: Any = QueryTemplate
    for names in ("symbol", [5], [None], None):
        with pytest.raises(TypeError):
            untyped(names)
    with pytest.raises(UsageError):
        QueryTemplate(["\ud800"])
    pairs: list[Any] = [[(5, "x")], [(None, "x")], [("a",)], [5]]
    for wrong in pairs:
        with pytest.raises((TypeError, ValueError)):
            encode_query(wrong)


@pytest.mark.parametrize("length", [*range(160, 260, 4), *range(330, 350), *range(1020, 1026), 100_000])
def test_values_longer_than_the_first_buffer(length: int) -> None:
    pairs: list[tuple[str, Value]] = [
        ("before", "x"),
        ("a", "é" * length),
        ("b", "x" * length),
        ("c", Decimal("1E+300")),
        ("d", 7),
    ]
    assert encode_query(pairs) == plain_encode_query(pairs)
    template = QueryTemplate([name for name, _ in pairs])
    assert template.fill(*(value for _, value in pairs)) == plain_encode_query(pairs)


def test_an_error_after_the_buffer_has_grown() -> None:
    with pytest.raises(TypeError, match="parameter 'b'"):
        encode_query([("a", "x" * 5000), ("b", [])])  # type: ignore[list-item]
