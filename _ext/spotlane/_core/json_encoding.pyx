"""JSON objects by RFC 8259, written straight into one buffer; decimals as strings, so that no reader rounds them."""

cimport cython
from cpython.bool cimport PyBool_Check
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.long cimport PyLong_Check
from cpython.tuple cimport PyTuple_GET_SIZE
from cpython.unicode cimport PyUnicode_Check
from libc.stdint cimport uint8_t
from libc.string cimport memcpy

from spotlane._core._buffer cimport Buffer, append, begin, release, reserve
from spotlane._core.encoding cimport append_number, utf8_of
from spotlane.errors import UsageError


cdef const char *HEX = b"0123456789abcdef"


cdef inline char *_escape(char *out, uint8_t character) noexcept nogil:
    """Write what stands for a character that must not stand for itself (RFC 8259 section 7)."""
    out[0] = c"\\"
    if character >= 0x20:
        out[1] = character
        return out + 2
    # The short forms of the characters 8 to 13; 11 has none.
    if 8 <= character <= 13 and character != 11:
        out[1] = b"btn.fr"[character - 8]
        return out + 2
    memcpy(out + 1, b"u00", 3)
    out[4] = HEX[character >> 4]
    out[5] = HEX[character & 15]
    return out + 6


cdef int append_string(Buffer *buffer, object text, str name) except -1:
    cdef Py_ssize_t length, i
    cdef const uint8_t *data = <const uint8_t *> utf8_of(text, &length, name)
    cdef bint is_plain = True
    cdef char *out
    for i in range(length):
        is_plain &= (data[i] >= 0x20) & (data[i] != c'"') & (data[i] != c"\\")
    reserve(buffer, (length if is_plain else 6 * length) + 2)
    out = buffer.data + buffer.length
    out[0] = c'"'
    out += 1
    if is_plain:
        memcpy(out, data, length)
        out += length
    else:
        for i in range(length):
            if data[i] >= 0x20 and data[i] != c'"' and data[i] != c"\\":
                out[0] = data[i]
                out += 1
            else:
                out = _escape(out, data[i])
    out[0] = c'"'
    buffer.length = out + 1 - buffer.data
    return 0


cdef inline int _append_value(Buffer *buffer, object value, str name) except -1:
    if PyUnicode_Check(value):
        return append_string(buffer, value, name)
    if PyBool_Check(value):
        return append(buffer, b"true", 4) if value is True else append(buffer, b"false", 5)
    if PyLong_Check(value):
        return append_number(buffer, value, name)
    append(buffer, b'"', 1)
    append_number(buffer, value, name)
    return append(buffer, b'"', 1)


cdef bytes _head_of(str name):
    cdef Buffer buffer
    begin(&buffer)
    try:
        append(&buffer, b",", 1)
        append_string(&buffer, name, name)
        append(&buffer, b":", 1)
        return PyBytes_FromStringAndSize(buffer.data, buffer.length)
    finally:
        release(&buffer)


@cython.final
cdef class JsonTemplate:
    """The names of an object's members, escaped once. UsageError for a name that comes twice."""

    cdef readonly tuple names
    cdef tuple _heads

    def __cinit__(self, names):
        if isinstance(names, str):
            raise TypeError("names must be a sequence of names, not one str")
        self.names = tuple(names)
        for name in self.names:
            if not isinstance(name, str):
                raise TypeError(f"the name of a parameter must be str, not {type(name).__name__}")
        if len(set(self.names)) != len(self.names):
            raise UsageError(f"a name is given twice: {', '.join(self.names)}")
        self._heads = tuple([_head_of(str(name)) for name in self.names])

    # Bound as Cython functions are, a method with *values copies its arguments once more.
    @cython.binding(False)
    def fill(self, *values):
        """Return the bytes of one JSON object, without blanks, with values in the order of the names.

        A value is a str, a Decimal (plain digits in a string), an int (a number) or a bool; None leaves the member out.
        Text is UTF-8 with nothing escaped but quotes, backslashes and control characters. TypeError for any other type
        and for a wrong number of values; UsageError for NaN, infinity, an exponent beyond 9999 and a lone surrogate.
        Both name the parameter.
        """
        cdef Buffer buffer
        cdef Py_ssize_t i
        cdef bytes head
        if PyTuple_GET_SIZE(values) != PyTuple_GET_SIZE(self.names):
            raise TypeError(f"{len(self.names)} values are needed, one for each of {', '.join(self.names)}; "
                            f"{len(values)} were given")
        begin(&buffer)
        try:
            append(&buffer, b"{", 1)
            for i in range(PyTuple_GET_SIZE(values)):
                value = values[i]
                if value is None:
                    continue
                head = self._heads[i]
                if buffer.length > 1:
                    append(&buffer, PyBytes_AS_STRING(head), PyBytes_GET_SIZE(head))
                else:
                    append(&buffer, PyBytes_AS_STRING(head) + 1, PyBytes_GET_SIZE(head) - 1)
                _append_value(&buffer, value, <str> self.names[i])
            append(&buffer, b"}", 1)
            return PyBytes_FromStringAndSize(buffer.data, buffer.length)
        finally:
            release(&buffer)

    def __repr__(self):
        return f"JsonTemplate({self.names!r})"

    def __reduce__(self):
        return JsonTemplate, (self.names,)
