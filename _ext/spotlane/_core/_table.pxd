"""A decoder's tables and the state of one reading, in C."""

from cpython.object cimport PyObject
from libc.stdint cimport uint8_t

from spotlane._core._scan cimport Cursor, Text
from spotlane._core.columns cimport ColumnKind, MOST_FIELDS_OF_A_WORD
from spotlane._core.structs cimport Slot

cdef enum:
    # One bit a column in a row's record of what has been read.
    MOST_COLUMNS = 64
    MOST_SEEN = 32

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
    PyObject* description      # the _Column, kept by the decoder

cdef struct Fill:
    Py_ssize_t slot
    const Slot* source         # of the constant or default, or NULL where the row itself must have filled it

cdef struct Seen:
    const uint8_t* key
    Py_ssize_t length
    Py_ssize_t column          # -1 for a member that no column names

cdef struct Reading:
    Cursor cursor
    Text key                   # the member being read, for messages
    Py_ssize_t level           # how many members of `within` have been entered
    Py_ssize_t row             # -1 outside rows of an array
    int depth
    bint many
    PyObject* symbols
    PyObject* on_unknown
    Text symbol_text           # the last symbol: the next row's is usually the same
    PyObject* symbol           # owned
    Seen seen[MOST_SEEN]       # the keys of earlier rows by their position: the next row's are usually the same
