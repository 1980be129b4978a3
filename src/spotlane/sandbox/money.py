"""Exact decimal arithmetic that ignores the caller's decimal context."""

from __future__ import annotations

from collections.abc import Callable
from decimal import (
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    FloatOperation,
    Inexact,
    InvalidOperation,
    Overflow,
    getcontext,
    setcontext,
)
from functools import wraps
from typing import ParamSpec, TypeVar

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")

ZERO = Decimal(0)

# A product of two 40-digit numbers and a fee rate stays below 120 digits; Inexact is trapped: nothing is ever rounded.
EXACT = Context(
    prec=120,
    rounding=ROUND_HALF_EVEN,
    traps=[InvalidOperation, DivisionByZero, Overflow, Inexact, FloatOperation],
)


def exact(function: Callable[_Parameters, _Result]) -> Callable[_Parameters, _Result]:
    """Run the function in the exact context, whatever context the calling task is in."""

    @wraps(function)
    def inside(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> _Result:
        outside = getcontext()
        if outside is EXACT:
            return function(*args, **kwargs)
        # Its own object and no copy, as localcontext() makes one: nobody changes it, and its flags are not looked at.
        setcontext(EXACT)
        try:
            return function(*args, **kwargs)
        finally:
            setcontext(outside)

    return inside


@exact
def floor_to(value: Decimal, step: Decimal) -> Decimal:
    """Return the largest multiple of step that is not above value (both positive)."""
    return value // step * step


@exact
def floor_quotient(dividend: Decimal, divisor: Decimal, step: Decimal) -> Decimal:
    """Return dividend / divisor rounded down to a multiple of step, without an inexact division."""
    return dividend // (divisor * step) * step


@exact
def is_multiple(value: Decimal, step: Decimal) -> bool:
    """Tell whether value is a whole number of steps."""
    return value % step == 0


def decimal_places(step: Decimal) -> int:
    """Return how many decimals a multiple of step needs at most."""
    return max(-int(step.normalize(EXACT).as_tuple().exponent), 0)


def plain(value: Decimal) -> str:
    """Return the value without exponent and without trailing zeros."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text or "0"
