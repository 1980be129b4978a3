"""For compiled code that reads replies: a fault in words, and pieces of the reply without secrets."""

from libc.stdint cimport uint8_t

from spotlane._core._scan cimport Cursor

cdef str describe(int fault)
cdef str readable(const uint8_t* start, const uint8_t* end)
cdef str shown(str word)
cdef str excerpt(const Cursor* cursor)
