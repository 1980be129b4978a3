"""What the decoder reads from a column."""

from spotlane._core.structs cimport _Field

cdef enum ColumnKind:
    TEXT
    NUMBER
    INTEGER_NUMBER
    TIMESTAMP
    CHOICE
    FLAG
    SYMBOL

cdef enum:
    MOST_FIELDS_OF_A_WORD = 4

cdef class _Column:
    cdef ColumnKind kind
    cdef readonly str key
    cdef readonly tuple fields
    cdef dict table
    cdef object unknown
    cdef str raw
    cdef int to_milliseconds
    cdef bint zero_is_none
    cdef tuple where
    cdef tuple unless

cdef bint refuses(_Column column) except -1
cdef bint fits(_Column column, Py_ssize_t position, _Field field) except -1
