"""Exact Decimal objects for compiled code."""

from libc.stdint cimport int32_t, int64_t

cdef object make_decimal(int64_t coefficient, int32_t exponent)
cdef object decimal_from_text(object text)
