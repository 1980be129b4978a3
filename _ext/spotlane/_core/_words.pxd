"""Eight bytes of text at a time, as one integer."""

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy

cdef extern from *:
    """
    #if defined(__GNUC__) && defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    #define spotlane_words 1
    #define spotlane_first_marked(mask) (__builtin_ctzll(mask) >> 3)
    #else
    #define spotlane_words 0
    #define spotlane_first_marked(mask) 0
    #endif
    static const uint64_t spotlane_powers[9] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};
    """
    # Whether the first byte of a text is the lowest of its word; elsewhere the byte loops do all the work.
    const bint spotlane_words
    # Which byte carries the lowest mark.
    int spotlane_first_marked(uint64_t mask) noexcept nogil
    const uint64_t* spotlane_powers


cdef inline uint64_t not_plain(uint64_t word) noexcept nogil:
    """Mark quotes, backslashes, control characters and everything beyond ASCII; only the lowest mark is exact."""
    return (
        ((word ^ <uint64_t>0x2222222222222222) - <uint64_t>0x0101010101010101)
        | ((word ^ <uint64_t>0x5C5C5C5C5C5C5C5C) - <uint64_t>0x0101010101010101)
        | (word - <uint64_t>0x2020202020202020)
        | word
    ) & <uint64_t>0x8080808080808080


cdef inline void take_digits(const uint8_t** cursor, const uint8_t* end, uint64_t* value) noexcept nogil:
    """Append a run of digits to a value, modulo 2**64, and leave the cursor behind it."""
    cdef const uint8_t* at = cursor[0]
    cdef uint64_t word, marked
    cdef int digits
    cdef uint8_t digit
    while spotlane_words and end - at >= 8:
        memcpy(&word, at, 8)
        word ^= <uint64_t>0x3030303030303030
        marked = ((word + <uint64_t>0x7676767676767676) | word) & <uint64_t>0x8080808080808080
        digits = spotlane_first_marked(marked) if marked else 8
        if digits == 0:
            cursor[0] = at
            return
        # What follows the digits falls out at the top; zeros come in below as leading ones. Then ones, tens, hundreds
        # and so on are added up pair by pair.
        word <<= 8 * (8 - digits)
        word = word * 10 + (word >> 8) & <uint64_t>0x00FF00FF00FF00FF
        word = word * 100 + (word >> 16) & <uint64_t>0x0000FFFF0000FFFF
        word = (word * 10000 + (word >> 32)) & <uint64_t>0x00000000FFFFFFFF
        value[0] = value[0] * spotlane_powers[digits] + word
        at += digits
        if digits < 8:
            cursor[0] = at
            return
    digit = at[0] - c'0'
    while digit <= 9:
        value[0] = value[0] * 10 + digit
        at += 1
        digit = at[0] - c'0'
    cursor[0] = at
