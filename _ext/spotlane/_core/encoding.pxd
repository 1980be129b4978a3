"""For compiled code that writes numbers and texts of its own."""

from spotlane._core._buffer cimport Buffer

# name is the parameter's, for messages; None where there is only one value.
cdef str subject(str name)
# UsageError for half of a surrogate pair. The bytes belong to text.
cdef const char *utf8_of(object text, Py_ssize_t *length, str name) except NULL
# A Decimal or an int that is no bool as plain digits; TypeError and UsageError as plain() and QueryTemplate.fill() say.
cdef int append_number(Buffer *buffer, object value, str name) except -1
# A str percent-encoded; UsageError as utf8_of.
cdef int append_quoted(Buffer *buffer, object text, str name) except -1
