"""Requests made of a struct: against urllib and json on generated structs, and what a form refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Context, Decimal, localcontext
from enum import Enum
from typing import Any

import oracle_encoding
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from spotlane._core import forms
from spotlane._core.encoding import plain
from spotlane._core.structs import Struct, field, money
from spotlane.errors import UsageError


class Colour(Enum):
    RED = "r"
    BLUE = "b"


class Gloss(Enum):
    MATT = 1
    SHINY = 2


class Paint(Struct, kw_only=True):
    __slots__ = ()

    colour: Colour | None = field(of=Colour, default=None)
    gloss: Gloss | None = field(of=Gloss, default=None)
    price: Decimal | None = money(default=None, signed=True)
    total: Decimal | None = money(default=None, signed=True)
    double: Decimal | None = money(default=None, derive=lambda paint: paint.price)
    note: str | None = field(of=str, default=None)
    litres: int | None = field(of=int, default=None)


class OwnPaint(Paint, kw_only=True):
    __slots__ = ()

    more: str | None = field(of=str, default=None)


class Brush(Struct):
    __slots__ = ()

    note: str = field(of=str)


COLOURS = {Colour.RED: "a red/ü", Colour.BLUE: "blue", None: None}
BOTH = {
    (Colour.RED, Gloss.MATT): "1",
    (Colour.RED, None): "2",
    (None, None): "none",
    (Colour.BLUE, Gloss.MATT): None,
    (Colour.BLUE, None): '"4"',
}
PARTS = (
    forms.given("symbol"),
    forms.word("colour", "colour", COLOURS),
    forms.constant("account", "spot & more"),
    forms.word("both ways", ("colour", "gloss"), BOTH),
    forms.amount("price", "price"),
    forms.amount("size", "total", "price"),
    forms.text("note", "note"),
    forms.given("id"),
)
QUERY = forms.query_form(Paint, *PARTS)
JSON = forms.json_form(Paint, *PARTS)

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
DECIMALS = st.builds(
    lambda negative, digits, exponent: Decimal((int(negative), tuple(map(int, str(digits))), exponent)),
    st.booleans(),
    st.integers(0, 10**18 - 1) | st.integers(0, 10**40) | st.integers(0, 1000),
    st.integers(-40, 40) | st.integers(-1000, 1000) | st.integers(-12, 4),
)
MONEY = st.none() | DECIMALS | st.integers(-(10**20), 10**20)
PAINTS = st.builds(
    lambda words, **told: Paint(colour=words[0], gloss=words[1], **told),
    words=st.sampled_from(list(BOTH)),
    price=MONEY,
    total=MONEY,
    note=st.none() | TEXT,
)


def pairs_of(paint: Paint, symbol: str, client_id: str) -> list[tuple[str, oracle_encoding.Value]]:
    return [
        ("symbol", symbol),
        ("colour", COLOURS[paint.colour]),
        ("account", "spot & more"),
        ("both ways", BOTH[paint.colour, paint.gloss]),
        ("price", paint.price),
        ("size", paint.price if paint.total is None else paint.total),
        ("note", paint.note),
        ("id", client_id),
    ]


@given(PAINTS, TEXT, TEXT)
@example(Paint(price=Decimal("1E+30"), total=Decimal("1E-30")), "", "")
@example(Paint(price=Decimal("1E+31"), total=Decimal("1E-31")), "", "")
@example(Paint(price=Decimal("0E+7"), total=Decimal("-0.00")), "", "")
@example(Paint(price=Decimal(-(10**18) + 1), total=Decimal(10**18)), "", "")
@settings(max_examples=300)
def test_forms_write_what_the_standard_library_writes(paint: Paint, symbol: str, client_id: str) -> None:
    pairs = pairs_of(paint, symbol, client_id)
    assert QUERY.fill(paint, symbol, client_id) == oracle_encoding.encode_query(pairs)
    body = JSON.fill(paint, symbol, client_id)
    assert body == oracle_encoding.encode_json(pairs)
    assert list(json.loads(body)) == [name for name, value in pairs if value is not None]


@given(DECIMALS, st.integers(1, 5), st.integers(0, 1))
@settings(max_examples=150)
def test_amounts_in_any_context(value: Decimal, precision: int, capitals: int) -> None:
    expected = plain(value)
    with localcontext(Context(prec=precision, Emin=-1, Emax=1, capitals=capitals)) as context:
        paint = Paint(price=value)
        assert forms.query_form(Paint, forms.amount("p", "price")).fill(paint) == f"p={expected}".encode()
        assert forms.json_form(Paint, forms.amount("p", "price")).fill(paint) == f'{{"p":"{expected}"}}'.encode()
        assert not any(context.flags.values())


@pytest.mark.parametrize("make", [forms.query_form, forms.json_form])
def test_the_first_part_may_be_left_out(make: Callable[..., Any]) -> None:
    form = make(Paint, forms.amount("price", "price"), forms.text("note", "note"), forms.constant("c", "x"))
    both, one = form.fill(Paint(price=Decimal(1), note="n")), form.fill(Paint())
    assert (both, one) in [
        (b"price=1&note=n&c=x", b"c=x"),
        (b'{"price":"1","note":"n","c":"x"}', b'{"c":"x"}'),
    ]
    assert make(Paint).fill(Paint()) in (b"", b"{}")
    assert form.names == ("price", "note", "c")
    assert repr(form) == "Form(Paint: price, note, c)"


def test_an_amount_that_is_derived_from_another_is_no_part() -> None:
    with pytest.raises(TypeError, match="not of the type"):
        forms.query_form(Paint, forms.amount("double", "double"))


def test_members_without_a_word() -> None:
    with pytest.raises(UsageError, match=r"'both ways' has no word for colour=None, gloss=Gloss\.SHINY"):
        QUERY.fill(Paint(gloss=Gloss.SHINY), "a", "b")


@pytest.mark.parametrize("exponent", [10_000, -10_000])
def test_exponents_that_would_fill_the_memory(exponent: int) -> None:
    for form in (QUERY, JSON):
        with pytest.raises(UsageError, match="parameter 'price' must have an exponent between -9999 and 9999"):
            form.fill(Paint(price=Decimal((0, (1,), exponent))), "a", "b")


def test_half_of_a_surrogate_pair() -> None:
    for form in (QUERY, JSON):
        with pytest.raises(UsageError, match="parameter 'id' has half of a surrogate pair") as caught:
            form.fill(Paint(), "a", "\ud800")
        assert caught.value.__context__ is None
        with pytest.raises(UsageError, match="parameter 'note' has half"):
            form.fill(Paint(note="x\udfff"), "a", "b")


def test_what_a_form_is_not_filled_with() -> None:
    fill: Any = QUERY.fill
    with pytest.raises(TypeError, match="got str"):
        fill("paint", "a", "b")
    with pytest.raises(TypeError, match="made of Paint, not Brush"):
        fill(Brush("n"), "a", "b")
    for texts in ((), ("a",), ("a", "b", "c")):
        with pytest.raises(TypeError, match=f"2 texts are needed beside the struct; {len(texts)} were given"):
            fill(Paint(), *texts)
    for text in (None, 5, b"x"):
        with pytest.raises(TypeError, match=f"parameter 'id' must be str, not {type(text).__name__}"):
            fill(Paint(), "a", text)


def test_a_struct_of_a_subclass_will_do() -> None:
    assert QUERY.fill(OwnPaint(note="n", more="m"), "a", "b") == QUERY.fill(Paint(note="n"), "a", "b")


@pytest.mark.parametrize("length", [*range(1000, 1030, 3), 100_000])
def test_texts_longer_than_the_first_buffer(length: int) -> None:
    paint = Paint(note="é" * length, price=Decimal("1E+300"))
    pairs = pairs_of(paint, "a" * length, "b")
    assert QUERY.fill(paint, "a" * length, "b") == oracle_encoding.encode_query(pairs)
    assert JSON.fill(paint, "a" * length, "b") == oracle_encoding.encode_json(pairs)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (lambda: forms.text("n", "nothing"), "has no field 'nothing'"),
        (lambda: forms.text("n", "price"), "not of the type"),
        (lambda: forms.text("n", "colour"), "not of the type"),
        (lambda: forms.amount("n", "note"), "not of the type"),
        (lambda: forms.amount("n", "litres"), "not of the type"),
        (lambda: forms.amount("n", "price", "note"), "not of the type"),
        (lambda: forms.word("n", "note", {"x": "y"}), "not of the type"),
        (lambda: forms.word("n", "colour", {Gloss.MATT: "x"}), "colour can't be"),
        (lambda: forms.word("n", ("colour", "gloss"), {(Colour.RED,): "x"}), "not one value for each"),
        (lambda: forms.amount("n", *["price"] * 5), "at most 4 fields"),
        (lambda: "n", "_Part"),
    ],
)
def test_parts_that_do_not_fit(part: Callable[[], Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        forms.query_form(Paint, part())


def test_a_name_stands_for_one_part() -> None:
    with pytest.raises(ValueError, match="given twice: a, a"):
        forms.json_form(Paint, forms.given("a"), forms.text("a", "note"))
    with pytest.raises(TypeError, match="declares no fields"):
        forms.query_form(Struct)
    assert repr(forms.given("a")) == "<part 'a'>"
