"""The state of one reading, in C."""

from cpython.object cimport PyObject
from libc.stdint cimport uint8_t

from spotlane._core._scan cimport Cursor, Text

cdef enum:
    MOST_SEEN = 32

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
