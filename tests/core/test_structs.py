"""What every struct does, whatever its fields are."""

from __future__ import annotations

import copy
import gc
import pickle
from decimal import ROUND_UP, Context, Decimal, localcontext
from enum import Enum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spotlane._core import decoding
from spotlane._core.structs import Struct, field, money, timestamp_ms
from spotlane.errors import UsageError

HOSTILE = Context(prec=3, rounding=ROUND_UP, Emin=-3, Emax=3, capitals=0, clamp=1)
HOSTILE.traps = dict.fromkeys(HOSTILE.traps, True)


class Colour(Enum):
    RED = "red"


def doubled(paint: Paint) -> Decimal | None:
    return None if paint.price is None else Context(prec=50).multiply(paint.price, Decimal(2))


def no_blank(name: str, value: str) -> None:
    if " " in value:
        raise UsageError(f"{name} has a blank")


class Paint(Struct):
    __slots__ = ()

    name: str = field(of=str, check=no_blank)
    colour: Colour = field(of=Colour, default=Colour.RED)
    price: Decimal | None = money(default=None)
    change: Decimal | None = money(default=None, signed=True)
    double: Decimal | None = money(default=None, derive=doubled)
    made_ms: int | None = timestamp_ms(default=None)
    code: str | None = field(of=str, default=None, secret=True)


class GlossPaint(Paint):
    __slots__ = ()

    gloss: int | None = field(of=int, default=None)


class Twin(Struct, kw_only=True):
    __slots__ = ()

    name: str | None = field(of=str, default=None)
    price: Decimal = money()


FINITE = st.builds(
    lambda sign, digits, exponent: Decimal((sign, tuple(map(int, str(digits))), exponent)),
    st.sampled_from([0, 1]),
    st.integers(0, 10**19) | st.integers(0, 10**45),
    st.integers(-30, 30) | st.integers(-(10**6), 10**6),
)


@settings(max_examples=150)
@given(FINITE, FINITE)
def test_decimals_survive_any_context(first: Decimal, second: Decimal) -> None:
    with localcontext(HOSTILE) as context:
        left = Paint("a", change=first)
        right = Paint("a", change=second)
        assert left.change is first
        copied = pickle.loads(pickle.dumps(left))
        assert copied == left
        assert left.scaled("change") == (
            (-1) ** first.is_signed() * int("".join(map(str, first.as_tuple().digits))), first.as_tuple().exponent
        )  # fmt: skip
        equal = left == right
        same_hash = hash(left) == hash(right)
        text, plain = repr(left), left.to_dict()
        assert not any(context.flags.values())
    assert copied.change.as_tuple() == first.as_tuple()
    assert equal == (first == second)
    assert same_hash or not equal
    assert str(first) in text or str(first).lower() in text
    assert plain["change"] is first


@settings(max_examples=100)
@given(st.integers(-(10**40), 10**40) | st.integers(-(2**63) - 2, 2**63 + 2))
def test_whole_numbers_are_money(number: int) -> None:
    value: Any = number
    with localcontext(HOSTILE):
        paint = Paint("a", change=value)
        change = paint.change
    assert change is not None
    assert change.as_tuple() == Decimal(number).as_tuple()
    assert paint.scaled("change") == (number, 0)
    assert paint.change is change


@pytest.mark.parametrize("value", [0.1, "0.1", True, b"1", float("nan")])
def test_only_exact_types_are_money(value: Any) -> None:
    with pytest.raises(TypeError, match=r"Paint\.price takes Decimal or int"):
        Paint("a", price=value)


def test_the_remedy_for_a_float_is_named() -> None:
    value: Any = 0.1
    with pytest.raises(TypeError, match=r'write Decimal\("0\.1"\)'):
        Paint("a", price=value)


@pytest.mark.parametrize("text", ["NaN", "sNaN", "-NaN12", "Infinity", "-Infinity", "-1", "-0.0001", "-1E-999999"])
def test_impossible_money(text: str) -> None:
    with localcontext(HOSTILE), pytest.raises(UsageError, match=r"Paint\.price"):
        Paint("a", price=Decimal(text))


def test_zero_has_no_sign_to_refuse() -> None:
    assert Paint("a", price=Decimal("-0.0")).price == 0
    negative: Any = -(10**30)
    with pytest.raises(UsageError):
        Paint("a", price=negative)


def test_immutable() -> None:
    paint: Any = Paint("a")
    for name in ("name", "price", "other", "__class__", "__dict__"):
        with pytest.raises((AttributeError, TypeError)):
            setattr(paint, name, "b")
        with pytest.raises((AttributeError, TypeError)):
            delattr(paint, name)
    with pytest.raises(AttributeError, match=r"use replace\(name="):
        paint.name = "b"
    with pytest.raises(TypeError):
        object.__setattr__(paint, "__class__", GlossPaint)
    with pytest.raises(TypeError):
        Paint.name.__get__(Twin(price=Decimal(1)), Twin)  # type: ignore[attr-defined]
    Paint.__init__(paint, "b")
    assert paint == Paint("a")


def test_the_constructor_takes_positions_and_names() -> None:
    assert Paint("a", Colour.RED, Decimal(1)) == Paint(price=Decimal("1.0"), name="a")
    made: Any = Paint
    with pytest.raises(TypeError, match="misses name"):
        made()
    with pytest.raises(TypeError, match="no argument 'nam'; it takes name, colour"):
        made("a", nam="b")
    with pytest.raises(TypeError, match="both by position and by name"):
        made("a", name="b")
    with pytest.raises(TypeError, match="7 positional arguments, 8 were given"):
        made(*"abcdefgh")
    with pytest.raises(TypeError, match=r"Paint\.name takes str, not NoneType"):
        made(None)
    with pytest.raises(TypeError, match=r"Paint\.colour takes Colour, not str: 'red'"):
        made("a", "red")
    with pytest.raises(TypeError, match="0 positional"):
        Twin("a", price=Decimal(1))  # type: ignore[call-arg]
    with pytest.raises(UsageError, match=r"Paint\.name has a blank"):
        made("a b")
    with pytest.raises(TypeError, match="declares no fields"):
        Struct()


def test_times_and_whole_numbers() -> None:
    assert GlossPaint("a", made_ms=1757172734000, gloss=-3).gloss == -3
    made: Any = GlossPaint
    for value in (True, 1.5, "1", Decimal(1)):
        with pytest.raises(TypeError, match="takes int"):
            made("a", made_ms=value)
    with pytest.raises(UsageError, match="64 bits"):
        made("a", gloss=2**63)


def test_equality_needs_the_same_type() -> None:
    assert Paint("a") != Paint("b")
    assert Paint("a") != GlossPaint("a")
    assert Paint("a") != "a"
    assert Paint("a", price=Decimal(1)) != Paint("a")
    assert Paint("a", price=Decimal("1E+2")) == Paint("a", price=Decimal("100.00"))
    assert hash(Paint("a", price=Decimal("1E+2"))) == hash(Paint("a", price=Decimal("100.00")))
    assert Paint("a", code="1") != Paint("a", code="2")
    with pytest.raises(TypeError):
        Paint("a") < Paint("b")  # type: ignore[operator]  # noqa: B015


def test_derived_fields_follow_until_they_are_told() -> None:
    paint = Paint("a", price=Decimal("1.5"))
    assert paint.double == Decimal("3.0")
    assert paint.double is paint.double
    assert paint.replace(price=Decimal(2)).double == 4
    assert pickle.loads(pickle.dumps(paint)).double == 3
    assert paint == Paint("a", price=Decimal("1.5"), double=Decimal(3))
    assert hash(paint) == hash(Paint("a", price=Decimal("1.5"), double=Decimal(3)))
    told = Paint("a", price=Decimal("1.5"), double=Decimal(7))
    assert told.double == 7
    assert told.replace(price=Decimal(2)).double == 7
    assert Paint("a").double is None
    assert Paint("a").replace(price=Decimal(2)).double == 4


def test_copies_and_pickles() -> None:
    paint = GlossPaint("a", price=Decimal("1.50"), made_ms=5, code="123456", gloss=1)
    assert copy.copy(paint) is paint
    assert copy.deepcopy([paint])[0] is paint
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        data = pickle.dumps(paint, protocol)
        assert b"123456" not in data
        assert pickle.loads(data) == paint.replace(code=None)
    assert paint.replace(gloss=2).code == "123456"
    assert paint.__replace__(gloss=None).gloss is None
    with pytest.raises(TypeError, match="no argument 'glos'"):
        paint.replace(glos=2)


def test_a_copy_is_checked_where_it_differs() -> None:
    paint = GlossPaint("a", price=Decimal("1.50"), change=Decimal(10**30), made_ms=5, code="123456", gloss=1)
    assert paint.replace() == paint
    assert paint.replace().price is paint.price
    assert paint.replace(price=None, gloss=None) == GlossPaint("a", change=Decimal(10**30), made_ms=5, code="123456")
    with pytest.raises(UsageError, match=r"GlossPaint\.name has a blank"):
        paint.replace(name="a b")
    with pytest.raises(UsageError, match=r"GlossPaint\.price must not be negative"):
        paint.replace(price=Decimal(-1))
    wrong: Any = paint
    for changes in ({"name": None}, {"colour": None}, {"price": 1.5}, {"gloss": "1"}):
        with pytest.raises(TypeError, match="takes"):
            wrong.replace(**changes)
    assert (paint.price, paint.double, paint.gloss) == (Decimal("1.50"), Decimal(3), 1)


def test_the_part_of_a_base_class() -> None:
    gloss = GlossPaint("a", price=Decimal("1.50"), code="123456", gloss=7)
    assert gloss.double == 3
    paint = gloss.upcast(Paint, price=Decimal(4))
    assert type(paint) is Paint
    assert paint == Paint("a", price=Decimal(4), code="123456")
    assert paint.double == 8
    assert gloss.upcast(GlossPaint) == gloss
    with pytest.raises(TypeError, match="no argument 'gloss'"):
        gloss.upcast(Paint, gloss=2)
    with pytest.raises(TypeError, match="Twin is no base of GlossPaint"):
        gloss.upcast(Twin)
    with pytest.raises(TypeError, match="GlossPaint is no base of Paint"):
        paint.upcast(GlossPaint)
    with pytest.raises(TypeError, match="declares no fields"):
        paint.upcast(Struct)


@settings(max_examples=150)
@given(st.integers(-(10**18) + 1, 10**18 - 1), st.integers(-40, 40))
def test_decimals_that_are_made_when_they_are_read(coefficient: int, exponent: int) -> None:
    number = Decimal((int(coefficient < 0), tuple(map(int, str(abs(coefficient)))), exponent))
    column = decoding.number("n", "change")
    table = decoding.Decoder(Paint, "paint", columns=(column,), constants={"name": "a"})
    with localcontext(HOSTILE) as context:
        change = table.one(f'{{"n":"{number}"}}'.encode()).change
        assert not any(context.flags.values())
    assert change is not None
    assert change.as_tuple() == number.as_tuple()


def test_repr_and_to_dict_hide_secrets() -> None:
    paint = Paint("a", price=Decimal("1.50"), code="123456")
    assert repr(paint) == "Paint(name='a', colour=Colour.RED, price=1.50, double=3.00, code='***')"
    assert paint.to_dict() == {
        "name": "a", "colour": "red", "price": Decimal("1.50"), "change": None, "double": Decimal("3.00"),
        "made_ms": None,
    }  # fmt: skip
    wrong: Any = 123456
    with pytest.raises(TypeError) as caught:
        Paint("a", code=wrong)
    assert "123456" not in str(caught.value)


def test_pattern_matching() -> None:
    match Paint("a", price=Decimal(5)):
        case Paint(name, Colour.RED, price=price):
            assert (name, str(price)) == ("a", "5")
        case _:
            pytest.fail("no match")
    assert Paint.__match_args__ == ("name", "colour", "price", "change", "double", "made_ms", "code")
    assert Twin.__match_args__ == ()


def test_scaled_names_money_only() -> None:
    paint = Paint("a", price=Decimal("0E-18"))
    assert paint.scaled("price") == (0, -18)
    assert paint.scaled("change") is None
    for name in ("name", "other"):
        with pytest.raises(AttributeError, match="no money field"):
            paint.scaled(name)


def test_structs_are_no_business_of_the_collector() -> None:
    assert not gc.is_tracked(Paint("a"))
    assert not hasattr(Paint("a"), "__dict__")


def test_a_plain_subclass_works() -> None:
    class Own(Paint):
        @property
        def loud(self) -> str:
            return self.name.upper()

    own = Own("a", price=Decimal(1))
    assert (own.loud, own.replace(name="b").loud) == ("A", "B")
    assert own.double == 2
    assert own != Paint("a", price=Decimal(1))


def test_declarations_that_can_not_work() -> None:
    with pytest.raises(TypeError, match=r"must declare __slots__ = \(\)"):
        type("Open", (Struct,), {"name": field(of=str)})
    with pytest.raises(TypeError, match="declares a field of its base again"):
        type("Again", (Paint,), {"__slots__": (), "name": field(of=str, default=None)})
    with pytest.raises(TypeError, match="follows a field that has one"):
        type("Late", (Paint,), {"__slots__": (), "last": field(of=str)})
    with pytest.raises(TypeError, match="come after the others"):
        type("Mixed", (Twin,), {"__slots__": (), "last": field(of=str)})
    with pytest.raises(TypeError, match="lay-out conflict"):
        type("Both", (Paint, Twin), {"__slots__": ()})
    with pytest.raises(TypeError, match="two structs"):
        type("Both", (type("Empty", (Struct,), {"__slots__": ()}), Twin), {"__slots__": ()})
    with pytest.raises(TypeError, match="more than 64"):
        type("Wide", (Struct,), {"__slots__": ()} | {f"f{n}": field(of=str) for n in range(65)})
    with pytest.raises(TypeError, match="of= takes a type"):
        field(of="str")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="default=None"):
        money(default=Decimal(1), derive=doubled)
