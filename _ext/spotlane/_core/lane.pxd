"""For compiled code that writes requests."""

from spotlane._core.replies cimport ReplyReader
from spotlane._core.signing cimport Signed


cdef class Preamble:
    cdef dict _lines
    cdef bytes _unsigned, _known, _signed

    cdef bytes before(self, Signed signed)


cdef class Lane:
    cdef readonly bint is_dead
    # When the last request was written, on the clock's monotonic scale; 0.0 as long as no byte of it has left.
    cdef readonly double written_s
    # Whether a byte of the last request can have left.
    cdef readonly bint may_have_left
    cdef ReplyReader _reader
    cdef object _transport, _write, _is_closing, _closed, _new_waiter, _monotonic, _call_later
    cdef object _waiter, _timer, _stages, _on_fault
    cdef int _descriptor
    cdef double _deadline_s, _due_s

    cpdef bint is_silent(self) except -1
    cpdef object send(self, str method, str path, bytes query, Signed signed, Preamble preamble, bytes body,
                      Py_ssize_t limit, bint may_end_with_connection, double deadline_s, object stages)
    cpdef object abort(self)
    cpdef object _look_at_deadline(self)
    cdef int _arm(self, double now_s) except -1
    cdef int _settle(self) except -1
    cdef int _lose(self, str reason) except -1
    cdef int _fail(self, error) except -1
