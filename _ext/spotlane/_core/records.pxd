"""What stands for an order in the records of a journal."""

from spotlane._core.structs cimport _Layout

cdef enum:
    AMOUNTS = 5

cdef class Codec:
    cdef type params, symbol
    cdef _Layout layout
    cdef tuple sides, order_types, times, states
    cdef object terminal
    cdef dict symbols    # by (base, quote): most orders of a journal are of a few
    cdef Py_ssize_t amounts[AMOUNTS]
    cdef Py_ssize_t symbol_at, side_at, type_at, time_at, prevention_at
