"""For compiled code that writes JSON of its own."""

from spotlane._core._buffer cimport Buffer

# A str in quotes, escaped; UsageError for half of a surrogate pair, with the parameter's name.
cdef int append_string(Buffer *buffer, object text, str name) except -1
