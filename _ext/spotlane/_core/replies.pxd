"""For compiled code that reads replies off a connection."""

cdef enum Progress:
    READING = 0   # more bytes are needed
    WHOLE = 1     # the reply is there
    LOST = 2      # there will be none; `fault` says why


cdef class ReplyReader:
    cdef readonly int status
    cdef readonly list fields
    cdef readonly str fault
    cdef readonly bint is_clean
    cdef readonly bytes keepalive
    cdef readonly Progress progress
    cdef object _parser, _feed
    cdef bytes _first, _last, _tail
    cdef bytearray _gathered
    cdef Py_ssize_t _limit, _received, _head_size, _body_size, _declared, _interims
    cdef bint _may_end_with_connection, _has_head, _is_chunked

    cdef void begin(self, Py_ssize_t limit, bint may_end_with_connection)
    cdef Progress feed(self, bytes data)
    cdef Progress end(self, bint is_orderly)
    cdef bytes take_body(self)
    # Lets go of what a reply was made of, which may be large.
    cdef void forget(self)
    cdef void _lose(self, str fault)
    cdef void _lose_if_too_long(self)
    cdef bint _begins_well(self, bytes data) noexcept
    cdef bint _is_all_of(self, bytes data, bint had_head)
