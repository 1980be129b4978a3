"""Encoding against the standard library on generated input."""

from __future__ import annotations

from decimal import Context, Decimal, localcontext

import oracle_encoding
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spotlane._core.encoding import QueryTemplate, encode_query, plain, quote
from spotlane.errors import UsageError

TEXT = st.text(st.characters(codec="utf-8"))
DECIMALS = st.builds(
    lambda negative, digits, exponent: Decimal((int(negative), tuple(map(int, str(digits))), exponent)),
    st.booleans(),
    st.integers(0, 10**40) | st.integers(0, 1000),
    st.integers(-1000, 1000) | st.integers(-12, 4),
)
INTEGERS = st.integers() | st.integers(-(2**64), 2**64)
VALUES = st.none() | st.booleans() | TEXT | DECIMALS | INTEGERS


@given(TEXT)
@settings(max_examples=200)
def test_quote(text: str) -> None:
    assert quote(text) == oracle_encoding.quote(text)


@given(st.text(st.characters()))
@settings(max_examples=200)
def test_any_text_at_all(text: str) -> None:
    try:
        expected = oracle_encoding.quote(text)
    except UnicodeEncodeError:
        with pytest.raises(UsageError):
            quote(text)
    else:
        assert quote(text) == expected


@given(DECIMALS | INTEGERS)
@settings(max_examples=200)
def test_plain(value: Decimal | int) -> None:
    text = plain(value)
    assert text == oracle_encoding.plain(value)
    if isinstance(value, Decimal):
        assert Decimal(text) == value
        assert text.strip("-0123456789") in ("", ".")


@given(DECIMALS, st.integers(1, 5), st.integers(0, 1))
@settings(max_examples=100)
def test_plain_in_any_context(value: Decimal, precision: int, capitals: int) -> None:
    expected = oracle_encoding.plain(value)
    with localcontext(Context(prec=precision, Emin=-1, Emax=1, capitals=capitals)):
        assert plain(value) == expected


@given(st.lists(st.tuples(TEXT, VALUES), max_size=8))
@settings(max_examples=200)
def test_queries(pairs: list[tuple[str, oracle_encoding.Value]]) -> None:
    expected = oracle_encoding.encode_query(pairs)
    assert encode_query(pairs) == expected
    assert encode_query(iter(pairs)) == expected
    assert QueryTemplate([name for name, _ in pairs]).fill(*(value for _, value in pairs)) == expected
