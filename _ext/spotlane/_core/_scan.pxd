"""JSON text, walked and validated in one pass: blanks, strings, literals, and whole values that nobody asked for.

Every function relies on a zero byte behind the last one, as a bytes object has: it ends each run of digits, blanks or
letters, so only bulk reads compare with the end.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from spotlane._core._number cimport NUMBER_LEADING_ZERO, NUMBER_READ, Number, NumberFault, read_number
from spotlane._core._words cimport not_plain, spotlane_first_marked

cdef enum:
    # Open arrays and objects: one bit each in the walk's stack of what is open.
    DEEPEST = 64

cdef enum Fault:
    FINE = 0
    TRUNCATED
    UNEXPECTED
    CONTROL_CHARACTER
    BAD_ESCAPE
    LONE_SURROGATE
    BAD_UTF8
    TOO_DEEP
    BAD_NUMBER
    LEADING_ZERO
    TOO_MANY_DIGITS
    EXPONENT_TOO_LARGE
    NEGATIVE
    WRONG_TYPE
    REPEATED
    TRAILING
    OUT_OF_RANGE

cdef struct Cursor:
    const uint8_t* at
    const uint8_t* start
    const uint8_t* end

cdef struct Text:
    const uint8_t* start
    Py_ssize_t length
    bint escaped
    bint ascii


cdef inline bint same_bytes(const uint8_t* left, const uint8_t* right, Py_ssize_t length) noexcept nogil:
    """Compare short runs: two overlapping words cost less than a call of memcmp."""
    cdef uint64_t a, b, c, d
    cdef uint32_t e, f, g, h
    if length > 16:
        while length > 16:
            memcpy(&a, left, 8)
            memcpy(&b, right, 8)
            if a != b:
                return False
            left += 8
            right += 8
            length -= 8
    if length >= 8:
        memcpy(&a, left, 8)
        memcpy(&b, right, 8)
        memcpy(&c, left + length - 8, 8)
        memcpy(&d, right + length - 8, 8)
        return a == b and c == d
    if length >= 4:
        memcpy(&e, left, 4)
        memcpy(&f, right, 4)
        memcpy(&g, left + length - 4, 4)
        memcpy(&h, right + length - 4, 4)
        return e == f and g == h
    while length > 0:
        length -= 1
        if left[length] != right[length]:
            return False
    return True


cdef inline uint8_t skip_blanks(Cursor* cursor) noexcept nogil:
    """Step over blanks and return the byte that follows, 0 at the end."""
    cdef uint8_t byte = cursor.at[0]
    while byte <= c' ' and (byte == c' ' or byte == c'\n' or byte == c'\r' or byte == c'\t'):
        cursor.at += 1
        byte = cursor.at[0]
    return byte


cdef inline Fault unexpected(const Cursor* cursor) noexcept nogil:
    return TRUNCATED if cursor.at >= cursor.end else UNEXPECTED


cdef inline int hex_unit(const uint8_t* at) noexcept nogil:
    """Read four hex digits, or return -1. Stops at the first other byte, so it never passes the final zero."""
    cdef int unit = 0
    cdef int index
    cdef uint8_t byte
    for index in range(4):
        byte = at[index]
        if c'0' <= byte <= c'9':
            unit = unit * 16 + byte - c'0'
        elif c'a' <= (byte | 0x20) <= c'f':
            unit = unit * 16 + (byte | 0x20) - c'a' + 10
        else:
            return -1
    return unit


cdef inline Fault skip_escape(Cursor* cursor) noexcept nogil:
    """Validate the escape whose backslash is at the cursor, surrogate pairs included."""
    cdef uint8_t byte = cursor.at[1]
    cdef int unit
    if byte == c'u':
        unit = hex_unit(cursor.at + 2)
        if unit < 0:
            return BAD_ESCAPE
        if 0xDC00 <= unit <= 0xDFFF:
            return LONE_SURROGATE
        if 0xD800 <= unit <= 0xDBFF:
            if cursor.at[6] != c'\\' or cursor.at[7] != c'u':
                return LONE_SURROGATE
            unit = hex_unit(cursor.at + 8)
            if not 0xDC00 <= unit <= 0xDFFF:
                return LONE_SURROGATE
            cursor.at += 6
        cursor.at += 6
        return FINE
    if (
        byte == c'"' or byte == c'\\' or byte == c'/' or byte == c'b' or byte == c'f' or byte == c'n'
        or byte == c'r' or byte == c't'
    ):
        cursor.at += 2
        return FINE
    return TRUNCATED if cursor.at + 1 >= cursor.end else BAD_ESCAPE


cdef inline Fault skip_multibyte(Cursor* cursor) noexcept nogil:
    """Validate one character of two to four bytes (Unicode table 3-7: no overlong form, no surrogate)."""
    cdef const uint8_t* at = cursor.at
    cdef uint8_t lead = at[0]
    cdef uint8_t low = 0x80
    cdef uint8_t high = 0xBF
    cdef int more
    if lead < 0xC2 or lead > 0xF4:
        return BAD_UTF8
    if lead < 0xE0:
        more = 1
    elif lead < 0xF0:
        more = 2
        if lead == 0xE0:
            low = 0xA0
        elif lead == 0xED:
            high = 0x9F
    else:
        more = 3
        if lead == 0xF0:
            low = 0x90
        elif lead == 0xF4:
            high = 0x8F
    while more > 0:
        at += 1
        if at[0] < low or at[0] > high:
            return BAD_UTF8
        low = 0x80
        high = 0xBF
        more -= 1
    cursor.at = at + 1
    return FINE


cdef inline Fault read_string(Cursor* cursor, Text* text) noexcept nogil:
    """Read the string whose opening quote has just been passed; its content stays where it is, escapes included."""
    cdef uint64_t word, marked
    cdef uint8_t byte
    cdef Fault fault
    text.start = cursor.at
    text.length = 0
    text.escaped = False
    text.ascii = True
    while True:
        while cursor.end - cursor.at >= 8:
            memcpy(&word, cursor.at, 8)
            marked = not_plain(word)
            if marked:
                cursor.at += spotlane_first_marked(marked)
                break
            cursor.at += 8
        byte = cursor.at[0]
        while byte >= 0x20 and byte < 0x80 and byte != c'"' and byte != c'\\':
            cursor.at += 1
            byte = cursor.at[0]
        if byte == c'"':
            text.length = cursor.at - text.start
            cursor.at += 1
            return FINE
        if byte == c'\\':
            text.escaped = True
            fault = skip_escape(cursor)
        elif byte < 0x20:
            return TRUNCATED if cursor.at >= cursor.end else CONTROL_CHARACTER
        else:
            text.ascii = False
            fault = skip_multibyte(cursor)
        if fault != FINE:
            return fault


cdef inline Py_ssize_t unescape(const Text* text, uint8_t* out) noexcept nogil:
    """Write a validated string as UTF-8 without its escapes; it never gets longer. Returns its length."""
    cdef const uint8_t* at = text.start
    cdef const uint8_t* end = text.start + text.length
    cdef uint8_t* to = out
    cdef uint8_t byte
    cdef uint32_t point
    while at < end:
        if at[0] != c'\\':
            to[0] = at[0]
            to += 1
            at += 1
            continue
        byte = at[1]
        at += 2
        if byte != c'u':
            if byte == c'b':
                byte = 8
            elif byte == c'f':
                byte = 12
            elif byte == c'n':
                byte = 10
            elif byte == c'r':
                byte = 13
            elif byte == c't':
                byte = 9
            to[0] = byte
            to += 1
            continue
        point = <uint32_t>hex_unit(at)
        at += 4
        if 0xD800 <= point <= 0xDBFF:
            point = 0x10000 + ((point - 0xD800) << 10) + (<uint32_t>hex_unit(at + 2) - 0xDC00)
            at += 6
        if point < 0x80:
            to[0] = <uint8_t>point
            to += 1
            continue
        if point < 0x800:
            to[0] = <uint8_t>(0xC0 | point >> 6)
        else:
            if point < 0x10000:
                to[0] = <uint8_t>(0xE0 | point >> 12)
            else:
                to[0] = <uint8_t>(0xF0 | point >> 18)
                to += 1
                to[0] = <uint8_t>(0x80 | (point >> 12 & 0x3F))
            to += 1
            to[0] = <uint8_t>(0x80 | (point >> 6 & 0x3F))
        to += 1
        to[0] = <uint8_t>(0x80 | (point & 0x3F))
        to += 1
    return to - out


cdef inline Fault number_fault(NumberFault fault, const Cursor* cursor) noexcept nogil:
    if fault == NUMBER_READ:
        return FINE
    if fault == NUMBER_LEADING_ZERO:
        return LEADING_ZERO
    return TRUNCATED if cursor.at >= cursor.end else BAD_NUMBER


cdef inline Fault skip_word(Cursor* cursor, const char* word, Py_ssize_t length) noexcept nogil:
    """Step over true, false or null."""
    cdef Py_ssize_t index
    for index in range(length):
        if cursor.at[0] != <uint8_t>word[index]:
            return unexpected(cursor)
        cursor.at += 1
    return FINE


cdef inline Fault skip_scalar(Cursor* cursor, uint8_t byte) noexcept nogil:
    cdef Text text
    cdef Number number
    if byte == c'"':
        cursor.at += 1
        return read_string(cursor, &text)
    if byte == c't':
        return skip_word(cursor, b"true", 4)
    if byte == c'f':
        return skip_word(cursor, b"false", 5)
    if byte == c'n':
        return skip_word(cursor, b"null", 4)
    if byte == c'-' or c'0' <= byte <= c'9':
        return number_fault(read_number(&cursor.at, cursor.end, False, &number), cursor)
    return unexpected(cursor)


cdef inline Fault skip_value(Cursor* cursor, int depth) noexcept nogil:
    """Validate a value of any kind; depth is how many arrays and objects are open around it."""
    cdef uint64_t objects = 0   # bit n is set where the nth array or object opened here is an object
    cdef int level = 0
    cdef uint8_t byte = skip_blanks(cursor)
    cdef Text key
    cdef Fault fault
    while True:
        if byte == c'{' or byte == c'[':
            if depth + level >= DEEPEST:
                return TOO_DEEP
            objects = objects << 1 | (byte == c'{')
            level += 1
            cursor.at += 1
            byte = skip_blanks(cursor)
            if byte != (c'}' if objects & 1 else c']'):
                if objects & 1:
                    fault = skip_key(cursor, byte, &key)
                    if fault != FINE:
                        return fault
                    byte = cursor.at[0]
                continue
        else:
            fault = skip_scalar(cursor, byte)
            if fault != FINE:
                return fault
            if level == 0:
                return FINE
            byte = skip_blanks(cursor)
        while byte == (c'}' if objects & 1 else c']'):
            cursor.at += 1
            objects >>= 1
            level -= 1
            if level == 0:
                return FINE
            byte = skip_blanks(cursor)
        if byte != c',':
            return unexpected(cursor)
        cursor.at += 1
        byte = skip_blanks(cursor)
        if objects & 1:
            fault = skip_key(cursor, byte, &key)
            if fault != FINE:
                return fault
            byte = cursor.at[0]


cdef inline Fault skip_key(Cursor* cursor, uint8_t byte, Text* key) noexcept nogil:
    """Read a member's name and its colon, up to the first byte of its value."""
    cdef Fault fault
    if byte != c'"':
        return unexpected(cursor)
    cursor.at += 1
    fault = read_string(cursor, key)
    if fault != FINE:
        return fault
    if skip_blanks(cursor) != c':':
        return unexpected(cursor)
    cursor.at += 1
    skip_blanks(cursor)
    return FINE
