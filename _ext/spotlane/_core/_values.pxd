"""One JSON value each into text, a number or a slot of a struct."""

from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.string cimport memcpy

from spotlane._core._number cimport COEFFICIENT_DIGITS, NUMBER_READ, Number, read_number
from spotlane._core._scan cimport (
    BAD_NUMBER, Cursor, EXPONENT_TOO_LARGE, FINE, Fault, NEGATIVE, OUT_OF_RANGE, TOO_MANY_DIGITS, Text, WRONG_TYPE,
    number_fault, read_string, skip_word, unescape
)
from spotlane._core.decimals cimport decimal_from_text
from spotlane._core.structs cimport DECIMAL, INTEGER, OBJECT, Slot

cdef extern from "Python.h":
    object PyUnicode_New(Py_ssize_t size, Py_UCS4 widest)
    void* PyUnicode_DATA(object text) noexcept

cdef enum:
    # Far beyond any amount or rate, near enough to keep a hostile reply from making huge integers.
    MOST_DIGITS = 100
    LARGEST_EXPONENT = 1000
    # Room for the longest accepted number with every character written as \uXXXX.
    ESCAPED_NUMBER = 1024

cdef struct Numeral:
    Number number
    const uint8_t* start
    Py_ssize_t length
    bint absent
    uint8_t spare[ESCAPED_NUMBER + 1]


cdef inline object make_text(const Text* text):
    """Make the str of a validated string."""
    cdef uint8_t* buffer
    cdef Py_ssize_t length
    if text.escaped:
        buffer = <uint8_t*>PyMem_Malloc(text.length)
        if buffer == NULL:
            raise MemoryError
        try:
            length = unescape(text, buffer)
            return PyUnicode_DecodeUTF8(<const char*>buffer, length, NULL)
        finally:
            PyMem_Free(buffer)
    if not text.ascii:
        return PyUnicode_DecodeUTF8(<const char*>text.start, text.length, NULL)
    made = PyUnicode_New(text.length, 127)
    memcpy(PyUnicode_DATA(made), text.start, text.length)
    return made


cdef inline void put(Slot* slot, object value) noexcept:
    Py_INCREF(value)
    slot.object = <PyObject*>value
    slot.tag = OBJECT


cdef inline Fault read_token(Cursor* cursor, Text* text, bint* absent) noexcept nogil:
    """Read a string, or an integer as the text it is written in; null and "" are absent."""
    cdef uint8_t byte = cursor.at[0]
    cdef Number number
    cdef Fault fault
    absent[0] = False
    if byte == c'"':
        cursor.at += 1
        fault = read_string(cursor, text)
        absent[0] = text.length == 0
        return fault
    if byte == c'-' or c'0' <= byte <= c'9':
        text.start = cursor.at
        text.escaped = False
        text.ascii = True
        fault = number_fault(read_number(&cursor.at, cursor.end, False, &number), cursor)
        text.length = cursor.at - text.start
        return fault if fault != FINE or number.whole else WRONG_TYPE
    absent[0] = True
    return skip_word(cursor, b"null", 4) if byte == c'n' else WRONG_TYPE


cdef inline Fault read_numeral(Cursor* cursor, Numeral* numeral) noexcept nogil:
    """Read a number, bare or in a string; null and "" are absent. Only a string may have leading zeros."""
    cdef uint8_t byte = cursor.at[0]
    cdef const uint8_t* at
    cdef Text text
    cdef Fault fault
    numeral.absent = False
    if byte == c'"':
        at = cursor.at + 1
        numeral.start = at
        if read_number(&at, cursor.end, True, &numeral.number) == NUMBER_READ and at[0] == c'"':
            numeral.length = at - numeral.start
            cursor.at = at + 1
            return FINE
        at = cursor.at
        cursor.at += 1
        fault = read_string(cursor, &text)
        if fault != FINE:
            return fault
        numeral.absent = text.length == 0
        if numeral.absent:
            return FINE
        if text.escaped and text.length <= ESCAPED_NUMBER:
            numeral.start = numeral.spare
            numeral.length = unescape(&text, numeral.spare)
            numeral.spare[numeral.length] = 0
            at = numeral.start
            if (
                read_number(&at, numeral.start + numeral.length, True, &numeral.number) == NUMBER_READ
                and at == numeral.start + numeral.length
            ):
                return FINE
        cursor.at = text.start
        return BAD_NUMBER
    if byte == c'-' or c'0' <= byte <= c'9':
        numeral.start = cursor.at
        fault = number_fault(read_number(&cursor.at, cursor.end, False, &numeral.number), cursor)
        numeral.length = cursor.at - numeral.start
        return fault
    numeral.absent = True
    return skip_word(cursor, b"null", 4) if byte == c'n' else WRONG_TYPE


cdef inline int read_money(Cursor* cursor, Slot* slot, bint negatives, bint zero_is_none) except -1:
    """Read a decimal into its slot without rounding. Returns a Fault."""
    cdef Numeral numeral
    cdef Number* number = &numeral.number
    cdef Text text
    cdef Fault fault = read_numeral(cursor, &numeral)
    if fault != FINE or numeral.absent:
        return fault
    if number.digits > MOST_DIGITS:
        return TOO_MANY_DIGITS
    if number.explicit > LARGEST_EXPONENT or number.explicit < -LARGEST_EXPONENT:
        return EXPONENT_TOO_LARGE
    if number.significant == 0 and zero_is_none:
        return FINE
    if number.negative and number.significant and not negatives:
        return NEGATIVE
    if number.significant <= COEFFICIENT_DIGITS and not (number.negative and number.significant == 0):
        slot.number = -<int64_t>number.coefficient if number.negative else <int64_t>number.coefficient
        slot.exponent = number.exponent
        slot.tag = DECIMAL
        return FINE
    text.start = numeral.start
    text.length = numeral.length
    text.escaped = False
    text.ascii = True
    put(slot, decimal_from_text(make_text(&text)))
    return FINE


cdef inline Fault read_integer(Cursor* cursor, Slot* slot) noexcept nogil:
    """Read a whole number of at most 18 digits."""
    cdef Numeral numeral
    cdef Fault fault = read_numeral(cursor, &numeral)
    if fault != FINE or numeral.absent:
        return fault
    if not numeral.number.whole:
        return WRONG_TYPE
    if numeral.number.significant > COEFFICIENT_DIGITS:
        return OUT_OF_RANGE
    slot.number = <int64_t>numeral.number.coefficient
    if numeral.number.negative:
        slot.number = -slot.number
    slot.tag = INTEGER
    return FINE


cdef inline Fault read_timestamp(Cursor* cursor, Slot* slot, int to_milliseconds, bint zero_is_none) noexcept nogil:
    """Read a point in time whose unit is 10**to_milliseconds ms, and cut it to whole milliseconds."""
    cdef Numeral numeral
    cdef Number* number = &numeral.number
    cdef int64_t value
    cdef int32_t exponent
    cdef Fault fault = read_numeral(cursor, &numeral)
    if fault != FINE or numeral.absent:
        return fault
    if number.digits > MOST_DIGITS:
        return TOO_MANY_DIGITS
    if number.explicit > LARGEST_EXPONENT or number.explicit < -LARGEST_EXPONENT:
        return EXPONENT_TOO_LARGE
    if number.significant == 0 and zero_is_none:
        return FINE
    if number.negative and number.significant:
        return NEGATIVE
    # The coefficient holds the first 18 significant digits; any further ones are below a millisecond or out of range.
    value = <int64_t>number.coefficient
    exponent = number.exponent + to_milliseconds + max(0, number.significant - COEFFICIENT_DIGITS)
    while exponent < 0 and value:
        value //= 10
        exponent += 1
    while exponent > 0 and value:
        if value >= <int64_t>10 ** 17:
            return OUT_OF_RANGE
        value *= 10
        exponent -= 1
    slot.number = value
    slot.tag = INTEGER
    return FINE
