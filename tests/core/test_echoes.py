"""What a reply repeats of what was sent: compared, and completed."""

from __future__ import annotations

from decimal import ROUND_UP, Context, Decimal, localcontext
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from spotlane._core.decoding import Decoder, choice, number, text, timestamp
from spotlane._core.echoes import Echo
from spotlane._core.structs import Struct, field, money, timestamp_ms
from spotlane.errors import DecodeError, UsageError
from spotlane.structs import Side

HOSTILE = Context(prec=3, rounding=ROUND_UP, Emin=-3, Emax=3, capitals=0, clamp=1)
HOSTILE.traps = dict.fromkeys(HOSTILE.traps, True)


def no_blank(name: str, value: str) -> None:
    if " " in value:
        raise UsageError(f"{name} has a blank")


class Told(Struct, kw_only=True):
    __slots__ = ()

    number: str = field(of=str)
    own_id: str | None = field(of=str, default=None)
    side: Side | None = field(of=Side, default=None)
    size: Decimal | None = money(default=None)
    price: Decimal | None = money(default=None, signed=True)
    double: Decimal | None = money(default=None, derive=lambda told: told.price)
    made_ms: int | None = timestamp_ms(default=None)
    checked: str | None = field(of=str, default=None, check=no_blank)


class Sent(Struct, kw_only=True):
    __slots__ = ()

    own_id: str | None = field(of=str, default=None)
    side: Side = field(of=Side)
    size: Decimal | None = money(default=None)
    quote_size: Decimal | None = money(default=None)
    price: Decimal | None = money(default=None, signed=True)
    made_ms: int | None = timestamp_ms(default=None)
    checked: str | None = field(of=str, default=None)
    number: str | None = field(of=str, default=None)


DECODER = Decoder(
    Told,
    "acknowledgement",
    columns=(
        text("n", "number"),
        text("id", "own_id"),
        choice("s", "side", {"buy": Side.BUY, "sell": Side.SELL}),
        number("q", "size"),
        number("p", "price"),
        timestamp("t", "made_ms"),
    ),
)
ALL = Echo(DECODER, Sent, ("own_id", "side", "size", "price", "made_ms"))


def refusal(echo: Echo[Told], told: Told, sent: Sent) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        echo.settle(told, sent)
    assert caught.value.endpoint == "acknowledgement"
    return caught.value


def test_what_is_repeated_is_returned_as_it_is() -> None:
    told = Told(number="7", own_id="a", side=Side.BUY, size=Decimal("1.50"), price=Decimal(2), made_ms=5)
    sent = Sent(own_id="a", side=Side.BUY, size=Decimal("1.5"), price=Decimal("2.0"), made_ms=5)
    assert ALL.settle(told, sent) is told
    # What was not sent is not compared, whatever is told.
    assert ALL.settle(told, Sent(side=Side.BUY)) is told


@pytest.mark.parametrize(
    ("changes", "key", "said"),
    [
        ({"own_id": "b"}, "id", "id is 'b', 'a' was sent"),
        ({"own_id": None}, "id", "id is missing, 'a' was sent"),
        ({"side": Side.SELL}, "s", "s is SELL, BUY was sent"),
        ({"size": Decimal("1.49")}, "q", "q is 1.49, 1.50 was sent"),
        ({"size": None}, "q", "q is missing, 1.50 was sent"),
        ({"price": Decimal(-2)}, "p", "p is -2, 2 was sent"),
        ({"made_ms": 6}, "t", "t is 6, 5 was sent"),
    ],
)
def test_a_difference_names_member_told_and_sent(changes: dict[str, Any], key: str, said: str) -> None:
    sent = Sent(own_id="a", side=Side.BUY, size=Decimal("1.50"), price=Decimal(2), made_ms=5)
    told = Told(number="7", own_id="a", side=Side.BUY, size=Decimal("1.50"), price=Decimal(2), made_ms=5)
    error = refusal(ALL, told.replace(**changes), sent)
    assert error.field == key
    assert f"the reply is about another order: {said}" in str(error)


def test_a_text_that_may_be_a_secret_is_not_shown() -> None:
    secret = "0123456789abcdefABCDEF0123456789abcdef"
    error = refusal(ALL, Told(number="1", own_id=secret, side=Side.BUY), Sent(own_id="a", side=Side.BUY))
    assert secret[:8] not in str(error) + repr(error)


DECIMALS = st.builds(
    lambda negative, digits, exponent: Decimal((int(negative), tuple(map(int, str(digits))), exponent)),
    st.booleans(),
    st.integers(0, 10**18 - 1) | st.integers(0, 10**40) | st.integers(0, 1000),
    st.integers(-30, 30) | st.integers(-(10**6), 10**6),
)


def padded(number: Decimal, zeros: int) -> Decimal:
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    return Decimal((sign, (*digits, *[0] * zeros), exponent - zeros))


PAIRS = st.tuples(DECIMALS, DECIMALS) | st.builds(
    lambda number, zeros: (number, padded(number, zeros)), DECIMALS, st.integers(0, 25)
)


@given(PAIRS, st.booleans())
@example((Decimal("50.5"), Decimal("50.50000000")), False)
@example((Decimal("0E-5"), Decimal("-0E+9")), False)
@example((Decimal("1E+18"), Decimal("1000000000000000000")), False)
@example((Decimal("10"), Decimal("1")), False)
@example((Decimal("0"), Decimal("1E+5")), False)
@settings(max_examples=300)
def test_amounts_are_equal_however_they_are_written(pair: tuple[Decimal, Decimal], turned: bool) -> None:
    first, second = reversed(pair) if turned else pair
    echo = Echo(DECODER, Sent, ("price",))
    with localcontext(HOSTILE) as context:
        told, sent = Told(number="1", price=first), Sent(side=Side.BUY, price=second)
        if first == second:
            assert echo.settle(told, sent) is told
        else:
            refusal(echo, told, sent)
        assert not any(context.flags.values())


def test_an_optional_field_may_be_left_out_but_not_differ() -> None:
    echo = Echo(DECODER, Sent, ("size",), optional=("size",))
    sent = Sent(side=Side.BUY, size=Decimal(1))
    assert echo.settle(Told(number="1"), sent).size is None
    assert refusal(echo, Told(number="1", size=Decimal(2)), sent).field == "q"


def test_a_stand_in_counts_where_the_field_was_not_sent() -> None:
    echo = Echo(DECODER, Sent, (("size", "quote_size"),))
    told = Told(number="1", size=Decimal(9))
    assert echo.settle(told, Sent(side=Side.BUY, quote_size=Decimal(9))) is told
    assert echo.settle(told, Sent(side=Side.BUY, size=Decimal(9), quote_size=Decimal(1))) is told
    assert echo.settle(told, Sent(side=Side.BUY)) is told
    assert "9, 1 was sent" in str(refusal(echo, told, Sent(side=Side.BUY, quote_size=Decimal(1))))


def test_what_is_taken_is_what_was_sent() -> None:
    echo = Echo(DECODER, Sent, ("side",), taken=("own_id", "size", "price", "made_ms"))
    told = Told(number="7", own_id="x", side=Side.BUY, size=Decimal(3), price=Decimal(4), made_ms=9)
    assert told.double == 4
    price = Decimal("1234567890123456789012345.5")
    made = echo.settle(told, Sent(own_id="a", side=Side.BUY, price=price))
    assert made == Told(number="7", own_id="a", side=Side.BUY, price=price)
    assert made.double == price
    assert (told.own_id, told.size, told.double) == ("x", Decimal(3), Decimal(4))
    refusal(echo, told, Sent(own_id="a", side=Side.SELL))


def test_nothing_is_lost_or_freed_twice() -> None:
    echo = Echo(DECODER, Sent, ("side",), taken=("own_id", "size"))
    told = DECODER.one(b'{"n":"number","id":"own","s":"buy","q":"1.5"}')
    sent = Sent(own_id="".join(["an", "id"]), side=Side.BUY, size=Decimal("2.5"))
    for _ in range(1_000):
        made = echo.settle(told, sent)
        assert (made.number, made.own_id, made.size) == ("number", "anid", Decimal("2.5"))
    del told, sent
    assert (made.number, made.own_id, made.size) == ("number", "anid", Decimal("2.5"))


def test_only_the_declared_structs_are_compared() -> None:
    settle: Any = ALL.settle
    sent = Sent(side=Side.BUY)
    for wrong in ((sent, sent), (Told(number="1"), Told(number="1")), (None, sent), ("x", sent)):
        with pytest.raises(TypeError):
            settle(*wrong)


@pytest.mark.parametrize(
    ("fields", "options", "message"),
    [
        (("nothing",), {}, "Told has no field 'nothing'"),
        (("double",), {}, "Sent has no field 'double'"),
        ((("size", "side"),), {}, "size and side are of different types"),
        (((*["size"] * 5,),), {}, "more than 3 stand-ins"),
        ((), {"taken": ("price", "nothing")}, "no field 'nothing'"),
        ((), {"taken": ("number",)}, "number can't be None"),
        ((), {"taken": ("checked",)}, "checked does not take every value"),
        (("side",), {"optional": ("size",)}, "optional and not compared: size"),
    ],
)
def test_declarations_that_can_not_work(fields: Any, options: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        Echo(DECODER, Sent, fields, **options)


def test_an_echo_shows_its_members() -> None:
    assert repr(ALL) == "Echo('acknowledgement': id, s, q, p, t)"
    assert DECODER.key_of("own_id") == "id"
    assert DECODER.key_of("double") == "double"
    with pytest.raises(ValueError, match="no field 'x'"):
        DECODER.key_of("x")
