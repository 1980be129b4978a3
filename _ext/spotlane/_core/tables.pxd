"""What a decoder reads with, in C: its columns and what becomes of the fields that they leave empty."""

from cpython.object cimport PyObject
from cpython.ref cimport Py_XINCREF
from libc.stdint cimport uint8_t, uint64_t

from spotlane._core._scan cimport Text
from spotlane._core.columns cimport ColumnKind, MOST_FIELDS_OF_A_WORD, _Column
from spotlane._core.structs cimport EMPTY, Slot, _Field, _Layout, _Struct, clear_slot

cdef struct Choice:
    const uint8_t* text
    Py_ssize_t length
    PyObject* spelled
    PyObject* values[MOST_FIELDS_OF_A_WORD]

cdef struct Column:
    const uint8_t* key
    Py_ssize_t key_length
    ColumnKind kind
    Py_ssize_t slots[MOST_FIELDS_OF_A_WORD]
    Py_ssize_t slot_count
    Py_ssize_t raw_slot        # -1 without one
    int to_milliseconds
    bint negatives
    bint zero_is_none
    Choice* choices
    Py_ssize_t choice_count
    PyObject* description      # the _Column, kept by the table

cdef struct Condition:
    const Column* column       # counts only where the slot below holds this very value, or only where it does not
    Py_ssize_t slot
    PyObject* value
    bint holds

cdef struct Fill:
    Py_ssize_t slot
    const Slot* source         # of the constant or default, or NULL where the row itself must have filled it

cdef class _Table:
    cdef str name
    cdef _Layout layout
    cdef tuple descriptions
    cdef list owned              # bytes and words that the C tables point into
    cdef Column* columns
    cdef Py_ssize_t column_count
    cdef uint64_t lengths        # bit n is set where a key has n bytes; bit 63 stands for all longer ones
    cdef bint has_symbol
    cdef _Struct constants
    cdef _Struct defaults
    cdef Condition* conditions
    cdef Py_ssize_t condition_count
    cdef Fill* fills             # what happens to slots that no column of a row has filled
    cdef Py_ssize_t fill_count

    cdef _Field field_named(self, str name)
    cdef int _claim(self, str field, str what, dict filled) except -1
    cdef int _add(self, _Column description, dict filled) except -1
    cdef int _add_words(self, Column* column, dict table) except -1
    cdef int _add_condition(self, Column* column, tuple condition, bint holds) except -1
    cdef int _plan_fills(self, dict filled, list required) except -1

    cdef Py_ssize_t find(self, const Text* key) except -2
    cdef str key_of(self, _Field field)


cdef inline void leave_out(const Column* column, Slot* slots) noexcept:
    cdef Py_ssize_t place
    for place in range(column.slot_count):
        clear_slot(&slots[column.slots[place]])
    if column.raw_slot >= 0:
        clear_slot(&slots[column.raw_slot])


cdef inline Py_ssize_t complete(_Table table, _Struct made) noexcept:
    """Apply the conditions, then the constants and defaults. Returns the first slot that a row must fill, or -1."""
    cdef Slot* slots = made.slots
    cdef const Condition* condition = table.conditions
    cdef const Condition* last_condition = condition + table.condition_count
    cdef const Fill* fill = table.fills
    cdef const Fill* last_fill = fill + table.fill_count
    while condition != last_condition:
        if (slots[condition.slot].object == condition.value) != condition.holds:
            leave_out(condition.column, slots)
        condition += 1
    while fill != last_fill:
        if slots[fill.slot].tag == EMPTY:
            if fill.source == NULL:
                return fill.slot
            slots[fill.slot] = fill.source[0]
            Py_XINCREF(slots[fill.slot].object)
        fill += 1
    return -1
