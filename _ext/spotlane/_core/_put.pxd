"""Pieces of a request written one after another into room that was measured beforehand."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy

cdef enum:
    # Of the largest int64; negative numbers are refused.
    NUMBER_DIGITS = 19


cdef inline char *put(char *out, const char *data, Py_ssize_t length) noexcept nogil:
    memcpy(out, data, length)
    return out + length


cdef inline char *put_bytes(char *out, bytes data) noexcept:
    return put(out, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))


cdef inline char *put_number(char *out, uint64_t number) noexcept nogil:
    cdef char digits[20]
    cdef int at = 20
    while True:
        at -= 1
        digits[at] = <char> (48 + number % 10)
        number //= 10
        if number == 0:
            break
    return put(out, digits + at, 20 - at)


cdef inline bint is_visible(const char *text, Py_ssize_t length) noexcept nogil:
    """Tell whether text is printable ASCII without blank and "#": what may stand in a request target."""
    cdef Py_ssize_t i
    cdef uint8_t wrong = 0
    for i in range(length):
        wrong |= (<uint8_t> (<uint8_t> text[i] - 0x21) > 0x5d) | (text[i] == c"#")
    return wrong == 0
