# cython: auto_pickle=False, autotestdict=False
"""What a refused reply is called, and the short piece of it that may be shown."""

from libc.stdint cimport uint8_t

from spotlane._core._scan cimport (
    BAD_ESCAPE, BAD_NUMBER, BAD_UTF8, CONTROL_CHARACTER, Cursor, EXPONENT_TOO_LARGE, LEADING_ZERO, LONE_SURROGATE,
    NEGATIVE, OUT_OF_RANGE, REPEATED, TOO_DEEP, TOO_MANY_DIGITS, TRAILING, TRUNCATED, UNEXPECTED, WRONG_TYPE
)

import re

from spotlane.errors import DecodeError

cdef enum:
    LONGEST_EXCERPT = 60

cdef object SECRET_LIKE = re.compile(r"[A-Za-z0-9+/_=-]{32,}")
cdef dict FAULTS = {
    TRUNCATED: "the reply ends in the middle",
    UNEXPECTED: "this is not JSON",
    CONTROL_CHARACTER: "a control character in a string",
    BAD_ESCAPE: "an escape that JSON doesn't have",
    LONE_SURROGATE: "half of a surrogate pair",
    BAD_UTF8: "this is not UTF-8",
    TOO_DEEP: "nested more than 64 deep",
    BAD_NUMBER: "this is not a decimal number",
    LEADING_ZERO: "a number with a leading zero",
    TOO_MANY_DIGITS: "a number of more than 100 digits",
    EXPONENT_TOO_LARGE: "an exponent beyond 1000",
    NEGATIVE: "a negative number where none can be",
    WRONG_TYPE: "a value of the wrong type",
    REPEATED: "a member that was given twice",
    TRAILING: "something follows the reply's end",
    OUT_OF_RANGE: "a number out of range",
}


class UnknownWireSymbol(DecodeError):
    """A reply names a symbol that the given mapping lacks; unknown_symbol is its wire spelling."""

    def __init__(self, message, *, unknown_symbol, endpoint="", field=None, excerpt=""):
        super().__init__(message, endpoint=endpoint, field=field, excerpt=excerpt)
        self.unknown_symbol = unknown_symbol


cdef str describe(int fault):
    """Say what a Fault means."""
    return FAULTS[fault]


cdef str readable(const uint8_t* start, const uint8_t* end):
    """Decode a piece of a reply for people: long runs that may be secrets masked, and at most 60 characters."""
    masked = SECRET_LIKE.sub("***", start[:end - start].decode("utf-8", "replace"))
    surplus = max(0, len(masked) - LONGEST_EXCERPT)
    return masked[surplus // 2:surplus // 2 + LONGEST_EXCERPT]


cdef str shown(str word):
    return repr(SECRET_LIKE.sub("***", word)[:LONGEST_EXCERPT])


cdef str excerpt(const Cursor* cursor):
    """Show what is around the cursor, widened to whole runs first, so that a mask never leaves half a secret."""
    cdef const uint8_t* start = cursor.start
    cdef const uint8_t* end = cursor.end
    if cursor.at - start > LONGEST_EXCERPT // 2:
        start = cursor.at - LONGEST_EXCERPT // 2
    if end - cursor.at > LONGEST_EXCERPT // 2:
        end = cursor.at + LONGEST_EXCERPT // 2
    while start > cursor.start and _in_run((start - 1)[0]):
        start -= 1
    while end < cursor.end and _in_run(end[0]):
        end += 1
    return readable(start, end)


cdef inline bint _in_run(uint8_t byte) noexcept:
    return (
        c'0' <= byte <= c'9' or c'a' <= (byte | 0x20) <= c'z' or byte == c'+' or byte == c'/' or byte == c'_'
        or byte == c'=' or byte == c'-'
    )
