"""Amounts as coefficient * 10**exponent, compared exactly; the coefficients have up to 128 bits."""

from libc.stdint cimport int32_t, uint64_t

cdef extern from *:
    """
    static const uint64_t spotlane_tens[20] = {
        1ULL, 10ULL, 100ULL, 1000ULL, 10000ULL, 100000ULL, 1000000ULL, 10000000ULL, 100000000ULL, 1000000000ULL,
        10000000000ULL, 100000000000ULL, 1000000000000ULL, 10000000000000ULL, 100000000000000ULL, 1000000000000000ULL,
        10000000000000000ULL, 100000000000000000ULL, 1000000000000000000ULL, 10000000000000000000ULL
    };
    """
    const uint64_t* spotlane_tens

cdef enum:
    # The largest power of ten in 64 bits.
    MOST_TENS = 19

cdef struct Wide:
    uint64_t high
    uint64_t low


cdef inline Wide wide(uint64_t value) noexcept nogil:
    cdef Wide made
    made.high = 0
    made.low = value
    return made


cdef inline Wide product(uint64_t left, uint64_t right) noexcept nogil:
    """Multiply in halves of 32 bits: not every compiler has integers of 128."""
    cdef uint64_t mask = 0xFFFFFFFF
    cdef uint64_t low = (left & mask) * (right & mask)
    cdef uint64_t cross = (left >> 32) * (right & mask) + (low >> 32)
    cdef uint64_t other = (left & mask) * (right >> 32) + (cross & mask)
    cdef Wide made
    made.high = (left >> 32) * (right >> 32) + (cross >> 32) + (other >> 32)
    made.low = other << 32 | low & mask
    return made


cdef inline bint multiply_by_tens(Wide* value, int32_t power) noexcept nogil:
    """Multiply by 10**power, or return False where that takes more than 128 bits."""
    cdef Wide upper, lower
    cdef int32_t tens
    while power > 0:
        tens = power if power < MOST_TENS else MOST_TENS
        lower = product(value.low, spotlane_tens[tens])
        upper = product(value.high, spotlane_tens[tens])
        value.high = upper.low + lower.high
        if upper.high or value.high < lower.high:
            return False
        value.low = lower.low
        power -= tens
    return True


cdef inline int compare(Wide left, int32_t left_exponent, Wide right, int32_t right_exponent) noexcept nogil:
    """Return -1, 0 or 1 as left * 10**left_exponent is less than, equal to or more than the right one; always exact."""
    # What overflows is more than anything that fits.
    if left_exponent > right_exponent:
        if not multiply_by_tens(&left, left_exponent - right_exponent):
            return 1
    elif right_exponent > left_exponent:
        if not multiply_by_tens(&right, right_exponent - left_exponent):
            return -1
    if left.high != right.high:
        return 1 if left.high > right.high else -1
    if left.low != right.low:
        return 1 if left.low > right.low else -1
    return 0
