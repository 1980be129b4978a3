"""Query strings by RFC 3986 and plain decimals, written straight into one buffer."""

cimport cython
from cpython.bool cimport PyBool_Check
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_Check
from cpython.tuple cimport PyTuple_GET_SIZE
from cpython.unicode cimport PyUnicode_AsUTF8AndSize, PyUnicode_Check, PyUnicode_DecodeASCII
from libc.stdint cimport uint8_t
from libc.string cimport memchr

from spotlane._core._buffer cimport Buffer, append, append_zeros, begin, release, reserve

import decimal

from spotlane.errors import UsageError


cdef extern from *:
    """
    #define SPOTLANE_TYPE_STR(type, value) (((PyTypeObject *)(type))->tp_str(value))
    """
    object SPOTLANE_TYPE_STR(type type, object value)


cdef enum:
    # No amount of money needs more, and 1E+999999999 would fill the memory with zeros.
    EXPONENT_LIMIT = 9999
    UNRESERVED_COUNT = 256

cdef type Decimal = decimal.Decimal
cdef const char *UPPER_HEX = b"0123456789ABCDEF"


cdef bytes _unreserved_table():
    """One byte for each byte value: 1 where RFC 3986 section 2.3 leaves it as it is."""
    return bytes([character < 128 and (chr(character).isalnum() or chr(character) in "-._~")
                  for character in range(UNRESERVED_COUNT)])


cdef bytes UNRESERVED_TABLE = _unreserved_table()
cdef const uint8_t *UNRESERVED = <const uint8_t *> PyBytes_AS_STRING(UNRESERVED_TABLE)


cdef str subject(str name):
    return "the value" if name is None else f"parameter {name!r}"


cdef const char *utf8_of(object text, Py_ssize_t *length, str name) except NULL:
    cdef const char *data
    try:
        data = PyUnicode_AsUTF8AndSize(text, length)
    except UnicodeEncodeError as error:
        position = error.start
        # Raised below, outside this block, so that the text is not kept alive as the context of the error.
        data = NULL
    if data == NULL:
        raise UsageError(f"{subject(name)} has half of a surrogate pair at position {position}, and so no UTF-8 form")
    return data


cdef int append_quoted(Buffer *buffer, object text, str name) except -1:
    cdef Py_ssize_t length, i
    cdef const uint8_t *data = <const uint8_t *> utf8_of(text, &length, name)
    cdef uint8_t *out
    cdef uint8_t character
    reserve(buffer, 3 * length)
    out = <uint8_t *> buffer.data + buffer.length
    for i in range(length):
        character = data[i]
        if UNRESERVED[character]:
            out[0] = character
            out += 1
        else:
            out[0] = c"%"
            out[1] = UPPER_HEX[character >> 4]
            out[2] = UPPER_HEX[character & 15]
            out += 3
    buffer.length = <char *> out - buffer.data
    return 0


cdef int _append_int(Buffer *buffer, object value, str name) except -1:
    cdef int overflow = 0
    cdef char digits[20]
    cdef int at = 20
    cdef long long number = PyLong_AsLongLongAndOverflow(value, &overflow)
    cdef unsigned long long magnitude
    if overflow:
        try:
            text = int.__repr__(value).encode()
        except ValueError:
            text = None
        if text is None:
            raise UsageError(f"{subject(name)} is an integer of {value.bit_length()} bits, more than Python prints")
        return append(buffer, PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))
    magnitude = 0 - <unsigned long long> number if number < 0 else <unsigned long long> number
    while True:
        at -= 1
        digits[at] = <char> (48 + magnitude % 10)
        magnitude //= 10
        if magnitude == 0:
            break
    if number < 0:
        at -= 1
        digits[at] = c"-"
    return append(buffer, digits + at, 20 - at)


cdef int _append_decimal(Buffer *buffer, object value, str name) except -1:
    # The text of a Decimal is exact whatever the context, but for the case of the E. The base type's function is
    # called, for a subclass may print itself in another way.
    cdef object text = SPOTLANE_TYPE_STR(Decimal, value)
    cdef Py_ssize_t length
    cdef const char *start = PyUnicode_AsUTF8AndSize(text, &length)
    cdef const char *end = start + length
    cdef const char *exponent_at
    cdef const char *character
    cdef bint is_negative = start[0] == c"-"
    cdef bint is_zero = True
    if is_negative:
        start += 1
    if not c"0" <= start[0] <= c"9":
        raise UsageError(f"{subject(name)} must be a finite number, not {text}")
    exponent_at = <const char *> memchr(start, c"E", end - start)
    if exponent_at == NULL:
        exponent_at = <const char *> memchr(start, c"e", end - start)
    if exponent_at == NULL:
        exponent_at = end
    if is_negative:
        character = start
        while is_zero and character < exponent_at:
            is_zero = character[0] == c"0" or character[0] == c"."
            character += 1
        if not is_zero:
            append(buffer, b"-", 1)
    if exponent_at == end:
        return append(buffer, start, end - start)
    return _append_shifted(buffer, start, exponent_at, end, name)


cdef int _append_shifted(Buffer *buffer, const char *start, const char *exponent_at, const char *end,
                         str name) except -1:
    """Append a number in scientific form, one digit before the point, without its exponent."""
    cdef const char *character = exponent_at + 2
    cdef const char *rest = start + 2
    cdef Py_ssize_t exponent = 0
    cdef Py_ssize_t fraction = exponent_at - rest if exponent_at > rest else 0
    while character < end and exponent <= EXPONENT_LIMIT:
        exponent = 10 * exponent + (character[0] - c"0")
        character += 1
    if exponent > EXPONENT_LIMIT:
        raise UsageError(f"{subject(name)} must have an exponent between -{EXPONENT_LIMIT} and {EXPONENT_LIMIT}, "
                         f"not {exponent_at[1:end - exponent_at].decode()}")
    if exponent_at[1] == c"-":
        append(buffer, b"0.", 2)
        append_zeros(buffer, exponent - 1)
        append(buffer, start, 1)
        return append(buffer, rest, fraction)
    append(buffer, start, 1)
    if start[0] == c"0":
        return 0
    if fraction > exponent:
        append(buffer, rest, exponent)
        append(buffer, b".", 1)
        return append(buffer, rest + exponent, fraction - exponent)
    append(buffer, rest, fraction)
    return append_zeros(buffer, exponent - fraction)


cdef int append_number(Buffer *buffer, object value, str name) except -1:
    """Append a Decimal or an int that is no bool, or raise TypeError."""
    if isinstance(value, Decimal):
        return _append_decimal(buffer, value, name)
    if PyLong_Check(value) and not PyBool_Check(value):
        return _append_int(buffer, value, name)
    if isinstance(value, float):
        raise TypeError(f"{subject(name)} is the float {value!r}, which has no exact decimal form: "
                        f"use Decimal('{value!r}')")
    raise TypeError(f"{subject(name)} must be str, Decimal, int or bool, not {type(value).__name__}"
                    if name is not None else f"the value must be Decimal or int, not {type(value).__name__}")


cdef inline int _append_value(Buffer *buffer, object value, str name) except -1:
    if PyUnicode_Check(value):
        return append_quoted(buffer, value, name)
    if PyBool_Check(value):
        return append(buffer, b"true", 4) if value is True else append(buffer, b"false", 5)
    return append_number(buffer, value, name)


def quote(str text not None):
    """Return text percent-encoded by RFC 3986: UTF-8, uppercase hexadecimal, only A-Z a-z 0-9 - . _ ~ left as they are.

    UsageError for a lone surrogate.
    """
    cdef Buffer buffer
    begin(&buffer)
    try:
        append_quoted(&buffer, text, None)
        return PyUnicode_DecodeASCII(buffer.data, buffer.length, NULL)
    finally:
        release(&buffer)


def plain(value):
    """Return a Decimal or an int as decimal digits, never with an exponent, whatever the caller's decimal context.

    Trailing zeros stay as they are given; a negative zero loses its sign. UsageError for NaN, infinity and exponents
    beyond 9999; TypeError for anything else, float and bool included.
    """
    cdef Buffer buffer
    begin(&buffer)
    try:
        append_number(&buffer, value, None)
        return PyUnicode_DecodeASCII(buffer.data, buffer.length, NULL)
    finally:
        release(&buffer)


def encode_query(pairs):
    """Return pairs of a name and a value as the bytes of a query string, in their order.

    Values and errors as in QueryTemplate.fill. For calls where speed does not matter, or with names that vary.
    """
    cdef Buffer buffer
    cdef str name
    begin(&buffer)
    try:
        for name, value in pairs:
            if name is None:
                raise TypeError("the name of a parameter must be str, not None")
            if value is None:
                continue
            if buffer.length:
                append(&buffer, b"&", 1)
            append_quoted(&buffer, name, name)
            append(&buffer, b"=", 1)
            _append_value(&buffer, value, name)
        return PyBytes_FromStringAndSize(buffer.data, buffer.length)
    finally:
        release(&buffer)


@cython.final
cdef class QueryTemplate:
    """The names of a query's parameters, encoded once."""

    cdef readonly tuple names
    cdef tuple _heads

    def __cinit__(self, names):
        if isinstance(names, str):
            raise TypeError("names must be a sequence of names, not one str")
        self.names = tuple(names)
        for name in self.names:
            if not isinstance(name, str):
                raise TypeError(f"the name of a parameter must be str, not {type(name).__name__}")
        self._heads = tuple([f"&{quote(name)}=".encode() for name in self.names])

    # Bound as Cython functions are, a method with *values copies its arguments once more.
    @cython.binding(False)
    def fill(self, *values):
        """Return the bytes of the query string with values in the order of the names.

        A value is a str, a Decimal, an int or a bool (true, false); None leaves the parameter out. TypeError for any
        other type and for a wrong number of values; UsageError for NaN, infinity, an exponent beyond 9999 and a lone
        surrogate. Both name the parameter.
        """
        cdef Buffer buffer
        cdef Py_ssize_t i
        cdef bytes head
        if PyTuple_GET_SIZE(values) != PyTuple_GET_SIZE(self.names):
            raise TypeError(f"{len(self.names)} values are needed, one for each of {', '.join(self.names)}; "
                            f"{len(values)} were given")
        begin(&buffer)
        try:
            for i in range(PyTuple_GET_SIZE(values)):
                value = values[i]
                if value is None:
                    continue
                head = self._heads[i]
                if buffer.length:
                    append(&buffer, PyBytes_AS_STRING(head), PyBytes_GET_SIZE(head))
                else:
                    append(&buffer, PyBytes_AS_STRING(head) + 1, PyBytes_GET_SIZE(head) - 1)
                _append_value(&buffer, value, <str> self.names[i])
            return PyBytes_FromStringAndSize(buffer.data, buffer.length)
        finally:
            release(&buffer)

    def __repr__(self):
        return f"QueryTemplate({self.names!r})"

    def __reduce__(self):
        return QueryTemplate, (self.names,)
