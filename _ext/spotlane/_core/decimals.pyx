# cython: auto_pickle=False, autotestdict=False
"""Decimal objects from integers and texts, exact whatever the caller's decimal context is."""

from cpython.object cimport PyObject
from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.string cimport memcpy

from spotlane._core._number cimport COEFFICIENT_DIGITS

from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal

cdef extern from "Python.h":
    ctypedef object (*PyCFunction)(PyObject* owner, object arguments)
    const int METH_VARARGS
    int PyCFunction_Check(object function)
    int PyCFunction_GetFlags(object function) except -1
    PyCFunction PyCFunction_GetFunction(object function) except NULL
    PyObject* PyCFunction_GetSelf(object function)
    object PyUnicode_New(Py_ssize_t size, Py_UCS4 widest)
    void* PyUnicode_DATA(object text) noexcept

cdef tuple ZEROS = tuple([Decimal((0, (0,), -scale)) for scale in range(COEFFICIENT_DIGITS + 1)])
# A context of its own that never rounds: no caller's precision or traps, and less work a call than Decimal().
cdef object CREATE_DECIMAL = Context(prec=MAX_PREC, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[]).create_decimal
# The function behind it, where its arguments come as a tuple: the interpreter's way there costs a sixth of the call.
cdef PyCFunction CREATE = NULL
if PyCFunction_Check(CREATE_DECIMAL) and PyCFunction_GetFlags(CREATE_DECIMAL) == METH_VARARGS:
    CREATE = PyCFunction_GetFunction(CREATE_DECIMAL)

cdef const char* PAIRS = (
    b"0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
    b"5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899"
)


cdef object decimal_from_text(object text):
    """Make the Decimal that a validated text spells, with exactly its digits."""
    if CREATE == NULL:
        return CREATE_DECIMAL(text)
    return CREATE(PyCFunction_GetSelf(CREATE_DECIMAL), (text,))


cdef object make_decimal(int64_t coefficient, int32_t exponent):
    """Make coefficient * 10**exponent with exactly these digits."""
    cdef char buffer[48]
    cdef int at = 48
    # The least of the signed numbers have no opposite in their own type.
    cdef int64_t decimals = -<int64_t>exponent
    cdef uint64_t rest = 0 - <uint64_t>coefficient if coefficient < 0 else <uint64_t>coefficient
    if coefficient == 0 and 0 <= decimals <= COEFFICIENT_DIGITS:
        return ZEROS[decimals]
    if 0 < decimals <= COEFFICIENT_DIGITS:
        # With a point rather than an exponent: the form that decimal reads fastest.
        while decimals >= 2:
            at -= 2
            memcpy(buffer + at, PAIRS + 2 * (rest % 100), 2)
            rest //= 100
            decimals -= 2
        if decimals:
            at -= 1
            buffer[at] = c'0' + <char>(rest % 10)
            rest //= 10
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
    return decimal_from_text(text)


cdef inline int _write_digits(char* buffer, int at, uint64_t value) noexcept:
    while value >= 100:
        at -= 2
        memcpy(buffer + at, PAIRS + 2 * (value % 100), 2)
        value //= 100
    if value >= 10:
        at -= 2
        memcpy(buffer + at, PAIRS + 2 * value, 2)
    else:
        at -= 1
        buffer[at] = c'0' + <char>value
    return at
