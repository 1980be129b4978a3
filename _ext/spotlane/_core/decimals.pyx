# cython: auto_pickle=False, autotestdict=False
"""Decimal objects from integers and texts, exact whatever the caller's decimal context is."""

from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.string cimport memcpy

from spotlane._core._number cimport COEFFICIENT_DIGITS

from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal

cdef extern from "Python.h":
    object PyUnicode_New(Py_ssize_t size, Py_UCS4 widest)
    void* PyUnicode_DATA(object text) noexcept

cdef tuple ZEROS = tuple([Decimal((0, (0,), -scale)) for scale in range(COEFFICIENT_DIGITS + 1)])
# A context of its own that never rounds: no caller's precision or traps, and less work a call than Decimal().
cdef object CREATE_DECIMAL = Context(prec=MAX_PREC, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[]).create_decimal


cdef object decimal_from_text(object text):
    """Make the Decimal that a validated text spells, with exactly its digits."""
    return CREATE_DECIMAL(text)


cdef object make_decimal(int64_t coefficient, int32_t exponent):
    """Make coefficient * 10**exponent with exactly these digits."""
    cdef char buffer[48]
    cdef int at = 48
    cdef int decimals = -exponent
    cdef uint64_t rest = <uint64_t>-coefficient if coefficient < 0 else <uint64_t>coefficient
    if coefficient == 0 and 0 <= decimals <= COEFFICIENT_DIGITS:
        return ZEROS[decimals]
    if 0 < decimals <= COEFFICIENT_DIGITS:
        # With a point rather than an exponent: the form that decimal reads fastest.
        while decimals:
            at -= 1
            buffer[at] = c'0' + <char>(rest % 10)
            rest //= 10
            decimals -= 1
        at -= 1
        buffer[at] = c'.'
    elif exponent != 0:
        at = _write_digits(buffer, at, <uint64_t>decimals if exponent < 0 else <uint64_t>exponent)
        if exponent < 0:
            at -= 1
            buffer[at] = c'-'
        at -= 1
        buffer[at] = c'E'
    at = _write_digits(buffer, at, rest)
    if coefficient < 0:
        at -= 1
        buffer[at] = c'-'
    text = PyUnicode_New(48 - at, 127)
    memcpy(PyUnicode_DATA(text), buffer + at, 48 - at)
    return CREATE_DECIMAL(text)


cdef inline int _write_digits(char* buffer, int at, uint64_t value) noexcept:
    while True:
        at -= 1
        buffer[at] = c'0' + <char>(value % 10)
        value //= 10
        if value == 0:
            return at
