"""Decimal numbers in text, read in one pass and without rounding."""

from libc.stdint cimport int32_t, uint8_t, uint64_t

from spotlane._core._words cimport take_digits

cdef enum:
    # The most digits that always fit a signed 64-bit coefficient.
    COEFFICIENT_DIGITS = 18
    # Where an explicit exponent stops being counted; every caller refuses or hands over far below it.
    EXPONENT_CEILING = 100_000_000

cdef enum NumberFault:
    NUMBER_READ = 0
    NUMBER_MALFORMED = 1
    NUMBER_LEADING_ZERO = 2

cdef struct Number:
    uint64_t coefficient   # its first COEFFICIENT_DIGITS significant digits, so exact while `significant` is no more
    int32_t exponent       # of all the digits: the explicit one less the decimals
    int32_t explicit       # what stood after the e, 0 without one
    int32_t significant    # 0 for a zero; exact above COEFFICIENT_DIGITS, below it may count leading zeros
    int32_t digits         # all digits
    bint negative
    bint whole             # neither a point nor an e


cdef inline void read_long_number(const uint8_t* at, Py_ssize_t digits, Number* number) noexcept nogil:
    """Count the significant digits of a number whose digits alone may not fit, and keep the first ones."""
    number.coefficient = 0
    number.significant = 0
    while digits:
        if at[0] != c'.':
            digits -= 1
            if number.significant or at[0] != c'0':
                number.significant += 1
                if number.significant <= COEFFICIENT_DIGITS:
                    number.coefficient = number.coefficient * 10 + at[0] - c'0'
        at += 1


cdef inline NumberFault read_number(
    const uint8_t** cursor, const uint8_t* end, bint padded, Number* number
) noexcept nogil:
    """Read -?digits[.digits][e[+-]digits] and leave the cursor behind it.

    One readable byte that is no digit must follow `end`. padded allows leading zeros, which JSON numbers may not have.
    """
    cdef const uint8_t* at = cursor[0]
    cdef const uint8_t* first
    cdef const uint8_t* run
    cdef uint64_t coefficient = 0
    cdef int32_t explicit = 0
    cdef Py_ssize_t digits
    cdef Py_ssize_t decimals = 0
    cdef bint negative_exponent = False
    cdef uint8_t digit

    number.negative = False
    if at[0] == c'-':
        number.negative = True
        at += 1
    first = at
    take_digits(&at, end, &coefficient)
    digits = at - first
    cursor[0] = at
    if digits == 0:
        return NUMBER_MALFORMED
    if digits > 1 and first[0] == c'0' and not padded:
        return NUMBER_LEADING_ZERO
    number.whole = True
    if at[0] == c'.':
        number.whole = False
        at += 1
        run = at
        take_digits(&at, end, &coefficient)
        decimals = at - run
        digits += decimals
        cursor[0] = at
        if decimals == 0:
            return NUMBER_MALFORMED
    if (at[0] | 0x20) == c'e':
        number.whole = False
        at += 1
        if at[0] == c'-' or at[0] == c'+':
            negative_exponent = at[0] == c'-'
            at += 1
        run = at
        digit = at[0] - c'0'
        while digit <= 9:
            if explicit < EXPONENT_CEILING:
                explicit = explicit * 10 + digit
            at += 1
            digit = at[0] - c'0'
        cursor[0] = at
        if at == run:
            return NUMBER_MALFORMED
        if negative_exponent:
            explicit = -explicit
    cursor[0] = at
    # Clamped so that the counters stay honest for texts beyond 2**31 bytes.
    number.digits = <int32_t>min(digits, <Py_ssize_t>EXPONENT_CEILING)
    number.explicit = explicit
    number.exponent = explicit - <int32_t>min(decimals, <Py_ssize_t>EXPONENT_CEILING)
    number.coefficient = coefficient
    number.significant = number.digits if coefficient else 0
    if digits > COEFFICIENT_DIGITS:
        read_long_number(first, digits, number)
    return NUMBER_READ
